//! [`MediaStore`] over any object store: a file is an object.

use std::fmt::Display;
use std::io;
use std::ops::Range;
use std::path::PathBuf;

use async_trait::async_trait;
use bellhop_domain::ports::{ByteStream, MediaStore, MediaStoreError};
use bytes::Bytes;
use futures_util::stream::Fuse;
use futures_util::{StreamExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{Error, GetOptions, MultipartUpload, ObjectStore, ObjectStoreExt};

/// The least that S3 takes as a part. Two are held at a time: one on its way, one that fills.
const PART: usize = 5 << 20;

type Result<T> = std::result::Result<T, MediaStoreError>;

pub struct Objects {
    store: Box<dyn ObjectStore>,
    /// Where the store is a folder.
    folder: Option<PathBuf>,
}

impl Objects {
    pub fn new(store: impl ObjectStore) -> Self {
        Self { store: Box::new(store), folder: None }
    }

    pub fn in_folder(store: LocalFileSystem, folder: PathBuf) -> Self {
        Self { store: Box::new(store), folder: Some(folder) }
    }

    async fn open(&self, key: &str, options: GetOptions) -> Result<ByteStream> {
        let found = self.store.get_opts(&path(key)?, options).await.map_err(failed)?;
        Ok(found.into_stream().map_err(io::Error::other).boxed())
    }

    /// All parts but the first, which is already there. Nobody sees any of it before the last line.
    async fn put_parts(&self, to: &Path, first: Vec<u8>, parts: &mut Parts) -> Result<()> {
        let mut upload = self.store.put_multipart(to).await.map_err(failed)?;
        let written = match write(upload.as_mut(), first, parts).await {
            Ok(()) => upload.complete().await.map(drop).map_err(failed),
            Err(error) => Err(error),
        };
        if written.is_err()
            && let Err(error) = upload.abort().await
        {
            tracing::warn!(%error, "what was stored of a file that broke off was not taken back");
        }
        written
    }
}

/// Reads the next part while one is on its way.
async fn write(upload: &mut dyn MultipartUpload, first: Vec<u8>, parts: &mut Parts) -> Result<()> {
    let mut part = first;
    loop {
        let sent = upload.put_part(part.into());
        let (sent, next) = futures_util::future::join(sent, parts.next()).await;
        sent.map_err(failed)?;
        part = next?;
        if part.is_empty() {
            return Ok(());
        }
    }
}

/// A stream cut into parts of [`PART`] bytes; the last may be shorter.
struct Parts {
    /// Asked again after its end: the last part may be a short one.
    bytes: Fuse<ByteStream>,
    /// What came beyond the part that was asked for.
    rest: Bytes,
}

impl Parts {
    /// Empty at the end.
    async fn next(&mut self) -> Result<Vec<u8>> {
        // Memory that is not written to is not taken: a small file costs no 5 MB.
        let mut part = Vec::with_capacity(PART);
        loop {
            part.extend_from_slice(&self.rest.split_to(self.rest.len().min(PART - part.len())));
            if part.len() == PART {
                return Ok(part);
            }
            match self.bytes.next().await {
                Some(piece) => self.rest = piece.map_err(MediaStoreError::Source)?,
                None => return Ok(part),
            }
        }
    }
}

#[async_trait]
impl MediaStore for Objects {
    async fn put(&self, key: &str, bytes: ByteStream) -> Result<()> {
        let to = path(key)?;
        let mut parts = Parts { bytes: bytes.fuse(), rest: Bytes::new() };
        let first = parts.next().await?;
        if first.len() < PART {
            // Most files are small, and one request instead of three.
            return self.store.put(&to, first.into()).await.map(drop).map_err(failed);
        }
        self.put_parts(&to, first, &mut parts).await
    }

    async fn get(&self, key: &str) -> Result<ByteStream> {
        self.open(key, GetOptions::default()).await
    }

    async fn get_part(&self, key: &str, part: Range<u64>) -> Result<ByteStream> {
        self.open(key, GetOptions { range: Some(part.into()), ..GetOptions::default() }).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        if let Some(folder) = &self.folder {
            remove_unfinished(folder.join(format!("{key}#1"))).await?;
        }
        match self.store.delete(&path(key)?).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }
}

/// In a folder the library writes to the name with `#1`, and renames at the end. A process that dies in between
/// leaves it, under a name that the library itself refuses to touch.
async fn remove_unfinished(path: PathBuf) -> Result<()> {
    let removed = tokio::task::spawn_blocking(move || std::fs::remove_file(path)).await;
    match removed.map_err(failed_text)? {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed_text(error)),
    }
}

fn path(key: &str) -> Result<Path> {
    Path::parse(key).map_err(failed_text)
}

fn failed(error: Error) -> MediaStoreError {
    match error {
        Error::NotFound { .. } => MediaStoreError::NotFound,
        other => failed_text(other),
    }
}

fn failed_text(error: impl Display) -> MediaStoreError {
    MediaStoreError::Failed(error.to_string())
}
