//! Passwords: Argon2id, of which few may be computed at a time.

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::Error as HashError;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use bellhop_domain::Secret;
use bellhop_domain::problem::Problem;
use bellhop_domain::staff::NewPassword;
use serde_json::json;
use tokio::sync::Semaphore;

use crate::error::{Error, Result};

/// OWASP, Password Storage Cheat Sheet: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Each holds a core and 19 MiB: more at a time would take the machine away from messages.
const AT_A_TIME: usize = 2;

/// How long one waits for its turn.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is compared where there is no account, so that this takes as long. No password has this hash.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Computes and compares hashes, in the PHC form.
pub(crate) struct Passwords {
    room: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self { room: Arc::new(Semaphore::new(AT_A_TIME)) }
    }
}

impl Passwords {
    pub async fn hash(&self, password: &NewPassword) -> Result<String> {
        let password = password.secret().clone();
        let hash = self
            .compute(move || {
                let hash = argon2()?.hash_password(password.expose().as_bytes())?;
                Ok::<_, HashError>(hash.to_string())
            })
            .await?;
        hash.map_err(|error| failed(&error))
    }

    /// Which of the hashes are the password's. Without any it takes as long as with one.
    pub async fn compare(&self, password: &Secret, hashes: Vec<String>) -> Result<Vec<bool>> {
        let password = password.clone();
        let fits = move |hash: &str| match argon2()?.verify_password(password.expose().as_bytes(), hash) {
            Ok(()) => Ok(true),
            Err(HashError::PasswordInvalid) => Ok(false),
            Err(error) => Err(error),
        };
        let fitting = self
            .compute(move || {
                if hashes.is_empty() {
                    fits(NOBODY)?;
                }
                hashes.iter().map(|hash| fits(hash)).collect::<Result<Vec<_>, HashError>>()
            })
            .await?;
        fitting.map_err(|error| failed(&error))
    }

    /// Runs one computation in its turn, beside the threads that serve requests.
    async fn compute<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let turn = tokio::time::timeout(PATIENCE, Arc::clone(&self.room).acquire_owned()).await;
        let Ok(Ok(turn)) = turn else { return Err(busy()) };
        let done = tokio::task::spawn_blocking(move || {
            // Held by the work, not by the request, which may go away.
            let _turn = turn;
            work()
        });
        done.await.map_err(|error| failed(&error))
    }
}

fn argon2() -> Result<Argon2<'static>, HashError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn busy() -> Error {
    let message = "Too many people are signing in at this moment; try again in a few seconds.";
    Error::with(Problem::RateLimitExceeded, message, json!({"retry_after": 3}))
}

fn failed(error: &dyn std::fmt::Display) -> Error {
    tracing::error!(%error, "a password could not be computed");
    Error::of(Problem::Internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> NewPassword {
        NewPassword::read(&Secret::new(text)).unwrap()
    }

    #[tokio::test]
    async fn a_password_fits_its_own_hash_only() {
        let passwords = Passwords::default();
        let hash = passwords.hash(&password("correct horse battery")).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        let again = passwords.hash(&password("correct horse battery")).await.unwrap();
        assert_ne!(hash, again, "each has its own salt");
        let other = passwords.hash(&password("incorrect horse battery")).await.unwrap();
        let given = Secret::new("correct horse battery");
        assert_eq!(
            passwords.compare(&given, vec![other, hash.clone(), again]).await.unwrap(),
            [false, true, true]
        );
        let given = Secret::new("Correct horse battery");
        assert_eq!(passwords.compare(&given, vec![hash]).await.unwrap(), [false]);
        assert_eq!(passwords.compare(&given, Vec::new()).await.unwrap(), Vec::<bool>::new());
    }

    #[tokio::test]
    async fn two_at_a_time_and_the_rest_is_refused_in_the_end() {
        let passwords = Passwords::default();
        let (hold, held) = std::sync::mpsc::channel::<()>();
        let held = Arc::new(std::sync::Mutex::new(held));
        let long = || {
            let held = Arc::clone(&held);
            passwords.compute(move || held.lock().unwrap().recv())
        };
        let (first, second, third) = tokio::join!(long(), long(), async {
            let refused = passwords.compute(|| ()).await;
            hold.send(()).and_then(|()| hold.send(())).unwrap();
            refused
        });
        assert!(first.is_ok() && second.is_ok());
        assert_eq!(third.unwrap_err().problem(), Problem::RateLimitExceeded);
        assert!(passwords.compute(|| ()).await.is_ok(), "and then there is room again");
    }
}
