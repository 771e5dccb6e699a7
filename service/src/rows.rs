//! Many rows in one statement whose text does not change with their number: PostgreSQL parses and
//! plans each new text again, which costs more than the rows do.

use sea_orm::sea_query::postgres_array::NotU8;
use sea_orm::sea_query::{Expr, Query, sea_value_to_json_value};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryResult, QueryTrait, Statement, TryGetableMany,
    UpdateMany, Value,
};

use crate::error::Result;
use crate::event::rfc3339;

/// `column IN (values)`.
pub(crate) fn among<V>(
    db: &impl ConnectionTrait,
    column: impl ColumnTrait,
    values: impl IntoIterator<Item = V>,
) -> Expr
where
    V: Into<Value> + NotU8,
{
    match db.get_database_backend() {
        DbBackend::Postgres => column.eq_any(values),
        _ => column.is_in(values),
    }
}

/// Runs an update; these columns of what it changed.
pub(crate) async fn returning<E: EntityTrait, T: TryGetableMany, const N: usize>(
    db: &impl ConnectionTrait,
    update: UpdateMany<E>,
    columns: [E::Column; N],
) -> Result<Vec<T>> {
    let update = update.into_query().returning(Query::returning().columns(columns)).to_owned();
    let rows = db.query_all(&update).await?;
    Ok(rows.iter().map(QueryResult::try_get_many_by_index).collect::<Result<_, _>>()?)
}

/// Rows that a statement finds as the table `v`.
pub(crate) struct Rows<const N: usize> {
    /// Name, and type on PostgreSQL.
    columns: [(&'static str, &'static str); N],
    rows: Vec<[Value; N]>,
}

impl<const N: usize> Rows<N> {
    pub fn new(
        columns: [(&'static str, &'static str); N],
        rows: impl IntoIterator<Item = [Value; N]>,
    ) -> Self {
        Self { columns, rows: rows.into_iter().collect() }
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Runs `sql`, which may name `v` and, as `{0}`, `{1}` and so on, the values in `also`. What it
    /// returns.
    pub async fn run<const M: usize>(
        &self,
        db: &impl ConnectionTrait,
        sql: &str,
        also: [Value; M],
    ) -> Result<Vec<QueryResult>> {
        let backend = db.get_database_backend();
        let (table, mut values) = match backend {
            DbBackend::Postgres => self.as_json(),
            _ => self.as_values(),
        };
        let mut sql = format!("WITH {table} {sql}");
        for (i, value) in also.into_iter().enumerate() {
            values.push(value);
            sql = sql.replace(&format!("{{{i}}}"), &format!("${}", values.len()));
        }
        Ok(db.query_all_raw(Statement::from_sql_and_values(backend, sql, values)).await?)
    }

    /// Two parameters, however many rows. The planner, who would believe in a hundred, takes an unknown
    /// limit for a tenth of that, and looks few rows up by their index instead of reading a table.
    fn as_json(&self) -> (String, Vec<Value>) {
        let columns: Vec<String> = self.columns.iter().map(|(name, kind)| format!("{name} {kind}")).collect();
        let row = |row: &[Value; N]| -> serde_json::Map<String, serde_json::Value> {
            let named = self.columns.iter().zip(row);
            named.map(|((name, _), value)| ((*name).to_owned(), json_of(value))).collect()
        };
        let rows: Vec<_> = self.rows.iter().map(row).collect();
        let text = serde_json::Value::from_iter(rows).to_string();
        let columns = columns.join(", ");
        let table = format!("v AS (SELECT * FROM json_to_recordset($1::json) AS v ({columns}) LIMIT $2)");
        (table, vec![text.into(), i64::try_from(self.rows.len()).unwrap_or(i64::MAX).into()])
    }

    fn as_values(&self) -> (String, Vec<Value>) {
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| *name).collect();
        let place = |i: usize| format!("${}", i + 1);
        let row = |i: usize| format!("({})", (i * N..(i + 1) * N).map(place).collect::<Vec<_>>().join(", "));
        let rows: Vec<String> = (0..self.rows.len()).map(row).collect();
        let values = self.rows.iter().flatten().cloned().collect();
        (format!("v ({}) AS (VALUES {})", names.join(", "), rows.join(", ")), values)
    }
}

fn json_of(value: &Value) -> serde_json::Value {
    match value {
        // The library writes it as a literal, in quotes of its own.
        Value::ChronoDateTimeUtc(at) => at.map(rfc3339).into(),
        Value::Uuid(id) => id.map(|id| id.to_string()).into(),
        other => sea_value_to_json_value(other),
    }
}
