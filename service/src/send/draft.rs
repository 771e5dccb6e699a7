//! What a request wants to say, and the content that this comes to.

use bellhop_domain::content::{Content, Reaction, Wrong};
use bellhop_domain::problem::Problem;
use bellhop_domain::template::{BadParameters, Given, TemplateDefinition};
use bellhop_domain::{ConnectionId, PropertyId};
use serde_json::json;

use super::target::Resolved;
use crate::app::App;
use crate::auth::Caller;
use crate::error::{Error, Result, cut, shorten};

/// A message as it is asked for. What stands in rows is looked up when it is accepted.
#[derive(Debug, Clone)]
pub enum Draft {
    /// Any content that stands for itself; its limits are checked here.
    Content {
        content: Content,
        /// Under which field of the request it stands, for refusals; empty for the request itself.
        within: &'static str,
    },
    Template(TemplateSend),
    /// An emoji on a message of the conversation.
    Reaction {
        /// Our id, or the provider's.
        message: String,
        /// `None` takes it back.
        emoji: Option<String>,
    },
}

/// A template to send.
#[derive(Debug, Clone, Default)]
pub struct TemplateSend {
    pub name: String,
    /// The property's default when absent.
    pub language: Option<String>,
    pub given: Given,
}

impl Draft {
    /// The draft, with a content that WhatsApp would take.
    pub(super) fn check(self) -> Result<Self> {
        match self {
            Self::Content { content, within } => {
                let content = content.check().map_err(|wrong| refuse(wrong, within))?;
                Ok(Self::Content { content, within })
            }
            Self::Template(_) | Self::Reaction { .. } => Ok(self),
        }
    }
}

/// A wrong field by its name in the request.
fn refuse(wrong: Wrong, within: &str) -> Error {
    let wrong = if within.is_empty() { wrong } else { wrong.within(within) };
    Error::field(&wrong.field, wrong.reason)
}

impl App {
    pub(super) async fn resolve_draft(
        &self,
        caller: &Caller,
        draft: Draft,
        resolved: &Resolved,
    ) -> Result<Content> {
        match draft {
            Draft::Content { content, within } => {
                self.check_file(caller.property_id, &content, within).await?;
                Ok(content)
            }
            Draft::Template(send) => {
                self.fill_template((caller.property_id, resolved.connection.id), send).await
            }
            Draft::Reaction { message, emoji } => {
                let (id, wamid) = self.find_said("message_id", &message, resolved).await?;
                let emoji = emoji.filter(|emoji| !emoji.is_empty());
                let content = Content::Reaction(Reaction { message_id: Some(id), wamid, emoji });
                content.check().map_err(|wrong| refuse(wrong, ""))
            }
        }
    }

    /// The template that a send names, with its values, frozen.
    pub(crate) async fn fill_template(
        &self,
        (property, connection): (PropertyId, ConnectionId),
        send: TemplateSend,
    ) -> Result<Content> {
        let name = crate::template::read_name(&send.name)?;
        let language = match send.language.filter(|language| !language.is_empty()) {
            Some(language) => language,
            None => crate::property::load(self.db.reader(), property).await?.default_language,
        };
        let template = self.sendable_template((property, connection), name.as_str(), &language).await?;
        let content = fill(&template, send.given).map_err(|error| misfit(&template, &error))?;
        self.check_file(property, &content, "").await?;
        Ok(content)
    }
}

/// The refusal of values that do not fit a template.
pub(crate) fn misfit(template: &TemplateDefinition, error: &BadParameters) -> Error {
    let details = json!({
        "template_name": template.name, "language": template.language,
        "wrong": error.names().iter().map(|name| shorten(name)).collect::<Vec<_>>(),
        "takes": template.parameters(),
    });
    let message = format!("{}: {}.", shorten(template.name.as_str()), cut(&error.to_string(), 400));
    Error::with(Problem::InvalidParameters, message, details)
}

/// The template with its values, frozen.
pub(crate) fn fill(
    template: &TemplateDefinition,
    given: Given,
) -> std::result::Result<Content, BadParameters> {
    template.fill(given).map(Content::Template)
}
