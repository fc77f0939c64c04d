//! The harness itself: it notices what it is there to notice.

use super::super::model::Dice;
use super::content::Content;
use super::run::{Plan, run};
use super::truth::Truth;
use super::weather::Trouble;

fn refused(plan: &Plan) -> String {
    match run(plan) {
        Ok(report) => panic!("a loss went unnoticed: {report}"),
        Err(why) => why,
    }
}

/// One pack with two shards left of five.
#[test]
fn a_lost_pack_is_noticed() {
    let plan = Plan {
        troubles: Vec::new(),
        sabotage: true,
        ..Plan::new(1, 200)
    };
    let why = refused(&plan);
    assert!(why.contains("lost: packs/"), "{why}");
}

/// Three members that lose what they acknowledged are one more than the layout bears.
#[test]
fn too_many_liars_are_noticed() {
    let plan = Plan {
        troubles: vec![Trouble::Losing],
        bearable: 3,
        ..Plan::new(2, 3000)
    };
    refused(&plan);
}

/// Bytes that were never written are no answer, nor is nothing in place of something.
#[test]
fn the_model_refuses_what_was_not_written() {
    let mut dice = Dice(5);
    let contents: Vec<Content> = (0..40).map(|_| Content::roll(&mut dice)).collect();
    let (mine, other) = (
        contents[0],
        contents
            .iter()
            .find(|c| c.bytes() != contents[0].bytes())
            .unwrap(),
    );
    let mut truth = Truth::new();
    truth.begin(3, &[Some(mine)]);
    truth.acknowledge(3, vec![Some(mine)]);
    for (seen, fits) in [(Some(mine), true), (Some(*other), false), (None, false)] {
        let before = truth.possible(3);
        let judged = truth.judge(3, before, |state| *state == seen, true);
        assert_eq!(judged.is_ok(), fits, "{seen:?}");
    }
    truth.begin(3, &[None]);
    truth.doubt(3);
    assert_eq!(
        truth.possible(3).len(),
        2,
        "a delete that failed may have happened"
    );
    let before = truth.possible(3);
    truth.judge(3, before, Option::is_none, true).unwrap();
    assert_eq!(truth.possible(3), [None]);
}
