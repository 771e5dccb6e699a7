//! What guests agreed to.

use bellhop_domain::consent::{ConsentKind, ConsentSource, ConsentState, Consents};
use bellhop_domain::{GuestId, MessageId};
use bellhop_service::consent::{ChangeView, ConsentView, NewConsent, Standing};
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::types::Example;
use poem_openapi::{Object, OpenApi};

use crate::Tag;
use crate::auth::{Authorized, ChangeConsent, ReadGuests};
use crate::body::JsonBody;
use crate::envelope::ApiError;
use crate::types::{Nullable, Timestamp};

/// What a guest agreed to, by kind.
#[derive(Debug, Object)]
pub struct GuestConsent {
    /// Templates of the category `MARKETING`.
    marketing: ConsentState,
    /// Everything else; when it is `opted_out`, marketing may not be sent either.
    service: ConsentState,
}

impl From<Consents> for GuestConsent {
    fn from(consents: Consents) -> Self {
        Self { marketing: consents.marketing, service: consents.service }
    }
}

/// What stands of one kind.
#[derive(Debug, Object)]
struct ConsentStanding {
    state: ConsentState,
    /// How it became known; `null` when nothing was ever said.
    source: Nullable<ConsentSource>,
    /// When the guest said so.
    since: Nullable<Timestamp>,
}

/// Something that was said about what a guest agrees to.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
struct ConsentChange {
    kind: ConsentKind,
    state: ConsentState,
    source: ConsentSource,
    /// When it was said. The newest of a kind decides, whenever it became known.
    at: Timestamp,
    recorded_at: Timestamp,
    /// What proves it: the guest's words, or those of whoever wrote it down.
    evidence: Option<String>,
    /// The message by which the guest said so, or to which WhatsApp answered so.
    message_id: Option<MessageId>,
    staff_member_id: Option<String>,
}

/// What a guest agreed to, and how that came to be.
#[derive(Debug, Object)]
struct Consent {
    guest_id: GuestId,
    marketing: ConsentStanding,
    service: ConsentStanding,
    /// The newest hundred changes, newest first by when they were said.
    history: Vec<ConsentChange>,
}

/// What a guest says of one kind.
#[derive(Debug, Object)]
#[oai(example)]
struct SetConsent {
    kind: ConsentKind,
    /// `opted_in` or `opted_out`.
    state: ConsentState,
    /// How the guest said so: `api` when absent, `front_desk`, `booking`, `website` or `import`.
    source: Option<ConsentSource>,
    /// What proves it, such as `booking form, box ticked`.
    #[oai(validator(max_length = 1000))]
    evidence: Option<String>,
    /// Who wrote it down.
    #[oai(validator(max_length = 64))]
    staff_member_id: Option<String>,
    /// When the guest said so, not in the future; now when absent. Older than what is known it is history, and
    /// changes nothing else.
    at: Option<Timestamp>,
}

impl Example for SetConsent {
    fn example() -> Self {
        Self {
            kind: ConsentKind::Marketing,
            state: ConsentState::OptedIn,
            source: Some(ConsentSource::Booking),
            evidence: Some("booking form, box ticked".to_owned()),
            staff_member_id: Some("staff_456".to_owned()),
            at: None,
        }
    }
}

impl From<Standing> for ConsentStanding {
    fn from(standing: Standing) -> Self {
        Self {
            state: standing.state,
            source: Nullable(standing.said.map(|(_, source)| source)),
            since: Nullable::from(standing.said.map(|(at, _)| at)),
        }
    }
}

impl From<ChangeView> for ConsentChange {
    fn from(view: ChangeView) -> Self {
        Self {
            kind: view.kind,
            state: view.state,
            source: view.source,
            at: view.at.into(),
            recorded_at: view.recorded_at.into(),
            evidence: view.evidence,
            message_id: view.message_id,
            staff_member_id: view.staff_member_id,
        }
    }
}

impl From<ConsentView> for Consent {
    fn from(view: ConsentView) -> Self {
        Self {
            guest_id: view.guest_id,
            marketing: view.marketing.into(),
            service: view.service.into(),
            history: view.history.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<SetConsent> for NewConsent {
    fn from(body: SetConsent) -> Self {
        Self {
            kind: body.kind,
            state: body.state,
            source: body.source,
            evidence: body.evidence,
            staff_member_id: body.staff_member_id,
            at: body.at.map(|at| at.0),
        }
    }
}

pub struct ConsentApi;

#[OpenApi(tag = "Tag::Guests")]
impl ConsentApi {
    /// What a guest agreed to
    ///
    /// With the history of it.
    #[oai(path = "/guests/:guest_id/consent", method = "get", operation_id = "get_consent")]
    async fn get(
        &self,
        auth: Authorized<ReadGuests>,
        guest_id: Path<GuestId>,
    ) -> Result<Json<Consent>, ApiError> {
        Ok(Json(auth.app.consent(&auth.caller, guest_id.0).await?.into()))
    }

    /// Write down what a guest agrees to
    ///
    /// From the answer on, nothing begins to leave for the guest that an opt-out stands against; what is on its
    /// way to WhatsApp already arrives. `marketing` stands for templates of the category `MARKETING`, `service`
    /// for everything, those included. Said twice, it is written down once.
    #[oai(path = "/guests/:guest_id/consent", method = "put", operation_id = "set_consent")]
    async fn set(
        &self,
        auth: Authorized<ChangeConsent>,
        guest_id: Path<GuestId>,
        body: JsonBody<SetConsent>,
    ) -> Result<Json<Consent>, ApiError> {
        Ok(Json(auth.app.set_consent(&auth.caller, guest_id.0, body.value.into()).await?.into()))
    }
}
