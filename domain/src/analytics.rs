//! By what numbers are grouped.

use crate::text_enum;

text_enum! {
    GroupBy {
        Day = "day",
        /// Each language on its own.
        Template = "template",
        /// By the `staff_member_id` of the messages.
        Staff = "staff",
    }
}
