//! Signing in and out.

use std::time::{Duration, Instant};

use bellhop_domain::audit::AuditAction;
use bellhop_domain::problem::Problem;
use bellhop_domain::rights::{Right, Role};
use bellhop_domain::{PropertyId, Secret, SessionId, StaffId};
use bellhop_entity::{property, session, staff};
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::json;

use super::token::TokenView;
use super::{Caller, SESSION_PREFIX, Who, hash, new_token};
use crate::address::Address;
use crate::allowance::{Allowances, Quota};
use crate::app::App;
use crate::audit::{self, Actor, Entry};
use crate::error::{Error, Result};
use crate::event::Scope;
use crate::staff::{StaffView, lock};

/// A working day with what comes before and after it. It does not grow with use: nothing is written for it.
const SESSION: TimeDelta = TimeDelta::hours(12);

/// Hotels at which one address is tried when none is named.
const HOTELS_MAX: u64 = 5;

/// A refusal is told on the full second, so that its time does not tell how many accounts there are.
const TICK: Duration = Duration::from_secs(1);

/// Wrong passwords of one account, wherever they come from.
const PER_ACCOUNT: Quota = Quota { burst: 10, every: Duration::from_secs(60) };
/// Wrong passwords from one address, which may be a whole front desk's.
const PER_ADDRESS: Quota = Quota { burst: 30, every: Duration::from_secs(10) };
/// Anything without a valid token or signature from one address: costs little, and may be a misguided program.
const KNOCKS: Quota = Quota { burst: 1_000, every: Duration::from_millis(50) };

const REMEMBERED: usize = 10_000;

/// How often strangers may try.
pub(crate) struct Doors {
    accounts: Allowances<String>,
    addresses: Allowances<Address>,
    knocks: Allowances<Address>,
}

impl Default for Doors {
    fn default() -> Self {
        Self {
            accounts: Allowances::new(PER_ACCOUNT, REMEMBERED),
            addresses: Allowances::new(PER_ADDRESS, REMEMBERED),
            knocks: Allowances::new(KNOCKS, REMEMBERED),
        }
    }
}

impl Doors {
    /// Counts a try as wrong until it proves right, so that many at once are no way around.
    pub fn try_account(&self, account: &str, from: Option<Address>) -> Result<()> {
        if let Some(from) = from {
            self.addresses.take(&from).map_err(too_many)?;
        }
        self.accounts.take(&account.to_owned()).map_err(|wait| {
            // The account's is no fault of everybody else who comes from there.
            if let Some(from) = from {
                self.addresses.give_back(&from);
            }
            too_many(wait)
        })
    }

    pub fn was_right(&self, account: &str, from: Option<Address>) {
        if let Some(from) = from {
            self.addresses.give_back(&from);
        }
        self.accounts.give_back(&account.to_owned());
    }
}

fn too_many(wait: Duration) -> Error {
    let message = "There were too many tries that failed. Wait before you try again.";
    Error::with(Problem::RateLimitExceeded, message, json!({"retry_after": wait.as_secs() + 1}))
}

/// By what somebody signs in.
#[derive(Debug, Clone)]
pub struct SignIn {
    pub email: String,
    pub password: Secret,
    /// Needed only by who works at several hotels under one address and with one password.
    pub property_id: Option<PropertyId>,
    /// Where the request comes from, where that is known.
    pub from: Option<Address>,
}

/// A session that has begun.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// Shown this once.
    pub token: Secret,
    pub expires_at: DateTime<Utc>,
    pub property_id: PropertyId,
    pub person: StaffView,
}

/// Who the caller is.
#[derive(Debug, Clone)]
pub struct Me {
    pub property_id: PropertyId,
    pub role: Role,
    pub rights: Vec<Right>,
    pub who: Myself,
}

#[derive(Debug, Clone)]
pub enum Myself {
    Person { person: StaffView, session_ends_at: DateTime<Utc> },
    Program(TokenView),
}

impl App {
    /// Whether this address may ask without having shown who it is.
    ///
    /// # Errors
    /// `RATE_LIMIT_EXCEEDED` after too many requests that were refused for that.
    pub fn may_knock(&self, from: Address) -> Result<()> {
        self.doors.knocks.check(&from).map_err(too_many)
    }

    /// Counts a request that did not show who it is.
    pub fn knocked(&self, from: Address) {
        // What is beyond the allowance is refused before it comes here.
        let _ = self.doors.knocks.take(&from);
    }

    /// Begins a session. Every refusal but that of too many tries is the same, and takes as long.
    pub async fn sign_in(&self, wish: SignIn) -> Result<SignedIn> {
        let began = Instant::now();
        let account = wish.email.trim().to_lowercase();
        self.doors.try_account(&account, wish.from)?;
        // What was not compared was not wrong: when too much is going on, nobody is locked out for that.
        let fitting = self
            .accounts_that_fit(&account, &wish)
            .await
            .inspect_err(|_| self.doors.was_right(&account, wish.from))?;
        let refused = match fitting.as_slice() {
            [one] => match self.open_session(one).await? {
                Some(signed_in) => {
                    self.doors.was_right(&account, wish.from);
                    return Ok(signed_in);
                }
                None => Error::of(Problem::SignInRefused),
            },
            [] => Error::of(Problem::SignInRefused),
            several => {
                self.doors.was_right(&account, wish.from);
                return Err(self.which_hotel(several).await?);
            }
        };
        tokio::time::sleep(until_tick(began.elapsed())).await;
        Err(refused)
    }

    async fn accounts_that_fit(&self, account: &str, wish: &SignIn) -> Result<Vec<staff::Model>> {
        use staff::Column;
        let mut query = staff::Entity::find()
            .filter(Column::EmailKey.eq(account))
            .filter(Column::DisabledAt.is_null())
            .filter(Column::PasswordHash.is_not_null());
        if let Some(property) = wish.property_id {
            query = query.filter(Column::PropertyId.eq(property));
        }
        let found = query.order_by_asc(Column::Id).limit(HOTELS_MAX).all(self.db.reader()).await?;
        let hashes = found.iter().filter_map(|person| person.password_hash.clone()).collect();
        let fits = self.passwords.compare(&wish.password, hashes).await?;
        Ok(found.into_iter().zip(fits).filter(|(_, fits)| *fits).map(|(person, _)| person).collect())
    }

    /// `None` when the account was changed while its password was computed.
    async fn open_session(&self, seen: &staff::Model) -> Result<Option<SignedIn>> {
        let tx = self.db.begin().await?;
        let person = lock(&tx, seen.property_id, seen.id).await?;
        if person.disabled_at.is_some() || person.password_hash != seen.password_hash {
            return Ok(None);
        }
        let scope = Scope { property: person.property_id, at: self.now() };
        let actor = Actor::Person(person.id, person.role);
        audit::record(&tx, scope, actor, Entry::of(AuditAction::SignedIn, person.id)).await?;
        let signed_in = begin(&tx, person, scope.at).await?;
        tx.commit().await?;
        tracing::info!(staff = %seen.id, "signed in");
        Ok(Some(signed_in))
    }

    /// The password was right, so the hotels may be named.
    async fn which_hotel(&self, accounts: &[staff::Model]) -> Result<Error> {
        let ids = accounts.iter().map(|person| person.property_id);
        let hotels = property::Entity::find().filter(property::Column::Id.is_in(ids)).all(self.db.reader());
        let hotels: Vec<_> = hotels
            .await?
            .into_iter()
            .map(|hotel| json!({"property_id": hotel.id, "name": hotel.name}))
            .collect();
        let reason = "is required: you work at several hotels with this address and password";
        let details = json!({"field": "property_id", "reason": reason, "properties": hotels});
        Ok(Error::with(Problem::ValidationFailed, format!("property_id: {reason}"), details))
    }

    /// Ends the caller's session.
    pub async fn sign_out(&self, caller: &Caller) -> Result<()> {
        caller.require(Right::ManageOwnAccount)?;
        let Who::Person { session, staff, .. } = caller.who else { return Ok(()) };
        let scope = Scope { property: caller.property_id, at: self.now() };
        let tx = self.db.begin().await?;
        // Another request may have ended it in this moment.
        if session::Entity::delete_by_id(session).exec(&tx).await?.rows_affected == 1 {
            audit::record(&tx, scope, caller, Entry::of(AuditAction::SignedOut, staff)).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    pub async fn me(&self, caller: &Caller) -> Result<Me> {
        caller.require(Right::SeeOneself)?;
        let who = match caller.who {
            Who::Person { staff, session, .. } => {
                let session = session::Entity::find_by_id(session).one(self.db.reader()).await?;
                let session = session.ok_or_else(|| Error::of(Problem::Unauthenticated))?;
                let person = self.person_of(caller.property_id, staff).await?;
                Myself::Person { person, session_ends_at: session.expires_at }
            }
            Who::Program { token, .. } => Myself::Program(self.token(caller, token).await?.into()),
        };
        let rights = Right::ALL.iter().copied().filter(|right| caller.grant().check(*right).is_ok());
        Ok(Me { property_id: caller.property_id, role: caller.role(), rights: rights.collect(), who })
    }
}

/// Begins a session of a person whose row is locked.
pub(crate) async fn begin(
    tx: &DatabaseTransaction,
    person: staff::Model,
    now: DateTime<Utc>,
) -> Result<SignedIn> {
    let token = new_token(SESSION_PREFIX);
    let row = session::Model {
        id: SessionId::new(),
        staff_id: person.id,
        token_hash: hash(token.expose()),
        created_at: now,
        expires_at: now + SESSION,
    };
    let expires_at = row.expires_at;
    session::Entity::insert(session::ActiveModel::from(row)).exec_without_returning(tx).await?;
    Ok(SignedIn { token, expires_at, property_id: person.property_id, person: person.into() })
}

/// Ends all sessions of a person.
pub(crate) async fn end_all(tx: &DatabaseTransaction, person: StaffId) -> Result<()> {
    session::Entity::delete_many().filter(session::Column::StaffId.eq(person)).exec(tx).await?;
    Ok(())
}

/// Removes the sessions whose time has come.
pub(crate) async fn forget_ended(tx: &DatabaseTransaction, now: DateTime<Utc>) -> Result<u64> {
    let ended = session::Entity::delete_many().filter(session::Column::ExpiresAt.lte(now));
    Ok(ended.exec(tx).await?.rows_affected)
}

fn until_tick(elapsed: Duration) -> Duration {
    let into = Duration::from_nanos((elapsed.as_nanos() % TICK.as_nanos()) as u64);
    TICK - into
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_come_on_the_full_second() {
        for (elapsed, wait) in [(40, 960), (400, 600), (999, 1), (1_000, 1_000), (1_300, 700)] {
            assert_eq!(until_tick(Duration::from_millis(elapsed)), Duration::from_millis(wait));
        }
    }
}
