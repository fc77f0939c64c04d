//! The erasure code: parity from data, and any shard from `k` others.
//!
//! Works chunk by chunk: a byte of a shard depends only on the bytes at its place in the others, so
//! that a range is rebuilt from the same range, in pieces that fit the processor's cache.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::Column;
use crate::{Coding, Error, ErrorKind, Layout, Result};

/// The code of one layout and coding.
#[derive(Debug)]
pub(crate) struct Code {
    layout: Layout,
    coding: Coding,
    /// Nothing for copies.
    code: Option<dolium_erasure::Code>,
}

/// The codes met so far. There are few: the layouts in use.
#[derive(Debug, Default)]
pub(crate) struct Codes(Mutex<HashMap<(Layout, Coding), Arc<Code>>>);

impl Codes {
    pub(crate) fn of(&self, layout: Layout, coding: Coding) -> Result<Arc<Code>> {
        let mut codes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(code) = codes.get(&(layout, coding)) {
            return Ok(Arc::clone(code));
        }
        let code = Arc::new(Code::new(layout, coding)?);
        codes.insert((layout, coding), Arc::clone(&code));
        Ok(code)
    }
}

fn failed(source: &dolium_erasure::Error) -> Error {
    Error::new(ErrorKind::Unexpected, "erasure code", source.to_string())
}

impl Code {
    fn new(layout: Layout, coding: Coding) -> Result<Self> {
        let code = match layout.validated()? {
            Layout::Mirror { .. } => None,
            Layout::Erasure { data, parity } => {
                let make = match coding {
                    Coding::Vandermonde => dolium_erasure::Code::vandermonde,
                    Coding::Cauchy => dolium_erasure::Code::cauchy,
                };
                let made = make(data.into(), parity.into());
                Some(made.map_err(|error| failed(&error))?)
            }
        };
        Ok(Self {
            layout,
            coding,
            code,
        })
    }

    pub(crate) fn layout(&self) -> Layout {
        self.layout
    }

    pub(crate) fn coding(&self) -> Coding {
        self.coding
    }

    /// The parity shards of equally long data shards.
    pub(crate) fn parity(&self, data: &[Column]) -> Result<Vec<Column>> {
        let count = usize::from(self.layout.parity());
        let Some(code) = &self.code else {
            return Ok(data.iter().cycle().take(count).cloned().collect());
        };
        let data: Vec<&Column> = data.iter().collect();
        columns(&data, count, |inputs, outputs| code.encode(inputs, outputs))
    }

    /// The chunks of the shards `wanted`, from those of `k` others over the same range.
    pub(crate) fn rebuild(&self, wanted: &[u8], sources: &[(u8, Column)]) -> Result<Vec<Column>> {
        let Some(code) = &self.code else {
            let copy = sources
                .first()
                .map(|(_, column)| column.clone())
                .unwrap_or_default();
            return Ok(vec![copy; wanted.len()]);
        };
        let sources = &sources[..sources.len().min(code.data())];
        let rows = rows(code, wanted, sources)?;
        let inputs: Vec<&Column> = sources.iter().map(|(_, column)| column).collect();
        columns(&inputs, wanted.len(), |inputs, outputs| {
            rows.apply(inputs, outputs)
        })
    }

    /// Puts the bytes of the shard `wanted` behind what `into` holds, from those of `k` others over the same range.
    pub(crate) fn rebuild_into(
        &self,
        wanted: u8,
        sources: &[(u8, Column)],
        into: &mut Vec<u8>,
    ) -> Result<()> {
        let Some(code) = &self.code else {
            let copy = sources.first().into_iter().flat_map(|(_, column)| column);
            copy.for_each(|bytes| into.extend_from_slice(bytes));
            return Ok(());
        };
        let sources = &sources[..sources.len().min(code.data())];
        let rows = rows(code, &[wanted], sources)?;
        let chunks = sources.first().map_or(0, |(_, column)| column.len());
        for chunk in 0..chunks {
            let inputs: Vec<&[u8]> = sources
                .iter()
                .map(|(_, column)| &column[chunk][..])
                .collect();
            let at = into.len();
            // Zeros first: what is cleared here is still in the cache when it is computed.
            into.resize(at + inputs[0].len(), 0);
            let applied = rows.apply(&inputs, &mut [&mut into[at..]]);
            applied.map_err(|error| failed(&error))?;
        }
        Ok(())
    }
}

/// How shards are computed from these.
fn rows(
    code: &dolium_erasure::Code,
    wanted: &[u8],
    sources: &[(u8, Column)],
) -> Result<dolium_erasure::Rows> {
    let from = sources.iter().map(|(index, _)| usize::from(*index));
    let from: Vec<usize> = from.collect();
    let to: Vec<usize> = wanted.iter().map(|&index| usize::from(index)).collect();
    code.rebuild(&from, &to).map_err(|error| failed(&error))
}

/// Computes so many columns from others, chunk by chunk. Each lies in one piece of memory as long as it is, which
/// the next column can use again; what one chunk becomes is made in the processor's cache first.
fn columns(
    inputs: &[&Column],
    count: usize,
    compute: impl Fn(&[&[u8]], &mut [&mut [u8]]) -> dolium_erasure::Result<()>,
) -> Result<Vec<Column>> {
    let lens = inputs.first().map(|column| column.iter().map(Bytes::len));
    let lens: Vec<usize> = lens.into_iter().flatten().collect();
    let mut made = vec![Vec::new(); count];
    for column in &mut made {
        column.reserve_exact(lens.iter().sum());
    }
    let longest = lens.iter().copied().max().unwrap_or_default();
    // Each for itself: clones of one would read it, which maps pages that the first write has to replace.
    let mut stages: Vec<Vec<u8>> = (0..count).map(|_| vec![0; longest]).collect();
    for (chunk, &len) in lens.iter().enumerate() {
        let bytes: Vec<&[u8]> = inputs.iter().map(|column| &column[chunk][..]).collect();
        let mut outputs: Vec<&mut [u8]> =
            stages.iter_mut().map(|stage| &mut stage[..len]).collect();
        compute(&bytes, &mut outputs).map_err(|error| failed(&error))?;
        for (column, stage) in made.iter_mut().zip(&stages) {
            column.extend_from_slice(&stage[..len]);
        }
    }
    let cut = |column: Vec<u8>| {
        let mut rest = Bytes::from(column);
        lens.iter().map(|&len| rest.split_to(len)).collect()
    };
    Ok(made.into_iter().map(cut).collect())
}
