//! Resumable uploads: samples of template headers, and pictures of profiles.
//!
//! Nobody looks at a sample again, so its bytes are counted and let go.

/// One upload, from its start to its handle.
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    pub length: u64,
    pub mime_type: String,
    pub received: u64,
}
