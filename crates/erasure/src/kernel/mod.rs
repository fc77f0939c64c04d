//! Kernels: one pass over all inputs that makes up to [`GROUP`] outputs.
//!
//! A byte times a constant is a linear map of its bits: GFNI does it in one instruction from an 8 × 8 matrix of bits;
//! AVX2 and NEON look both halves of the byte up in two tables of sixteen; portable code in one table of 256.
//!
//! Promises: a kernel runs only on a processor that has its instructions; all give the same bytes; every byte of the
//! range of every output is written, and nothing else.
//! Does not: check lengths; `Rows` has.

#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;
mod tables;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::ops::Range;

pub(crate) use tables::{GROUP, Tables};

/// How outputs are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// Plain Rust.
    Portable,
    /// Tables of sixteen in 32-byte registers (x86-64).
    Avx2,
    /// Matrices of bits in 32-byte registers (x86-64).
    GfniAvx2,
    /// Matrices of bits in 64-byte registers (x86-64).
    GfniAvx512,
    /// Tables of sixteen in 16-byte registers (AArch64).
    Neon,
}

impl Kernel {
    /// All kernels, the best first.
    pub const ALL: [Self; 5] = [
        Self::GfniAvx512,
        Self::GfniAvx2,
        Self::Avx2,
        Self::Neon,
        Self::Portable,
    ];

    /// The best one that this processor has.
    pub fn best() -> Self {
        let mut all = Self::ALL.into_iter();
        all.find(|kernel| kernel.is_available())
            .unwrap_or(Self::Portable)
    }

    /// Whether this processor has what it needs. The answer is kept by the standard library.
    pub fn is_available(self) -> bool {
        match self {
            Self::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2"),
            #[cfg(target_arch = "x86_64")]
            Self::GfniAvx2 => is_x86_feature_detected!("gfni") && is_x86_feature_detected!("avx2"),
            #[cfg(target_arch = "x86_64")]
            Self::GfniAvx512 => {
                is_x86_feature_detected!("gfni")
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
            }
            // Every AArch64 processor has it.
            #[cfg(target_arch = "aarch64")]
            Self::Neon => true,
            #[allow(
                unreachable_patterns,
                reason = "which kernels are left depends on the target"
            )]
            _ => false,
        }
    }

    /// Writes a range of a group's outputs.
    pub(crate) fn run(
        self,
        tables: &Tables,
        inputs: &[&[u8]],
        outputs: &mut [&mut [u8]],
        range: Range<usize>,
    ) {
        let done = match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 | Self::GfniAvx2 | Self::GfniAvx512 if self.is_available() => {
                x86::run(self, tables, inputs, outputs, range.clone())
            }
            #[cfg(target_arch = "aarch64")]
            Self::Neon => neon::run(tables, inputs, outputs, range.clone()),
            _ => 0,
        };
        // What does not fill a register.
        portable::run(tables, inputs, outputs, range.start + done..range.end);
    }
}
