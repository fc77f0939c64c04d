//! `dolium user`: the people who may use the server.

use anyhow::Result;
use clap::{Args, Subcommand};
use http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::target::Target;
use super::{Outcome, access_key, output};
use crate::admin::{AddKey, AddSwift, AddUser, KeyMade, SwiftRole, UserShown};

/// Manage users.
#[derive(Debug, Args)]
pub(super) struct User {
    #[command(flatten)]
    target: Target,
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: UserCommand,
}

#[derive(Debug, Subcommand)]
enum UserCommand {
    /// Add a user with a first access key.
    Add(Add),
    /// List users.
    List,
    /// Lock a user out.
    Disable(Named),
    /// Let a user in again.
    Enable(Named),
    /// Remove a user who owns nothing.
    Remove(Named),
}

#[derive(Debug, Args)]
struct Named {
    /// The user.
    name: String,
}

#[derive(Debug, Args)]
struct Add {
    /// The login name, also the name of the user's account.
    name: String,
    /// The name shown to people.
    #[arg(long)]
    display_name: Option<String>,
    /// The id that S3 clients see as owner.
    #[arg(long)]
    canonical_id: Option<String>,
    /// Where to write to.
    #[arg(long)]
    email: Option<String>,
    /// Make an administrator.
    #[arg(long)]
    admin: bool,
    /// The access key; random when not given.
    #[arg(long, requires = "secret_key", conflicts_with = "swift")]
    access_key: Option<String>,
    /// Its secret, which is also the password of a Swift login; random when not given.
    #[arg(long, env = "DOLIUM_SECRET_KEY", hide_env_values = true)]
    secret_key: Option<String>,
    /// The user's place in an account that others may share, by the name that Swift's clients sign in with.
    #[arg(long, value_name = "ACCOUNT:USER")]
    swift: Option<String>,
    /// What the user is in that account.
    #[arg(long, value_enum, default_value = "admin", requires = "swift")]
    role: SwiftRole,
}

impl User {
    pub(super) async fn run(self) -> Result<Outcome> {
        let mut session = self.target.connect().await?;
        let admin = session.admin()?;
        match self.command {
            UserCommand::Add(add) => {
                if add.secret_key.is_some() && add.access_key.is_none() && add.swift.is_none() {
                    anyhow::bail!("a secret key needs --access-key or --swift");
                }
                let user = AddUser {
                    name: add.name,
                    display_name: add.display_name,
                    canonical_id: add.canonical_id,
                    email: add.email,
                    admin: add.admin,
                    swift: add.swift.map(|login| AddSwift {
                        login,
                        role: add.role,
                    }),
                    key: AddKey {
                        access_key: add.access_key,
                        secret_key: add.secret_key,
                    },
                };
                let made: KeyMade = admin.ask(Method::POST, "/users", Some(&user)).await?;
                access_key::show_made(&made, self.json);
            }
            UserCommand::List => {
                let users: Vec<UserShown> = admin.ask(Method::GET, "/users", None::<&()>).await?;
                show(&users, self.json);
            }
            UserCommand::Disable(user) => {
                let path = format!("/users/{}/disable", escape(&user.name));
                admin.ask::<()>(Method::POST, &path, None::<&()>).await?;
            }
            UserCommand::Enable(user) => {
                let path = format!("/users/{}/enable", escape(&user.name));
                admin.ask::<()>(Method::POST, &path, None::<&()>).await?;
            }
            UserCommand::Remove(user) => {
                let path = format!("/users/{}", escape(&user.name));
                admin.ask::<()>(Method::DELETE, &path, None::<&()>).await?;
            }
        }
        session.close().await?;
        Ok(Outcome::Well)
    }
}

/// What a segment of a path cannot hold, and more than that.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// A name as one segment of a path.
pub(super) fn escape(name: &str) -> String {
    utf8_percent_encode(name, ESCAPED).to_string()
}

fn show(users: &[UserShown], as_json: bool) {
    if as_json {
        return output::json(&users);
    }
    for user in users {
        let mut notes = Vec::new();
        if user.admin {
            notes.push("administrator");
        }
        if user.disabled {
            notes.push("disabled");
        }
        let email = user.email.as_deref().unwrap_or("-");
        output::line(format!(
            "{:<20} {:<24} {:<24} {} {}",
            user.name,
            user.display_name,
            email,
            user.canonical_id,
            notes.join(", ")
        ));
    }
}
