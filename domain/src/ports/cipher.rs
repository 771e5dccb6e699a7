use crate::secret::Secret;

/// Encrypts credentials at rest. `context` binds a ciphertext to its row and column, so that it
/// cannot be moved to another.
pub trait Cipher: Send + Sync {
    /// With the key in use.
    fn encrypt(&self, plain: &Secret, context: &str) -> Vec<u8>;

    /// With the key in use, or one that is on its way out.
    fn decrypt(&self, sealed: &[u8], context: &str) -> Result<Secret, CipherError>;

    /// The same under the key in use; `None` when it is that already.
    fn reseal(&self, sealed: &[u8], context: &str) -> Result<Option<Vec<u8>>, CipherError>;
}

/// The bytes were not sealed with this key for this context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("stored credentials cannot be decrypted: was BELLHOP_SECRET_KEY changed?")]
pub struct CipherError;
