use std::time::Duration;

use async_trait::async_trait;

use crate::answer::Answer;
use crate::attempt::AttemptRef;
use crate::content::Content;
use crate::guest::Recipient;
use crate::inbound::{Change, Unreadable};
use crate::media::Link;
use crate::provider_error::ProviderError;
use crate::secret::Secret;
use crate::template::{Language, ParameterFormat, TemplateDefinition, TemplateName};
use crate::webhook::VerifiedWebhook;

use super::ByteStream;

/// A messaging provider's API. Adapters hold no state: what they need stands in the [`Line`].
#[async_trait]
pub trait Provider: Send + Sync {
    /// Makes one attempt. Never longer than `message.deadline`; every way it can end is an
    /// [`Answer`], so that none is mistaken for another.
    async fn send(&self, line: &Line, message: &Outbound) -> Answer;

    /// Hands a file over; the provider's id for it.
    async fn upload(&self, line: &Line, file: MediaFile) -> Result<String, ProviderFailure>;

    /// Opens a file that a guest sent. What comes out of it is the caller's to check: neither its length nor
    /// its content is more than somebody's word.
    async fn fetch(&self, line: &Line, wanted: &WantedFile) -> Result<FetchedFile, FetchFailure>;

    /// Hands a file over as the example of a template's header; the handle to name it by.
    async fn upload_example(&self, line: &Line, file: MediaFile) -> Result<String, ProviderFailure>;

    /// Tells the guest that a message, and all before it, were read.
    async fn mark_read(&self, line: &Line, mark: &ReadMark) -> Result<(), ProviderFailure>;

    /// Submits a template for review.
    async fn create_template(
        &self,
        line: &Line,
        draft: &TemplateDraft,
    ) -> Result<TemplateReceipt, ProviderFailure>;

    /// Changes components and category of the template with this id; it goes into review again.
    async fn edit_template(
        &self,
        line: &Line,
        provider_id: &str,
        draft: &TemplateDraft,
    ) -> Result<(), ProviderFailure>;

    /// Removes one language of a template, by its id; one that is not there is as good as removed.
    async fn delete_template(
        &self,
        line: &Line,
        name: &TemplateName,
        provider_id: &str,
    ) -> Result<(), ProviderFailure>;

    /// Every template of the account, all pages.
    async fn templates(&self, line: &Line) -> Result<Vec<TemplateDefinition>, ProviderFailure>;

    /// What the provider says of the number itself.
    async fn number(&self, line: &Line) -> Result<NumberInfo, ProviderFailure>;

    /// The ids of the account's numbers, all pages.
    async fn account_numbers(&self, line: &Line) -> Result<Vec<String>, ProviderFailure>;

    /// Where the provider sends the number's webhooks; `None` when it names no address.
    async fn callback(&self, line: &Line) -> Result<Option<String>, ProviderFailure>;

    /// Asks the provider to call `callback_url` with the webhooks of this account.
    async fn register_callback(
        &self,
        line: &Line,
        callback_url: &str,
        verify_token: &Secret,
    ) -> Result<(), ProviderFailure>;

    /// Every change of every entry. `Err` when the body as a whole is no webhook.
    fn read_webhook(&self, webhook: &VerifiedWebhook) -> Result<Vec<Change>, Unreadable>;
}

/// One business number at a provider, with the credentials to use it.
#[derive(Debug, Clone)]
pub struct Line {
    /// Without a trailing slash, such as `https://graph.facebook.com`.
    pub base_url: String,
    /// Such as `v23.0`.
    pub api_version: String,
    pub phone_number_id: String,
    pub waba_id: String,
    pub access_token: Secret,
}

/// One message for one attempt.
#[derive(Debug, Clone)]
pub struct Outbound {
    pub recipient: Recipient,
    /// Of a kind that can be sent.
    pub content: Content,
    /// The file of the content, where it carries one.
    pub media: Option<ProviderMedia>,
    /// The wamid of the message that it answers.
    pub reply_to: Option<String>,
    /// Echoed by the status webhooks.
    pub attempt: AttemptRef,
    /// The call is given up after this; always shorter than what is left of the lease.
    pub deadline: Duration,
}

/// A file, in the provider's terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProviderMedia {
    /// The provider's id of an upload.
    Id(String),
    /// The provider fetches it.
    Link(Link),
}

/// A file on its way to the provider.
pub struct MediaFile {
    pub mime: String,
    pub filename: String,
    /// In bytes.
    pub size: u64,
    pub bytes: ByteStream,
}

/// A file that a guest sent, to be fetched.
#[derive(Debug, Clone)]
pub struct WantedFile {
    /// The provider's id of it.
    pub provider_id: String,
    /// Where it was a moment ago. It is asked for anew when it is not there any more.
    pub url: Option<String>,
    /// The longest time without an answer, or between two pieces of the file.
    pub stall: Duration,
    /// One of more bytes is not opened.
    pub max_bytes: u64,
}

/// A file that a guest sent, as it comes.
pub struct FetchedFile {
    /// The provider's word, where it was asked.
    pub mime: Option<String>,
    /// In bytes, as announced; what comes may differ.
    pub size: Option<u64>,
    /// The provider's word, where it was asked: base64 or hexadecimal.
    pub sha256: Option<String>,
    /// Ends with an error when it stalls or breaks off.
    pub bytes: ByteStream,
}

/// Why a file could not be opened. Nothing of it was read.
#[derive(Debug, thiserror::Error)]
pub enum FetchFailure {
    #[error("WhatsApp refused: {} (code {})", .0.title, .0.code)]
    Refused(ProviderError),
    #[error("the file has {0} bytes, which is more than is taken")]
    TooLarge(u64),
    #[error("{0}")]
    Failed(String),
}

impl From<ProviderFailure> for FetchFailure {
    fn from(failure: ProviderFailure) -> Self {
        match failure {
            ProviderFailure::Refused(error) => Self::Refused(error),
            ProviderFailure::Unreachable(_) | ProviderFailure::Unreadable(_) => {
                Self::Failed(failure.to_string())
            }
        }
    }
}

/// What a guest sees when a message was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadMark {
    /// Of a message of the guest.
    pub wamid: String,
    /// Whether the guest sees for a while that somebody is writing.
    pub typing: bool,
}

/// A template as it is submitted.
#[derive(Debug, Clone, PartialEq)]
pub struct TemplateDraft {
    pub name: TemplateName,
    pub language: Language,
    /// Meta's word.
    pub category: String,
    pub parameter_format: ParameterFormat,
    /// Meta's `components`.
    pub components: serde_json::Value,
}

/// What the provider says to a template that it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateReceipt {
    pub provider_id: String,
    pub status: String,
    /// May differ from the one that was asked for.
    pub category: Option<String>,
}

/// What the provider tells about a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberInfo {
    pub display_phone_number: String,
    /// The name that guests see.
    pub verified_name: Option<String>,
    /// Messages per second, inbound and outbound together; `None` when it does not say.
    pub throughput: Option<u32>,
    /// Meta's word: `GREEN`, `YELLOW`, `RED`, `UNKNOWN`.
    pub quality_rating: Option<String>,
}

/// A call other than a send that did not succeed. It may simply be tried again.
#[derive(Debug, thiserror::Error)]
pub enum ProviderFailure {
    #[error("the provider refused: {} (code {})", .0.title, .0.code)]
    Refused(ProviderError),
    #[error("the provider could not be asked: {0}")]
    Unreachable(String),
    #[error("the provider's answer cannot be read: {0}")]
    Unreadable(String),
}
