//! Accepting a message: everything is checked, then written in one transaction.

use std::collections::BTreeMap;
use std::sync::Arc;

use bellhop_domain::conversation::Direction;
use bellhop_domain::guest::Recipient;
use bellhop_domain::problem::Problem;
use bellhop_domain::rights::Right;
use bellhop_domain::template::{BadParameters, ParameterFormat, TemplateDefinition};
use bellhop_domain::{
    Content, ConversationId, GuestId, MessageId, MessageStatus, PhoneNumber, content, window,
};
use bellhop_entity::{conversation, message, outbox};
use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::prelude::Uuid;
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect};
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::auth::Caller;
use crate::batch::check_send_at;
use crate::connection::OpenConnection;
use crate::conversation::{self as conversations, Touch, touch};
use crate::db::real_now;
use crate::dispatch::{Claim, in_lane, tell};
use crate::error::{Error, Result, cut, shorten};
use crate::event::{self, Scope};
use crate::failpoint;
use crate::guest::{self, identity};
use crate::idempotency::IdempotencyKey;
use crate::message::MessageView;

const METADATA_MAX: usize = 4096;
const STAFF_ID_MAX: usize = 64;

/// Whom a send names. Several may be given if they mean the same guest.
#[derive(Debug, Clone, Default)]
pub struct Target {
    pub guest_phone: Option<String>,
    pub guest_id: Option<GuestId>,
    pub conversation_id: Option<ConversationId>,
}

/// What every kind of send may carry.
#[derive(Debug, Clone, Default)]
pub struct SendOptions {
    /// Kept as given.
    pub staff_member_id: Option<String>,
    pub metadata: Option<Map<String, Value>>,
    /// Laid over the conversation's own.
    pub conversation_metadata: Option<Map<String, Value>>,
    pub idempotency_key: Option<IdempotencyKey>,
    /// Leaves then instead of now; a time that has passed is now.
    pub send_at: Option<DateTime<Utc>>,
}

/// A template to send.
#[derive(Debug, Clone)]
pub struct TemplateSend {
    pub name: String,
    /// The property's default when absent.
    pub language: Option<String>,
    pub parameters: BTreeMap<String, String>,
}

/// A target that was found out. Nothing is written yet.
struct Resolved {
    who: Who,
    conversation: Option<conversation::Model>,
    connection: Arc<OpenConnection>,
}

enum Who {
    Known(GuestId),
    /// Nobody has the number yet.
    New(PhoneNumber),
}

impl App {
    /// Accepts a text. It is refused outside the guest's window.
    pub async fn send_text(
        &self,
        caller: &Caller,
        target: Target,
        text: &str,
        options: SendOptions,
    ) -> Result<MessageView> {
        caller.require(Right::SendMessages)?;
        if let Some(made) = self.made_before(caller, &options).await? {
            return Ok(made);
        }
        let text = content::Text::parse(text).map_err(|error| Error::field("content.text", error))?;
        options.check(self.now())?;
        let resolved = self.resolve(caller, &target).await?;
        self.check_window(caller, &resolved, options.send_at).await?;
        self.accept(caller, resolved, Content::Text(text), options).await
    }

    /// Accepts an approved template. It may leave at any time.
    pub async fn send_template(
        &self,
        caller: &Caller,
        target: Target,
        template: TemplateSend,
        options: SendOptions,
    ) -> Result<MessageView> {
        caller.require(Right::SendMessages)?;
        if let Some(made) = self.made_before(caller, &options).await? {
            return Ok(made);
        }
        options.check(self.now())?;
        let content = self.fill_template(caller, template).await?;
        let resolved = self.resolve(caller, &target).await?;
        self.accept(caller, resolved, content, options).await
    }

    async fn made_before(&self, caller: &Caller, options: &SendOptions) -> Result<Option<MessageView>> {
        let Some(key) = &options.idempotency_key else { return Ok(None) };
        match key.find(self.db.reader(), caller, self.now()).await? {
            Some(id) => self.message(caller, id).await.map(Some),
            None => Ok(None),
        }
    }

    pub(crate) async fn fill_template(&self, caller: &Caller, send: TemplateSend) -> Result<Content> {
        let name = crate::template::read_name(&send.name)?;
        let language = match send.language.filter(|language| !language.is_empty()) {
            Some(language) => language,
            None => self.property(caller).await?.default_language,
        };
        let template = self.sendable_template(caller.property_id, name.as_str(), &language).await?;
        fill(&template, send.parameters).map_err(|error| {
            let details = json!({
                "template_name": name, "language": template.language,
                "wrong": error.names().iter().map(|name| shorten(name)).collect::<Vec<_>>(),
                "takes": template.parameters(),
            });
            Error::with(
                Problem::InvalidParameters,
                format!("{}: {}.", shorten(name.as_str()), cut(&error.to_string(), 400)),
                details,
            )
        })
    }

    /// Finds out who is meant; 409 when the request names two different guests.
    async fn resolve(&self, caller: &Caller, target: &Target) -> Result<Resolved> {
        let db = self.db.reader();
        let mut named: Vec<(&str, Option<GuestId>)> = Vec::new();
        let mut phone = None;
        if let Some(text) = &target.guest_phone {
            let number = self.read_phone(caller.property_id, "guest_phone", text).await?;
            let holder = identity::holder_of_number(db, caller.property_id, &number.match_key()).await?;
            named.push(("guest_phone", holder));
            phone = Some(number);
        }
        if let Some(id) = target.guest_id {
            named.push(("guest_id", Some(guest::find(db, caller.property_id, id).await?.id)));
        }
        let mut conversation = None;
        if let Some(id) = target.conversation_id {
            let row = conversations::find(db, caller.property_id, id).await?;
            named.push(("conversation_id", Some(row.guest_id)));
            conversation = Some(row);
        }
        let Some(&(_, first)) = named.first() else {
            return Err(Error::field(
                "guest_phone",
                "is required, unless guest_id or conversation_id is given",
            ));
        };
        if named.iter().any(|(_, guest)| *guest != first) {
            let details = json!({"named_by": named.iter().map(|(field, _)| *field).collect::<Vec<_>>()});
            let problem = Problem::ConversationMismatch;
            return Err(Error::with(problem, problem.row().meaning, details));
        }
        let connection = match &conversation {
            Some(row) => self.connection(row.connection_id).await?,
            None => self.default_connection(caller.property_id).await?,
        };
        let who = match (first, phone) {
            (Some(guest), _) => Who::Known(guest),
            (None, Some(phone)) => Who::New(phone),
            (None, None) => return Err(Error::not_found("guest")),
        };
        if let (None, Who::Known(guest)) = (&conversation, &who) {
            conversation = conversations::of_guest(db, connection.id, *guest).await?;
        }
        if let Who::Known(guest) = &who {
            let known = guest::identifiers(db, *guest).await?;
            Recipient::choose(&known).ok_or_else(|| Error::of(Problem::GuestUnreachable))?;
        }
        Ok(Resolved { who, conversation, connection })
    }

    /// The cache may only allow; a refusal is always the database's word.
    async fn check_window(
        &self,
        caller: &Caller,
        resolved: &Resolved,
        send_at: Option<DateTime<Utc>>,
    ) -> Result<()> {
        // What leaves later must be free to leave then, as far as anybody knows.
        let now = send_at.map_or(self.now(), |at| Ord::max(at, self.now()));
        if let Some(conversation) = &resolved.conversation {
            match self.ports.windows.get(conversation.id).await {
                Ok(cached) if window::is_open(cached, now) => return Ok(()),
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "window cache left out"),
            }
            if window::is_open(conversation.window_expires_at, now) {
                self.cache_window(conversation.id, conversation.window_expires_at).await;
                return Ok(());
            }
        }
        let (last, expired) = match &resolved.conversation {
            Some(row) => (row.last_inbound_at, row.window_expires_at),
            None => (None, None),
        };
        let phone = match &resolved.who {
            Who::New(phone) => Some(phone.to_string()),
            Who::Known(guest) => self.guest(caller, *guest).await?.phone,
        };
        let details = json!({
            "guest_phone": phone,
            "last_guest_message": last.map(event::rfc3339),
            "window_expires": expired.map(event::rfc3339),
            "suggested_templates": self.suggested_templates(caller.property_id).await?,
        });
        let problem = Problem::MessageWindowExpired;
        Err(Error::with(problem, problem.row().meaning, details))
    }

    pub(crate) async fn cache_window(&self, id: ConversationId, expires_at: Option<DateTime<Utc>>) {
        let Some(end) = expires_at else { return };
        if let Err(error) = self.ports.windows.put(id, end).await {
            tracing::warn!(%error, "window cache left out");
        }
    }

    /// Writes guest, conversation, message, outbox row, event and key in one transaction, then
    /// starts the attempt in this process.
    async fn accept(
        &self,
        caller: &Caller,
        resolved: Resolved,
        content: Content,
        mut options: SendOptions,
    ) -> Result<MessageView> {
        let scope = Scope { property: caller.property_id, at: self.now() };
        let id = MessageId::new();
        let key = options.idempotency_key.take();
        let tx = self.db.begin().await?;
        let guest = match &resolved.who {
            Who::Known(guest) => guest::lock(&tx, caller.property_id, *guest).await?.id,
            Who::New(phone) => identity::find_or_create_by_phone(&tx, scope, phone).await?,
        };
        let connection = resolved.connection.id;
        let mut conversation = conversations::lock_or_create(&tx, scope, connection, guest).await?;
        let metadata = options.conversation_metadata.take();
        let scheduled = options.send_at.is_some_and(|at| at > scope.at);
        let seq = touch(&tx, scope, &mut conversation, Touch { metadata, inbound: None }).await?;
        // A free lane is ours at once: the relay does not race a lease.
        let free = !scheduled && self.lane_is_free(&tx, conversation.id).await?;
        let claim = free.then(|| Claim::new(id, self.config.lease));
        // What leaves later takes its place then.
        let seq = (!scheduled).then_some(seq);
        let place = Place { id, seq, conversation: &conversation, claim: claim.as_ref() };
        let row = new_row(&place, content, options, scope);
        let row = message::Entity::insert(row).exec_with_returning(&tx).await?;
        if !scheduled {
            put_in_outbox(&tx, &row).await?;
        }
        tell(&tx, scope, &row).await?;
        if let Some(key) = key
            && !key.take(&tx, caller, id.uuid(), scope.at).await?
        {
            tx.rollback().await?;
            let made = key.find(self.db.reader(), caller, scope.at).await?;
            let made = made.ok_or_else(|| Error::of(Problem::Unavailable))?;
            return self.message(caller, made).await;
        }
        tx.commit().await?;
        failpoint::here("send_accepted");
        match claim {
            Some(claim) => self.start_claimed(claim),
            None if scheduled => {}
            None => self.start_lane(conversation.id),
        }
        Ok(row.into())
    }

    async fn lane_is_free(&self, tx: &DatabaseTransaction, id: ConversationId) -> Result<bool> {
        let busy = message::Entity::find()
            .select_only()
            .column(message::Column::Id)
            .filter(message::Column::ConversationId.eq(id))
            .filter(in_lane())
            .limit(1)
            .into_tuple::<MessageId>()
            .one(tx)
            .await?;
        Ok(busy.is_none())
    }
}

/// The template with its parameters, frozen.
pub(crate) fn fill(
    template: &TemplateDefinition,
    parameters: BTreeMap<String, String>,
) -> std::result::Result<Content, BadParameters> {
    let text = template.render(&parameters)?;
    Ok(Content::Template(content::Template {
        template_name: template.name.clone(),
        language: template.language.clone(),
        named: template.parameter_format == ParameterFormat::Named,
        parameters,
        text,
    }))
}

impl SendOptions {
    fn check(&self, now: DateTime<Utc>) -> Result<()> {
        check_send_at(self.send_at, now)?;
        if self.staff_member_id.as_ref().is_some_and(|id| id.chars().count() > STAFF_ID_MAX) {
            return Err(Error::field(
                "staff_member_id",
                format_args!("must have at most {STAFF_ID_MAX} characters"),
            ));
        }
        for (field, map) in
            [("metadata", &self.metadata), ("conversation_metadata", &self.conversation_metadata)]
        {
            let size = map.as_ref().map_or(0, |map| serde_json::to_string(map).map_or(0, |text| text.len()));
            if size > METADATA_MAX {
                return Err(Error::field(
                    field,
                    format_args!("has {size} bytes as JSON; at most {METADATA_MAX} are kept"),
                ));
            }
        }
        Ok(())
    }
}

/// Where a new message stands.
struct Place<'a> {
    id: MessageId,
    seq: Option<i64>,
    conversation: &'a conversation::Model,
    claim: Option<&'a Claim>,
}

fn new_row(place: &Place<'_>, content: Content, options: SendOptions, scope: Scope) -> message::ActiveModel {
    let Place { id, seq, conversation, claim } = *place;
    message::ActiveModel {
        id: Set(id),
        property_id: Set(scope.property),
        conversation_id: Set(conversation.id),
        connection_id: Set(conversation.connection_id),
        guest_id: Set(conversation.guest_id),
        seq: Set(seq),
        direction: Set(Direction::Outbound),
        status: Set(if seq.is_some() { MessageStatus::Queued } else { MessageStatus::Scheduled }),
        send_at: Set(options.send_at),
        content: Set(content),
        staff_member_id: Set(options.staff_member_id),
        metadata: Set(options.metadata.map(Value::Object)),
        attempt: Set(0),
        due_at: Set(real_now()),
        lease_token: Set(claim.map(|claim| claim.token)),
        lease_until: Set(claim.map(|claim| claim.until)),
        sent_twice: Set(false),
        quiet: Set(false),
        created_at: Set(scope.at),
        ..Default::default()
    }
}

async fn put_in_outbox(tx: &DatabaseTransaction, row: &message::Model) -> Result<()> {
    let row = outbox::ActiveModel {
        message_id: Set(row.id),
        property_id: Set(row.property_id),
        conversation_id: Set(row.conversation_id),
        // What this process starts itself needs no hint before its lease runs out; what waits
        // behind another message gets one soon, in case this process dies.
        publish_at: Set(row.lease_until.unwrap_or_else(|| real_now() + chrono::TimeDelta::seconds(2))),
    };
    outbox::Entity::insert(row).exec_without_returning(tx).await?;
    Ok(())
}

/// A lease's token.
pub(crate) fn lease_token() -> Uuid {
    Uuid::new_v4()
}
