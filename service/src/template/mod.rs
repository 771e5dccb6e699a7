//! Templates: what the provider has approved, and which of them a send may use.

use std::collections::BTreeMap;

use bellhop_domain::event::EventType;
use bellhop_domain::problem::Problem;
use bellhop_domain::rights::Right;
use bellhop_domain::template::{BadName, TemplateDefinition, TemplateName};
use bellhop_domain::{PropertyId, TemplateId};
use bellhop_entity::template;
use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ColumnTrait, Condition, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use serde_json::json;

use crate::app::App;
use crate::auth::Caller;
use crate::connection::OpenConnection;
use crate::error::{Error, Result, shorten};
use crate::event::{self, Scope};
use crate::page::{Page, PageRequest};
use crate::property;

/// The status of a template that the provider no longer lists.
const GONE: &str = "DELETED";

/// One language of a template.
#[derive(Debug, Clone)]
pub struct TemplateView {
    pub template_id: TemplateId,
    pub definition: TemplateDefinition,
    /// The property's own category.
    pub label: Option<String>,
    pub synced_at: DateTime<Utc>,
}

/// A template in one language, with the others beside it.
#[derive(Debug, Clone)]
pub struct TemplateDetail {
    pub template: TemplateView,
    /// All languages, the one above included.
    pub translations: Vec<TemplateView>,
}

#[derive(Debug, Clone, Default)]
pub struct TemplateFilter {
    pub language: Option<String>,
    /// Meta's category or the property's own label.
    pub category: Option<String>,
    /// Meta's status.
    pub status: Option<String>,
}

impl TemplateView {
    fn read(row: template::Model) -> Result<Self, BadName> {
        Ok(Self {
            template_id: row.id,
            definition: TemplateDefinition {
                provider_id: row.provider_id,
                name: row.name.parse()?,
                language: row.language.parse()?,
                category: row.category,
                status: row.status,
                parameter_format: row.parameter_format,
                components: row.components,
                quality: row.quality,
                rejection_reason: row.rejection_reason,
            },
            label: row.label,
            synced_at: row.synced_at,
        })
    }

    /// Rows whose names do not parse were never written by [`App::sync_templates`].
    fn read_all(rows: Vec<template::Model>) -> Vec<Self> {
        rows.into_iter().filter_map(|row| Self::read(row).ok()).collect()
    }
}

impl App {
    /// By name and language.
    pub async fn templates(
        &self,
        caller: &Caller,
        filter: TemplateFilter,
        page: PageRequest,
    ) -> Result<Page<TemplateView>> {
        caller.require(Right::ReadTemplates)?;
        use template::Column;
        let mut query = template::Entity::find().filter(Column::PropertyId.eq(caller.property_id));
        query = match &filter.status {
            Some(status) => query.filter(Column::Status.eq(status.to_ascii_uppercase())),
            None => query.filter(Column::Status.ne(GONE)),
        };
        if let Some(language) = &filter.language {
            query = query.filter(Column::Language.eq(language));
        }
        if let Some(category) = &filter.category {
            let either = Condition::any()
                .add(Column::Category.eq(category.to_ascii_uppercase()))
                .add(Column::Label.eq(category));
            query = query.filter(either);
        }
        if let Some((name, language)) = page.after::<(String, String)>()? {
            let same = Condition::all().add(Column::Name.eq(&name)).add(Column::Language.gt(language));
            query = query.filter(Condition::any().add(Column::Name.gt(name)).add(same));
        }
        let rows = query
            .order_by_asc(Column::Name)
            .order_by_asc(Column::Language)
            .limit(page.limit() + 1)
            .all(self.db.reader())
            .await?;
        let rows = Page::cut(rows, &page, |row| (row.name.clone(), row.language.clone()));
        Ok(Page { next_cursor: rows.next_cursor, data: TemplateView::read_all(rows.data) })
    }

    /// A template by name: in `language`, else the property's default, else the first.
    pub async fn template(
        &self,
        caller: &Caller,
        name: &str,
        language: Option<&str>,
    ) -> Result<TemplateDetail> {
        caller.require(Right::ReadTemplates)?;
        let mut translations = self.translations(caller.property_id, name).await?;
        translations.retain(|t| t.definition.status != GONE);
        let language = language.filter(|language| !language.is_empty());
        let property = property::load(self.db.reader(), caller.property_id).await?;
        let wanted = language.unwrap_or(&property.default_language);
        let found = pick(&translations, wanted).cloned();
        let template = match language {
            Some(_) => found,
            None => found.or_else(|| translations.first().cloned()),
        };
        let template = template.ok_or_else(|| not_found(name, language, &translations))?;
        Ok(TemplateDetail { template, translations })
    }

    /// The template that a send names, if it may be sent.
    pub(crate) async fn sendable_template(
        &self,
        property: PropertyId,
        name: &str,
        language: &str,
    ) -> Result<TemplateDefinition> {
        let translations = self.translations(property, name).await?;
        let found =
            pick(&translations, language).ok_or_else(|| not_found(name, Some(language), &translations))?;
        let definition = &found.definition;
        if !definition.is_approved() {
            let message = format!("The template {name} is {} in {}.", definition.status, definition.language);
            let details =
                json!({"template_name": name, "language": definition.language, "status": definition.status});
            return Err(Error::with(Problem::TemplateNotFound, message, details));
        }
        if let Some(reason) = definition.unsendable() {
            return Err(Error::field("template_name", format_args!("{name} cannot be sent yet: {reason}")));
        }
        Ok(found.definition.clone())
    }

    /// Gives every language of a template the property's own category, where it has none.
    pub async fn label_template(&self, property: PropertyId, name: &str, label: &str) -> Result<()> {
        let tx = self.db.begin().await?;
        template::Entity::update_many()
            .col_expr(template::Column::Label, Expr::value(label))
            .filter(template::Column::PropertyId.eq(property))
            .filter(template::Column::Name.eq(name))
            .filter(template::Column::Label.is_null())
            .exec(&tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    async fn translations(&self, property: PropertyId, name: &str) -> Result<Vec<TemplateView>> {
        let rows = template::Entity::find()
            .filter(template::Column::PropertyId.eq(property))
            .filter(template::Column::Name.eq(name))
            .order_by_asc(template::Column::Language)
            .all(self.db.reader())
            .await?;
        Ok(TemplateView::read_all(rows))
    }

    /// Names to suggest where free text is refused: approved ones that a send can fill, those that
    /// are meant for following up first.
    pub(crate) async fn suggested_templates(&self, property: PropertyId) -> Result<Vec<String>> {
        let rows = template::Entity::find()
            .filter(template::Column::PropertyId.eq(property))
            .filter(template::Column::Status.eq("APPROVED"))
            .order_by_asc(template::Column::Name)
            .all(self.db.reader())
            .await?;
        let sendable =
            TemplateView::read_all(rows).into_iter().filter(|t| t.definition.unsendable().is_none());
        let mut names: Vec<String> = sendable.map(|t| t.definition.name.to_string()).collect();
        names.dedup();
        let rank = |name: &String| match () {
            () if name.contains("followup") || name.contains("follow_up") => 0,
            () if name.contains("inquiry") || name.contains("general") => 1,
            () => 2,
        };
        names.sort_by_key(rank);
        names.truncate(5);
        Ok(names)
    }

    /// Takes over what the provider lists.
    pub(crate) async fn sync_templates(&self, connection: &OpenConnection) -> Result<()> {
        let listed = self.ports.provider.templates(&connection.line).await?;
        let scope = Scope { property: connection.property_id, at: self.now() };
        let tx = self.db.begin().await?;
        use template::Column;
        let before = template::Entity::find().filter(Column::ConnectionId.eq(connection.id)).all(&tx).await?;
        for definition in listed {
            let known = before.iter().find(|row| {
                row.name == definition.name.as_str() && row.language == definition.language.as_str()
            });
            if known.is_some_and(|row| row.status != definition.status) {
                tell_status(&tx, scope, &definition).await?;
            }
            upsert(&tx, connection, (definition, scope.at)).await?;
        }
        template::Entity::update_many()
            .col_expr(Column::Status, Expr::value(GONE))
            .filter(Column::ConnectionId.eq(connection.id))
            .filter(Column::SyncedAt.lt(scope.at))
            .exec(&tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }
}

async fn tell_status(tx: &DatabaseTransaction, scope: Scope, template: &TemplateDefinition) -> Result<()> {
    let data = json!({
        "template_name": template.name, "language": template.language, "status": template.status,
        "rejection_reason": template.rejection_reason,
    });
    event::record(tx, scope, EventType::TemplateStatusChanged, data).await?;
    Ok(())
}

/// Takes over what the provider says of a template; the property's own label stays.
async fn upsert(
    tx: &DatabaseTransaction,
    connection: &OpenConnection,
    (definition, now): (TemplateDefinition, DateTime<Utc>),
) -> Result<()> {
    use template::Column;
    let row = template::ActiveModel {
        id: Set(TemplateId::new()),
        property_id: Set(connection.property_id),
        connection_id: Set(connection.id),
        provider_id: Set(definition.provider_id),
        name: Set(definition.name.to_string()),
        language: Set(definition.language.to_string()),
        category: Set(definition.category),
        status: Set(definition.status),
        parameter_format: Set(definition.parameter_format),
        components: Set(definition.components),
        quality: Set(definition.quality),
        rejection_reason: Set(definition.rejection_reason),
        label: Set(None),
        synced_at: Set(now),
    };
    let theirs = [
        Column::ProviderId,
        Column::Category,
        Column::Status,
        Column::ParameterFormat,
        Column::Components,
        Column::Quality,
        Column::RejectionReason,
        Column::SyncedAt,
    ];
    let known = OnConflict::columns([Column::ConnectionId, Column::Name, Column::Language])
        .update_columns(theirs)
        .to_owned();
    template::Entity::insert(row).on_conflict(known).exec_without_returning(tx).await?;
    Ok(())
}

/// The exact language, else its base: `en_US` finds `en`, and `en` any of its own, an approved one
/// first; `en_GB` is not what `en_US` asks for.
fn pick<'a>(translations: &'a [TemplateView], language: &str) -> Option<&'a TemplateView> {
    let is = |t: &TemplateView, language: &str| t.definition.language.as_str().eq_ignore_ascii_case(language);
    if let Some(exact) = translations.iter().find(|t| is(t, language)) {
        return Some(exact);
    }
    let base = language.split(['_', '-']).next().unwrap_or(language);
    let of_base = |t: &&TemplateView| {
        is(t, base) || base == language && t.definition.language.base().eq_ignore_ascii_case(base)
    };
    let mut near: Vec<&TemplateView> = translations.iter().filter(of_base).collect();
    near.sort_by_key(|t| !t.definition.is_approved());
    near.first().copied()
}

fn not_found(name: &str, language: Option<&str>, translations: &[TemplateView]) -> Error {
    let (name, language) = (shorten(name), language.map(shorten));
    let languages: Vec<_> = translations.iter().map(|t| t.definition.language.to_string()).collect();
    let message = match (&language, languages.is_empty()) {
        (Some(language), false) => {
            format!("The template {name} does not exist in {language}; it does in {}.", languages.join(", "))
        }
        _ => format!("There is no template named {name}."),
    };
    let details = json!({"template_name": name, "language": language, "languages": languages});
    Error::with(Problem::TemplateNotFound, message, details)
}

/// The values of a send as text: guides also send numbers and booleans.
pub fn text_parameters(
    given: &serde_json::Map<String, serde_json::Value>,
) -> Result<BTreeMap<String, String>> {
    use serde_json::Value;
    let text = |(name, value): (&String, &Value)| {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Bool(flag) => flag.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => {
                let field = format!("parameters.{}", shorten(name));
                return Err(Error::field(&field, "must be a text or a number"));
            }
        };
        Ok((name.clone(), text))
    };
    given.iter().map(text).collect()
}

/// A name as a request gives it.
pub(crate) fn read_name(name: &str) -> Result<TemplateName> {
    name.parse().map_err(|error| Error::field("template_name", error))
}
