//! `dolium serve`: run the server.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use dolium_identity::{AccessKeyId, ErrorKind, NewUser, Secret};

use super::target::load_config;
use super::{Outcome, default_data_dir, output};
use crate::compose::{self, Components};
use crate::config::{Config, not_loopback};
use crate::data_dir::{DataDir, write_secret};
use crate::serve::{Sockets, run};
use crate::telemetry;

/// The name of the first administrator.
const ROOT: &str = "root";

/// Run the server.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// The configuration; without one, four directories below the data directory keep the data.
    #[arg(long, value_name = "FILE", env = "DOLIUM_CONFIG")]
    config: Option<PathBuf>,
    /// Where the server keeps its own data.
    #[arg(long, value_name = "DIR", env = "DOLIUM_DATA_DIR", default_value_os_t = default_data_dir())]
    data_dir: PathBuf,
    /// Listen for S3 here.
    #[arg(long, value_name = "ADDR")]
    s3_listen: Option<SocketAddr>,
    /// Listen for health, metrics and administration here.
    #[arg(long, value_name = "ADDR")]
    http_listen: Option<SocketAddr>,
}

/// The first administrator's key, if this start made one.
struct Root {
    access_key: String,
    /// Shown once, when it was generated.
    secret: Option<Secret>,
}

impl Serve {
    pub(super) async fn run(self) -> Result<Outcome> {
        let dir = DataDir::new(absolute(&self.data_dir)?);
        dir.create()?;
        let _lock = dir.lock()?;
        let mut config = load_config(self.config.as_deref(), &dir)?;
        self.override_listen(&mut config)?;
        let metrics = telemetry::metrics()?;
        let key = dir.read_or_make_key()?;
        let components = compose::compose(&config, &dir, key).await?;
        let root = make_root(&components).await?;
        let has_credentials = has_credentials(&components).await;
        let sockets = Sockets::bind(&config, &components).await?;
        let (s3, http) = sockets.addresses()?;
        let scheme = if config.tls.is_some() {
            "https"
        } else {
            "http"
        };
        welcome(&dir, scheme, s3, http, root.as_ref(), has_credentials);
        run(&config, components, sockets, metrics).await?;
        Ok(Outcome::Well)
    }

    fn override_listen(&self, config: &mut Config) -> Result<()> {
        config.listen.s3 = self.s3_listen.unwrap_or(config.listen.s3);
        config.listen.http = self.http_listen.unwrap_or(config.listen.http);
        for address in [config.listen.s3, config.listen.http] {
            let open = config.tls.is_some() || config.listen.insecure;
            if !open && !address.ip().is_loopback() {
                bail!(not_loopback(address));
            }
        }
        Ok(())
    }
}

fn absolute(path: &std::path::Path) -> Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("{} is no usable path", path.display()))
}

/// Makes the first administrator when there are no users yet. Of servers that start at the same time one
/// makes it.
async fn make_root(components: &Components) -> Result<Option<Root>> {
    if has_users(components).await? {
        return Ok(None);
    }
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let given = (
        variable("DOLIUM_ROOT_USER"),
        variable("DOLIUM_ROOT_PASSWORD"),
    );
    let generated = given == (None, None);
    let (access_key, secret) = match given {
        (Some(user), Some(password)) => (user, Secret::try_from(password)?),
        (None, None) => (AccessKeyId::random().as_str().to_owned(), Secret::random()),
        _ => bail!("DOLIUM_ROOT_USER and DOLIUM_ROOT_PASSWORD are set together or not at all"),
    };
    if generated {
        // Kept before the user is made: a crash in between must not leave a user whom nobody knows. What it
        // may leave is a file with a key that nobody has.
        let text = format!(
            "AWS_ACCESS_KEY_ID={access_key}\nAWS_SECRET_ACCESS_KEY={}\n",
            secret.expose()
        );
        write_secret(&components.data_dir.credentials_file(), &text)?;
    }
    let user = NewUser {
        name: ROOT.to_owned(),
        admin: true,
        access_key: Some(access_key),
        secret: Some(secret),
        first: true,
        ..NewUser::default()
    };
    let made = match components.identity.create_user(user).await {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && has_users(components).await? => {
            tracing::info!("another server made the first administrator");
            if generated {
                std::fs::remove_file(components.data_dir.credentials_file())?;
            }
            return Ok(None);
        }
        made => made?,
    };
    let access_key = made.access_key.as_str().to_owned();
    components.store.flush().await?;
    Ok(Some(Root {
        access_key,
        secret: generated.then_some(made.secret),
    }))
}

async fn has_users(components: &Components) -> Result<bool> {
    Ok(!components.identity.users().await?.is_empty())
}

/// Whether the data directory has credentials that let somebody in.
async fn has_credentials(components: &Components) -> bool {
    let text = std::fs::read_to_string(components.data_dir.credentials_file()).unwrap_or_default();
    let mut lines = text.lines();
    match lines.find_map(|line| line.strip_prefix("AWS_ACCESS_KEY_ID=")) {
        Some(key) => matches!(components.identity.lookup(key).await, Ok(Some(_))),
        None => false,
    }
}

/// Says where everything is, and how to begin.
fn welcome(
    dir: &DataDir,
    scheme: &str,
    s3: SocketAddr,
    http: SocketAddr,
    root: Option<&Root>,
    has_credentials: bool,
) {
    output::line(format!("Dolium {} is ready.", env!("CARGO_PKG_VERSION")));
    output::line(format!("  S3            {scheme}://{s3}"));
    output::line(format!(
        "  HTTP          {scheme}://{http}   (/healthz, /metrics, /api/v1)"
    ));
    output::line(format!("  data          {}", dir.path().display()));
    output::line(format!(
        "  recovery key  {}   (copy it away from this machine)",
        dir.recovery_key_file().display()
    ));
    let credentials = dir.credentials_file();
    match root {
        Some(Root {
            access_key,
            secret: Some(secret),
        }) => {
            output::line(format!("  access key    {access_key}"));
            output::line(format!(
                "  secret key    {}   (shown this once)",
                secret.expose()
            ));
            output::line(format!("  both are in   {}", credentials.display()));
        }
        Some(Root {
            access_key,
            secret: None,
        }) => {
            output::line(format!(
                "  access key    {access_key}   (from DOLIUM_ROOT_USER)"
            ));
        }
        None => {}
    }
    output::line("Try:");
    if has_credentials {
        output::line(format!(
            "  set -a; . {}; set +a; export AWS_DEFAULT_REGION=us-east-1",
            credentials.display()
        ));
    } else {
        output::line(
            "  export AWS_ACCESS_KEY_ID=$DOLIUM_ROOT_USER \
             AWS_SECRET_ACCESS_KEY=$DOLIUM_ROOT_PASSWORD AWS_DEFAULT_REGION=us-east-1",
        );
    }
    output::line(format!(
        "  aws --endpoint-url {scheme}://{s3} s3 mb s3://first"
    ));
    output::line(format!(
        "  aws --endpoint-url {scheme}://{s3} s3 cp --recursive . s3://first/"
    ));
}
