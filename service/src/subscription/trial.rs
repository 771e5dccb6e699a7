//! A test event: sent at once, told at once, kept nowhere.

use std::time::Instant;

use bellhop_domain::delivery::{Verdict, verdict};
use bellhop_domain::problem::Problem;
use bellhop_domain::{EventId, SubscriptionId};
use serde_json::json;

use super::find;
use crate::app::App;
use crate::auth::Caller;
use crate::delivery::{Message, signed};
use crate::error::{Error, Result};

/// A test event that was taken.
#[derive(Debug, Clone)]
pub struct Trial {
    /// Its `webhook-id`.
    pub id: EventId,
    pub status: u16,
    pub took_ms: u64,
}

impl App {
    /// Sends the event `webhook_test`, also to a subscription that is paused. `WEBHOOK_DELIVERY_FAILED` unless it
    /// is answered with 2xx.
    pub async fn test_webhook(&self, caller: &Caller, id: SubscriptionId) -> Result<Trial> {
        let row = find(self.db.reader(), caller, id).await?;
        let secrets = self.signing_secrets(&row)?;
        let event = EventId::new();
        let message = Message::own(event, "webhook_test", self.now(), json!({"subscription_id": id}));
        let (request, _) = signed(&row.url, &secrets, &message);
        let began = Instant::now();
        let answer = self.ports.webhooks.send(request).await;
        let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (status, why) = match answer {
            Ok(reply) => match verdict(reply.status) {
                Verdict::Taken => return Ok(Trial { id: event, status: reply.status, took_ms }),
                Verdict::Refused | Verdict::Gone => {
                    (Some(reply.status), format!("it was answered with {}", reply.status))
                }
            },
            Err(bounce) => (None, bounce.to_string()),
        };
        let problem = Problem::WebhookDeliveryFailed;
        let message = format!("{} The test event was sent, and {why}.", problem.row().meaning);
        Err(Error::with(problem, message, json!({"status": status, "reason": why, "took_ms": took_ms})))
    }
}
