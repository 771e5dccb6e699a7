//! The document's `webhooks`: a type of event each, with the shape of its `data`.
//!
//! By hand: the framework's macro keeps one operation for each HTTP method, and all of these are POST.

use bellhop_domain::event::EventType;
use poem::http::Method;
use poem_openapi::Webhook;
use poem_openapi::registry::{
    MetaMediaType, MetaOperation, MetaRequest, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef,
    MetaWebhook, Registry,
};
use poem_openapi::types::{ParseFromJSON, ToJSON, Type};

use crate::event::EventOf;
use crate::event_data as data;

/// What Bellhop tells of by itself.
pub struct Told;

/// A type's line in the document.
struct Shape {
    summary: &'static str,
    schema: MetaSchemaRef,
    register: fn(&mut Registry),
}

impl Shape {
    fn of<T: Type + ParseFromJSON + ToJSON>(summary: &'static str) -> Self {
        Self { summary, schema: EventOf::<T>::schema_ref(), register: EventOf::<T>::register }
    }
}

/// The one table: no type without a shape.
fn shape(event: EventType) -> Shape {
    use EventType as E;
    match event {
        E::InboundMessage => Shape::of::<data::InboundMessageData>("A guest wrote"),
        E::MediaReceived => Shape::of::<data::MediaReceivedData>("A file that a guest sent is here"),
        E::MessageEdited => Shape::of::<data::RevisionData>("A guest changed a message"),
        E::MessageRevoked => Shape::of::<data::RevisionData>("A guest deleted a message"),
        E::MessageQueued => Shape::of::<data::MessageData>("A message is to leave"),
        E::MessageSent => Shape::of::<data::MessageData>("WhatsApp has taken a message"),
        E::MessageDelivered => Shape::of::<data::MessageData>("A message has reached the guest"),
        E::MessageRead => Shape::of::<data::MessageData>("The guest has read a message"),
        E::MessageFailed => Shape::of::<data::MessageData>("A message does not reach the guest"),
        E::MessageExpired => Shape::of::<data::MessageData>("The window closed before a message could leave"),
        E::MessageInDoubt => Shape::of::<data::MessageData>("It is not known whether a message has left"),
        E::BatchAccepted => Shape::of::<data::BatchData>("A batch was handed in"),
        E::BatchProgress => Shape::of::<data::BatchData>("How far a batch is, every few seconds"),
        E::BatchPaused => Shape::of::<data::BatchData>("A batch was paused"),
        E::BatchResumed => Shape::of::<data::BatchData>("A batch goes on"),
        E::BatchStopped => Shape::of::<data::BatchData>("A batch stopped by itself"),
        E::BatchCancelled => Shape::of::<data::BatchData>("A batch was cancelled"),
        E::BatchCompleted => Shape::of::<data::BatchData>("Nothing of a batch is left to send"),
        E::ConversationOpened => Shape::of::<data::ConversationData>("A conversation begins"),
        E::ConversationResolved => Shape::of::<data::ResolvedData>("Staff closed a conversation"),
        E::ConversationReopened => Shape::of::<data::ConversationData>("A closed conversation goes on"),
        E::ConversationAssigned => {
            Shape::of::<data::AssignedData>("Somebody else looks after a conversation, or nobody")
        }
        E::WindowOpened => Shape::of::<data::WindowData>("The customer service window is open"),
        E::WindowClosing => Shape::of::<data::WindowData>("The window ends in an hour or less"),
        E::WindowClosed => Shape::of::<data::WindowData>("The window has ended"),
        E::GuestCreated => Shape::of::<data::GuestCreatedData>("A guest was met for the first time"),
        E::GuestUpdated => Shape::of::<data::GuestUpdatedData>("What is known about a guest has changed"),
        E::GuestMerged => Shape::of::<data::GuestMergedData>("Two guests turned out to be one"),
        E::GuestErased => Shape::of::<data::GuestErasedData>("A guest is being erased: forget them too"),
        E::GuestOptedIn => Shape::of::<data::ConsentData>("A guest agrees to get messages of a kind"),
        E::GuestOptedOut => Shape::of::<data::ConsentData>("A guest wants no messages of a kind"),
        E::TemplateStatusChanged => {
            Shape::of::<data::TemplateData>("A template may be sent, or not any more")
        }
        E::TemplateCategoryChanged => Shape::of::<data::TemplateData>("WhatsApp files a template elsewhere"),
        E::TemplateQualityChanged => {
            Shape::of::<data::TemplateData>("Guests' view of a template has changed")
        }
        E::ConnectionStatusChanged => {
            Shape::of::<data::ConnectionData>("A number of the hotel can send, or not any more")
        }
        E::SubscriptionStatusChanged => {
            Shape::of::<data::SubscriptionData>("A webhook gets its events, or not any more")
        }
    }
}

impl Webhook for Told {
    fn meta() -> Vec<MetaWebhook> {
        EventType::ALL.iter().map(|event| hook(*event)).collect()
    }

    fn register(registry: &mut Registry) {
        for event in EventType::ALL {
            (shape(*event).register)(registry);
        }
    }
}

fn hook(event: EventType) -> MetaWebhook {
    let Shape { summary, schema, .. } = shape(event);
    let content = vec![MetaMediaType { content_type: "application/json", schema: only(event, schema) }];
    let taken = MetaResponse {
        description: "Any 2xx: the event is yours now",
        status: Some(200),
        status_range: None,
        content: vec![],
        headers: vec![],
    };
    let operation = MetaOperation {
        method: Method::POST,
        tags: vec![],
        summary: Some(summary),
        description: None,
        external_docs: None,
        params: vec![],
        request: Some(MetaRequest { description: None, content, required: true }),
        responses: MetaResponses { responses: vec![taken] },
        deprecated: false,
        security: vec![],
        operation_id: Some(event.as_str()),
        code_samples: vec![],
    };
    MetaWebhook { name: event.as_str(), operation }
}

/// An event of this type and no other.
fn only(event: EventType, schema: MetaSchemaRef) -> MetaSchemaRef {
    let word = MetaSchema { enum_items: vec![event.as_str().into()], ..MetaSchema::new("string") };
    let this = MetaSchema {
        properties: vec![("event", MetaSchemaRef::Inline(Box::new(word)))],
        ..MetaSchema::new("object")
    };
    let all_of = vec![schema, MetaSchemaRef::Inline(Box::new(this))];
    MetaSchemaRef::Inline(Box::new(MetaSchema { all_of, ..MetaSchema::ANY }))
}
