//! What only guests send, or WhatsApp itself.

use bellhop_domain::content::{Notice, NoticeKind, Order, OrderItem, Reply, ReplyKind, Unsupported};
use poem_openapi::Object;
use poem_openapi::types::Any;
use serde_json::Value;

/// What a guest tapped or filled in; the message that it answers is the message's `reply_to`.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct ReplyContent {
    reply_type: ReplyKind,
    /// As the message named the choice: the id of the button or the row, the payload of a template's button.
    id: Option<String>,
    /// What the guest saw.
    title: String,
    /// Of a row.
    description: Option<String>,
    /// What was filled into a flow.
    data: Option<Any<Value>>,
}

/// What a guest orders from the catalog.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct OrderContent {
    catalog_id: Option<String>,
    /// What the guest wrote with it.
    text: Option<String>,
    items: Vec<OrderedItem>,
}

#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
struct OrderedItem {
    /// The shop's own id of the product.
    product_id: String,
    quantity: f64,
    /// Of one, in `currency`.
    price: Option<f64>,
    /// ISO 4217.
    currency: Option<String>,
}

/// What WhatsApp tells of the guest.
#[derive(Debug, Object)]
pub struct NoticeContent {
    notice_type: NoticeKind,
    /// WhatsApp's sentence.
    text: String,
}

/// What a guest sent and is not understood yet.
#[derive(Debug, Object)]
pub struct UnsupportedContent {
    /// WhatsApp's word for the kind.
    original_type: String,
    /// What WhatsApp delivered.
    payload: Any<Value>,
}

impl From<Reply> for ReplyContent {
    fn from(reply: Reply) -> Self {
        let Reply { reply_type, id, title, description, data } = reply;
        Self { reply_type, id, title, description, data: data.map(Any) }
    }
}

impl From<Order> for OrderContent {
    fn from(order: Order) -> Self {
        let item = |item: OrderItem| OrderedItem {
            product_id: item.product_id,
            quantity: item.quantity,
            price: item.price,
            currency: item.currency,
        };
        Self {
            catalog_id: order.catalog_id,
            text: order.text,
            items: order.items.into_iter().map(item).collect(),
        }
    }
}

impl From<Notice> for NoticeContent {
    fn from(notice: Notice) -> Self {
        Self { notice_type: notice.notice_type, text: notice.text }
    }
}

impl From<Unsupported> for UnsupportedContent {
    fn from(item: Unsupported) -> Self {
        Self { original_type: item.original_type, payload: Any(item.payload) }
    }
}
