//! How a hotel's messages go.

use bellhop_domain::analytics::GroupBy;
use bellhop_service::analytics::{Group as GroupView, GroupKey, Numbers, RangeRequest, Summary as View};
use poem_openapi::param::Query;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use crate::Tag;
use crate::analytics_numbers::{MessageNumbers, Ratings};
use crate::auth::{Authorized, ReadAnalytics};
use crate::envelope::ApiError;
use crate::types::{Nullable, Timestamp};

/// A hotel's messages from a day to a day, both included.
#[derive(Debug, Object)]
struct AnalyticsSummary {
    #[oai(flatten)]
    range: AnalyticsRange,
    totals: AnalyticsTotals,
    /// By day each day up to today, with or without messages; else each template and language, or each
    /// `staff_member_id`, of which there is a message.
    groups: Vec<AnalyticsGroup>,
}

/// What numbers are about.
#[derive(Debug, Object)]
struct AnalyticsRange {
    /// Dates in the hotel's time zone.
    from: String,
    to: String,
    time_zone: String,
    /// What happened later may be missing. A hotel with more than a thousand messages in the last three days
    /// finds these as they were a minute ago or two.
    as_of: Timestamp,
    /// Days that are missing, because nobody has added them up yet: after an update, for some minutes.
    days_pending: u64,
}

#[derive(Debug, Object)]
struct AnalyticsTotals {
    #[oai(flatten)]
    numbers: MessageNumbers,
    /// 24-hour windows that guests opened by writing.
    windows_opened: u64,
    ratings: Ratings,
}

/// The numbers of a day, a template or a staff member: the one that `group_by` names is there.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
struct AnalyticsGroup {
    day: Option<String>,
    template_name: Option<String>,
    language: Option<String>,
    staff_member_id: Option<String>,
    #[oai(flatten)]
    numbers: MessageNumbers,
    /// Of a day.
    windows_opened: Option<u64>,
    /// Of a day.
    ratings: Option<Ratings>,
}

/// How templates went from a day to a day, both included.
#[derive(Debug, Object)]
struct TemplateAnalytics {
    #[oai(flatten)]
    range: AnalyticsRange,
    /// By name and language; those that were sent.
    data: Vec<TemplateNumbers>,
}

/// One language of a template.
#[derive(Debug, Object)]
struct TemplateNumbers {
    template_name: String,
    language: String,
    #[oai(flatten)]
    numbers: MessageNumbers,
    /// Of the sent ones, from 0 to 1; `null` when there were none.
    delivered_rate: Nullable<f64>,
    read_rate: Nullable<f64>,
    /// From sent to read, of those that were read: half took no longer. Exact to 2.5 %.
    median_read_seconds: Nullable<f64>,
    /// Messages after which the guest said something within 24 hours.
    replies: u64,
    reply_rate: Nullable<f64>,
    /// Taps on its buttons, whenever they came.
    button_taps: u64,
}

impl From<&View> for AnalyticsRange {
    fn from(view: &View) -> Self {
        Self {
            from: view.from.to_string(),
            to: view.to.to_string(),
            time_zone: view.time_zone.clone(),
            as_of: view.as_of.into(),
            days_pending: view.days_pending,
        }
    }
}

impl From<View> for AnalyticsSummary {
    fn from(view: View) -> Self {
        Self {
            range: (&view).into(),
            totals: AnalyticsTotals {
                numbers: (&view.totals).into(),
                windows_opened: view.totals.windows_opened,
                ratings: (&view.totals).into(),
            },
            groups: view.groups.into_iter().map(AnalyticsGroup::from).collect(),
        }
    }
}

impl From<GroupView> for AnalyticsGroup {
    fn from(GroupView { key, numbers }: GroupView) -> Self {
        let group = Self {
            day: None,
            template_name: None,
            language: None,
            staff_member_id: None,
            numbers: (&numbers).into(),
            windows_opened: None,
            ratings: None,
        };
        match key {
            GroupKey::Day(day) => Self {
                day: Some(day.to_string()),
                windows_opened: Some(numbers.windows_opened),
                ratings: Some((&numbers).into()),
                ..group
            },
            GroupKey::Template { name, language } => {
                Self { template_name: Some(name), language: Some(language), ..group }
            }
            GroupKey::Staff(id) => Self { staff_member_id: Some(id), ..group },
        }
    }
}

impl TemplateNumbers {
    fn of((template_name, language): (String, String), numbers: &Numbers) -> Self {
        let of_sent = |part: u64| Nullable((numbers.sent > 0).then(|| part as f64 / numbers.sent as f64));
        Self {
            template_name,
            language,
            numbers: numbers.into(),
            delivered_rate: of_sent(numbers.delivered),
            read_rate: of_sent(numbers.read),
            median_read_seconds: Nullable(numbers.read_after.percentile(0.5)),
            replies: numbers.replies,
            reply_rate: of_sent(numbers.replies),
            button_taps: numbers.taps,
        }
    }
}

impl From<View> for TemplateAnalytics {
    fn from(view: View) -> Self {
        let range = (&view).into();
        let template = |GroupView { key, numbers }: GroupView| match key {
            GroupKey::Template { name, language } => Some(TemplateNumbers::of((name, language), &numbers)),
            GroupKey::Day(_) | GroupKey::Staff(_) => None,
        };
        Self { range, data: view.groups.into_iter().filter_map(template).collect() }
    }
}

pub struct AnalyticsApi;

#[OpenApi(tag = "Tag::Analytics")]
impl AnalyticsApi {
    /// How messages went
    ///
    /// For staff and admins; at most 366 days.
    #[oai(path = "/analytics/summary", method = "get", operation_id = "get_analytics_summary")]
    async fn summary(
        &self,
        auth: Authorized<ReadAnalytics>,
        /// The first day, `YYYY-MM-DD` in the hotel's time zone; 29 days before `to` when absent
        from: Query<Option<String>>,
        /// The last day; today when absent
        to: Query<Option<String>>,
        /// `day` when absent
        group_by: Query<Option<GroupBy>>,
    ) -> Result<Json<AnalyticsSummary>, ApiError> {
        let range = RangeRequest { from: from.0, to: to.0 };
        let by = group_by.0.unwrap_or(GroupBy::Day);
        Ok(Json(auth.app.analytics_summary(&auth.caller, &range, by).await?.into()))
    }

    /// How each template went
    ///
    /// For staff and admins; at most 366 days.
    #[oai(path = "/analytics/templates", method = "get", operation_id = "get_template_analytics")]
    async fn templates(
        &self,
        auth: Authorized<ReadAnalytics>,
        /// The first day, `YYYY-MM-DD` in the hotel's time zone; 29 days before `to` when absent
        from: Query<Option<String>>,
        /// The last day; today when absent
        to: Query<Option<String>>,
    ) -> Result<Json<TemplateAnalytics>, ApiError> {
        let range = RangeRequest { from: from.0, to: to.0 };
        Ok(Json(auth.app.analytics_summary(&auth.caller, &range, GroupBy::Template).await?.into()))
    }
}
