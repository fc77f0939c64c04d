//! The kernel in plain Rust, and the ends of buffers for the others.

use std::ops::Range;

use super::Tables;
use crate::field::mul;

/// Products of a constant with every byte.
fn products(constant: u8) -> [u8; 256] {
    std::array::from_fn(|byte| mul(constant, byte as u8))
}

/// Writes a range of all outputs.
pub(super) fn run(
    tables: &Tables,
    inputs: &[&[u8]],
    outputs: &mut [&mut [u8]],
    range: Range<usize>,
) {
    for (row, output) in outputs.iter_mut().enumerate() {
        let output = &mut output[range.clone()];
        output.fill(0);
        for (input, &coefficient) in inputs.iter().zip(tables.row(row)) {
            add(output, &input[range.clone()], coefficient);
        }
    }
}

/// Adds a multiple of the input.
fn add(output: &mut [u8], input: &[u8], coefficient: u8) {
    match coefficient {
        0 => {}
        1 => {
            for (to, from) in output.iter_mut().zip(input) {
                *to ^= from;
            }
        }
        // A table costs more than a few products.
        _ if input.len() < 256 => {
            for (to, from) in output.iter_mut().zip(input) {
                *to ^= mul(coefficient, *from);
            }
        }
        _ => {
            let products = products(coefficient);
            for (to, from) in output.iter_mut().zip(input) {
                *to ^= products[usize::from(*from)];
            }
        }
    }
}
