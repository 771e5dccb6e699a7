//! Webhooks: what is told to the business, and how long it is tried.

mod batch;
mod deliver;
mod payload;
mod sign;

pub(crate) use batch::Part as BatchPart;
pub(crate) use deliver::start;
pub(crate) use payload::{preference, upgrade};
pub(crate) use sign::{escape, signature};
