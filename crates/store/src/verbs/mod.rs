//! The verbs of the store, one file for each noun they act on.

mod completions;
mod containers;
mod copies;
mod event;
mod guards;
mod listings;
mod objects;
mod parts;
mod renames;
mod settings;
mod uploads;
pub(crate) mod writing;

pub use containers::ContainerRequest;
pub(crate) use event::Occasion;
pub use event::{Cause, EVENT, REQUEST_ID};
pub(crate) use settings::change;
pub use settings::{AccessSettings, ContainerOwner, SettingChange};
pub use uploads::{PART_NUMBER_MAX, UploadEntry};

pub(crate) use copies::load_references;
