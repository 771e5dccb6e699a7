//! The end-to-end suite: everything over HTTP, against the real programs.
#![expect(clippy::unwrap_used, reason = "a test that panics has said what is wrong")]

mod alerts;
mod batches;
mod closed_windows;
mod contract;
mod crash;
mod crossings;
mod data_folder;
mod deaths;
mod every_type;
mod idempotency;
mod identities;
mod layers;
mod lifecycle;
mod media;
mod order_and_refusals;
mod outages;
mod outside;
mod races;
mod seed_tour;
mod services;
mod split;
mod status_groups;
mod storm;
mod templates;
mod tenants;
mod there_and_back;
mod webhook_faults;
mod webhook_security;
