//! Days that are added up, in their tables.

use bellhop_domain::PropertyId;
use bellhop_domain::analytics::GroupBy;
use bellhop_entity::{analytics_day, analytics_number};
use chrono::{DateTime, NaiveDate, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect,
};
use serde_json::{Value, json};

use super::calendar::Span;
use super::count::{Day, Part};
use super::numbers::Numbers;
use crate::error::Result;
use crate::rows::Rows;

/// Parts written by one statement: SQLite takes 32,766 values.
const PARTS: usize = 1_000;

impl Part {
    pub const fn facet(&self) -> GroupBy {
        match self {
            Self::Day => GroupBy::Day,
            Self::Template(..) => GroupBy::Template,
            Self::Staff(_) => GroupBy::Staff,
        }
    }

    fn key(&self) -> (&str, &str) {
        match self {
            Self::Day => ("", ""),
            Self::Template(name, language) => (name, language),
            Self::Staff(id) => (id, ""),
        }
    }

    fn of(facet: GroupBy, name: String, language: String) -> Self {
        match facet {
            GroupBy::Day => Self::Day,
            GroupBy::Template => Self::Template(name, language),
            GroupBy::Staff => Self::Staff(name),
        }
    }
}

/// The last day of a property that is closed.
pub(super) async fn last_closed(
    db: &impl ConnectionTrait,
    property: PropertyId,
) -> Result<Option<analytics_day::Model>> {
    Ok(analytics_day::Entity::find()
        .filter(analytics_day::Column::PropertyId.eq(property))
        .filter(analytics_day::Column::Closed.eq(true))
        .order_by_desc(analytics_day::Column::Day)
        .one(db)
        .await?)
}

/// The days that are stored, of these.
pub(super) async fn days(
    db: &impl ConnectionTrait,
    property: PropertyId,
    (from, to): (NaiveDate, NaiveDate),
) -> Result<Vec<analytics_day::Model>> {
    Ok(analytics_day::Entity::find()
        .filter(analytics_day::Column::PropertyId.eq(property))
        .filter(analytics_day::Column::Day.gte(from))
        .filter(analytics_day::Column::Day.lte(to))
        .order_by_asc(analytics_day::Column::Day)
        .all(db)
        .await?)
}

/// The numbers of one facet of these days.
pub(super) async fn numbers(
    db: &impl ConnectionTrait,
    property: PropertyId,
    facet: GroupBy,
    (from, to): (NaiveDate, NaiveDate),
) -> Result<Vec<(NaiveDate, Part, Numbers)>> {
    use analytics_number::Column;
    let rows: Vec<(NaiveDate, String, String, String)> = analytics_number::Entity::find()
        .select_only()
        .columns([Column::Day, Column::Name, Column::Language, Column::Numbers])
        .filter(Column::PropertyId.eq(property))
        .filter(Column::Facet.eq(facet))
        .filter(Column::Day.gte(from))
        .filter(Column::Day.lte(to))
        .into_tuple()
        .all(db)
        .await?;
    let read = |(day, name, language, numbers): (NaiveDate, String, String, String)| {
        let numbers = serde_json::from_str(&numbers).map_err(|error| DbErr::Json(error.to_string()))?;
        Ok((day, Part::of(facet, name, language), numbers))
    };
    rows.into_iter().map(read).collect()
}

/// What a day was when somebody began to count it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub version: Option<i32>,
    pub closed: bool,
}

/// Puts a day's numbers in the place of those that it had. `false` when somebody else did so since it was
/// seen: theirs may be newer.
pub(super) async fn put(
    tx: &DatabaseTransaction,
    (property, span, now): (PropertyId, Span, DateTime<Utc>),
    seen: Seen,
    day: &Day,
) -> Result<bool> {
    use analytics_day::Column;
    let changed = match seen.version {
        None => {
            let row = analytics_day::ActiveModel {
                property_id: Set(property),
                day: Set(span.day),
                begins_at: Set(span.begins),
                ends_at: Set(span.ends),
                closed: Set(seen.closed),
                version: Set(1),
                computed_at: Set(now),
            };
            let known = OnConflict::new().do_nothing().to_owned();
            analytics_day::Entity::insert(row).on_conflict(known).exec_without_returning(tx).await?
        }
        Some(version) => {
            let update = analytics_day::Entity::update_many()
                .col_expr(Column::BeginsAt, Expr::value(span.begins))
                .col_expr(Column::EndsAt, Expr::value(span.ends))
                .col_expr(Column::Closed, Expr::value(seen.closed))
                .col_expr(Column::Version, Expr::col(Column::Version).add(1))
                .col_expr(Column::ComputedAt, Expr::value(now))
                .filter(Column::PropertyId.eq(property))
                .filter(Column::Day.eq(span.day))
                .filter(Column::Version.eq(version));
            update.exec(tx).await?.rows_affected
        }
    };
    if changed != 1 {
        return Ok(false);
    }
    analytics_number::Entity::delete_many()
        .filter(analytics_number::Column::PropertyId.eq(property))
        .filter(analytics_number::Column::Day.eq(span.day))
        .filter(analytics_number::Column::Facet.is_in(GroupBy::ALL.iter().copied()))
        .exec(tx)
        .await?;
    write(tx, property, span.day, day).await?;
    Ok(true)
}

async fn write(tx: &DatabaseTransaction, property: PropertyId, on: NaiveDate, day: &Day) -> Result<()> {
    let columns = [("facet", "text"), ("name", "text"), ("language", "text"), ("numbers", "text")];
    let parts: Vec<(&Part, &Numbers)> = day.iter().collect();
    for some in parts.chunks(PARTS) {
        let rows = some.iter().map(|(part, numbers)| {
            let (name, language) = part.key();
            [part.facet().as_str().into(), name.into(), language.into(), lean(numbers).to_string().into()]
        });
        let sql = "INSERT INTO analytics_numbers (property_id, facet, day, name, language, numbers) \
                   SELECT {0}, facet, {1}, name, language, numbers FROM v";
        Rows::new(columns, rows).run(tx, sql, [property.into(), on.into()]).await?;
    }
    Ok(())
}

/// Without what did not happen, which is most of it.
fn lean(numbers: &Numbers) -> Value {
    let mut all = serde_json::to_value(numbers).unwrap_or_default();
    if let Some(fields) = all.as_object_mut() {
        fields.retain(|_, value| *value != json!(0) && *value != json!({}));
    }
    all
}
