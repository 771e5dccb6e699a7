//! When something last went over a connection: each kind of news is written down about once a second.

use bellhop_domain::ConnectionId;
use bellhop_domain::provider_error::{ErrorClass, ProviderError};
use bellhop_entity::connection;
use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, SimpleExpr};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};

use crate::app::App;
use crate::db::real_now;
use crate::error::Result;

/// The longest time for which one webhook vouches that those before it got through.
const VOUCHED_FOR: i64 = 60_000;

/// A kind of news about a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum News {
    /// A webhook got through.
    Webhook,
    /// The provider took a message.
    Sent,
    /// It refused one for a reason that is not the message's.
    Trouble,
}

impl App {
    /// Notes that a webhook of the connection got through, about once a second.
    ///
    /// Time counts as "getting through" up to a minute before each webhook: a silent hour may be
    /// a quiet hotel or a broken callback, so it counts for nothing.
    pub(crate) async fn note_webhook(&self, id: ConnectionId) -> Result<()> {
        if !self.is_news(News::Webhook, id) {
            return Ok(());
        }
        let tx = self.db.begin().await?;
        if let Some(row) = connection::Entity::find_by_id(id).one(&tx).await? {
            let now = real_now();
            let since = vouched_ms(row.webhook_seen_at, now);
            connection::Entity::update_many()
                .col_expr(connection::Column::WebhookSeenAt, Expr::value(now))
                .col_expr(connection::Column::WebhookAliveMs, longer_alive(since))
                .filter(connection::Column::Id.eq(id))
                // Another process may have counted the same time.
                .filter(match row.webhook_seen_at {
                    Some(seen) => connection::Column::WebhookSeenAt.eq(seen),
                    None => connection::Column::WebhookSeenAt.is_null(),
                })
                .exec(&tx)
                .await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Notes that the provider took a message, in the background.
    pub(crate) fn note_sent(&self, id: ConnectionId) {
        if self.is_news(News::Sent, id) {
            let sent = [(connection::Column::LastSentAt, Expr::value(real_now()))];
            self.note(id, sent.into());
        }
    }

    /// Notes a refusal that says something about the connection, in the background.
    pub(crate) fn note_refusal(&self, id: ConnectionId, error: &ProviderError) {
        let about_the_connection = match error.class() {
            ErrorClass::Backoff | ErrorClass::BackoffThrice | ErrorClass::Later | ErrorClass::Credentials => {
                true
            }
            ErrorClass::PairLimit | ErrorClass::Never | ErrorClass::OptOut => false,
        };
        if about_the_connection {
            self.note_trouble(id, || stored(error));
        }
    }

    /// Notes that the provider could not be reached, or did not answer, in the background.
    pub(crate) fn note_silence(&self, id: ConnectionId, reason: &str) {
        self.note_trouble(
            id,
            || json!({"code": null, "title": "WhatsApp did not answer", "details": reason}),
        );
    }

    fn note_trouble(&self, id: ConnectionId, error: impl FnOnce() -> Value) {
        if self.is_news(News::Trouble, id) {
            let trouble = [
                (connection::Column::LastError, Expr::value(error())),
                (connection::Column::LastErrorAt, Expr::value(real_now())),
            ];
            self.note(id, trouble.into());
        }
    }

    fn note(&self, id: ConnectionId, columns: Vec<(connection::Column, SimpleExpr)>) {
        let app = self.clone();
        self.tasks.spawn(async move {
            if let Err(error) = app.write_note(id, columns).await {
                tracing::debug!(connection = %id, %error, "not noted");
            }
        });
    }

    async fn write_note(
        &self,
        id: ConnectionId,
        columns: Vec<(connection::Column, SimpleExpr)>,
    ) -> Result<()> {
        let tx = self.db.begin().await?;
        let mut update = connection::Entity::update_many().filter(connection::Column::Id.eq(id));
        for (column, value) in columns {
            update = update.col_expr(column, value);
        }
        update.exec(&tx).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// A refusal as `connections.last_error` keeps it.
pub(super) fn stored(error: &ProviderError) -> Value {
    json!({"code": error.code, "title": error.title, "details": error.details})
}

/// The time up to `now` for which a webhook at `now` vouches.
pub(crate) fn vouched_ms(last_seen: Option<DateTime<Utc>>, now: DateTime<Utc>) -> i64 {
    last_seen.map_or(0, |seen| (now - seen).num_milliseconds().clamp(0, VOUCHED_FOR))
}

fn longer_alive(by_ms: i64) -> SimpleExpr {
    Expr::col(connection::Column::WebhookAliveMs).add(by_ms)
}
