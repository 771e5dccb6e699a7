//! A look at a connection as it is now: the provider is asked while the admin waits.

use std::time::{Duration, Instant};

use bellhop_domain::ConnectionId;
use bellhop_domain::connection::{CallbackState, ConnectionStatus};
use bellhop_domain::ports::{NumberInfo, ProviderFailure};
use bellhop_domain::rights::Right;
use bellhop_entity::connection;
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::view::{Inbound, inbound};
use super::{OpenConnection, find};
use crate::app::App;
use crate::auth::Caller;
use crate::db::real_now;
use crate::error::Result;

/// For both questions, which are asked at the same time.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is known of a connection.
#[derive(Debug, Clone)]
pub struct StatusView {
    pub connection_id: ConnectionId,
    pub status: ConnectionStatus,
    pub live: LiveCheck,
    pub inbound: Inbound,
    pub callback: CallbackState,
    /// Where the provider sends the webhooks, as it says.
    pub callback_url: Option<String>,
    /// Where it ought to.
    pub expected_callback_url: String,
    /// As the provider says now, else as it last did.
    pub throughput: Option<i32>,
    pub quality_rating: Option<String>,
    pub last_in_at: Option<DateTime<Utc>>,
    pub last_out_at: Option<DateTime<Utc>>,
    /// `code` (`null` when the provider said nothing), `title`, `details`.
    pub last_error: Option<Value>,
    pub last_error_at: Option<DateTime<Utc>>,
}

/// What the provider answered to the question for its number.
#[derive(Debug, Clone)]
pub struct LiveCheck {
    pub ok: bool,
    pub latency_ms: u64,
    pub checked_at: DateTime<Utc>,
    /// Why not, in the provider's words or our own; its code where it stated one.
    pub error: Option<(Option<i64>, String)>,
}

impl App {
    /// Asks the provider how the connection is. Its refusal of the token has the usual effect.
    pub async fn connection_status(&self, caller: &Caller, id: ConnectionId) -> Result<StatusView> {
        caller.require(Right::ManageConnections)?;
        let row = find(self.db.reader(), caller.property_id, id).await?;
        let open = self.open(row.clone()).ok();
        let (live, info, callback) = match &open {
            Some(open) => self.ask_live(open).await,
            None => (LiveCheck::impossible("the stored credentials cannot be opened"), None, None),
        };
        // Read again: the answer may have changed it.
        let row = find(self.db.reader(), caller.property_id, id).await?;
        Ok(self.status_view(row, inbound(open.as_ref()), (live, info, callback)))
    }

    async fn ask_live(
        &self,
        open: &OpenConnection,
    ) -> (LiveCheck, Option<NumberInfo>, Option<Option<String>>) {
        let (provider, began) = (&self.ports.provider, Instant::now());
        let number = tokio::time::timeout(PATIENCE, self.asked(open, provider.number(&open.line)));
        let callback = tokio::time::timeout(PATIENCE, provider.callback(&open.line));
        let (number, callback) = tokio::join!(number, callback);
        let latency_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let number = number.unwrap_or_else(|_| Err(ProviderFailure::Unreachable("no answer in time".into())));
        let (info, error) = match number {
            Ok(info) => (Some(info), None),
            Err(ProviderFailure::Refused(error)) => (None, Some((Some(error.code), error.title))),
            Err(ProviderFailure::Unreachable(why) | ProviderFailure::Unreadable(why)) => {
                (None, Some((None, why)))
            }
        };
        let live = LiveCheck { ok: info.is_some(), latency_ms, checked_at: real_now(), error };
        (live, info, callback.ok().and_then(std::result::Result::ok))
    }

    fn status_view(
        &self,
        row: connection::Model,
        inbound: Inbound,
        (live, info, callback): (LiveCheck, Option<NumberInfo>, Option<Option<String>>),
    ) -> StatusView {
        let expected = self.config.callback_url.clone();
        let state = match &callback {
            None => CallbackState::Unknown,
            Some(None) => CallbackState::None,
            Some(Some(url)) if *url == expected => CallbackState::Registered,
            Some(Some(_)) => CallbackState::Elsewhere,
        };
        let told = info.as_ref();
        let throughput = told.and_then(|info| info.throughput).and_then(|n| i32::try_from(n).ok());
        StatusView {
            connection_id: row.id,
            status: row.status,
            live,
            inbound,
            callback: state,
            callback_url: callback.flatten(),
            expected_callback_url: expected,
            throughput: row.throughput_override.or(throughput).or(row.throughput),
            quality_rating: told.and_then(|info| info.quality_rating.clone()).or(row.quality_rating),
            last_in_at: row.webhook_seen_at,
            last_out_at: row.last_sent_at,
            last_error: row.last_error,
            last_error_at: row.last_error_at,
        }
    }
}

impl LiveCheck {
    fn impossible(why: &str) -> Self {
        Self { ok: false, latency_ms: 0, checked_at: real_now(), error: Some((None, why.to_owned())) }
    }
}
