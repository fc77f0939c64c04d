//! One life of the server: the store from its start until it ends, in order or between any two steps.
//!
//! A life is a tokio runtime of its own, thrown away with all its tasks. Operations of a round run on one
//! task, so that the model needs no locks; the store's own work runs beside them.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use dolium_store::{
    ByteRange, Caller, Condition, ContainerName, CopyRequest, DeleteRequest, ErrorKind, EtagMatch,
    Guards, ListEntry, ListRequest, Reason, Result, Selector, Source, Store,
};
use futures::TryStreamExt;

use super::super::world::{path, request};
use super::operation::{Action, Operation, PATHS};
use super::truth::{State, Truth};

/// How often a body is sent when the store asks for it again.
const SENDS_MAX: usize = 5;
/// Entries of a page, so that listings have several.
const LIST_PAGE: usize = 7;

/// Runs `work` in a runtime that ends with it.
pub(super) fn life<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .unwrap();
    let value = runtime.block_on(work);
    runtime.shutdown_timeout(Duration::from_secs(5));
    value
}

/// Who works with a store, and where.
pub(super) struct Client<'a> {
    pub(super) store: &'a Store,
    pub(super) who: &'a Caller,
    /// Paths are spread over these.
    pub(super) containers: &'a [ContainerName],
    pub(super) truth: &'a RefCell<Truth>,
    /// Operations may fail for want of members.
    pub(super) lenient: bool,
    /// How many did.
    pub(super) failures: &'a AtomicU64,
    /// How many bodies were sent again.
    pub(super) sent_again: &'a AtomicU64,
}

/// What an operation's failure means for the run.
type Judged = std::result::Result<(), String>;

fn name_of(path: usize) -> String {
    format!("{}/k{path:02}", path % 3)
}

impl Client<'_> {
    fn container(&self, path: usize) -> ContainerName {
        self.containers[path % self.containers.len()].clone()
    }

    fn source(&self, at: usize) -> Source {
        Source {
            container: self.container(at),
            path: path(&name_of(at)),
            version: Selector::Current,
            condition: Condition::default(),
            key: None,
        }
    }

    /// Does one operation and judges its answer.
    pub(super) async fn perform(&self, operation: Operation) -> Judged {
        let at = operation.path;
        let judged = match operation.action {
            Action::Put(content) => self.put(at, Some(content), Condition::default()).await,
            Action::Create(content) => {
                let nothing_there = Condition {
                    if_none_match: Some(EtagMatch::Any),
                    ..Condition::default()
                };
                self.put(at, Some(content), nothing_there).await
            }
            Action::Get => self.get(at, ByteRange::Full).await,
            Action::GetRange { from, len } => self.get_range(at, from, len).await,
            Action::Delete => self.delete(at).await,
            Action::CopyFrom(from) => self.copy(from, at).await,
            Action::List => self.list(at).await,
        };
        judged.map_err(|why| format!("{operation:?} at {}: {why}", name_of(at)))
    }

    /// A failure is borne while more members are out of reach than the layout promises to bear.
    fn bear(&self, error: &dolium_store::Error) -> Judged {
        let of_members = matches!(
            error.kind(),
            ErrorKind::Unavailable | ErrorKind::RateLimited
        );
        if self.lenient && of_members {
            self.failures.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        Err(format!("failed: {error:?}"))
    }

    async fn put(&self, at: usize, would: State, condition: Condition) -> Judged {
        let before = self.truth.borrow().possible(at);
        self.truth.borrow_mut().begin(at, &[would]);
        let bytes = would.map_or_else(Vec::new, |content| content.bytes());
        let conditional = condition != Condition::default();
        let outcome = self.send(at, bytes.into(), condition).await;
        let free = before.contains(&None);
        let taken: Vec<State> = before.into_iter().filter(Option::is_some).collect();
        let mut truth = self.truth.borrow_mut();
        match outcome {
            Ok(()) if conditional && !free => Err("was created over something".to_owned()),
            Ok(()) => {
                truth.acknowledge(at, vec![would]);
                Ok(())
            }
            Err(error) if conditional && error.reason() == Some(Reason::ConditionFailed) => {
                if taken.is_empty() {
                    return Err("was not created where nothing was".to_owned());
                }
                truth.acknowledge(at, taken);
                Ok(())
            }
            Err(error) => {
                truth.doubt(at);
                self.bear(&error)
            }
        }
    }

    /// Sends an object, and again where the store asks for that: what it had of the object was collected
    /// between its look and its commit, since garbage has no age here.
    async fn send(&self, at: usize, bytes: Bytes, condition: Condition) -> Result<()> {
        let (container, place) = (self.container(at), path(&name_of(at)));
        for _ in 0..SENDS_MAX {
            let (description, body) = (Default::default(), request(bytes.clone()));
            let put = self.store.put(
                self.who,
                &container,
                &place,
                description,
                condition.clone(),
                body,
            );
            match put.await {
                Err(error) if error.context().ends_with("send the data again") => {
                    self.sent_again.fetch_add(1, Ordering::Relaxed);
                }
                other => return other.map(drop),
            }
        }
        Err(dolium_store::Error::new(
            ErrorKind::Unexpected,
            "sent too often",
        ))
    }

    async fn delete(&self, at: usize) -> Judged {
        self.truth.borrow_mut().begin(at, &[None]);
        let (container, place) = (self.container(at), path(&name_of(at)));
        let delete = self
            .store
            .delete(self.who, &container, &place, DeleteRequest::default());
        let outcome = delete.await;
        let mut truth = self.truth.borrow_mut();
        match outcome {
            Ok(_) => {
                truth.acknowledge(at, vec![None]);
                Ok(())
            }
            Err(error) => {
                truth.doubt(at);
                self.bear(&error)
            }
        }
    }

    async fn copy(&self, from: usize, to: usize) -> Judged {
        let source = self.truth.borrow().possible(from);
        let before = self.truth.borrow().possible(to);
        let would: Vec<State> = source.iter().copied().filter(Option::is_some).collect();
        self.truth.borrow_mut().begin(to, &would);
        let copied = self.store.copy(self.who, self.copy_request(from, to)).await;
        let mut truth = self.truth.borrow_mut();
        match copied {
            Ok(_) if would.is_empty() => Err("something was copied from nothing".to_owned()),
            Ok(_) => {
                truth.acknowledge(to, would);
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                if !source.contains(&None) {
                    return Err(format!("the source is not there: {error}"));
                }
                truth.acknowledge(to, before);
                Ok(())
            }
            Err(error) => {
                truth.doubt(to);
                self.bear(&error)
            }
        }
    }

    fn copy_request(&self, from: usize, to: usize) -> CopyRequest {
        CopyRequest {
            source: self.source(from),
            container: self.container(to),
            path: path(&name_of(to)),
            condition: Condition::default(),
            replace: None,
            tags: None,
            guards: Guards::default(),
            class: None,
            encryption: None,
            refuse_copy_onto_itself: false,
        }
    }

    /// The bytes of a range; nothing when there is no object.
    async fn read(&self, at: usize, range: ByteRange) -> Result<Option<Vec<u8>>> {
        let reading = match self.store.get(self.who, &self.source(at), range).await {
            Ok(reading) => reading,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let pieces: Vec<Bytes> = reading.body.try_collect().await?;
        Ok(Some(pieces.concat()))
    }

    /// Reads all of a path and judges what is seen.
    pub(super) async fn get(&self, at: usize, range: ByteRange) -> Judged {
        let before = self.truth.borrow().possible(at);
        let seen = match self.read(at, range).await {
            Ok(seen) => seen,
            Err(error) => return self.bear(&error),
        };
        let fits = |state: &State| state.map(|content| content.bytes()) == seen;
        self.truth.borrow_mut().judge(at, before, fits, true)
    }

    async fn get_range(&self, at: usize, from: u64, len: u64) -> Judged {
        let before = self.truth.borrow().possible(at);
        let longest = before.iter().flatten().map(|content| content.len).max();
        let first = longest.unwrap_or(1) as u64 * from / 1000;
        let range = ByteRange::From {
            first,
            last: Some(first + len - 1),
        };
        let seen = match self.read(at, range).await {
            Ok(seen) => seen,
            Err(error) if error.reason() == Some(Reason::BadRange) => {
                let fits = |state: &State| state.is_some_and(|c| c.len as u64 <= first);
                return self.truth.borrow_mut().judge(at, before, fits, false);
            }
            Err(error) => return self.bear(&error),
        };
        let fits = |state: &State| {
            let slice = state.and_then(|content| {
                let end = content.len.min((first + len) as usize);
                content.bytes().get(first as usize..end).map(<[u8]>::to_vec)
            });
            slice == seen
        };
        self.truth.borrow_mut().judge(at, before, fits, false)
    }

    /// Lists the paths of a folder, page by page, and judges each that nobody writes.
    async fn list(&self, at: usize) -> Judged {
        let prefix = format!("{}/", at % 3);
        let known: Vec<Vec<State>> = (0..PATHS)
            .map(|n| self.truth.borrow().possible(n))
            .collect();
        let mut listed: Vec<(String, u64)> = Vec::new();
        loop {
            let page = ListRequest {
                prefix: prefix.clone(),
                after: listed.last().map(|(path, _)| path.clone()),
                limit: LIST_PAGE,
                ..ListRequest::default()
            };
            let page = match self.store.list(self.who, &self.container(at), page).await {
                Ok(page) => page,
                Err(error) => return self.bear(&error),
            };
            for entry in page.entries {
                match entry {
                    ListEntry::Version(version) => {
                        listed.push((version.path.to_string(), version.size));
                    }
                    ListEntry::Prefix(prefix) => return Err(format!("lists a prefix {prefix}")),
                }
            }
            if !page.more {
                break;
            }
        }
        let mine = |n: &usize| n % 3 == at % 3 && self.container(*n) == self.container(at);
        for n in (0..PATHS).filter(mine) {
            let size = listed
                .iter()
                .find(|(path, _)| *path == name_of(n))
                .map(|(_, size)| *size);
            let fits = |state: &State| state.map(|content| content.len as u64) == size;
            let mut truth = self.truth.borrow_mut();
            let judged = truth.judge(n, known[n].clone(), fits, false);
            judged.map_err(|why| format!("{} listed with {size:?} {why}", name_of(n)))?;
        }
        Ok(())
    }

    /// Reads everything; each path must be what was acknowledged.
    pub(super) async fn compare(&self) -> Judged {
        for at in 0..PATHS {
            let judged = self.get(at, ByteRange::Full).await;
            judged.map_err(|why| format!("{}: {why}", name_of(at)))?;
            if self.truth.borrow().settled(at).is_none() {
                return Err(format!("{}: a whole read settled nothing", name_of(at)));
            }
        }
        Ok(())
    }
}
