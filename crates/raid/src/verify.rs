//! Reading all copies of an object, where listings say too little.
//!
//! Promises: memory for a piece of each copy. A copy that cannot be read, or is not what its listing
//! says, is named.

use std::time::Duration;

use dolium_provider::objects::{ContentDigest, ContentTag, ObjectInfo};
use dolium_provider::{Error as ServiceError, ErrorKind as ServiceErrorKind};
use futures::StreamExt;
use futures::future::join_all;
use tokio::time::timeout;

use crate::{Copy, Raid, Row, Watch};

/// A service that sends nothing for this long is left.
const STALL_MAX: Duration = Duration::from_secs(30);

impl Raid {
    /// The same row with checksums of what was read, and the copies that proved wrong.
    pub async fn verified(
        &self,
        row: &Row,
        watch: &dyn Watch,
    ) -> (Row, Vec<(usize, ServiceError)>) {
        let read = row
            .copies
            .iter()
            .enumerate()
            .map(async |(at, copy)| match copy.info() {
                Some(info) => Some(self.checksum(at, info, watch).await),
                None => None,
            });
        let (mut verified, mut wrong) = (row.clone(), Vec::new());
        for (at, read) in join_all(read).await.into_iter().enumerate() {
            match (read, &mut verified.copies[at]) {
                (Some(Ok(md5)), Copy::Present(info)) => info.tag = ContentTag::Md5(md5),
                (Some(Err(error)), _) => wrong.push((at, error)),
                _ => {}
            }
        }
        (verified, wrong)
    }

    async fn checksum(
        &self,
        at: usize,
        info: &ObjectInfo,
        watch: &dyn Watch,
    ) -> Result<[u8; 16], ServiceError> {
        let failed = |kind, why: String| {
            Err(ServiceError::new(
                kind,
                "check",
                format!("{}: {why}", info.key),
            ))
        };
        let late = || failed(ServiceErrorKind::Unavailable, "it sends nothing".to_owned());
        let mut body = match timeout(STALL_MAX, self.services[at].objects.read(&info.key, 0)).await
        {
            Err(_) => return late(),
            Ok(body) => body?,
        };
        let mut digest = ContentDigest::new(Some(info.len));
        loop {
            match timeout(STALL_MAX, body.next()).await {
                Err(_) => return late(),
                Ok(None) => break,
                Ok(Some(Err(error))) => {
                    return failed(
                        ServiceErrorKind::Unavailable,
                        format!("it broke off: {error}"),
                    );
                }
                Ok(Some(Ok(piece))) => {
                    digest.update(&piece);
                    watch.moved(at, piece.len() as u64);
                }
            }
        }
        let digests = digest.finish();
        if digests.len != info.len || digests.fits(&info.tag) == Some(false) {
            return failed(
                ServiceErrorKind::Corrupt,
                "its bytes are not what is listed".to_owned(),
            );
        }
        Ok(digests.md5)
    }
}
