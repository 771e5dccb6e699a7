//! Bellhop in one process: API, worker and WhatsApp simulator, on SQLite.

pub mod banner;
pub mod create_admin;
mod data_dir;
pub mod demo;
pub mod handoff;
pub mod run;
mod settle_in;

pub use run::{Running, start};
