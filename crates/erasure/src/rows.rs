//! Rows of coefficients, ready for the kernels: the one operation of the codec.

use std::fmt;

use crate::kernel::{GROUP, Kernel, Tables};
use crate::matrix::Matrix;
use crate::{Error, Result};

/// Bytes of each buffer done at a time when there are more outputs than one pass makes: the inputs are still in the
/// cache when the next pass reads them.
const STRIPE: usize = 16 << 10;

/// So many outputs as linear combinations of so many inputs.
#[derive(Clone)]
pub struct Rows {
    inputs: usize,
    /// Rows in groups that one pass makes.
    groups: Vec<Tables>,
    outputs: usize,
    kernel: Kernel,
}

impl Rows {
    pub(crate) fn new(matrix: &Matrix) -> Self {
        let rows: Vec<&[u8]> = (0..matrix.rows()).map(|row| matrix.row(row)).collect();
        Self {
            inputs: matrix.columns,
            groups: rows.chunks(GROUP).map(Tables::new).collect(),
            outputs: rows.len(),
            kernel: Kernel::best(),
        }
    }

    /// The same rows for another kernel; `None` when this processor has not what it needs. For tests and measurements:
    /// the best one is chosen by itself.
    pub fn with_kernel(mut self, kernel: Kernel) -> Option<Self> {
        self.kernel = kernel;
        kernel.is_available().then_some(self)
    }

    /// Writes the outputs. All buffers must be equally long.
    pub fn apply(&self, inputs: &[&[u8]], outputs: &mut [&mut [u8]]) -> Result<()> {
        count("inputs", inputs.len(), self.inputs)?;
        count("outputs", outputs.len(), self.outputs)?;
        let len = inputs.first().map_or(0, |input| input.len());
        let lens = inputs.iter().map(|input| input.len());
        let lens = lens.chain(outputs.iter().map(|output| output.len()));
        if let Some(other) = lens.into_iter().find(|&other| other != len) {
            return Err(Error::Lengths(len, other));
        }
        if let [group] = self.groups.as_slice() {
            self.kernel.run(group, inputs, outputs, 0..len);
            return Ok(());
        }
        for start in (0..len).step_by(STRIPE) {
            let range = start..len.min(start + STRIPE);
            for (group, outputs) in self.groups.iter().zip(outputs.chunks_mut(GROUP)) {
                self.kernel.run(group, inputs, outputs, range.clone());
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            inputs,
            outputs,
            kernel,
            ..
        } = self;
        write!(f, "Rows({outputs} of {inputs}, {kernel:?})")
    }
}

fn count(what: &'static str, given: usize, wanted: usize) -> Result<()> {
    if given == wanted {
        Ok(())
    } else {
        Err(Error::Count {
            what,
            given,
            wanted,
        })
    }
}
