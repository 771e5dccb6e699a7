//! Templates: what WhatsApp has approved, sending it, and what admins do with it.

use bellhop_service::page::PageRequest;
use bellhop_service::send::Draft;
use bellhop_service::template::{NewTemplate, TemplateFilter};
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use serde_json::json;

use crate::auth::{Authorized, ManageTemplates, ReadTemplates, SendMessages};
use crate::body::JsonBody;
use crate::content::{self, TemplateFields};
use crate::envelope::ApiError;
use crate::list::List;
use crate::sending::{Accepted, OptionFields, SendHeaders, TargetFields, send};
use crate::template::{Template, TemplateWithTranslations};
use crate::template_forms::{ChangeTemplate, Deleted, Preview, SubmitTemplate, Submitted, Synced, Version};
use crate::types::{JsonObject, Limit};
use crate::{BASE_PATH, Tag};

/// A template to a guest. Name the guest by `guest_phone`, `guest_id` or `conversation_id`.
#[derive(Debug, Object)]
#[oai(example)]
struct SendTemplate {
    #[oai(flatten)]
    target: TargetFields,
    #[oai(flatten)]
    template: TemplateFields,
    #[oai(flatten)]
    options: OptionFields,
}

impl poem_openapi::types::Example for SendTemplate {
    fn example() -> Self {
        let parameters = json!({
            "service_type": "Spa Massage", "appointment_time": "Tomorrow at 2:00 PM",
            "location": "Wellness Center - Room 3", "estimated_duration": "90 minutes",
        });
        let metadata = JsonObject::of(json!({"booking_reference": "RB123456"}));
        Self {
            target: TargetFields::to_phone("+1234567890"),
            template: TemplateFields::named("service_confirmation", parameters),
            options: OptionFields { conversation_metadata: Some(metadata), ..OptionFields::default() },
        }
    }
}

/// Absent and empty are the same.
fn language_of(language: &Query<Option<String>>) -> Option<&str> {
    language.0.as_deref().filter(|language| !language.is_empty())
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
        let headers = SendHeaders { key: key.as_deref(), prefer: prefer.as_deref() };
        send(&auth, headers, body, |body| {
            let template = body.template.read().map_err(|wrong| content::refuse("", vec![wrong]))?;
            Ok((body.target, Draft::Template(template), body.options))
        })
        .await
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

    /// Submit a template for approval
    ///
    /// For admins. It is checked by Meta's rules first; all that is wrong is named at once.
    #[oai(path = "/templates", method = "post", operation_id = "submit_template")]
    async fn submit(
        &self,
        auth: Authorized<ManageTemplates>,
        /// Makes repeats safe for 24 hours; quoted or not
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
        body: JsonBody<SubmitTemplate>,
    ) -> Result<Submitted, ApiError> {
        let idempotency_key = body.idempotency_key(key.as_deref())?;
        let (submission, label, parameter_names) = body.value.submission();
        let new = NewTemplate { submission, label, parameter_names, idempotency_key };
        let view = auth.app.submit_template(&auth.caller, new).await?;
        let location = format!("{BASE_PATH}/templates/{}", view.definition.name);
        Ok(Submitted::Created(Json(view.into()), location))
    }

    /// Read all templates from WhatsApp now
    ///
    /// For admins. It happens by itself every five minutes, and when WhatsApp tells of changes.
    #[oai(path = "/templates/sync", method = "post", operation_id = "sync_templates")]
    async fn sync(&self, auth: Authorized<ManageTemplates>) -> Result<Json<Synced>, ApiError> {
        let templates = auth.app.sync_property_templates(&auth.caller).await?;
        Ok(Json(Synced { templates: templates as u64 }))
    }

    /// See what a guest would, without sending
    #[oai(path = "/templates/preview", method = "post", operation_id = "preview_template")]
    async fn preview(
        &self,
        auth: Authorized<ReadTemplates>,
        body: JsonBody<TemplateFields>,
    ) -> Result<Json<Preview>, ApiError> {
        let send = body.value.read().map_err(|wrong| content::refuse("", vec![wrong]))?;
        Ok(Json(auth.app.preview_template(&auth.caller, send).await?.into()))
    }

    /// Change a template
    ///
    /// For admins. New components or another category go to WhatsApp for approval again, which takes them of
    /// approved, rejected and paused templates only.
    #[oai(path = "/templates/:name", method = "patch", operation_id = "change_template")]
    async fn change(
        &self,
        auth: Authorized<ManageTemplates>,
        name: Path<String>,
        /// Which one, where there are several
        language: Query<Option<String>>,
        body: JsonBody<ChangeTemplate>,
    ) -> Result<Json<TemplateWithTranslations>, ApiError> {
        let which = (name.0.as_str(), language_of(&language));
        Ok(Json(auth.app.edit_template(&auth.caller, which, body.value.into()).await?.into()))
    }

    /// Remove a template, here and at WhatsApp
    ///
    /// For admins.
    #[oai(path = "/templates/:name", method = "delete", operation_id = "delete_template")]
    async fn delete(
        &self,
        auth: Authorized<ManageTemplates>,
        name: Path<String>,
        /// One language; all when absent
        language: Query<Option<String>>,
    ) -> Result<Deleted, ApiError> {
        auth.app.delete_template(&auth.caller, &name.0, language_of(&language)).await?;
        Ok(Deleted::Gone)
    }

    /// What a template was, the newest version first
    #[oai(path = "/templates/:name/versions", method = "get", operation_id = "list_template_versions")]
    #[expect(clippy::too_many_arguments, reason = "each query parameter is an argument")]
    async fn versions(
        &self,
        auth: Authorized<ReadTemplates>,
        name: Path<String>,
        /// The property's default language when absent, else the first that there is
        language: Query<Option<String>>,
        limit: Query<Option<Limit>>,
        /// `next_cursor` of the page before
        cursor: Query<Option<String>>,
    ) -> Result<Json<List<Version>>, ApiError> {
        let page = PageRequest::parse(limit.0.map(|limit| limit.0), cursor.0)?;
        let which = (name.0.as_str(), language_of(&language));
        Ok(Json(auth.app.template_versions(&auth.caller, which, page).await?.into()))
    }
}
