//! Templates, both ways.

use bellhop_domain::ports::{ProviderFailure, TemplateDraft, TemplateReceipt};
use bellhop_domain::template::{ParameterFormat, TemplateDefinition};
use serde_json::Value;

use super::super::json;
use super::super::wire::template as wire;
use super::answer::told;

pub fn create(draft: &TemplateDraft) -> wire::Create<'_> {
    wire::Create {
        name: draft.name.as_str(),
        language: draft.language.as_str(),
        category: &draft.category,
        parameter_format: draft.parameter_format,
        components: &draft.components,
    }
}

pub fn edit(draft: &TemplateDraft) -> wire::Edit<'_> {
    wire::Edit { category: &draft.category, components: &draft.components }
}

pub fn receipt(created: wire::Created) -> Result<TemplateReceipt, ProviderFailure> {
    Ok(TemplateReceipt {
        provider_id: told(created.id, "id")?,
        // Older versions of the API answer with the id alone; every new template is reviewed first.
        status: created.status.unwrap_or_else(|| "PENDING".to_owned()),
        category: created.category,
    })
}

/// `None`, and a warning, for one that cannot be read.
pub fn template(entry: Value) -> Option<TemplateDefinition> {
    let id = json::as_text(&entry["id"]);
    match serde_json::from_value::<wire::Template>(entry)
        .map_err(|e| e.to_string())
        .and_then(TryFrom::try_from)
    {
        Ok(template) => Some(template),
        Err(reason) => {
            tracing::warn!(template_id = id, reason, "a template of the provider cannot be read");
            None
        }
    }
}

impl TryFrom<wire::Template> for TemplateDefinition {
    type Error = String;

    fn try_from(template: wire::Template) -> Result<Self, String> {
        let parameter_format = match template.parameter_format {
            None => ParameterFormat::Positional,
            Some(word) => {
                word.to_ascii_uppercase().parse().map_err(|_| format!("unknown parameter_format {word}"))?
            }
        };
        if !template.components.is_array() {
            return Err("components is not a list".into());
        }
        Ok(Self {
            provider_id: template.id.ok_or("it has no id")?,
            name: template.name.parse().map_err(|error| format!("{error}"))?,
            language: template.language.parse().map_err(|error| format!("{error}"))?,
            category: template.category,
            status: template.status,
            parameter_format,
            components: template.components,
            quality: template.quality_score.map(|quality| quality.score),
            // Meta writes NONE where nothing was rejected.
            parameter_names: Vec::new(),
            rejection_reason: template.rejected_reason.filter(|reason| reason != "NONE"),
        })
    }
}
