//! The API as a front end meets it: over its own endpoint, with a real database.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod analytics;
mod audit;
mod audit_of_operations;
mod batches;
mod connections;
mod consent;
mod consent_at_dispatch;
mod contract;
mod document;
mod failures;
mod fake_ports;
mod fake_provider;
mod guest_import;
mod guests;
mod media;
mod media_in;
mod media_on_the_wire;
mod people;
mod rights;
mod sending;
mod server;
mod stays;
mod stays_in_disorder;
mod support;
mod tokens;
mod uploads;
