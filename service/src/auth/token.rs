//! API tokens: 32 random bytes each, stored as a hash only.

use bellhop_domain::audit::AuditAction;
use bellhop_domain::problem::Problem;
use bellhop_domain::rights::{Right, Role, Scope, Scopes};
use bellhop_domain::{PropertyId, Secret, TokenId};
use bellhop_entity::api_token;
use chrono::{DateTime, Utc};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::{Value, json};

use super::{Caller, TOKEN_PREFIX, hash, new_token};
use crate::app::App;
use crate::audit::{self, Actor, Entry};
use crate::error::{Error, Result};
use crate::event::{self, rfc3339};
use crate::idempotency::IdempotencyKey;
use crate::page::{Page, PageRequest};
use crate::subscription;

const NAME_MAX: usize = 100;

/// A token to be made.
#[derive(Debug, Clone)]
pub struct TokenDraft {
    pub name: String,
    pub role: Role,
    /// Without any it has those of its role.
    pub scopes: Option<Vec<Scope>>,
    pub expires_at: Option<DateTime<Utc>>,
    pub idempotency_key: Option<IdempotencyKey>,
}

/// A token as admins see it.
#[derive(Debug, Clone)]
pub struct TokenView {
    pub token_id: TokenId,
    pub name: String,
    pub role: Role,
    pub scopes: Vec<Scope>,
    pub created_at: DateTime<Utc>,
    pub expires_at: Option<DateTime<Utc>>,
    /// Give or take a minute.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// A token that was made.
#[derive(Debug, Clone)]
pub struct MadeToken {
    pub view: TokenView,
    /// Shown this once; `None` when the request was a repeat.
    pub token: Option<Secret>,
}

/// The scopes that a token was narrowed to. A word of a later release gives nothing in this one.
pub(super) fn scopes(row: &api_token::Model) -> Option<Scopes> {
    let words = row.scopes.as_ref()?.as_array()?;
    Some(words.iter().filter_map(|word| word.as_str()?.parse().ok()).collect())
}

impl From<api_token::Model> for TokenView {
    fn from(row: api_token::Model) -> Self {
        let scopes = scopes(&row).unwrap_or_else(|| Scopes::of_role(row.role));
        Self {
            token_id: row.id,
            name: row.name,
            role: row.role,
            scopes: scopes.iter().collect(),
            created_at: row.created_at,
            expires_at: row.expires_at,
            last_used_at: row.last_used_at,
        }
    }
}

/// What the audit trail tells of a token: never the token.
fn told(row: &api_token::Model) -> Value {
    json!({
        "name": row.name, "role": row.role, "scopes": row.scopes, "expires_at": row.expires_at.map(rfc3339),
    })
}

fn made(row: &api_token::Model) -> Entry {
    Entry::of(AuditAction::TokenCreated, row.id).made(told(row))
}

impl TokenDraft {
    fn check(&self, now: DateTime<Utc>) -> Result<()> {
        if !(1..=NAME_MAX).contains(&self.name.trim().chars().count()) {
            return Err(Error::field("name", format_args!("must have 1 to {NAME_MAX} characters")));
        }
        if self.expires_at.is_some_and(|at| at <= now) {
            return Err(Error::field("expires_at", "must lie in the future"));
        }
        let Some(scopes) = &self.scopes else { return Ok(()) };
        if scopes.is_empty() {
            return Err(Error::field("scopes", "must name one at least; leave it out for all of the role's"));
        }
        match scopes.iter().find(|scope| !scope.is_for(self.role)) {
            Some(scope) => {
                let role = self.role;
                Err(Error::field("scopes", format_args!("{scope} holds nothing that the role {role} may do")))
            }
            None => Ok(()),
        }
    }

    fn row(self, property: PropertyId, token: &Secret, now: DateTime<Utc>) -> api_token::Model {
        let scopes: Option<Scopes> = self.scopes.map(|scopes| scopes.into_iter().collect());
        api_token::Model {
            id: TokenId::new(),
            property_id: property,
            role: self.role,
            name: self.name.trim().to_owned(),
            token_hash: hash(token.expose()),
            created_at: now,
            revoked_at: None,
            scopes: scopes.map(|scopes| json!(scopes.iter().collect::<Vec<_>>())),
            expires_at: self.expires_at,
            last_used_at: None,
        }
    }
}

impl App {
    /// Makes an API token.
    pub async fn make_token(&self, caller: &Caller, mut draft: TokenDraft) -> Result<MadeToken> {
        caller.require(Right::ManageTokens)?;
        let (key, now) = (draft.idempotency_key.take(), self.now());
        if let Some(key) = &key
            && let Some(id) = key.find::<TokenId>(self.db.reader(), caller, now).await?
        {
            return Ok(MadeToken { view: self.token(caller, id).await?.into(), token: None });
        }
        draft.check(now)?;
        let token = new_token(TOKEN_PREFIX);
        let row = draft.row(caller.property_id, &token, now);
        let tx = self.db.begin().await?;
        api_token::Entity::insert(api_token::ActiveModel::from(row.clone()))
            .exec_without_returning(&tx)
            .await?;
        let scope = event::Scope { property: row.property_id, at: now };
        audit::record(&tx, scope, caller, made(&row)).await?;
        if let Some(key) = key
            && !key.take(&tx, caller, row.id.uuid(), now).await?
        {
            return Err(Error::of(Problem::IdempotencyKeyInFlight));
        }
        tx.commit().await?;
        Ok(MadeToken { view: row.into(), token: Some(token) })
    }

    /// Makes a token that does not expire, for whoever runs Bellhop. It is shown this once.
    pub async fn issue_token(&self, property: PropertyId, role: Role, name: &str) -> Result<Secret> {
        let name = name.to_owned();
        let draft = TokenDraft { name, role, scopes: None, expires_at: None, idempotency_key: None };
        let token = new_token(TOKEN_PREFIX);
        let row = draft.row(property, &token, self.now());
        let tx = self.db.begin().await?;
        let scope = event::Scope { property, at: row.created_at };
        audit::record(&tx, scope, Actor::Operator("bellhop"), made(&row)).await?;
        api_token::Entity::insert(api_token::ActiveModel::from(row)).exec_without_returning(&tx).await?;
        tx.commit().await?;
        Ok(token)
    }

    /// The property's tokens that were not revoked, in the order of their making.
    pub async fn tokens(&self, caller: &Caller, page: PageRequest) -> Result<Page<TokenView>> {
        caller.require(Right::ManageTokens)?;
        use api_token::Column;
        let mut query = api_token::Entity::find()
            .filter(Column::PropertyId.eq(caller.property_id))
            .filter(Column::RevokedAt.is_null());
        if let Some(after) = page.after::<TokenId>()? {
            query = query.filter(Column::Id.gt(after));
        }
        let rows = query.order_by_asc(Column::Id).limit(page.limit() + 1).all(self.db.reader()).await?;
        Ok(Page::cut(rows, &page, |row| row.id).map(Into::into))
    }

    /// Ends a token, from the next request on; not the one that asks. The webhooks that were configured with it are
    /// paused: whoever had the token may be whom they tell.
    pub async fn revoke_token(&self, caller: &Caller, id: TokenId) -> Result<()> {
        caller.require(Right::ManageTokens)?;
        if caller.token_id() == Some(id) {
            let message = "A token does not revoke itself: do it with another one, or sign in.";
            return Err(Error::because(Problem::Forbidden, message));
        }
        let scope = event::Scope { property: caller.property_id, at: self.now() };
        let tx = self.db.begin().await?;
        let revoked = api_token::Entity::update_many()
            .col_expr(api_token::Column::RevokedAt, Expr::value(scope.at))
            .filter(api_token::Column::Id.eq(id))
            .filter(api_token::Column::PropertyId.eq(caller.property_id))
            .filter(api_token::Column::RevokedAt.is_null())
            .exec_with_returning(&tx)
            .await?;
        let row = revoked.first().ok_or_else(|| Error::not_found("token"))?;
        audit::record(&tx, scope, caller, Entry::of(AuditAction::TokenRevoked, id).gone(told(row))).await?;
        subscription::pause_those_of(&tx, scope, id.uuid()).await?;
        tx.commit().await?;
        self.deliveries.changed();
        tracing::info!(token = %id, "an API token was revoked");
        Ok(())
    }

    pub(super) async fn token(&self, caller: &Caller, id: TokenId) -> Result<api_token::Model> {
        api_token::Entity::find_by_id(id)
            .filter(api_token::Column::PropertyId.eq(caller.property_id))
            .one(self.db.reader())
            .await?
            .ok_or_else(|| Error::not_found("token"))
    }
}
