//! The schema, in SQLite's words (`migration` translates five of them for PostgreSQL).
//!
//! All times are microseconds since the epoch, all identifiers integers. Every table leads with the
//! account or the container. A migration that was released is never edited: add another.

/// The first schema.
///
/// `version.list` is the last column, so that SQLite reads a row's other columns without the pages
/// its list spills to. Block tables are clustered by block id: their rows are as short as an index
/// entry.
pub(crate) const VERSION_1: &str = "
CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
INSERT INTO counter (name, value) VALUES ('journal', 1);
CREATE TABLE journal_outbox (seq INTEGER PRIMARY KEY, entry BLOB NOT NULL);

CREATE TABLE account (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, quota_bytes INTEGER,
    created INTEGER NOT NULL);
CREATE TABLE principal_user (
    id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL, name TEXT NOT NULL UNIQUE,
    display_name TEXT NOT NULL, canonical_id TEXT NOT NULL UNIQUE, email TEXT,
    admin INTEGER NOT NULL, disabled INTEGER NOT NULL, created INTEGER NOT NULL);
CREATE INDEX user_account ON principal_user (account_id);
CREATE TABLE access_key (
    access_key TEXT PRIMARY KEY, user_id INTEGER NOT NULL, sealed_secret BLOB NOT NULL,
    created INTEGER NOT NULL, disabled INTEGER NOT NULL);
CREATE INDEX access_key_user ON access_key (user_id, access_key);

CREATE TABLE container (
    id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL, name BLOB NOT NULL,
    created INTEGER NOT NULL, versioning INTEGER NOT NULL, chunking TEXT NOT NULL,
    block_size INTEGER NOT NULL, array_name TEXT NOT NULL, quota_bytes INTEGER,
    quota_objects INTEGER, attributes BLOB NOT NULL, UNIQUE (account_id, name));
CREATE TABLE bucket (name TEXT PRIMARY KEY, container_id INTEGER NOT NULL);
CREATE INDEX bucket_container ON bucket (container_id);
CREATE TABLE container_state (
    container_id INTEGER PRIMARY KEY, seq INTEGER NOT NULL, objects INTEGER NOT NULL,
    bytes INTEGER NOT NULL, versions INTEGER NOT NULL, version_bytes INTEGER NOT NULL);

CREATE TABLE version (
    container_id INTEGER NOT NULL, path BLOB NOT NULL, serial INTEGER NOT NULL,
    cluster INTEGER NOT NULL, null_version INTEGER NOT NULL, created INTEGER NOT NULL,
    size INTEGER NOT NULL, etag TEXT NOT NULL, content_type TEXT NOT NULL, root BLOB,
    author INTEGER NOT NULL, meta BLOB NOT NULL, list BLOB NOT NULL);
CREATE UNIQUE INDEX version_key ON version (container_id, path, serial DESC);
CREATE INDEX version_live ON version (container_id, path) WHERE cluster = 0;

CREATE TABLE upload (
    container_id INTEGER NOT NULL, upload_id TEXT NOT NULL, path BLOB NOT NULL,
    account_id INTEGER NOT NULL, author INTEGER NOT NULL, created INTEGER NOT NULL,
    meta BLOB NOT NULL, PRIMARY KEY (container_id, upload_id));
CREATE INDEX upload_path ON upload (container_id, path, upload_id);
CREATE TABLE part (
    container_id INTEGER NOT NULL, upload_id TEXT NOT NULL, number INTEGER NOT NULL,
    size INTEGER NOT NULL, etag TEXT NOT NULL, checksums BLOB NOT NULL,
    created INTEGER NOT NULL, list BLOB NOT NULL,
    PRIMARY KEY (container_id, upload_id, number));

CREATE TABLE change_log (
    container_id INTEGER NOT NULL, seq INTEGER NOT NULL, kind INTEGER NOT NULL,
    path BLOB NOT NULL, serial INTEGER NOT NULL, at INTEGER NOT NULL,
    PRIMARY KEY (container_id, seq)) WITHOUT ROWID;

CREATE TABLE blob (
    array_name TEXT NOT NULL, kind INTEGER NOT NULL, name TEXT NOT NULL,
    len INTEGER NOT NULL, layout TEXT NOT NULL, placement BLOB NOT NULL,
    state INTEGER NOT NULL, created INTEGER NOT NULL,
    PRIMARY KEY (array_name, kind, name)) WITHOUT ROWID;
CREATE TABLE block (
    id BLOB PRIMARY KEY, pack BLOB NOT NULL, start INTEGER NOT NULL,
    sealed_len INTEGER NOT NULL, len INTEGER NOT NULL, codec INTEGER NOT NULL,
    is_node INTEGER NOT NULL, unref_at INTEGER) WITHOUT ROWID;
CREATE INDEX block_pack ON block (pack, sealed_len);
CREATE INDEX block_unref ON block (unref_at) WHERE unref_at IS NOT NULL;
CREATE TABLE block_ref (
    block_id BLOB NOT NULL, account_id INTEGER NOT NULL, refs INTEGER NOT NULL,
    PRIMARY KEY (block_id, account_id)) WITHOUT ROWID;
CREATE TABLE released (
    account_id INTEGER NOT NULL, block_id BLOB NOT NULL, times INTEGER NOT NULL,
    PRIMARY KEY (account_id, block_id)) WITHOUT ROWID;
CREATE INDEX released_block ON released (block_id);
";

/// Events: what front ends announce of objects, and what is on its way to each receiver. Neither is
/// journaled.
pub(crate) const VERSION_2: &str = "
CREATE TABLE event (
    id INTEGER PRIMARY KEY, container_id INTEGER NOT NULL, created INTEGER NOT NULL,
    kind TEXT NOT NULL, path BLOB NOT NULL, seq INTEGER NOT NULL, serial INTEGER NOT NULL,
    size INTEGER NOT NULL, etag TEXT NOT NULL, null_version INTEGER NOT NULL, author INTEGER, meta BLOB NOT NULL);
CREATE TABLE delivery (
    target TEXT NOT NULL, id INTEGER NOT NULL, created INTEGER NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (target, id));
CREATE INDEX delivery_created ON delivery (created);
";

/// Accounts that several users share, and versions that end by themselves.
pub(crate) const VERSION_3: &str = "
CREATE TABLE login (user_id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, role INTEGER NOT NULL);
CREATE TABLE account_attributes (account_id INTEGER PRIMARY KEY, attributes BLOB NOT NULL);
CREATE TABLE expiry (
    at INTEGER NOT NULL, container_id INTEGER NOT NULL, path BLOB NOT NULL,
    serial INTEGER NOT NULL, PRIMARY KEY (at, container_id, path, serial)) WITHOUT ROWID;
";

/// Blocks have a place in each array that holds them, so that one array's objects do not depend on another's; and versions
/// that are on their way from one array to another. Packs know their array, so what was there before is sorted by them.
pub(crate) const VERSION_4: &str = "
CREATE TABLE placed_block (
    id BLOB NOT NULL, array_name TEXT NOT NULL, pack BLOB NOT NULL, start INTEGER NOT NULL,
    sealed_len INTEGER NOT NULL, len INTEGER NOT NULL, codec INTEGER NOT NULL,
    is_node INTEGER NOT NULL, unref_at INTEGER, PRIMARY KEY (id, array_name)) WITHOUT ROWID;
INSERT INTO placed_block
    SELECT k.id, b.array_name, k.pack, k.start, k.sealed_len, k.len, k.codec, k.is_node, k.unref_at
    FROM block k JOIN blob b ON b.kind = 0 AND b.name = lower(hex(k.pack));
CREATE TABLE placed_ref (
    block_id BLOB NOT NULL, account_id INTEGER NOT NULL, array_name TEXT NOT NULL,
    refs INTEGER NOT NULL, PRIMARY KEY (block_id, account_id, array_name)) WITHOUT ROWID;
INSERT INTO placed_ref
    SELECT r.block_id, r.account_id, k.array_name, r.refs
    FROM block_ref r JOIN placed_block k ON k.id = r.block_id;
CREATE TABLE placed_released (
    account_id INTEGER NOT NULL, array_name TEXT NOT NULL, block_id BLOB NOT NULL,
    times INTEGER NOT NULL, PRIMARY KEY (account_id, array_name, block_id)) WITHOUT ROWID;
INSERT INTO placed_released
    SELECT d.account_id, k.array_name, d.block_id, d.times
    FROM released d JOIN placed_block k ON k.id = d.block_id;
DROP TABLE block;
DROP TABLE block_ref;
DROP TABLE released;
ALTER TABLE placed_block RENAME TO block;
ALTER TABLE placed_ref RENAME TO block_ref;
ALTER TABLE placed_released RENAME TO released;
CREATE INDEX block_pack ON block (pack, sealed_len);
CREATE INDEX block_unref ON block (unref_at) WHERE unref_at IS NOT NULL;
CREATE INDEX released_block ON released (block_id);
CREATE TABLE movement (
    container_id INTEGER NOT NULL, path BLOB NOT NULL, serial INTEGER NOT NULL,
    requested INTEGER NOT NULL, PRIMARY KEY (container_id, path, serial)) WITHOUT ROWID;
";

/// Tokens that were revoked before their end.
pub(crate) const VERSION_5: &str = "
CREATE TABLE token_revocation (
    access_key TEXT NOT NULL, token BLOB NOT NULL, issued INTEGER NOT NULL, ends INTEGER NOT NULL,
    PRIMARY KEY (access_key, token));
CREATE INDEX token_revocation_ends ON token_revocation (ends);
";

/// Blocks that an account uploaded and no version names yet, which are not journaled, and what accounts and
/// containers said of themselves before.
pub(crate) const VERSION_6: &str = "
CREATE TABLE uploaded_block (
    account_id INTEGER NOT NULL, block_id BLOB NOT NULL, len INTEGER NOT NULL, at INTEGER NOT NULL,
    PRIMARY KEY (account_id, block_id)) WITHOUT ROWID;
CREATE INDEX uploaded_block_at ON uploaded_block (at);
CREATE TABLE past_settings (
    kind INTEGER NOT NULL, owner_id INTEGER NOT NULL, at INTEGER NOT NULL, attributes BLOB NOT NULL,
    PRIMARY KEY (kind, owner_id, at)) WITHOUT ROWID;
";

/// What is shared, with whom, and what is public.
pub(crate) const VERSION_7: &str = "
CREATE TABLE share (
    container_id INTEGER NOT NULL, path BLOB NOT NULL, grantee TEXT NOT NULL, owner TEXT NOT NULL,
    writes INTEGER NOT NULL, PRIMARY KEY (container_id, path, grantee)) WITHOUT ROWID;
CREATE INDEX share_grantee ON share (grantee, owner, container_id, path);
CREATE TABLE public_link (
    word TEXT PRIMARY KEY, container_id INTEGER NOT NULL, path BLOB NOT NULL,
    UNIQUE (container_id, path));
CREATE TABLE group_member (
    account_id INTEGER NOT NULL, name TEXT NOT NULL, member TEXT NOT NULL,
    PRIMARY KEY (account_id, name, member)) WITHOUT ROWID;
CREATE INDEX group_member_member ON group_member (member, account_id, name);
ALTER TABLE container_state ADD COLUMN shares INTEGER NOT NULL DEFAULT 0;
";

/// Several servers: who does which background work, and since when writes are under way where. Neither is
/// journaled.
pub(crate) const VERSION_8: &str = "
CREATE TABLE lease (
    name TEXT PRIMARY KEY, holder TEXT NOT NULL, fence INTEGER NOT NULL, expires INTEGER NOT NULL,
    began INTEGER NOT NULL);
CREATE TABLE server (
    id TEXT PRIMARY KEY, oldest_write INTEGER NOT NULL, expires INTEGER NOT NULL);
";
