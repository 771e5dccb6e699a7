//! Checks all that a send gives to a template, and freezes it.

use std::collections::BTreeMap;

use super::bad::{BadParameters, ButtonFault};
use super::needs::{ButtonNeed, HeaderNeed, Needs};
use super::parameters::Slot;
use super::parts::{ButtonPartKind, HeaderPart, Parts};
use super::variables::{fill_in, has_bad_whitespace};
use super::{BODY_MAX, CODE_MAX, HEADER_MAX, ParameterFormat, TemplateDefinition, URL_MAX};
use crate::content::{self, ButtonKind, ButtonValue, Content, Header, HeaderMedia, Media};
use crate::media::MediaKind;

/// The longest payload of a quick reply. Both 128 and 256 are told of Meta (unconfirmed): the larger, and the
/// provider has the last word.
const PAYLOAD_MAX: usize = 256;

/// What a send gives to a template.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Given {
    /// By the keys of [`TemplateDefinition::parameters`].
    pub parameters: BTreeMap<String, String>,
    /// A file or a location; a text is given in the parameters.
    pub header: Option<Header>,
    pub buttons: Vec<GivenButton>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenButton {
    /// Among all of the template's buttons, counted from 0.
    pub index: u8,
    pub value: String,
}

/// A parameter with its value.
struct Filled {
    slot: Slot,
    value: String,
}

impl TemplateDefinition {
    /// Checks what is given and fills it in: the template as it is stored and sent.
    pub fn fill(&self, given: Given) -> Result<content::Template, BadParameters> {
        if let Some(reason) = self.unsendable() {
            return Err(BadParameters::Unsendable(reason));
        }
        let parts = self.parts();
        let needs = Needs::of(&parts);
        let values = take(self.slots(&parts), given.parameters)?;
        let header = match text_header(&parts, &values)? {
            Some(header) => no_header(given.header, Some(&values)).map(|()| Some(header))?,
            None => other_header(needs.header, given.header)?,
        };
        let buttons = buttons(&parts, &needs.buttons, &given.buttons)?;
        let parameters: BTreeMap<String, String> =
            values.into_iter().filter_map(|filled| Some((filled.slot.body?, filled.value))).collect();
        let text = fill_in(&parts.body, |name| parameters.get(name).map(String::as_str));
        match text.chars().count() {
            0..=BODY_MAX => {}
            length => return Err(BadParameters::TooLong(length)),
        }
        Ok(content::Template {
            template_name: self.name.clone(),
            language: self.language.clone(),
            parameters,
            named: self.parameter_format == ParameterFormat::Named,
            text,
            header,
            buttons,
        })
    }
}

/// A value for every parameter, and none besides.
fn take(slots: Vec<Slot>, mut given: BTreeMap<String, String>) -> Result<Vec<Filled>, BadParameters> {
    let takes: Vec<String> = slots.iter().map(|slot| slot.key.clone()).collect();
    let mut values = Vec::new();
    let mut missing = Vec::new();
    let mut bad = None;
    for slot in slots {
        let by_name = given.remove_entry(&slot.key);
        match by_name.or_else(|| given.remove_entry(slot.position.as_ref()?)) {
            Some((key, value)) => {
                bad = bad.or_else(|| check_value(key, &value).err());
                values.push(Filled { slot, value });
            }
            None => missing.push(slot.key),
        }
    }
    let superfluous: Vec<String> = given.into_keys().collect();
    match (missing.is_empty(), superfluous.is_empty()) {
        (true, true) => bad.map_or(Ok(values), Err),
        (false, true) => Err(BadParameters::Missing(missing)),
        (true, false) => Err(BadParameters::Superfluous { superfluous, takes }),
        (false, false) => Err(BadParameters::Mismatch { superfluous, missing, takes }),
    }
}

fn check_value(key: String, value: &str) -> Result<(), BadParameters> {
    if value.trim().is_empty() {
        return Err(BadParameters::Empty(key));
    }
    if has_bad_whitespace(value) {
        return Err(BadParameters::Whitespace(key));
    }
    Ok(())
}

/// The header, where it is a text with a variable.
fn text_header(parts: &Parts, values: &[Filled]) -> Result<Option<Header>, BadParameters> {
    let Some(HeaderPart::Text(words)) = &parts.header else { return Ok(None) };
    let header = values.iter().find_map(|filled| Some((filled, filled.slot.header.as_ref()?)));
    let Some((Filled { slot, value }, place)) = header else { return Ok(None) };
    match fill_in(words, |_| Some(value)).chars().count() {
        0..=HEADER_MAX => Ok(Some(Header::Text { text: value.clone(), name: place.name.clone() })),
        length => Err(BadParameters::HeaderTooLong { name: slot.key.clone(), length }),
    }
}

/// None may be given. `values`: of a template whose header is filled from them.
fn no_header(given: Option<Header>, values: Option<&[Filled]>) -> Result<(), BadParameters> {
    if given.is_none() {
        return Ok(());
    }
    let by = values.into_iter().flatten().find(|filled| filled.slot.header.is_some());
    Err(match by {
        Some(filled) => BadParameters::HeaderIsText(filled.slot.key.clone()),
        None => BadParameters::SuperfluousHeader,
    })
}

fn other_header(needs: Option<HeaderNeed>, given: Option<Header>) -> Result<Option<Header>, BadParameters> {
    let Some(needs) = needs else { return no_header(given, None).map(|()| None) };
    let Some(header) = given else { return Err(BadParameters::NeedsHeader(needs)) };
    let (kind, content) = match &header {
        Header::Text { .. } => return Err(BadParameters::OtherHeader { needs, given: "a text" }),
        Header::Image(media) => (HeaderNeed::Image, file(MediaKind::Image, media)),
        Header::Video(media) => (HeaderNeed::Video, file(MediaKind::Video, media)),
        Header::Document(media) => (HeaderNeed::Document, file(MediaKind::Document, media)),
        Header::Location(location) => (HeaderNeed::Location, Content::Location(location.clone())),
    };
    if kind != needs {
        return Err(BadParameters::OtherHeader { needs, given: kind.words() });
    }
    // The same rules as for a message that is the file or the location itself.
    content.check().map_err(BadParameters::Header)?;
    Ok(Some(header))
}

fn file(kind: MediaKind, media: &HeaderMedia) -> Content {
    Content::media(kind, Media { filename: media.filename.clone(), ..Media::of(media.source.clone()) })
}

/// The values of buttons, in the order of the template.
fn buttons(
    parts: &Parts,
    needs: &[ButtonNeed],
    given: &[GivenButton],
) -> Result<Vec<ButtonValue>, BadParameters> {
    if let Some(unknown) = given.iter().find(|button| needs.iter().all(|need| need.index != button.index)) {
        let takes = needs.iter().map(|need| (need.index, need.text.clone())).collect();
        return Err(BadParameters::UnknownButton { index: unknown.index, takes });
    }
    let mut values = Vec::new();
    for need in needs {
        let bad = |fault| BadParameters::Button { index: need.index, text: need.text.clone(), fault };
        let mut mine = given.iter().filter(|button| button.index == need.index);
        match (mine.next(), mine.next()) {
            (Some(button), None) => {
                let part = parts.buttons.get(usize::from(need.index)).map(|part| &part.kind);
                check_button(need.kind, part, &button.value).map_err(bad)?;
                values.push(ButtonValue { index: need.index, kind: need.kind, value: button.value.clone() });
            }
            (Some(_), Some(_)) => return Err(bad(ButtonFault::Twice)),
            (None, _) if need.required => return Err(bad(ButtonFault::Missing(need.kind))),
            (None, _) => {}
        }
    }
    Ok(values)
}

fn check_button(kind: ButtonKind, part: Option<&ButtonPartKind>, value: &str) -> Result<(), ButtonFault> {
    if value.trim().is_empty() {
        return Err(ButtonFault::Empty);
    }
    match kind {
        ButtonKind::QuickReply => at_most(value, PAYLOAD_MAX),
        ButtonKind::CopyCode if has_bad_whitespace(value) => Err(ButtonFault::Whitespace),
        ButtonKind::CopyCode => at_most(value, CODE_MAX),
        ButtonKind::Url if value.contains(|c: char| c.is_whitespace() || c.is_control()) => {
            Err(ButtonFault::SpaceInAddress)
        }
        ButtonKind::Url => match part {
            Some(ButtonPartKind::Url { url }) => match fill_in(url, |_| Some(value)).chars().count() {
                0..=URL_MAX => Ok(()),
                length => Err(ButtonFault::AddressTooLong(length)),
            },
            Some(_) | None => Ok(()),
        },
    }
}

fn at_most(value: &str, max: usize) -> Result<(), ButtonFault> {
    match value.chars().count() {
        length if length > max => Err(ButtonFault::TooLong { length, max }),
        _ => Ok(()),
    }
}
