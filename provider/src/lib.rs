//! Messaging providers behind [`bellhop_domain::ports::Provider`]: one module each, without state.

pub mod cloud_api;

pub use cloud_api::CloudApi;
