//! The verbs of the store, one file for each noun they act on.

mod containers;
mod copies;
mod event;
mod listings;
mod objects;
mod uploads;
mod writing;

pub use event::Cause;
pub use uploads::{PART_NUMBER_MAX, UploadEntry};

pub(crate) use copies::load_references;
