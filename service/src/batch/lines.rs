//! The lines of a batch, as they are handed in, and what each comes to.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bellhop_domain::media::{MediaKind, MediaRef};
use bellhop_domain::template::TemplateDefinition;
use bellhop_domain::{ConnectionId, Content, Country, GuestId, MediaId, PhoneNumber, PropertyId};

use crate::app::App;
use crate::error::{Error, Refusal, cut, shorten};
use crate::send::{TemplateSend, fill};

/// The longest reference, in characters.
const REFERENCE_MAX: usize = 128;

/// One recipient, as it was handed in.
#[derive(Debug, Clone)]
pub struct Line {
    /// Counted from 1; in a file the line's own number.
    pub number: i32,
    pub recipient: Result<LineRecipient, Unusable>,
}

#[derive(Debug, Clone)]
pub struct LineRecipient {
    pub phone: Option<String>,
    pub guest_id: Option<String>,
    /// Tells two recipients on one phone apart.
    pub reference: Option<String>,
    pub content: LineContent,
}

#[derive(Debug, Clone)]
pub enum LineContent {
    Content(Content),
    Template(TemplateSend),
}

/// Why a line makes no message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unusable {
    pub field: String,
    pub reason: String,
}

impl Unusable {
    pub fn new(field: &str, reason: impl std::fmt::Display) -> Self {
        Self { field: field.to_owned(), reason: cut(&reason.to_string(), 400) }
    }

    /// What refuses a single message refuses the line.
    fn of(refusal: &Refusal) -> Self {
        let told = |key: &str| refusal.details[key].as_str();
        match (told("field"), told("reason")) {
            (Some(field), Some(reason)) => Self::new(field, reason),
            _ => Self::new("content", &refusal.message),
        }
    }
}

/// Whom a line names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Who {
    Phone(PhoneNumber),
    Guest(GuestId),
}

impl Who {
    /// The field that named them.
    pub const fn field(&self) -> &'static str {
        match self {
            Self::Phone(_) => "phone",
            Self::Guest(_) => "guest_id",
        }
    }
}

/// A line that can be read; whether the guest may get it is not known yet.
#[derive(Debug)]
pub(super) struct Candidate {
    pub number: i32,
    pub who: Who,
    pub reference: Option<String>,
    pub content: Content,
}

/// Reads lines; knows the templates that it has met.
pub(super) struct Reader {
    pub property: PropertyId,
    /// The number from which they go out.
    pub connection: ConnectionId,
    pub home: Option<Country>,
    pub default_language: String,
    templates: HashMap<(String, String), Result<Arc<TemplateDefinition>, Unusable>>,
    /// Files that are there, and of the kind as which they are sent.
    files: HashSet<(MediaKind, MediaId)>,
}

impl Reader {
    pub fn new(
        (property, connection): (PropertyId, ConnectionId),
        home: Option<Country>,
        default_language: String,
    ) -> Self {
        Self {
            property,
            connection,
            home,
            default_language,
            templates: HashMap::new(),
            files: HashSet::new(),
        }
    }

    /// `Err` within for a line that is refused, without for what stops the batch.
    pub async fn read(&mut self, app: &App, line: Line) -> crate::Result<Result<Candidate, Unusable>> {
        let recipient = match line.recipient {
            Ok(recipient) => recipient,
            Err(unusable) => return Ok(Err(unusable)),
        };
        let (who, reference) = match self.read_who(&recipient) {
            Ok(read) => read,
            Err(unusable) => return Ok(Err(unusable)),
        };
        let content = match recipient.content {
            LineContent::Content(content) => self.read_content(app, content).await?,
            LineContent::Template(send) => self.read_template(app, send).await?,
        };
        Ok(content.map(|content| Candidate { number: line.number, who, reference, content }))
    }

    fn read_who(&self, line: &LineRecipient) -> Result<(Who, Option<String>), Unusable> {
        let reference = line.reference.as_deref().map(str::trim).filter(|text| !text.is_empty());
        if reference.is_some_and(|text| text.chars().count() > REFERENCE_MAX) {
            return Err(Unusable::new(
                "reference",
                format_args!("must have at most {REFERENCE_MAX} characters"),
            ));
        }
        let given = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
        let who = match (given(&line.guest_id), given(&line.phone)) {
            (None, None) => return Err(Unusable::new("phone", "is required, unless guest_id is given")),
            (Some(_), Some(_)) => {
                return Err(Unusable::new("guest_id", "name the phone or the guest, not both"));
            }
            (Some(id), None) => Who::Guest(
                id.trim().parse().map_err(|_| Unusable::new("guest_id", "there is no such guest"))?,
            ),
            (None, Some(phone)) => {
                let number = PhoneNumber::parse(&phone, self.home).map_err(|error| {
                    Unusable::new("phone", format_args!("\"{}\": {error}", shorten(&phone)))
                })?;
                Who::Phone(number)
            }
        };
        Ok((who, reference.map(str::to_owned)))
    }

    async fn read_content(
        &mut self,
        app: &App,
        content: Content,
    ) -> crate::Result<Result<Content, Unusable>> {
        let content = match content.check() {
            Ok(content) => content,
            Err(wrong) => return Ok(Err(Unusable::new(&format!("content.{}", wrong.field), wrong.reason))),
        };
        self.check_file(app, content, "content").await
    }

    async fn check_file(
        &mut self,
        app: &App,
        content: Content,
        within: &str,
    ) -> crate::Result<Result<Content, Unusable>> {
        let file = match content.file() {
            Some((kind, MediaRef::MediaId(id))) => (kind, *id),
            Some((_, MediaRef::Link(_))) | None => return Ok(Ok(content)),
        };
        if self.files.contains(&file) {
            return Ok(Ok(content));
        }
        match app.check_file(self.property, &content, within).await {
            Ok(()) => {
                self.files.insert(file);
                Ok(Ok(content))
            }
            Err(Error::Refused(refusal)) => Ok(Err(Unusable::of(&refusal))),
            Err(other) => Err(other),
        }
    }

    async fn read_template(
        &mut self,
        app: &App,
        send: TemplateSend,
    ) -> crate::Result<Result<Content, Unusable>> {
        let language = send.language.clone().filter(|language| !language.is_empty());
        let language = language.unwrap_or_else(|| self.default_language.clone());
        let key = (send.name.clone(), language);
        if !self.templates.contains_key(&key) {
            let found = self.find_template(app, &key).await?;
            self.templates.insert(key.clone(), found);
        }
        let filled = match &self.templates[&key] {
            Ok(template) => fill(template, send.given).map_err(|error| Unusable::new("parameters", error)),
            Err(unusable) => Err(unusable.clone()),
        };
        match filled {
            Ok(content) => self.check_file(app, content, "content").await,
            Err(unusable) => Ok(Err(unusable)),
        }
    }

    async fn find_template(
        &self,
        app: &App,
        (name, language): &(String, String),
    ) -> crate::Result<Result<Arc<TemplateDefinition>, Unusable>> {
        let refused = |error: Error| match error {
            Error::Refused(refusal) => Ok(Err(Unusable::new("template_name", refusal.message))),
            other => Err(other),
        };
        let name = match crate::template::read_name(name) {
            Ok(name) => name,
            Err(error) => return refused(error),
        };
        match app.sendable_template((self.property, self.connection), name.as_str(), language).await {
            Ok(template) => Ok(Ok(Arc::new(template))),
            Err(error) => refused(error),
        }
    }
}
