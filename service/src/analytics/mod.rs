//! How a property's messages went, in numbers.
//!
//! Days that are over are added up once by the worker (`roll_up`), and again when something in them changes
//! (`mark`); what is not added up yet is counted for the answer, as long as that is little.

mod answer;
mod calendar;
mod count;
mod mark;
mod numbers;
mod range;
mod roll_up;
mod stored;

use chrono::TimeDelta;

pub use answer::{Group, GroupKey, Summary};
pub use numbers::{Numbers, Priced};
pub use range::RangeRequest;

pub(crate) use mark::{batch_changed, changed, counted, folded, settled, tapped};

/// How long a day stays open after its end: most of what becomes of its messages is known by then, and
/// replies to its templates are in.
const OPEN_FOR: TimeDelta = TimeDelta::hours(48);

/// Messages that are counted for an answer. Beyond that the worker counts, once a minute.
const LIVE: u64 = 1_000;
