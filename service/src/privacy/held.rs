//! Rows about a guest, as the export has them: with the API's names.

use std::collections::HashMap;

use bellhop_domain::{MediaId, MessageId, SubscriptionId};
use bellhop_entity::{
    audit_entry, consent_change, conversation, delivery, event, event_log, guest, guest_identifier,
    guest_merge, media, message, message_status, stay, stay_guest, subscription,
};
use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::{Value, json};

use super::export::Subject;
use super::overwrite;
use crate::app::App;
use crate::error::Result;
use crate::event::rfc3339;
use crate::rows::among;

/// Events that are looked at in one reading.
const LOOKED_AT: i64 = 5_000;

fn time(at: Option<DateTime<Utc>>) -> Value {
    at.map(rfc3339).into()
}

/// The guest as shown, and what each source says.
pub(super) async fn guest(app: &App, subject: &Subject, rows: Vec<guest::Model>) -> Result<Value> {
    let sources: Vec<Value> = rows
        .iter()
        .map(|row| {
            json!({
                "guest_id": row.id, "whatsapp_name": row.name, "staff": row.staff, "import": row.import,
                "merged_into": row.merged_into, "created_at": rfc3339(row.created_at),
                "updated_at": rfc3339(row.updated_at),
            })
        })
        .collect();
    let shown = rows.into_iter().find(|row| Some(&row.id) == subject.guests.first());
    let shown = shown.map(|row| {
        json!({
            "guest_id": row.id, "name": row.told_name.or(row.name), "language": row.language, "tier": row.tier,
            "notes": row.notes, "stay": row.stay,
        })
    });
    Ok(json!({"shown": shown, "sources": sources, "exported_at": rfc3339(app.now())}))
}

/// What is short enough to be read at once.
pub(super) async fn lists(
    db: &impl ConnectionTrait,
    subject: &Subject,
) -> Result<Vec<(&'static str, Vec<Value>)>> {
    Ok(vec![
        ("identifiers", identifiers(db, subject).await?),
        ("consent", consent(db, subject).await?),
        ("stays", stays(db, subject).await?),
        ("merges", merges(db, subject).await?),
        ("conversations", conversations(db, subject).await?),
        ("audit", audit(db, subject).await?),
    ])
}

async fn identifiers(db: &impl ConnectionTrait, subject: &Subject) -> Result<Vec<Value>> {
    let rows = guest_identifier::Entity::find()
        .filter(guest_identifier::Column::GuestId.is_in(subject.guests.iter().copied()))
        .order_by_asc(guest_identifier::Column::Id)
        .all(db)
        .await?;
    let one = |row: guest_identifier::Model| {
        json!({
            "guest_id": row.guest_id, "kind": row.kind, "value": row.value,
            "first_seen_at": rfc3339(row.first_seen_at), "ended_at": time(row.ended_at),
            "left_at": time(row.left_at),
        })
    };
    Ok(rows.into_iter().map(one).collect())
}

async fn consent(db: &impl ConnectionTrait, subject: &Subject) -> Result<Vec<Value>> {
    let rows = consent_change::Entity::find()
        .filter(consent_change::Column::GuestId.is_in(subject.guests.iter().copied()))
        .order_by_asc(consent_change::Column::At)
        .order_by_asc(consent_change::Column::Id)
        .all(db)
        .await?;
    let one = |row: consent_change::Model| {
        json!({
            "kind": row.kind, "state": row.state, "source": row.source, "at": rfc3339(row.at),
            "recorded_at": rfc3339(row.recorded_at), "evidence": row.evidence, "message_id": row.message_id,
            "staff_member_id": row.staff_member_id,
        })
    };
    Ok(rows.into_iter().map(one).collect())
}

async fn stays(db: &impl ConnectionTrait, subject: &Subject) -> Result<Vec<Value>> {
    let links = stay_guest::Entity::find()
        .filter(stay_guest::Column::GuestId.is_in(subject.guests.iter().copied()))
        .all(db)
        .await?;
    let rows = stay::Entity::find()
        .filter(among(db, stay::Column::Id, links.iter().map(|link| link.stay_id)))
        .all(db)
        .await?;
    let rows: HashMap<_, _> = rows.into_iter().map(|row| (row.id, row)).collect();
    let one = |link: stay_guest::Model| {
        let row = rows.get(&link.stay_id)?;
        Some(json!({
            "source": row.source, "reservation_id": row.reservation_id, "status": row.status, "room": row.room,
            "arrival": row.arrival, "departure": row.departure, "booking_reference": row.booking_reference,
            "name": link.name, "language": link.language, "tier": link.tier,
            "updated_at": rfc3339(row.updated_at),
        }))
    };
    Ok(links.into_iter().filter_map(one).collect())
}

async fn merges(db: &impl ConnectionTrait, subject: &Subject) -> Result<Vec<Value>> {
    let rows = guest_merge::Entity::find()
        .filter(guest_merge::Column::KeptGuestId.is_in(subject.guests.iter().copied()))
        .order_by_asc(guest_merge::Column::Id)
        .all(db)
        .await?;
    let one = |row: guest_merge::Model| {
        json!({
            "guest_id": row.kept_guest_id, "merged_guest_id": row.merged_guest_id, "moved": row.moved,
            "created_at": rfc3339(row.created_at),
        })
    };
    Ok(rows.into_iter().map(one).collect())
}

async fn conversations(db: &impl ConnectionTrait, subject: &Subject) -> Result<Vec<Value>> {
    let rows = conversation::Entity::find()
        .filter(conversation::Column::GuestId.is_in(subject.guests.iter().copied()))
        .order_by_asc(conversation::Column::Id)
        .all(db)
        .await?;
    let one = |row: conversation::Model| {
        json!({
            "conversation_id": row.id, "connection_id": row.connection_id, "status": row.status,
            "metadata": row.metadata, "merged_into": row.merged_into,
            "window_expires_at": time(row.window_expires_at), "last_inbound_at": time(row.last_inbound_at),
            "last_activity_at": rfc3339(row.last_activity_at), "resolution_notes": row.resolution_notes,
            "satisfaction_rating": row.satisfaction_rating, "resolved_at": time(row.resolved_at),
            "created_at": rfc3339(row.created_at),
        })
    };
    Ok(rows.into_iter().map(one).collect())
}

/// What people and programs did about the guest.
async fn audit(db: &impl ConnectionTrait, subject: &Subject) -> Result<Vec<Value>> {
    let rows = audit_entry::Entity::find()
        .filter(audit_entry::Column::PropertyId.eq(subject.property))
        .filter(audit_entry::Column::GuestId.is_in(subject.guests.iter().copied()))
        .order_by_asc(audit_entry::Column::Id)
        .all(db)
        .await?;
    let read = |text: Option<String>| text.and_then(|text| serde_json::from_str::<Value>(&text).ok());
    let one = |row: audit_entry::Model| {
        json!({
            "at": rfc3339(row.at), "action": row.action, "by": row.actor_name, "subject": row.subject,
            "before": read(row.before), "after": read(row.after),
        })
    };
    Ok(rows.into_iter().map(one).collect())
}

/// Messages with what WhatsApp told of them, and their files.
pub(super) async fn messages(db: &impl ConnectionTrait, rows: Vec<message::Model>) -> Result<Vec<Value>> {
    let ids = rows.iter().map(|row| row.id);
    let told = message_status::Entity::find()
        .filter(among(db, message_status::Column::MessageId, ids))
        .order_by_asc(message_status::Column::Timestamp)
        .all(db)
        .await?;
    let mut statuses: HashMap<MessageId, Vec<Value>> = HashMap::new();
    for status in told {
        let Some(id) = status.message_id else { continue };
        let told = json!({
            "status": status.status, "timestamp": rfc3339(status.timestamp), "error": status.error,
        });
        statuses.entry(id).or_default().push(told);
    }
    let files = files(db, &rows).await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let files: Vec<&Value> =
                overwrite::files_of(&row).iter().filter_map(|id| files.get(id)).collect();
            let mut said = message(&row);
            said["statuses"] = statuses.remove(&row.id).unwrap_or_default().into();
            said["files"] = json!(files);
            said
        })
        .collect())
}

fn message(row: &message::Model) -> Value {
    json!({
        "message_id": row.id, "conversation_id": row.conversation_id, "guest_id": row.guest_id,
        "direction": row.direction, "status": row.status, "message_type": row.content.kind(),
        "content": row.content, "fallback": row.fallback, "wamid": row.wamid, "reply_to": row.reply_to,
        "origin": row.origin, "earlier": row.revisions, "edited_at": time(row.edited_at),
        "revoked_at": time(row.revoked_at), "staff_member_id": row.staff_member_id, "metadata": row.metadata,
        "batch_id": row.batch_id, "batch_line": row.batch_line, "failure": row.failure, "pricing": row.pricing,
        "send_at": time(row.send_at), "sent_at": time(row.sent_at), "delivered_at": time(row.delivered_at),
        "read_at": time(row.read_at), "failed_at": time(row.failed_at), "erased_at": time(row.erased_at),
        "created_at": rfc3339(row.created_at),
    })
}

async fn files(db: &impl ConnectionTrait, rows: &[message::Model]) -> Result<HashMap<MediaId, Value>> {
    let ids = rows.iter().flat_map(overwrite::files_of);
    let rows = media::Entity::find().filter(among(db, media::Column::Id, ids)).all(db).await?;
    let one = |row: media::Model| {
        let file = json!({
            "media_id": row.id, "media_type": row.kind, "mime_type": row.mime, "filename": row.filename,
            "size_bytes": row.size, "sha256": row.sha256, "removed_at": time(row.removed_at),
            "created_at": rfc3339(row.created_at),
        });
        (row.id, file)
    };
    Ok(rows.into_iter().map(one).collect())
}

/// The guest's events among the next ones after a number, and to whom each was delivered; where to go on.
pub(super) async fn events(app: &App, subject: &Subject, after: i64) -> Result<(Vec<Value>, Option<i64>)> {
    use event::Column;
    let db = app.db.reader();
    let log = event_log::Entity::find_by_id(subject.property).one(db).await?;
    let last = log.map_or(0, |log| log.last_number);
    let end = Ord::min(last, after + LOOKED_AT);
    let guests = subject.guests.iter().map(ToString::to_string);
    let rows = event::Entity::find()
        .filter(Column::PropertyId.eq(subject.property))
        .filter(Column::Number.gt(after))
        .filter(Column::Number.lte(end))
        .filter(Expr::cust("data ->> 'guest_id'").is_in(guests))
        .order_by_asc(Column::Number)
        .all(db)
        .await?;
    let mut delivered = deliveries(db, subject, &rows).await?;
    let events = rows
        .into_iter()
        .map(|row| {
            json!({
                "id": row.id, "sequence": row.number, "event": row.event, "created_at": rfc3339(row.created_at),
                "data": row.data, "deliveries": delivered.remove(&row.id).unwrap_or_default(),
            })
        })
        .collect();
    Ok((events, (end < last).then_some(end)))
}

/// Which partners got these events, and when.
async fn deliveries(
    db: &impl ConnectionTrait,
    subject: &Subject,
    events: &[event::Model],
) -> Result<HashMap<bellhop_domain::EventId, Vec<Value>>> {
    let partners: Vec<(SubscriptionId, String)> = subscription::Entity::find()
        .select_only()
        .columns([subscription::Column::Id, subscription::Column::Url])
        .filter(subscription::Column::PropertyId.eq(subject.property))
        .into_tuple()
        .all(db)
        .await?;
    let partners: HashMap<SubscriptionId, String> = partners.into_iter().collect();
    let rows = delivery::Entity::find()
        .filter(delivery::Column::SubscriptionId.is_in(partners.keys().copied()))
        .filter(among(db, delivery::Column::EventId, events.iter().map(|event| event.id)))
        .order_by_asc(delivery::Column::Id)
        .all(db)
        .await?;
    let mut all: HashMap<_, Vec<Value>> = HashMap::new();
    for row in rows {
        all.entry(row.event_id).or_default().push(json!({
            "webhook_id": row.subscription_id, "url": partners.get(&row.subscription_id), "status": row.status,
            "attempts": row.attempts, "created_at": rfc3339(row.created_at), "ended_at": time(row.ended_at),
        }));
    }
    Ok(all)
}
