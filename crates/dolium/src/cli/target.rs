//! Which server a command means: the one on the data directory, one elsewhere, or none, in which case
//! the command opens the data directory itself.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use http::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::default_data_dir;
use crate::admin::{self, Admin};
use crate::compose::{self, Components};
use crate::config::{self, Config};
use crate::data_dir::{DataDir, Lock};

/// The server meant.
#[derive(Debug, Args)]
pub(super) struct Target {
    /// The data directory of a server on this machine.
    #[arg(long, global = true, value_name = "DIR", env = "DOLIUM_DATA_DIR", default_value_os_t = default_data_dir())]
    data_dir: PathBuf,
    /// A server elsewhere, http://HOST:PORT, instead of a data directory; DOLIUM_ROOT_USER and DOLIUM_ROOT_PASSWORD say who asks.
    #[arg(long, global = true, value_name = "URL")]
    server: Option<String>,
    /// The configuration, needed only while no server runs on the data directory.
    #[arg(long, global = true, value_name = "FILE", env = "DOLIUM_CONFIG")]
    config: Option<PathBuf>,
}

/// A connection, and what must be closed after it.
pub(super) struct Session {
    admin: Option<Admin>,
    own: Option<(Components, Lock)>,
}

impl Target {
    pub(super) async fn connect(&self) -> Result<Session> {
        if let Some(url) = &self.server {
            let variable = |name: &str| {
                std::env::var(name).with_context(|| format!("{name} is not set; it says who asks"))
            };
            let (key, secret) = (
                variable("DOLIUM_ROOT_USER")?,
                variable("DOLIUM_ROOT_PASSWORD")?,
            );
            let admin = Admin::remote(url, &key, &secret).await?;
            return Ok(Session {
                admin: Some(admin),
                own: None,
            });
        }
        let dir = DataDir::new(&self.data_dir);
        if !dir.path().is_dir() {
            bail!(
                "there is no data directory {}. Give --data-dir, or start a server first",
                dir.path().display()
            );
        }
        if let Some(admin) = Admin::socket(&dir.socket()).await {
            return Ok(Session {
                admin: Some(admin),
                own: None,
            });
        }
        let lock = dir.lock()?;
        let config = load_config(self.config.as_deref(), &dir)?;
        let key = dir.read_or_make_key()?;
        let components = compose::compose(&config, &dir, key).await?;
        let admin = Admin::InProcess(admin::router(components.clone()));
        Ok(Session {
            admin: Some(admin),
            own: Some((components, lock)),
        })
    }
}

impl Target {
    /// Asks one thing.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<T> {
        let mut session = self.connect().await?;
        let answer = session.admin()?.ask(method, path, body).await;
        session.close().await?;
        answer
    }
}

impl Session {
    /// The connection; each serves one request.
    pub(super) fn admin(&mut self) -> Result<Admin> {
        self.admin.take().context("the connection was used already")
    }

    /// Closes what this process opened.
    pub(super) async fn close(self) -> Result<()> {
        if let Some((components, _lock)) = self.own {
            components.store.close().await?;
        }
        Ok(())
    }
}

/// The configuration of a file, or the embedded one.
pub(super) fn load_config(file: Option<&std::path::Path>, dir: &DataDir) -> Result<Config> {
    match file {
        Some(file) => config::load(file),
        None => config::embedded(dir),
    }
}
