//! Numbers of many messages, as answers show them.

use bellhop_domain::problem::Problem;
use bellhop_domain::provider_error::ProviderError;
use bellhop_service::analytics::{Numbers, Priced};
use poem_openapi::Object;

use crate::types::Nullable;

/// What became of messages. A message counts for the day on which it came in or was handed in, or for which it
/// was scheduled, whatever happened when.
#[derive(Debug, Object)]
pub struct MessageNumbers {
    /// From guests; 0 where the group is a template or a staff member.
    inbound: u64,
    /// To guests, without what is still scheduled or was cancelled.
    outbound: u64,
    /// Taken by WhatsApp, whatever came after.
    sent: u64,
    delivered: u64,
    /// Guests may keep this to themselves.
    read: u64,
    /// Failed, or the window closed first.
    failed: u64,
    /// The failed ones by reason.
    failures: Vec<FailureCount>,
    response_times: ResponsePercentiles,
    pricing: PricingCounts,
}

#[derive(Debug, Object)]
struct FailureCount {
    /// WhatsApp's, or a negative one of Bellhop's own; `null` when the window closed first.
    code: Nullable<i64>,
    /// A stable code of `GET errors`.
    failure_code: String,
    /// A sentence for a front-desk person.
    message: String,
    count: u64,
}

/// From the first of a guest's messages that nobody had answered to the answer. An answer counts for its own day.
/// Batches answer nobody. Exact to 2.5 %.
#[derive(Debug, Object)]
struct ResponsePercentiles {
    answered: u64,
    /// Half of the answers took no longer; `null` when there were none.
    p50_seconds: Nullable<f64>,
    p90_seconds: Nullable<f64>,
}

/// What WhatsApp charges. It tells no amounts, so messages are counted; those of which it said nothing, or
/// nothing yet, are in none of these.
#[derive(Debug, Object)]
struct PricingCounts {
    billable: u64,
    free: u64,
    tariffs: Vec<Tariff>,
}

/// In WhatsApp's words; `null` for what it did not say.
#[derive(Debug, Object)]
struct Tariff {
    /// Such as `marketing`, `utility`, `authentication` or `service`.
    category: Nullable<String>,
    /// Such as `regular` or `free_customer_service`.
    #[oai(rename = "type")]
    kind: Nullable<String>,
    billable: u64,
    free: u64,
}

/// What staff noted when they resolved conversations.
#[derive(Debug, Object)]
pub struct Ratings {
    count: u64,
    /// `null` when nobody rated.
    average: Nullable<f64>,
    distribution: Distribution,
}

/// How many gave each.
#[derive(Debug, Object)]
struct Distribution {
    #[oai(rename = "1")]
    one: u64,
    #[oai(rename = "2")]
    two: u64,
    #[oai(rename = "3")]
    three: u64,
    #[oai(rename = "4")]
    four: u64,
    #[oai(rename = "5")]
    five: u64,
}

impl From<&Numbers> for MessageNumbers {
    fn from(numbers: &Numbers) -> Self {
        let seconds = |part| Nullable(numbers.responses.percentile(part));
        Self {
            inbound: numbers.inbound,
            outbound: numbers.outbound,
            sent: numbers.sent,
            delivered: numbers.delivered,
            read: numbers.read,
            failed: numbers.failed(),
            failures: failures(numbers),
            response_times: ResponsePercentiles {
                answered: numbers.responses.count(),
                p50_seconds: seconds(0.5),
                p90_seconds: seconds(0.9),
            },
            pricing: numbers.into(),
        }
    }
}

/// The most frequent first.
fn failures(numbers: &Numbers) -> Vec<FailureCount> {
    let mut failures: Vec<FailureCount> =
        numbers.failures.iter().map(|(code, count)| FailureCount::of(*code, *count)).collect();
    if numbers.expired > 0 {
        failures.push(FailureCount {
            code: Nullable(None),
            failure_code: Problem::MessageWindowExpired.row().code.to_owned(),
            message: Problem::MessageWindowExpired.row().meaning.to_owned(),
            count: numbers.expired,
        });
    }
    failures.sort_by_key(|failure| std::cmp::Reverse(failure.count));
    failures
}

impl FailureCount {
    fn of(code: i64, count: u64) -> Self {
        let error = ProviderError::of_code(code);
        Self {
            code: Nullable(Some(code)),
            failure_code: error.problem().row().code.to_owned(),
            message: error.meaning().to_owned(),
            count,
        }
    }
}

impl From<&Numbers> for PricingCounts {
    fn from(numbers: &Numbers) -> Self {
        let word = |word: &String| Nullable((!word.is_empty()).then(|| word.clone()));
        let tariffs: Vec<Tariff> = numbers
            .pricing
            .iter()
            .flat_map(|(category, kinds)| kinds.iter().map(move |(kind, priced)| (category, kind, priced)))
            .map(|(category, kind, Priced { billable, free })| Tariff {
                category: word(category),
                kind: word(kind),
                billable: *billable,
                free: *free,
            })
            .collect();
        Self {
            billable: tariffs.iter().map(|tariff| tariff.billable).sum(),
            free: tariffs.iter().map(|tariff| tariff.free).sum(),
            tariffs,
        }
    }
}

impl From<&Numbers> for Ratings {
    fn from(numbers: &Numbers) -> Self {
        let [one, two, three, four, five] = numbers.ratings;
        Self {
            count: numbers.ratings_count(),
            average: Nullable(numbers.rating_average()),
            distribution: Distribution { one, two, three, four, five },
        }
    }
}
