//! The provider's limits, held by ourselves.

pub mod in_memory;
