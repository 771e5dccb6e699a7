//! A person as the API shows them, and as admins give them.

use bellhop_domain::rights::StaffRole;
use bellhop_domain::{Secret, StaffId};
use bellhop_service::idempotency::IdempotencyKey;
use bellhop_service::staff::{StaffChange, StaffDraft, StaffView};
use poem_openapi::payload::Json;
use poem_openapi::types::Example;
use poem_openapi::{ApiResponse, Object};

use crate::types::{Nullable, Timestamp};

/// A person who works at the hotel.
#[derive(Debug, Object)]
pub struct StaffMember {
    /// Stands in the messages that they send.
    staff_member_id: StaffId,
    name: String,
    email: String,
    role: StaffRole,
    departments: Vec<String>,
    languages: Vec<String>,
    /// Without one they cannot sign in until an admin sets it.
    has_password: bool,
    disabled: bool,
    disabled_at: Nullable<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<StaffView> for StaffMember {
    fn from(view: StaffView) -> Self {
        Self {
            staff_member_id: view.staff_id,
            name: view.name,
            email: view.email,
            role: view.role,
            departments: view.departments,
            languages: view.languages,
            has_password: view.has_password,
            disabled: view.disabled_at.is_some(),
            disabled_at: Nullable::from(view.disabled_at),
            created_at: view.created_at.into(),
            updated_at: view.updated_at.into(),
        }
    }
}

/// A person to be added.
#[derive(Debug, Object)]
#[oai(example)]
pub struct AddStaffMember {
    #[oai(validator(max_length = 100))]
    name: String,
    /// By which they sign in; once per hotel, whatever its case.
    #[oai(validator(max_length = 254))]
    email: String,
    role: StaffRole,
    #[oai(default)]
    departments: Vec<String>,
    /// Codes, such as en or he.
    #[oai(default)]
    languages: Vec<String>,
    /// At least 12 characters. It can be set later.
    password: Option<String>,
}

impl Example for AddStaffMember {
    fn example() -> Self {
        Self {
            name: "Dana Levi".to_owned(),
            email: "dana@hotel.example".to_owned(),
            role: StaffRole::Staff,
            departments: vec!["front_desk".to_owned()],
            languages: vec!["he".to_owned(), "en".to_owned()],
            password: None,
        }
    }
}

impl AddStaffMember {
    pub fn draft(self, idempotency_key: Option<IdempotencyKey>) -> StaffDraft {
        StaffDraft {
            name: self.name,
            email: self.email,
            role: self.role,
            departments: self.departments,
            languages: self.languages,
            password: self.password.map(Secret::new),
            idempotency_key,
        }
    }
}

/// What to change. A field that is absent or `null` stays as it is.
#[derive(Debug, Object)]
pub struct ChangeStaffMember {
    #[oai(validator(max_length = 100))]
    name: Option<String>,
    #[oai(validator(max_length = 254))]
    email: Option<String>,
    /// Another one ends their sessions.
    role: Option<StaffRole>,
    departments: Option<Vec<String>>,
    languages: Option<Vec<String>>,
    /// `true` ends their sessions, and they cannot sign in any more; their name stays with what they wrote.
    disabled: Option<bool>,
}

impl From<ChangeStaffMember> for StaffChange {
    fn from(body: ChangeStaffMember) -> Self {
        Self {
            name: body.name,
            email: body.email,
            role: body.role,
            departments: body.departments,
            languages: body.languages,
            disabled: body.disabled,
        }
    }
}

/// A password.
#[derive(Debug, Object)]
pub struct SetPassword {
    /// At least 12 characters.
    pub password: String,
}

#[derive(ApiResponse)]
pub enum Added {
    /// The person was added
    #[oai(status = 201)]
    Created(
        Json<StaffMember>,
        /// Where the person is
        #[oai(header = "Location")]
        String,
    ),
}

#[derive(ApiResponse)]
pub enum PasswordSet {
    /// The password was set, and their sessions have ended
    #[oai(status = 204)]
    Done,
}
