//! How fast the codec is beside ISA-L, in one run, by the CPU time of this thread.
//!
//! `cargo run --release -p dolium-erasure --example rate [bytes of an object]`; needs libisal2 for the second column.
//! A rate counts bytes of the object. Decoding is the worst case: as many data shards as there are parities are lost.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program for a person"
)]

#[path = "../tests/isal/mod.rs"]
mod isal;

use dolium_erasure::{Code, Kernel, Rows};
use isal::Isal;
use rustix::time::{ClockId, clock_gettime};

const SHAPES: [(usize, usize); 5] = [(2, 1), (3, 2), (4, 2), (8, 3), (10, 4)];
/// CPU seconds of one measurement.
const SECONDS: f64 = 0.3;
/// Measurements of each, in turns; the median counts.
const TURNS: usize = 9;

fn cpu() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Gigabytes of object per CPU second.
fn rate(object: usize, mut work: impl FnMut()) -> f64 {
    work();
    let start = cpu();
    let mut times = 0;
    loop {
        for _ in 0..8 {
            work();
        }
        times += 8;
        let taken = cpu() - start;
        if taken > SECONDS {
            return (object * times) as f64 / taken / 1e9;
        }
    }
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// What rows count, found by asking them: unit vectors in, columns out.
fn coefficients(rows: &Rows, inputs: usize, outputs: usize) -> Vec<u8> {
    let mut cells = vec![0; inputs * outputs];
    for input in 0..inputs {
        let units: Vec<[u8; 1]> = (0..inputs).map(|at| [u8::from(at == input)]).collect();
        let units: Vec<&[u8]> = units.iter().map(|unit| unit.as_slice()).collect();
        let mut out = vec![[0u8; 1]; outputs];
        let mut slices: Vec<&mut [u8]> = out.iter_mut().map(|cell| cell.as_mut_slice()).collect();
        rows.apply(&units, &mut slices).unwrap();
        for (row, cell) in out.iter().enumerate() {
            cells[row * inputs + input] = cell[0];
        }
    }
    cells
}

fn compare(
    isal: Option<&Isal>,
    rows: &Rows,
    data: usize,
    outputs: usize,
    object: usize,
) -> (f64, f64) {
    let len = object / data;
    let bytes: Vec<Vec<u8>> = (0..data).map(|at| vec![at as u8 + 1; len]).collect();
    let inputs: Vec<&[u8]> = bytes.iter().map(Vec::as_slice).collect();
    let mut out = vec![vec![0u8; len]; outputs];
    let mut slices: Vec<&mut [u8]> = out.iter_mut().map(Vec::as_mut_slice).collect();
    let theirs = isal.map(|isal| (isal, isal.rows(&coefficients(rows, data, outputs), data)));
    let (mut own, mut other) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        own.push(rate(object, || rows.apply(&inputs, &mut slices).unwrap()));
        if let Some((isal, theirs)) = &theirs {
            other.push(rate(object, || isal.apply(theirs, &inputs, &mut slices)));
        }
    }
    (
        median(own),
        if other.is_empty() {
            f64::NAN
        } else {
            median(other)
        },
    )
}

fn main() {
    let object = std::env::args().nth(1).and_then(|text| text.parse().ok());
    let object = object.unwrap_or(512 << 10);
    let isal = Isal::load();
    println!(
        "object of {object} bytes; GB per CPU second: own, ISA-L, ratio; best kernel {:?}",
        Kernel::best()
    );
    for (data, parity) in SHAPES {
        let code = Code::cauchy(data, parity).unwrap();
        let all: Vec<usize> = (0..data).collect();
        let parities: Vec<usize> = (data..data + parity).collect();
        let lost = data.min(parity);
        let left: Vec<usize> = (lost..data + lost).collect();
        let cases = [
            ("encode", code.rebuild(&all, &parities).unwrap(), parity),
            ("decode", code.rebuild(&left, &all[..lost]).unwrap(), lost),
        ];
        for (name, rows, outputs) in cases {
            let (own, other) = compare(isal.as_ref(), &rows, data, outputs, object);
            println!(
                "{data}+{parity} {name}: {own:.1} {other:.1} {:.2}",
                own / other
            );
        }
    }
}
