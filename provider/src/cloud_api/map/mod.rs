//! Our words into Meta's, and Meta's into ours. Conversion only.

pub mod answer;
mod components;
pub mod inbound;
pub mod send;
pub mod template;
