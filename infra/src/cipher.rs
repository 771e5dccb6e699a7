//! Credentials at rest: XChaCha20-Poly1305.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bellhop_domain::Secret;
use bellhop_domain::ports::{Cipher, CipherError};
use chacha20poly1305::aead::{Aead, Generate, Key, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};

/// First byte of everything sealed. A second key, for a rotation, would get the next number.
const KEY_VERSION: u8 = 1;
const NONCE_LEN: usize = 24;
const KEY_FILE: &str = "secret.key";

/// People copy keys with and without their padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Layout of what is sealed: key version, nonce of 24 bytes, ciphertext with its tag. The nonce is
/// random, which 192 bits allow without counting; version and context are authenticated with it.
pub struct XChaCha(XChaCha20Poly1305);

/// The text is not a key. It is not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key is 32 bytes in base64, such as `openssl rand -base64 32` prints")]
pub struct BadKey;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    #[error("{path} does not hold a key: {source}")]
    Bad { path: PathBuf, source: BadKey },
    #[error("the key file {path} cannot be read or written: {source}")]
    Io { path: PathBuf, source: io::Error },
}

impl XChaCha {
    /// A new random key, lost with the value.
    pub fn generate() -> Self {
        Self::new(&Key::<XChaCha20Poly1305>::generate())
    }

    fn new(key: &Key<XChaCha20Poly1305>) -> Self {
        Self(XChaCha20Poly1305::new(key))
    }

    /// # Errors
    /// When `text` is not 32 bytes in base64.
    pub fn from_base64(text: &Secret) -> Result<Self, BadKey> {
        let bytes = BASE64.decode(text.expose().trim()).map_err(|_| BadKey)?;
        let key = Key::<XChaCha20Poly1305>::try_from(bytes.as_slice()).map_err(|_| BadKey)?;
        Ok(Self::new(&key))
    }

    /// The key of a data directory; made on the first call, with mode 0600.
    ///
    /// # Errors
    /// When the file cannot be read or written, or holds something else. It is never replaced: that
    /// would make every stored credential unreadable.
    pub fn load_or_create(data_dir: &Path) -> Result<Self, KeyFileError> {
        let path = data_dir.join(KEY_FILE);
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => create(data_dir, &path),
            read => read,
        };
        let text = text.map_err(|source| KeyFileError::Io { path: path.clone(), source })?;
        Self::from_base64(&Secret::new(text)).map_err(|source| KeyFileError::Bad { path, source })
    }
}

/// Writes a new key so that the file appears whole or not at all, and answers with what the file
/// then holds: of two processes that start at once, both use the first one's.
fn create(data_dir: &Path, path: &Path) -> io::Result<String> {
    fs::create_dir_all(data_dir)?;
    let text = format!("{}\n", BASE64.encode(Key::<XChaCha20Poly1305>::generate()));
    let draft = data_dir.join(format!("{KEY_FILE}.{}", uuid::Uuid::now_v7()));
    let written = write_private(&draft, &text)
        // Unlike a rename, a link does not replace a file that is already there.
        .and_then(|()| fs::hard_link(&draft, path))
        .and_then(|()| fs::File::open(data_dir)?.sync_all());
    fs::remove_file(&draft)?;
    match written {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        Ok(()) | Err(_) => fs::read_to_string(path),
    }
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn authenticated(context: &str) -> Vec<u8> {
    [&[KEY_VERSION], context.as_bytes()].concat()
}

impl Cipher for XChaCha {
    fn encrypt(&self, plain: &Secret, context: &str) -> Vec<u8> {
        let nonce = XNonce::generate();
        let aad = authenticated(context);
        let sealed = self
            .0
            .encrypt(&nonce, Payload { msg: plain.expose().as_bytes(), aad: &aad })
            .expect("fails only for texts of more than 256 GB");
        [&[KEY_VERSION], nonce.as_slice(), &sealed].concat()
    }

    fn decrypt(&self, sealed: &[u8], context: &str) -> Result<Secret, CipherError> {
        let (&[version], rest) = sealed.split_first_chunk().ok_or(CipherError)?;
        if version != KEY_VERSION {
            return Err(CipherError);
        }
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_LEN>().ok_or(CipherError)?;
        let aad = authenticated(context);
        let plain = self
            .0
            .decrypt(&XNonce::from(*nonce), Payload { msg: ciphertext, aad: &aad })
            .map_err(|_| CipherError)?;
        String::from_utf8(plain).map(Secret::new).map_err(|_| CipherError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTEXT: &str = "connections/conn_1/access_token";

    fn token() -> Secret {
        Secret::new("EAAG-token-ש")
    }

    #[test]
    fn what_was_sealed_is_opened_by_the_same_key_in_the_same_place_only() {
        let cipher = XChaCha::generate();
        let sealed = cipher.encrypt(&token(), CONTEXT);
        assert_eq!(cipher.decrypt(&sealed, CONTEXT), Ok(token()));
        assert_eq!(cipher.decrypt(&sealed, "connections/conn_2/access_token"), Err(CipherError));
        assert_eq!(XChaCha::generate().decrypt(&sealed, CONTEXT), Err(CipherError));
        assert_ne!(cipher.encrypt(&token(), CONTEXT), sealed, "every sealing has its own nonce");
        assert_eq!(cipher.decrypt(&cipher.encrypt(&Secret::new(""), ""), ""), Ok(Secret::new("")));
    }

    #[test]
    fn a_changed_byte_or_a_cut_is_noticed_wherever_it_is() {
        let cipher = XChaCha::generate();
        let sealed = cipher.encrypt(&token(), CONTEXT);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(cipher.decrypt(&changed, CONTEXT), Err(CipherError), "byte {at}");
            assert_eq!(cipher.decrypt(&sealed[..at], CONTEXT), Err(CipherError), "cut at {at}");
        }
    }

    #[test]
    fn keys_are_32_bytes_in_base64() {
        let good = BASE64.encode([7; 32]);
        let opens = |text: &str| {
            let sealed = XChaCha::from_base64(&Secret::new(&*good)).unwrap().encrypt(&token(), CONTEXT);
            XChaCha::from_base64(&Secret::new(text))
                .map(|cipher| cipher.decrypt(&sealed, CONTEXT) == Ok(token()))
        };
        assert_eq!(opens(&good), Ok(true));
        assert_eq!(opens(&format!(" {}\n", good.trim_end_matches('='))), Ok(true));
        assert_eq!(opens(&BASE64.encode([8; 32])), Ok(false));
        for bad in ["", "secret", &BASE64.encode([7; 31]), &BASE64.encode([7; 33]), &"07".repeat(32)] {
            assert_eq!(opens(bad), Err(BadKey), "{bad}");
        }
    }

    #[test]
    fn the_key_file_is_private_and_used_again() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("new/data");
        let sealed = XChaCha::load_or_create(&data).unwrap().encrypt(&token(), CONTEXT);
        assert_eq!(XChaCha::load_or_create(&data).unwrap().decrypt(&sealed, CONTEXT), Ok(token()));
        let names: Vec<_> = fs::read_dir(&data).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, ["secret.key"], "no draft is left");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(data.join("secret.key")).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn of_several_first_starts_all_use_one_key() {
        let dir = tempfile::tempdir().unwrap();
        let ciphers: Vec<_> = std::thread::scope(|scope| {
            let starts: Vec<_> =
                (0..8).map(|_| scope.spawn(|| XChaCha::load_or_create(dir.path()).unwrap())).collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect()
        });
        let sealed = ciphers[0].encrypt(&token(), CONTEXT);
        assert!(ciphers.iter().all(|cipher| cipher.decrypt(&sealed, CONTEXT) == Ok(token())));
    }

    #[test]
    fn a_damaged_key_file_is_told_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret.key");
        fs::write(&path, "half a k").unwrap();
        let error = XChaCha::load_or_create(dir.path()).err().unwrap().to_string();
        assert!(error.contains("secret.key does not hold a key") && !error.contains("half a k"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "half a k");
    }
}
