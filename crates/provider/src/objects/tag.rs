//! What services say of contents, and the same computed from bytes.
//!
//! An ETag of 32 hexadecimal digits is the MD5 of the content, quoted or not. With `-N` behind it, it
//! is the MD5 of the MD5s of N parts: equal ones mean equal contents, different ones mean nothing
//! unless the parts were cut alike. Anything else says nothing.
//!
//! Does not: know what encryption by a service's own keys does to ETags; settings say that they are
//! no checksums then.

use std::fmt;

use md5::{Digest, Md5};

use super::part_len;

/// What a service says of an object's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContentTag {
    /// Its MD5.
    Md5([u8; 16]),
    /// The MD5 over the MD5s of its parts, and their number.
    Multipart([u8; 16], u32),
    /// Nothing that could be compared.
    Nothing,
}

impl ContentTag {
    /// Reads an ETag as listings and headers have it.
    pub fn of_etag(text: &str) -> Self {
        let text = text.trim();
        // A weak tag means equivalent, not equal.
        if text.starts_with("W/") {
            return Self::Nothing;
        }
        let text = text.trim_matches('"');
        match text.split_once('-') {
            None => digits(text).map_or(Self::Nothing, Self::Md5),
            Some((sum, parts)) => {
                let number = parts.bytes().all(|byte| byte.is_ascii_digit());
                let parts: Option<u32> = parts.parse().ok().filter(|parts| number && *parts > 0);
                match (digits(sum), parts) {
                    (Some(sum), Some(parts)) => Self::Multipart(sum, parts),
                    _ => Self::Nothing,
                }
            }
        }
    }

    /// Reads an MD5 in base64, as Azure and Google have it.
    pub(crate) fn of_base64(text: &str) -> Self {
        use base64::Engine;
        let bytes = base64::engine::general_purpose::STANDARD.decode(text.trim());
        let sum = bytes.ok().and_then(|bytes| bytes.try_into().ok());
        sum.map_or(Self::Nothing, Self::Md5)
    }
}

impl fmt::Display for ContentTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sum, parts) = match self {
            Self::Md5(sum) => (sum, None),
            Self::Multipart(sum, parts) => (sum, Some(parts)),
            Self::Nothing => return f.write_str("-"),
        };
        for byte in sum {
            write!(f, "{byte:02x}")?;
        }
        parts.map_or(Ok(()), |parts| write!(f, "-{parts}"))
    }
}

fn digits(text: &str) -> Option<[u8; 16]> {
    if text.len() != 32 || !text.is_ascii() {
        return None;
    }
    let mut sum = [0; 16];
    for (at, byte) in sum.iter_mut().enumerate() {
        let pair = text.get(2 * at..2 * at + 2)?;
        if !pair.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(sum)
}

/// What a content's tags are, as far as services may know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digests {
    /// The number of bytes.
    pub len: u64,
    /// The MD5.
    pub md5: [u8; 16],
    /// The tag of an upload in parts as this crate cuts them.
    pub multipart: ContentTag,
}

impl Digests {
    /// Whether a service's tag fits this content: `None` when it cannot be told.
    pub fn fits(&self, tag: &ContentTag) -> Option<bool> {
        match tag {
            ContentTag::Md5(sum) => Some(*sum == self.md5),
            // Other tools cut parts differently, so only equality says something.
            ContentTag::Multipart(..) => (*tag == self.multipart).then_some(true),
            ContentTag::Nothing => None,
        }
    }
}

/// Computes [`Digests`] as bytes pass.
#[derive(Debug, Clone)]
pub struct ContentDigest {
    whole: Md5,
    part: Md5,
    sums: Md5,
    part_len: u64,
    part_filled: u64,
    parts: u32,
    len: u64,
}

impl ContentDigest {
    /// For a content of a length that may be known.
    pub fn new(len: Option<u64>) -> Self {
        Self {
            whole: Md5::new(),
            part: Md5::new(),
            sums: Md5::new(),
            part_len: part_len(len),
            part_filled: 0,
            parts: 0,
            len: 0,
        }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, mut bytes: &[u8]) {
        self.whole.update(bytes);
        self.len += bytes.len() as u64;
        while !bytes.is_empty() {
            let room = self.part_len - self.part_filled;
            let take = usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len());
            let (now, rest) = bytes.split_at(take);
            self.part.update(now);
            self.part_filled += take as u64;
            bytes = rest;
            if self.part_filled == self.part_len {
                self.close_part();
            }
        }
    }

    /// The bytes taken so far.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// True before the first byte.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn close_part(&mut self) {
        let sum = self.part.finalize_reset();
        self.sums.update(sum);
        self.part_filled = 0;
        self.parts = self.parts.saturating_add(1);
    }

    /// The digests of all bytes.
    pub fn finish(mut self) -> Digests {
        if self.part_filled > 0 {
            self.close_part();
        }
        let multipart = match self.parts {
            0 => ContentTag::Nothing,
            parts => ContentTag::Multipart(self.sums.finalize().into(), parts),
        };
        Digests {
            len: self.len,
            md5: self.whole.finalize().into(),
            multipart,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUM: &str = "9e107d9d372bb6826bd81d3542a419d6";

    #[test]
    fn etags_are_read_in_all_their_forms() {
        let md5 = ContentTag::of_etag(SUM);
        assert_eq!(md5.to_string(), SUM);
        for text in [
            format!("\"{SUM}\""),
            SUM.to_uppercase(),
            format!(" \"{SUM}\" "),
        ] {
            assert_eq!(ContentTag::of_etag(&text), md5, "{text}");
        }
        let parts = ContentTag::of_etag(&format!("\"{SUM}-12\""));
        assert_eq!(parts.to_string(), format!("{SUM}-12"));
        assert!(matches!(parts, ContentTag::Multipart(_, 12)));
        let nothing = [
            String::new(),
            "0x8D".to_owned(),
            format!("W/\"{SUM}\""),
            format!("{SUM}-"),
            format!("{SUM}-0"),
            format!("{SUM}-+1"),
            format!("{SUM}-x"),
            format!("+{}", &SUM[1..]),
            "é".repeat(16),
        ];
        for text in nothing {
            assert_eq!(ContentTag::of_etag(&text), ContentTag::Nothing, "{text}");
        }
        assert_eq!(ContentTag::of_base64("nhB9nTcrtoJr2B01QqQZ1g=="), md5);
        assert_eq!(ContentTag::of_base64("nhB9"), ContentTag::Nothing);
    }

    #[test]
    fn parts_are_digested_as_they_are_cut() {
        let content = vec![7; PART as usize + 5];
        let mut digest = ContentDigest::new(Some(content.len() as u64));
        for piece in content.chunks(1_000_003) {
            digest.update(piece);
        }
        let found = digest.finish();
        let sums = [&content[..PART as usize], &content[PART as usize..]]
            .map(|part| <[u8; 16]>::from(Md5::digest(part)));
        let joined = <[u8; 16]>::from(Md5::digest(sums.concat()));
        assert_eq!(found.multipart, ContentTag::Multipart(joined, 2));
        assert_eq!(found.fits(&found.multipart), Some(true));
        assert_eq!(found.fits(&ContentTag::Multipart([0; 16], 2)), None);
        assert_eq!(found.fits(&ContentTag::Md5([0; 16])), Some(false));
        assert_eq!(
            found.fits(&ContentTag::Md5(Md5::digest(&content).into())),
            Some(true)
        );
    }

    const PART: u64 = crate::objects::PART_LEN_MIN;
}
