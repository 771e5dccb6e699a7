//! The end-to-end suite: everything over HTTP, against the real programs.
#![expect(clippy::unwrap_used, reason = "a test that panics has said what is wrong")]

mod contract;
mod crash;
mod idempotency;
mod identities;
mod layers;
mod lifecycle;
mod order_and_refusals;
mod races;
mod services;
mod tenants;
mod there_and_back;
mod webhook_faults;
mod webhook_security;
