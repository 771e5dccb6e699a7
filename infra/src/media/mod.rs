//! Where uploaded files are kept: a folder, or S3-compatible storage.

mod objects;
mod place;
#[cfg(test)]
mod tests;

pub use objects::Objects;
pub use place::{MediaPlace, S3};
