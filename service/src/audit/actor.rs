//! Who did something.

use bellhop_domain::audit::{ActorId, ActorKind};
use bellhop_domain::rights::{Role, StaffRole};
use bellhop_domain::{StaffId, TokenId};
use bellhop_entity::{api_token, staff};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect, QueryTrait};

use crate::auth::{Caller, Who};

/// Who did something.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Actor {
    Person(StaffId, StaffRole),
    Program(TokenId, Role),
    /// A command of the binary, such as `create-admin`.
    Operator(&'static str),
}

impl From<&Caller> for Actor {
    fn from(caller: &Caller) -> Self {
        match caller.who {
            Who::Person { staff, role, .. } => Self::Person(staff, role),
            Who::Program { token, role, .. } => Self::Program(token, role),
        }
    }
}

impl Actor {
    pub fn kind(self) -> ActorKind {
        match self {
            Self::Person(..) => ActorKind::Staff,
            Self::Program(..) => ActorKind::Token,
            Self::Operator(_) => ActorKind::Operator,
        }
    }

    pub fn id(self) -> Option<ActorId> {
        match self {
            Self::Person(id, _) => Some(ActorId::Staff(id)),
            Self::Program(id, _) => Some(ActorId::Token(id)),
            Self::Operator(_) => None,
        }
    }

    pub fn role(self) -> Option<Role> {
        match self {
            Self::Person(_, role) => Some(role.into()),
            Self::Program(_, role) => Some(role),
            Self::Operator(_) => None,
        }
    }

    /// Read by the statement that writes the entry: a send pays for no round trip more.
    pub fn name(self) -> Expr {
        let name = match self {
            Self::Person(id, _) => {
                let person = staff::Entity::find().select_only().column(staff::Column::Name);
                person.filter(staff::Column::Id.eq(id)).into_query()
            }
            Self::Program(id, _) => {
                let token = api_token::Entity::find().select_only().column(api_token::Column::Name);
                token.filter(api_token::Column::Id.eq(id)).into_query()
            }
            Self::Operator(command) => return Expr::value(command),
        };
        Expr::SubQuery(None, Box::new(name.into()))
    }
}
