//! Bearer tokens: 32 random bytes, stored as a hash only.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bellhop_domain::problem::Problem;
use bellhop_domain::rights::{Right, Role};
use bellhop_domain::{PropertyId, Secret, TokenId};
use bellhop_entity::api_token;
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::app::App;
use crate::error::{Error, Result};

/// Marks our tokens, so that one which leaks is recognised for what it is.
const TOKEN_PREFIX: &str = "bhk_";

/// Who asks: a token that is valid, with its role and its one property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    pub property_id: PropertyId,
    pub token_id: TokenId,
    pub role: Role,
}

impl Caller {
    /// `FORBIDDEN` unless the role has the right.
    pub fn require(&self, right: Right) -> Result<()> {
        if self.role.may(right) {
            return Ok(());
        }
        let allowed: Vec<_> = Role::ALL.iter().filter(|r| r.may(right)).map(|r| r.as_str()).collect();
        let message =
            format!("This needs a token with the role {}; yours is {}.", allowed.join(" or "), self.role);
        Err(Error::with(Problem::Forbidden, message, json!({"role": self.role, "allowed_roles": allowed})))
    }
}

impl App {
    /// The caller behind a bearer token; `UNAUTHENTICATED` when it is none of ours or revoked.
    pub async fn authenticate(&self, token: &str) -> Result<Caller> {
        // A hash is enough: the token's own 256 random bits leave nothing to guess.
        let row = api_token::Entity::find()
            .filter(api_token::Column::TokenHash.eq(hash(token)))
            .filter(api_token::Column::RevokedAt.is_null())
            .one(self.db.reader())
            .await?
            .ok_or_else(|| Error::of(Problem::Unauthenticated))?;
        Ok(Caller { property_id: row.property_id, token_id: row.id, role: row.role })
    }

    /// Makes a token that does not expire. It is shown this once.
    pub async fn issue_token(&self, property: PropertyId, role: Role, name: &str) -> Result<Secret> {
        let token = format!("{TOKEN_PREFIX}{}", random_token().expose());
        let row = api_token::ActiveModel {
            id: Set(TokenId::new()),
            property_id: Set(property),
            role: Set(role),
            name: Set(name.to_owned()),
            token_hash: Set(hash(&token)),
            created_at: Set(self.now()),
            revoked_at: Set(None),
        };
        let tx = self.db.begin().await?;
        api_token::Entity::insert(row).exec_without_returning(&tx).await?;
        tx.commit().await?;
        Ok(Secret::new(token))
    }
}

/// 256 random bits as text.
pub fn random_token() -> Secret {
    Secret::new(URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()))
}

/// SHA-256 in hex.
pub(crate) fn hash(text: impl AsRef<[u8]>) -> String {
    hex(&Sha256::digest(text))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
