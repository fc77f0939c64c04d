//! Checks of list.

use std::sync::Arc;

use super::{Outcome, bytes, equal, good, name, put};
use crate::{BlobInfo, BlobName, Provider};

/// Names around the places where the order of directories and the order of bytes differ, in order.
const NAMES: [&str; 12] = [
    "a", "a-b", "a-b/c", "a.b", "a/a", "a/b-c", "a/b/c", "a/b/c.1", "a0", "a_", "b/a/a/a", "z",
];

async fn fill(provider: &Arc<dyn Provider>, names: &[&str]) -> Outcome {
    for (len, text) in names.iter().enumerate().rev() {
        put(provider, text, bytes(len)).await?;
    }
    Ok(())
}

/// All names of a listing, page by page.
async fn all(
    provider: &Arc<dyn Provider>,
    prefix: &str,
    limit: usize,
) -> std::result::Result<Vec<BlobInfo>, String> {
    let mut blobs: Vec<BlobInfo> = Vec::new();
    loop {
        let after: Option<BlobName> = blobs.last().map(|info| info.name.clone());
        let page = good("list", provider.list(prefix, after.as_ref(), limit).await)?;
        if page.blobs.len() > limit {
            return Err(format!("a page of {limit} holds {}", page.blobs.len()));
        }
        if page.blobs.is_empty() && page.more {
            return Err("an empty page promises more".to_owned());
        }
        blobs.extend(page.blobs);
        if !page.more {
            return Ok(blobs);
        }
    }
}

fn names(blobs: &[BlobInfo]) -> Vec<&str> {
    blobs.iter().map(|info| info.name.as_str()).collect()
}

/// A directory cannot keep a blob and a directory of one name; blobs of the array never need it.
fn without_nesting() -> Vec<&'static str> {
    let nests = |text: &str| {
        NAMES
            .iter()
            .any(|other| other.starts_with(&format!("{text}/")))
    };
    NAMES.into_iter().filter(|text| !nests(text)).collect()
}

pub(super) async fn lists_in_the_order_of_bytes(provider: Arc<dyn Provider>) -> Outcome {
    equal(
        "a fresh provider's blobs",
        all(&provider, "", 10).await?.len(),
        0,
    )?;
    let want = without_nesting();
    fill(&provider, &want).await?;
    let got = all(&provider, "", 100).await?;
    equal("names", names(&got), want)?;
    for (len, info) in got.iter().enumerate() {
        equal("length", info.len, len as u64)?;
    }
    Ok(())
}

pub(super) async fn pages_join_without_gap(provider: Arc<dyn Provider>) -> Outcome {
    let want = without_nesting();
    fill(&provider, &want).await?;
    for limit in [1, 2, 3, want.len(), want.len() + 1] {
        equal(
            "names",
            names(&all(&provider, "", limit).await?),
            want.clone(),
        )?;
    }
    // `after` need not exist.
    let page = good("list", provider.list("", Some(&name("a/b-")?), 1).await)?;
    equal("after a gap", names(&page.blobs), vec!["a/b-c"])?;
    let page = good("list", provider.list("", Some(&name("z")?), 1).await)?;
    equal("after the last", (page.blobs.len(), page.more), (0, false))
}

pub(super) async fn prefixes_select(provider: Arc<dyn Provider>) -> Outcome {
    let kept = without_nesting();
    fill(&provider, &kept).await?;
    for prefix in [
        "a", "a/", "a/b", "a/b/c", "a-b/", "b/a/a/a", "b/a/", "q", "zz", "a/b/c.1",
    ] {
        let want: Vec<&str> = kept
            .iter()
            .copied()
            .filter(|n| n.starts_with(prefix))
            .collect();
        equal(prefix, names(&all(&provider, prefix, 2).await?), want)?;
    }
    Ok(())
}

pub(super) async fn deleted_blobs_do_not_show(provider: Arc<dyn Provider>) -> Outcome {
    fill(&provider, &["p/a", "p/b", "p/c"]).await?;
    good("delete", provider.delete(&name("p/b")?).await)?;
    equal(
        "names",
        names(&all(&provider, "p/", 10).await?),
        vec!["p/a", "p/c"],
    )
}
