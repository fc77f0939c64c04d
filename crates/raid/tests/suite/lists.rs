//! What listings say, and what repair makes of it.

use dolium_raid::{Agreement, Copy, ErrorKind, Mended, Mending, Raid, Row, judge};
use tokio_util::sync::CancellationToken;

use crate::suite::shelf::{Nobody, array};

async fn rows(raid: &Raid) -> (Vec<Row>, usize) {
    let mut rows = raid.rows("");
    let mut all = Vec::new();
    while let Some(row) = rows.next().await {
        all.push(row);
    }
    (all, rows.faults().count())
}

async fn mend(raid: &Raid, row: &Row) -> dolium_raid::Result<Mended> {
    let stop = CancellationToken::new();
    let mending = Mending {
        dry_run: false,
        from: None,
        watch: &Nobody,
        stop: &stop,
    };
    raid.mend(row, Vec::new(), &mending).await
}

#[tokio::test]
async fn listings_are_merged_by_key() {
    let (raid, shelves) = array(3);
    for (at, names) in [["a", "c"], ["b", "c"], ["c", "d"]].iter().enumerate() {
        names
            .iter()
            .for_each(|name| shelves[at].keep(name, b"x", 1));
    }
    let (rows, faults) = rows(&raid).await;
    let names: Vec<&str> = rows.iter().map(|row| row.key.as_str()).collect();
    assert_eq!((names, faults), (vec!["a", "b", "c", "d"], 0));
    let present = |row: &Row| {
        row.copies
            .iter()
            .filter(|copy| copy.info().is_some())
            .count()
    };
    assert_eq!(rows.iter().map(present).collect::<Vec<_>>(), [1, 1, 3, 1]);
}

#[tokio::test]
async fn what_a_service_would_have_listed_is_unknown() {
    let (raid, shelves) = array(2);
    for shelf in &shelves {
        ["a", "b"].iter().for_each(|name| shelf.keep(name, b"x", 1));
    }
    shelves[1].fault(|faults| faults.down = true);
    let (found, faults) = rows(&raid).await;
    assert_eq!((found.len(), faults), (2, 1));
    assert_eq!(found[0].copies[1], Copy::Unknown);
    assert_eq!(judge(&found[0].copies, &[]).agreement, Agreement::Unknown);
    assert!(
        matches!(mend(&raid, &found[0]).await, Ok(Mended::Unknown(services)) if services == [1])
    );
    // One that lists in another order is not believed either.
    shelves[1].fault(|faults| (faults.down, faults.backwards) = (false, true));
    let (found, faults) = rows(&raid).await;
    assert_eq!(faults, 1);
    // What it listed too late looked absent: it is asked once more before anything is written.
    shelves[1].keep("a", b"newer", 9);
    assert_eq!(found[0].copies[1], Copy::Absent);
    assert_eq!(
        mend(&raid, &found[0]).await.unwrap_err().kind(),
        ErrorKind::Unavailable
    );
    assert_eq!(shelves[1].content("a").unwrap(), b"newer");
}

#[tokio::test]
async fn the_next_newest_is_taken_when_the_newest_is_not_complete() {
    let (raid, shelves) = array(3);
    shelves[0].keep("k", b"old", 100);
    shelves[1].keep("k", b"newest", 300);
    shelves[2].keep("k", b"newer", 200);
    shelves[1].rot("k", b"rotten");
    let (found, _) = rows(&raid).await;
    let mended = mend(&raid, &found[0]).await.unwrap();
    assert!(
        matches!(mended, Mended::Copied { from: 2, .. }),
        "{mended:?}"
    );
    for shelf in &shelves {
        assert_eq!(shelf.content("k").unwrap(), b"newer");
    }
    // None is complete: nothing is touched.
    shelves[0].keep("k", b"old", 100);
    shelves.iter().for_each(|shelf| shelf.rot("k", b"rotten"));
    let (found, _) = rows(&raid).await;
    assert!(matches!(mend(&raid, &found[0]).await, Ok(Mended::Lost(faults)) if !faults.is_empty()));
    assert_eq!(shelves[0].content("k").unwrap(), b"old");
}

#[tokio::test]
async fn reading_tells_what_listings_do_not() {
    let (raid, shelves) = array(2);
    for (shelf, content) in shelves.iter().zip([b"one", b"two"]) {
        shelf.fault(|faults| faults.no_tags = true);
        shelf.keep("k", content, 1);
    }
    let (found, _) = rows(&raid).await;
    assert_eq!(judge(&found[0].copies, &[]).agreement, Agreement::Size);
    let (read, wrong) = raid.verified(&found[0], &Nobody).await;
    assert!(wrong.is_empty());
    assert_eq!(judge(&read.copies, &[]).agreement, Agreement::Deviating);
    shelves[1].fault(|faults| faults.breaks_after = Some(1));
    let (_, wrong) = raid.verified(&found[0], &Nobody).await;
    assert_eq!(wrong.len(), 1);
}
