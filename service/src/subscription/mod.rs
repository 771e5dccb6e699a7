//! Partners' webhooks: where events are delivered to, proven before anything is.

mod change;
mod configure;
mod prove;
mod secrets;
mod stop;
mod trail;
mod trial;
mod view;

use bellhop_domain::rights::{Right, Role};
use bellhop_domain::{PropertyId, SubscriptionId};
use bellhop_entity::subscription;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect,
};

use crate::auth::Caller;
use crate::error::{Error, Result};

pub(crate) use secrets::{SECRETS, context};
pub(crate) use stop::{pause_those_of, stop};

pub use change::{Rotated, SubscriptionChange};
pub use configure::{Configured, SubscriptionDraft};
pub use trial::Trial;
pub(crate) use view::{events_of, retry_config};

pub use view::SubscriptionView;

/// The subscriptions that a caller sees: a partner's token those that it made.
pub(crate) fn seen_by(caller: &Caller) -> Condition {
    let own = match caller.role() {
        Role::Partner => Some(subscription::Column::CreatedBy.eq(caller.uuid())),
        Role::Admin | Role::Staff => None,
    };
    of_property(caller.property_id).add_option(own)
}

fn of_property(property: PropertyId) -> Condition {
    Condition::all()
        .add(subscription::Column::PropertyId.eq(property))
        .add(subscription::Column::RemovedAt.is_null())
}

/// One that the caller sees; another's is not there.
pub(crate) async fn find(
    db: &impl ConnectionTrait,
    caller: &Caller,
    id: SubscriptionId,
) -> Result<subscription::Model> {
    caller.require(Right::ManageSubscriptions)?;
    let row = subscription::Entity::find_by_id(id).filter(seen_by(caller));
    row.one(db).await?.ok_or_else(|| Error::not_found("webhook"))
}

/// The same, locked until the transaction ends. Not against new deliveries, which refer to it.
pub(crate) async fn lock(
    tx: &DatabaseTransaction,
    caller: &Caller,
    id: SubscriptionId,
) -> Result<subscription::Model> {
    let row = subscription::Entity::find_by_id(id)
        .filter(seen_by(caller))
        .lock(sea_orm::sea_query::LockType::NoKeyUpdate);
    row.one(tx).await?.ok_or_else(|| Error::not_found("webhook"))
}
