//! A connection as admins see it: no secret, only the end of one.

use bellhop_domain::connection::ConnectionStatus;
use bellhop_domain::rights::Right;
use bellhop_domain::{ConnectionId, Secret};
use bellhop_entity::connection;
use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::{CONNECTED, OpenConnection, find};
use crate::app::App;
use crate::auth::Caller;
use crate::error::Result;
use crate::page::{Page, PageRequest};

/// A shorter secret would be half told by its end.
const SHOWN_FROM: usize = 12;

/// A connected number.
#[derive(Debug, Clone)]
pub struct ConnectionView {
    pub connection_id: ConnectionId,
    pub status: ConnectionStatus,
    /// Whether new conversations begin here.
    pub is_default: bool,
    pub waba_id: String,
    pub phone_number_id: String,
    pub display_phone_number: String,
    pub verified_name: Option<String>,
    pub base_url: String,
    pub api_version: String,
    /// The last four characters; `None` when the secret is too short to show any, or not readable.
    pub access_token_end: Option<String>,
    /// Of the one in effect; `None` when there is none, too.
    pub app_secret_end: Option<String>,
    pub verify_token_end: Option<String>,
    /// Whether Bellhop asks the provider for its webhooks.
    pub registers_callback: bool,
    pub inbound: Inbound,
    /// Messages per second, as the provider last said.
    pub throughput: Option<i32>,
    pub quality_rating: Option<String>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// Whether what guests write is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inbound {
    Ready,
    /// Without it no signature can be checked.
    NoAppSecret,
    /// The stored secrets were sealed with a key that this process does not have.
    Unreadable,
}

impl Inbound {
    /// Why not, in a sentence; `None` when it is ready.
    pub const fn reason(self) -> Option<&'static str> {
        match self {
            Self::Ready => None,
            Self::NoAppSecret => Some(
                "The app secret is missing, so no webhook can be verified: all are refused. Give it with PATCH, \
                 or set BELLHOP_APP_SECRET; Meta repeats what was refused for days.",
            ),
            Self::Unreadable => Some(
                "The stored credentials cannot be opened with this key: give BELLHOP_SECRET_KEY its former value, \
                 or give the credentials again.",
            ),
        }
    }
}

impl App {
    /// The property's connected numbers, in the order of their making.
    pub async fn connections_of(&self, caller: &Caller, page: PageRequest) -> Result<Page<ConnectionView>> {
        caller.require(Right::ManageConnections)?;
        use connection::Column;
        let mut query = connection::Entity::find()
            .filter(Column::PropertyId.eq(caller.property_id))
            .filter(Column::Status.is_in(CONNECTED));
        if let Some(after) = page.after::<ConnectionId>()? {
            query = query.filter(Column::Id.gt(after));
        }
        let rows = query.order_by_asc(Column::Id).limit(page.limit() + 1).all(self.db.reader()).await?;
        let default = self.default_connection(caller.property_id).await.ok().map(|default| default.id);
        Ok(Page::cut(rows, &page, |row| row.id).map(|row| self.connection_view(row, default)))
    }

    pub async fn connection_of(&self, caller: &Caller, id: ConnectionId) -> Result<ConnectionView> {
        caller.require(Right::ManageConnections)?;
        let row = find(self.db.reader(), caller.property_id, id).await?;
        let default = self.default_connection(caller.property_id).await.ok().map(|default| default.id);
        Ok(self.connection_view(row, default))
    }

    fn connection_view(&self, row: connection::Model, default: Option<ConnectionId>) -> ConnectionView {
        let open = self.open(row.clone()).ok();
        let of =
            |secret: fn(&OpenConnection) -> Option<&Secret>| open.as_ref().and_then(secret).and_then(end);
        ConnectionView {
            connection_id: row.id,
            status: row.status,
            is_default: default == Some(row.id),
            access_token_end: of(|open| Some(&open.line.access_token)),
            app_secret_end: of(|open| open.app_secret.as_ref()),
            verify_token_end: of(|open| Some(&open.verify_token)),
            inbound: inbound(open.as_ref()),
            waba_id: row.waba_id,
            phone_number_id: row.phone_number_id,
            display_phone_number: row.display_phone_number,
            verified_name: row.verified_name,
            base_url: row.base_url,
            api_version: row.api_version,
            registers_callback: !row.callback_elsewhere,
            throughput: row.throughput_override.or(row.throughput),
            quality_rating: row.quality_rating,
            created_at: row.created_at,
            updated_at: row.updated_at.unwrap_or(row.created_at),
        }
    }
}

pub(super) fn inbound(open: Option<&OpenConnection>) -> Inbound {
    match open.map(|open| open.app_secret.is_some()) {
        Some(true) => Inbound::Ready,
        Some(false) => Inbound::NoAppSecret,
        None => Inbound::Unreadable,
    }
}

fn end(secret: &Secret) -> Option<String> {
    let characters: Vec<char> = secret.expose().chars().collect();
    (characters.len() >= SHOWN_FROM).then(|| characters[characters.len() - 4..].iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_a_long_secret_is_shown() {
        assert_eq!(end(&Secret::new("simulator-access-token-1")).as_deref(), Some("en-1"));
        assert_eq!(end(&Secret::new("12345678901ש")).as_deref(), Some("901ש"));
        assert_eq!(end(&Secret::new("12345678901")), None);
    }
}
