//! Searching what a provider keeps for everything that would give a known file away.
//!
//! Promises: every 8 bytes in a row of a known file (15 of a long one) are looked for at every offset, but for runs of one
//! byte, which headers and padding have too; so are the digests of files and of their blocks, raw and in the usual
//! spellings, and texts, in names and bytes. The search itself is tested.

use std::collections::HashMap;

use md5::{Digest, Md5};
use sha1::Sha1;
use sha2::Sha256;

use super::super::world::noise;

/// The block length of containers.
const BLOCK: usize = 4 << 20;
/// Bits of the filter that most windows do not pass.
const FILTER_BITS: u32 = 27;
/// The length of what is looked for.
const WINDOW: usize = 8;
/// Of files above this every eighth piece is looked for: what has 15 bytes of them in a row has one.
const LONG: usize = 64 << 10;

/// Files that somebody else has too.
pub(super) fn known_files() -> Vec<(String, Vec<u8>)> {
    let mut text = String::new();
    for n in 0_u64.. {
        text += &format!(
            "{n}. The quick brown fox jumps over the lazy dog, {} times.\n",
            n * n
        );
        if text.len() > BLOCK {
            break;
        }
    }
    let mut files = vec![
        ("prose.txt".to_owned(), text.into_bytes()),
        ("zeros.bin".to_owned(), vec![0; 3 << 20]),
        ("noise.bin".to_owned(), noise(77, 1 << 20)),
        (
            "sparse.bin".to_owned(),
            [vec![0; 5 << 20], noise(78, 1000)].concat(),
        ),
    ];
    for len in [0, 1, 7, 8, 100, 4095, 4096, 65_536, BLOCK + 1] {
        files.push((format!("length-{len}.dat"), noise(len as u64 + 1000, len)));
    }
    files
}

/// What is looked for.
pub(super) struct Search {
    /// The first bytes of each needle, and what it is.
    windows: HashMap<u64, String>,
    filter: Vec<u64>,
    /// Also in names, in lower case.
    names: Vec<(String, String)>,
}

impl Default for Search {
    fn default() -> Self {
        Self {
            windows: HashMap::new(),
            filter: vec![0; 1 << (FILTER_BITS - 6)],
            names: Vec::new(),
        }
    }
}

fn place(window: u64) -> (usize, u64) {
    let bit = window.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - FILTER_BITS);
    ((bit >> 6) as usize, 1 << (bit & 63))
}

fn window(bytes: &[u8]) -> Option<u64> {
    let eight = bytes.first_chunk::<WINDOW>()?;
    let even = eight.iter().all(|byte| *byte == eight[0]);
    (!even).then(|| u64::from_le_bytes(*eight))
}

impl Search {
    fn needle(&mut self, what: &str, bytes: &[u8]) {
        if let Some(window) = window(bytes) {
            let (word, bit) = place(window);
            self.filter[word] |= bit;
            self.windows
                .entry(window)
                .or_insert_with(|| what.to_owned());
        }
    }

    /// Looks for a text of at least eight characters in bytes, and for any in names.
    pub(super) fn text(&mut self, text: &str) {
        self.needle(&format!("the text {text}"), text.as_bytes());
        self.names
            .push((text.to_lowercase(), format!("the text {text}")));
    }

    /// Looks for pieces and digests of a file.
    pub(super) fn file(&mut self, name: &str, bytes: &[u8]) {
        let step = if bytes.len() > LONG { WINDOW } else { 1 };
        for at in (0..bytes.len().saturating_sub(WINDOW - 1)).step_by(step) {
            self.needle(name, &bytes[at..]);
        }
        self.digests(&format!("{name} as a whole"), bytes);
        for (n, block) in bytes.chunks(BLOCK).enumerate() {
            self.digests(&format!("block {n} of {name}"), block);
            let end = block
                .iter()
                .rposition(|byte| *byte != 0)
                .map_or(0, |at| at + 1);
            self.digests(
                &format!("block {n} of {name} without trailing zeros"),
                &block[..end],
            );
        }
    }

    fn digests(&mut self, what: &str, bytes: &[u8]) {
        let digests: [(&str, Vec<u8>); 3] = [
            ("SHA-256", Sha256::digest(bytes).to_vec()),
            ("SHA-1", Sha1::digest(bytes).to_vec()),
            ("MD5", Md5::digest(bytes).to_vec()),
        ];
        for (kind, digest) in digests {
            let what = format!("{kind} of {what}");
            let spelled = [
                hex::encode(&digest),
                hex::encode_upper(&digest),
                base64(&digest),
            ];
            self.needle(&what, &digest);
            for text in spelled {
                self.needle(&what, text.as_bytes());
                // A name may have only a part of it, or be cut into folders.
                self.names.push((text[..12].to_lowercase(), what.clone()));
            }
        }
    }

    /// What of it a provider has.
    pub(super) fn run(&self, kept: &[(String, Vec<u8>)]) -> Vec<String> {
        let mut found = Vec::new();
        for (name, bytes) in kept {
            let plain = name.to_lowercase();
            let flat = plain.replace('/', "");
            for (text, what) in &self.names {
                if plain.contains(text) || flat.contains(text) {
                    found.push(format!("{what} in the name {name}"));
                }
            }
            for at in 0..bytes.len().saturating_sub(WINDOW - 1) {
                let Some(window) = window(&bytes[at..]) else {
                    continue;
                };
                let (word, bit) = place(window);
                if self.filter[word] & bit != 0
                    && let Some(what) = self.windows.get(&window)
                {
                    found.push(format!("{what} in {name} at {at}"));
                }
            }
        }
        found
    }
}

/// Base64 without padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let mut word = 0u32;
        for n in 0..3 {
            word = word << 8 | u32::from(group.get(n).copied().unwrap_or(0));
        }
        for n in 0..=group.len() {
            text.push(char::from(DIGITS[(word >> (18 - 6 * n)) as usize & 63]));
        }
    }
    text
}

#[test]
fn the_search_finds_what_it_is_given() {
    let file = noise(3, 9000);
    let mut search = Search::default();
    search.file("mine", &file);
    search.text("private papers");
    let at = |name: &str, bytes: &[u8]| search.run(&[(name.to_owned(), bytes.to_vec())]);
    assert!(at("packs/aa/bb.0", &noise(4, 50_000)).is_empty());
    assert!(at("packs/aa/bb.0", &[0; 5000]).is_empty());
    let piece = [&[1, 2, 3], &file[8000..8008], &[4]].concat();
    assert_eq!(at("packs/aa/bb.0", &piece), ["mine in packs/aa/bb.0 at 3"]);
    let digest = Sha256::digest(&file);
    assert!(!at("packs/aa/bb.0", &digest).is_empty());
    assert!(!at("packs/aa/bb.0", base64(&Md5::digest(&file)).as_bytes()).is_empty());
    let text = hex::encode(digest);
    let spread = format!("{}/{}.0", &text[..2], &text[2..]);
    assert!(!at(&spread, &[]).is_empty());
    assert!(!at("x", b"in my private papers").is_empty());
    assert_eq!(base64(b"any carnal pleas"), "YW55IGNhcm5hbCBwbGVhcw");
}
