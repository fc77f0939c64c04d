//! The services reached through OpenDAL: their options, defaults and habits, as one table.

use std::collections::BTreeMap;

use opendal::{Operator, services};

use crate::settings::Options;

/// Options that Dolium adds to those of the services.
pub(super) const CONDITIONAL_PUT: &str = "conditional_put";
pub(super) const ORDERED_LIST: &str = "ordered_list";

/// For services that take as much as anybody sends.
const CONCURRENT_MAX: usize = 64;
/// For SFTP, where each is a connection of its own: OpenSSH turns away more than ten that sign in at once.
#[cfg(feature = "sftp")]
const SESSIONS_MAX: usize = 8;

/// What is known of a service beyond what OpenDAL says.
pub(crate) struct Service {
    pub(crate) kind: &'static str,
    pub(super) options: Options,
    /// Listings come in the order of bytes.
    pub(super) ordered: bool,
    /// Listings show every acknowledged put.
    pub(super) consistent_list: bool,
    /// Has directories, of which the root must exist.
    pub(crate) directories: bool,
    /// Operations that it takes at once; more would queue in its connections anyway.
    pub(super) concurrent_max: usize,
    pub(super) connect: fn(BTreeMap<String, String>) -> opendal::Result<Operator>,
}

pub(super) const SERVICES: &[Service] = &[
    Service {
        kind: "s3",
        options: Options {
            required: &["bucket"],
            optional: &[
                "root",
                "endpoint",
                "region",
                "access_key_id",
                "secret_access_key",
                "session_token",
                "profile",
                "default_storage_class",
                "enable_virtual_host_style",
                CONDITIONAL_PUT,
                ORDERED_LIST,
            ],
        },
        ordered: true,
        consistent_list: true,
        directories: false,
        concurrent_max: CONCURRENT_MAX,
        connect: |options| Operator::from_iter::<services::S3>(s3_defaults(options)),
    },
    Service {
        kind: "azblob",
        options: Options {
            required: &["container", "endpoint"],
            optional: &["root", "account_name", "account_key", "sas_token"],
        },
        ordered: true,
        consistent_list: true,
        directories: false,
        concurrent_max: CONCURRENT_MAX,
        connect: |options| Operator::from_iter::<services::Azblob>(options),
    },
    Service {
        kind: "gcs",
        options: Options {
            required: &["bucket"],
            optional: &[
                "root",
                "endpoint",
                "credential",
                "credential_path",
                "token",
                "skip_signature",
                "default_storage_class",
                CONDITIONAL_PUT,
            ],
        },
        ordered: true,
        consistent_list: true,
        directories: false,
        concurrent_max: CONCURRENT_MAX,
        connect: |options| Operator::from_iter::<services::Gcs>(gcs_defaults(options)),
    },
    Service {
        kind: "webdav",
        options: Options {
            required: &["endpoint"],
            optional: &["root", "username", "password", "token"],
        },
        ordered: false,
        consistent_list: true,
        directories: true,
        concurrent_max: CONCURRENT_MAX,
        connect: |options| Operator::from_iter::<services::Webdav>(options),
    },
    #[cfg(feature = "sftp")]
    Service {
        kind: "sftp",
        options: Options {
            required: &["endpoint"],
            optional: &["root", "user", "key", "known_hosts_strategy"],
        },
        ordered: false,
        consistent_list: true,
        directories: true,
        concurrent_max: SESSIONS_MAX,
        connect: |options| Operator::from_iter::<services::Sftp>(options),
    },
];

/// A key in the settings is the key to use: the environment's credentials must not step in for it.
fn s3_defaults(mut options: BTreeMap<String, String>) -> BTreeMap<String, String> {
    options
        .entry("region".to_owned())
        .or_insert_with(|| "us-east-1".to_owned());
    if options.contains_key("access_key_id") {
        for switch in ["disable_config_load", "disable_ec2_metadata"] {
            options.insert(switch.to_owned(), "true".to_owned());
        }
    }
    options
}

/// As with S3: what the settings name is what signs, be it wrong.
fn gcs_defaults(mut options: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let named = ["credential", "credential_path", "token"];
    if named.iter().any(|option| options.contains_key(*option)) {
        for switch in ["disable_config_load", "disable_vm_metadata"] {
            options.insert(switch.to_owned(), "true".to_owned());
        }
    }
    options
}
