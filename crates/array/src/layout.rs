//! How a blob is spread: `erasure:k+m` or `mirror:n`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Error, ErrorKind, Result};

/// Limits that keep a stripe sensible; the code itself would take 256 shards.
const DATA_MAX: u8 = 32;
const PARITY_MAX: u8 = 16;
const COPIES_MAX: u8 = 16;

/// How many shards a blob has, and how many of them are enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Layout {
    /// Reed–Solomon: any `data` of the shards are enough.
    Erasure {
        /// Shards that hold the blob's bytes: 2 to 32.
        data: u8,
        /// Shards beyond: 1 to 16.
        parity: u8,
    },
    /// Whole copies: any one is enough.
    Mirror {
        /// How many: 1 to 16.
        copies: u8,
    },
}

impl Layout {
    /// A checked `erasure:data+parity`.
    pub fn erasure(data: u8, parity: u8) -> Result<Self> {
        if (2..=DATA_MAX).contains(&data) && (1..=PARITY_MAX).contains(&parity) {
            return Ok(Self::Erasure { data, parity });
        }
        let why =
            format!("erasure:{data}+{parity}: use 2..={DATA_MAX} data and 1..={PARITY_MAX} parity");
        Err(Error::new(ErrorKind::Invalid, "layout", why))
    }

    /// A checked `mirror:copies`.
    pub fn mirror(copies: u8) -> Result<Self> {
        if (1..=COPIES_MAX).contains(&copies) {
            return Ok(Self::Mirror { copies });
        }
        let why = format!("mirror:{copies}: use 1..={COPIES_MAX} copies");
        Err(Error::new(ErrorKind::Invalid, "layout", why))
    }

    /// The same layout, checked: the fields are public.
    pub fn validated(self) -> Result<Self> {
        match self {
            Self::Erasure { data, parity } => Self::erasure(data, parity),
            Self::Mirror { copies } => Self::mirror(copies),
        }
    }

    /// How many shards are enough to read a blob.
    pub fn data(self) -> u8 {
        match self {
            Self::Erasure { data, .. } => data,
            Self::Mirror { .. } => 1,
        }
    }

    /// How many shards may be lost.
    pub fn parity(self) -> u8 {
        match self {
            Self::Erasure { parity, .. } => parity,
            Self::Mirror { copies } => copies.saturating_sub(1),
        }
    }

    /// How many shards there are.
    pub fn shards(self) -> u8 {
        self.data() + self.parity()
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Erasure { data, parity } => write!(f, "erasure:{data}+{parity}"),
            Self::Mirror { copies } => write!(f, "mirror:{copies}"),
        }
    }
}

impl FromStr for Layout {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let invalid = || {
            let why = format!("{text:?} is not like \"erasure:3+1\" or \"mirror:2\"");
            Error::new(ErrorKind::Invalid, "layout", why)
        };
        let number = |text: &str| text.parse::<u8>().map_err(|_| invalid());
        match text.split_once(':') {
            Some(("erasure", counts)) => {
                let (data, parity) = counts.split_once('+').ok_or_else(invalid)?;
                Self::erasure(number(data)?, number(parity)?)
            }
            Some(("mirror", copies)) => Self::mirror(number(copies)?),
            _ => Err(invalid()),
        }
    }
}

impl From<Layout> for String {
    fn from(layout: Layout) -> Self {
        layout.to_string()
    }
}

impl TryFrom<String> for Layout {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_round_trips_and_limits_hold() {
        for text in [
            "erasure:3+1",
            "erasure:4+2",
            "erasure:32+16",
            "mirror:1",
            "mirror:16",
        ] {
            let layout: Layout = text.parse().unwrap();
            assert_eq!(layout.to_string(), text);
            let json = serde_json::to_string(&layout).unwrap();
            assert_eq!(serde_json::from_str::<Layout>(&json).unwrap(), layout);
        }
        let bad = [
            "",
            "mirror",
            "mirror:0",
            "mirror:17",
            "erasure:1+1",
            "erasure:3+0",
            "erasure:33+1",
            "erasure:3",
            "erasure:3+1+1",
            "raid:5",
            "mirror:-1",
            "erasure:300+1",
        ];
        for text in bad {
            assert!(text.parse::<Layout>().is_err(), "{text}");
        }
    }
}
