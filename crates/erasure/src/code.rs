//! A code: which parity there is, and what rebuilds which shard.

use crate::matrix::Matrix;
use crate::rows::Rows;
use crate::{Error, Result};

/// The most shards that different elements of the field can name.
const SHARDS_MAX: usize = 255;

/// The code of one shape. Building it costs microseconds; keep it.
#[derive(Clone, Debug)]
pub struct Code {
    data: usize,
    parity: Matrix,
    encode: Rows,
}

impl Code {
    /// A code whose first parity shard is the XOR of the data. `data` is at least 1, and all shards at most 255.
    pub fn cauchy(data: usize, parity: usize) -> Result<Self> {
        Self::new(data, parity, Matrix::cauchy_parity)
    }

    /// The code of Backblaze's library and its translations, `reed-solomon-erasure` among them.
    pub fn vandermonde(data: usize, parity: usize) -> Result<Self> {
        Self::new(data, parity, Matrix::vandermonde_parity)
    }

    fn new(data: usize, parity: usize, make: fn(usize, usize) -> Matrix) -> Result<Self> {
        if data == 0 || data.saturating_add(parity) > SHARDS_MAX {
            return Err(Error::Shape { data, parity });
        }
        let parity = make(data, parity);
        Ok(Self {
            data,
            encode: Rows::new(&parity),
            parity,
        })
    }

    /// Data shards.
    pub fn data(&self) -> usize {
        self.data
    }

    /// Parity shards.
    pub fn parity(&self) -> usize {
        self.parity.rows()
    }

    /// Writes the parity of `data` shards, all equally long.
    pub fn encode(&self, data: &[&[u8]], parity: &mut [&mut [u8]]) -> Result<()> {
        self.encode.apply(data, parity)
    }

    /// The rows that make the shards `wanted` of the shards `sources`, of which there must be as many as data
    /// shards, all different. Data shards come first in the numbers of shards.
    pub fn rebuild(&self, sources: &[usize], wanted: &[usize]) -> Result<Rows> {
        if sources.len() != self.data {
            return Err(Error::Count {
                what: "sources",
                given: sources.len(),
                wanted: self.data,
            });
        }
        let shards = self.data + self.parity();
        if let Some(&none) = sources.iter().chain(wanted).find(|&&shard| shard >= shards) {
            return Err(Error::Shard(none));
        }
        let rows = |of: &[usize]| {
            Matrix::from_fn(of.len(), self.data, |row, column| {
                self.cell(of[row], column)
            })
        };
        // Sources that are named twice are all that can make it singular.
        let inverted = rows(sources).inverted().ok_or_else(|| {
            let twice = |&at: &usize| sources[..at].contains(&sources[at]);
            let at = (0..sources.len()).find(twice).unwrap_or_default();
            Error::Shard(sources[at])
        })?;
        Ok(Rows::new(&rows(wanted).times(&inverted)))
    }

    /// What a data shard counts in a shard.
    fn cell(&self, shard: usize, data: usize) -> u8 {
        match shard.checked_sub(self.data) {
            None => u8::from(shard == data),
            Some(parity) => self.parity.row(parity)[data],
        }
    }

    /// The coefficients of the parity, row after row.
    pub fn coefficients(&self) -> &[u8] {
        self.parity.cells()
    }
}
