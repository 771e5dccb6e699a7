//! A subscription's secrets, sealed at rest.

use bellhop_domain::signing::SigningSecret;
use bellhop_domain::{Secret, SubscriptionId};
use bellhop_entity::subscription;
use sea_orm::ActiveValue::{self, Set};

use crate::app::App;
use crate::error::Result;

/// A column that holds a sealed secret.
#[derive(Clone, Copy)]
pub(crate) struct SecretColumn {
    pub name: &'static str,
    pub column: subscription::Column,
    pub of: fn(&subscription::Model) -> &[u8],
}

/// All of them. An empty one holds no secret.
pub(crate) const SECRETS: [SecretColumn; 3] = [
    SecretColumn { name: "secret", column: subscription::Column::Secret, of: |row| &row.secret },
    SecretColumn {
        name: "former_secret",
        column: subscription::Column::FormerSecret,
        of: |row| &row.former_secret,
    },
    SecretColumn {
        name: "verify_token",
        column: subscription::Column::VerifyToken,
        of: |row| &row.verify_token,
    },
];

/// Binds a sealed secret to its row and column.
pub(crate) fn context(id: SubscriptionId, column: &str) -> String {
    format!("subscriptions|{id}|{column}")
}

impl App {
    /// A secret for its column. In a transaction that holds the keys.
    pub(super) fn seal_for(&self, id: SubscriptionId, column: &str, secret: &Secret) -> ActiveValue<Vec<u8>> {
        Set(self.ports.cipher.encrypt(secret, &context(id, column)))
    }

    /// What signs now: the secret, and the former one for a day after a rotation.
    pub(crate) fn signing_secrets(&self, row: &subscription::Model) -> Result<Vec<SigningSecret>> {
        let former = row.former_secret_until.is_some_and(|until| until > self.now());
        let columns =
            [("secret", Some(&row.secret)), ("former_secret", Some(&row.former_secret).filter(|_| former))];
        let mut secrets = Vec::with_capacity(2);
        for (column, sealed) in columns {
            let Some(sealed) = sealed.filter(|sealed| !sealed.is_empty()) else { continue };
            let opened = self.ports.cipher.decrypt(sealed, &context(row.id, column))?;
            // What was sealed is what `SigningSecret` wrote.
            secrets.extend(SigningSecret::parse(opened).ok());
        }
        Ok(secrets)
    }

    pub(super) fn verify_token_of(&self, row: &subscription::Model) -> Result<Secret> {
        Ok(self.ports.cipher.decrypt(&row.verify_token, &context(row.id, "verify_token"))?)
    }
}
