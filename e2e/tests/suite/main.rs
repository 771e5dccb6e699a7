//! The end-to-end suite: everything over HTTP, against the real programs.
#![expect(clippy::unwrap_used, reason = "a test that panics has said what is wrong")]

mod alerts;
mod batches;
mod contract;
mod crash;
mod crossings;
mod data_folder;
mod deaths;
mod idempotency;
mod identities;
mod layers;
mod lifecycle;
mod order_and_refusals;
mod outages;
mod races;
mod services;
mod split;
mod status_groups;
mod storm;
mod tenants;
mod there_and_back;
mod webhook_faults;
mod webhook_security;
