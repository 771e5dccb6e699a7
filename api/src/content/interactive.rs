//! Words with something to tap.

use bellhop_domain::content::{self as domain, Action, Content, Interactive, Wrong};
use poem_openapi::{Enum, Object};

use super::header::Header;

/// What the guest can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum InteractiveType {
    /// Up to three reply buttons.
    Buttons,
    /// A button that opens a list of up to ten rows.
    List,
    /// A button that opens a web page.
    CtaUrl,
    /// A button that shares the guest's location.
    LocationRequest,
}

/// The parts of an interactive message; which of them it takes, its type says.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct InteractiveBody {
    /// Up to 1,024 characters, with a list up to 4,096.
    #[oai(validator(min_length = 1, max_length = 4096))]
    text: String,
    /// Of a list only text; none with a location request, as with the footer.
    header: Option<Header>,
    #[oai(validator(max_length = 60))]
    footer: Option<String>,
    /// With buttons: one to three.
    buttons: Option<Vec<ReplyButton>>,
    /// With list: the label of the button that opens it.
    #[oai(validator(max_length = 20))]
    button_text: Option<String>,
    /// With list: up to ten, with at most ten rows in all.
    sections: Option<Vec<ListSection>>,
    /// With cta_url: the button's label.
    #[oai(validator(max_length = 20))]
    display_text: Option<String>,
    /// With cta_url.
    #[oai(validator(max_length = 2000))]
    url: Option<String>,
}

/// The same with its type.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct InteractiveContent {
    interactive_type: InteractiveType,
    #[oai(flatten)]
    body: InteractiveBody,
}

/// A button with an answer.
#[derive(Debug, Object)]
struct ReplyButton {
    /// Comes back when the guest taps it.
    #[oai(validator(min_length = 1, max_length = 256))]
    id: String,
    #[oai(validator(min_length = 1, max_length = 20))]
    title: String,
}

/// A part of a list.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
struct ListSection {
    /// Required where there are several.
    #[oai(validator(max_length = 24))]
    title: Option<String>,
    rows: Vec<ListRow>,
}

/// A row of a list.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
struct ListRow {
    /// Comes back when the guest picks it.
    #[oai(validator(min_length = 1, max_length = 200))]
    id: String,
    #[oai(validator(min_length = 1, max_length = 24))]
    title: String,
    #[oai(validator(max_length = 72))]
    description: Option<String>,
}

impl InteractiveContent {
    pub fn into_stored(self) -> Result<Content, Wrong> {
        self.body.into_stored(self.interactive_type)
    }
}

impl InteractiveBody {
    pub fn into_stored(self, kind: InteractiveType) -> Result<Content, Wrong> {
        let action = match kind {
            InteractiveType::Buttons => {
                let buttons = required("buttons", self.buttons)?;
                Action::Buttons { buttons: buttons.into_iter().map(ReplyButton::into).collect() }
            }
            InteractiveType::List => Action::List {
                button_text: required("button_text", self.button_text)?,
                sections: required("sections", self.sections)?.into_iter().map(ListSection::into).collect(),
            },
            InteractiveType::CtaUrl => Action::CtaUrl {
                display_text: required("display_text", self.display_text)?,
                url: required("url", self.url)?.parse().map_err(|error| Wrong::new("url", error))?,
            },
            InteractiveType::LocationRequest => Action::LocationRequest,
        };
        let header = self.header.map(Header::into_stored).transpose();
        let header = header.map_err(|wrong| wrong.within("header"))?;
        Ok(Content::Interactive(Interactive { action, text: self.text, header, footer: self.footer }))
    }
}

fn required<T>(field: &str, given: Option<T>) -> Result<T, Wrong> {
    given.ok_or_else(|| Wrong::new(field, "is required with this interactive_type"))
}

impl From<ReplyButton> for domain::Button {
    fn from(button: ReplyButton) -> Self {
        Self { id: button.id, title: button.title }
    }
}

impl From<ListSection> for domain::Section {
    fn from(section: ListSection) -> Self {
        let row = |row: ListRow| domain::Row { id: row.id, title: row.title, description: row.description };
        Self { title: section.title, rows: section.rows.into_iter().map(row).collect() }
    }
}

impl From<Interactive> for InteractiveContent {
    fn from(interactive: Interactive) -> Self {
        let mut body = InteractiveBody {
            text: interactive.text,
            header: interactive.header.map(Header::from),
            footer: interactive.footer,
            buttons: None,
            button_text: None,
            sections: None,
            display_text: None,
            url: None,
        };
        let interactive_type = match interactive.action {
            Action::Buttons { buttons } => {
                let button = |button: domain::Button| ReplyButton { id: button.id, title: button.title };
                body.buttons = Some(buttons.into_iter().map(button).collect());
                InteractiveType::Buttons
            }
            Action::List { button_text, sections } => {
                body.button_text = Some(button_text);
                body.sections = Some(sections.into_iter().map(shown).collect());
                InteractiveType::List
            }
            Action::CtaUrl { display_text, url } => {
                body.display_text = Some(display_text);
                body.url = Some(url.into());
                InteractiveType::CtaUrl
            }
            Action::LocationRequest => InteractiveType::LocationRequest,
        };
        Self { interactive_type, body }
    }
}

fn shown(section: domain::Section) -> ListSection {
    let row = |row: domain::Row| ListRow { id: row.id, title: row.title, description: row.description };
    ListSection { title: section.title, rows: section.rows.into_iter().map(row).collect() }
}
