//! The kernels for x86-64.
//!
//! They differ in the width of registers and in how a register of bytes is multiplied; the loop is one macro. It
//! takes two registers of each input, adds their products to the sums of all rows, and stores the sums.
#![allow(
    unsafe_code,
    reason = "registers are loaded and stored through pointers, and instructions need a processor that has them"
)]

use std::arch::x86_64::{
    __m256i, __m512i, _mm_loadu_si128, _mm256_and_si256, _mm256_broadcastsi128_si256,
    _mm256_gf2p8affine_epi64_epi8, _mm256_loadu_si256, _mm256_set1_epi8, _mm256_set1_epi64x,
    _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_srli_epi64, _mm256_storeu_si256,
    _mm256_xor_si256, _mm512_gf2p8affine_epi64_epi8, _mm512_loadu_si512, _mm512_set1_epi64,
    _mm512_setzero_si512, _mm512_storeu_si512, _mm512_xor_si512,
};
use std::ops::Range;

use super::{Kernel, Tables};

/// Writes as much of a range as fills registers; says how many bytes that is.
pub(super) fn run(
    kernel: Kernel,
    tables: &Tables,
    inputs: &[&[u8]],
    outputs: &mut [&mut [u8]],
    range: Range<usize>,
) -> usize {
    let buffers = Buffers::new(tables, inputs, outputs, range);
    let first_is_xor = tables.row(0).iter().all(|&cell| cell == 1);
    macro_rules! dispatch {
        ($kernel:ident) => {
            // SAFETY: the caller runs a kernel only where `is_available` says that the processor has its
            // instructions; the pointers of `Buffers` are good for its length.
            unsafe {
                match (tables.rows(), first_is_xor) {
                    (1, true) => $kernel::<1, true>(tables, &buffers),
                    (1, false) => $kernel::<1, false>(tables, &buffers),
                    (2, true) => $kernel::<2, true>(tables, &buffers),
                    (2, false) => $kernel::<2, false>(tables, &buffers),
                    (3, true) => $kernel::<3, true>(tables, &buffers),
                    (3, false) => $kernel::<3, false>(tables, &buffers),
                    (4, true) => $kernel::<4, true>(tables, &buffers),
                    (4, false) => $kernel::<4, false>(tables, &buffers),
                    _ => 0,
                }
            }
        };
    }
    match kernel {
        Kernel::GfniAvx512 => dispatch!(gfni_avx512),
        Kernel::GfniAvx2 => dispatch!(gfni_avx2),
        Kernel::Avx2 => dispatch!(avx2),
        _ => 0,
    }
}

/// Where the range begins in each buffer, and its length. Every pointer is good for that length: the slices are indexed
/// with the range, and outlive the value in the only function that makes one.
struct Buffers {
    inputs: Vec<*const u8>,
    outputs: Vec<*mut u8>,
    len: usize,
}

impl Buffers {
    fn new(
        tables: &Tables,
        inputs: &[&[u8]],
        outputs: &mut [&mut [u8]],
        range: Range<usize>,
    ) -> Self {
        let inputs = inputs[..tables.inputs()].iter();
        let outputs = outputs[..tables.rows()].iter_mut();
        Self {
            inputs: inputs.map(|input| input[range.clone()].as_ptr()).collect(),
            outputs: outputs
                .map(|output| output[range.clone()].as_mut_ptr())
                .collect(),
            len: range.len(),
        }
    }
}

/// Defines a kernel: its name, its instructions, the width of its register, and how to clear, load, store, add, to
/// prepare a coefficient by its place in the tables, and to multiply with it.
macro_rules! kernel {
    (
        $name:ident, $features:literal, $register:ty, $width:literal,
        $zero:expr, $load:expr, $store:expr, $add:expr,
        |$tables:ident, $at:ident| $prepare:expr,
        |$factor:ident, $value:ident| $multiply:expr
    ) => {
        /// Writes `ROWS` outputs, of which the first is the XOR of all inputs if so said.
        ///
        /// # Safety
        ///
        /// The processor must have the instructions; the pointers must be good for the length.
        #[target_feature(enable = $features)]
        unsafe fn $name<const ROWS: usize, const FIRST_IS_XOR: bool>(
            $tables: &Tables,
            buffers: &Buffers,
        ) -> usize {
            let step = 2 * $width;
            let whole = buffers.len / step * step;
            for place in (0..whole).step_by(step) {
                let mut sums = [[$zero; 2]; ROWS];
                for (input, from) in buffers.inputs.iter().enumerate() {
                    // SAFETY: `place + step` is at most the length that the pointers are good for; the loads
                    // need no alignment.
                    let values: [$register; 2] = unsafe {
                        [
                            $load(from.add(place).cast()),
                            $load(from.add(place + $width).cast()),
                        ]
                    };
                    for row in 0..ROWS {
                        if FIRST_IS_XOR && row == 0 {
                            for half in 0..2 {
                                sums[row][half] = $add(sums[row][half], values[half]);
                            }
                            continue;
                        }
                        let $at = input * ROWS + row;
                        let $factor = $prepare;
                        for half in 0..2 {
                            let $value = values[half];
                            sums[row][half] = $add(sums[row][half], $multiply);
                        }
                    }
                }
                for (to, sums) in buffers.outputs.iter().zip(sums) {
                    // SAFETY: as above.
                    unsafe {
                        $store(to.add(place).cast(), sums[0]);
                        $store(to.add(place + $width).cast(), sums[1]);
                    }
                }
            }
            whole
        }
    };
}

kernel!(
    gfni_avx512,
    "gfni,avx512f,avx512bw",
    __m512i,
    64,
    _mm512_setzero_si512(),
    _mm512_loadu_si512,
    _mm512_storeu_si512,
    _mm512_xor_si512,
    |tables, at| _mm512_set1_epi64(tables.bits()[at] as i64),
    |factor, value| _mm512_gf2p8affine_epi64_epi8::<0>(value, factor)
);

kernel!(
    gfni_avx2,
    "gfni,avx2",
    __m256i,
    32,
    _mm256_setzero_si256(),
    _mm256_loadu_si256,
    _mm256_storeu_si256,
    _mm256_xor_si256,
    |tables, at| _mm256_set1_epi64x(tables.bits()[at] as i64),
    |factor, value| _mm256_gf2p8affine_epi64_epi8::<0>(value, factor)
);

kernel!(
    avx2,
    "avx2",
    __m256i,
    32,
    _mm256_setzero_si256(),
    _mm256_loadu_si256,
    _mm256_storeu_si256,
    _mm256_xor_si256,
    |tables, at| products(&tables.nibbles()[at]),
    |factor, value| {
        let low = _mm256_set1_epi8(15);
        let high = _mm256_and_si256(_mm256_srli_epi64::<4>(value), low);
        _mm256_xor_si256(
            _mm256_shuffle_epi8(factor[0], _mm256_and_si256(value, low)),
            _mm256_shuffle_epi8(factor[1], high),
        )
    }
);

/// Products of the low halves and of the high ones, each in both halves of a register.
#[target_feature(enable = "avx2")]
fn products(table: &[u8; 32]) -> [__m256i; 2] {
    let half = |at: usize| {
        // SAFETY: both offsets leave 16 bytes of the table; the load needs no alignment.
        let bytes = unsafe { _mm_loadu_si128(table.as_ptr().add(at).cast()) };
        _mm256_broadcastsi128_si256(bytes)
    };
    [half(0), half(16)]
}
