//! What the guest will see of a template.

use bellhop_domain::rights::Right;
use bellhop_domain::template::{Language, Preview};

use super::{not_found, pick, read_name};
use crate::app::App;
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::property;
use crate::send::{TemplateSend, misfit};

/// A template, filled in.
#[derive(Debug, Clone)]
pub struct TemplatePreview {
    /// The one that was found.
    pub language: Language,
    /// Meta's word; only APPROVED can be sent.
    pub status: String,
    pub preview: Preview,
}

impl App {
    /// Fills a template in without sending it, whatever its status.
    pub async fn preview_template(&self, caller: &Caller, send: TemplateSend) -> Result<TemplatePreview> {
        caller.require(Right::ReadTemplates)?;
        let name = read_name(&send.name)?;
        let language = match send.language.filter(|language| !language.is_empty()) {
            Some(language) => language,
            None => property::load(self.db.reader(), caller.property_id).await?.default_language,
        };
        let translations = self.visible_translations(caller.property_id, name.as_str()).await?;
        let found = pick(&translations, &language)
            .ok_or_else(|| not_found(name.as_str(), Some(&language), &translations))?;
        let definition = &found.definition;
        if let Some(reason) = definition.unsendable() {
            return Err(Error::field("template_name", format_args!("{name} cannot be shown: {reason}")));
        }
        let filled = definition.fill(send.given).map_err(|error| misfit(definition, &error))?;
        Ok(TemplatePreview {
            language: definition.language.clone(),
            status: definition.status.clone(),
            preview: definition.preview(&filled),
        })
    }
}
