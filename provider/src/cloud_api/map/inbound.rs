//! What guests send, in our words. What cannot be read as what it says it is, is kept as it came: a guest's
//! message is never left out because Meta's JSON changed.

use bellhop_domain::content::{
    Contacts, Location, Media, Notice, NoticeKind, Order, OrderItem, Reaction, Reply, ReplyKind, Text,
    Unsupported,
};
use bellhop_domain::inbound::{InboundFile, Origin, Product, Referral};
use bellhop_domain::media::{MediaKind, MediaRef};
use bellhop_domain::{Content, MediaId};
use serde::Deserialize;
use serde_json::Value;

use super::super::json;
use super::super::wire::inbound as wire;

/// What a message says, and the file that has to be fetched for it.
pub struct Carried {
    pub content: Content,
    pub file: Option<InboundFile>,
}

/// Reads the part of `item` that Meta's `type` names.
pub fn content(word: &str, item: &Value) -> Carried {
    if let Ok(kind) = word.parse::<MediaKind>()
        && let Some(carried) = wire::Media::deserialize(&item[word]).ok().and_then(|file| media(kind, file))
    {
        return carried;
    }
    let content = plain(word, item).unwrap_or_else(|| {
        // Of what WhatsApp itself does not pass on, it tells the kind.
        let original_type = item["unsupported"]["type"].as_str().unwrap_or(word).to_owned();
        Content::Unsupported(Unsupported { original_type, payload: item.clone() })
    });
    Carried { content, file: None }
}

fn plain(word: &str, item: &Value) -> Option<Content> {
    fn part<'a, T: Deserialize<'a>>(item: &'a Value, name: &str) -> Option<T> {
        T::deserialize(&item[name]).ok()
    }
    Some(match word {
        // Whatever the guest wrote is shown as it is: the limits for texts are those of sending.
        "text" => Content::Text(Text::new(part::<wire::Text>(item, word)?.body)),
        "location" => Content::Location(location(part(item, word)?)?),
        "contacts" => Content::Contacts(Contacts { contacts: part::<wire::Contacts>(item, word)? }),
        "interactive" => Content::Reply(interactive(part(item, word)?)?),
        "button" => Content::Reply(button(part(item, word)?)?),
        "reaction" => Content::Reaction(reaction(part(item, word)?)),
        "order" => Content::Order(order(part(item, word)?)),
        "system" => Content::Notice(notice(part(item, word)?)),
        _ => return None,
    })
}

fn media(kind: MediaKind, file: wire::Media) -> Option<Carried> {
    let media_id = MediaId::new();
    let media = Media {
        source: MediaRef::MediaId(media_id),
        caption: file.caption,
        filename: file.filename.clone(),
        voice: file.voice.unwrap_or_default(),
        animated: file.animated.unwrap_or_default(),
    };
    let file = InboundFile {
        media_id,
        kind,
        provider_id: file.id?,
        mime: file.mime_type.unwrap_or_else(|| "application/octet-stream".to_owned()),
        sha256: file.sha256,
        filename: file.filename,
        url: file.url,
    };
    Some(Carried { content: Content::media(kind, media), file: Some(file) })
}

fn location(place: wire::Location) -> Option<Location> {
    let degrees = |degrees| match degrees {
        wire::Degrees::Number(number) => Some(number),
        wire::Degrees::Text(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
    };
    Some(Location {
        latitude: degrees(place.latitude)?,
        longitude: degrees(place.longitude)?,
        name: place.name,
        address: place.address,
        url: place.url,
    })
}

fn interactive(reply: wire::Interactive) -> Option<Reply> {
    let (reply_type, choice) = match reply {
        wire::Interactive::Button { button_reply } => (ReplyKind::Button, button_reply),
        wire::Interactive::List { list_reply } => (ReplyKind::List, list_reply),
        wire::Interactive::Flow { nfm_reply } => return Some(flow(nfm_reply)),
    };
    let title = choice.title.or_else(|| choice.id.clone())?;
    Some(Reply { reply_type, id: choice.id, title, description: choice.description, data: None })
}

fn flow(reply: wire::FlowReply) -> Reply {
    let data = match reply.response_json {
        Value::Null => None,
        Value::String(text) => Some(json::parse(text.as_bytes()).unwrap_or(Value::String(text))),
        other => Some(other),
    };
    let title = reply.body.unwrap_or_default();
    Reply { reply_type: ReplyKind::Flow, id: reply.name, title, description: None, data }
}

fn button(button: wire::Button) -> Option<Reply> {
    let title = button.text.or_else(|| button.payload.clone())?;
    let reply_type = ReplyKind::TemplateButton;
    Some(Reply { reply_type, id: button.payload, title, description: None, data: None })
}

/// Which of our messages it is, the database knows.
fn reaction(reaction: wire::Reaction) -> Reaction {
    Reaction { message_id: None, wamid: reaction.message_id, emoji: reaction.emoji }
}

fn order(order: wire::Order) -> Order {
    let items = order.product_items.into_iter().map(|item| OrderItem {
        product_id: item.product_retailer_id,
        quantity: item.quantity,
        price: item.item_price,
        currency: item.currency,
    });
    Order { catalog_id: order.catalog_id, text: order.text, items: items.collect() }
}

fn notice(system: wire::System) -> Notice {
    let notice_type = match system.kind.as_deref() {
        Some("user_changed_number") => NoticeKind::NumberChanged,
        Some("user_changed_user_id") => NoticeKind::UserIdChanged,
        Some("customer_identity_changed") => NoticeKind::IdentityChanged,
        Some(_) | None => NoticeKind::Other,
    };
    Notice { notice_type, text: system.body.unwrap_or_default() }
}

pub fn origin(context: Option<&wire::Context>, referral: Option<wire::Referral>) -> Option<Origin> {
    let product = |context: &wire::Context| {
        context.referred_product.as_ref().map(|product| Product {
            catalog_id: product.catalog_id.clone(),
            product_id: product.product_retailer_id.clone(),
        })
    };
    let origin = Origin {
        forwarded: context.and_then(|context| context.forwarded).unwrap_or_default(),
        frequently_forwarded: context.and_then(|context| context.frequently_forwarded).unwrap_or_default(),
        referral: referral.map(self::referral),
        product: context.and_then(product),
    };
    (origin != Origin::default()).then_some(origin)
}

fn referral(referral: wire::Referral) -> Referral {
    Referral {
        source_type: referral.source_type,
        source_id: referral.source_id,
        source_url: referral.source_url,
        headline: referral.headline,
        body: referral.body,
        media_type: referral.media_type,
        media_url: referral.image_url.or(referral.video_url),
        click_id: referral.ctwa_clid,
        welcome_text: referral.welcome_message.and_then(|message| message.text),
    }
}
