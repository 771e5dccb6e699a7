//! Settings, and everything that reaches the outside except the provider: one implementation of a
//! port a file. The only crate that knows which implementations there are.

pub mod build;
pub mod cipher;
pub mod clock;
pub mod database;
pub mod listener;
pub mod media;
pub mod metrics;
pub mod process;
pub mod queue;
pub mod rate_limit;
mod schema;
pub mod settings;
pub mod telemetry;
pub mod wake;
pub mod webhook_client;
pub mod window;
#[cfg(test)]
mod without;

pub use settings::{BadSetting, LogFormat, Settings};
