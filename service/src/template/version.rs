//! What a template was before each of its changes.

use bellhop_domain::rights::Right;
use bellhop_domain::template::ChangeCause;
use bellhop_entity::{template, template_version};
use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::Value;

use crate::app::App;
use crate::auth::Caller;
use crate::error::Result;
use crate::event::Scope;
use crate::page::{Page, PageRequest};

/// A template as one of its changes left it.
#[derive(Debug, Clone)]
pub struct TemplateVersion {
    /// Counted from 1.
    pub version: i32,
    pub cause: ChangeCause,
    pub category: String,
    /// At the time of the change.
    pub status: String,
    pub components: Value,
    pub created_at: DateTime<Utc>,
}

impl App {
    /// The versions of one language of a template, the newest first.
    pub async fn template_versions(
        &self,
        caller: &Caller,
        (name, language): (&str, Option<&str>),
        page: PageRequest,
    ) -> Result<Page<TemplateVersion>> {
        caller.require(Right::ReadTemplates)?;
        use template_version::Column;
        let template = self.template(caller, name, language).await?.template;
        let mut query = template_version::Entity::find().filter(Column::TemplateId.eq(template.template_id));
        if let Some(before) = page.after::<i32>()? {
            query = query.filter(Column::Version.lt(before));
        }
        let rows = query.order_by_desc(Column::Version).limit(page.limit() + 1).all(self.db.reader()).await?;
        Ok(Page::cut(rows, &page, |row| row.version).map(|row| TemplateVersion {
            version: row.version,
            cause: row.cause,
            category: row.category,
            status: row.status,
            components: row.components,
            created_at: row.created_at,
        }))
    }
}

/// Writes down what a change has made of a template.
pub(super) async fn record(
    tx: &DatabaseTransaction,
    scope: Scope,
    row: &template::Model,
    cause: ChangeCause,
) -> Result<()> {
    let version = template_version::ActiveModel {
        template_id: Set(row.id),
        version: Set(row.version),
        property_id: Set(row.property_id),
        cause: Set(cause),
        category: Set(row.category.clone()),
        status: Set(row.status.clone()),
        parameter_format: Set(row.parameter_format),
        components: Set(row.components.clone()),
        created_at: Set(scope.at),
    };
    template_version::Entity::insert(version)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(tx)
        .await?;
    Ok(())
}
