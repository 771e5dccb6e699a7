//! Who did what.

use bellhop_domain::audit::{ActorId, ActorKind, AuditAction};
use bellhop_domain::rights::Role;
use bellhop_domain::{AuditEntryId, GuestId};
use bellhop_service::audit::{ActorView, AuditFilter, AuditView};
use bellhop_service::page::PageRequest;
use poem_openapi::param::Query;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use crate::Tag;
use crate::auth::{Authorized, ReadAudit};
use crate::envelope::ApiError;
use crate::list::List;
use crate::types::{JsonObject, Limit, Nullable, Timestamp};

/// Who did it.
#[derive(Debug, Object)]
struct AuditActor {
    kind: ActorKind,
    /// The person's or the token's; `null` of a command.
    id: Nullable<ActorId>,
    /// As it was then; of a command, its own, such as `create-admin`.
    name: String,
    /// As it was then.
    role: Nullable<Role>,
}

/// Something that somebody changed or sent.
#[derive(Debug, Object)]
struct AuditEntry {
    entry_id: AuditEntryId,
    at: Timestamp,
    actor: AuditActor,
    action: AuditAction,
    /// The id of what it was done to.
    subject: Nullable<String>,
    /// Whom it is about, where that is one guest. Of a stay with several, the first.
    guest_id: Nullable<GuestId>,
    /// The fields that changed, as they were; `null` where nothing was there before.
    before: Nullable<JsonObject>,
    /// The same, as they are since. Never a secret, nor what a message says.
    after: Nullable<JsonObject>,
    /// When the guest was erased, and `before` and `after` with them.
    erased_at: Nullable<Timestamp>,
}

impl From<ActorView> for AuditActor {
    fn from(view: ActorView) -> Self {
        Self { kind: view.kind, id: Nullable(view.id), name: view.name, role: Nullable(view.role) }
    }
}

impl From<AuditView> for AuditEntry {
    fn from(view: AuditView) -> Self {
        Self {
            entry_id: view.entry_id,
            at: view.at.into(),
            actor: view.actor.into(),
            action: view.action,
            subject: Nullable(view.subject),
            guest_id: Nullable(view.guest_id),
            before: Nullable(view.before.map(JsonObject::of)),
            after: Nullable(view.after.map(JsonObject::of)),
            erased_at: Nullable::from(view.erased_at),
        }
    }
}

pub struct Audit;

#[OpenApi(tag = "Tag::Audit")]
impl Audit {
    /// Who did what, newest first
    ///
    /// For admins who have all of their role's rights. Everything that people and programs changed or sent, with
    /// the fields that changed; nothing of it is ever changed or removed. What guests, WhatsApp and the passing of
    /// time do stands among the events.
    #[oai(path = "/audit", method = "get", operation_id = "list_audit")]
    #[expect(clippy::too_many_arguments, reason = "each query parameter is an argument")]
    async fn list(
        &self,
        auth: Authorized<ReadAudit>,
        /// A person's id or a token's
        actor_id: Query<Option<ActorId>>,
        action: Query<Option<AuditAction>>,
        /// The id of what it was done to
        subject: Query<Option<String>>,
        guest_id: Query<Option<GuestId>>,
        /// Included
        from: Query<Option<Timestamp>>,
        /// Not included
        to: Query<Option<Timestamp>>,
        limit: Query<Option<Limit>>,
        /// `next_cursor` of the page before
        cursor: Query<Option<String>>,
    ) -> Result<Json<List<AuditEntry>>, ApiError> {
        let filter = AuditFilter {
            actor: actor_id.0,
            action: action.0,
            subject: subject.0,
            guest: guest_id.0,
            from: from.0.map(|at| at.0),
            to: to.0.map(|at| at.0),
        };
        let page = PageRequest::parse(limit.0.map(|limit| limit.0), cursor.0)?;
        Ok(Json(auth.app.audit(&auth.caller, filter, page).await?.into()))
    }
}
