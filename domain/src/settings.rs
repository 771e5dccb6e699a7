//! Choices that a property makes.

use crate::text_enum;

text_enum! {
    /// What becomes of a message whose fate is still unknown after the horizon.
    InDoubtPolicy {
        /// Staff decide.
        Hold = "hold",
        /// It is sent again; the guest may get it twice.
        Resend = "resend",
    }
}
