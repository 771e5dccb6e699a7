//! The use cases. They own the transactions and the outbox; `api` and `worker` call them.
//!
//! Every function that reads or writes a hotel's rows takes a [`Caller`] or a property id and can
//! see no other hotel's. Answers are types of this crate or of `domain`: entity models stay here.

mod address;
mod allowance;
pub mod analytics;
mod app;
pub mod attention;
pub mod audit;
pub mod auth;
pub mod batch;
mod callback;
pub mod connection;
pub mod consent;
pub mod conversation;
mod db;
pub mod delivery;
pub mod dispatch;
pub mod error;
pub mod event;
pub mod failpoint;
pub mod failure;
pub mod fleet;
mod gather;
pub mod guest;
pub mod idempotency;
pub mod ingest;
pub mod keys;
mod links;
pub mod media;
pub mod message;
pub mod numbers;
pub mod outbox;
pub mod page;
mod password;
pub mod privacy;
pub mod property;
pub mod request_limit;
mod rows;
mod schedule;
pub mod send;
pub mod staff;
pub mod stay;
pub mod subscription;
pub mod sweep;
pub mod template;

pub use address::Address;
pub use app::{App, Config, Ports};
pub use auth::Caller;
pub use db::Database;
pub use error::{Error, Result};
