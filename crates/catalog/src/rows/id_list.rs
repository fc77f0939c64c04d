//! Statements over many block ids at once.
//!
//! PostgreSQL pays for each round trip and both engines for each new statement text, so ids are sent
//! in a few fixed chunk sizes.

use std::collections::BTreeMap;

use dolium_block::BlockId;

use crate::value::{Field, Val};

/// The chunk sizes: one, a small object's blocks, a part's, and a page's.
const CHUNKS: [usize; 4] = [256, 32, 8, 1];

/// The chunks of the largest sizes that fit, so that no filler is needed.
pub(crate) fn exact_chunks<T>(mut items: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = CHUNKS.into_iter().find(|&size| size <= items.len())?;
        let (head, rest) = items.split_at(size);
        items = rest;
        Some(head)
    })
}

/// `$a, $a+1, …` for a chunk that follows `before` other parameters.
pub(crate) fn placeholders(before: usize, count: usize) -> String {
    let numbers: Vec<String> = (before + 1..=before + count)
        .map(|n| format!("${n}"))
        .collect();
    numbers.join(", ")
}

/// `before`, then the ids.
pub(crate) fn with_ids(before: &[Val], ids: &[BlockId]) -> Vec<Val> {
    before
        .iter()
        .cloned()
        .chain(ids.iter().map(Field::to_val))
        .collect()
}

/// Each id once with how often it occurs, without the zero block, which is never stored.
pub(crate) fn tally(ids: &[BlockId]) -> BTreeMap<BlockId, i64> {
    let mut counts = BTreeMap::new();
    for id in ids.iter().filter(|id| !id.is_zero()) {
        *counts.entry(*id).or_insert(0) += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::{exact_chunks, placeholders};

    #[test]
    fn chunks_cover_everything_once() {
        for len in [0, 1, 7, 8, 9, 255, 256, 300, 1000] {
            let items: Vec<usize> = (0..len).collect();
            assert_eq!(
                exact_chunks(&items).flatten().copied().collect::<Vec<_>>(),
                items
            );
        }
    }

    #[test]
    fn placeholders_continue_the_numbering() {
        assert_eq!(placeholders(1, 3), "$2, $3, $4");
    }
}
