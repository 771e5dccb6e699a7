//! Tells of windows that are about to end and of those that have: each once, however many workers look.

use bellhop_domain::event::EventType;
use bellhop_domain::{ConversationId, window};
use bellhop_entity::conversation;
use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, LockType};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::json;

use crate::app::App;
use crate::error::Result;
use crate::event;
use crate::rows::among;

/// Windows that are told of in one transaction.
const GROUP: u64 = 100;

/// Groups of one round, so that a night's end does not keep what else is to be swept.
const GROUPS: usize = 20;

/// As the index `conversations_window_untold` spells it. What was told is the end of a window, so a guest who
/// writes again makes a window that nothing was told of.
const UNTOLD: &str = "window_expires_at IS NOT NULL \
    AND (window_closed_for IS NULL OR window_closed_for <> window_expires_at)";
const NOT_CALLED: &str = "(window_closing_for IS NULL OR window_closing_for <> window_expires_at)";

/// What is told of a window at its end.
#[derive(Clone, Copy)]
enum News {
    /// The last call.
    Closing,
    Closed,
}

impl News {
    const fn event(self) -> EventType {
        match self {
            Self::Closing => EventType::WindowClosing,
            Self::Closed => EventType::WindowClosed,
        }
    }

    /// Whose it is time for.
    fn due(self, now: DateTime<Utc>) -> Condition {
        use conversation::Column::WindowExpiresAt as Ends;
        let untold = Condition::all().add(Expr::cust(UNTOLD));
        match self {
            Self::Closed => untold.add(Ends.lte(now)),
            Self::Closing => {
                untold.add(Ends.gt(now)).add(Ends.lte(now + window::LAST_CALL)).add(Expr::cust(NOT_CALLED))
            }
        }
    }

    /// The columns that say that it was told.
    const fn told_in(self) -> &'static [conversation::Column] {
        use conversation::Column::{WindowClosedFor, WindowClosingFor};
        match self {
            Self::Closing => &[WindowClosingFor],
            Self::Closed => &[WindowClosingFor, WindowClosedFor],
        }
    }
}

impl App {
    /// One round. How many windows were told of.
    pub(crate) async fn tell_of_windows(&self) -> Result<usize> {
        let mut told = 0;
        // A window whose end has come is not told to be near.
        for news in [News::Closed, News::Closing] {
            for _ in 0..GROUPS {
                let found = self.due_windows(news).await?;
                if !found.is_empty() {
                    told += self.tell_of(news, &found).await?;
                }
                if (found.len() as u64) < GROUP {
                    break;
                }
            }
        }
        Ok(told)
    }

    async fn due_windows(&self, news: News) -> Result<Vec<ConversationId>> {
        use conversation::Column;
        Ok(conversation::Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(news.due(self.now()))
            .order_by_asc(Column::WindowExpiresAt)
            .limit(GROUP)
            .into_tuple()
            .all(self.db.reader())
            .await?)
    }

    async fn tell_of(&self, news: News, found: &[ConversationId]) -> Result<usize> {
        use conversation::Column;
        let now = self.now();
        let tx = self.db.begin().await?;
        // Looked at again: another worker may have told, or the guest have written.
        let rows = conversation::Entity::find()
            .filter(among(&tx, Column::Id, found.iter().copied()))
            .filter(news.due(now))
            .order_by_asc(Column::Id)
            .lock(LockType::NoKeyUpdate)
            .all(&tx)
            .await?;
        let mut update = conversation::Entity::update_many();
        for column in news.told_in() {
            update = update.col_expr(*column, Expr::col(Column::WindowExpiresAt));
        }
        update.filter(among(&tx, Column::Id, rows.iter().map(|row| row.id))).exec(&tx).await?;
        // One that was folded into another has no window of its own any more.
        let told = rows.iter().filter(|row| row.merged_into.is_none());
        let told: Vec<_> = told
            .map(|row| {
                let ends = row.window_expires_at.map(event::rfc3339);
                let data =
                    json!({"conversation_id": row.id, "guest_id": row.guest_id, "window_expires_at": ends});
                (row.property_id, news.event(), data)
            })
            .collect();
        let count = told.len();
        event::record_all(&tx, now, told).await?;
        tx.commit().await?;
        Ok(count)
    }
}
