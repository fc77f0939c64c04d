//! The erasure code: parity from data, and any shard from `k` others.
//!
//! Works chunk by chunk: a byte of a shard depends only on the bytes at its place in the others, so
//! that a range is rebuilt from the same range, in pieces that fit the processor's cache.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use reed_solomon_erasure::galois_8::ReedSolomon;

use super::Column;
use crate::{Error, ErrorKind, Layout, Result};

/// Bytes of each shard that are coded at a time: all shards of a stripe stay in the L2 cache.
const STRIDE: usize = 32 << 10;

/// The code of one layout.
#[derive(Debug)]
pub(crate) struct Code {
    layout: Layout,
    /// Nothing for copies.
    matrix: Option<ReedSolomon>,
}

/// The codes met so far. There are few: the layouts in use.
#[derive(Debug, Default)]
pub(crate) struct Codes(Mutex<HashMap<Layout, Arc<Code>>>);

impl Codes {
    pub(crate) fn of(&self, layout: Layout) -> Result<Arc<Code>> {
        let mut codes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(code) = codes.get(&layout) {
            return Ok(Arc::clone(code));
        }
        let code = Arc::new(Code::new(layout)?);
        codes.insert(layout, Arc::clone(&code));
        Ok(code)
    }
}

fn failed(source: reed_solomon_erasure::Error) -> Error {
    Error::new(ErrorKind::Unexpected, "erasure code", format!("{source:?}"))
}

impl Code {
    fn new(layout: Layout) -> Result<Self> {
        let matrix = match layout.validated()? {
            Layout::Mirror { .. } => None,
            Layout::Erasure { data, parity } => {
                Some(ReedSolomon::new(data.into(), parity.into()).map_err(failed)?)
            }
        };
        Ok(Self { layout, matrix })
    }

    pub(crate) fn layout(&self) -> Layout {
        self.layout
    }

    /// The parity shards of equally long data shards.
    pub(crate) fn parity(&self, data: &[Column]) -> Result<Vec<Column>> {
        let count = usize::from(self.layout.parity());
        let Some(matrix) = &self.matrix else {
            return Ok(data.iter().cycle().take(count).cloned().collect());
        };
        let chunks = data.first().map_or(0, Column::len);
        let mut parity = vec![Column::with_capacity(chunks); count];
        for chunk in 0..chunks {
            let data: Vec<&Bytes> = data.iter().map(|column| &column[chunk]).collect();
            let len = data.first().map_or(0, |bytes| bytes.len());
            let mut coded = vec![vec![0; len]; count];
            for start in (0..len).step_by(STRIDE) {
                let range = start..len.min(start + STRIDE);
                let data: Vec<&[u8]> = data.iter().map(|bytes| &bytes[range.clone()]).collect();
                let mut out: Vec<&mut [u8]> = coded
                    .iter_mut()
                    .map(|bytes| &mut bytes[range.clone()])
                    .collect();
                matrix.encode_sep(&data, &mut out).map_err(failed)?;
            }
            for (column, bytes) in parity.iter_mut().zip(coded) {
                column.push(bytes.into());
            }
        }
        Ok(parity)
    }

    /// The chunks of the shards `wanted`, from those of `k` others over the same range.
    pub(crate) fn rebuild(&self, wanted: &[u8], sources: &[(u8, Column)]) -> Result<Vec<Column>> {
        let Some(matrix) = &self.matrix else {
            let copy = sources
                .first()
                .map(|(_, column)| column.clone())
                .unwrap_or_default();
            return Ok(vec![copy; wanted.len()]);
        };
        let chunks = sources.first().map_or(0, |(_, column)| column.len());
        let mut columns = vec![Column::with_capacity(chunks); wanted.len()];
        let all_data = wanted.iter().all(|&index| index < self.layout.data());
        for chunk in 0..chunks {
            let mut shards: Vec<Option<Vec<u8>>> = vec![None; usize::from(self.layout.shards())];
            for (index, column) in sources {
                shards[usize::from(*index)] = Some(column[chunk].to_vec());
            }
            if all_data {
                matrix.reconstruct_data(&mut shards).map_err(failed)?;
            } else {
                matrix.reconstruct(&mut shards).map_err(failed)?;
            }
            for (column, &index) in columns.iter_mut().zip(wanted) {
                let rebuilt = shards[usize::from(index)].take().unwrap_or_default();
                column.push(rebuilt.into());
            }
        }
        Ok(columns)
    }
}
