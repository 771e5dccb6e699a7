//! What a guest orders from the catalog.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalog_id: Option<String>,
    /// What the guest wrote with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    pub items: Vec<OrderItem>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrderItem {
    /// The shop's own id of the product.
    pub product_id: String,
    pub quantity: f64,
    /// Of one, in `currency`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<f64>,
    /// ISO 4217.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
}

impl Order {
    pub(super) fn summary(&self) -> String {
        let items = self.items.iter().map(|item| format!("{} × {}", item.quantity, item.product_id));
        items.chain(self.text.clone()).collect::<Vec<_>>().join(", ")
    }
}
