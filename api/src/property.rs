//! The hotel that a token belongs to.

use bellhop_domain::PropertyId;
use bellhop_domain::settings::InDoubtPolicy;
use bellhop_service::property::{PropertyChange, PropertyView, RetentionChange};
use bellhop_service::{App, Caller};
use poem_openapi::payload::Json;
use poem_openapi::types::MaybeUndefined;
use poem_openapi::{Object, OpenApi};

use crate::Tag;
use crate::attention::Attention;
use crate::auth::{Authorized, ChangeProperty, ReadProperty};
use crate::body::JsonBody;
use crate::envelope::ApiError;
use crate::types::{Nullable, Timestamp};

/// A hotel.
#[derive(Debug, Object)]
struct Property {
    property_id: PropertyId,
    name: String,
    /// IANA name.
    time_zone: String,
    /// The ISO 3166 code of the country in which numbers without `+` are read.
    default_country: Nullable<String>,
    /// The language of templates when a send names none.
    default_language: String,
    /// What becomes of a message whose fate stays unknown.
    in_doubt_policy: InDoubtPolicy,
    /// Marketing templates go only to guests who have agreed to marketing.
    require_opt_in: bool,
    retention: Retention,
    created_at: Timestamp,
    updated_at: Timestamp,
    /// What somebody has to look at, because it does not mend itself. Of webhooks, those that the token may change.
    attention: Vec<Attention>,
}

/// How long things are kept; `null`: for good.
#[derive(Debug, Object)]
struct Retention {
    /// What messages and events say, and what guests' webhooks said that could not be read.
    messages_days: Nullable<i64>,
    /// Files to and from guests.
    media_days: Nullable<i64>,
}

/// How long things are kept: 7 to 3650 days, or `null` for good. A field that is absent stays as it is.
#[derive(Debug, Object)]
struct ChangeOfRetention {
    messages_days: MaybeUndefined<i64>,
    media_days: MaybeUndefined<i64>,
}

/// What to change. A field that is absent or `null` stays as it is.
#[derive(Debug, Object)]
struct ChangeOfProperty {
    #[oai(validator(min_length = 1, max_length = 200))]
    name: Option<String>,
    /// IANA name.
    time_zone: Option<String>,
    /// ISO 3166 code.
    default_country: Option<String>,
    default_language: Option<String>,
    in_doubt_policy: Option<InDoubtPolicy>,
    /// `true`: marketing templates go only to guests who have agreed to marketing. `false`: to all but those who
    /// stopped it. Free-form messages and other templates are never held back by this.
    require_opt_in: Option<bool>,
    /// What is older is overwritten, by and by: messages keep their kind, times and state, and the numbers of days
    /// stay as they are. It does not come back when the time is made longer.
    retention: Option<ChangeOfRetention>,
}

impl Property {
    /// As the caller sees it.
    async fn of(view: PropertyView, app: &App, caller: &Caller) -> Result<Self, ApiError> {
        let attention = app.attention(caller).await?.into_iter().map(Attention::from).collect();

        Ok(Self {
            property_id: view.property_id,
            name: view.name,
            time_zone: view.time_zone,
            default_country: Nullable(view.default_country),
            default_language: view.default_language,
            in_doubt_policy: view.in_doubt_policy,
            require_opt_in: view.require_opt_in,
            retention: Retention {
                messages_days: Nullable(view.messages_days.map(|days| days.days().into())),
                media_days: Nullable(view.media_days.map(|days| days.days().into())),
            },
            created_at: view.created_at.into(),
            updated_at: view.updated_at.into(),
            attention,
        })
    }
}

impl From<ChangeOfProperty> for PropertyChange {
    fn from(change: ChangeOfProperty) -> Self {
        Self {
            name: change.name,
            time_zone: change.time_zone,
            default_country: change.default_country,
            default_language: change.default_language,
            in_doubt_policy: change.in_doubt_policy,
            require_opt_in: change.require_opt_in,
            retention: change.retention.map(RetentionChange::from).unwrap_or_default(),
        }
    }
}

impl From<ChangeOfRetention> for RetentionChange {
    fn from(change: ChangeOfRetention) -> Self {
        let days = |given| match given {
            MaybeUndefined::Undefined => None,
            MaybeUndefined::Null => Some(None),
            MaybeUndefined::Value(days) => Some(Some(days)),
        };
        Self { messages_days: days(change.messages_days), media_days: days(change.media_days) }
    }
}

pub struct PropertyApi;

#[OpenApi(tag = "Tag::Property")]
impl PropertyApi {
    /// The token's hotel
    ///
    /// For every role.
    #[oai(path = "/property", method = "get", operation_id = "get_property")]
    async fn get(&self, auth: Authorized<ReadProperty>) -> Result<Json<Property>, ApiError> {
        let view = auth.app.property(&auth.caller).await?;
        Ok(Json(Property::of(view, &auth.app, &auth.caller).await?))
    }

    /// Change the token's hotel
    ///
    /// For admins.
    #[oai(path = "/property", method = "patch", operation_id = "update_property")]
    async fn update(
        &self,
        auth: Authorized<ChangeProperty>,
        body: JsonBody<ChangeOfProperty>,
    ) -> Result<Json<Property>, ApiError> {
        let view = auth.app.change_property(&auth.caller, body.value.into()).await?;
        Ok(Json(Property::of(view, &auth.app, &auth.caller).await?))
    }
}
