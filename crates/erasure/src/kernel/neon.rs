//! The kernel for AArch64: tables of sixteen in 16-byte registers.
#![allow(
    unsafe_code,
    reason = "registers are loaded and stored through pointers"
)]

use std::arch::aarch64::{
    uint8x16_t, vandq_u8, vdupq_n_u8, veorq_u8, vld1q_u8, vqtbl1q_u8, vshrq_n_u8, vst1q_u8,
};
use std::ops::Range;

use super::{GROUP, Tables};

const WIDTH: usize = 16;

/// Writes as much of a range as fills registers; says how many bytes that is.
pub(super) fn run(
    tables: &Tables,
    inputs: &[&[u8]],
    outputs: &mut [&mut [u8]],
    range: Range<usize>,
) -> usize {
    let rows = tables.rows();
    let whole = range.len() / WIDTH * WIDTH;
    for place in (range.start..range.start + whole).step_by(WIDTH) {
        let mut sums = [vdupq_n_u8(0); GROUP];
        for (input, bytes) in inputs.iter().enumerate() {
            let value = load(&bytes[place..place + WIDTH]);
            for (row, sum) in sums.iter_mut().enumerate().take(rows) {
                let table = &tables.nibbles()[input * rows + row];
                let low = vqtbl1q_u8(load(&table[..WIDTH]), vandq_u8(value, vdupq_n_u8(15)));
                let high = vqtbl1q_u8(load(&table[WIDTH..]), vshrq_n_u8::<4>(value));
                *sum = veorq_u8(*sum, veorq_u8(low, high));
            }
        }
        for (output, sum) in outputs.iter_mut().zip(sums) {
            let to = &mut output[place..place + WIDTH];
            // SAFETY: the slice has 16 bytes.
            unsafe { vst1q_u8(to.as_mut_ptr(), sum) };
        }
    }
    whole
}

fn load(bytes: &[u8]) -> uint8x16_t {
    debug_assert_eq!(bytes.len(), WIDTH);
    // SAFETY: every caller gives 16 bytes.
    unsafe { vld1q_u8(bytes.as_ptr()) }
}
