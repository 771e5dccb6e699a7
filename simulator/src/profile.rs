//! What the business says of itself, and how its number stands.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::state::GuestId;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct NumberProfile {
    /// The keys of `whatsapp_business_profile` that were set.
    pub about: Map<String, Value>,
    /// A number that is not registered cannot send.
    pub registered: bool,
    pub verified: bool,
    /// None until a registration sets one.
    pub pin: Option<String>,
    /// Where the number's own webhooks go instead of the account's callback.
    pub callback: Option<String>,
    /// Whose messages reach nobody.
    #[serde(default)]
    pub blocked: BTreeSet<GuestId>,
}

impl Default for NumberProfile {
    fn default() -> Self {
        Self {
            about: Map::new(),
            registered: true,
            verified: true,
            pin: None,
            callback: None,
            blocked: BTreeSet::new(),
        }
    }
}
