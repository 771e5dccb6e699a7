//! What a guest agreed to, and what may be sent after that.
//!
//! There are two kinds. Guests close and open `marketing` themselves, in words or in WhatsApp; `service`, which
//! is everything else, is closed and opened by the API only. Nothing is refused before an explicit opt-out,
//! unless the property asks for an opt-in to marketing.

mod words;

use crate::content::Content;
use crate::inbound::Choice;
use crate::template::Category;
use crate::text_enum;

pub use words::StopWords;

text_enum! {
    /// What a guest may agree to, or not.
    ConsentKind {
        /// Templates of the category `MARKETING`.
        Marketing = "marketing",
        /// All else: free-form messages, and templates of every other category.
        Service = "service",
    }
}

text_enum! {
    /// What is known of a guest's will.
    ConsentState {
        /// Nothing was ever said.
        Unknown = "unknown",
        OptedIn = "opted_in",
        OptedOut = "opted_out",
    }
}

text_enum! {
    /// How a guest's will became known.
    ConsentSource {
        /// By a call that names no other source.
        Api = "api",
        /// At the front desk, in words.
        FrontDesk = "front_desk",
        /// With a booking.
        Booking = "booking",
        /// On the hotel's own pages.
        Website = "website",
        /// With a list of guests that was imported.
        Import = "import",
        /// The guest wrote a word that means stop, or tapped a button that says so.
        StopWord = "stop_word",
        /// The guest stopped or resumed marketing in WhatsApp itself. Meta: `user_preferences`.
        UserPreferences = "user_preferences",
        /// WhatsApp refused marketing, because the guest had stopped it. Meta: 131050.
        ProviderRefusal = "provider_refusal",
    }
}

impl ConsentSource {
    /// Whether a caller may state it; the others are found out here.
    pub const fn may_be_stated(self) -> bool {
        match self {
            Self::Api | Self::FrontDesk | Self::Booking | Self::Website | Self::Import => true,
            Self::StopWord | Self::UserPreferences | Self::ProviderRefusal => false,
        }
    }
}

impl From<Choice> for ConsentState {
    fn from(choice: Choice) -> Self {
        match choice {
            Choice::Stop => Self::OptedOut,
            Choice::Resume => Self::OptedIn,
        }
    }
}

/// A guest's will as it stands, by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Consents {
    pub marketing: ConsentState,
    pub service: ConsentState,
}

impl Consents {
    pub const UNKNOWN: Self = Self { marketing: ConsentState::Unknown, service: ConsentState::Unknown };

    pub const fn of(self, kind: ConsentKind) -> ConsentState {
        match kind {
            ConsentKind::Marketing => self.marketing,
            ConsentKind::Service => self.service,
        }
    }

    pub const fn with(self, kind: ConsentKind, state: ConsentState) -> Self {
        match kind {
            ConsentKind::Marketing => Self { marketing: state, ..self },
            ConsentKind::Service => Self { service: state, ..self },
        }
    }
}

/// Why something may not be sent to a guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// The kind that stands against it.
    pub kind: ConsentKind,
    /// `OptedOut`, or `Unknown` where the property asks for an opt-in.
    pub state: ConsentState,
}

/// The table: which kind a content needs. `category` is the template's present one, in Meta's words; what is
/// not known to be of service may be advertising.
pub fn needed(content: &Content, category: Option<&str>) -> ConsentKind {
    match content {
        Content::Template(_) => match category.map(str::parse) {
            Some(Ok(Category::Utility | Category::Authentication)) => ConsentKind::Service,
            Some(Ok(Category::Marketing) | Err(_)) | None => ConsentKind::Marketing,
        },
        Content::Text(_)
        | Content::Image(_)
        | Content::Video(_)
        | Content::Audio(_)
        | Content::Document(_)
        | Content::Sticker(_)
        | Content::Location(_)
        | Content::Contacts(_)
        | Content::Interactive(_)
        | Content::Reaction(_)
        | Content::Reply(_)
        | Content::Order(_)
        | Content::Notice(_)
        | Content::Unsupported(_) => ConsentKind::Service,
    }
}

/// Whether a guest's will stands against something that needs this kind. An opt-out of `service` closes
/// everything. An opt-in is asked for marketing only: who wrote to the hotel, or booked with it, expects its
/// answers.
pub const fn refuses(needs: ConsentKind, consents: Consents, require_opt_in: bool) -> Option<Refused> {
    match (consents.service, needs, consents.marketing) {
        (state @ ConsentState::OptedOut, _, _) => Some(Refused { kind: ConsentKind::Service, state }),
        (_, ConsentKind::Service, _) | (_, ConsentKind::Marketing, ConsentState::OptedIn) => None,
        (_, ConsentKind::Marketing, state @ ConsentState::OptedOut) => {
            Some(Refused { kind: ConsentKind::Marketing, state })
        }
        (_, ConsentKind::Marketing, state @ ConsentState::Unknown) => {
            if require_opt_in {
                Some(Refused { kind: ConsentKind::Marketing, state })
            } else {
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ConsentKind::{Marketing, Service};
    use ConsentState::{OptedIn, OptedOut, Unknown};
    use serde_json::json;

    #[test]
    fn every_case_of_the_rule() {
        let no = |kind, state| Some(Refused { kind, state });
        for service in [Unknown, OptedIn, OptedOut] {
            for marketing in [Unknown, OptedIn, OptedOut] {
                for require in [false, true] {
                    let consents = Consents { marketing, service };
                    let closed = (service == OptedOut).then_some(Refused { kind: Service, state: OptedOut });
                    assert_eq!(refuses(Service, consents, require), closed, "{consents:?}");
                    let expected = closed.or(match (marketing, require) {
                        (OptedOut, _) => no(Marketing, OptedOut),
                        (Unknown, true) => no(Marketing, Unknown),
                        (Unknown, false) | (OptedIn, _) => None,
                    });
                    assert_eq!(refuses(Marketing, consents, require), expected, "{consents:?} {require}");
                }
            }
        }
    }

    #[test]
    fn only_marketing_templates_need_marketing() {
        let template = json!({"type": "template", "template_name": "t", "language": "en", "parameters": {},
            "named": true, "text": "x"});
        let template: Content = serde_json::from_value(template).unwrap();
        for (category, kind) in [
            (Some("MARKETING"), Marketing),
            (Some("UTILITY"), Service),
            (Some("AUTHENTICATION"), Service),
            (Some("SOMETHING_NEW"), Marketing),
            (None, Marketing),
        ] {
            assert_eq!(needed(&template, category), kind, "{category:?}");
        }
        for free in [
            json!({"type": "text", "text": "20% off!"}),
            json!({"type": "image", "link": "https://h.example/a.jpg"}),
            json!({"type": "interactive", "interactive_type": "location_request", "text": "t"}),
        ] {
            assert_eq!(needed(&serde_json::from_value(free).unwrap(), None), Service);
        }
    }

    #[test]
    fn consents_are_set_by_kind() {
        let out = Consents::UNKNOWN.with(Marketing, OptedOut).with(Service, OptedIn);
        assert_eq!((out.of(Marketing), out.of(Service)), (OptedOut, OptedIn));
        assert_eq!(out, Consents { marketing: OptedOut, service: OptedIn });
    }
}
