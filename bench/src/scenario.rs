//! The scenarios: what is done, how often, by how many clients.

/// What one operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Put,
    /// Reads what the scenario of this name has put.
    Get(&'static str),
    /// Lists a page of what the scenario of this name has put.
    List(&'static str),
}

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
    scenario("put-4k", Kind::Put, 16, 4 << 10, 20_000),
    scenario("get-4k", Kind::Get("put-4k"), 16, 4 << 10, 60_000),
    scenario("put-64m", Kind::Put, 4, 64 << 20, 48),
    scenario("get-64m", Kind::Get("put-64m"), 4, 64 << 20, 96),
    scenario("list", Kind::List("put-4k"), 4, 0, 400),
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
