//! Signing in and out, and who one is.

use bellhop_domain::rights::{Right, Role};
use bellhop_domain::{PropertyId, Secret};
use bellhop_service::App;
use bellhop_service::auth::{Me as MeView, Myself, SignIn, SignedIn};
use poem::web::Data;
use poem_openapi::payload::Json;
use poem_openapi::types::Example;
use poem_openapi::{ApiResponse, Object, OpenApi};

use crate::Tag;
use crate::auth::{Authorized, ManageOwnAccount, SeeOneself};
use crate::body::JsonBody;
use crate::door::From as ComesFrom;
use crate::envelope::ApiError;
use crate::person::StaffMember;
use crate::tokens::Token;
use crate::types::{Nullable, Timestamp};

/// By what somebody signs in.
#[derive(Debug, Object)]
#[oai(example)]
struct Credentials {
    #[oai(validator(max_length = 254))]
    email: String,
    #[oai(validator(max_length = 512))]
    password: String,
    /// Needed only by who works at several hotels with the same address and password.
    property_id: Option<String>,
}

impl Example for Credentials {
    fn example() -> Self {
        Self {
            email: "dana@hotel.example".to_owned(),
            password: "correct horse battery staple".to_owned(),
            property_id: None,
        }
    }
}

impl Credentials {
    fn read(self, from: ComesFrom) -> Result<SignIn, ApiError> {
        let property = self.property_id.map(|id| id.parse::<PropertyId>()).transpose();
        let property_id = property.map_err(|_| ApiError::field("property_id", "is no property's id"))?;
        Ok(SignIn { email: self.email, password: Secret::new(self.password), property_id, from: from.0 })
    }
}

/// A session.
#[derive(Debug, Object)]
struct Session {
    /// Goes into the header `Authorization: Bearer …`; shown this once.
    token: String,
    /// It ends then, however much it is used.
    expires_at: Timestamp,
    property_id: PropertyId,
    staff_member: StaffMember,
}

impl From<SignedIn> for Session {
    fn from(signed_in: SignedIn) -> Self {
        Self {
            token: signed_in.token.expose().to_owned(),
            expires_at: signed_in.expires_at.into(),
            property_id: signed_in.property_id,
            staff_member: signed_in.person.into(),
        }
    }
}

#[derive(ApiResponse)]
enum Begun {
    /// Signed in
    #[oai(status = 201)]
    Created(Json<Session>),
}

#[derive(ApiResponse)]
enum Ended {
    /// Signed out
    #[oai(status = 204)]
    Done,
}

/// A new password, proven by the present one.
#[derive(Debug, Object)]
struct ChangeOwnPassword {
    #[oai(validator(max_length = 512))]
    current_password: String,
    /// At least 12 characters.
    password: String,
}

/// Who asks: a person who is signed in, or a program by its token.
#[derive(Debug, Object)]
struct Me {
    property_id: PropertyId,
    role: Role,
    /// All that this caller may do.
    rights: Vec<Right>,
    /// `null` for an API token.
    staff_member: Nullable<StaffMember>,
    session_expires_at: Nullable<Timestamp>,
    /// `null` for a person.
    token: Nullable<Token>,
}

impl From<MeView> for Me {
    fn from(me: MeView) -> Self {
        let (person, ends_at, token) = match me.who {
            Myself::Person { person, session_ends_at } => (Some(person), Some(session_ends_at), None),
            Myself::Program(token) => (None, None, Some(token)),
        };
        Self {
            property_id: me.property_id,
            role: me.role,
            rights: me.rights,
            staff_member: Nullable::from(person),
            session_expires_at: Nullable::from(ends_at),
            token: Nullable::from(token),
        }
    }
}

pub struct Sessions;

#[OpenApi(tag = "Tag::People")]
impl Sessions {
    /// Sign in
    ///
    /// Public. A session lasts 12 hours. Whatever is wrong, the answer is the same: SIGN_IN_REFUSED. After ten
    /// wrong passwords of one account in a row one more is taken each minute.
    #[oai(path = "/sessions", method = "post", operation_id = "sign_in")]
    async fn sign_in(
        &self,
        app: Data<&App>,
        from: Data<&ComesFrom>,
        body: JsonBody<Credentials>,
    ) -> Result<Begun, ApiError> {
        let signed_in = app.sign_in(body.value.read(*from.0)?).await?;
        Ok(Begun::Created(Json(signed_in.into())))
    }

    /// Sign out
    ///
    /// For people who are signed in.
    #[oai(path = "/sessions/current", method = "delete", operation_id = "sign_out")]
    async fn sign_out(&self, auth: Authorized<ManageOwnAccount>) -> Result<Ended, ApiError> {
        auth.app.sign_out(&auth.caller).await?;
        Ok(Ended::Done)
    }

    /// Who I am
    ///
    /// For every token.
    #[oai(path = "/me", method = "get", operation_id = "get_me")]
    async fn me(&self, auth: Authorized<SeeOneself>) -> Result<Json<Me>, ApiError> {
        Ok(Json(auth.app.me(&auth.caller).await?.into()))
    }

    /// Change my password
    ///
    /// For people who are signed in. All their sessions end, this one too; the answer holds a new one.
    #[oai(path = "/me/password", method = "put", operation_id = "change_own_password")]
    async fn change_password(
        &self,
        auth: Authorized<ManageOwnAccount>,
        body: JsonBody<ChangeOwnPassword>,
    ) -> Result<Json<Session>, ApiError> {
        let (current, new) = (Secret::new(body.value.current_password), Secret::new(body.value.password));
        Ok(Json(auth.app.change_own_password(&auth.caller, (&current, &new)).await?.into()))
    }
}
