//! The erasure code: parity from data, and any shard from `k` others.
//!
//! Works chunk by chunk: a byte of a shard depends only on the bytes at its place in the others, so
//! that a range is rebuilt from the same range, in pieces that fit the processor's cache.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

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
        let from: Vec<usize> = sources
            .iter()
            .map(|(index, _)| usize::from(*index))
            .collect();
        let to: Vec<usize> = wanted.iter().map(|&index| usize::from(index)).collect();
        let rows = code.rebuild(&from, &to).map_err(|error| failed(&error))?;
        let inputs: Vec<&Column> = sources.iter().map(|(_, column)| column).collect();
        columns(&inputs, wanted.len(), |inputs, outputs| {
            rows.apply(inputs, outputs)
        })
    }
}

/// Computes so many columns from others, chunk by chunk.
fn columns(
    inputs: &[&Column],
    count: usize,
    compute: impl Fn(&[&[u8]], &mut [&mut [u8]]) -> dolium_erasure::Result<()>,
) -> Result<Vec<Column>> {
    let chunks = inputs.first().map_or(0, |column| column.len());
    let mut made = vec![Column::with_capacity(chunks); count];
    for chunk in 0..chunks {
        let bytes: Vec<&[u8]> = inputs.iter().map(|column| &column[chunk][..]).collect();
        let len = bytes.first().map_or(0, |bytes| bytes.len());
        // Each for itself: clones of one would read it, which maps pages that the first write has to replace.
        let mut coded: Vec<Vec<u8>> = (0..count).map(|_| vec![0; len]).collect();
        let mut outputs: Vec<&mut [u8]> = coded.iter_mut().map(Vec::as_mut_slice).collect();
        compute(&bytes, &mut outputs).map_err(|error| failed(&error))?;
        for (column, bytes) in made.iter_mut().zip(coded) {
            column.push(bytes.into());
        }
    }
    Ok(made)
}
