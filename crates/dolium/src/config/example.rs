//! The commented example that `dolium config example` prints.

/// A file to start from. A test keeps it right.
pub(crate) const EXAMPLE: &str = r#"# Dolium's configuration. Everything that is commented out shows its default.

# When a write is answered: "array" = its journal entry is in the array too, so this machine may be
# lost at any moment; "local" = after the local commit, the journal follows within a second.
# durability = "array"

[listen]
# s3 = "127.0.0.1:9000"
# http = "127.0.0.1:8080"      # health, metrics, administration, Swift
# insecure = false             # true: plain HTTP on addresses other than loopback

# [tls]                        # both listeners
# certificate = "/etc/dolium/certificate.pem"
# key = "/etc/dolium/key.pem"

[s3]
# region = "us-east-1"
# etag = "md5"                 # "opaque": ETags that are no MD5; large uploads cost a third less CPU
# access_log_seconds = 300     # how often lines of access logs become objects
# domains = ["s3.example.org"] # photos.s3.example.org is then the bucket "photos"
# website_domains = ["web.example.org"] # photos.web.example.org is then the website of "photos"
# sigv2 = false                # true: requests signed with version 2, for tools that know no other
# post_sigv2 = true            # policies of browser forms signed with version 2, as old tools do

[swift]
# storage_domains = ["swift.example.org"] # photos.AUTH_ada.swift.example.org is then the container "photos"
# account_management = true    # false: accounts are made and removed by `dolium user` only

# Tokens of a Keystone elsewhere are good over Swift too; its projects are accounts, by their ids.
# [swift.keystone]
# url = "https://keystone.example.org:5000/v3"
# user = "dolium"              # may ask about tokens of others
# password = { env = "KEYSTONE_PASSWORD" }
# project = "service"
# user_domain = "Default"
# project_domain = "Default"
# operator_roles = ["admin", "swiftoperator"] # own their project
# reseller_role = "ResellerAdmin"             # owns all projects
# service_role = "service"
# cache_seconds = 300          # how long an answer is believed

[pithos]
# block_size = 4194304         # bytes of the blocks of containers made over Pithos+

[encryption]
# keys = ["archive"]           # names that clients may encrypt single objects with (S3: aws:kms)

[catalog]
engine = "sqlite"              # a file in the data directory
# engine = "postgres"
# url = { env = "DOLIUM_POSTGRES_URL" }

[limits]
# ingest_mib = 40              # blocks on their way into packs, over all streams
# read_ahead_blocks = 8        # blocks read before clients ask, over all streams
# block_cache_mib = 32         # opened blocks kept for the next reader
# spool_mib = 4096             # shards kept here for providers that do not take them, for each array
# connections = 1024           # on each listener

[collect]
# garbage_age_seconds = 86400  # how long a block nothing refers to is kept
# orphan_age_seconds = 3600    # how long a blob the catalog does not know is left alone

[care]                         # what arrays get by themselves
# check_hours = 24             # listings are compared with what should be there; 0 for never
# scrub_days = 30              # every byte is read and verified; 0 for never
# scrub_gib_per_day = 0        # of which so much a day; 0 for any number
# mib_per_second = 0           # read by scrubs and repairs; 0 for any number

[lifecycle]
# day_seconds = 86400          # a day of lifecycle rules; shorter for tests of them only

# What services ask for, by provider or kind: `dolium provider drain --dry-run` and its kin estimate with it.
# [prices.s3]
# put_per_1000 = 0.005
# get_per_1000 = 0.0004
# egress_per_gib = 0.09
# stored_per_gib_month = 0.023

# The storage services. Values of options may come from the environment or from files:
#   secret_access_key = { env = "B2_SECRET" }   or   { file = "/run/secrets/b2" }

[[provider]]
name = "disk"
kind = "directory"
options = { path = "/srv/dolium/disk" }

[[provider]]
name = "nas"
kind = "directory"
options = { path = "/mnt/nas/dolium" }

[[provider]]
name = "bucket-a"
kind = "s3"
options = { endpoint = "https://s3.example.org", bucket = "dolium-a", region = "us-east-1", access_key_id = { env = "A_KEY" }, secret_access_key = { env = "A_SECRET" } }

[[provider]]
name = "bucket-b"
kind = "s3"
options = { endpoint = "https://s3.example.net", bucket = "dolium-b", region = "eu-west-1", access_key_id = { env = "B_KEY" }, secret_access_key = { env = "B_SECRET" } }

# Any one of the four may be lost: three shards hold the data, one the parity.
[[array]]
name = "default"
layout = "erasure:3+1"         # or "mirror:2", "erasure:4+2" …
providers = ["disk", "nas", "bucket-a", "bucket-b"]
# degraded_writes = "allow"    # "refuse": a write needs one shard more than a read

# More arrays are more storage classes (and Swift policies), of the array's name or of one that clients know. Objects
# go there by the class of a request, or by lifecycle rules. A provider serves one array; two may lie in one service,
# below different roots.
# [[array]]
# name = "cold"
# layout = "mirror:2"
# providers = ["bucket-c", "bucket-d"]
# storage_class = "GLACIER_IR"

# Who may be told of objects that come and go. A bucket's notification configuration names a target
# by its ARN, here arn:dolium:sqs::hook.
# [[notify]]
# name = "hook"
# kind = "webhook"
# url = "https://example.org/events"
# token = { env = "HOOK_TOKEN" }          # sent as a bearer token
#
# [[notify]]
# name = "bus"
# kind = "nats"
# url = "nats://localhost:4222"           # or tls://
# subject = "dolium.events"
# credentials = { file = "/etc/dolium/nats.creds" }  # or token = …
# jetstream = false            # true: delivered means that a stream has stored it
#
# [[notify]]
# name = "rabbit"
# kind = "rabbitmq"
# url = { env = "RABBIT_URL" }            # amqp://user:password@host:5672/vhost, or amqps://
# exchange = "events"
# routing_key = "dolium"
"#;
