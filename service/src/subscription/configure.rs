//! Making a subscription.

use std::collections::BTreeSet;

use bellhop_domain::audit::AuditAction;
use bellhop_domain::event::EventType;
use bellhop_domain::problem::Problem;
use bellhop_domain::rights::Right;
use bellhop_domain::signing::SigningSecret;
use bellhop_domain::subscription::{RetryConfig, SUBSCRIPTIONS_MAX, SubscriptionStatus, Verification};
use bellhop_domain::{Secret, SubscriptionId};
use bellhop_entity::subscription;
use sea_orm::ActiveValue::Set;
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter};

use super::prove::Claim;
use super::stop::tell;
use super::view::SubscriptionView;
use super::{of_property, trail};
use crate::app::App;
use crate::audit::{self, Entry};
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::event::Scope;
use crate::idempotency::IdempotencyKey;
use crate::{failpoint, keys};

const VERIFY_TOKEN_MAX: usize = 255;

/// A webhook as a partner or an admin gives it.
#[derive(Debug, Clone)]
pub struct SubscriptionDraft {
    pub webhook_url: String,
    pub events: Vec<EventType>,
    pub verify_token: String,
    pub retry_config: Option<RetryConfig>,
    /// Whether a conversation's events keep their order.
    pub ordered: bool,
    pub idempotency_key: Option<IdempotencyKey>,
}

/// A webhook that was configured.
#[derive(Debug, Clone)]
pub struct Configured {
    pub view: SubscriptionView,
    /// Shown this once; `None` in the answer to a repeat.
    pub signing_secret: Option<Secret>,
}

impl App {
    /// Makes a subscription once its URL is proven. It begins with what is committed after that.
    pub async fn configure_webhook(
        &self,
        caller: &Caller,
        mut draft: SubscriptionDraft,
    ) -> Result<Configured> {
        caller.require(Right::ManageSubscriptions)?;
        let key = draft.idempotency_key.take();
        if let Some(key) = &key
            && let Some(id) = key.find::<SubscriptionId>(self.db.reader(), caller, self.now()).await?
        {
            return Ok(Configured { view: self.subscription(caller, id).await?, signing_secret: None });
        }
        let verify_token = read_verify_token(&draft.verify_token)?;
        draft.events = read_events(&draft.events)?;
        self.check_url(&draft.webhook_url)?;
        self.check_room(caller).await?;
        let secret = SigningSecret::new(rand::random());
        let claim = Claim { url: &draft.webhook_url, verify_token: &verify_token, secret: &secret };
        let verification = self.prove_url(caller, &claim).await?;
        failpoint::here("subscription_proven");
        let row = self.subscription_row(caller, &draft, (verification, &verify_token, &secret));
        let row = self.store_subscription(caller, row, key).await?;
        Ok(Configured { view: row.try_into()?, signing_secret: Some(secret.text().clone()) })
    }

    async fn check_room(&self, caller: &Caller) -> Result<()> {
        let taken = subscription::Entity::find()
            .filter(of_property(caller.property_id))
            .count(self.db.reader())
            .await?;
        if taken >= SUBSCRIPTIONS_MAX { Err(Error::of(Problem::SubscriptionsFull)) } else { Ok(()) }
    }

    /// Its secrets are still to be sealed, in the transaction that holds the keys.
    fn subscription_row<'a>(
        &self,
        caller: &Caller,
        draft: &SubscriptionDraft,
        (verification, verify_token, secret): (Verification, &'a Secret, &'a SigningSecret),
    ) -> (subscription::Model, &'a Secret, &'a SigningSecret) {
        let now = self.now();
        let row = subscription::Model {
            id: SubscriptionId::new(),
            property_id: caller.property_id,
            created_by: caller.uuid(),
            url: draft.webhook_url.clone(),
            events: serde_json::json!(draft.events),
            verification,
            status: SubscriptionStatus::Active,
            ordered: draft.ordered,
            max_retries: draft.retry_config.map(|config| config.max_retries().into()),
            retry_delay_ms: draft.retry_config.and_then(|config| config.retry_delay().try_into().ok()),
            secret: Vec::new(),
            former_secret: Vec::new(),
            verify_token: Vec::new(),
            former_secret_until: None,
            begins_after: bellhop_domain::EventId::new(),
            cursor: None,
            replay_after: None,
            replay_to: None,
            asked_again: 0,
            failing_since: None,
            failures: 0,
            delivered_at: None,
            created_at: now,
            updated_at: now,
            removed_at: None,
        };
        (row, verify_token, secret)
    }

    async fn store_subscription(
        &self,
        caller: &Caller,
        (mut row, verify_token, secret): (subscription::Model, &Secret, &SigningSecret),
        key: Option<IdempotencyKey>,
    ) -> Result<subscription::Model> {
        let scope = Scope { property: caller.property_id, at: row.created_at };
        let tx = self.db.begin().await?;
        keys::hold(&tx).await?;
        // Whatever is in the log before this event was committed before the subscription.
        row.begins_after = tell(&tx, scope, &row, None).await?;
        let id = row.id;
        let stored = row.clone();
        let mut new = row.into_active_model().reset_all();
        new.secret = self.seal_for(id, "secret", secret.text());
        new.verify_token = self.seal_for(id, "verify_token", verify_token);
        new.former_secret = Set(Vec::new());
        subscription::Entity::insert(new).exec_without_returning(&tx).await?;
        let entry = Entry::of(AuditAction::SubscriptionCreated, id).made(trail::told(&stored));
        audit::record(&tx, scope, caller, entry).await?;
        if let Some(key) = key
            && !key.take(&tx, caller, id.uuid(), scope.at).await?
        {
            tx.rollback().await?;
            return Err(Error::of(Problem::IdempotencyKeyInFlight));
        }
        failpoint::here("subscription_before_commit");
        tx.commit().await?;
        self.deliveries.changed();
        Ok(stored)
    }
}

pub(super) fn read_verify_token(given: &str) -> Result<Secret> {
    let good = !given.is_empty() && given.len() <= VERIFY_TOKEN_MAX && given.chars().all(|c| !c.is_control());
    if good {
        Ok(Secret::new(given))
    } else {
        let what = format_args!("must have 1 to {VERIFY_TOKEN_MAX} printable characters");
        Err(Error::field("verify_token", what))
    }
}

/// Each once, in the order of their declaration.
pub(super) fn read_events(given: &[EventType]) -> Result<Vec<EventType>> {
    if given.is_empty() {
        return Err(Error::field("events", "must name at least one kind of event"));
    }
    let wanted: BTreeSet<&str> = given.iter().map(|event| event.as_str()).collect();
    Ok(EventType::ALL.iter().copied().filter(|event| wanted.contains(event.as_str())).collect())
}
