//! Users of a Keystone elsewhere: whoever shows a token of it is who that Keystone says.
//!
//! Its projects are accounts, by their ids; they are made here when somebody who owns one comes for the
//! first time. Its users have no rows here: they own, read and write, and sign nothing.
//!
//! Promises: a token is good only while that Keystone said so within the configured time; when it does not
//! answer, nobody is let in and nobody is told to sign in again; what is remembered is bounded.
//! Does not: sign anybody in, and does not trust a project's name.

mod client;
mod memory;
mod words;

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{SHA256, digest};
use dolium_catalog::{AccountId, Role, UserId};
use secrecy::SecretString;
use tokio::sync::Semaphore;

use crate::identity::now_us;
use crate::name::check_user_name;
use crate::{Error, ErrorKind, Identity, Principal, Result};
use client::Client;
use memory::Memory;
use words::Words;

/// The longest token that is asked about: headers are not much longer.
const TOKEN_LEN_MAX: usize = 8 << 10;
/// Questions on their way at the same time: what a flood of invented tokens makes of this server.
const QUESTIONS_MAX: usize = 16;
/// How long a question may wait for its turn.
const TURN_WAIT_MAX: Duration = Duration::from_secs(5);
/// The domain in which names are as good as ids in lists of grantees.
const DEFAULT_DOMAIN: &str = "default";

/// How to reach a Keystone, and what its roles mean here.
#[derive(Clone, Debug)]
pub struct KeystoneSettings {
    /// Where it is, with or without `/v3`.
    pub url: String,
    /// The user that may ask about tokens of others.
    pub user: String,
    /// Its password.
    pub password: SecretString,
    /// The project that the user has a role in.
    pub project: String,
    /// The domain of the user, by name.
    pub user_domain: String,
    /// The domain of the project, by name.
    pub project_domain: String,
    /// Roles that own a project.
    pub operator_roles: Vec<String>,
    /// The role that owns all of them.
    pub reseller_role: String,
    /// The role whose word opens the accounts that services keep for users.
    pub service_role: String,
    /// How long an answer is believed.
    pub believed: Duration,
}

/// Somebody a Keystone knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guest {
    /// As the rules of the store see it.
    pub principal: Principal,
    /// Whether its word is that of a service.
    pub is_service: bool,
    /// What lists of grantees may name it as.
    pub names: Vec<String>,
}

/// A Keystone. Clones share what is remembered.
#[derive(Clone)]
pub struct Keystone(Arc<Inner>);

struct Inner {
    settings: KeystoneSettings,
    identity: Identity,
    client: Client,
    memory: Memory,
    turns: Semaphore,
}

impl Keystone {
    /// The Keystone of these settings; nothing is asked yet.
    pub fn new(settings: KeystoneSettings, identity: Identity) -> Result<Self> {
        let client = Client::new(&settings)?;
        Ok(Self(Arc::new(Inner {
            memory: Memory::new(settings.believed),
            settings,
            identity,
            client,
            turns: Semaphore::new(QUESTIONS_MAX),
        })))
    }

    /// Where to sign in.
    pub fn url(&self) -> &str {
        self.0.client.url()
    }

    /// Whom a token speaks for; `None` when it is none, has ended, or is for no project.
    pub async fn check(&self, token: &[u8]) -> Result<Option<Guest>> {
        let text = std::str::from_utf8(token).ok();
        let text = text.filter(|text| {
            text.len() <= TOKEN_LEN_MAX && text.bytes().all(|byte| byte.is_ascii_graphic())
        });
        let Some(text) = text else { return Ok(None) };
        let name: [u8; 32] = digest(&SHA256, token)
            .as_ref()
            .try_into()
            .expect("SHA-256 has 32 bytes");
        let asked = Instant::now();
        if let Some(guest) = self.0.memory.find(&name, asked, now_us()) {
            return Ok(Some(guest));
        }
        let turn = tokio::time::timeout(TURN_WAIT_MAX, self.0.turns.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            return Err(unavailable("it has too many questions to answer"));
        };
        let Some(words) = self.0.client.validate(text).await? else {
            return Ok(None);
        };
        if words.ends <= now_us() {
            return Ok(None);
        }
        let Some(guest) = self.0.guest(&words).await? else {
            return Ok(None);
        };
        self.0.memory.keep(name, asked, words.ends, guest.clone());
        Ok(Some(guest))
    }
}

impl Inner {
    async fn guest(&self, words: &Words) -> Result<Option<Guest>> {
        let Some(project) = &words.project else {
            return Ok(None);
        };
        // Ids become names of accounts, which end up in paths and listings.
        if check_user_name(&project.id).is_err() || words.user.id.is_empty() {
            return Ok(None);
        }
        let has = |role: &str| words.roles.iter().any(|own| own.eq_ignore_ascii_case(role));
        let settings = &self.settings;
        let is_service = has(&settings.service_role);
        let role = if has(&settings.reseller_role) {
            Role::Reseller
        } else if settings.operator_roles.iter().any(|role| has(role)) {
            Role::Owner
        } else {
            Role::Member
        };
        let account_id = match role.owns_account() {
            true => self.account(&project.id).await?,
            false => AccountId(0),
        };
        // Nothing of it may be taken for a user of this server: policies and access lists name those.
        let own = format!("keystone:{}", words.user.id);
        let principal = Principal {
            user_id: UserId(0),
            account_id,
            account: project.id.clone(),
            role,
            login: format!("{}:{}", project.id, words.user.id),
            name: own.clone(),
            display_name: words.user.name.clone(),
            canonical_id: own,
            admin: false,
        };
        Ok(Some(Guest {
            principal,
            is_service,
            names: names(words),
        }))
    }

    /// The account of a project, made when it is not there yet.
    async fn account(&self, project: &str) -> Result<AccountId> {
        let name = project.to_owned();
        let found = self.identity.catalog.read(move |tx| {
            let account = tx.account_by_name(&name)?;
            Ok::<_, Error>(account.map(|account| account.id))
        });
        if let Some(id) = found.await? {
            return Ok(id);
        }
        let name = project.to_owned();
        let made = self.identity.write(move |tx| {
            Ok(match tx.account_by_name(&name)? {
                Some(account) => account.id,
                None => tx.create_account(&name, None, now_us())?.id,
            })
        });
        made.await
    }
}

/// What lists of grantees may name somebody as: by ids, and in the default domain also by names.
fn names(words: &Words) -> Vec<String> {
    let Some(project) = &words.project else {
        return Vec::new();
    };
    let in_default = |domain: &str| domain == DEFAULT_DOMAIN;
    let (mut projects, mut users) = (vec![&project.id], vec![&words.user.id]);
    if in_default(&project.domain) && in_default(&words.user.domain) {
        projects.push(&project.name);
        users.push(&words.user.name);
    }
    let mut names = Vec::new();
    for project in &projects {
        names.push(format!("{project}:*"));
        names.extend(users.iter().map(|user| format!("{project}:{user}")));
    }
    names.extend(users.iter().map(|user| format!("*:{user}")));
    names
}

fn unavailable(why: &str) -> Error {
    let context = format!("Keystone: {why}");
    Error::new(ErrorKind::Unavailable, "keystone", context)
}
