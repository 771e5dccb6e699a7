//! News of event logs.

pub mod in_process;
pub mod redis;
