//! From a token to who asks: one indexed query.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use bellhop_domain::TokenId;
use bellhop_domain::problem::Problem;
use bellhop_domain::rights::Scopes;
use bellhop_entity::{api_token, session, staff};
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter};

use super::token::scopes;
use super::{Caller, SESSION_PREFIX, Who, hash};
use crate::app::App;
use crate::error::{Error, Result};

/// How exactly a token's last use is known.
const USE_KNOWN_BY: TimeDelta = TimeDelta::minutes(1);

/// Tokens whose last use is being written down.
#[derive(Default)]
pub(crate) struct Uses(Mutex<HashSet<TokenId>>);

impl Uses {
    fn begin(&self, token: TokenId) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(token)
    }

    fn end(&self, token: TokenId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&token);
    }
}

impl App {
    /// The caller behind a bearer token; `UNAUTHENTICATED` when it is none of ours, has ended or was revoked.
    pub async fn authenticate(&self, token: &str) -> Result<Caller> {
        // A hash is enough: the token's own 256 random bits leave nothing to guess.
        let hash = hash(token);
        if token.starts_with(SESSION_PREFIX) { self.person(&hash).await } else { self.program(&hash).await }
    }

    /// Who is signed in, as they are now: whoever was disabled a moment ago is nobody.
    async fn person(&self, hash: &str) -> Result<Caller> {
        let found = session::Entity::find()
            .find_also_related(staff::Entity)
            .filter(session::Column::TokenHash.eq(hash))
            .one(self.db.reader())
            .await?;
        let ended = || Error::because(Problem::Unauthenticated, "Your session has ended. Sign in again.");
        let Some((session, Some(person))) = found else { return Err(ended()) };
        if session.expires_at <= self.now() || person.disabled_at.is_some() {
            return Err(ended());
        }
        let who = Who::Person { staff: person.id, session: session.id, role: person.role };
        Ok(Caller { property_id: person.property_id, who })
    }

    async fn program(&self, hash: &str) -> Result<Caller> {
        let row = api_token::Entity::find()
            .filter(api_token::Column::TokenHash.eq(hash))
            .filter(api_token::Column::RevokedAt.is_null())
            .one(self.db.reader())
            .await?
            .ok_or_else(|| Error::of(Problem::Unauthenticated))?;
        let now = self.now();
        if row.expires_at.is_some_and(|at| at <= now) {
            return Err(Error::because(Problem::Unauthenticated, "This access token has expired."));
        }
        let known = row.last_used_at.is_some_and(|at| at > now - USE_KNOWN_BY);
        if !known && self.uses.begin(row.id) {
            let app = self.clone();
            self.tasks.spawn(async move {
                if let Err(error) = app.note_use(row.id, now).await {
                    tracing::debug!(token = %row.id, %error, "a token's use was not written down");
                }
                app.uses.end(row.id);
            });
        }
        let scopes = scopes(&row).unwrap_or_else(|| Scopes::of_role(row.role));
        let who = Who::Program { token: row.id, role: row.role, scopes };
        Ok(Caller { property_id: row.property_id, who })
    }

    /// Other processes see the same token used.
    async fn note_use(&self, token: TokenId, at: DateTime<Utc>) -> Result<()> {
        use api_token::Column;
        let old =
            Condition::any().add(Column::LastUsedAt.is_null()).add(Column::LastUsedAt.lte(at - USE_KNOWN_BY));
        let tx = self.db.begin().await?;
        api_token::Entity::update_many()
            .col_expr(Column::LastUsedAt, Expr::value(at))
            .filter(Column::Id.eq(token))
            .filter(old)
            .exec(&tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }
}
