//! What the settings say of where media are.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use anyhow::Context;
use bellhop_domain::Secret;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::prefix::PrefixStore;
use object_store::{ClientOptions, RetryConfig};
use reqwest::Url;

use super::Objects;

/// Where media are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaPlace {
    Folder(PathBuf),
    Bucket {
        name: String,
        /// Under which everything stands; without slashes at its ends, empty for the whole bucket.
        prefix: String,
    },
}

/// How a bucket is reached.
#[derive(Debug, Clone)]
pub struct S3 {
    /// `None` for Amazon's own.
    pub endpoint: Option<String>,
    pub region: String,
    /// Id and secret; `None` where the machine has a role.
    pub key: Option<(Secret, Secret)>,
}

/// `file:///path` or `s3://bucket/prefix`.
impl FromStr for MediaPlace {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let url = Url::parse(text).map_err(|_| ())?;
        let bare = url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none()
            && url.port().is_none();
        match (url.scheme(), url.host_str()) {
            ("file", None) if bare && text.starts_with("file:///") && url.path() != "/" => {
                Ok(Self::Folder(url.to_file_path()?))
            }
            ("s3", Some(bucket)) if bare && is_bucket(bucket) && is_key(url.path()) => {
                Ok(Self::Bucket { name: bucket.to_owned(), prefix: url.path().trim_matches('/').to_owned() })
            }
            _ => Err(()),
        }
    }
}

/// Source: Amazon, "Bucket naming rules".
fn is_bucket(name: &str) -> bool {
    (3..=63).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b))
}

/// Only what no server, proxy or library writes in two ways.
fn is_key(path: &str) -> bool {
    path.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./".contains(&b)) && !path.contains("//")
}

impl MediaPlace {
    /// # Errors
    /// When the folder cannot be made or the bucket's settings not be used. A bucket is not asked: its server
    /// may be away for a while, and everything but media goes on.
    pub fn open(&self, s3: &S3) -> anyhow::Result<Objects> {
        match self {
            Self::Folder(path) => {
                folder(path).with_context(|| format!("media cannot be kept in {}", path.display()))
            }
            Self::Bucket { name, prefix } => {
                bucket(name, prefix, s3).context("BELLHOP_MEDIA_URL cannot be used")
            }
        }
    }
}

fn folder(path: &Path) -> anyhow::Result<Objects> {
    // Guests' documents are nobody else's on this machine.
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    // A row that says "in whole" commits durably, so the file must be there after a power cut too.
    let store = LocalFileSystem::new_with_prefix(path)?.with_fsync(true);
    Ok(Objects::in_folder(store, path.canonicalize()?))
}

/// The library's own patience is three minutes, longer than any request here lives.
const RETRIES: usize = 3;
const RETRY_FOR: Duration = Duration::from_secs(10);

/// Of silence, not of the whole: how long a large file takes depends on whoever reads it.
const SILENCE: Duration = Duration::from_secs(30);

fn bucket(name: &str, prefix: &str, s3: &S3) -> anyhow::Result<Objects> {
    let client = ClientOptions::new()
        .with_timeout_disabled()
        .with_read_timeout(SILENCE)
        .with_connect_timeout(Duration::from_secs(5));
    let retry = RetryConfig { max_retries: RETRIES, retry_timeout: RETRY_FOR, ..RetryConfig::default() };
    // Path-style addresses, the library's default, are those that every compatible server takes.
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(name)
        .with_region(&s3.region)
        .with_client_options(client)
        .with_retry(retry);
    if let Some(endpoint) = &s3.endpoint {
        builder = builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http://"));
    }
    if let Some((id, secret)) = &s3.key {
        builder = builder.with_access_key_id(id.expose()).with_secret_access_key(secret.expose());
    }
    let store = builder.build()?;
    Ok(match prefix {
        "" => Objects::new(store),
        prefix => Objects::new(PrefixStore::new(store, prefix)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read() {
        let bucket =
            |name: &str, prefix: &str| MediaPlace::Bucket { name: name.into(), prefix: prefix.into() };
        for (text, place) in [
            ("file:///var/lib/bellhop/media", MediaPlace::Folder("/var/lib/bellhop/media".into())),
            ("file:///a%20b/", MediaPlace::Folder("/a b/".into())),
            ("s3://hotel", bucket("hotel", "")),
            ("s3://hotel/", bucket("hotel", "")),
            ("s3://hotel.example/media/v1/", bucket("hotel.example", "media/v1")),
        ] {
            assert_eq!(text.parse(), Ok(place), "{text}");
        }
        for bad in [
            "",
            "media",
            "/media",
            "file://media",
            "file:media",
            "file:///",
            "s3://Hotel",
            "s3://",
            "s3:hotel",
            "s3:///x",
            "s3://u:p@hotel/x",
            "s3://hotel/x?y",
            "s3://hotel/a//b",
            "s3://hotel/a b",
            "https://hotel/x",
            "s3://hotel:9000/x",
        ] {
            assert_eq!(bad.parse::<MediaPlace>(), Err(()), "{bad}");
        }
    }
}
