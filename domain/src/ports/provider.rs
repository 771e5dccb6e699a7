use std::time::Duration;

use async_trait::async_trait;

use crate::answer::Answer;
use crate::attempt::AttemptRef;
use crate::guest::Recipient;
use crate::inbound::{Change, Unreadable};
use crate::provider_error::ProviderError;
use crate::secret::Secret;
use crate::template::{Language, TemplateDefinition, TemplateName};
use crate::webhook::VerifiedWebhook;

/// A messaging provider's API. Adapters hold no state: what they need stands in the [`Line`].
#[async_trait]
pub trait Provider: Send + Sync {
    /// Makes one attempt. Never longer than `message.deadline`; every way it can end is an
    /// [`Answer`], so that none is mistaken for another.
    async fn send(&self, line: &Line, message: &Outbound) -> Answer;

    /// Every template of the account, all pages.
    async fn templates(&self, line: &Line) -> Result<Vec<TemplateDefinition>, ProviderFailure>;

    /// What the provider says of the number itself.
    async fn number(&self, line: &Line) -> Result<NumberInfo, ProviderFailure>;

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
    pub body: OutboundBody,
    /// Echoed by the status webhooks.
    pub attempt: AttemptRef,
    /// The call is given up after this; always shorter than what is left of the lease.
    pub deadline: Duration,
}

#[derive(Debug, Clone)]
pub enum OutboundBody {
    Text { text: String },
    Template { name: TemplateName, language: Language, parameters: Vec<TemplateParameter> },
}

/// A body parameter; without a name its place in the list counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateParameter {
    pub name: Option<String>,
    pub text: String,
}

/// What the provider tells about a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberInfo {
    pub display_phone_number: String,
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
