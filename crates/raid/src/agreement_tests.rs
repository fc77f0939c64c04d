//! Tests of agreement and of the decision what to copy.

use std::time::Duration;

use dolium_provider::objects::ObjectKey;
use proptest::prelude::{Just, Strategy, prop, prop_assert, prop_oneof, proptest};

use super::*;

const A: &str = "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"";
const A_UNQUOTED: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const A2: &str = "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-2\"";
const B2: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb-2";
const B3: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb-3";

fn copy(len: u64, etag: &str, millis: u64) -> Copy {
    Copy::Present(ObjectInfo {
        key: ObjectKey::new("k").unwrap(),
        len,
        tag: ContentTag::of_etag(etag),
        modified: Some(UNIX_EPOCH + Duration::from_millis(millis)),
    })
}

fn agree(copies: &[Copy]) -> Agreement {
    judge(copies, &[]).agreement
}

#[test]
fn all_forms_of_etags_are_compared_as_far_as_they_can_be() {
    let cases = [
        ([A, A_UNQUOTED, A], Agreement::Checksum),
        ([A, B, A], Agreement::Deviating),
        ([A2, A2, A2], Agreement::Checksum),
        // Equally many parts are taken to be cut alike.
        ([A2, B2, A2], Agreement::Deviating),
        // These may be one content in other parts, or not.
        ([A2, B3, A2], Agreement::Size),
        ([A, A2, A], Agreement::Size),
        ([A, "", A], Agreement::Size),
        (["", "", ""], Agreement::Size),
        (["0x8DB", A, A], Agreement::Size),
        // Whatever the third is, two of them differ.
        (["", A, B], Agreement::Deviating),
        ([B3, A, B], Agreement::Deviating),
    ];
    for (tags, expected) in cases {
        let copies: Vec<Copy> = (0..)
            .zip(tags)
            .map(|(at, tag)| copy(5, tag, at * 5000))
            .collect();
        assert_eq!(agree(&copies), expected, "{tags:?}");
    }
}

#[test]
fn sizes_decide_before_checksums() {
    assert_eq!(
        agree(&[copy(5, "", 1), copy(6, "", 1)]),
        Agreement::Deviating
    );
    assert_eq!(agree(&[copy(0, "", 1), copy(0, A, 1)]), Agreement::Checksum);
    assert_eq!(agree(&[copy(5, A, 1)]), Agreement::Single);
    assert_eq!(agree(&[copy(5, A, 1), Copy::Unknown]), Agreement::Unknown);
}

#[test]
fn the_newest_wins() {
    let copies = [
        copy(5, A, 1000),
        copy(5, B, 9000),
        Copy::Absent,
        copy(5, "", 3000),
    ];
    let judged = judge(&copies, &[]);
    assert_eq!(
        judged.deviations,
        [(0, Deviation::Differs), (2, Deviation::Missing)]
    );
    let (sources, targets) = (vec![1, 3], vec![0, 2]);
    assert_eq!(judged.remedy, Remedy::Copy { sources, targets });
}

#[test]
fn a_copy_that_proved_wrong_is_no_source_and_the_next_newest_is() {
    let copies = [copy(5, A, 1000), copy(5, B, 9000)];
    let (sources, targets) = (vec![0], vec![1]);
    assert_eq!(
        judge(&copies, &[1]).remedy,
        Remedy::Copy { sources, targets }
    );
    assert_eq!(judge(&copies, &[0, 1]).remedy, Remedy::Lost);
}

#[test]
fn a_tie_is_never_guessed() {
    // The same second, however it is cut.
    let copies = [copy(5, A, 7000), copy(5, B, 7999), Copy::Absent];
    assert_eq!(judge(&copies, &[]).remedy, Remedy::Tie(vec![0, 1]));
    // The next second is newer.
    let copies = [copy(5, A, 7999), copy(5, B, 8000)];
    assert!(matches!(judge(&copies, &[]).remedy, Remedy::Copy { .. }));
    // One that has no time may be the newest.
    let timeless = match copy(6, B, 0) {
        Copy::Present(info) => Copy::Present(ObjectInfo {
            modified: None,
            ..info
        }),
        other => other,
    };
    assert_eq!(
        judge(&[copy(5, A, 7000), timeless], &[]).remedy,
        Remedy::Tie(vec![0, 1])
    );
    // An old copy that lost long ago is no rival.
    let copies = [copy(5, A, 7000), copy(5, B, 7000), copy(6, "", 9000)];
    let (sources, targets) = (vec![2], vec![0, 1]);
    assert_eq!(
        judge(&copies, &[]).remedy,
        Remedy::Copy { sources, targets }
    );
    // The newest says nothing of its content; the others differ from each other.
    let copies = [copy(5, A, 1000), copy(5, B, 2000), copy(5, "", 9000)];
    assert_eq!(judge(&copies, &[]).remedy, Remedy::Tie(vec![0, 1, 2]));
}

#[test]
fn what_most_services_lack_is_extra() {
    let only = [copy(5, A, 1), Copy::Absent, Copy::Absent];
    assert_eq!(judge(&only, &[]).deviations, [(0, Deviation::Extra)]);
    let half = [copy(5, A, 1), Copy::Absent];
    assert_eq!(judge(&half, &[]).deviations, [(1, Deviation::Missing)]);
    // A mirror has everything everywhere.
    let (sources, targets) = (vec![0], vec![1, 2]);
    assert_eq!(judge(&only, &[]).remedy, Remedy::Copy { sources, targets });
}

fn any_copy() -> impl Strategy<Value = Copy> {
    let tags = prop_oneof![Just(A), Just(B), Just(A2), Just(B2), Just(B3), Just("")];
    let present = (0_u64..3, tags, 0_u64..4).prop_map(|(len, tag, at)| copy(len, tag, at * 700));
    prop_oneof![6 => present, 2 => Just(Copy::Absent), 1 => Just(Copy::Unknown)]
}

proptest! {
    #[test]
    fn nothing_newer_is_ever_overwritten(copies in prop::collection::vec(any_copy(), 1..5)) {
        if let Remedy::Copy { sources, targets } = judge(&copies, &[]).remedy {
            let from = copies[sources[0]].info().unwrap();
            for target in targets {
                prop_assert!(!sources.contains(&target));
                prop_assert!(copies[target] != Copy::Unknown);
                if let Some(lost) = copies[target].info() {
                    prop_assert!(second(lost) < second(from));
                }
            }
            for source in &sources {
                prop_assert!(relation(from, copies[*source].info().unwrap()) != Relation::Differ);
            }
        }
    }
}
