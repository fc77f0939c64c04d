//! Whether services agree on an object, and what would make them: from listings alone.
//!
//! Copies of different lengths differ. Of the same length, two MD5s tell, and so do two tags of
//! uploads in equally many parts; where nothing can be compared, copies agree as far as their size.
//! The newest copy is right. Times are the services' own and are compared by whole seconds: copies of
//! the same second that differ are a tie, which is told and never guessed.
//!
//! Promises: no I/O, no clock; a remedy never overwrites what may be newer.

use std::time::{SystemTime, UNIX_EPOCH};

use dolium_provider::objects::{ContentTag, ObjectInfo};

/// What one service has of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Copy {
    /// It lists the object so.
    Present(ObjectInfo),
    /// It does not list it.
    Absent,
    /// It could not be asked.
    Unknown,
}

impl Copy {
    /// What is listed, where something is.
    pub fn info(&self) -> Option<&ObjectInfo> {
        match self {
            Self::Present(info) => Some(info),
            Self::Absent | Self::Unknown => None,
        }
    }
}

/// How far services agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agreement {
    /// There is one service, which agrees with itself.
    Single,
    /// All have it, with comparable checksums that are equal.
    Checksum,
    /// All have it in the same size; not all checksums can be compared.
    Size,
    /// Some deviate.
    Deviating,
    /// Those that could be asked agree.
    Unknown,
}

/// How a service deviates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deviation {
    /// It lacks what at least half of the services have.
    Missing,
    /// It has another content than the newest copy.
    Differs,
    /// It has what most services do not.
    Extra,
}

/// What would make the services agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    /// Nothing is to be done.
    Nothing,
    /// Copy from one of `sources`, best first, to all of `targets`.
    Copy {
        /// Services with the right content.
        sources: Vec<usize>,
        /// Services without it.
        targets: Vec<usize>,
    },
    /// These differ, and nothing tells which is right.
    Tie(Vec<usize>),
    /// No copy can be trusted.
    Lost,
}

/// What was found of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// How far the services agree.
    pub agreement: Agreement,
    /// Which deviate, by their place in the array.
    pub deviations: Vec<(usize, Deviation)>,
    /// What to do.
    pub remedy: Remedy,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Relation {
    Same,
    MaybeSame,
    Differ,
}

fn relation(a: &ObjectInfo, b: &ObjectInfo) -> Relation {
    if a.len != b.len {
        return Relation::Differ;
    }
    if a.len == 0 {
        return Relation::Same;
    }
    let equal = match (&a.tag, &b.tag) {
        (ContentTag::Md5(a), ContentTag::Md5(b)) => a == b,
        (ContentTag::Multipart(a, n), ContentTag::Multipart(b, m)) if n == m => a == b,
        // Parts cut differently, or no checksum at all.
        _ => return Relation::MaybeSame,
    };
    if equal {
        Relation::Same
    } else {
        Relation::Differ
    }
}

/// The second of a copy, by its service's clock.
fn second(info: &ObjectInfo) -> Option<u64> {
    let since = |modified: SystemTime| modified.duration_since(UNIX_EPOCH).ok();
    info.modified.and_then(since).map(|age| age.as_secs())
}

/// Judges copies of one object, one for each service of the array. `distrusted` ones were found not to
/// hold what their listings say.
pub fn judge(copies: &[Copy], distrusted: &[usize]) -> Judgement {
    let listed = copies.iter().enumerate();
    let present: Vec<(usize, &ObjectInfo)> = listed
        .filter_map(|(at, copy)| Some((at, copy.info()?)))
        .collect();
    let trusted = present.iter().filter(|(at, _)| !distrusted.contains(at));
    // The newest; of one second, one with a checksum says more.
    let reference = trusted.max_by_key(|(at, info)| {
        let tagged = info.tag != ContentTag::Nothing;
        (second(info), tagged, std::cmp::Reverse(*at))
    });
    let Some(&(reference, newest)) = reference else {
        let remedy = if present.is_empty() {
            Remedy::Nothing
        } else {
            Remedy::Lost
        };
        let agreement = Agreement::Deviating;
        let deviations = present
            .iter()
            .map(|(at, _)| (*at, Deviation::Differs))
            .collect();
        return Judgement {
            agreement,
            deviations,
            remedy,
        };
    };
    let differing: Vec<usize> = present
        .iter()
        .filter(|(at, info)| distrusted.contains(at) || relation(newest, info) == Relation::Differ)
        .map(|(at, _)| *at)
        .collect();
    let fitting: Vec<(usize, &ObjectInfo)> = present
        .iter()
        .filter(|(at, _)| !differing.contains(at))
        .copied()
        .collect();
    let deviations = deviations(copies, &present, &differing);
    let agreement = agreement(copies, &fitting, &deviations);
    let contenders = contenders(&present, (reference, newest), &fitting, distrusted);
    let remedy = match contenders.is_empty() {
        false => Remedy::Tie(contenders),
        true => copying(copies, reference, &fitting, differing),
    };
    Judgement {
        agreement,
        deviations,
        remedy,
    }
}

fn deviations(
    copies: &[Copy],
    present: &[(usize, &ObjectInfo)],
    differing: &[usize],
) -> Vec<(usize, Deviation)> {
    let absent: Vec<usize> = absent(copies).collect();
    let stray = present.len() < absent.len();
    let mut deviations: Vec<(usize, Deviation)> = differing
        .iter()
        .map(|at| (*at, Deviation::Differs))
        .collect();
    match stray {
        true => {
            let extra = present.iter().filter(|(at, _)| !differing.contains(at));
            deviations.extend(extra.map(|(at, _)| (*at, Deviation::Extra)));
        }
        false => deviations.extend(absent.iter().map(|at| (*at, Deviation::Missing))),
    }
    deviations.sort_unstable_by_key(|(at, _)| *at);
    deviations
}

fn absent(copies: &[Copy]) -> impl Iterator<Item = usize> {
    copies
        .iter()
        .enumerate()
        .filter(|(_, copy)| **copy == Copy::Absent)
        .map(|(at, _)| at)
}

fn agreement(
    copies: &[Copy],
    fitting: &[(usize, &ObjectInfo)],
    deviations: &[(usize, Deviation)],
) -> Agreement {
    let all_same = || pairs(fitting).all(|(a, b)| relation(a, b) == Relation::Same);
    if !deviations.is_empty() || at_odds(fitting) {
        Agreement::Deviating
    } else if copies.contains(&Copy::Unknown) {
        Agreement::Unknown
    } else if copies.len() == 1 {
        Agreement::Single
    } else if all_same() {
        Agreement::Checksum
    } else {
        Agreement::Size
    }
}

fn pairs<'a>(
    copies: &'a [(usize, &'a ObjectInfo)],
) -> impl Iterator<Item = (&'a ObjectInfo, &'a ObjectInfo)> {
    let after = |at: usize| copies.iter().skip(at + 1);
    copies
        .iter()
        .enumerate()
        .flat_map(move |(at, (_, a))| after(at).map(move |(_, b)| (*a, *b)))
}

/// Whether copies that each may be the newest's content are none of one content.
fn at_odds(fitting: &[(usize, &ObjectInfo)]) -> bool {
    pairs(fitting).any(|(a, b)| relation(a, b) == Relation::Differ)
}

/// The copies between which nothing decides; none when the newest is clear.
fn contenders(
    present: &[(usize, &ObjectInfo)],
    (reference, newest): (usize, &ObjectInfo),
    fitting: &[(usize, &ObjectInfo)],
    distrusted: &[usize],
) -> Vec<usize> {
    if at_odds(fitting) {
        return fitting.iter().map(|(at, _)| *at).collect();
    }
    let same_time = |info: &ObjectInfo| match (second(newest), second(info)) {
        (Some(a), Some(b)) => a == b,
        // Without a time, nothing says that it is older.
        _ => true,
    };
    let rivals = present.iter().filter(|(at, info)| {
        !distrusted.contains(at) && relation(newest, info) == Relation::Differ && same_time(info)
    });
    let mut contenders: Vec<usize> = rivals.map(|(at, _)| *at).collect();
    if !contenders.is_empty() {
        contenders.push(reference);
        contenders.sort_unstable();
    }
    contenders
}

fn copying(
    copies: &[Copy],
    reference: usize,
    fitting: &[(usize, &ObjectInfo)],
    differing: Vec<usize>,
) -> Remedy {
    let mut targets = differing;
    targets.extend(absent(copies));
    targets.sort_unstable();
    if targets.is_empty() {
        return Remedy::Nothing;
    }
    let others = fitting
        .iter()
        .map(|(at, _)| *at)
        .filter(|at| *at != reference);
    let sources = std::iter::once(reference).chain(others).collect();
    Remedy::Copy { sources, targets }
}

#[cfg(test)]
#[path = "agreement_tests.rs"]
mod tests;
