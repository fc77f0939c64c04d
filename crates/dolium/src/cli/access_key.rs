//! `dolium access-key`: the keys that users sign requests with.

use anyhow::Result;
use clap::{Args, Subcommand};
use http::Method;

use super::target::Target;
use super::user::escape;
use super::{Outcome, output};
use crate::admin::{AddKey, KeyMade, KeyShown};

/// Manage the access keys of users.
#[derive(Debug, Args)]
pub(super) struct AccessKey {
    #[command(flatten)]
    target: Target,
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: KeyCommand,
}

#[derive(Debug, Subcommand)]
enum KeyCommand {
    /// Add a key; its secret is shown once.
    Add {
        /// The user.
        user: String,
        /// The access key; random when not given.
        #[arg(long, requires = "secret_key")]
        access_key: Option<String>,
        /// Its secret; random when not given.
        #[arg(
            long,
            requires = "access_key",
            env = "DOLIUM_SECRET_KEY",
            hide_env_values = true
        )]
        secret_key: Option<String>,
    },
    /// List a user's keys, without their secrets.
    List {
        /// The user.
        user: String,
    },
    /// Remove a key.
    Remove {
        /// The user.
        user: String,
        /// The access key.
        access_key: String,
    },
}

impl AccessKey {
    pub(super) async fn run(self) -> Result<Outcome> {
        let mut session = self.target.connect().await?;
        let admin = session.admin()?;
        match self.command {
            KeyCommand::Add {
                user,
                access_key,
                secret_key,
            } => {
                let path = format!("/users/{}/keys", escape(&user));
                let key = AddKey {
                    access_key,
                    secret_key,
                };
                let made: KeyMade = admin.ask(Method::POST, &path, Some(&key)).await?;
                show_made(&made, self.json);
            }
            KeyCommand::List { user } => {
                let path = format!("/users/{}/keys", escape(&user));
                let keys: Vec<KeyShown> = admin.ask(Method::GET, &path, None::<&()>).await?;
                if self.json {
                    output::json(&keys);
                } else {
                    for key in keys {
                        let note = if key.disabled { " disabled" } else { "" };
                        output::line(format!("{}{note}", key.access_key));
                    }
                }
            }
            KeyCommand::Remove { user, access_key } => {
                let path = format!("/users/{}/keys/{}", escape(&user), escape(&access_key));
                admin.ask::<()>(Method::DELETE, &path, None::<&()>).await?;
            }
        }
        session.close().await?;
        Ok(Outcome::Well)
    }
}

/// Shows a key that was made.
pub(super) fn show_made(made: &KeyMade, as_json: bool) {
    if as_json {
        return output::json(made);
    }
    output::line(format!("user        {}", made.user));
    output::line(format!("access key  {}", made.access_key));
    output::line(format!(
        "secret key  {}   (shown this once)",
        made.secret_key
    ));
}
