//! Who may do what: by role, and for API tokens by scope too.

use std::fmt;

use crate::text_enum;

text_enum! {
    /// The role of a person or of an API token.
    Role {
        /// The front desk.
        Staff = "staff",
        /// Connects numbers, submits templates, changes the property, looks after people and tokens.
        Admin = "admin",
        /// A PMS or CRM vendor; never a person.
        Partner = "partner",
    }
}

text_enum! {
    /// The roles that people have.
    StaffRole {
        Staff = "staff",
        Admin = "admin",
    }
}

impl From<StaffRole> for Role {
    fn from(role: StaffRole) -> Self {
        match role {
            StaffRole::Staff => Self::Staff,
            StaffRole::Admin => Self::Admin,
        }
    }
}

text_enum! {
    /// A part of what a role may do, for an API token that needs no more.
    Scope {
        /// Send, batches, conversations, files of one's own.
        Messages = "messages",
        /// Guests and what they agreed to.
        Guests = "guests",
        /// Who stays, when and in which room.
        Stays = "stays",
        /// Fetch files, those of guests too.
        Media = "media",
        Templates = "templates",
        Analytics = "analytics",
        /// The hotel's settings and its WhatsApp numbers.
        Settings = "settings",
        /// Learn of events, by subscriptions or by reading.
        Webhooks = "webhooks",
    }
}

text_enum! {
    /// What somebody may be allowed to do.
    Right {
        /// See who one is, as which role, in which hotel.
        SeeOneself = "see_oneself",
        /// End one's session, change one's password.
        ManageOwnAccount = "manage_own_account",
        SendMessages = "send_messages",
        ReadConversations = "read_conversations",
        ResolveConversations = "resolve_conversations",
        /// Say who looks after a conversation.
        AssignConversations = "assign_conversations",
        ReadGuests = "read_guests",
        ReadAnalytics = "read_analytics",
        /// The event log and the live feed: everything that happens in the hotel.
        ReadEvents = "read_events",
        ChangeGuests = "change_guests",
        ImportGuests = "import_guests",
        /// Take away for good what is held about a guest.
        EraseGuests = "erase_guests",
        /// Fetch all that is held about a guest.
        ExportGuests = "export_guests",
        /// Tell who stays, when and in which room.
        ManageStays = "manage_stays",
        /// To opt out must be easy: whoever talks with guests may write it down.
        ChangeConsent = "change_consent",
        /// Fetch a file.
        ReadMedia = "read_media",
        ReadTemplates = "read_templates",
        ManageTemplates = "manage_templates",
        ReadProperty = "read_property",
        ChangeProperty = "change_property",
        ManageConnections = "manage_connections",
        /// Tell where events are delivered to. A partner's token sees what it made itself.
        ManageSubscriptions = "manage_subscriptions",
        /// Accounts of people, their passwords too.
        ManagePeople = "manage_people",
        ManageTokens = "manage_tokens",
        /// Who did what.
        ReadAudit = "read_audit",
    }
}

/// What of an API token's scopes a right needs.
#[derive(Clone, Copy)]
enum Asks {
    Nothing,
    One(Scope),
    /// Whoever gives rights to others must have them all, or a narrow token could make a wide one.
    All,
}

impl Right {
    /// The one table of roles.
    const fn is_of(self, role: Role) -> bool {
        match self {
            Self::SeeOneself | Self::ReadProperty | Self::ReadMedia => {
                matches!(role, Role::Staff | Role::Admin | Role::Partner)
            }
            Self::ManageOwnAccount
            | Self::SendMessages
            | Self::ReadConversations
            | Self::ResolveConversations
            | Self::AssignConversations
            | Self::ReadGuests
            | Self::ReadAnalytics
            | Self::ReadEvents
            | Self::ChangeGuests
            | Self::ChangeConsent
            | Self::ReadTemplates => matches!(role, Role::Staff | Role::Admin),
            Self::ManageStays | Self::ManageSubscriptions => matches!(role, Role::Admin | Role::Partner),
            Self::ManageTemplates
            | Self::ChangeProperty
            | Self::ImportGuests
            | Self::EraseGuests
            | Self::ExportGuests
            | Self::ManageConnections
            | Self::ManagePeople
            | Self::ManageTokens
            | Self::ReadAudit => matches!(role, Role::Admin),
        }
    }

    const fn asks_for(self, scope: Scope) -> bool {
        matches!(self.asks(), Asks::One(asked) if asked as u16 == scope as u16)
    }

    /// The one table of scopes.
    const fn asks(self) -> Asks {
        match self {
            Self::SeeOneself | Self::ManageOwnAccount | Self::ReadProperty => Asks::Nothing,
            Self::SendMessages
            | Self::ReadConversations
            | Self::ResolveConversations
            | Self::AssignConversations => Asks::One(Scope::Messages),
            Self::ReadGuests
            | Self::ChangeGuests
            | Self::ImportGuests
            | Self::EraseGuests
            | Self::ExportGuests
            | Self::ChangeConsent => Asks::One(Scope::Guests),
            Self::ManageStays => Asks::One(Scope::Stays),
            Self::ReadMedia => Asks::One(Scope::Media),
            Self::ReadTemplates | Self::ManageTemplates => Asks::One(Scope::Templates),
            Self::ReadAnalytics => Asks::One(Scope::Analytics),
            Self::ReadEvents | Self::ManageSubscriptions => Asks::One(Scope::Webhooks),
            Self::ChangeProperty | Self::ManageConnections => Asks::One(Scope::Settings),
            // The trail tells of every part of the hotel.
            Self::ManagePeople | Self::ManageTokens | Self::ReadAudit => Asks::All,
        }
    }

    /// Whether it is about an account, which an API token does not have.
    const fn is_personal(self) -> bool {
        match self {
            Self::ManageOwnAccount => true,
            Self::SeeOneself
            | Self::SendMessages
            | Self::ReadConversations
            | Self::ResolveConversations
            | Self::AssignConversations
            | Self::ReadGuests
            | Self::ReadAnalytics
            | Self::ReadEvents
            | Self::ChangeGuests
            | Self::ImportGuests
            | Self::EraseGuests
            | Self::ExportGuests
            | Self::ManageStays
            | Self::ChangeConsent
            | Self::ReadMedia
            | Self::ReadTemplates
            | Self::ManageTemplates
            | Self::ReadProperty
            | Self::ChangeProperty
            | Self::ManageConnections
            | Self::ManageSubscriptions
            | Self::ManagePeople
            | Self::ManageTokens
            | Self::ReadAudit => false,
        }
    }

    /// The roles that have it.
    pub fn roles(self) -> impl Iterator<Item = Role> {
        Role::ALL.iter().copied().filter(move |role| self.is_of(*role))
    }
}

impl Scope {
    /// Whether it holds anything that the role may do.
    pub fn is_for(self, role: Role) -> bool {
        Right::ALL.iter().any(|right| right.is_of(role) && right.asks_for(self))
    }
}

/// A set of scopes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Scopes(u16);

impl Scopes {
    pub const fn contains(self, scope: Scope) -> bool {
        self.0 & Self::bit(scope) != 0
    }

    const fn bit(scope: Scope) -> u16 {
        1 << scope as u16
    }

    /// In the order of the declaration.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.iter().copied().filter(move |scope| self.contains(*scope))
    }

    /// What a token has for which nobody named any: all that is for its role, but for a vendor the files of
    /// guests, which are given by name only.
    pub fn of_role(role: Role) -> Self {
        let by_name_only = |scope: Scope| match role {
            Role::Staff | Role::Admin => false,
            Role::Partner => scope == Scope::Media,
        };
        Scope::ALL.iter().copied().filter(|scope| scope.is_for(role) && !by_name_only(*scope)).collect()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | Self::bit(scope)))
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Scope::as_str)).finish()
    }
}

/// What somebody was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grant {
    Person(StaffRole),
    Token(Role, Scopes),
}

/// Why somebody may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lacks {
    /// The role does not have the right.
    Role,
    /// The token was made without this scope.
    Scope(Scope),
    /// The token was made with some scopes only, and it takes all.
    AllScopes,
    /// It takes a person who is signed in.
    Person,
}

impl Grant {
    pub fn role(self) -> Role {
        match self {
            Self::Person(role) => role.into(),
            Self::Token(role, _) => role,
        }
    }

    /// # Errors
    /// What is lacking.
    pub fn check(self, right: Right) -> Result<(), Lacks> {
        if !right.is_of(self.role()) {
            return Err(Lacks::Role);
        }
        let Self::Token(_, scopes) = self else { return Ok(()) };
        if right.is_personal() {
            return Err(Lacks::Person);
        }
        match right.asks() {
            Asks::Nothing => Ok(()),
            Asks::One(scope) if scopes.contains(scope) => Ok(()),
            Asks::One(scope) => Err(Lacks::Scope(scope)),
            Asks::All if scopes == Scopes::of_role(self.role()) => Ok(()),
            Asks::All => Err(Lacks::AllScopes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(role: Role, scopes: &[Scope]) -> Grant {
        Grant::Token(role, scopes.iter().copied().collect())
    }

    fn whole(role: Role) -> Grant {
        Grant::Token(role, Scopes::of_role(role))
    }

    #[test]
    fn a_scope_narrows_and_never_widens() {
        let narrow = token(Role::Admin, &[Scope::Stays]);
        assert_eq!(narrow.check(Right::ManageStays), Ok(()));
        assert_eq!(narrow.check(Right::ReadProperty), Ok(()));
        assert_eq!(narrow.check(Right::SendMessages), Err(Lacks::Scope(Scope::Messages)));
        assert_eq!(token(Role::Staff, Scope::ALL).check(Right::ManageStays), Err(Lacks::Role));
    }

    #[test]
    fn a_token_without_named_scopes_has_its_role() {
        for right in Right::ALL.iter().filter(|right| !right.is_personal()) {
            assert_eq!(whole(Role::Admin).check(*right), Grant::Person(StaffRole::Admin).check(*right));
            assert_eq!(whole(Role::Staff).check(*right), Grant::Person(StaffRole::Staff).check(*right));
        }
        assert!(Scope::Stays.is_for(Role::Partner) && !Scope::Messages.is_for(Role::Partner));
    }

    #[test]
    fn who_has_a_part_only_gives_nothing_away() {
        for right in [Right::ManagePeople, Right::ManageTokens, Right::ReadAudit] {
            assert_eq!(token(Role::Admin, &[Scope::Settings]).check(right), Err(Lacks::AllScopes));
            assert_eq!(whole(Role::Admin).check(right), Ok(()));
            assert_eq!(Grant::Person(StaffRole::Admin).check(right), Ok(()));
            assert_eq!(Grant::Person(StaffRole::Staff).check(right), Err(Lacks::Role));
        }
    }

    #[test]
    fn a_vendor_is_given_files_by_name_only() {
        assert_eq!(whole(Role::Partner).check(Right::ReadMedia), Err(Lacks::Scope(Scope::Media)));
        assert_eq!(whole(Role::Partner).check(Right::ManageStays), Ok(()));
        assert_eq!(token(Role::Partner, &[Scope::Media]).check(Right::ReadMedia), Ok(()));
    }

    #[test]
    fn only_people_have_accounts() {
        let right = Right::ManageOwnAccount;
        assert_eq!(whole(Role::Admin).check(right), Err(Lacks::Person));
        assert_eq!(whole(Role::Partner).check(right), Err(Lacks::Role));
        assert_eq!(Grant::Person(StaffRole::Staff).check(right), Ok(()));
    }

    #[test]
    fn sets_hold_what_was_put_in() {
        let some: Scopes = [Scope::Webhooks, Scope::Messages, Scope::Webhooks].into_iter().collect();
        assert_eq!(some.iter().collect::<Vec<_>>(), [Scope::Messages, Scope::Webhooks]);
        assert!(!some.contains(Scope::Stays));
        assert_eq!(format!("{some:?}"), r#"{"messages", "webhooks"}"#);
    }
}
