//! What a guest tapped or filled in, in answer to a message of ours.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::text_enum;

text_enum! {
    /// Of what the guest made a choice.
    ReplyKind {
        /// A button of an interactive message.
        Button = "button",
        /// A row of a list.
        List = "list",
        /// A quick-reply button of a template.
        TemplateButton = "template_button",
        /// A form that WhatsApp calls a flow.
        Flow = "flow",
    }
}

/// The message that it answers stands beside it, as `reply_to`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    pub reply_type: ReplyKind,
    /// As the message named the choice: the button's or the row's id, the payload of a template's button, the
    /// flow's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What the guest saw.
    pub title: String,
    /// Of a row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What was filled into a flow: an object, or the text where it is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
}
