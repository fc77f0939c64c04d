//! Which erasure code made a blob's parity: a fact of how the blob lies, not of what its owner asks for.
//!
//! New blobs are cut with the code that is best today; what was cut before is read and repaired with its own. So the
//! code is recorded with each blob, beside its layout and in one text with it.
//!
//! Promises: what was ever recorded is read for ever; one text for each layout and code.

use crate::{Error, ErrorKind, Layout, Result};

/// What follows the layout in the record of a blob that is cut with the Cauchy code. Records of builds before it
/// are the layout alone.
const CAUCHY: &str = "/cauchy";

/// The erasure code of a blob. Copies have no parity: theirs is always [`Coding::Cauchy`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Coding {
    /// The systematic Vandermonde matrix of `reed-solomon-erasure` 6 and Backblaze's library: what the first builds
    /// wrote.
    Vandermonde,
    /// A Cauchy matrix whose first row is all ones, so that the first parity is the XOR of the data: new blobs.
    Cauchy,
}

impl Coding {
    /// The text that records a blob's layout and code, such as `erasure:3+1/cauchy`.
    pub fn record(self, layout: Layout) -> String {
        match (layout, self) {
            (Layout::Erasure { .. }, Self::Cauchy) => format!("{layout}{CAUCHY}"),
            (Layout::Erasure { .. }, Self::Vandermonde) | (Layout::Mirror { .. }, _) => {
                layout.to_string()
            }
        }
    }

    /// Every text that [`Coding::record`] makes for blobs of a layout.
    pub fn records(layout: Layout) -> [String; 2] {
        [Self::Vandermonde, Self::Cauchy].map(|coding| coding.record(layout))
    }

    /// Reads what [`Coding::record`] made.
    pub fn parse_record(text: &str) -> Result<(Layout, Self)> {
        let cauchy = text.strip_suffix(CAUCHY);
        let layout = cauchy.unwrap_or(text).parse()?;
        match (layout, cauchy) {
            (Layout::Erasure { .. }, None) => Ok((layout, Self::Vandermonde)),
            (Layout::Erasure { .. }, Some(_)) | (Layout::Mirror { .. }, None) => {
                Ok((layout, Self::Cauchy))
            }
            (Layout::Mirror { .. }, Some(_)) => {
                let why = format!("{text:?}: copies have no code");
                Err(Error::new(ErrorKind::Invalid, "layout", why))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_round_trip_and_those_of_older_builds_mean_the_older_code() {
        for (text, layout, coding) in [
            ("erasure:3+2", "erasure:3+2", Coding::Vandermonde),
            ("erasure:3+2/cauchy", "erasure:3+2", Coding::Cauchy),
            ("mirror:2", "mirror:2", Coding::Cauchy),
        ] {
            let layout: Layout = layout.parse().unwrap();
            assert_eq!(Coding::parse_record(text).unwrap(), (layout, coding));
            assert_eq!(coding.record(layout), text);
            assert!(Coding::records(layout).contains(&text.to_owned()), "{text}");
        }
        let bad = [
            "",
            "/cauchy",
            "mirror:2/cauchy",
            "erasure:3+2/",
            "erasure:3+2/xor",
            "erasure:3+2/cauchy/cauchy",
            "erasure:3+0/cauchy",
        ];
        for text in bad {
            assert!(Coding::parse_record(text).is_err(), "{text}");
        }
    }
}
