//! API tokens, for programs.

use bellhop_domain::TokenId;
use bellhop_domain::rights::{Role, Scope};
use bellhop_service::auth::{MadeToken, TokenDraft, TokenView};
use bellhop_service::idempotency::IdempotencyKey;
use bellhop_service::page::PageRequest;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::types::Example;
use poem_openapi::{ApiResponse, Object, OpenApi};

use crate::Tag;
use crate::auth::{Authorized, ManageTokens};
use crate::body::JsonBody;
use crate::envelope::ApiError;
use crate::list::List;
use crate::types::{Limit, Nullable, Timestamp};

/// An API token, without what it is.
#[derive(Debug, Object)]
pub struct Token {
    token_id: TokenId,
    name: String,
    role: Role,
    /// What of its role's rights it has.
    scopes: Vec<Scope>,
    created_at: Timestamp,
    /// `null`: it does not end by itself.
    expires_at: Nullable<Timestamp>,
    /// Give or take a minute.
    last_used_at: Nullable<Timestamp>,
}

impl From<TokenView> for Token {
    fn from(view: TokenView) -> Self {
        Self {
            token_id: view.token_id,
            name: view.name,
            role: view.role,
            scopes: view.scopes,
            created_at: view.created_at.into(),
            expires_at: Nullable::from(view.expires_at),
            last_used_at: Nullable::from(view.last_used_at),
        }
    }
}

/// An API token to be made.
#[derive(Debug, Object)]
#[oai(example)]
struct MakeToken {
    /// For you, such as the program's.
    #[oai(validator(max_length = 100))]
    name: String,
    role: Role,
    /// What of the role's rights it is to have; all of them when absent, but for a partner `media`, which is
    /// given by name only.
    scopes: Option<Vec<Scope>>,
    /// When it ends; never by itself when absent.
    expires_at: Option<Timestamp>,
}

impl Example for MakeToken {
    fn example() -> Self {
        Self {
            name: "Opera PMS".to_owned(),
            role: Role::Partner,
            scopes: Some(vec![Scope::Stays, Scope::Media]),
            expires_at: None,
        }
    }
}

impl MakeToken {
    fn draft(self, idempotency_key: Option<IdempotencyKey>) -> TokenDraft {
        TokenDraft {
            name: self.name,
            role: self.role,
            scopes: self.scopes,
            expires_at: self.expires_at.map(|at| at.0),
            idempotency_key,
        }
    }
}

/// An API token that was made.
#[derive(Debug, Object)]
struct NewToken {
    /// The token itself. Shown this once: `null` when the request was a repeat.
    token: Nullable<String>,
    #[oai(flatten)]
    about: Token,
}

impl From<MadeToken> for NewToken {
    fn from(made: MadeToken) -> Self {
        let token = made.token.map(|token| token.expose().to_owned());
        Self { token: Nullable(token), about: made.view.into() }
    }
}

#[derive(ApiResponse)]
enum Made {
    /// The token was made
    #[oai(status = 201)]
    Created(Json<NewToken>),
}

#[derive(ApiResponse)]
enum Revoked {
    /// The token is valid no more
    #[oai(status = 204)]
    Gone,
}

pub struct Tokens;

#[OpenApi(tag = "Tag::People")]
impl Tokens {
    /// Make an API token
    ///
    /// For admins who have all of their role's rights.
    #[oai(path = "/tokens", method = "post", operation_id = "make_token")]
    async fn make(
        &self,
        auth: Authorized<ManageTokens>,
        /// Makes repeats safe for 24 hours; quoted or not
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
        body: JsonBody<MakeToken>,
    ) -> Result<Made, ApiError> {
        let key = body.idempotency_key(key.as_deref())?;
        let made = auth.app.make_token(&auth.caller, body.value.draft(key)).await?;
        Ok(Made::Created(Json(made.into())))
    }

    /// The hotel's API tokens
    ///
    /// For admins. Those that were not revoked, in the order of their making.
    #[oai(path = "/tokens", method = "get", operation_id = "list_tokens")]
    async fn list(
        &self,
        auth: Authorized<ManageTokens>,
        limit: Query<Option<Limit>>,
        /// `next_cursor` of the page before
        cursor: Query<Option<String>>,
    ) -> Result<Json<List<Token>>, ApiError> {
        let page = PageRequest::parse(limit.0.map(|limit| limit.0), cursor.0)?;
        Ok(Json(auth.app.tokens(&auth.caller, page).await?.into()))
    }

    /// Revoke an API token
    ///
    /// For admins. Valid for no request that begins after the answer. Webhooks that were configured with it are
    /// paused. A token does not revoke itself.
    #[oai(path = "/tokens/:token_id", method = "delete", operation_id = "revoke_token")]
    async fn revoke(
        &self,
        auth: Authorized<ManageTokens>,
        token_id: Path<TokenId>,
    ) -> Result<Revoked, ApiError> {
        auth.app.revoke_token(&auth.caller, token_id.0).await?;
        Ok(Revoked::Gone)
    }
}
