//! Small matrices over the field: how parity is made, and its inverse.

use crate::field::{inverse, mul, power};

/// Rows of equal length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Matrix {
    pub(crate) columns: usize,
    /// Row after row.
    cells: Vec<u8>,
}

impl Matrix {
    pub(crate) fn from_fn(rows: usize, columns: usize, cell: impl Fn(usize, usize) -> u8) -> Self {
        let at = |index: usize| cell(index / columns, index % columns);
        Self {
            columns,
            cells: (0..rows * columns).map(at).collect(),
        }
    }

    pub(crate) fn identity(size: usize) -> Self {
        Self::from_fn(size, size, |row, column| u8::from(row == column))
    }

    /// Parity rows of which every square part can be inverted (a Cauchy matrix), scaled so that the first is all
    /// ones. Scaling rows and columns keeps the property.
    pub(crate) fn cauchy_parity(data: usize, parity: usize) -> Self {
        // The elements that name rows and columns differ: 0.. for rows, parity.. for columns.
        let cell = |row: usize, column: usize| inverse((row ^ (parity + column)) as u8);
        Self::from_fn(parity, data, |row, column| {
            mul(cell(row, column), inverse(cell(0, column)))
        })
    }

    /// Parity rows of a Vandermonde matrix brought into systematic form, as Backblaze's library and its
    /// translations make them: row `r`, column `c` of the whole is `r` to the power `c`, times the inverse
    /// of its upper square.
    pub(crate) fn vandermonde_parity(data: usize, parity: usize) -> Self {
        let whole = |from: usize, rows: usize| {
            Self::from_fn(rows, data, |row, column| power((from + row) as u8, column))
        };
        let top = whole(0, data);
        let inverted = top
            .inverted()
            .expect("a Vandermonde matrix of different elements can be inverted");
        whole(data, parity).times(&inverted)
    }

    pub(crate) fn rows(&self) -> usize {
        self.cells.len().checked_div(self.columns).unwrap_or(0)
    }

    pub(crate) fn row(&self, row: usize) -> &[u8] {
        &self.cells[row * self.columns..][..self.columns]
    }

    pub(crate) fn cells(&self) -> &[u8] {
        &self.cells
    }

    pub(crate) fn times(&self, other: &Self) -> Self {
        Self::from_fn(self.rows(), other.columns, |row, column| {
            let pairs = self.row(row).iter().enumerate();
            pairs.fold(0, |sum, (at, &cell)| sum ^ mul(cell, other.row(at)[column]))
        })
    }

    /// The inverse of a square matrix; `None` when there is none.
    pub(crate) fn inverted(&self) -> Option<Self> {
        let size = self.columns;
        let mut left = self.clone();
        let mut right = Self::identity(size);
        for at in 0..size {
            let pivot = (at..size).find(|&row| left.row(row)[at] != 0)?;
            left.swap(at, pivot);
            right.swap(at, pivot);
            let factor = inverse(left.row(at)[at]);
            left.scale(at, factor);
            right.scale(at, factor);
            for row in (0..size).filter(|&row| row != at) {
                let factor = left.row(row)[at];
                left.add(row, at, factor);
                right.add(row, at, factor);
            }
        }
        Some(right)
    }

    fn swap(&mut self, a: usize, b: usize) {
        for column in 0..self.columns {
            self.cells
                .swap(a * self.columns + column, b * self.columns + column);
        }
    }

    fn scale(&mut self, row: usize, factor: u8) {
        for cell in &mut self.cells[row * self.columns..][..self.columns] {
            *cell = mul(*cell, factor);
        }
    }

    /// Adds a multiple of one row to another.
    fn add(&mut self, to: usize, from: usize, factor: u8) {
        for column in 0..self.columns {
            let product = mul(self.cells[from * self.columns + column], factor);
            self.cells[to * self.columns + column] ^= product;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inverses() {
        let matrix = Matrix::cauchy_parity(5, 5);
        let inverted = matrix.inverted().unwrap();
        assert_eq!(matrix.times(&inverted), Matrix::identity(5));
        let singular = Matrix::from_fn(2, 2, |_, column| column as u8 + 1);
        assert_eq!(singular.inverted(), None);
    }

    #[test]
    fn the_first_parity_is_xor() {
        for (data, parity) in [(1, 1), (3, 1), (10, 4), (200, 55)] {
            let matrix = Matrix::cauchy_parity(data, parity);
            assert!(
                matrix.row(0).iter().all(|&cell| cell == 1),
                "{data}+{parity}"
            );
            assert!(matrix.cells().iter().all(|&cell| cell != 0));
        }
    }
}
