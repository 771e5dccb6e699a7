//! Templates: what WhatsApp has approved, and sending it.

use std::collections::BTreeMap;

use bellhop_domain::TemplateId;
use bellhop_domain::template::TemplateDefinition;
use bellhop_service::page::PageRequest;
use bellhop_service::send::{SendOptions, TemplateSend};
use bellhop_service::template::{TemplateDetail, TemplateFilter, TemplateView, text_parameters};
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::types::Any;
use poem_openapi::{Object, OpenApi};
use serde_json::{Value, json};

use crate::Tag;
use crate::auth::{Authorized, ReadTemplates, SendMessages};
use crate::body::JsonBody;
use crate::envelope::ApiError;
use crate::list::List;
use crate::messages::{Accepted, TargetFields, accepted};
use crate::types::{JsonObject, Limit, Timestamp};

/// A template to a guest. Name the guest by `guest_phone`, `guest_id` or `conversation_id`.
#[derive(Debug, Object)]
#[oai(example)]
struct SendTemplate {
    #[oai(flatten)]
    target: TargetFields,
    template_name: String,
    /// The property's default when absent.
    language: Option<String>,
    /// A value for each of the template's parameters: texts, numbers or booleans. Positional
    /// parameters are named `1`, `2` …
    parameters: Option<JsonObject>,
    /// Laid over the conversation's own metadata.
    conversation_metadata: Option<JsonObject>,
    /// Kept as given.
    #[oai(validator(max_length = 64))]
    staff_member_id: Option<String>,
    /// Up to 4 kB as JSON, returned with the message and in its events.
    metadata: Option<JsonObject>,
    /// When it is to leave; at once when absent or past. Until then it can be cancelled.
    send_at: Option<Timestamp>,
}

impl poem_openapi::types::Example for SendTemplate {
    fn example() -> Self {
        let parameters = json!({
            "service_type": "Spa Massage", "appointment_time": "Tomorrow at 2:00 PM",
            "location": "Wellness Center - Room 3", "estimated_duration": "90 minutes",
        });
        Self {
            target: TargetFields::to_phone("+1234567890"),
            template_name: "service_confirmation".to_owned(),
            language: Some("en".to_owned()),
            parameters: Some(JsonObject::of(parameters)),
            conversation_metadata: Some(JsonObject::of(json!({"booking_reference": "RB123456"}))),
            staff_member_id: None,
            metadata: None,
            send_at: None,
        }
    }
}

/// One language of a template.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
struct Template {
    template_id: TemplateId,
    name: String,
    /// Meta's word: UTILITY, MARKETING, AUTHENTICATION.
    category: String,
    /// The property's own category.
    label: Option<String>,
    language: String,
    /// Meta's word; only APPROVED can be sent.
    status: String,
    /// As Meta has them.
    components: Vec<Any<Value>>,
    /// The names that a send gives values for.
    parameters: Vec<String>,
    /// An example value for each parameter, as far as they came with the template.
    example: BTreeMap<String, String>,
    /// POSITIONAL or NAMED.
    parameter_format: String,
    quality: Option<String>,
    rejection_reason: Option<String>,
    /// When it was last read from WhatsApp.
    synced_at: Timestamp,
}

/// A template in one language, with all of its languages beside.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
struct TemplateWithTranslations {
    #[oai(flatten)]
    template: Template,
    /// All languages, the one above included.
    translations: Vec<Template>,
}

impl From<TemplateView> for Template {
    fn from(view: TemplateView) -> Self {
        let (parameters, example) = (view.definition.parameters(), view.definition.example());
        let TemplateDefinition { components, name, language, category, status, .. } = view.definition;
        let components = match components {
            Value::Array(list) => list.into_iter().map(Any).collect(),
            _ => Vec::new(),
        };
        Self {
            template_id: view.template_id,
            name: name.into(),
            category,
            label: view.label,
            language: language.into(),
            status,
            components,
            parameters,
            example,
            parameter_format: view.definition.parameter_format.to_string(),
            quality: view.definition.quality,
            rejection_reason: view.definition.rejection_reason,
            synced_at: view.synced_at.into(),
        }
    }
}

impl From<TemplateDetail> for TemplateWithTranslations {
    fn from(detail: TemplateDetail) -> Self {
        Self {
            template: detail.template.into(),
            translations: detail.translations.into_iter().map(Template::from).collect(),
        }
    }
}

pub struct Templates;

#[OpenApi(tag = "Tag::Templates")]
impl Templates {
    /// Send a template
    ///
    /// An approved template reaches a guest at any time, also outside the 24-hour window.
    #[oai(path = "/templates/send", method = "post", operation_id = "send_template")]
    async fn send(
        &self,
        auth: Authorized<SendMessages>,
        /// Makes repeats safe for 24 hours; quoted or not
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
        /// `wait=5` waits up to 5 (at most 30) seconds for what becomes of the message
        #[oai(name = "Prefer")]
        prefer: Header<Option<String>>,
        body: JsonBody<SendTemplate>,
    ) -> Result<Accepted, ApiError> {
        let idempotency_key = body.idempotency_key(key.as_deref())?;
        let send = body.value;
        let options = SendOptions {
            staff_member_id: send.staff_member_id,
            metadata: send.metadata.map(|object| object.0),
            conversation_metadata: send.conversation_metadata.map(|object| object.0),
            idempotency_key,
            send_at: send.send_at.map(|at| at.0),
        };
        let parameters = text_parameters(&send.parameters.unwrap_or_default().0)?;
        let template = TemplateSend { name: send.template_name, language: send.language, parameters };
        let view = auth.app.send_template(&auth.caller, send.target.read()?, template, options).await?;
        Ok(accepted(&auth, view, prefer.as_deref()).await)
    }

    /// Templates, by name and language
    #[oai(path = "/templates", method = "get", operation_id = "list_templates")]
    #[expect(clippy::too_many_arguments, reason = "each query parameter is an argument")]
    async fn list(
        &self,
        auth: Authorized<ReadTemplates>,
        language: Query<Option<String>>,
        /// Meta's category or the property's own label
        category: Query<Option<String>>,
        /// Meta's word, such as APPROVED
        status: Query<Option<String>>,
        limit: Query<Option<Limit>>,
        /// `next_cursor` of the page before
        cursor: Query<Option<String>>,
    ) -> Result<Json<List<Template>>, ApiError> {
        let filter = TemplateFilter { language: language.0, category: category.0, status: status.0 };
        let page = PageRequest::parse(limit.0.map(|limit| limit.0), cursor.0)?;
        Ok(Json(auth.app.templates(&auth.caller, filter, page).await?.into()))
    }

    /// A template
    #[oai(path = "/templates/:name", method = "get", operation_id = "get_template")]
    async fn get(
        &self,
        auth: Authorized<ReadTemplates>,
        name: Path<String>,
        /// The property's default language when absent, else the first that there is
        language: Query<Option<String>>,
    ) -> Result<Json<TemplateWithTranslations>, ApiError> {
        let detail = auth.app.template(&auth.caller, &name.0, language.0.as_deref()).await?;
        Ok(Json(detail.into()))
    }
}
