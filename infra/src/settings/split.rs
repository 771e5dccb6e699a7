//! What `api` and `worker` need beyond what `bellhop` does.

use super::Settings;

/// Why the settings do for one process only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OneProcessOnly {
    #[error(
        "BELLHOP_DATABASE_URL must name a PostgreSQL database (postgres://…): api and worker are separate \
         processes, and would fight for SQLite's one writer. On SQLite run bellhop, which is all in one process"
    )]
    Database,
    #[error(
        "BELLHOP_AMQP_URL must be set: without RabbitMQ no hint from api ever reaches worker. Without a \
         broker run bellhop, which is all in one process"
    )]
    Queue,
    #[error(
        "BELLHOP_SECRET_KEY must be set, to the same 32 bytes in base64 for every process, such as `openssl \
         rand -base64 32` prints; the key file of the data dir is for bellhop only"
    )]
    SecretKey,
}

impl Settings {
    /// Whether the database is SQLite, which one process writes.
    pub fn on_sqlite(&self) -> bool {
        self.database_url.expose().starts_with("sqlite:")
    }

    /// Whether several processes can share the work with these settings.
    ///
    /// # Errors
    /// For the first thing that is missing, in a sentence for whoever starts the process.
    pub fn check_split(&self) -> Result<(), OneProcessOnly> {
        if self.on_sqlite() {
            return Err(OneProcessOnly::Database);
        }
        if self.amqp_url.is_none() {
            return Err(OneProcessOnly::Queue);
        }
        if self.secret_key.is_none() {
            return Err(OneProcessOnly::SecretKey);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pairs: &[(&str, &str)]) -> Result<(), OneProcessOnly> {
        let value = |name: &str| pairs.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        Settings::read(value).unwrap().check_split()
    }

    #[test]
    fn what_is_missing_is_named() {
        let database = ("BELLHOP_DATABASE_URL", "postgres://u@h/db");
        let amqp = ("BELLHOP_AMQP_URL", "amqp://h");
        let key = ("BELLHOP_SECRET_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
        assert_eq!(check(&[]), Err(OneProcessOnly::Database));
        assert_eq!(
            check(&[("BELLHOP_DATABASE_URL", "sqlite://x.db"), amqp, key]),
            Err(OneProcessOnly::Database)
        );
        assert_eq!(check(&[database, key]), Err(OneProcessOnly::Queue));
        assert_eq!(check(&[database, amqp]), Err(OneProcessOnly::SecretKey));
        assert_eq!(check(&[database, amqp, key]), Ok(()));
        for (error, name) in [
            (OneProcessOnly::Database, "BELLHOP_DATABASE_URL"),
            (OneProcessOnly::Queue, "BELLHOP_AMQP_URL"),
            (OneProcessOnly::SecretKey, "BELLHOP_SECRET_KEY"),
        ] {
            assert!(error.to_string().starts_with(name) && error.to_string().contains("bellhop"), "{error}");
        }
    }
}
