use std::ops::Range;
use std::pin::Pin;

use async_trait::async_trait;
use bytes::Bytes;
use futures_core::Stream;

/// A file as it comes: nobody holds it whole.
pub type ByteStream = Pin<Box<dyn Stream<Item = std::io::Result<Bytes>> + Send>>;

/// Where uploaded files are kept.
#[async_trait]
pub trait MediaStore: Send + Sync {
    /// Keeps a file under a key that was never used before. Nothing stays of one whose stream breaks off,
    /// and nobody sees one that is not in whole.
    async fn put(&self, key: &str, bytes: ByteStream) -> Result<(), MediaStoreError>;

    /// `NotFound` when there is no such file.
    async fn get(&self, key: &str) -> Result<ByteStream, MediaStoreError>;

    /// The bytes from `part.start` up to `part.end`, which lie within the file.
    async fn get_part(&self, key: &str, part: Range<u64>) -> Result<ByteStream, MediaStoreError>;

    /// A file that is not there is as good as removed; so is what a death left of one.
    async fn delete(&self, key: &str) -> Result<(), MediaStoreError>;
}

#[derive(Debug, thiserror::Error)]
pub enum MediaStoreError {
    #[error("the file is not there")]
    NotFound,
    /// Whoever sent the file broke off, or sent something that is not taken.
    #[error("the file could not be read: {0}")]
    Source(#[source] std::io::Error),
    #[error("the media store failed: {0}")]
    Failed(String),
}
