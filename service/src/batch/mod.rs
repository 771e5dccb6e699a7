//! Batches: from the lines that are handed in to the last recipient.
//!
//! A batch's messages are made when it is accepted, frozen, without a place in their conversations:
//! what is sent by hand does not wait behind a batch. Workers take them by *chunks*. A chunk's row
//! is both outbox and lease, and leaves when nothing of it is queued or on the wire. Some chunks of
//! a batch are open at a time; whoever has put one's messages on their way opens the next.
//!
//! Messages leave by groups: places from the limiter, one transaction that sets them `sending`,
//! then the calls; answers are stored by groups too. What does not fit a group's simple case goes
//! through the way of single messages (`dispatch`), which knows them all.

mod admit;
mod begin;
mod chunk;
mod discard;
mod exposure;
mod lane;
mod lines;
mod mend;
mod options;
mod people;
mod prepare;
mod progress;
mod receive;
mod record;
mod room;
mod state;
mod view;
mod wire;

pub use lines::{Line, LineContent, LineRecipient, Unusable};
pub use options::BatchOptions;
pub(crate) use options::check_send_at;
pub use receive::{Opened, PART, Reception};
pub use view::{BatchFilter, BatchView, Counts, RecipientView, RefusalView};

pub(crate) use chunk::{forget, reopen};
pub(crate) use exposure::Exposure;
pub(crate) use record::Recorder;
pub(crate) use room::Room;
pub(crate) use state::{RetryPolicy, counts, retry_policy, stop_of_connection};
