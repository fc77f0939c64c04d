//! The S3 front end: the protocol of Amazon S3 over the store.
