//! A small world: a catalog with one user and one bucket, whose events tests push.

use dolium_catalog::{
    Catalog, CatalogSettings, ContainerRow, Error, EventRow, NewContainer, UserRow, WriteTx,
};
use dolium_notify::{
    Notifier, NotifySettings, Rule, TargetKind, TargetSettings, rules_setting, start,
};
use dolium_store::{Attributes, Leases};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::receiver::Receiver;

pub(crate) const REGION: &str = "eu-west-1";

pub(crate) struct World {
    _dir: TempDir,
    pub(crate) catalog: Catalog,
    pub(crate) user: UserRow,
    pub(crate) container: ContainerRow,
}

/// A rule for all events of objects that come and go.
pub(crate) fn rule(target: &str, prefix: &str) -> Rule {
    Rule {
        id: format!("to-{target}"),
        target: target.to_owned(),
        events: vec![
            "s3:ObjectCreated:*".to_owned(),
            "s3:ObjectRemoved:*".to_owned(),
        ],
        prefix: prefix.to_owned(),
        suffix: String::new(),
    }
}

pub(crate) fn webhook(name: &str, receiver: &Receiver) -> TargetSettings {
    TargetSettings {
        name: name.to_owned(),
        kind: TargetKind::Webhook {
            url: receiver.url().into(),
            token: Some("open sesame".into()),
        },
    }
}

impl World {
    pub(crate) async fn new(rules: &[Rule]) -> Self {
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("catalog");
        let catalog = Catalog::open_sqlite(file, CatalogSettings::default()).unwrap();
        let mut attributes = Attributes::default();
        let setting = rules_setting(rules);
        if let Some(text) = setting.value {
            attributes.set(setting.namespace, setting.key, text);
        }
        let attributes = serde_json::to_vec(&attributes).unwrap();
        let make = move |tx: &mut WriteTx<'_>| make(tx, attributes.clone());
        let (user, container) = catalog.write(make).await.unwrap().value;
        Self {
            _dir: dir,
            catalog,
            user,
            container,
        }
    }

    pub(crate) fn start(&self, targets: Vec<TargetSettings>) -> Notifier {
        let region = REGION.to_owned();
        start(
            &self.catalog,
            &self.leases(),
            NotifySettings { region, targets },
        )
        .unwrap()
    }

    pub(crate) fn leases(&self) -> Leases {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        Leases::new(self.catalog.clone(), tasks, stop)
    }

    pub(crate) async fn push(&self, kind: &str, key: &str) {
        let event = EventRow {
            id: 0,
            container_id: self.container.id,
            created: 1_700_000_000_000_000,
            kind: kind.to_owned(),
            path: key.as_bytes().to_vec(),
            seq: 1,
            serial: 1,
            size: 3,
            etag: "tag".to_owned(),
            null_version: true,
            author: Some(self.user.id),
            meta: Vec::new(),
        };
        let push = move |tx: &mut WriteTx<'_>| tx.push_event(event.clone());
        let pushed: Result<_, Error> = self.catalog.write(push).await;
        pushed.unwrap();
    }

    /// Pushes the creation of objects with these numbers as keys.
    pub(crate) async fn push_all(&self, numbers: std::ops::Range<usize>) {
        for number in numbers {
            self.push("ObjectCreated:Put", &number.to_string()).await;
        }
    }

    /// Waits until no event and no message is left.
    pub(crate) async fn drained(&self, target: &'static str) {
        loop {
            let left: Result<i64, Error> = self
                .catalog
                .read(move |tx| Ok(tx.count_events()? + tx.count_deliveries(target)?))
                .await;
            if left.unwrap() == 0 {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }
}

fn make(tx: &mut WriteTx<'_>, attributes: Vec<u8>) -> Result<(UserRow, ContainerRow), Error> {
    let account = tx.create_account("ada", None, 1)?;
    let mut user = UserRow {
        id: dolium_catalog::UserId(0),
        account_id: account.id,
        name: "ada".to_owned(),
        display_name: "Ada".to_owned(),
        canonical_id: "ada-s-id".to_owned(),
        email: None,
        admin: false,
        disabled: false,
        created: 1,
    };
    user.id = tx.create_user(&user)?;
    let container = tx.create_container(NewContainer {
        account_id: account.id,
        name: b"photos".to_vec(),
        created: 1,
        chunking: "fixed".to_owned(),
        block_size: 4 << 20,
        array_name: "default".to_owned(),
        attributes,
    })?;
    tx.create_bucket("photos", container.id)?;
    Ok((user, container))
}
