//! The proof that an address wants a hotel's events, asked for before anything is stored and in no transaction.

use bellhop_domain::ports::{Bounce, Reply, WebhookBody, WebhookRequest};
use bellhop_domain::problem::Problem;
use bellhop_domain::rights::Role;
use bellhop_domain::signing::SigningSecret;
use bellhop_domain::subscription::Verification;
use bellhop_domain::{EventId, Secret};
use serde_json::json;

use crate::app::App;
use crate::auth::{Caller, random_token};
use crate::delivery::{Message, signed};
use crate::error::{Error, Result, cut};

/// What is to be proven.
pub(super) struct Claim<'a> {
    pub url: &'a str,
    pub verify_token: &'a Secret,
    pub secret: &'a SigningSecret,
}

impl App {
    /// Refuses a URL to which nothing may go, before it is asked.
    pub(super) fn check_url(&self, url: &str) -> Result<()> {
        self.ports.webhooks.check(url).map_err(|bad| Error::field("webhook_url", bad))
    }

    /// Asks the address for its proof: it echoes a challenge. The guides' own receiver has no GET route; an admin
    /// may name such a one, and it proves itself by taking a signed POST.
    pub(super) async fn prove_url(&self, caller: &Caller, claim: &Claim<'_>) -> Result<Verification> {
        let challenge = random_token();
        let reply = self.ask_for_echo(claim, &challenge).await.map_err(bounced)?;
        let has_no_get = matches!(reply.status, 404 | 405);
        match (has_no_get, caller.role()) {
            (false, Role::Admin | Role::Partner | Role::Staff) => echoed(&reply, &challenge),
            (true, Role::Partner | Role::Staff) => Err(unproven(
                "the GET with the challenge was answered with 404 or 405; only an admin may name such an address",
            )),
            (true, Role::Admin) => self.ask_by_post(claim, &challenge).await,
        }
    }

    async fn ask_for_echo(&self, claim: &Claim<'_>, challenge: &Secret) -> Result<Reply, Bounce> {
        let query = vec![
            ("hub.mode", "subscribe".to_owned()),
            ("hub.verify_token", claim.verify_token.expose().to_owned()),
            ("hub.challenge", challenge.expose().to_owned()),
        ];
        let request = WebhookRequest {
            url: claim.url.to_owned(),
            headers: Vec::new(),
            body: WebhookBody::Query(query),
        };
        self.ports.webhooks.send(request).await
    }

    async fn ask_by_post(&self, claim: &Claim<'_>, challenge: &Secret) -> Result<Verification> {
        let data = json!({"verify_token": claim.verify_token.expose(), "challenge": challenge.expose()});
        let message = Message::own(EventId::new(), "webhook_verification", self.now(), data);
        let (request, _) = signed(claim.url, [claim.secret], &message);
        match self.ports.webhooks.send(request).await {
            Ok(Reply { status: 200..=299, .. }) => Ok(Verification::Weak),
            Ok(reply) => Err(unproven(&format!("the signed POST was answered with {}", reply.status))),
            Err(bounce) => Err(bounced(bounce)),
        }
    }
}

fn echoed(reply: &Reply, challenge: &Secret) -> Result<Verification> {
    if !(200..300).contains(&reply.status) {
        return Err(unproven(&format!("the GET with the challenge was answered with {}", reply.status)));
    }
    match std::str::from_utf8(&reply.body).map(str::trim) {
        Ok(said) if said == challenge.expose() => Ok(Verification::Echo),
        // What it said instead stays untold: who names an address must not read by it what others serve there.
        Ok(_) | Err(_) => Err(unproven("the answer to the GET was not the challenge")),
    }
}

fn bounced(bounce: Bounce) -> Error {
    match bounce {
        Bounce::BadUrl(bad) => Error::field("webhook_url", bad),
        Bounce::TooLate | Bounce::Unreachable(_) => unproven(&bounce.to_string()),
    }
}

fn unproven(why: &str) -> Error {
    let problem = Problem::WebhookUrlNotProven;
    let why = cut(why, 400);
    Error::with(
        problem,
        format!("{} It was asked, and {why}.", problem.row().meaning),
        json!({"reason": why}),
    )
}
