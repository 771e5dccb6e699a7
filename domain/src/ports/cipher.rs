use crate::secret::Secret;

/// Encrypts credentials at rest. `context` binds a ciphertext to its row and column, so that it
/// cannot be moved to another.
pub trait Cipher: Send + Sync {
    fn encrypt(&self, plain: &Secret, context: &str) -> Vec<u8>;
    fn decrypt(&self, sealed: &[u8], context: &str) -> Result<Secret, CipherError>;
}

/// The bytes were not sealed with this key for this context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("stored credentials cannot be decrypted: was BELLHOP_SECRET_KEY changed?")]
pub struct CipherError;
