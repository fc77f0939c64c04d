//! The verbs of the store, one file for each noun they act on.

mod accounts;
mod archive;
mod changes;
mod completions;
mod container_edits;
mod containers;
mod copies;
mod deletions;
mod descriptions;
mod elected;
mod event;
mod groups;
mod guards;
mod hashmaps;
mod listings;
mod loose_blocks;
mod objects;
mod opened;
mod parts;
mod past;
mod patches;
mod quota;
mod renames;
mod restores;
mod revisions;
mod settings;
mod sharers;
mod shown_listings;
mod sweeps;
mod transfers;
mod uploads;
pub(crate) mod writing;

pub use accounts::{Account, AccountEdit, AccountSettings, QUOTA};
pub use archive::{
    ARCHIVE, ARCHIVE_HISTORY, ARCHIVE_MODE, ARCHIVE_STACK, ARCHIVE_TO, ARCHIVED_DELETION,
};
pub use changes::{ChangeOf, ChangePage, ObjectChange};
pub use container_edits::{ContainerEdit, ContainerSettings, ContainerView};
pub use containers::ContainerRequest;
pub use descriptions::DescriptionEdit;
pub use event::{Cause, EVENT, REQUEST_ID};
pub(crate) use event::{Occasion, sent};
pub use hashmaps::{Hashmap, MapOutcome, opaque_tag};
pub use opened::Opened;
pub use past::{BrowseRequest, BrowseTest, ContainerPast};
pub use patches::{Patch, PatchBytes};
pub use quota::CURRENT_BYTES;
pub use restores::Restored;
pub(crate) use settings::change;
pub use settings::{AccessSettings, ContainerOwner, SettingChange};
pub use sharers::{Followed, PathSharing};
pub use transfers::Transfer;
pub use uploads::{PART_NUMBER_MAX, UploadEntry};

pub(crate) use copies::{load_references, same_grid};
pub(crate) use deletions::remove_current;
