//! Making services agree: the newest complete copy goes to whoever lacks it.
//!
//! A copy is complete when all its bytes can be read and fit what its listing says; that shows as it
//! is copied, before any service is told that the object has ended. One that does not is replaced
//! from the next newest.
//!
//! Promises: deletes nothing; decides nothing where there is a tie; decides nothing while a service
//! could not be asked, because a copy of something old would look newer than what that one has.

use std::time::Duration;

use dolium_provider::Error as ServiceError;
use dolium_provider::objects::{ObjectInfo, ObjectKey};
use tokio_util::sync::CancellationToken;

use crate::feed::Feed;
use crate::{Agreement, Copy, Error, ErrorKind, Outcome, Raid, Remedy, Result, Row, Watch, judge};

/// A source that gives nothing for this long is no complete copy.
const STALL_MAX: Duration = Duration::from_secs(60);

/// What was done, or is to be done, for one object.
#[derive(Debug)]
pub enum Mended {
    /// Nothing: the services agree.
    Well,
    /// It was copied, or would be.
    Copied {
        /// The service that it came from.
        from: usize,
        /// What each service made of it.
        outcomes: Vec<Outcome>,
    },
    /// These differ, and nothing tells which is right.
    Tie(Vec<usize>),
    /// Some services could not be asked.
    Unknown(Vec<usize>),
    /// No copy is complete.
    Lost(Vec<(usize, ServiceError)>),
}

/// How to mend.
pub struct Mending<'a> {
    /// Only tell what would be done.
    pub dry_run: bool,
    /// The service that is right wherever services differ.
    pub from: Option<usize>,
    /// Who watches.
    pub watch: &'a dyn Watch,
    /// What stops it.
    pub stop: &'a CancellationToken,
}

impl Raid {
    /// Mends one object as it was listed. `incomplete` copies proved not to be what is listed.
    pub async fn mend(
        &self,
        row: &Row,
        mut incomplete: Vec<(usize, ServiceError)>,
        mending: &Mending<'_>,
    ) -> Result<Mended> {
        let unknown = row
            .copies
            .iter()
            .enumerate()
            .filter(|(_, copy)| **copy == Copy::Unknown);
        let unknown: Vec<usize> = unknown.map(|(at, _)| at).collect();
        if !unknown.is_empty() {
            return Ok(Mended::Unknown(unknown));
        }
        loop {
            let distrusted: Vec<usize> = incomplete.iter().map(|(at, _)| *at).collect();
            let remedy = decided(&row.copies, &distrusted, mending.from);
            let (sources, targets) = match remedy {
                Remedy::Nothing => return Ok(Mended::Well),
                Remedy::Tie(between) => return Ok(Mended::Tie(between)),
                Remedy::Lost => return Ok(Mended::Lost(incomplete)),
                Remedy::Copy { sources, targets } => (sources, targets),
            };
            let from = sources[0];
            if mending.dry_run {
                let outcome = |service| Outcome {
                    service,
                    result: Ok(()),
                };
                let outcomes = targets.into_iter().map(outcome).collect();
                return Ok(Mended::Copied { from, outcomes });
            }
            if let Some(at) = self
                .changed(row, std::iter::once(&from).chain(&targets))
                .await
            {
                return Err(changed_meanwhile(&row.key, &self.services[at].name));
            }
            let Some(info) = row.copies[from].info() else {
                return Ok(Mended::Well);
            };
            match self.copy_over(from, info, &targets, mending).await? {
                Ok(outcomes) => return Ok(Mended::Copied { from, outcomes }),
                Err(fault) => incomplete.push((from, fault)),
            }
        }
    }

    /// Copies one object. The inner error is the source's: it is not complete.
    async fn copy_over(
        &self,
        from: usize,
        info: &ObjectInfo,
        targets: &[usize],
        mending: &Mending<'_>,
    ) -> Result<std::result::Result<Vec<Outcome>, ServiceError>> {
        let key = &info.key;
        let mut outcomes = Vec::new();
        let mut able = Vec::new();
        for (service, ready) in self.prepared().await.into_iter().enumerate() {
            match ready {
                _ if !targets.contains(&service) => {}
                Ok(()) => able.push(service),
                result => outcomes.push(Outcome { service, result }),
            }
        }
        if able.is_empty() {
            return Ok(Ok(outcomes));
        }
        let source = match self.services[from].objects.read(key, 0).await {
            Ok(source) => source,
            Err(error) => return Ok(Err(error)),
        };
        let feed = Feed {
            key,
            len: Some(info.len),
            watch: mending.watch,
            stop: mending.stop,
            patience: Some(STALL_MAX),
        };
        let mut proved = None;
        let fed = self
            .feed(feed, source, &able, |digests| {
                match digests.fits(&info.tag) {
                    Some(false) => {
                        proved = Some("its bytes are not what its listing says");
                        Err(Error::new(
                            ErrorKind::Corrupt,
                            format!("{key}: wrong bytes"),
                        ))
                    }
                    _ => Ok(()),
                }
            })
            .await;
        outcomes.extend(fed.outcomes);
        outcomes.sort_unstable_by_key(|outcome| outcome.service);
        match fed.digests {
            Ok(_) => Ok(Ok(outcomes)),
            Err(error) if error.kind() == ErrorKind::Stopped => Err(error),
            Err(error) if error.kind() == ErrorKind::Unavailable => Ok(Ok(outcomes)),
            Err(error) => {
                let why = proved.map_or_else(|| error.to_string(), |why| format!("{key}: {why}"));
                Ok(Err(ServiceError::new(
                    dolium_provider::ErrorKind::Corrupt,
                    "repair",
                    why,
                )))
            }
        }
    }

    /// Looks whether services still have what was listed: somebody may have written meanwhile, and
    /// what is new must not be overwritten. Gives one that has not.
    async fn changed(&self, row: &Row, services: impl Iterator<Item = &usize>) -> Option<usize> {
        let asked = services.map(async |at| {
            let service = &self.services[*at];
            let now = service.copy(service.objects.info(&row.key).await);
            (*at, same(&row.copies[*at], &now))
        });
        let answers = futures::future::join_all(asked).await;
        answers
            .into_iter()
            .find(|(_, same)| !same)
            .map(|(at, _)| at)
    }
}

/// Whether a copy is still what it was, as far as a listing and a question for it compare.
fn same(then: &Copy, now: &Copy) -> bool {
    match (then, now) {
        (Copy::Absent, Copy::Absent) => true,
        (Copy::Present(then), Copy::Present(now)) => {
            // A checksum may be what was read, where listings have none.
            let pair = [Copy::Present(then.clone()), Copy::Present(now.clone())];
            let differ = judge(&pair, &[]).agreement == Agreement::Deviating;
            let seconds = |info: &ObjectInfo| {
                let since = info.modified?.duration_since(std::time::UNIX_EPOCH).ok()?;
                Some(since.as_secs())
            };
            // Listings and questions may be cut differently: one by thousandths, one by seconds.
            let near = match (seconds(then), seconds(now)) {
                (Some(then), Some(now)) => then.abs_diff(now) <= 1,
                (then, now) => then == now,
            };
            !differ && near
        }
        _ => false,
    }
}

fn changed_meanwhile(key: &ObjectKey, service: &str) -> Error {
    let why =
        format!("{key}: {service} does not have what it listed, or cannot be asked; repair again");
    Error::new(ErrorKind::Unavailable, why)
}

/// The remedy, with the word of whoever knows better.
fn decided(copies: &[Copy], distrusted: &[usize], from: Option<usize>) -> Remedy {
    let judged = judge(copies, distrusted);
    let chosen = from.filter(|from| copies[*from].info().is_some() && !distrusted.contains(from));
    let differ = match &judged.remedy {
        Remedy::Tie(_) => true,
        Remedy::Copy { targets, .. } => targets.iter().any(|at| copies[*at].info().is_some()),
        Remedy::Nothing | Remedy::Lost => false,
    };
    let Some(from) = chosen.filter(|_| differ) else {
        return judged.remedy;
    };
    // All that are not known to be the same are written: where checksums are missing, sizes say little.
    let alone = |at: usize| {
        let pair = [copies[from].clone(), copies[at].clone()];
        judge(&pair, &[]).agreement == Agreement::Checksum
    };
    let targets = (0..copies.len())
        .filter(|at| *at != from && !alone(*at))
        .collect();
    Remedy::Copy {
        sources: vec![from],
        targets,
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use dolium_provider::objects::ContentTag;

    use super::*;

    fn copy(tag: u8, seconds: u64) -> Copy {
        Copy::Present(ObjectInfo {
            key: ObjectKey::new("k").unwrap(),
            len: 5,
            tag: ContentTag::Md5([tag; 16]),
            modified: Some(UNIX_EPOCH + Duration::from_secs(seconds)),
        })
    }

    #[test]
    fn a_word_decides_what_times_do_not() {
        let copies = [copy(1, 5), copy(2, 5), copy(1, 3), Copy::Absent];
        assert_eq!(decided(&copies, &[], None), Remedy::Tie(vec![0, 1]));
        let (sources, targets) = (vec![0], vec![1, 3]);
        assert_eq!(
            decided(&copies, &[], Some(0)),
            Remedy::Copy { sources, targets }
        );
        // Who has nothing has no say, and neither has one that proved wrong.
        assert_eq!(decided(&copies, &[], Some(3)), Remedy::Tie(vec![0, 1]));
        assert!(
            !matches!(decided(&copies, &[1], Some(1)), Remedy::Copy { sources, .. } if sources == [1])
        );
        // What only lacks somewhere needs no word.
        let (sources, targets) = (vec![0], vec![1]);
        assert_eq!(
            decided(&[copy(1, 5), Copy::Absent], &[], Some(0)),
            Remedy::Copy { sources, targets }
        );
    }
}
