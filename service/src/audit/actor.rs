//! Who did something.

use bellhop_domain::audit::{ActorId, ActorKind};
use bellhop_domain::rights::Role;
use bellhop_entity::{api_token, staff};
use sea_orm::sea_query::{Expr, SelectStatement};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect, QueryTrait};

use crate::auth::{Caller, Who};

/// Who did something.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Actor {
    Caller(Caller),
    /// A command of the binary, such as `create-admin`.
    Operator(&'static str),
}

impl From<&Caller> for Actor {
    fn from(caller: &Caller) -> Self {
        Self::Caller(*caller)
    }
}

impl Actor {
    pub fn kind(self) -> ActorKind {
        match self {
            Self::Caller(Caller { who: Who::Person { .. }, .. }) => ActorKind::Staff,
            Self::Caller(Caller { who: Who::Program { .. }, .. }) => ActorKind::Token,
            Self::Operator(_) => ActorKind::Operator,
        }
    }

    pub fn id(self) -> Option<ActorId> {
        match self {
            Self::Caller(Caller { who: Who::Person { staff, .. }, .. }) => Some(ActorId::Staff(staff)),
            Self::Caller(Caller { who: Who::Program { token, .. }, .. }) => Some(ActorId::Token(token)),
            Self::Operator(_) => None,
        }
    }

    pub fn role(self) -> Option<Role> {
        match self {
            Self::Caller(caller) => Some(caller.role()),
            Self::Operator(_) => None,
        }
    }

    /// Read by the statement that writes the entry, which costs a hot send no other round trip.
    pub fn name(self) -> Expr {
        let of = |name: SelectStatement| Expr::SubQuery(None, Box::new(name.into()));
        match self.id() {
            Some(ActorId::Staff(id)) => {
                let person = staff::Entity::find().select_only().column(staff::Column::Name);
                of(person.filter(staff::Column::Id.eq(id)).into_query())
            }
            Some(ActorId::Token(id)) => {
                let token = api_token::Entity::find().select_only().column(api_token::Column::Name);
                of(token.filter(api_token::Column::Id.eq(id)).into_query())
            }
            None => match self {
                Self::Operator(command) => Expr::value(command),
                Self::Caller(_) => Expr::value(""),
            },
        }
    }
}
