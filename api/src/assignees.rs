//! Who looks after a conversation.

use bellhop_domain::{ConversationId, StaffId};
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::types::MaybeUndefined;
use poem_openapi::{Object, OpenApi};

use crate::Tag;
use crate::auth::{AssignConversations, Authorized};
use crate::body::JsonBody;
use crate::conversations::Conversation;
use crate::envelope::ApiError;

/// Who is to look after a conversation.
#[derive(Debug, Object)]
struct Assignment {
    /// A person who works at the hotel; `null`: nobody.
    staff_member_id: MaybeUndefined<StaffId>,
}

pub struct Assignees;

#[OpenApi(tag = "Tag::Conversations")]
impl Assignees {
    /// Give a conversation to somebody
    ///
    /// Or to nobody, with `null`. The event `conversation_assigned` tells of it; the same again changes nothing and
    /// tells nothing. Everybody may still answer.
    #[oai(
        path = "/conversations/:conversation_id/assignee",
        method = "put",
        operation_id = "assign_conversation"
    )]
    async fn assign(
        &self,
        auth: Authorized<AssignConversations>,
        conversation_id: Path<ConversationId>,
        body: JsonBody<Assignment>,
    ) -> Result<Json<Conversation>, ApiError> {
        let to = match body.value.staff_member_id {
            MaybeUndefined::Value(person) => Some(person),
            MaybeUndefined::Null => None,
            MaybeUndefined::Undefined => {
                return Err(ApiError::field("staff_member_id", "is required: an id, or null for nobody"));
            }
        };
        Ok(Json(auth.app.assign_conversation(&auth.caller, conversation_id.0, to).await?.into()))
    }
}
