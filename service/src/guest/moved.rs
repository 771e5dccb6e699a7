//! A guest who has a new number, or a new user id: the identity follows.
//!
//! Webhooks come in any order. What is left keeps the time at which it was left, so that a message from before
//! is still that guest's, and news of an older change takes nothing back.

use bellhop_domain::guest::{Identifier, IdentifierKind};
use bellhop_domain::inbound::{NewIdentity, Sender};
use bellhop_domain::{GuestId, PhoneNumber};
use bellhop_entity::guest_identifier::{self as identifier, Column};
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, SimpleExpr};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder,
    UpdateMany,
};

use super::identity::{self, Facts};
use super::merge;
use crate::error::Result;
use crate::event::Scope;

/// How far the provider's clock and ours may be apart.
const CLOCKS: TimeDelta = TimeDelta::minutes(1);

/// Who had one of these at `said` and has left it since.
pub(super) async fn left_by(
    db: &impl ConnectionTrait,
    scope: Scope,
    told: &[Identifier],
    said: DateTime<Utc>,
) -> Result<Option<GuestId>> {
    let keys = told.iter().filter(|id| id.kind() != IdentifierKind::Username).map(Identifier::match_key);
    let rows = identifier::Entity::find()
        // As its index is written, or SQLite does not see that it fits.
        .filter(Expr::cust("left_at IS NOT NULL"))
        .filter(Column::LeftAt.gte(said))
        .filter(Column::MatchKey.is_in(keys))
        .filter(Column::PropertyId.eq(scope.property))
        // A number goes from hand to hand: the one who left it first after that moment had it then.
        .order_by_asc(Column::LeftAt)
        .all(db)
        .await?;
    let of_kind = |bsuid: bool| rows.iter().find(|row| (row.kind == IdentifierKind::Bsuid) == bsuid);
    Ok(of_kind(true).or_else(|| of_kind(false)).map(|row| row.guest_id))
}

/// A sender without what the guest has left, at `since` or later: an answer or a status that is late speaks of
/// who the guest was.
pub(super) async fn without_left(
    db: &impl ConnectionTrait,
    guest: GuestId,
    sender: &Sender,
    since: Option<DateTime<Utc>>,
) -> Result<Sender> {
    let mut left =
        identifier::Entity::find().filter(Column::GuestId.eq(guest)).filter(Column::LeftAt.is_not_null());
    if let Some(since) = since {
        left = left.filter(Column::LeftAt.gte(since));
    }
    let left = left.all(db).await?;
    let is_left =
        |new: Identifier| left.iter().any(|row| row.kind == new.kind() && row.match_key == new.match_key());
    let mut sender = sender.clone();
    sender.wa_id.take_if(|wa_id| is_left(Identifier::WaId(wa_id.clone())));
    sender.bsuid.take_if(|bsuid| is_left(Identifier::Bsuid(bsuid.clone())));
    Ok(sender)
}

/// The guest behind `old`, who is `new` since `at`. Locked.
///
/// Whoever has the new number or user id already is the same person, who wrote before this news came, unless
/// another user id says otherwise: then the number has changed hands, and is taken from them.
pub(crate) async fn follow_move(
    tx: &DatabaseTransaction,
    scope: Scope,
    (old, new): (&Sender, &NewIdentity),
    at: DateTime<Utc>,
) -> Result<GuestId> {
    let new = Sender { wa_id: new.wa_id.clone(), bsuid: new.bsuid.clone(), ..Sender::default() };
    lock_all(tx, scope, &[(old, at), (&new, at)]).await?;
    let mut guest = identity::learn(tx, scope, old, at).await?;
    leave(tx, scope, guest, (old, &new), at).await?;
    let facts = Facts::find(tx, scope, &new, at).await?;
    for other in [facts.by_bsuid(), facts.by_number(), facts.left_by].into_iter().flatten() {
        if other == guest {
            continue;
        }
        match number_key(&new) {
            Some(key)
                if is_another(tx, other, &new).await?
                    || wrote_before(tx, other, (&new, &key), at).await? =>
            {
                take(tx, scope, other, (&key, at)).await?;
            }
            Some(_) | None => guest = merge::join(tx, scope, guest, other).await?,
        }
    }
    // What the guest has left since then is not taken up again.
    let new = without_left(tx, guest, &new, Some(at)).await?;
    let facts = Facts::find(tx, scope, &new, scope.at).await?;
    facts.add_to(tx, scope, guest, |_| true).await?;
    Ok(guest)
}

/// Locks everybody who may be concerned, in the order of their ids, as everybody locks them.
pub(crate) async fn lock_all(
    tx: &DatabaseTransaction,
    scope: Scope,
    senders: &[(&Sender, DateTime<Utc>)],
) -> Result<()> {
    let mut all = Vec::new();
    for (sender, at) in senders {
        let facts = Facts::find(tx, scope, sender, *at).await?;
        all.extend([facts.by_bsuid(), facts.by_number(), facts.left_by].into_iter().flatten());
    }
    all.sort_unstable();
    all.dedup();
    for id in all {
        super::lock(tx, scope.property, id).await?;
    }
    Ok(())
}

/// Ends what the guest was told by until `at`.
async fn leave(
    tx: &DatabaseTransaction,
    scope: Scope,
    guest: GuestId,
    (old, new): (&Sender, &Sender),
    at: DateTime<Utc>,
) -> Result<()> {
    let mut left = Condition::any();
    if let (Some(old), Some(new)) = (number_key(old), number_key(new))
        && old != new
    {
        left = left.add(is_number().and(Column::MatchKey.eq(old)));
    }
    if let (Some(old), Some(new)) = (&old.bsuid, &new.bsuid)
        && old != new
    {
        left = left.add(Column::Kind.eq(IdentifierKind::Bsuid).and(Column::MatchKey.eq(old)));
    }
    if left.is_empty() {
        return Ok(());
    }
    let left = present(guest).filter(left).col_expr(Column::LeftAt, Expr::value(at));
    left.col_expr(Column::EndedAt, Expr::value(scope.at)).exec(tx).await?;
    Ok(())
}

/// Whether somebody is known by user ids, and the new one was never among them.
pub(super) async fn is_another(db: &impl ConnectionTrait, guest: GuestId, new: &Sender) -> Result<bool> {
    let Some(bsuid) = &new.bsuid else { return Ok(false) };
    let known = identifier::Entity::find()
        .filter(Column::GuestId.eq(guest))
        .filter(Column::Kind.eq(IdentifierKind::Bsuid))
        .all(db)
        .await?;
    Ok(!known.is_empty() && known.iter().all(|known| known.match_key != *bsuid))
}

/// Whether somebody had an account with the number before it became the guest's. Asked where the news has no user
/// id: the guest themselves wrote from the number after it became theirs.
async fn wrote_before(
    db: &impl ConnectionTrait,
    guest: GuestId,
    (new, key): (&Sender, &str),
    at: DateTime<Utc>,
) -> Result<bool> {
    if new.bsuid.is_some() {
        return Ok(false);
    }
    let known = identifier::Entity::find()
        .filter(Column::GuestId.eq(guest))
        .filter(Column::Kind.eq(IdentifierKind::WaId))
        .filter(Column::MatchKey.eq(key))
        .filter(Column::FirstSeenAt.lt(at - CLOCKS))
        .one(db)
        .await?;
    Ok(known.is_some())
}

/// Ends a number of somebody who does not have it any more, at `at` by the provider's clock.
async fn take(
    tx: &DatabaseTransaction,
    scope: Scope,
    from: GuestId,
    (key, at): (&str, DateTime<Utc>),
) -> Result<()> {
    present(from)
        .filter(is_number().and(Column::MatchKey.eq(key)))
        .col_expr(Column::LeftAt, Expr::value(at))
        .col_expr(Column::EndedAt, Expr::value(scope.at))
        .exec(tx)
        .await?;
    Ok(())
}

/// Parts the one whose user id it is from the one whose number it was: a number changes hands, a user id does not.
/// What is left of `sender` that is theirs; both are locked.
pub(super) async fn part(
    tx: &DatabaseTransaction,
    scope: Scope,
    (person, holder): (GuestId, GuestId),
    sender: &Sender,
    said: DateTime<Utc>,
) -> Result<Sender> {
    let mut both = [person, holder];
    both.sort_unstable();
    for id in both {
        super::lock(tx, scope.property, id).await?;
    }
    let facts = Facts::find(tx, scope, sender, scope.at).await?;
    // Late news of a number that is the other's by now takes nothing from them.
    let is_theirs = facts.number_is_known_since().is_none_or(|since| since < said);
    if let Some(key) = number_key(sender).filter(|_| is_theirs) {
        take(tx, scope, holder, (&key, said)).await?;
    }
    Ok(Sender { wa_id: sender.wa_id.clone().filter(|_| is_theirs), ..sender.clone() })
}

fn present(guest: GuestId) -> UpdateMany<identifier::Entity> {
    identifier::Entity::update_many().filter(Column::GuestId.eq(guest)).filter(Column::EndedAt.is_null())
}

fn is_number() -> SimpleExpr {
    Column::Kind.is_in([IdentifierKind::Phone, IdentifierKind::WaId])
}

fn number_key(sender: &Sender) -> Option<String> {
    let phone = PhoneNumber::from_wa_id(sender.wa_id.as_deref()?).ok()?;
    Some(phone.match_key())
}
