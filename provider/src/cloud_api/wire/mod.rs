//! Meta's JSON: field names and shapes are theirs, unknown fields are ignored. What the
//! documentation leaves open, or breaks in its own examples, is taken in every form.

pub mod account;
pub mod answer;
pub mod inbound;
pub mod send;
pub mod template;
pub mod webhook;
