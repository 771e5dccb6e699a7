//! The tables, a file each. Entity models never leave `service`.

pub mod api_token;
pub mod attempt;
pub mod batch;
pub mod batch_chunk;
pub mod batch_refusal;
pub mod connection;
pub mod conversation;
pub mod event;
pub mod guest;
pub mod guest_identifier;
pub mod guest_merge;
pub mod idempotency_key;
pub mod media;
pub mod media_upload;
pub mod message;
pub mod message_status;
pub mod outbox;
pub mod process;
pub mod property;
pub mod template;
pub mod template_version;
pub mod webhook_change;
