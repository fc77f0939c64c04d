//! The codec against its definition, the crate it replaces, and itself on every kernel.

use dolium_erasure::{Code, Error, Kernel, Rows};
use proptest::prelude::*;

fn noise(seed: usize, len: usize) -> Vec<u8> {
    let mut state = (seed as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let mut bytes: Vec<u8> = std::iter::repeat_with(next)
        .flatten()
        .take(len + 8)
        .collect();
    bytes.truncate(len);
    bytes
}

/// The product by the definition of the field.
fn mul(a: u8, b: u8) -> u8 {
    let mut product = 0;
    let mut term = a;
    for bit in 0..8 {
        if b >> bit & 1 == 1 {
            product ^= term;
        }
        term = (term << 1) ^ if term & 0x80 == 0 { 0 } else { 0x1d };
    }
    product
}

fn kernels() -> Vec<Kernel> {
    Kernel::ALL
        .into_iter()
        .filter(|kernel| kernel.is_available())
        .collect()
}

fn apply(rows: &Rows, inputs: &[Vec<u8>], outputs: usize) -> Vec<Vec<u8>> {
    let len = inputs[0].len();
    // Not zero: what is not written shows.
    let mut out = vec![vec![0xa5; len]; outputs];
    let inputs: Vec<&[u8]> = inputs.iter().map(Vec::as_slice).collect();
    let mut slices: Vec<&mut [u8]> = out.iter_mut().map(Vec::as_mut_slice).collect();
    rows.apply(&inputs, &mut slices).expect("the buffers fit");
    out
}

fn shards(code: &Code, len: usize) -> Vec<Vec<u8>> {
    let data: Vec<Vec<u8>> = (0..code.data()).map(|at| noise(at, len)).collect();
    let mut parity = vec![vec![0; len]; code.parity()];
    let inputs: Vec<&[u8]> = data.iter().map(Vec::as_slice).collect();
    let mut outputs: Vec<&mut [u8]> = parity.iter_mut().map(Vec::as_mut_slice).collect();
    code.encode(&inputs, &mut outputs).expect("the buffers fit");
    [data, parity].concat()
}

#[test]
fn all_kernels_compute_what_the_field_says() {
    for (data, parity) in [(1, 1), (3, 1), (3, 2), (4, 3), (10, 4), (5, 7), (20, 8)] {
        let code = Code::cauchy(data, parity).unwrap();
        // Every row as parity makes it, from the data shards.
        let sources: Vec<usize> = (0..data).collect();
        let wanted: Vec<usize> = (data..data + parity).collect();
        let rows = code.rebuild(&sources, &wanted).unwrap();
        for len in (0..=130).chain([255, 256, 257, 1000, 16 << 10, (16 << 10) + 77]) {
            let inputs: Vec<Vec<u8>> = (0..data).map(|at| noise(at + len, len)).collect();
            let expected: Vec<Vec<u8>> = (0..parity)
                .map(|row| {
                    let cells = &code.coefficients()[row * data..][..data];
                    let byte = |at: usize| {
                        let terms = cells.iter().zip(&inputs);
                        terms.fold(0, |sum, (&cell, input)| sum ^ mul(cell, input[at]))
                    };
                    (0..len).map(byte).collect()
                })
                .collect();
            for kernel in kernels() {
                let rows = rows.clone().with_kernel(kernel).unwrap();
                assert_eq!(
                    apply(&rows, &inputs, parity),
                    expected,
                    "{data}+{parity} {len} {kernel:?}"
                );
            }
        }
    }
}

#[test]
fn one_parity_is_xor() {
    let code = Code::cauchy(3, 1).unwrap();
    let shards = shards(&code, 1000);
    let [a, b, c, parity] = shards.as_slice() else {
        panic!("3 + 1 shards")
    };
    let sum = a.iter().zip(b).zip(c).map(|((a, b), c)| a ^ b ^ c);
    assert_eq!(*parity, sum.collect::<Vec<u8>>());
}

/// Every choice of `k` of `n` shards gives all the others, for both kinds of code.
#[test]
fn every_pattern_of_erasures() {
    for (data, parity) in [
        (1, 1),
        (1, 3),
        (2, 1),
        (2, 2),
        (3, 1),
        (3, 2),
        (4, 2),
        (5, 3),
        (6, 4),
        (4, 5),
    ] {
        for code in [Code::cauchy(data, parity), Code::vandermonde(data, parity)] {
            let code = code.unwrap();
            let shards = shards(&code, 133);
            let count = data + parity;
            for mask in (0u32..1 << count).filter(|mask| mask.count_ones() as usize == data) {
                let has = |shard: &usize| mask >> shard & 1 == 1;
                let sources: Vec<usize> = (0..count).filter(has).collect();
                let wanted: Vec<usize> = (0..count).collect();
                let rows = code.rebuild(&sources, &wanted).unwrap();
                let inputs: Vec<Vec<u8>> = sources.iter().map(|&at| shards[at].clone()).collect();
                assert_eq!(
                    apply(&rows, &inputs, count),
                    shards,
                    "{data}+{parity} from {sources:?}"
                );
            }
        }
    }
}

/// All shapes up to 20+8: the first parities in place of the first data shards, and the last ones of the last.
#[test]
fn all_shapes() {
    for data in 1..=20 {
        for parity in 1..=8 {
            let code = Code::cauchy(data, parity).unwrap();
            let shards = shards(&code, 200);
            let lost = data.min(parity);
            let first: Vec<usize> = (lost..data + lost).collect();
            let last: Vec<usize> = (0..data - lost)
                .chain(data + parity - lost..data + parity)
                .collect();
            for sources in [first, last] {
                let inputs: Vec<Vec<u8>> = sources.iter().map(|&at| shards[at].clone()).collect();
                let wanted: Vec<usize> = (0..data).collect();
                let rows = code.rebuild(&sources, &wanted).unwrap();
                assert_eq!(
                    apply(&rows, &inputs, data),
                    shards[..data],
                    "{data}+{parity}"
                );
            }
        }
    }
}

/// Computed apart from this code, from what docs/format-shards.md says: row `r`, column `c` is `(m + c) / (r XOR (m + c))`.
#[test]
fn the_matrix_is_the_documented_one() {
    let code = Code::cauchy(5, 3).unwrap();
    let rows = [
        [1, 1, 1, 1, 1],
        [143, 166, 70, 187, 123],
        [3, 245, 104, 143, 82],
    ];
    assert_eq!(code.coefficients(), rows.concat());
}

#[test]
fn the_other_code_is_that_of_the_crate_before() {
    for (data, parity) in [(1, 1), (3, 1), (3, 2), (4, 2), (8, 3), (10, 4), (20, 8)] {
        let shards = shards(&Code::vandermonde(data, parity).unwrap(), 500);
        let other = reed_solomon_erasure::galois_8::ReedSolomon::new(data, parity).unwrap();
        assert!(other.verify(&shards).unwrap(), "{data}+{parity}");
    }
}

#[test]
fn nonsense_is_refused() {
    assert_eq!(
        Code::cauchy(0, 1).unwrap_err(),
        Error::Shape { data: 0, parity: 1 }
    );
    assert!(Code::cauchy(200, 56).is_err());
    assert!(Code::cauchy(usize::MAX, 1).is_err());
    assert!(Code::vandermonde(200, 55).is_ok());
    let code = Code::cauchy(3, 2).unwrap();
    assert!(matches!(
        code.rebuild(&[0, 1], &[2]),
        Err(Error::Count { .. })
    ));
    assert_eq!(code.rebuild(&[0, 1, 5], &[2]).unwrap_err(), Error::Shard(5));
    assert_eq!(code.rebuild(&[0, 1, 1], &[2]).unwrap_err(), Error::Shard(1));
    assert_eq!(code.rebuild(&[0, 1, 2], &[9]).unwrap_err(), Error::Shard(9));
    let (a, b) = ([0u8; 8], [0u8; 9]);
    let mut out = [0u8; 8];
    let mut more = [0u8; 8];
    let wrong = code.encode(&[&a, &a, &b], &mut [&mut out, &mut more]);
    assert_eq!(wrong, Err(Error::Lengths(8, 9)));
    assert!(matches!(
        code.encode(&[&a, &a], &mut [&mut out]),
        Err(Error::Count { .. })
    ));
}

proptest! {
    #[test]
    fn any_k_give_the_rest(
        data in 1usize..30, parity in 1usize..12, len in 0usize..600, seed in any::<u64>()
    ) {
        let code = Code::cauchy(data, parity).unwrap();
        let shards = shards(&code, len);
        let mut order: Vec<usize> = (0..data + parity).collect();
        let mut state = seed | 1;
        for at in (1..order.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            order.swap(at, (state >> 33) as usize % (at + 1));
        }
        let (sources, lost) = order.split_at(data);
        let rows = code.rebuild(sources, lost).unwrap();
        let inputs: Vec<Vec<u8>> = sources.iter().map(|&at| shards[at].clone()).collect();
        let expected: Vec<Vec<u8>> = lost.iter().map(|&at| shards[at].clone()).collect();
        prop_assert_eq!(apply(&rows, &inputs, lost.len()), expected);
    }
}
