//! A template with what fills it into Meta's components. Only what was given is named: a component
//! without parameters is itself a mismatch for a template without variables.

use bellhop_domain::content::{ButtonKind, ButtonValue, Header, Location, Template};

use super::super::wire::send as wire;
use super::send::{Unsendable, header_file};

pub fn of<'a>(
    template: &'a Template,
    source: Option<wire::Source<'a>>,
) -> Result<wire::Template<'a>, Unsendable> {
    let header = template.header.as_ref().map(|header| header_parameter(header, source)).transpose()?;
    let header = header.map(|parameter| wire::Component::Header { parameters: [parameter] });
    let body = body(template);
    let body = (!body.is_empty()).then_some(wire::Component::Body { parameters: body });
    Ok(wire::Template {
        name: template.template_name.as_str(),
        language: wire::Language { code: template.language.as_str() },
        components: header.into_iter().chain(body).chain(template.buttons.iter().map(button)).collect(),
    })
}

fn header_parameter<'a>(
    header: &'a Header,
    source: Option<wire::Source<'a>>,
) -> Result<wire::Parameter<'a>, Unsendable> {
    Ok(match header {
        Header::Text { text, name } => wire::Parameter::Text { parameter_name: name.as_deref(), text },
        Header::Image(media) => wire::Parameter::Image { image: header_file(media, source)? },
        Header::Video(media) => wire::Parameter::Video { video: header_file(media, source)? },
        Header::Document(media) => wire::Parameter::Document { document: header_file(media, source)? },
        Header::Location(place) => wire::Parameter::Location { location: location(place) },
    })
}

/// Texts: so in Meta's page on location headers, unlike in a message.
fn location(place: &Location) -> wire::Location<'_, String> {
    wire::Location {
        latitude: place.latitude.to_string(),
        longitude: place.longitude.to_string(),
        name: place.name.as_deref(),
        address: place.address.as_deref(),
    }
}

/// Positional parameters are told apart by their place alone, and `10` comes after `9`.
fn body(template: &Template) -> Vec<wire::Parameter<'_>> {
    let mut parameters: Vec<_> = template.parameters.iter().collect();
    if !template.named {
        parameters.sort_by_key(|(name, _)| name.parse().unwrap_or(u32::MAX));
    }
    let named = |name| template.named.then_some(name);
    parameters
        .into_iter()
        .map(|(name, text)| wire::Parameter::Text { parameter_name: named(name.as_str()), text })
        .collect()
}

fn button(button: &ButtonValue) -> wire::Component<'_> {
    let value = button.value.as_str();
    let (sub_type, parameter) = match button.kind {
        ButtonKind::QuickReply => ("quick_reply", wire::Parameter::Payload { payload: value }),
        ButtonKind::Url => ("url", wire::Parameter::Text { parameter_name: None, text: value }),
        ButtonKind::CopyCode => ("copy_code", wire::Parameter::CouponCode { coupon_code: value }),
    };
    wire::Component::Button { sub_type, index: button.index.to_string(), parameters: [parameter] }
}
