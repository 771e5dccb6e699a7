//! What the provider says of a number by itself: pace, rating, templates; and the callback.

use bellhop_domain::ConnectionId;
use bellhop_domain::ports::NumberInfo;
use bellhop_entity::connection;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::OpenConnection;
use crate::app::App;
use crate::error::Result;

impl App {
    /// Asks the provider to send this connection's webhooks here.
    pub async fn register_callback(&self, id: ConnectionId) -> Result<()> {
        let connection = self.connection(id).await?;
        let url = &self.config.callback_url;
        let registered =
            self.ports.provider.register_callback(&connection.line, url, &connection.verify_token);
        Ok(self.asked(&connection, registered).await?)
    }

    /// Whether this connection's webhooks are to be asked for, and can be.
    pub async fn registers_callback(&self, id: ConnectionId) -> Result<bool> {
        let connection = self.connection(id).await?;
        Ok(connection.status.is_usable() && !connection.callback_elsewhere)
    }

    /// Reads pace and templates from the provider, for every connection. Failures are logged and
    /// tried again with the next round.
    pub async fn sync_connections(&self) -> Result<()> {
        for connection in self.connections().await?.iter().filter(|c| c.status.is_usable()) {
            self.sync_logged(connection).await;
        }
        Ok(())
    }

    async fn sync_logged(&self, connection: &OpenConnection) {
        let id = connection.id;
        if let Err(error) = self.sync_number(connection).await {
            tracing::warn!(connection = %id, %error, "the number's limits could not be read");
        }
        if let Err(error) = self.sync_templates(connection).await {
            tracing::warn!(connection = %id, %error, "the templates could not be read");
        }
    }

    /// Reads a connection's pace and templates in the background.
    pub(super) fn sync_soon(&self, id: ConnectionId) {
        let app = self.clone();
        self.tasks.spawn(async move {
            match app.connection(id).await {
                Ok(connection) => app.sync_logged(&connection).await,
                Err(error) => tracing::warn!(connection = %id, %error, "not read from the provider"),
            }
        });
    }

    /// Reads the pace of an account's numbers, in the background: what fails comes with the next round.
    pub(crate) fn sync_account(&self, waba_id: String) {
        let app = self.clone();
        self.tasks.spawn(async move {
            let Ok(connections) = app.connections().await else { return };
            let of_account = |c: &&std::sync::Arc<OpenConnection>| c.line.waba_id == waba_id;
            for connection in connections.iter().filter(of_account).filter(|c| c.status.is_usable()) {
                if let Err(error) = app.sync_number(connection).await {
                    tracing::warn!(connection = %connection.id, %error, "the number's limits could not be read");
                }
            }
        });
    }

    async fn sync_number(&self, connection: &OpenConnection) -> Result<()> {
        let number = self.asked(connection, self.ports.provider.number(&connection.line)).await?;
        let tx = self.db.begin().await?;
        let mut update = connection::Entity::update_many().filter(connection::Column::Id.eq(connection.id));
        for (column, value) in told(number) {
            update = update.col_expr(column, value);
        }
        update.exec(&tx).await?;
        tx.commit().await?;
        self.connections.forget();
        Ok(())
    }
}

fn told(number: NumberInfo) -> [(connection::Column, sea_orm::sea_query::SimpleExpr); 4] {
    use connection::Column;
    let throughput = number.throughput.and_then(|n| i32::try_from(n).ok());
    [
        (Column::Throughput, Expr::value(throughput)),
        (Column::QualityRating, Expr::value(number.quality_rating)),
        (Column::DisplayPhoneNumber, Expr::value(number.display_phone_number)),
        (Column::VerifiedName, Expr::value(number.verified_name)),
    ]
}
