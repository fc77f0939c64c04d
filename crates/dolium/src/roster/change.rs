//! Changes of the roster while a server runs.
//!
//! Promises: a change is checked whole before anything is written; it is in the catalog before the arrays
//! follow; killed in between, the next start follows. One change at a time, whichever server makes it.
//! Does not: wait for data to move.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, bail};
use dolium_array::{Array, Layout, Member, MemberId, Shape};
use dolium_block::MasterKey;
use dolium_catalog::Catalog;
use dolium_provider::{Provider, ProviderSettings};
use dolium_store::Store;
use serde::{Deserialize, Serialize};

use super::{ArrayRoster, Document, LEASE, MemberRoster, identity, load, save, seal};

/// A provider to add.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct NewMember {
    pub(crate) array: String,
    pub(crate) name: String,
    pub(crate) settings: ProviderSettings,
    /// It gets its part of what is stored already.
    pub(crate) rebalance: bool,
}

/// What may be changed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Change {
    /// A new provider.
    Add(NewMember),
    /// A provider gets nothing new, and is emptied.
    Drain(String),
    /// A provider that is being emptied takes new data again.
    Keep(String),
    /// An empty provider goes.
    Remove(String),
    /// New data are cut otherwise, and old ones written again.
    Layout { array: String, layout: String },
    /// What is stored is shared evenly by all providers of an array.
    Rebalance(String),
}

/// The roster of a running server.
#[derive(Clone)]
pub(crate) struct Roster {
    inner: Arc<Inner>,
}

struct Inner {
    catalog: Catalog,
    key: MasterKey,
    store: Store,
    /// The epoch that the arrays of this process follow.
    followed: AtomicU64,
    alone: tokio::sync::Mutex<()>,
}

/// A change that was checked.
struct Prepared {
    document: Document,
    array: String,
    shape: Shape,
    rebalance: bool,
}

impl Roster {
    pub(crate) fn new(catalog: Catalog, key: MasterKey, store: Store, epoch: u64) -> Self {
        let inner = Inner {
            catalog,
            key,
            store,
            followed: AtomicU64::new(epoch),
            alone: tokio::sync::Mutex::default(),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// The roster as the catalog has it.
    pub(crate) async fn document(&self) -> Result<Document> {
        load(&self.inner.catalog).await
    }

    /// The settings of a member that was added by command.
    pub(crate) fn settings(&self, member: &MemberRoster) -> Result<Option<ProviderSettings>> {
        identity::sealed_settings(member, &self.inner.key)
    }

    fn array(&self, name: &str) -> Result<Array> {
        let mut arrays = self.inner.store.arrays().into_iter();
        let found = arrays.find(|array| array.name() == name).cloned();
        found.with_context(|| format!("there is no array {name}"))
    }

    /// What a change would take, without changing anything: the array's shape after it, and whether all
    /// members share anew.
    pub(crate) async fn rehearse(&self, change: &Change) -> Result<(String, Shape, bool)> {
        let document = self.document().await?;
        let prepared = self.prepare(document, change).await?;
        Ok((prepared.array, prepared.shape, prepared.rebalance))
    }

    /// Makes a change. What it moves is moved in the background, or by [`Store::reshape`].
    pub(crate) async fn apply(&self, change: &Change) -> Result<String> {
        let _alone = self.inner.alone.lock().await;
        let held = self.inner.store.leases().take(LEASE).await?;
        let document = self.document().await?;
        let before = document.epoch;
        let removed = match change {
            Change::Remove(name) => Some(self.member_of(&document, name)?),
            _ => None,
        };
        let mut prepared = self.prepare(document, change).await?;
        let array = self.array(&prepared.array)?;
        prepared.document.epoch = before + 1;
        let changed = prepared.document.arrays.get_mut(&prepared.array);
        changed.context("the array is gone")?.epoch = before + 1;
        let roster = &prepared.document.arrays[&prepared.array];
        let planned = array.in_shape(prepared.shape.clone())?;
        if let Change::Add(new) = change {
            let member = planned
                .members()
                .into_iter()
                .find(|member| member.name == new.name);
            let member = member.context("the new provider is not in its array")?;
            identity::claim_one(&planned, roster, &member, false, &self.inner.key).await?;
        }
        let fence = held.fence();
        save(&self.inner.catalog, before, &prepared.document, fence).await?;
        array.reshape(prepared.shape)?;
        self.inner.followed.store(before + 1, Ordering::Relaxed);
        if prepared.rebalance {
            self.inner.store.request_rebalance(&prepared.array).await?;
        }
        identity::tell_all(&array, roster, &self.inner.key).await;
        if let Some(member) = removed
            && let Err(error) = Array::forget_identity(member.provider.as_ref()).await
        {
            tracing::warn!(provider = member.name, %error, "the removed provider keeps its identity record");
        }
        held.end().await;
        Ok(prepared.array)
    }

    /// Follows what another server changed.
    pub(crate) async fn follow(&self) -> Result<()> {
        let _alone = self.inner.alone.lock().await;
        let document = self.document().await?;
        if document.epoch == self.inner.followed.load(Ordering::Relaxed) {
            return Ok(());
        }
        for (name, roster) in &document.arrays {
            let Ok(array) = self.array(name) else {
                continue;
            };
            array.reshape(self.shape_of(&array, roster, None)?)?;
        }
        self.inner.followed.store(document.epoch, Ordering::Relaxed);
        tracing::info!(epoch = document.epoch, "the roster was changed elsewhere");
        Ok(())
    }

    fn member_of(&self, document: &Document, name: &str) -> Result<Member> {
        let (array, row) = find(document, name)?;
        let id = identity::member_id(row);
        let mut members = self.array(array)?.members().into_iter();
        members
            .find(|member| member.id == id)
            .with_context(|| format!("{name} is in no array"))
    }

    async fn prepare(&self, mut document: Document, change: &Change) -> Result<Prepared> {
        let mut opened = None;
        let mut rebalance = false;
        let array = match change {
            Change::Add(new) => {
                opened = Some(self.add(&mut document, new).await?);
                rebalance = new.rebalance;
                new.array.clone()
            }
            Change::Drain(name) => self.drain(&mut document, name)?,
            Change::Keep(name) => {
                let array = find(&document, name)?.0.to_owned();
                member_mut(&mut document, &array, name)?.draining = false;
                array
            }
            Change::Remove(name) => self.remove(&mut document, name).await?,
            Change::Layout { array, layout } => {
                let parsed: Layout = layout.parse()?;
                let roster = array_mut(&mut document, array)?;
                roster.layout = parsed.to_string();
                array.clone()
            }
            Change::Rebalance(array) => {
                array_mut(&mut document, array)?;
                rebalance = true;
                array.clone()
            }
        };
        let shape = self.shape_of(&self.array(&array)?, &document.arrays[&array], opened)?;
        Ok(Prepared {
            document,
            array,
            shape,
            rebalance,
        })
    }

    async fn add(&self, document: &mut Document, new: &NewMember) -> Result<Member> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if new.name.is_empty() || new.name.len() > 32 || !new.name.chars().all(plain) {
            bail!(
                "`{}` is no name for a provider: use 1 to 32 of a-z, 0-9, '-'",
                new.name
            );
        }
        if let Ok((array, _)) = find(document, &new.name) {
            bail!(
                "there is a provider {} already, in the array {array}",
                new.name
            );
        }
        let provider = dolium_provider::open(&new.settings)?;
        // An attempt that was cut short left its number.
        let key = &self.inner.key;
        let left = match identity::number_of(provider.as_ref(), &new.array, &new.name, key).await {
            Ok(left) => left,
            // What was never prepared has nothing to read; claiming it tells more.
            Err(error) if error.downcast_ref::<dolium_array::Error>().is_some() => None,
            Err(error) => return Err(error),
        };
        let roster = array_mut(document, &new.array)?;
        let used = |number: &u16| {
            roster
                .members
                .values()
                .any(|member| member.number == *number)
        };
        let number = match left.filter(|number| !used(number)) {
            Some(number) => {
                roster.next_number = roster.next_number.max(number.saturating_add(1));
                number
            }
            None => roster.take_number()?,
        };
        let row = MemberRoster {
            number,
            draining: false,
            sealed: Some(seal(key, &new.settings)?),
        };
        roster.removed.remove(&new.name);
        roster.members.insert(new.name.clone(), row);
        Ok(Member {
            id: MemberId(number),
            name: new.name.clone(),
            provider,
        })
    }

    fn drain(&self, document: &mut Document, name: &str) -> Result<String> {
        let array = find(document, name)?.0.to_owned();
        member_mut(document, &array, name)?.draining = true;
        let roster = &document.arrays[&array];
        let needed = usize::from(roster.layout.parse::<Layout>()?.shards());
        if roster.keepers() < needed {
            bail!(
                "without {name} the array {array} has {} providers, and {} needs {needed}. Add one \
                 first (`dolium provider add`), or change the layout (`dolium array layout`)",
                roster.keepers(),
                roster.layout
            );
        }
        Ok(array)
    }

    async fn remove(&self, document: &mut Document, name: &str) -> Result<String> {
        let (array, row) = find(document, name)?;
        let (array, row) = (array.to_owned(), row.clone());
        if !row.draining {
            bail!("{name} keeps data. Drain it first: `dolium provider drain {name}`");
        }
        let left = self.inner.store.reshaping_left(&array).await?;
        let shards = left
            .leaving
            .get(&identity::member_id(&row))
            .copied()
            .unwrap_or(0);
        if shards > 0 {
            bail!(
                "{name} still has {shards} shards. They are moved in the background; \
                 `dolium provider drain {name}` waits for it"
            );
        }
        let roster = array_mut(document, &array)?;
        roster.members.remove(name);
        if row.sealed.is_none() {
            roster.removed.insert(name.to_owned());
        }
        Ok(array)
    }

    /// The shape that a roster gives an array. Providers that it has already are taken as they are.
    fn shape_of(&self, array: &Array, roster: &ArrayRoster, new: Option<Member>) -> Result<Shape> {
        let known = array.members();
        let mut rows: Vec<(&String, &MemberRoster)> = roster.members.iter().collect();
        rows.sort_by_key(|(_, row)| row.number);
        let mut members = Vec::with_capacity(rows.len());
        for (name, row) in &rows {
            let id = identity::member_id(row);
            let is_it = |member: &&Member| member.id == id && member.name == **name;
            let member = match known.iter().chain(&new).find(is_it) {
                Some(member) => member.clone(),
                None => Member {
                    id,
                    name: (*name).clone(),
                    provider: self.open(name, row)?,
                },
            };
            members.push(member);
        }
        let draining = rows.iter().filter(|(_, row)| row.draining);
        Ok(Shape {
            layout: roster.layout.parse()?,
            members,
            draining: draining.map(|(_, row)| identity::member_id(row)).collect(),
        })
    }

    fn open(&self, name: &str, row: &MemberRoster) -> Result<Arc<dyn Provider>> {
        let settings = self.settings(row)?.with_context(|| {
            format!(
                "the provider {name} is in the configuration of another server, not in this one's"
            )
        })?;
        Ok(dolium_provider::open(&settings)?)
    }
}

/// The array and row of a provider.
fn find<'a>(document: &'a Document, name: &str) -> Result<(&'a str, &'a MemberRoster)> {
    let mut arrays = document.arrays.iter();
    let found =
        arrays.find_map(|(array, roster)| Some((array.as_str(), roster.members.get(name)?)));
    found.with_context(|| {
        let members = document
            .arrays
            .values()
            .flat_map(|array| array.members.keys());
        let known: Vec<&str> = members.map(String::as_str).collect();
        format!(
            "there is no provider {name}; there are: {}",
            known.join(", ")
        )
    })
}

fn array_mut<'a>(document: &'a mut Document, name: &str) -> Result<&'a mut ArrayRoster> {
    let array = document.arrays.get_mut(name);
    array.with_context(|| format!("there is no array {name}"))
}

fn member_mut<'a>(
    document: &'a mut Document,
    array: &str,
    name: &str,
) -> Result<&'a mut MemberRoster> {
    let member = array_mut(document, array)?.members.get_mut(name);
    member.with_context(|| format!("there is no provider {name}"))
}
