//! The coefficients of a group of rows, as each kernel wants them.

use crate::field::mul;

/// Outputs that one pass makes: their sums stay in registers.
pub(crate) const GROUP: usize = 4;

/// A group's coefficients.
#[derive(Clone, Debug)]
pub(crate) struct Tables {
    rows: usize,
    inputs: usize,
    /// Row after row.
    coefficients: Vec<u8>,
    /// Input after input, and for each row after row: the matrix of bits that multiplies, as GFNI reads it.
    bits: Vec<u64>,
    /// In the same order: products of the low halves of bytes, then of the high ones.
    nibbles: Vec<[u8; 32]>,
}

impl Tables {
    /// The tables of at most [`GROUP`] rows of equal length.
    pub(crate) fn new(rows: &[&[u8]]) -> Self {
        let inputs = rows.first().map_or(0, |row| row.len());
        let by_input = || (0..inputs).flat_map(|input| rows.iter().map(move |row| row[input]));
        Self {
            rows: rows.len(),
            inputs,
            coefficients: rows.concat(),
            bits: by_input().map(bit_matrix).collect(),
            nibbles: by_input().map(nibble_products).collect(),
        }
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn inputs(&self) -> usize {
        self.inputs
    }

    /// The coefficients of a row.
    pub(crate) fn row(&self, row: usize) -> &[u8] {
        &self.coefficients[row * self.inputs..][..self.inputs]
    }

    pub(crate) fn bits(&self) -> &[u64] {
        &self.bits
    }

    pub(crate) fn nibbles(&self) -> &[[u8; 32]] {
        &self.nibbles
    }
}

/// The matrix by which `gf2p8affineqb` multiplies with a constant: its byte 7 − i has, for bit i of the product, the
/// bits of the factor that count (Intel's manual, GF2P8AFFINEQB).
fn bit_matrix(constant: u8) -> u64 {
    let mut matrix = 0u64;
    for out in 0..8 {
        let counts = |bit: &u32| mul(constant, 1 << bit) >> out & 1 == 1;
        let row = (0..8u32)
            .filter(counts)
            .fold(0u8, |row, bit| row | 1 << bit);
        matrix |= u64::from(row) << (8 * (7 - out));
    }
    matrix
}

fn nibble_products(constant: u8) -> [u8; 32] {
    let mut products = [0; 32];
    for half in 0..16u8 {
        products[usize::from(half)] = mul(constant, half);
        products[usize::from(half) + 16] = mul(constant, half << 4);
    }
    products
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matrices_and_products_multiply() {
        for constant in 0..=255u8 {
            let (matrix, products) = (bit_matrix(constant), nibble_products(constant));
            for byte in 0..=255u8 {
                let bit = |out: u32| {
                    let row = (matrix >> (8 * (7 - out))) as u8;
                    ((row & byte).count_ones() as u8 & 1) << out
                };
                let product = (0..8).fold(0, |sum, out| sum | bit(out));
                assert_eq!(product, mul(constant, byte));
                let halves =
                    products[usize::from(byte & 15)] ^ products[16 + usize::from(byte >> 4)];
                assert_eq!(halves, product);
            }
        }
    }
}
