//! What the query of an upload says about the batch.

use bellhop_domain::settings::InDoubtPolicy;
use bellhop_service::batch::BatchOptions;
use bellhop_service::error::Error;

use super::file::Defaults;
use crate::batch::{self, DeliveryOptions, RateLimit};
use crate::content::TemplateFields;
use crate::envelope::ApiError;
use crate::types::Timestamp;

/// The query, as it was given.
#[derive(Debug, Default)]
pub struct UploadQuery {
    pub name: Option<String>,
    pub send_at: Option<Timestamp>,
    pub template_name: Option<String>,
    pub language: Option<String>,
    pub messages_per_second: Option<i64>,
    pub batch_size: Option<i64>,
    pub retry_failed: Option<bool>,
    pub max_retries: Option<i64>,
    pub retry_delay: Option<i64>,
    pub track_delivery: Option<bool>,
    pub in_doubt: Option<InDoubtPolicy>,
    pub fallback_template: Option<String>,
    pub fallback_language: Option<String>,
}

impl UploadQuery {
    pub fn read(self) -> Result<(BatchOptions, Defaults), ApiError> {
        let given = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        let fallback = given(self.fallback_template);
        let fallback_template = fallback.map(|name| TemplateFields::without(name, self.fallback_language));
        let rate_limit =
            RateLimit { messages_per_second: self.messages_per_second, batch_size: self.batch_size };
        let delivery = DeliveryOptions {
            retry_failed: self.retry_failed,
            max_retries: self.max_retries,
            retry_delay: self.retry_delay,
            track_delivery: self.track_delivery,
            in_doubt: self.in_doubt,
            fallback_template,
        };
        let options = batch::options(Some(rate_limit), Some(delivery))?;
        let send_at = self.send_at.map(|at| at.0);
        let defaults = Defaults { template_name: given(self.template_name), language: given(self.language) };
        Ok((BatchOptions { name: self.name, send_at, ..options }, defaults))
    }
}

/// What is wrong with an option, under the name that it has in the query: in a JSON body it stands
/// inside an object.
pub fn in_query(error: Error) -> Error {
    let Error::Refused(refusal) = &error else { return error };
    let told = |key: &str| refusal.details.get(key).and_then(serde_json::Value::as_str);
    let bare = told("field").and_then(|field| {
        field.strip_prefix("rate_limit.").or_else(|| field.strip_prefix("delivery_options."))
    });
    match (bare, told("reason")) {
        (Some(field), Some(reason)) => Error::field(field, reason),
        (None, _) | (_, None) => error,
    }
}
