//! Changing a connection: new credentials, another address, another default.

use bellhop_domain::connection::ConnectionStatus;
use bellhop_domain::ports::{Line, NumberInfo};
use bellhop_domain::problem::Problem;
use bellhop_domain::rights::Right;
use bellhop_domain::{ConnectionId, Secret};
use bellhop_entity::connection;
use sea_orm::ActiveModelTrait;
use sea_orm::ActiveValue::Set;
use sea_orm::IntoActiveModel;

use super::access::tell;
use super::add::take_default;
use super::prove::{Deadline, read_id, read_secret, read_version};
use super::view::ConnectionView;
use super::{find, lock, trail};
use crate::app::App;
use crate::audit;
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::event::Scope;
use crate::failpoint;
use crate::keys;

/// What to change; `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct ConnectionChange {
    pub waba_id: Option<String>,
    pub access_token: Option<String>,
    pub app_secret: Option<String>,
    pub verify_token: Option<String>,
    pub api_version: Option<String>,
    pub base_url: Option<String>,
    pub is_default: Option<bool>,
    pub register_callback: Option<bool>,
}

/// What was checked of a change, beside the line.
struct Checked {
    app_secret: Option<Secret>,
    verify_token: Option<Secret>,
    is_default: Option<bool>,
    callback_elsewhere: Option<bool>,
    /// The secrets that are given.
    replaced: Vec<&'static str>,
}

/// A line that the provider confirmed.
struct Proven {
    line: Line,
    info: NumberInfo,
}

impl ConnectionChange {
    fn needs_proof(&self) -> bool {
        let Self { waba_id, access_token, api_version, base_url, .. } = self;
        [waba_id, access_token, api_version, base_url].into_iter().any(Option::is_some)
    }

    /// Whether the provider has to be told where webhooks go.
    fn moves_callback(&self) -> bool {
        let moved = [&self.waba_id, &self.base_url, &self.verify_token].into_iter().any(Option::is_some);
        moved || self.register_callback == Some(true)
    }

    fn check(&self) -> Result<Checked> {
        let secret =
            |field, given: &Option<String>| given.as_ref().map(|given| read_secret(field, given)).transpose();
        let given = [
            ("access_token", &self.access_token),
            ("app_secret", &self.app_secret),
            ("verify_token", &self.verify_token),
        ];
        Ok(Checked {
            replaced: given.into_iter().filter(|(_, given)| given.is_some()).map(|(name, _)| name).collect(),
            app_secret: secret("app_secret", &self.app_secret)?,
            verify_token: secret("verify_token", &self.verify_token)?,
            is_default: self.is_default,
            callback_elsewhere: self.register_callback.map(|wanted| !wanted),
        })
    }
}

impl App {
    /// Changes a connection. What concerns the line is proven first, and a line that is proven makes a
    /// connection active that needed credentials: what waited for it leaves.
    pub async fn change_connection(
        &self,
        caller: &Caller,
        id: ConnectionId,
        change: ConnectionChange,
    ) -> Result<ConnectionView> {
        caller.require(Right::ManageConnections)?;
        let row = find(self.db.reader(), caller.property_id, id).await?;
        let checked = change.check()?;
        let deadline = Deadline::begin();
        let proven = match change.needs_proof() {
            true => {
                let line = self.changed_line(&row, &change)?;
                let info = self.prove(&line, deadline).await?;
                Some(Proven { line, info })
            }
            false => None,
        };
        let renewed = proven.is_some();
        let row = self.write_change(caller, (&row, checked), proven).await?;
        failpoint::here("connection_changed");
        if renewed {
            // The change is made; what is not due now is in five minutes.
            if let Err(error) = self.release_waiting(id).await {
                tracing::warn!(connection = %id, %error, "what waited for a token goes on later");
            }
            self.sync_soon(id);
        }
        if change.moves_callback() && !row.callback_elsewhere {
            self.register_changed(row, deadline).await?;
        }
        self.connection_of(caller, id).await
    }

    fn changed_line(&self, row: &connection::Model, change: &ConnectionChange) -> Result<Line> {
        let access_token = match &change.access_token {
            Some(given) => read_secret("access_token", given)?,
            None => self.open(row.clone())?.line.access_token,
        };
        Ok(Line {
            access_token,
            waba_id: match &change.waba_id {
                Some(given) => read_id("waba_id", given)?,
                None => row.waba_id.clone(),
            },
            base_url: match &change.base_url {
                Some(given) => self.read_base_url(Some(given))?,
                None => row.base_url.clone(),
            },
            api_version: match &change.api_version {
                Some(given) => read_version(Some(given))?,
                None => row.api_version.clone(),
            },
            phone_number_id: row.phone_number_id.clone(),
        })
    }

    async fn write_change(
        &self,
        caller: &Caller,
        (seen, checked): (&connection::Model, Checked),
        proven: Option<Proven>,
    ) -> Result<connection::Model> {
        let scope = Scope { property: caller.property_id, at: self.now() };
        let tx = self.db.begin().await?;
        keys::hold(&tx).await?;
        let row = lock(&tx, caller.property_id, seen.id).await?;
        if proven.is_some() && row.token_version != seen.token_version {
            let message = "The connection was changed by another request in the same moment.";
            return Err(Error::because(Problem::Unavailable, message));
        }
        let (id, before) = (row.id, row);
        let mut new = before.clone().into_active_model();
        if let Some(proven) = proven {
            self.put_line(&mut new, &before, proven);
        }
        if let Some(secret) = &checked.app_secret {
            new.app_secret = self.seal(id, "app_secret", secret);
        }
        if let Some(secret) = &checked.verify_token {
            new.verify_token = self.seal(id, "verify_token", secret);
        }
        if let Some(is_default) = checked.is_default {
            new.is_default = Set(is_default);
        }
        if let Some(elsewhere) = checked.callback_elsewhere {
            new.callback_elsewhere = Set(elsewhere);
        }
        new.updated_at = Set(Some(scope.at));
        let row = new.update(&tx).await?;
        if checked.is_default == Some(true) {
            take_default(&tx, caller, id).await?;
        }
        if row.status != before.status {
            tell(&tx, scope, &row, before.status).await?;
        }
        audit::record(&tx, scope, caller, trail::changed(&before, &row, &checked.replaced)).await?;
        tx.commit().await?;
        self.connections.forget();
        Ok(row)
    }

    fn put_line(&self, new: &mut connection::ActiveModel, before: &connection::Model, proven: Proven) {
        let Proven { line, info } = proven;
        let columns = self.line_columns(before.id, line);
        new.waba_id = columns.waba_id;
        new.base_url = columns.base_url;
        new.api_version = columns.api_version;
        new.access_token = columns.access_token;
        new.token_version = Set(before.token_version + 1);
        new.status = Set(ConnectionStatus::Active);
        new.display_phone_number = Set(info.display_phone_number);
        new.verified_name = Set(info.verified_name);
        new.quality_rating = Set(info.quality_rating);
        new.throughput = Set(info.throughput.and_then(|n| i32::try_from(n).ok()));
    }

    /// The change stands, whatever becomes of this: the provider asks for the verify token that is stored.
    async fn register_changed(&self, row: connection::Model, deadline: Deadline) -> Result<()> {
        let open = self.open(row)?;
        let registered = self.claim_webhooks(open.id, (&open.line, &open.verify_token), deadline).await;
        registered.map_err(|error| match error {
            Error::Refused(mut refusal) => {
                refusal.message.push_str(" The change itself is stored.");
                refusal.details["stored"] = true.into();
                Error::Refused(refusal)
            }
            other => other,
        })
    }
}
