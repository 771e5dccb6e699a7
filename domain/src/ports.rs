//! What the use cases need from the outside, as object-safe traits.
//!
//! A port exists where there are two implementations, or where a test must hold time or the
//! network. The database is none.

mod cipher;
mod clock;
mod media_store;
mod provider;
mod queue;
mod rate_limiter;
mod request_limit;
mod wake;
mod webhook_client;
mod window_store;

pub use cipher::{Cipher, CipherError};
pub use clock::Clock;
pub use media_store::{ByteStream, MediaStore, MediaStoreError};
pub use provider::{
    FetchFailure, FetchedFile, Line, MediaFile, NumberInfo, Outbound, Provider, ProviderFailure,
    ProviderMedia, ReadMark, TemplateDraft, TemplateReceipt, WantedFile,
};
pub use queue::{Acknowledge, Delivery, Hint, Queue, QueueError, Subscription};
pub use rate_limiter::{BatchAsk, BatchPermit, BatchPlace, Pace, Permit, RateLimiter};
pub use request_limit::{RequestAsk, RequestPermit, RequestRate, RequestStanding};
pub use wake::{Numbered, Wake, WakeStream};
pub use webhook_client::{BadUrl, Bounce, Reply, WEBHOOK_AGENT, WebhookBody, WebhookClient, WebhookRequest};
pub use window_store::{WindowStore, WindowStoreError};
