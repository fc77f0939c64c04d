//! The notifier of a server, from its configuration.

use anyhow::{Context, Result};
use dolium_notify::{Notifier, NotifySettings};

use crate::compose::Components;
use crate::config::Config;

/// Starts telling targets of objects that come and go. No target is contacted yet.
pub(super) fn start(config: &Config, components: &Components) -> Result<Notifier> {
    let targets = config.notify.iter().map(|target| target.settings());
    let settings = NotifySettings {
        region: config.s3.region.clone(),
        targets: targets.collect::<Result<_>>()?,
    };
    let store = &components.store;
    dolium_notify::start(store.catalog(), store.leases(), settings)
        .context("cannot start notification")
}
