//! The schema, for PostgreSQL and SQLite from one source.
//!
//! Rules: migrations are only added, never changed once released; each keeps the previous
//! release's processes working until they are gone.

pub use sea_orm_migration::MigratorTrait;
use sea_orm_migration::prelude::*;

mod columns;
mod m0001_hotel;
mod m0002_messages;
mod m0003_record;
mod m0004_processes;
mod m0005_batches;
mod m0006_content;
mod m0007_inbound;
mod m0008_media_in;
mod m0009_consent;
mod m0010_stays;
mod m0011_analytics;
mod m0012_connections;
mod m0013_event_log;
mod m0014_people;
mod m0015_subscriptions;
mod m0016_audit;
mod m0017_privacy;
mod m0018_assignees;
mod state;

pub use state::{SchemaState, schema_state};

#[derive(Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_hotel::Migration),
            Box::new(m0002_messages::Migration),
            Box::new(m0003_record::Migration),
            Box::new(m0004_processes::Migration),
            Box::new(m0005_batches::Migration),
            Box::new(m0006_content::Migration),
            Box::new(m0007_inbound::Migration),
            Box::new(m0008_media_in::Migration),
            Box::new(m0009_consent::Migration),
            Box::new(m0010_stays::Migration),
            Box::new(m0011_analytics::Migration),
            Box::new(m0012_connections::Migration),
            Box::new(m0013_event_log::Migration),
            Box::new(m0014_people::Migration),
            Box::new(m0015_subscriptions::Migration),
            Box::new(m0016_audit::Migration),
            Box::new(m0017_privacy::Migration),
            Box::new(m0018_assignees::Migration),
        ]
    }
}
