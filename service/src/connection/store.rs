//! Writing connections down, with their secrets sealed.

use bellhop_domain::connection::ConnectionStatus;
use bellhop_domain::ports::Line;
use bellhop_domain::{ConnectionId, PropertyId, Secret};
use bellhop_entity::connection;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter};

use super::context;
use crate::app::App;
use crate::error::{Error, Result};
use crate::keys;

/// A column that holds a sealed secret.
#[derive(Clone, Copy)]
pub(crate) struct SecretColumn {
    pub name: &'static str,
    pub column: connection::Column,
    pub of: fn(&connection::Model) -> &[u8],
}

/// All of them. An empty one holds no secret.
pub(crate) const SECRETS: [SecretColumn; 3] = [
    SecretColumn {
        name: "access_token",
        column: connection::Column::AccessToken,
        of: |row| &row.access_token,
    },
    SecretColumn { name: "app_secret", column: connection::Column::AppSecret, of: |row| &row.app_secret },
    SecretColumn {
        name: "verify_token",
        column: connection::Column::VerifyToken,
        of: |row| &row.verify_token,
    },
];

/// A number to connect.
#[derive(Debug, Clone)]
pub struct NewConnection {
    pub line: Line,
    pub display_phone_number: String,
    pub app_secret: Secret,
    pub verify_token: Secret,
}

impl App {
    /// Stores a number without asking the provider, or brings a known one up to date.
    pub async fn connect(&self, property: PropertyId, new: NewConnection) -> Result<ConnectionId> {
        let tx = self.db.begin().await?;
        keys::hold(&tx).await?;
        let known = connection::Entity::find()
            .filter(connection::Column::PhoneNumberId.eq(&new.line.phone_number_id))
            .one(&tx)
            .await?;
        let id = known.as_ref().map_or_else(ConnectionId::new, |row| row.id);
        if known.as_ref().is_some_and(|row| row.property_id != property) {
            return Err(Error::field("phone_number_id", "is connected to another property"));
        }
        let row = connection::ActiveModel {
            id: Set(id),
            property_id: Set(property),
            display_phone_number: Set(new.display_phone_number),
            app_secret: self.seal(id, "app_secret", &new.app_secret),
            verify_token: self.seal(id, "verify_token", &new.verify_token),
            status: Set(ConnectionStatus::Active),
            token_version: Set(known.as_ref().map_or(1, |row| row.token_version + 1)),
            removed_at: Set(None),
            webhook_alive_ms: if known.is_some() { NotSet } else { Set(0) },
            created_at: if known.is_some() { NotSet } else { Set(self.now()) },
            ..self.line_columns(id, new.line)
        };
        match known {
            Some(_) => connection::Entity::update(row).exec(&tx).await.map(|_| ())?,
            None => connection::Entity::insert(row).exec_without_returning(&tx).await.map(|_| ())?,
        }
        tx.commit().await?;
        self.connections.forget();
        Ok(id)
    }

    /// Follows the demo's simulator to another address: a connection that no admin has changed, or whose
    /// address is still the one of the start before.
    pub async fn follow_simulator(&self, phone_number_id: &str, from: Option<&str>, to: &str) -> Result<()> {
        let tx = self.db.begin().await?;
        connection::Entity::update_many()
            .col_expr(connection::Column::BaseUrl, Expr::value(to))
            .filter(connection::Column::PhoneNumberId.eq(phone_number_id))
            .filter(
                Condition::any()
                    .add(connection::Column::UpdatedAt.is_null())
                    .add(connection::Column::BaseUrl.is_in(from)),
            )
            .exec(&tx)
            .await?;
        tx.commit().await?;
        self.connections.forget();
        Ok(())
    }

    /// A secret for its column. In a transaction that holds the keys, so that it is not sealed with one
    /// that a rotation is done with.
    pub(super) fn seal(
        &self,
        id: ConnectionId,
        column: &str,
        secret: &Secret,
    ) -> sea_orm::ActiveValue<Vec<u8>> {
        Set(self.ports.cipher.encrypt(secret, &context(id, column)))
    }

    /// The columns of a line, its token sealed.
    pub(super) fn line_columns(&self, id: ConnectionId, line: Line) -> connection::ActiveModel {
        connection::ActiveModel {
            waba_id: Set(line.waba_id),
            phone_number_id: Set(line.phone_number_id),
            base_url: Set(line.base_url),
            api_version: Set(line.api_version),
            access_token: self.seal(id, "access_token", &line.access_token),
            ..Default::default()
        }
    }
}
