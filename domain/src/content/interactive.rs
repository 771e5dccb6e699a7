//! Words with something to tap. All limits: Meta's OpenAPI and its pages on interactive messages.

use serde::{Deserialize, Serialize};

use super::header::Header;
use super::wrong::{Wrong, count, distinct, some_words, words};
use crate::media::Link;

const TEXT_MAX: usize = 1024;
/// Meta's page says so; its generic schema says 1024.
const LIST_TEXT_MAX: usize = 4096;
const FOOTER_MAX: usize = 60;
const BUTTONS_MAX: usize = 3;
const BUTTON_ID_MAX: usize = 256;
const BUTTON_TITLE_MAX: usize = 20;
const SECTIONS_MAX: usize = 10;
/// Over all sections.
const ROWS_MAX: usize = 10;
const ROW_ID_MAX: usize = 200;
const ROW_TITLE_MAX: usize = 24;
const ROW_DESCRIPTION_MAX: usize = 72;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Interactive {
    #[serde(flatten)]
    pub action: Action,
    pub text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<Header>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub footer: Option<String>,
}

/// What the guest can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "interactive_type", rename_all = "snake_case")]
pub enum Action {
    Buttons {
        buttons: Vec<Button>,
    },
    List {
        /// Of the button that opens the list.
        button_text: String,
        sections: Vec<Section>,
    },
    CtaUrl {
        display_text: String,
        url: Link,
    },
    LocationRequest,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Button {
    /// Comes back when the guest taps it.
    pub id: String,
    pub title: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    pub rows: Vec<Row>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Comes back when the guest picks it.
    pub id: String,
    pub title: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

impl Interactive {
    pub(super) fn check(self) -> Result<Self, Wrong> {
        let text_max = match &self.action {
            Action::List { .. } => LIST_TEXT_MAX,
            Action::Buttons { .. } | Action::CtaUrl { .. } | Action::LocationRequest => TEXT_MAX,
        };
        words("text", &self.text, text_max)?;
        some_words("footer", self.footer.as_ref(), FOOTER_MAX)?;
        self.check_header()?;
        match &self.action {
            Action::Buttons { buttons } => check_buttons(buttons)?,
            Action::List { button_text, sections } => {
                words("button_text", button_text, BUTTON_TITLE_MAX)?;
                check_sections(sections)?;
            }
            Action::CtaUrl { display_text, .. } => words("display_text", display_text, BUTTON_TITLE_MAX)?,
            Action::LocationRequest => {}
        }
        Ok(self)
    }

    fn check_header(&self) -> Result<(), Wrong> {
        if matches!(self.action, Action::LocationRequest) {
            return match (&self.header, &self.footer) {
                (Some(_), _) => Err(Wrong::new("header", "cannot go with a location request")),
                (None, Some(_)) => Err(Wrong::new("footer", "cannot go with a location request")),
                (None, None) => Ok(()),
            };
        }
        let Some(header) = &self.header else { return Ok(()) };
        if matches!(self.action, Action::List { .. }) && !matches!(header, Header::Text { .. }) {
            return Err(Wrong::new("header.type", "must be text in a list"));
        }
        header.check().map_err(|wrong| wrong.within("header"))
    }
}

fn check_buttons(buttons: &[Button]) -> Result<(), Wrong> {
    count("buttons", buttons.len(), 1..=BUTTONS_MAX)?;
    for (at, button) in buttons.iter().enumerate() {
        let wrong = |wrong: Wrong| wrong.within(format_args!("buttons.{at}"));
        id(&button.id, BUTTON_ID_MAX).map_err(wrong)?;
        words("title", &button.title, BUTTON_TITLE_MAX).map_err(wrong)?;
    }
    distinct(buttons.iter().map(|button| &*button.id), |at| format!("buttons.{at}.id"))?;
    distinct(buttons.iter().map(|button| &*button.title), |at| format!("buttons.{at}.title"))
}

fn check_sections(sections: &[Section]) -> Result<(), Wrong> {
    count("sections", sections.len(), 1..=SECTIONS_MAX)?;
    for (at, section) in sections.iter().enumerate() {
        let wrong = |wrong: Wrong| wrong.within(format_args!("sections.{at}"));
        if sections.len() > 1 && section.title.is_none() {
            return Err(wrong(Wrong::new("title", "is required where there are several sections")));
        }
        some_words("title", section.title.as_ref(), ROW_TITLE_MAX).map_err(wrong)?;
        count("rows", section.rows.len(), 1..=ROWS_MAX).map_err(wrong)?;
        for (at, row) in section.rows.iter().enumerate() {
            check_row(row).map_err(|row| wrong(row.within(format_args!("rows.{at}"))))?;
        }
    }
    let places: Vec<(usize, usize)> = sections
        .iter()
        .enumerate()
        .flat_map(|(at, section)| (0..section.rows.len()).map(move |row| (at, row)))
        .collect();
    if places.len() > ROWS_MAX {
        let reason = format_args!("have {} rows in all; WhatsApp takes at most {ROWS_MAX}", places.len());
        return Err(Wrong::new("sections", reason));
    }
    let ids = sections.iter().flat_map(|section| &section.rows).map(|row| &*row.id);
    distinct(ids, |at| {
        let (section, row) = places.get(at).copied().unwrap_or_default();
        format!("sections.{section}.rows.{row}.id")
    })
}

fn check_row(row: &Row) -> Result<(), Wrong> {
    id(&row.id, ROW_ID_MAX)?;
    words("title", &row.title, ROW_TITLE_MAX)?;
    some_words("description", row.description.as_ref(), ROW_DESCRIPTION_MAX)
}

fn id(text: &str, max: usize) -> Result<(), Wrong> {
    words("id", text, max)?;
    if text.trim() == text { Ok(()) } else { Err(Wrong::new("id", "must not begin or end with a space")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(action: Action) -> Interactive {
        Interactive { action, text: "t".into(), header: None, footer: None }
    }

    fn button(id: &str, title: &str) -> Button {
        Button { id: id.into(), title: title.into() }
    }

    fn buttons(buttons: &[Button]) -> Interactive {
        of(Action::Buttons { buttons: buttons.to_vec() })
    }

    fn list(sections: Vec<Section>) -> Interactive {
        of(Action::List { button_text: "b".into(), sections })
    }

    fn rows(prefix: &str, number: usize) -> Vec<Row> {
        (0..number)
            .map(|n| Row { id: format!("{prefix}{n}"), title: "r".into(), description: None })
            .collect()
    }

    fn section(title: Option<&str>, rows: Vec<Row>) -> Section {
        Section { title: title.map(str::to_owned), rows }
    }

    #[track_caller]
    fn wrong(content: Interactive, field: &str) {
        assert_eq!(content.check().map_err(|wrong| wrong.field), Err(field.to_owned()));
    }

    #[track_caller]
    fn good(content: Interactive) {
        assert_eq!(content.clone().check(), Ok(content));
    }

    #[test]
    fn buttons_at_their_edges() {
        let three = [button("a", "A"), button("b", "B"), button("c", "C")];
        good(buttons(&three));
        wrong(buttons(&[]), "buttons");
        wrong(buttons(&[&three[..], &[button("d", "D")]].concat()), "buttons");
        good(buttons(&[button(&"i".repeat(256), &"ש".repeat(20))]));
        wrong(buttons(&[button(&"i".repeat(257), "t")]), "buttons.0.id");
        wrong(buttons(&[button("i", &"t".repeat(21))]), "buttons.0.title");
        wrong(buttons(&[button("i", "")]), "buttons.0.title");
        wrong(buttons(&[button(" i", "t")]), "buttons.0.id");
        wrong(buttons(&[button("i", "t"), button("i", "u")]), "buttons.1.id");
        wrong(buttons(&[button("i", "t"), button("j", "t")]), "buttons.1.title");
    }

    #[test]
    fn lists_at_their_edges() {
        good(list(vec![section(None, rows("a", 10))]));
        wrong(list(vec![section(None, rows("a", 11))]), "sections.0.rows");
        wrong(list(vec![section(Some("a"), rows("a", 5)), section(Some("b"), rows("b", 6))]), "sections");
        wrong(list(vec![]), "sections");
        wrong(list(vec![section(None, vec![])]), "sections.0.rows");
        good(list((0..10).map(|n| section(Some("s"), rows(&format!("{n}-"), 1))).collect()));
        wrong(list((0..11).map(|n| section(Some("s"), rows(&format!("{n}-"), 1))).collect()), "sections");
        wrong(list(vec![section(None, rows("a", 1)), section(Some("b"), rows("b", 1))]), "sections.0.title");
        wrong(
            list(vec![section(Some("a"), rows("a", 1)), section(Some("b"), rows("a", 1))]),
            "sections.1.rows.0.id",
        );
        good(list(vec![section(Some(&"s".repeat(24)), rows("a", 1))]));
        wrong(list(vec![section(Some(&"s".repeat(25)), rows("a", 1))]), "sections.0.title");
        let row = |id: usize, title: usize, description: usize| {
            let row = Row {
                id: "i".repeat(id),
                title: "t".repeat(title),
                description: Some("d".repeat(description)),
            };
            list(vec![section(None, vec![row])])
        };
        good(row(200, 24, 72));
        wrong(row(201, 24, 72), "sections.0.rows.0.id");
        wrong(row(200, 25, 72), "sections.0.rows.0.title");
        wrong(row(200, 24, 73), "sections.0.rows.0.description");
        let opened_by = |text: usize| {
            of(Action::List { button_text: "b".repeat(text), sections: vec![section(None, rows("a", 1))] })
        };
        good(opened_by(20));
        wrong(opened_by(21), "button_text");
    }

    #[test]
    fn words_around_them_at_their_edges() {
        let one = || buttons(&[button("a", "A")]);
        let text = |content: Interactive, n: usize| Interactive { text: "t".repeat(n), ..content };
        good(text(one(), 1024));
        wrong(text(one(), 1025), "text");
        wrong(text(one(), 0), "text");
        let list = || list(vec![section(None, rows("a", 1))]);
        good(text(list(), 4096));
        wrong(text(list(), 4097), "text");
        good(text(of(Action::LocationRequest), 1024));
        wrong(text(of(Action::LocationRequest), 1025), "text");
        let footer = |n: usize| Interactive { footer: Some("f".repeat(n)), ..one() };
        good(footer(60));
        wrong(footer(61), "footer");
        let header = |content: Interactive, text: &str| {
            let header = Some(Header::Text { text: text.into(), name: None });
            Interactive { header, ..content }
        };
        good(header(one(), &"h".repeat(60)));
        wrong(header(one(), &"h".repeat(61)), "header.text");
        good(header(list(), "h"));
        wrong(header(of(Action::LocationRequest), "h"), "header");
        let link = || serde_json::from_str(r#"{"type":"image","link":"https://h.example/a.jpg"}"#).unwrap();
        good(Interactive { header: Some(link()), ..one() });
        wrong(Interactive { header: Some(link()), ..list() }, "header.type");
        let cta = |n: usize| {
            of(Action::CtaUrl { display_text: "d".repeat(n), url: "https://h.example".parse().unwrap() })
        };
        good(cta(20));
        wrong(cta(21), "display_text");
    }
}
