//! Changing a subscription: another address, other events, a pause, another secret, its end.

use bellhop_domain::Secret;
use bellhop_domain::SubscriptionId;
use bellhop_domain::audit::AuditAction;
use bellhop_domain::event::EventType;
use bellhop_domain::problem::Problem;
use bellhop_domain::rights::Right;
use bellhop_domain::signing::SigningSecret;
use bellhop_domain::subscription::{FORMER_SECRET_FOR, RetryConfig, SubscriptionStatus, Verification};
use bellhop_entity::subscription;
use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::{ActiveModelTrait, IntoActiveModel};
use serde_json::json;

use super::configure::{read_events, read_verify_token};
use super::prove::Claim;
use super::stop::tell;
use super::view::SubscriptionView;
use super::{context, find, lock, trail};
use crate::app::App;
use crate::audit::{self, Entry};
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::event::{Scope, rfc3339};
use crate::keys;

/// What to change; `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct SubscriptionChange {
    pub webhook_url: Option<String>,
    pub events: Option<Vec<EventType>>,
    pub verify_token: Option<String>,
    pub retry_config: Option<RetryConfig>,
    pub ordered: Option<bool>,
    /// Whether events are delivered, or wait.
    pub paused: Option<bool>,
}

/// A secret that takes a former one's place.
#[derive(Debug, Clone)]
pub struct Rotated {
    /// Shown this once.
    pub signing_secret: Secret,
    /// Until then the former one signs too.
    pub former_until: DateTime<Utc>,
}

/// An address that proved itself.
struct Proven {
    url: String,
    verify_token: Secret,
    verification: Verification,
}

impl App {
    /// Changes a subscription. Another address, or another verify token, is proven first. One that is taken up
    /// again goes on where it was.
    pub async fn change_webhook(
        &self,
        caller: &Caller,
        id: SubscriptionId,
        change: SubscriptionChange,
    ) -> Result<SubscriptionView> {
        let seen = find(self.db.reader(), caller, id).await?;
        let events = change.events.as_deref().map(read_events).transpose()?;
        let proven = self.prove_change(caller, &seen, &change).await?;
        let now = self.now();
        let tx = self.db.begin().await?;
        keys::hold(&tx).await?;
        let row = lock(&tx, caller, id).await?;
        if proven.is_some() && row.url != seen.url {
            let message = "The webhook was changed by another request in the same moment.";
            return Err(Error::because(Problem::Unavailable, message));
        }
        let before = row.clone();
        let mut new = row.into_active_model();
        if let Some(proven) = proven {
            new.url = Set(proven.url);
            new.verification = Set(proven.verification);
            new.verify_token = self.seal_for(id, "verify_token", &proven.verify_token);
        }
        if let Some(events) = events {
            new.events = Set(json!(events));
        }
        if let Some(config) = change.retry_config {
            new.max_retries = Set(Some(config.max_retries().into()));
            new.retry_delay_ms = Set(config.retry_delay().try_into().ok());
        }
        if let Some(ordered) = change.ordered {
            new.ordered = Set(ordered);
        }
        match change.paused {
            Some(true) => new.status = Set(SubscriptionStatus::Paused),
            Some(false) => {
                new.status = Set(SubscriptionStatus::Active);
                new.failing_since = Set(None);
                new.failures = Set(0);
            }
            None => {}
        }
        new.updated_at = Set(now);
        let row = new.update(&tx).await?;
        let scope = Scope { property: row.property_id, at: now };
        if row.status != before.status {
            tell(&tx, scope, &row, Some(before.status)).await?;
        }
        audit::record(&tx, scope, caller, trail::changed(&before, &row, change.verify_token.is_some()))
            .await?;
        tx.commit().await?;
        self.deliveries.changed();
        row.try_into()
    }

    async fn prove_change(
        &self,
        caller: &Caller,
        seen: &subscription::Model,
        change: &SubscriptionChange,
    ) -> Result<Option<Proven>> {
        if change.webhook_url.is_none() && change.verify_token.is_none() {
            return Ok(None);
        }
        let url = change.webhook_url.clone().unwrap_or_else(|| seen.url.clone());
        self.check_url(&url)?;
        let verify_token = match &change.verify_token {
            Some(given) => read_verify_token(given)?,
            None => self.verify_token_of(seen)?,
        };
        let sealed = self.ports.cipher.decrypt(&seen.secret, &context(seen.id, "secret"))?;
        let secret = SigningSecret::parse(sealed).map_err(|_| Error::of(Problem::Internal))?;
        let claim = Claim { url: &url, verify_token: &verify_token, secret: &secret };
        let verification = self.prove_url(caller, &claim).await?;
        Ok(Some(Proven { url, verify_token, verification }))
    }

    /// Makes another secret. Until the former one is out of use, everything is signed with both.
    pub async fn rotate_webhook_secret(&self, caller: &Caller, id: SubscriptionId) -> Result<Rotated> {
        caller.require(Right::ManageSubscriptions)?;
        let now = self.now();
        let secret = SigningSecret::new(rand::random());
        let tx = self.db.begin().await?;
        keys::hold(&tx).await?;
        let row = lock(&tx, caller, id).await?;
        // Sealed for its column: it cannot simply move to another.
        let former = self.ports.cipher.decrypt(&row.secret, &context(id, "secret"))?;
        let former_until = now + FORMER_SECRET_FOR;
        let mut new = row.into_active_model();
        new.former_secret = self.seal_for(id, "former_secret", &former);
        new.former_secret_until = Set(Some(former_until));
        new.secret = self.seal_for(id, "secret", secret.text());
        new.updated_at = Set(now);
        new.update(&tx).await?;
        let scope = Scope { property: caller.property_id, at: now };
        let entry = Entry::of(AuditAction::SubscriptionSecretRotated, id);
        let entry = entry.made(json!({"former_secret_until": rfc3339(former_until)}));
        audit::record(&tx, scope, caller, entry).await?;
        tx.commit().await?;
        self.deliveries.changed();
        Ok(Rotated { signing_secret: secret.text().clone(), former_until })
    }

    /// Ends a subscription. Its secrets are gone; its deliveries go with time.
    pub async fn remove_webhook(&self, caller: &Caller, id: SubscriptionId) -> Result<()> {
        caller.require(Right::ManageSubscriptions)?;
        let now = self.now();
        let tx = self.db.begin().await?;
        let row = lock(&tx, caller, id).await?;
        let entry = Entry::of(AuditAction::SubscriptionRemoved, id).gone(trail::told(&row));
        let before = row.status;
        let mut new = row.into_active_model();
        new.status = Set(SubscriptionStatus::Paused);
        new.removed_at = Set(Some(now));
        new.updated_at = Set(now);
        new.secret = Set(Vec::new());
        new.former_secret = Set(Vec::new());
        new.verify_token = Set(Vec::new());
        let row = new.update(&tx).await?;
        let scope = Scope { property: row.property_id, at: now };
        tell(&tx, scope, &row, Some(before)).await?;
        audit::record(&tx, scope, caller, entry).await?;
        tx.commit().await?;
        self.deliveries.changed();
        Ok(())
    }
}
