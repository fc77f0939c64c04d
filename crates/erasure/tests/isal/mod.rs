//! Intel's ISA-L, loaded at run time where it is installed (Debian: libisal2): an oracle and a peer, never a dependency.
#![allow(unsafe_code, reason = "functions of a C library")]

use libloading::Library;

type InitTables = unsafe extern "C" fn(i32, i32, *const u8, *mut u8);
type EncodeData = unsafe extern "C" fn(i32, i32, i32, *const u8, *const *const u8, *const *mut u8);

/// The library.
pub(crate) struct Isal {
    library: Library,
}

/// Rows of coefficients as ISA-L wants them.
pub(crate) struct IsalRows {
    inputs: usize,
    outputs: usize,
    tables: Vec<u8>,
}

impl Isal {
    /// Loads it; `None` where it is not installed. With `DOLIUM_ISAL=required` that is a failure.
    pub(crate) fn load() -> Option<Self> {
        // SAFETY: the library has no initialisers that could do harm.
        let loaded = unsafe { Library::new("libisal.so.2") };
        match loaded {
            Ok(library) => Some(Self { library }),
            Err(error) => {
                let required = std::env::var("DOLIUM_ISAL").is_ok_and(|value| value == "required");
                assert!(!required, "ISA-L is not installed: {error}");
                None
            }
        }
    }

    /// Prepares rows, given row after row.
    pub(crate) fn rows(&self, coefficients: &[u8], inputs: usize) -> IsalRows {
        let outputs = coefficients.len() / inputs;
        let mut tables = vec![0; 32 * inputs * outputs];
        // SAFETY: the function has this type (erasure_code.h), reads k × rows bytes and writes 32 for each.
        unsafe {
            let init = self.library.get::<InitTables>(b"ec_init_tables\0");
            let init = init.expect("ISA-L has ec_init_tables");
            init(
                inputs as i32,
                outputs as i32,
                coefficients.as_ptr(),
                tables.as_mut_ptr(),
            );
        }
        IsalRows {
            inputs,
            outputs,
            tables,
        }
    }

    /// Writes the outputs.
    pub(crate) fn apply(&self, rows: &IsalRows, inputs: &[&[u8]], outputs: &mut [&mut [u8]]) {
        let len = inputs[0].len();
        assert!(inputs.len() == rows.inputs && outputs.len() == rows.outputs);
        assert!(inputs.iter().all(|input| input.len() == len));
        assert!(outputs.iter().all(|output| output.len() == len));
        let from: Vec<*const u8> = inputs.iter().map(|input| input.as_ptr()).collect();
        let to: Vec<*mut u8> = outputs
            .iter_mut()
            .map(|output| output.as_mut_ptr())
            .collect();
        // SAFETY: the function has this type (erasure_code.h); all buffers have `len` bytes, and the tables are
        // those of these rows.
        unsafe {
            let encode = self.library.get::<EncodeData>(b"ec_encode_data\0");
            let encode = encode.expect("ISA-L has ec_encode_data");
            encode(
                len as i32,
                rows.inputs as i32,
                rows.outputs as i32,
                rows.tables.as_ptr(),
                from.as_ptr(),
                to.as_ptr(),
            );
        }
    }
}
