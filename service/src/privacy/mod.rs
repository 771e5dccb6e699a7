//! What is held about people, and how it goes: on request, guest by guest ([`erase`] and `steps`), and with time
//! (`retention`). What stands where is said by one table ([`TABLES`]).
//!
//! Everything is overwritten in place: rows, numbers and times stay, so days can be counted again.

mod arrivals;
mod erase;
mod events;
mod export;
mod files;
mod held;
mod overwrite;
mod retention;
mod steps;
mod tables;
mod webhooks;

pub use erase::ErasureView;
pub use export::{Archive, Part};
pub use tables::{Fate, TABLES, Table};

pub(crate) use arrivals::{Known, blank_changes, forget_statuses, known};
pub(crate) use erase::context;
pub(crate) use overwrite::{bare_failure, hidden};
