//! Taking over what the provider lists.

use bellhop_domain::event::EventType;
use bellhop_domain::problem::Problem;
use bellhop_domain::rights::Right;
use bellhop_domain::template::{ChangeCause, TemplateDefinition};
use bellhop_domain::{PropertyId, TemplateId};
use bellhop_entity::template;
use chrono::{DateTime, SubsecRound, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter,
    QuerySelect,
};
use serde_json::json;

use super::{GONE, SUBMITTING, version};
use crate::app::App;
use crate::auth::Caller;
use crate::connection::OpenConnection;
use crate::db::real_now;
use crate::error::{Error, Result};
use crate::event::{self, Scope};

impl App {
    /// Takes over what the provider lists now, for all of the property's numbers. How many templates, each
    /// language counted.
    pub async fn sync_property_templates(&self, caller: &Caller) -> Result<usize> {
        caller.require(Right::ManageTemplates)?;
        let mut listed = 0;
        for connection in self.connections().await?.iter().filter(|c| c.property_id == caller.property_id) {
            let synced = self.sync_templates(connection).await;
            listed += synced.map_err(|error| error.asked_of_provider(Problem::ProviderUnavailable))?;
        }
        Ok(listed)
    }

    /// The same for one number.
    pub(crate) async fn sync_templates(&self, connection: &OpenConnection) -> Result<usize> {
        // Before the list is asked for: what is newer than that, the list may not know yet.
        let scope = Scope { property: connection.property_id, at: self.now() };
        let listed = self.asked(connection, self.ports.provider.templates(&connection.line)).await?;
        let number = listed.len();
        use template::Column;
        let tx = self.db.begin().await?;
        let mut known = template::Entity::find()
            .filter(Column::ConnectionId.eq(connection.id))
            .lock_exclusive()
            .all(&tx)
            .await?;
        for definition in listed {
            let at = known.iter().position(|row| is(row, &definition));
            match at.map(|at| known.swap_remove(at)) {
                None => insert(&tx, scope, connection, definition).await?,
                Some(row) if row.synced_at > scope.at => {}
                Some(row) => update(&tx, scope, row, definition).await?,
            }
        }
        template::Entity::update_many()
            .col_expr(Column::Status, Expr::value(GONE))
            .filter(Column::Id.is_in(known.iter().filter(|row| row.synced_at <= scope.at).map(|row| row.id)))
            // A submission that is under way is not at the provider yet.
            .filter(
                Condition::any()
                    .add(Column::SubmittingUntil.is_null())
                    .add(Column::SubmittingUntil.lte(real_now())),
            )
            .exec(&tx)
            .await?;
        tx.commit().await?;
        Ok(number)
    }

    /// Reads an account's templates in the background: what fails comes with the next round.
    pub(crate) fn sync_templates_soon(&self, waba_id: String) {
        let app = self.clone();
        self.tasks.spawn(async move {
            let Ok(connections) = app.connections().await else { return };
            let of_account = connections.iter().filter(|c| c.line.waba_id == waba_id);
            for connection in of_account.filter(|c| c.status.is_usable()) {
                if let Err(error) = app.sync_templates(connection).await {
                    tracing::warn!(connection = %connection.id, %error, "the templates could not be read");
                }
            }
        });
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
}

fn is(row: &template::Model, definition: &TemplateDefinition) -> bool {
    row.name == definition.name.as_str() && row.language == definition.language.as_str()
}

async fn insert(
    tx: &DatabaseTransaction,
    scope: Scope,
    connection: &OpenConnection,
    definition: TemplateDefinition,
) -> Result<()> {
    let id = TemplateId::new();
    let row = template::ActiveModel {
        id: Set(id),
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
        version: Set(1),
        synced_at: Set(scope.at),
        ..Default::default()
    };
    // Two syncs at once may both have found it missing.
    let made = template::Entity::insert(row)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(tx)
        .await?;
    if made == 0 {
        return Ok(());
    }
    let row = template::Entity::find_by_id(id).one(tx).await?.ok_or_else(|| Error::not_found("template"))?;
    version::record(tx, scope, &row, ChangeCause::Provider).await
}

/// As the provider's news have it.
pub(super) fn whole_second(at: DateTime<Utc>) -> DateTime<Utc> {
    at.trunc_subsecs(0)
}

/// Takes over what the provider says; the property's own label and names stay.
async fn update(
    tx: &DatabaseTransaction,
    scope: Scope,
    row: template::Model,
    definition: TemplateDefinition,
) -> Result<()> {
    let changed = row.category != definition.category
        || row.parameter_format != definition.parameter_format
        || row.components != definition.components;
    // One that was gone, or whose submission broke off, begins here as it is.
    let is_new = [GONE, SUBMITTING].contains(&row.status.as_str());
    let before = row.clone();
    let mut new = row.into_active_model();
    new.provider_id = Set(definition.provider_id);
    new.status = Set(definition.status);
    new.parameter_format = Set(definition.parameter_format);
    new.components = Set(definition.components);
    new.quality = Set(definition.quality);
    new.rejection_reason = Set(definition.rejection_reason);
    new.submitting_until = Set(None);
    new.synced_at = Set(scope.at);
    if before.category != definition.category {
        new.previous_category = Set(Some(before.category.clone()).filter(|_| !is_new));
        new.category = Set(definition.category);
    }
    if changed {
        new.version = Set(before.version + 1);
    }
    if before.status != *new.status.as_ref() {
        new.status_at = Set(Some(whole_second(scope.at)));
    }
    let row = new.update(tx).await?;
    if changed {
        version::record(tx, scope, &row, ChangeCause::Provider).await?;
    }
    tell(tx, scope, &before, &row).await
}

/// Records what is different from before and matters to others.
pub(super) async fn tell(
    tx: &DatabaseTransaction,
    scope: Scope,
    before: &template::Model,
    row: &template::Model,
) -> Result<()> {
    let told = |more: serde_json::Value| {
        let mut data = json!({
            "template_id": row.id, "template_name": row.name, "language": row.language, "status": row.status,
            "category": row.category,
        });
        if let (Some(data), serde_json::Value::Object(more)) = (data.as_object_mut(), more) {
            data.extend(more);
        }
        data
    };
    if before.status != row.status {
        let data = told(json!({"previous_status": before.status, "rejection_reason": row.rejection_reason}));
        event::record(tx, scope, EventType::TemplateStatusChanged, data).await?;
    }
    if before.category != row.category {
        let data = told(json!({"previous_category": before.category}));
        event::record(tx, scope, EventType::TemplateCategoryChanged, data).await?;
    }
    if before.quality != row.quality {
        let data = told(json!({"quality": row.quality, "previous_quality": before.quality}));
        event::record(tx, scope, EventType::TemplateQualityChanged, data).await?;
    }
    Ok(())
}
