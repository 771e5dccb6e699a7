//! Handing a template in for review.
//!
//! The provider has no key against doubles, but takes each name and language once. The row is written before
//! the call, so that a process that dies in between leaves a trace: the next sync, or the same request again,
//! finds out what became of it.

use bellhop_domain::TemplateId;
use bellhop_domain::audit::AuditAction;
use bellhop_domain::media::MediaKind;
use bellhop_domain::ports::{MediaFile, ProviderFailure, TemplateDraft, TemplateReceipt};
use bellhop_domain::problem::Problem;
use bellhop_domain::rights::Right;
use bellhop_domain::template::{ChangeCause, CheckedTemplate, Parts, Submission, check_parameter_names};
use bellhop_entity::template;
use chrono::TimeDelta;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter,
    QuerySelect, Select,
};
use serde_json::{Value, json};

use super::{GONE, SUBMITTING, TemplateView, sync, trail, version};
use crate::app::App;
use crate::audit::{self, Entry};
use crate::auth::Caller;
use crate::connection::OpenConnection;
use crate::db::real_now;
use crate::error::{Error, Result};
use crate::event::Scope;
use crate::failpoint;
use crate::idempotency::IdempotencyKey;
use crate::media;

/// For how long nobody else submits the same; longer than the provider is given for its answer.
const UNDERWAY: TimeDelta = TimeDelta::seconds(20);
/// The longest label, in characters.
pub(super) const LABEL_MAX: usize = 64;

/// A template to submit.
#[derive(Debug, Clone)]
pub struct NewTemplate {
    pub submission: Submission,
    /// The property's own category.
    pub label: Option<String>,
    /// The property's own names for the positions of a positional template.
    pub parameter_names: Vec<String>,
    pub idempotency_key: Option<IdempotencyKey>,
}

impl App {
    /// Checks a template by Meta's rules and hands it in.
    pub async fn submit_template(&self, caller: &Caller, new: NewTemplate) -> Result<TemplateView> {
        caller.require(Right::ManageTemplates)?;
        if let Some(made) = self.submitted_before(caller, new.idempotency_key.as_ref()).await? {
            return Ok(made);
        }
        check_label(new.label.as_deref())?;
        let NewTemplate { submission, label, parameter_names, idempotency_key } = new;
        let mut checked = submission.check().map_err(|wrong| Error::fields(&wrong))?;
        let connection = self.default_connection(caller.property_id).await?;
        if self.broke_off(&connection, &checked).await? {
            // Whether the provider has it, only its list can say.
            let synced = self.sync_templates(&connection).await;
            synced.map_err(|error| error.asked_of_provider(Problem::ProviderUnavailable))?;
            if let Some(made) = self.submitted_before(caller, idempotency_key.as_ref()).await? {
                return Ok(made);
            }
        }
        self.hand_over_example(&connection, &mut checked).await?;
        let own = Own { label, names: parameter_names };
        own.check(&checked)?;
        let row = self.reserve(caller, &connection, (&checked, own), idempotency_key).await?;
        failpoint::here("template_reserved");
        let draft = draft_of(&checked);
        let created = self.ports.provider.create_template(&connection.line, &draft);
        match self.asked(&connection, created).await {
            Ok(receipt) => {
                failpoint::here("template_submitted");
                self.keep_receipt(row, receipt).await
            }
            Err(ProviderFailure::Refused(error)) => {
                self.forget_submission(&row).await?;
                Err(Error::of_provider(ProviderFailure::Refused(error), Problem::TemplateRefused))
            }
            Err(unclear) => {
                // It may be there: the row stays until a sync has looked.
                Err(Error::of_provider(unclear, Problem::TemplateRefused))
            }
        }
    }

    /// What this request made before; 409 while that is under way, `None` when it never came to an end.
    async fn submitted_before(
        &self,
        caller: &Caller,
        key: Option<&IdempotencyKey>,
    ) -> Result<Option<TemplateView>> {
        let Some(key) = key else { return Ok(None) };
        let Some(id) = key.find::<TemplateId>(self.db.reader(), caller, self.now()).await? else {
            return Ok(None);
        };
        let row = template::Entity::find_by_id(id)
            .filter(template::Column::PropertyId.eq(caller.property_id))
            .one(self.db.reader())
            .await?;
        match row {
            Some(row) if is_underway(&row) => Err(Error::of(Problem::IdempotencyKeyInFlight)),
            // Without an id of the provider's it was never there.
            Some(row) if !row.provider_id.is_empty() => Ok(TemplateView::read(row).ok()),
            Some(_) | None => Ok(None),
        }
    }

    /// Whether a submission of the same name never came to an end.
    async fn broke_off(&self, connection: &OpenConnection, checked: &CheckedTemplate) -> Result<bool> {
        let row = same_name(connection, checked).one(self.db.reader()).await?;
        Ok(row.is_some_and(|row| row.status == SUBMITTING && !is_underway(&row)))
    }

    /// Takes the name, and the key with it.
    async fn reserve(
        &self,
        caller: &Caller,
        connection: &OpenConnection,
        (checked, own): (&CheckedTemplate, Own),
        key: Option<IdempotencyKey>,
    ) -> Result<template::Model> {
        let scope = Scope { property: caller.property_id, at: self.now() };
        let tx = self.db.begin().await?;
        let known = same_name(connection, checked).lock_exclusive().one(&tx).await?;
        if let Some(row) = &known {
            may_replace(row)?;
        }
        let id = known.as_ref().map_or_else(TemplateId::new, |row| row.id);
        let row = template::ActiveModel {
            id: Set(id),
            property_id: Set(caller.property_id),
            connection_id: Set(connection.id),
            provider_id: Set(String::new()),
            name: Set(checked.name.to_string()),
            language: Set(checked.language.to_string()),
            category: Set(checked.category.to_string()),
            status: Set(SUBMITTING.to_owned()),
            parameter_format: Set(checked.parameter_format),
            components: Set(checked.components.clone()),
            quality: Set(None),
            rejection_reason: Set(None),
            parameter_names: Set(own.stored()),
            label: Set(own.label),
            version: Set(known.as_ref().map_or(1, |row| row.version + 1)),
            previous_category: Set(None),
            submitting_until: Set(Some(real_now() + UNDERWAY)),
            status_at: Set(None),
            synced_at: Set(scope.at),
        };
        let row = match known {
            Some(_) => row.update(&tx).await?,
            None => insert_new(&tx, row).await?,
        };
        if let Some(key) = key
            && !key.take(&tx, caller, id.uuid(), scope.at).await?
            // The same request again, after the first one died: the key is that of this very row.
            && key.find::<TemplateId>(&tx, caller, scope.at).await? != Some(id)
        {
            return Err(Error::of(Problem::IdempotencyKeyInFlight));
        }
        // Before WhatsApp answers: whatever becomes of it, it was handed in.
        let entry = Entry::of(AuditAction::TemplateSubmitted, row.id).made(trail::told(&row));
        audit::record(&tx, scope, caller, entry).await?;
        tx.commit().await?;
        Ok(row)
    }

    async fn keep_receipt(
        &self,
        reserved: template::Model,
        receipt: TemplateReceipt,
    ) -> Result<TemplateView> {
        let scope = Scope { property: reserved.property_id, at: self.now() };
        let tx = self.db.begin().await?;
        let row = lock(&tx, reserved.id).await?;
        let before = row.clone();
        let mut new = row.into_active_model();
        new.provider_id = Set(receipt.provider_id);
        // A webhook or a sync that overtook the answer knows better.
        if before.status == SUBMITTING {
            new.status = Set(receipt.status);
        }
        if let Some(category) = receipt.category.filter(|category| *category != before.category) {
            new.previous_category = Set(Some(before.category.clone()));
            new.category = Set(category);
        }
        new.submitting_until = Set(None);
        new.synced_at = Set(scope.at);
        let row = new.update(&tx).await?;
        version::record(&tx, scope, &row, ChangeCause::Submitted).await?;
        sync::tell(&tx, scope, &before, &row).await?;
        tx.commit().await?;
        TemplateView::read(row).map_err(|error| Error::field("name", error))
    }

    /// It was refused: nothing of it was there.
    async fn forget_submission(&self, reserved: &template::Model) -> Result<()> {
        let id = reserved.id;
        let tx = self.db.begin().await?;
        let row = lock(&tx, id).await?;
        // Who slept past the time that it had may find another submission there.
        if row.status == SUBMITTING && row.submitting_until == reserved.submitting_until {
            let mut new = row.into_active_model();
            new.status = Set(GONE.to_owned());
            new.submitting_until = Set(None);
            new.update(&tx).await?;
            crate::idempotency::forget(&tx, id.uuid()).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Where the header's example is a file of ours, hands it over and puts its handle there.
    pub(super) async fn hand_over_example(
        &self,
        connection: &OpenConnection,
        checked: &mut CheckedTemplate,
    ) -> Result<()> {
        let Some(kind) = checked.needs_example else { return Ok(()) };
        let Some((at, given)) = example_of(&checked.components) else { return Ok(()) };
        let field = format!("components.{at}.example.media_id");
        let file = self.example_file(connection, (&given, kind), &field).await?;
        let handle = self.ports.provider.upload_example(&connection.line, file);
        let handle = self.asked(connection, handle).await;
        let handle = handle.map_err(|failure| Error::of_provider(failure, Problem::MediaUploadFailed))?;
        checked.components[at]["example"] = json!({"header_handle": [handle]});
        checked.needs_example = None;
        Ok(())
    }

    async fn example_file(
        &self,
        connection: &OpenConnection,
        (given, kind): (&str, MediaKind),
        field: &str,
    ) -> Result<MediaFile> {
        let missing = || Error::field(field, "is no file of this property");
        let id = given.parse().map_err(|_| missing())?;
        let file = media::find(self.db.reader(), connection.property_id, id).await?.ok_or_else(missing)?;
        if file.kind != kind {
            return Err(Error::field(field, format_args!("is a file of type {}, not {kind}", file.kind)));
        }
        let bytes = self.ports.media.get(&file.storage_key).await?;
        let filename = file.filename.unwrap_or_else(|| id.to_string());
        Ok(MediaFile { mime: file.mime, filename, size: file.size.unsigned_abs(), bytes })
    }
}

/// Somebody may be submitting the same in the same instant: the index decides whose it is.
async fn insert_new(tx: &DatabaseTransaction, row: template::ActiveModel) -> Result<template::Model> {
    let id = *row.id.as_ref();
    let made = template::Entity::insert(row)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(tx)
        .await?;
    match made {
        0 => Err(Error::because(Problem::TemplateState, "This template is being submitted at this moment.")),
        _ => lock(tx, id).await,
    }
}

/// What a template has that the provider does not know.
pub(super) struct Own {
    pub label: Option<String>,
    pub names: Vec<String>,
}

impl Own {
    fn check(&self, checked: &CheckedTemplate) -> Result<()> {
        check_parameter_names(checked.parameter_format, &Parts::read(&checked.components), &self.names)
            .map_err(|wrong| Error::field(&wrong.field, wrong.reason))
    }

    fn stored(&self) -> Option<Value> {
        (!self.names.is_empty()).then(|| json!(self.names))
    }
}

pub(super) fn check_label(label: Option<&str>) -> Result<()> {
    match label {
        Some(label) if label.trim().is_empty() || label.chars().count() > LABEL_MAX => {
            Err(Error::field("label", format_args!("must have 1 to {LABEL_MAX} characters")))
        }
        Some(_) | None => Ok(()),
    }
}

pub(super) fn draft_of(checked: &CheckedTemplate) -> TemplateDraft {
    TemplateDraft {
        name: checked.name.clone(),
        language: checked.language.clone(),
        category: checked.category.to_string(),
        parameter_format: checked.parameter_format,
        components: checked.components.clone(),
    }
}

/// The header's example that is a file of ours: which component, and the id.
fn example_of(components: &Value) -> Option<(usize, String)> {
    let list = components.as_array()?;
    list.iter()
        .enumerate()
        .find_map(|(at, component)| Some((at, component["example"]["media_id"].as_str()?.to_owned())))
}

fn same_name(connection: &OpenConnection, checked: &CheckedTemplate) -> Select<template::Entity> {
    template::Entity::find()
        .filter(template::Column::ConnectionId.eq(connection.id))
        .filter(template::Column::Name.eq(checked.name.as_str()))
        .filter(template::Column::Language.eq(checked.language.as_str()))
}

fn is_underway(row: &template::Model) -> bool {
    row.submitting_until.is_some_and(|until| until > real_now())
}

/// A name may be used again once its template is gone, or its submission came to nothing.
fn may_replace(row: &template::Model) -> Result<()> {
    let details = || json!({"template_name": row.name, "language": row.language, "status": row.status});
    match row.status.as_str() {
        GONE => Ok(()),
        SUBMITTING if !is_underway(row) => Ok(()),
        SUBMITTING => Err(Error::with(
            Problem::TemplateState,
            "This template is being submitted at this moment.",
            details(),
        )),
        _ => Err(Error::with(Problem::TemplateExists, Problem::TemplateExists.row().meaning, details())),
    }
}

pub(super) async fn lock(tx: &DatabaseTransaction, id: TemplateId) -> Result<template::Model> {
    let row = template::Entity::find_by_id(id).lock_exclusive().one(tx).await?;
    row.ok_or_else(|| Error::not_found("template"))
}
