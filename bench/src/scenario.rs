//! The scenarios: what is done, how often, by how many clients.

/// What one operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Put,
    /// Reads what the scenario of this name has put.
    Get(&'static str),
    /// Puts an object in parts of [`PART_LEN`].
    Multipart,
    /// Lists a page of what the scenario of this name has put.
    List(&'static str),
    /// Lists the first [`WALK_LEN`] keys of what the scenario of this name has put, page after page.
    Walk(&'static str),
    /// Deletes one object of the first half of what the scenario of this name has put.
    Delete(&'static str),
    /// Deletes a thousand objects of the second half in one request.
    DeleteMany(&'static str),
}

/// The length of a part.
pub(crate) const PART_LEN: u64 = 16 << 20;
/// Keys of one walk.
pub(crate) const WALK_LEN: u64 = 10_000;

/// One scenario.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) clients: usize,
    pub(crate) object_len: u64,
    /// Operations, unless the time is up before.
    pub(crate) ops_max: u64,
    pub(crate) is_default: bool,
}

/// All scenarios, in the order in which they run.
pub(crate) const SCENARIOS: &[Scenario] = &[
    // More than twice what is deleted below.
    scenario("put-4k", Kind::Put, 16, 4 << 10, 20_200),
    scenario("get-4k", Kind::Get("put-4k"), 16, 4 << 10, 60_000),
    scenario("put-64m", Kind::Put, 4, 64 << 20, 48),
    scenario("get-64m", Kind::Get("put-64m"), 4, 64 << 20, 96),
    scenario("multipart", Kind::Multipart, 4, 256 << 20, 12),
    scenario("list", Kind::List("put-4k"), 4, 0, 400),
    scenario("walk-10k", Kind::Walk("put-4k"), 1, 0, 20),
    scenario("delete", Kind::Delete("put-4k"), 16, 0, 10_000),
    scenario("delete-1000", Kind::DeleteMany("put-4k"), 1, 0, 10),
    by_name("put-many", Kind::Put, 16, 64 << 20, 48),
    by_name("get-many", Kind::Get("put-many"), 16, 64 << 20, 96),
    by_name("put-1g", Kind::Put, 16, 1 << 30, 16),
    by_name("get-1g", Kind::Get("put-1g"), 16, 1 << 30, 16),
];

const fn scenario(
    name: &'static str,
    kind: Kind,
    clients: usize,
    object_len: u64,
    ops_max: u64,
) -> Scenario {
    Scenario {
        name,
        kind,
        clients,
        object_len,
        ops_max,
        is_default: true,
    }
}

/// A scenario that runs only when it is named.
const fn by_name(
    name: &'static str,
    kind: Kind,
    clients: usize,
    object_len: u64,
    ops_max: u64,
) -> Scenario {
    let mut scenario = scenario(name, kind, clients, object_len, ops_max);
    scenario.is_default = false;
    scenario
}
