//! How a database's schema stands to the migrations that this program knows.

use std::collections::HashSet;

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, EntityTrait};
use sea_orm_migration::seaql_migrations;

use crate::Migrator;

/// What is applied, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SchemaState {
    /// Ours that the database has; none: it has no schema of ours at all.
    pub applied: usize,
    /// Ours that it lacks.
    pub pending: usize,
    /// Applied by a newer release, unknown to us.
    pub newer: usize,
}

/// Reads the state and writes nothing.
///
/// `MigratorTrait` has a reading of its own, which fails on migrations that it does not know: while a
/// newer release is rolled out, that is what the older processes see.
///
/// # Errors
/// When the database cannot be read.
pub async fn schema_state<'c, C>(db: &'c C) -> Result<SchemaState, DbErr>
where
    C: ConnectionTrait,
    &'c C: IntoSchemaManagerConnection<'c>,
{
    let recorded = SchemaManager::new(db).has_table("seaql_migrations").await?;
    let there = if recorded { seaql_migrations::Entity::find().all(db).await? } else { Vec::new() };
    let there: HashSet<String> = there.into_iter().map(|row| row.version).collect();
    let ours: HashSet<String> =
        Migrator::migrations().iter().map(|migration| migration.name().to_owned()).collect();
    Ok(SchemaState {
        applied: ours.intersection(&there).count(),
        pending: ours.difference(&there).count(),
        newer: there.difference(&ours).count(),
    })
}
