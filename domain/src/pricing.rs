//! What the provider says of a message's price: no amounts, but whether it costs and by which tariff.

use serde::{Deserialize, Serialize};

/// `statuses[].pricing` of a webhook. It comes with `sent` and again with a later status of the same message.
/// Source: Meta, "Pricing updates on the WhatsApp Business Platform".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pricing {
    pub billable: bool,
    /// `PMP`, a price for each message; `CBP`, a price for each conversation, before July 2025.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pricing_model: Option<String>,
    /// Meta's word, such as `regular` or `free_customer_service`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Meta's word, such as `marketing`, `utility` or `service`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
}

impl Pricing {
    /// `None` when nothing says whether it costs. Meta means to drop `billable`; the type says the same:
    /// all its free kinds begin with `free_`.
    pub fn of(
        billable: Option<bool>,
        pricing_model: Option<String>,
        kind: Option<String>,
        category: Option<String>,
    ) -> Option<Self> {
        let by_kind = kind.as_deref().map(|kind| !kind.starts_with("free_"));
        Some(Self { billable: billable.or(by_kind)?, pricing_model, kind, category })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_says_what_costs_when_nothing_else_does() {
        let of = |billable, kind: Option<&str>| {
            Pricing::of(billable, None, kind.map(str::to_owned), None).map(|pricing| pricing.billable)
        };
        assert_eq!(of(None, Some("regular")), Some(true));
        assert_eq!(of(None, Some("free_customer_service")), Some(false));
        assert_eq!(of(None, Some("free_entry_point")), Some(false));
        assert_eq!(of(Some(true), Some("free_entry_point")), Some(true), "as it is stated");
        assert_eq!(of(Some(false), None), Some(false));
        assert_eq!(of(None, None), None);
    }

    #[test]
    fn the_stored_form_is_metas() {
        let stored = r#"{"billable":true,"pricing_model":"PMP","type":"regular","category":"marketing"}"#;
        let pricing: Pricing = serde_json::from_str(stored).unwrap();
        assert_eq!(serde_json::to_string(&pricing).unwrap(), stored);
    }
}
