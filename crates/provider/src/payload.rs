//! What is put: bytes in ordered segments, so that a header, a body and checksums need no copy to
//! become one blob.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

/// Immutable bytes in segments. Cloning is cheap.
#[derive(Clone, Default)]
pub struct Payload {
    segments: Arc<[Bytes]>,
    len: u64,
}

impl Payload {
    /// The number of bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// True when there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The segments in order. None is empty.
    pub fn segments(&self) -> &[Bytes] {
        &self.segments
    }

    /// All bytes in one piece: a copy unless there is one segment only.
    pub fn to_bytes(&self) -> Bytes {
        if let [only] = &*self.segments {
            return only.clone();
        }
        let mut all = BytesMut::with_capacity(self.len as usize);
        for segment in self.segments.iter() {
            all.extend_from_slice(segment);
        }
        all.freeze()
    }
}

impl From<Vec<Bytes>> for Payload {
    fn from(mut segments: Vec<Bytes>) -> Self {
        segments.retain(|segment| !segment.is_empty());
        let len = segments.iter().map(|segment| segment.len() as u64).sum();
        Self {
            segments: segments.into(),
            len,
        }
    }
}

impl From<Bytes> for Payload {
    fn from(bytes: Bytes) -> Self {
        Self::from(vec![bytes])
    }
}

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Self {
        Self::from(Bytes::from(bytes))
    }
}

impl std::fmt::Debug for Payload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Payload({} bytes in {} segments)",
            self.len,
            self.segments.len()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_join_in_order() {
        let parts = [&b"ab"[..], b"", b"c"].map(Bytes::from_static).to_vec();
        let payload = Payload::from(parts);
        assert_eq!(payload.len(), 3);
        assert_eq!(payload.segments().len(), 2);
        assert_eq!(payload.to_bytes(), "abc");
        assert!(Payload::from(Vec::<u8>::new()).is_empty());
        assert_eq!(Payload::default().to_bytes(), "");
    }
}
