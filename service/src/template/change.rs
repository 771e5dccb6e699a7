//! Changing and removing templates.

use bellhop_domain::PropertyId;
use bellhop_domain::audit::AuditAction;
use bellhop_domain::event::EventType;
use bellhop_domain::ports::ProviderFailure;
use bellhop_domain::problem::Problem;
use bellhop_domain::rights::Right;
use bellhop_domain::template::{ChangeCause, Submission, check_parameter_names};
use bellhop_entity::template;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
};
use serde_json::{Value, json};

use super::submit::{check_label, draft_of, lock};
use super::{GONE, HIDDEN, TemplateDetail, TemplateView, not_found, pick, sync, trail, version};
use crate::app::App;
use crate::audit::{self, Entry};
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::event::{self, Scope};

/// The provider takes changes of those only. Source: Meta, "Edit templates".
const EDITABLE: [&str; 3] = ["APPROVED", "REJECTED", "PAUSED"];

/// What to change; `None` leaves a part as it is.
#[derive(Debug, Clone, Default)]
pub struct TemplateEdit {
    pub category: Option<String>,
    /// All of them: the provider replaces them whole.
    pub components: Option<Value>,
    /// Of the template in all its languages; empty takes it away.
    pub label: Option<String>,
    /// Empty takes them away.
    pub parameter_names: Option<Vec<String>>,
}

impl App {
    /// Changes one language of a template. New components or another category go into review again.
    pub async fn edit_template(
        &self,
        caller: &Caller,
        (name, language): (&str, Option<&str>),
        edit: TemplateEdit,
    ) -> Result<TemplateDetail> {
        caller.require(Right::ManageTemplates)?;
        let label = edit.label.as_deref().map(str::trim);
        check_label(label.filter(|label| !label.is_empty()))?;
        let row = self.the_row(caller.property_id, name, language).await?;
        let language = row.language.clone();
        let row = match edit.components.is_some() || edit.category.is_some() {
            true => self.edit_at_provider(caller, row, &edit).await?,
            false => row,
        };
        let scope = Scope { property: caller.property_id, at: self.now() };
        let tx = self.db.begin().await?;
        let before = lock(&tx, row.id).await?;
        if let Some(label) = label {
            set_label(&tx, caller.property_id, name, label).await?;
        }
        if let Some(names) = &edit.parameter_names {
            set_names(&tx, row, names).await?;
        }
        audit::record(&tx, scope, caller, changed(&before, &lock(&tx, before.id).await?)).await?;
        tx.commit().await?;
        self.template(caller, name, Some(&language)).await
    }

    async fn edit_at_provider(
        &self,
        caller: &Caller,
        row: template::Model,
        edit: &TemplateEdit,
    ) -> Result<template::Model> {
        if !EDITABLE.contains(&row.status.as_str()) || row.provider_id.is_empty() {
            let details = json!({"template_name": row.name, "language": row.language, "status": row.status});
            let message = format!("The template is {} and cannot be changed now.", row.status);
            return Err(Error::with(Problem::TemplateState, message, details));
        }
        let submission = Submission {
            name: row.name.clone(),
            language: row.language.clone(),
            category: edit.category.clone().unwrap_or_else(|| row.category.clone()),
            parameter_format: Some(row.parameter_format.to_string()),
            components: edit.components.clone().unwrap_or_else(|| row.components.clone()),
        };
        let mut checked = submission.check().map_err(|wrong| Error::fields(&wrong))?;
        let connection = self.connection(row.connection_id).await?;
        self.hand_over_example(&connection, &mut checked).await?;
        let draft = draft_of(&checked);
        let edited = self.ports.provider.edit_template(&connection.line, &row.provider_id, &draft);
        let edited = self.asked(&connection, edited).await;
        edited.map_err(|failure| {
            if !matches!(failure, ProviderFailure::Refused(_)) {
                // It may have been taken all the same: the list will tell.
                self.sync_templates_soon(connection.line.waba_id.clone());
            }
            Error::of_provider(failure, Problem::TemplateRefused)
        })?;
        let scope = Scope { property: caller.property_id, at: self.now() };
        let tx = self.db.begin().await?;
        let before = lock(&tx, row.id).await?;
        let mut new = before.clone().into_active_model();
        new.category = Set(draft.category);
        new.components = Set(draft.components);
        new.version = Set(before.version + 1);
        new.rejection_reason = Set(None);
        // What came since the call is news of the review that this edit began.
        if before.status_at <= row.status_at {
            new.status = Set("PENDING".to_owned());
            new.status_at = Set(Some(sync::whole_second(scope.at)));
        }
        new.synced_at = Set(before.synced_at.max(scope.at));
        let row = new.update(&tx).await?;
        version::record(&tx, scope, &row, ChangeCause::Edited).await?;
        audit::record(&tx, scope, caller, changed(&before, &row)).await?;
        sync::tell(&tx, scope, &before, &row).await?;
        tx.commit().await?;
        Ok(row)
    }

    /// Removes a template, at the provider too: one language, or all.
    pub async fn delete_template(&self, caller: &Caller, name: &str, language: Option<&str>) -> Result<()> {
        caller.require(Right::ManageTemplates)?;
        let rows = match language {
            Some(_) => vec![self.the_row(caller.property_id, name, language).await?],
            None => self.rows_of(caller.property_id, name).await?,
        };
        if rows.is_empty() {
            return Err(not_found(name, language, &[]));
        }
        for row in rows {
            if row.provider_id.is_empty() {
                // By an empty id, all of its languages would go.
                return Err(Error::of(Problem::TemplateState));
            }
            let connection = self.connection(row.connection_id).await?;
            let name = super::read_name(&row.name)?;
            let gone = self.ports.provider.delete_template(&connection.line, &name, &row.provider_id);
            let gone = self.asked(&connection, gone).await;
            gone.map_err(|failure| Error::of_provider(failure, Problem::TemplateState))?;
            let scope = Scope { property: caller.property_id, at: self.now() };
            let tx = self.db.begin().await?;
            let mut new = lock(&tx, row.id).await?.into_active_model();
            new.status = Set(GONE.to_owned());
            new.synced_at = Set(scope.at);
            new.status_at = Set(Some(sync::whole_second(scope.at)));
            let row = new.update(&tx).await?;
            let data = json!({
                "template_id": row.id, "template_name": row.name, "language": row.language, "status": GONE,
            });
            event::record(&tx, scope, EventType::TemplateStatusChanged, data).await?;
            let entry = Entry::of(AuditAction::TemplateDeleted, row.id).gone(trail::told(&row));
            audit::record(&tx, scope, caller, entry).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    async fn rows_of(&self, property: PropertyId, name: &str) -> Result<Vec<template::Model>> {
        Ok(template::Entity::find()
            .filter(template::Column::PropertyId.eq(property))
            .filter(template::Column::Name.eq(name))
            .filter(template::Column::Status.is_not_in(HIDDEN))
            .order_by_asc(template::Column::Language)
            .all(self.db.reader())
            .await?)
    }

    /// The one language that is meant; with several there, the request has to say which.
    async fn the_row(
        &self,
        property: PropertyId,
        name: &str,
        language: Option<&str>,
    ) -> Result<template::Model> {
        let mut rows = self.rows_of(property, name).await?;
        let views = TemplateView::read_all(rows.clone());
        let found = match (language.filter(|language| !language.is_empty()), views.as_slice()) {
            (Some(language), _) => pick(&views, language),
            (None, [only]) => Some(only),
            (None, []) => None,
            (None, several) => {
                let all: Vec<&str> = several.iter().map(|t| t.definition.language.as_str()).collect();
                let what = format!("is required: the template exists in {}", all.join(", "));
                return Err(Error::field("language", what));
            }
        };
        let id = found.map(|view| view.template_id).ok_or_else(|| not_found(name, language, &views))?;
        rows.retain(|row| row.id == id);
        rows.pop().ok_or_else(|| not_found(name, language, &views))
    }
}

fn changed(before: &template::Model, after: &template::Model) -> Option<Entry> {
    Entry::of(AuditAction::TemplateChanged, after.id).changed(trail::told(before), trail::told(after))
}

async fn set_label(tx: &DatabaseTransaction, property: PropertyId, name: &str, label: &str) -> Result<()> {
    let label = (!label.is_empty()).then(|| label.to_owned());
    template::Entity::update_many()
        .col_expr(template::Column::Label, Expr::value(label))
        .filter(template::Column::PropertyId.eq(property))
        .filter(template::Column::Name.eq(name))
        .exec(tx)
        .await?;
    Ok(())
}

async fn set_names(tx: &DatabaseTransaction, row: template::Model, names: &[String]) -> Result<()> {
    let row = lock(tx, row.id).await?;
    if !names.is_empty() {
        let view = TemplateView::read(row.clone()).map_err(|error| Error::field("name", error))?;
        check_parameter_names(view.definition.parameter_format, &view.definition.parts(), names)
            .map_err(|wrong| Error::field(&wrong.field, wrong.reason))?;
    }
    let mut new = row.into_active_model();
    new.parameter_names = Set((!names.is_empty()).then(|| json!(names)));
    new.update(tx).await?;
    Ok(())
}
