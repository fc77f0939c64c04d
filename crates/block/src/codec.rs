//! The byte codec that every format of Dolium is written in: fixed-width and LEB128 integers, and
//! length-prefixed bytes.
//!
//! Promises: [`Reader`] never reads past its input, never allocates more than its input holds, and
//! accepts one encoding of each integer only, so that equal values have equal bytes.

use crate::{Error, Result};

/// Writes fields one after another.
#[derive(Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// An empty output.
    pub fn new() -> Self {
        Self::default()
    }

    /// One byte.
    pub fn u8(&mut self, value: u8) -> &mut Self {
        self.bytes.push(value);
        self
    }

    /// Four bytes, big-endian.
    pub fn u32(&mut self, value: u32) -> &mut Self {
        self.raw(&value.to_be_bytes())
    }

    /// Eight bytes, big-endian.
    pub fn u64(&mut self, value: u64) -> &mut Self {
        self.raw(&value.to_be_bytes())
    }

    /// One to ten bytes, LEB128.
    pub fn varint(&mut self, mut value: u64) -> &mut Self {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
        self
    }

    /// A signed integer, zigzag then LEB128.
    pub fn signed(&mut self, value: i64) -> &mut Self {
        self.varint(((value << 1) ^ (value >> 63)) as u64)
    }

    /// The bytes themselves, without a length.
    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// A varint length, then the bytes.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.varint(bytes.len() as u64).raw(bytes)
    }

    /// How many bytes were written.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// True when nothing was written.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The output.
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// Reads fields one after another from hostile bytes.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    what: &'static str,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the first byte; `what` names the structure in errors.
    pub fn new(what: &'static str, bytes: &'a [u8]) -> Self {
        Self { what, rest: bytes }
    }

    fn fail(&self, why: &'static str) -> Error {
        Error::malformed(self.what, why)
    }

    /// The next `len` bytes.
    pub fn raw(&mut self, len: usize) -> Result<&'a [u8]> {
        let (head, rest) = self
            .rest
            .split_at_checked(len)
            .ok_or_else(|| self.fail("ends early"))?;
        self.rest = rest;
        Ok(head)
    }

    /// The next `N` bytes as an array.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (head, rest) = self
            .rest
            .split_first_chunk::<N>()
            .ok_or_else(|| self.fail("ends early"))?;
        self.rest = rest;
        Ok(*head)
    }

    /// One byte.
    pub fn u8(&mut self) -> Result<u8> {
        Ok(self.array::<1>()?[0])
    }

    /// Four bytes, big-endian.
    pub fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    /// Eight bytes, big-endian.
    pub fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    /// A LEB128 integer in its shortest form.
    pub fn varint(&mut self) -> Result<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(self.fail("integer over 64 bits"));
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                if byte == 0 && shift > 0 {
                    return Err(self.fail("integer not in its shortest form"));
                }
                return Ok(value);
            }
        }
        Err(self.fail("integer over 64 bits"))
    }

    /// A zigzag LEB128 integer.
    pub fn signed(&mut self) -> Result<i64> {
        let raw = self.varint()?;
        Ok((raw >> 1) as i64 ^ -((raw & 1) as i64))
    }

    /// A varint that must be at most `max`.
    pub fn varint_max(&mut self, max: u64, why: &'static str) -> Result<u64> {
        let value = self.varint()?;
        if value > max {
            Err(self.fail(why))
        } else {
            Ok(value)
        }
    }

    /// Length-prefixed bytes.
    pub fn bytes(&mut self) -> Result<&'a [u8]> {
        let len = self.varint_max(self.rest.len() as u64, "length past the end")?;
        self.raw(len as usize)
    }

    /// How many bytes are left.
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Asserts that everything was read.
    pub fn end(&self) -> Result<()> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(self.fail("bytes after the end"))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn integers_round_trip(unsigned: u64, signed: i64, bytes: Vec<u8>) {
            let mut out = Writer::new();
            out.varint(unsigned).signed(signed).bytes(&bytes).u64(unsigned);
            let out = out.finish();
            let mut reader = Reader::new("test", &out);
            prop_assert_eq!(reader.varint().unwrap(), unsigned);
            prop_assert_eq!(reader.signed().unwrap(), signed);
            prop_assert_eq!(reader.bytes().unwrap(), &bytes[..]);
            prop_assert_eq!(reader.u64().unwrap(), unsigned);
            reader.end().unwrap();
        }
    }

    #[test]
    fn only_the_shortest_integer_is_accepted() {
        let read = |bytes: &[u8]| Reader::new("test", bytes).varint();
        assert_eq!(read(&[0x00]), Ok(0));
        assert!(read(&[0x80, 0x00]).is_err());
        assert!(read(&[0xff; 11]).is_err());
        assert!(read(&[0x80]).is_err());
    }

    #[test]
    fn a_length_past_the_end_is_refused_before_allocating() {
        assert!(
            Reader::new("test", &[0xff, 0xff, 0xff, 0xff, 0x0f, 1])
                .bytes()
                .is_err()
        );
    }
}
