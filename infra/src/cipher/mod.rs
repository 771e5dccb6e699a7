//! Credentials at rest: XChaCha20-Poly1305.

mod file;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bellhop_domain::Secret;
use bellhop_domain::ports::{Cipher, CipherError};
use chacha20poly1305::aead::{Aead, Generate, Key, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};

pub use file::{KeyFileError, begin_rotation, end_rotation};

/// First byte of everything sealed: this layout. Which key it was is found out by trying, since the tag fits
/// one only; a number for each key would have to be told to every process.
const LAYOUT: u8 = 1;
const NONCE_LEN: usize = 24;

/// People copy keys with and without their padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// One key. Layout of what is sealed: one byte for the layout, nonce of 24 bytes, ciphertext with its tag. The
/// nonce is random, which 192 bits allow without counting; layout and context are authenticated with it.
#[derive(Clone)]
pub struct XChaCha(XChaCha20Poly1305);

/// The text is not a key. It is not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key is 32 bytes in base64, such as `openssl rand -base64 32` prints")]
pub struct BadKey;

impl XChaCha {
    /// # Errors
    /// When `text` is not 32 bytes in base64.
    pub fn from_base64(text: &Secret) -> Result<Self, BadKey> {
        let bytes = BASE64.decode(text.expose().trim()).map_err(|_| BadKey)?;
        let key = Key::<XChaCha20Poly1305>::try_from(bytes.as_slice()).map_err(|_| BadKey)?;
        Ok(Self(XChaCha20Poly1305::new(&key)))
    }

    fn seal(&self, plain: &Secret, context: &str) -> Vec<u8> {
        let nonce = XNonce::generate();
        let aad = authenticated(context);
        let sealed = self
            .0
            .encrypt(&nonce, Payload { msg: plain.expose().as_bytes(), aad: &aad })
            .expect("fails only for texts of more than 256 GB");
        [&[LAYOUT], nonce.as_slice(), &sealed].concat()
    }

    fn open(&self, sealed: &[u8], context: &str) -> Option<Secret> {
        let (&[layout], rest) = sealed.split_first_chunk()?;
        if layout != LAYOUT {
            return None;
        }
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_LEN>()?;
        let aad = authenticated(context);
        let plain = self.0.decrypt(&XNonce::from(*nonce), Payload { msg: ciphertext, aad: &aad }).ok()?;
        String::from_utf8(plain).map(Secret::new).ok()
    }
}

fn authenticated(context: &str) -> Vec<u8> {
    [&[LAYOUT], context.as_bytes()].concat()
}

/// The keys of a process: one that seals, and those that still open.
#[derive(Clone)]
struct Keys {
    current: XChaCha,
    /// On their way out, or on their way in.
    others: Vec<XChaCha>,
}

impl Keys {
    fn open(&self, sealed: &[u8], context: &str) -> Option<Secret> {
        std::iter::once(&self.current).chain(&self.others).find_map(|key| key.open(sealed, context))
    }
}

/// The keys in use. Those of a folder are read again when a value fits none of them and before anything is
/// sealed: another process may be rotating them.
pub struct KeyRing {
    keys: RwLock<Keys>,
    folder: Option<PathBuf>,
}

impl KeyRing {
    /// # Errors
    /// When a text is no key.
    pub fn of(current: &Secret, previous: Option<&Secret>) -> Result<Self, BadKey> {
        let others = previous.map(XChaCha::from_base64).transpose()?.into_iter().collect();
        let keys = Keys { current: XChaCha::from_base64(current)?, others };
        Ok(Self { keys: RwLock::new(keys), folder: None })
    }

    /// The keys of a data directory; the first is made on the first call, with mode 0600.
    ///
    /// # Errors
    /// When a file cannot be read or written, or holds something else. It is never replaced: that
    /// would make every stored credential unreadable.
    pub fn of_folder(data_dir: &Path) -> Result<Self, KeyFileError> {
        let keys = file::load_or_create(data_dir)?;
        Ok(Self { keys: RwLock::new(keys), folder: Some(data_dir.to_owned()) })
    }

    fn keys(&self) -> Keys {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The keys as the folder has them now; those in memory when it cannot be read, or there is none.
    fn keys_now(&self) -> Keys {
        let Some(folder) = &self.folder else { return self.keys() };
        match file::load(folder) {
            Ok(keys) => {
                *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys.clone();
                keys
            }
            Err(error) => {
                tracing::warn!(%error, "the key files cannot be read; going on with the keys of before");
                self.keys()
            }
        }
    }
}

impl Cipher for KeyRing {
    fn encrypt(&self, plain: &Secret, context: &str) -> Vec<u8> {
        self.keys_now().current.seal(plain, context)
    }

    fn decrypt(&self, sealed: &[u8], context: &str) -> Result<Secret, CipherError> {
        let known = self.keys().open(sealed, context);
        known.or_else(|| self.keys_now().open(sealed, context)).ok_or(CipherError)
    }

    fn reseal(&self, sealed: &[u8], context: &str) -> Result<Option<Vec<u8>>, CipherError> {
        let keys = self.keys_now();
        if keys.current.open(sealed, context).is_some() {
            return Ok(None);
        }
        let plain = keys.open(sealed, context).ok_or(CipherError)?;
        Ok(Some(keys.current.seal(&plain, context)))
    }
}
