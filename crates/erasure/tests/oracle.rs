//! The codec against ISA-L: the same rows give the same bytes, for all shapes up to 20+8.

mod isal;

use dolium_erasure::{Code, Kernel};
use isal::Isal;

fn noise(seed: usize, len: usize) -> Vec<u8> {
    let mut state = (seed as u32).wrapping_mul(0x9e37_79b9) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    };
    std::iter::repeat_with(next).take(len).collect()
}

#[test]
fn parity_is_what_isa_l_computes() {
    let Some(isal) = Isal::load() else {
        return;
    };
    for data in 1..=20 {
        for parity in 1..=8 {
            let code = Code::cauchy(data, parity).unwrap();
            let rows = isal.rows(code.coefficients(), data);
            // ISA-L takes no buffers below 32 bytes with some of its kernels.
            for len in [64, 65, 127, 128, 129, 1000, 4096, 4097] {
                let inputs: Vec<Vec<u8>> = (0..data).map(|at| noise(at + len, len)).collect();
                let inputs: Vec<&[u8]> = inputs.iter().map(Vec::as_slice).collect();
                let mut expected = vec![vec![0; len]; parity];
                let mut slices: Vec<&mut [u8]> =
                    expected.iter_mut().map(Vec::as_mut_slice).collect();
                isal.apply(&rows, &inputs, &mut slices);
                let wanted: Vec<usize> = (data..data + parity).collect();
                let sources: Vec<usize> = (0..data).collect();
                let ours = code.rebuild(&sources, &wanted).unwrap();
                for kernel in Kernel::ALL {
                    let Some(ours) = ours.clone().with_kernel(kernel) else {
                        continue;
                    };
                    let mut found = vec![vec![0; len]; parity];
                    let mut slices: Vec<&mut [u8]> =
                        found.iter_mut().map(Vec::as_mut_slice).collect();
                    ours.apply(&inputs, &mut slices).unwrap();
                    assert_eq!(found, expected, "{data}+{parity}, {len} bytes, {kernel:?}");
                }
            }
        }
    }
}
