//! Who may do what.

use crate::text_enum;

text_enum! {
    /// The role of an API token.
    Role {
        /// The front desk.
        Staff = "staff",
        /// Connects numbers, submits templates, changes the property.
        Admin = "admin",
        /// A PMS or CRM vendor.
        Partner = "partner",
    }
}

/// Something that a token may be allowed to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    SendMessages,
    ReadConversations,
    ResolveConversations,
    ReadGuests,
    ReadAnalytics,
    /// The event log and the live feed: everything that happens in the hotel.
    ReadEvents,
    ChangeGuests,
    ImportGuests,
    /// Tell who stays, when and in which room.
    ManageStays,
    /// To opt out must be easy: whoever talks with guests may write it down.
    ChangeConsent,
    ReadTemplates,
    ManageTemplates,
    ReadProperty,
    ChangeProperty,
    ManageConnections,
    /// Tell where events are delivered to. A partner's token sees what it made itself.
    ManageSubscriptions,
}

impl Role {
    /// The one table of rights.
    pub const fn may(self, right: Right) -> bool {
        match right {
            Right::SendMessages
            | Right::ReadConversations
            | Right::ResolveConversations
            | Right::ReadGuests
            | Right::ReadAnalytics
            | Right::ReadEvents
            | Right::ChangeGuests
            | Right::ChangeConsent
            | Right::ReadTemplates => matches!(self, Self::Staff | Self::Admin),
            Right::ReadProperty => matches!(self, Self::Staff | Self::Admin | Self::Partner),
            Right::ManageStays | Right::ManageSubscriptions => matches!(self, Self::Admin | Self::Partner),
            Right::ManageTemplates
            | Right::ChangeProperty
            | Right::ImportGuests
            | Right::ManageConnections => {
                matches!(self, Self::Admin)
            }
        }
    }
}
