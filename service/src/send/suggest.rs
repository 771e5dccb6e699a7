//! Templates to send where free-form messages are refused: those that suit the conversation, first.

use std::cmp::Reverse;
use std::collections::HashMap;

use bellhop_domain::content::Content;
use bellhop_domain::conversation::Direction;
use bellhop_domain::template::TemplateDefinition;
use bellhop_domain::{ConversationId, PropertyId};
use bellhop_entity::{conversation, message};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::app::App;
use crate::error::Result;
use crate::property;

/// Names in a suggestion.
const SUGGESTED: usize = 5;
/// Messages of the conversation that are looked at.
const LOOK_BACK: u64 = 50;

/// What is known of a conversation that a template should suit.
#[derive(Debug, Default)]
pub(crate) struct Suited {
    /// The guest's languages, the likeliest first.
    languages: Vec<String>,
    /// How often a template went out in it.
    used: HashMap<String, usize>,
}

impl App {
    /// Names of approved templates that a front desk can send at once, the best first.
    pub(crate) async fn suggest_templates(
        &self,
        property: PropertyId,
        conversation: Option<ConversationId>,
    ) -> Result<Vec<String>> {
        let mut suited = match conversation {
            Some(id) => self.look_back(id).await?,
            None => Suited::default(),
        };
        suited.languages.push(property::load(self.db.reader(), property).await?.default_language);
        let templates = self.approved_templates(property).await?;
        Ok(suited.rank(&templates))
    }

    async fn look_back(&self, conversation: ConversationId) -> Result<Suited> {
        let theirs: Option<Option<String>> = conversation::Entity::find_by_id(conversation)
            .select_only()
            .column(conversation::Column::Language)
            .into_tuple()
            .one(self.db.reader())
            .await?;
        let said: Vec<(Direction, Content)> = message::Entity::find()
            .select_only()
            .columns([message::Column::Direction, message::Column::Content])
            .filter(message::Column::ConversationId.eq(conversation))
            .filter(message::Column::Seq.is_not_null())
            .order_by_desc(message::Column::Seq)
            .limit(LOOK_BACK)
            .into_tuple()
            .all(self.db.reader())
            .await?;
        let mut suited = Suited::of(&said);
        // What somebody knows of the guest goes before what letters give away.
        suited.languages.splice(0..0, theirs.flatten());
        Ok(suited)
    }
}

impl Suited {
    /// From what was said, the newest first.
    fn of(said: &[(Direction, Content)]) -> Self {
        let mut suited = Self::default();
        for (direction, content) in said {
            match (direction, content) {
                (Direction::Inbound, Content::Text(text)) => {
                    suited.languages.extend(language_of(&text.text).map(str::to_owned));
                }
                (Direction::Outbound, Content::Template(template)) => {
                    suited.languages.push(template.language.to_string());
                    *suited.used.entry(template.template_name.to_string()).or_default() += 1;
                }
                (Direction::Inbound | Direction::Outbound, _) => {}
            }
        }
        suited
    }

    fn rank(&self, templates: &[TemplateDefinition]) -> Vec<String> {
        let mut fit: Vec<&TemplateDefinition> = templates.iter().filter(|t| t.is_text_only()).collect();
        fit.sort_by_cached_key(|template| {
            (
                self.language_rank(template),
                // Marketing needs a consent of its own, and costs more.
                template.category != "UTILITY",
                purpose(template.name.as_str()),
                Reverse(self.used.get(template.name.as_str()).copied().unwrap_or_default()),
                template.name.to_string(),
            )
        });
        let mut names: Vec<String> = Vec::new();
        for template in fit {
            if names.len() < SUGGESTED && !names.iter().any(|name| name == template.name.as_str()) {
                names.push(template.name.to_string());
            }
        }
        names
    }

    fn language_rank(&self, template: &TemplateDefinition) -> usize {
        let base = |language: &str| language.split(['_', '-']).next().unwrap_or(language).to_owned();
        let theirs = template.language.base();
        self.languages.iter().position(|known| base(known) == theirs).unwrap_or(usize::MAX)
    }
}

/// Those that take up a talk again come before those that are about something.
fn purpose(name: &str) -> u8 {
    match () {
        () if name.contains("followup") || name.contains("follow_up") => 0,
        () if name.contains("inquiry") || name.contains("general") => 1,
        () => 2,
    }
}

/// The language that a script gives away; Latin letters say nothing.
fn language_of(text: &str) -> Option<&'static str> {
    text.chars().find_map(|c| match c {
        '\u{590}'..='\u{5FF}' => Some("he"),
        '\u{600}'..='\u{6FF}' => Some("ar"),
        '\u{400}'..='\u{4FF}' => Some("ru"),
        '\u{E00}'..='\u{E7F}' => Some("th"),
        '\u{3040}'..='\u{30FF}' => Some("ja"),
        '\u{AC00}'..='\u{D7AF}' => Some("ko"),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bellhop_domain::content::Text;
    use serde_json::json;

    fn template(name: &str, language: &str, category: &str) -> TemplateDefinition {
        TemplateDefinition {
            provider_id: "1".into(),
            name: name.parse().unwrap(),
            language: language.parse().unwrap(),
            category: category.into(),
            status: "APPROVED".into(),
            parameter_format: bellhop_domain::template::ParameterFormat::Named,
            components: json!([{"type": "BODY", "text": "Hello {{guest_name}}"}]),
            quality: None,
            rejection_reason: None,
            parameter_names: Vec::new(),
        }
    }

    fn sent(name: &str, language: &str) -> (Direction, Content) {
        let filled = template(name, language, "UTILITY").fill(bellhop_domain::template::Given {
            parameters: [("guest_name".to_owned(), "Ana".to_owned())].into(),
            ..Default::default()
        });
        (Direction::Outbound, Content::Template(filled.unwrap()))
    }

    #[test]
    fn language_then_category_then_purpose_then_use() {
        let all = [
            template("offer", "en", "MARKETING"),
            template("parking", "en", "UTILITY"),
            template("pool", "en", "UTILITY"),
            template("service_followup", "en", "UTILITY"),
            template("welcome", "he", "UTILITY"),
        ];
        let rank = |said: &[(Direction, Content)]| {
            let mut suited = Suited::of(said);
            suited.languages.push("en".into());
            suited.rank(&all).join(" ")
        };
        assert_eq!(rank(&[]), "service_followup parking pool offer welcome");
        assert_eq!(rank(&[sent("pool", "en_US")]), "service_followup pool parking offer welcome");
        let wrote = (Direction::Inbound, Content::Text(Text::new("תודה")));
        assert_eq!(rank(&[wrote]), "welcome service_followup parking pool offer");
    }

    #[test]
    fn what_needs_a_file_is_not_suggested() {
        let mut picture = template("room_key", "en", "UTILITY");
        picture.components = json!([{"type": "HEADER", "format": "IMAGE"}, {"type": "BODY", "text": "Key"}]);
        assert!(Suited::default().rank(&[picture]).is_empty());
    }
}
