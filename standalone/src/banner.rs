//! What a newcomer needs, in five lines.

use crate::demo::GUEST_PHONE;
use crate::handoff::Handoff;

/// The lines printed once the process is ready.
pub fn lines(handoff: &Handoff) -> String {
    let Handoff { api_url, docs_url, simulator_url, staff_token, .. } = handoff;
    let body = format!(
        r#"{{"guest_phone":"{GUEST_PHONE}","message_type":"text","content":{{"text":"Welcome to Grand Plaza Hotel!"}}}}"#
    );
    format!(
        "Bellhop is ready. Ctrl-C stops it.\n\
         API reference   {docs_url}\n\
         Guest's phone   {simulator_url}/\n\
         Staff token     {staff_token}\n\
         Send a text     curl -X POST {api_url}/messages/send -H 'Authorization: Bearer {staff_token}' -H 'Content-Type: application/json' -d '{body}'"
    )
}
