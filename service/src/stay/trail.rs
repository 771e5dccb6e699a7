//! What the audit trail tells of a stay. Guests stand in it by their ids, so that nothing of somebody who shares a
//! room outlives their erasure; the booking's reference stays with the booking.

use bellhop_domain::GuestId;
use bellhop_domain::audit::AuditAction;
use bellhop_entity::stay;
use serde_json::{Value, json};

use crate::audit::Entry;

/// A stay's guests, in their order.
pub(super) struct Linked {
    pub before: Vec<GuestId>,
    pub after: Vec<GuestId>,
}

/// `known`: as it was, `None` of a new one.
pub(super) fn entry(known: Option<&stay::Model>, row: &stay::Model, linked: &Linked) -> Option<Entry> {
    let entry = Entry::of(AuditAction::StayPut, row.id);
    let entry = match linked.after.first().or(linked.before.first()) {
        Some(first) => entry.about(*first),
        None => entry,
    };
    let after = told(row, &linked.after);
    match known {
        Some(known) => entry.changed(told(known, &linked.before), after),
        None => Some(entry.made(after)),
    }
}

fn told(row: &stay::Model, guests: &[GuestId]) -> Value {
    json!({
        "source": row.source, "version": row.version, "status": row.status, "room": row.room,
        "arrival": row.arrival, "departure": row.departure, "guest_ids": guests,
    })
}
