//! Who asks, and whether they may.

mod known;
mod session;
mod token;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bellhop_domain::problem::Problem;
use bellhop_domain::rights::{Grant, Lacks, Right, Role, Scopes, StaffRole};
use bellhop_domain::{PropertyId, Secret, SessionId, StaffId, TokenId};
use sea_orm::prelude::Uuid;
use serde_json::json;
use sha2::{Digest, Sha256};

pub use session::{Me, Myself, SignIn, SignedIn};
pub use token::{MadeToken, TokenDraft, TokenView};

pub(crate) use known::Uses;
pub(crate) use session::{Doors, begin, end_all, forget_ended};

use crate::error::{Error, Result};

/// Marks our API tokens, so that one which leaks is recognised for what it is.
const TOKEN_PREFIX: &str = "bhk_";
/// The same for those of sessions.
const SESSION_PREFIX: &str = "bhs_";

/// Who asks: somebody with a valid token, who belongs to one property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    pub property_id: PropertyId,
    pub who: Who,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Who is signed in.
    Person { staff: StaffId, session: SessionId, role: StaffRole },
    /// A program, by its API token.
    Program { token: TokenId, role: Role, scopes: Scopes },
}

impl Caller {
    pub fn grant(&self) -> Grant {
        match self.who {
            Who::Person { role, .. } => Grant::Person(role),
            Who::Program { role, scopes, .. } => Grant::Token(role, scopes),
        }
    }

    pub fn role(&self) -> Role {
        self.grant().role()
    }

    /// The API token; `None` of a person.
    pub fn token_id(&self) -> Option<TokenId> {
        match self.who {
            Who::Person { .. } => None,
            Who::Program { token, .. } => Some(token),
        }
    }

    /// The person; `None` of an API token.
    pub fn staff_id(&self) -> Option<StaffId> {
        match self.who {
            Who::Person { staff, .. } => Some(staff),
            Who::Program { .. } => None,
        }
    }

    /// By which a person is known from one session to the next, and a program as long as its token lives.
    pub(crate) fn uuid(&self) -> Uuid {
        match self.who {
            Who::Person { staff, .. } => staff.uuid(),
            Who::Program { token, .. } => token.uuid(),
        }
    }

    /// In whose name something is done. A person does it in their own; a program may name anybody.
    pub(crate) fn staff_member(&self, named: Option<String>) -> Result<Option<String>> {
        let Some(own) = self.staff_id().map(|id| id.to_string()) else { return Ok(named) };
        match named {
            Some(other) if other != own => {
                let message =
                    format!("You are signed in as {own}: leave staff_member_id out, or give your own.");
                Err(Error::with(Problem::Forbidden, message, json!({"staff_member_id": own})))
            }
            Some(_) | None => Ok(Some(own)),
        }
    }

    /// `FORBIDDEN` unless the caller was given the right.
    pub fn require(&self, right: Right) -> Result<()> {
        let Err(lacks) = self.grant().check(right) else { return Ok(()) };
        let message = match lacks {
            Lacks::Role => {
                let allowed: Vec<_> = right.roles().map(Role::as_str).collect();
                let details = json!({"role": self.role(), "allowed_roles": allowed});
                let allowed = allowed.join(" or ");
                let message = format!("This needs the role {allowed}; yours is {}.", self.role());
                return Err(Error::with(Problem::Forbidden, message, details));
            }
            Lacks::Scope(scope) => {
                let message = format!("This needs a token with the scope {scope}.");
                return Err(Error::with(Problem::Forbidden, message, json!({"scope": scope})));
            }
            Lacks::AllScopes => "This needs an admin, or an admin's token that was made without scopes.",
            Lacks::Person => "This is for people who are signed in; an API token has no account.",
        };
        Err(Error::because(Problem::Forbidden, message))
    }
}

/// 256 random bits as text.
pub fn random_token() -> Secret {
    Secret::new(URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()))
}

/// A new token with its mark.
fn new_token(prefix: &str) -> Secret {
    Secret::new(format!("{prefix}{}", random_token().expose()))
}

/// SHA-256 in hex.
pub(crate) fn hash(text: impl AsRef<[u8]>) -> String {
    hex(&Sha256::digest(text))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_write_in_their_own_name_and_programs_in_anybodys() {
        let (property_id, staff) = (PropertyId::new(), StaffId::new());
        let person = Who::Person { staff, session: SessionId::new(), role: StaffRole::Admin };
        let person = Caller { property_id, who: person };
        let own = Some(staff.to_string());
        assert_eq!(person.staff_member(None).unwrap(), own);
        assert_eq!(person.staff_member(own.clone()).unwrap(), own);
        let other = person.staff_member(Some("staff_456".into())).unwrap_err();
        assert_eq!(other.problem(), Problem::Forbidden);
        let scopes = Scopes::of_role(Role::Staff);
        let program = Who::Program { token: TokenId::new(), role: Role::Staff, scopes };
        let program = Caller { property_id, who: program };
        assert_eq!(program.staff_member(None).unwrap(), None);
        assert_eq!(program.staff_member(Some("staff_456".into())).unwrap().as_deref(), Some("staff_456"));
    }
}
