//! Templates: what the provider has approved, and which of them a send may use.

mod change;
mod news;
mod preview;
mod submit;
mod sync;
mod trail;
mod version;

use std::collections::BTreeMap;

use bellhop_domain::content::Wrong;
use bellhop_domain::problem::Problem;
use bellhop_domain::rights::Right;
use bellhop_domain::template::{BadName, TemplateDefinition, TemplateName};
use bellhop_domain::{ConnectionId, PropertyId, TemplateId};
use bellhop_entity::template;
use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::json;

pub use change::TemplateEdit;
pub use preview::TemplatePreview;
pub use submit::NewTemplate;
pub use version::TemplateVersion;

pub(crate) use news::{apply_news, asks_for_sync};

use crate::app::App;
use crate::auth::Caller;
use crate::connection::is_connected;
use crate::error::{Error, Result, shorten};
use crate::page::{Page, PageRequest};
use crate::property;

/// The status of a template that the provider no longer lists.
const GONE: &str = "DELETED";
/// Ours: handed in here, and not answered by the provider yet.
const SUBMITTING: &str = "SUBMITTING";
/// Of nobody's concern but the submission's and the sync's.
const HIDDEN: [&str; 2] = [GONE, SUBMITTING];

/// One language of a template.
#[derive(Debug, Clone)]
pub struct TemplateView {
    pub template_id: TemplateId,
    /// The number over whose account it goes.
    pub connection_id: ConnectionId,
    pub definition: TemplateDefinition,
    /// The property's own category.
    pub label: Option<String>,
    /// Counts the changes; see [`App::template_versions`].
    pub version: i32,
    /// Where the provider filed it elsewhere than it was.
    pub previous_category: Option<String>,
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
            connection_id: row.connection_id,
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
                parameter_names: names(row.parameter_names),
            },
            label: row.label,
            version: row.version,
            previous_category: row.previous_category,
            synced_at: row.synced_at,
        })
    }

    /// Rows whose names do not parse were never written here.
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
        let mut query = template::Entity::find()
            .filter(Column::PropertyId.eq(caller.property_id))
            .filter(is_connected(Column::ConnectionId));
        query = match &filter.status {
            Some(status) => query.filter(Column::Status.eq(status.to_ascii_uppercase())),
            None => query.filter(Column::Status.is_not_in(HIDDEN)),
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
        if let Some((name, language, id)) = page.after::<(String, String, TemplateId)>()? {
            let same = || Condition::all().add(Column::Name.eq(&name));
            // Two numbers of different accounts may each have it.
            let twin = same().add(Column::Language.eq(&language)).add(Column::Id.gt(id));
            let later = same().add(Column::Language.gt(&language));
            query = query.filter(Condition::any().add(Column::Name.gt(&name)).add(later).add(twin));
        }
        let rows = query
            .order_by_asc(Column::Name)
            .order_by_asc(Column::Language)
            .order_by_asc(Column::Id)
            .limit(page.limit() + 1)
            .all(self.db.reader())
            .await?;
        let rows = Page::cut(rows, &page, |row| (row.name.clone(), row.language.clone(), row.id));
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
        let translations = self.visible_translations(caller.property_id, name).await?;
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

    /// The template that a send over this number names, if it may be sent.
    pub(crate) async fn sendable_template(
        &self,
        (property, connection): (PropertyId, ConnectionId),
        name: &str,
        language: &str,
    ) -> Result<TemplateDefinition> {
        let mut translations = self.translations(property, name).await?;
        translations.retain(|template| template.connection_id == connection);
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

    /// Those that anybody should know of.
    async fn visible_translations(&self, property: PropertyId, name: &str) -> Result<Vec<TemplateView>> {
        let mut translations = self.translations(property, name).await?;
        translations.retain(|t| !HIDDEN.contains(&t.definition.status.as_str()));
        Ok(translations)
    }

    async fn translations(&self, property: PropertyId, name: &str) -> Result<Vec<TemplateView>> {
        let rows = template::Entity::find()
            .filter(template::Column::PropertyId.eq(property))
            .filter(template::Column::Name.eq(name))
            .filter(is_connected(template::Column::ConnectionId))
            .order_by_asc(template::Column::Language)
            .all(self.db.reader())
            .await?;
        Ok(TemplateView::read_all(rows))
    }

    /// Every language of every template that may be sent, by name.
    pub(crate) async fn approved_templates(&self, property: PropertyId) -> Result<Vec<TemplateDefinition>> {
        let rows = template::Entity::find()
            .filter(template::Column::PropertyId.eq(property))
            .filter(template::Column::Status.eq("APPROVED"))
            .order_by_asc(template::Column::Name)
            .all(self.db.reader())
            .await?;
        Ok(TemplateView::read_all(rows).into_iter().map(|view| view.definition).collect())
    }
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
) -> std::result::Result<BTreeMap<String, String>, Wrong> {
    use serde_json::Value;
    let text = |(name, value): (&String, &Value)| {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Bool(flag) => flag.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => {
                let field = format!("parameters.{}", shorten(name));
                return Err(Wrong::new(field, "must be a text or a number"));
            }
        };
        Ok((name.clone(), text))
    };
    given.iter().map(text).collect()
}

/// The property's own names for positions, as they are stored.
fn names(stored: Option<serde_json::Value>) -> Vec<String> {
    stored.and_then(|names| serde_json::from_value(names).ok()).unwrap_or_default()
}

/// A name as a request gives it.
pub(crate) fn read_name(name: &str) -> Result<TemplateName> {
    name.parse().map_err(|error| Error::field("template_name", error))
}
