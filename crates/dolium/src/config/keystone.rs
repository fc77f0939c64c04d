//! `[swift.keystone]`: a Keystone elsewhere whose tokens are good here too.
//!
//! Promises: the password stays where the file says it is until the server starts.

use std::time::Duration;

use anyhow::{Context, Result};
use dolium_identity::KeystoneSettings;
use serde::Deserialize;
use toml::Spanned;

use super::OptionValue;

/// How to reach it, and what its roles mean.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeystoneConfig {
    /// Where it is, with or without `/v3`.
    pub(crate) url: Spanned<String>,
    user: String,
    password: OptionValue,
    #[serde(default = "service")]
    project: String,
    #[serde(default = "default_domain")]
    user_domain: String,
    #[serde(default = "default_domain")]
    project_domain: String,
    #[serde(default = "operator_roles")]
    operator_roles: Vec<String>,
    #[serde(default = "reseller_role")]
    reseller_role: String,
    #[serde(default = "service")]
    service_role: String,
    #[serde(default = "cache_seconds")]
    cache_seconds: u64,
}

fn service() -> String {
    "service".to_owned()
}

fn default_domain() -> String {
    "Default".to_owned()
}

fn operator_roles() -> Vec<String> {
    vec!["admin".to_owned(), "swiftoperator".to_owned()]
}

fn reseller_role() -> String {
    "ResellerAdmin".to_owned()
}

fn cache_seconds() -> u64 {
    300
}

impl KeystoneConfig {
    /// What is wrong with it, without reading the secret.
    pub(super) fn mistake(&self) -> Option<&'static str> {
        let url = self.url.get_ref();
        let good = url.starts_with("http://") || url.starts_with("https://");
        (!good).then_some("the url of Keystone begins with http:// or https://")
    }

    /// The settings, with the secret read.
    pub(crate) fn settings(&self) -> Result<KeystoneSettings> {
        let password = self.password.resolve().context("swift.keystone.password")?;
        Ok(KeystoneSettings {
            url: self.url.get_ref().clone(),
            user: self.user.clone(),
            password: password.into(),
            project: self.project.clone(),
            user_domain: self.user_domain.clone(),
            project_domain: self.project_domain.clone(),
            operator_roles: self.operator_roles.clone(),
            reseller_role: self.reseller_role.clone(),
            service_role: self.service_role.clone(),
            believed: Duration::from_secs(self.cache_seconds),
        })
    }
}
