//! Caches of customer service windows.

pub mod in_memory;
pub mod redis;
