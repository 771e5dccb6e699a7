//! What the provider's webhooks tell of templates.

use bellhop_domain::ConnectionId;
use bellhop_domain::inbound::{TemplateChange, TemplateNews};
use bellhop_domain::template::ChangeCause;
use bellhop_entity::template;
use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect,
};

use super::{GONE, sync, version};
use crate::error::Result;
use crate::event::Scope;

/// Whether the news say less than the list of templates does.
pub(crate) fn asks_for_sync(news: &TemplateNews) -> bool {
    matches!(news.change, TemplateChange::Components)
}

/// Applies news to the template of every number of the account. `false` when that was not enough: one of them
/// does not know the template yet, or knows something newer.
pub(crate) async fn apply_news(
    tx: &DatabaseTransaction,
    scope: Scope,
    connections: &[ConnectionId],
    (news, time): (&TemplateNews, Option<i64>),
) -> Result<bool> {
    let at = time.and_then(|seconds| DateTime::from_timestamp(seconds, 0)).unwrap_or(scope.at);
    use template::Column;
    let rows = template::Entity::find()
        .filter(Column::ConnectionId.is_in(connections.iter().copied()))
        .filter(Column::Name.eq(&news.name))
        .filter(Column::Language.eq(&news.language))
        .order_by_asc(Column::Id)
        .lock_exclusive()
        .all(tx)
        .await?;
    let mut all_know = rows.len() == connections.len();
    for row in rows {
        // A name may be used anew after a template was deleted: its news are another one's.
        let same = match &news.provider_id {
            Some(id) => row.provider_id.is_empty() || *id == row.provider_id,
            None => !row.provider_id.is_empty(),
        };
        // Webhooks come in any order: the list knows which is the last.
        if row.status_at.is_some_and(|known| known > at) {
            all_know = false;
        } else if same && row.status != GONE {
            let scope = Scope { property: row.property_id, ..scope };
            apply(tx, scope, row, (news, at)).await?;
        }
    }
    Ok(all_know)
}

async fn apply(
    tx: &DatabaseTransaction,
    scope: Scope,
    row: template::Model,
    (news, at): (&TemplateNews, DateTime<Utc>),
) -> Result<()> {
    let before = row.clone();
    let mut new = row.into_active_model();
    if let Some(id) = news.provider_id.as_ref().filter(|_| before.provider_id.is_empty()) {
        // It overtook the answer to the submission.
        new.provider_id = Set(id.clone());
        new.submitting_until = Set(None);
    }
    match &news.change {
        TemplateChange::Status { status, reason } => {
            new.status_at = Set(Some(at));
            new.status = Set(as_listed(status, &before.status));
            new.rejection_reason = Set(reason.clone());
        }
        TemplateChange::Category { new: category, previous } if *category != before.category => {
            let previous = previous.clone().unwrap_or_else(|| before.category.clone());
            new.previous_category = Set(Some(previous));
            new.category = Set(category.clone());
            new.version = Set(before.version + 1);
        }
        TemplateChange::Quality { score } => new.quality = Set(Some(score.clone())),
        TemplateChange::Category { .. } | TemplateChange::Components => return Ok(()),
    }
    new.synced_at = Set(before.synced_at.max(scope.at));
    let row = new.update(tx).await?;
    if row.version != before.version {
        version::record(tx, scope, &row, ChangeCause::Provider).await?;
    }
    sync::tell(tx, scope, &before, &row).await
}

/// The status as the list has it: two events are about one that may be sent, and are no status of their own.
/// Source: Meta, `message_template_status_update`.
fn as_listed(event: &str, present: &str) -> String {
    match event {
        "REINSTATED" | "UNPAUSED" => "APPROVED".to_owned(),
        "FLAGGED" => present.to_owned(),
        other => other.to_owned(),
    }
}
