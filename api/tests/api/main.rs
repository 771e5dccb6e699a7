//! The API as a front end meets it: over its own endpoint, with a real database.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod batches;
mod contract;
mod document;
mod failures;
mod fake_provider;
mod media;
mod media_on_the_wire;
mod sending;
mod server;
mod support;
mod uploads;
