//! Batches: many messages that were handed in together, and the table of what may be done with one.

use crate::text_enum;

/// The most recipients that a JSON request takes; more come as an upload.
pub const JSON_MAX: usize = 10_000;
/// The most recipients of one batch.
pub const UPLOAD_MAX: usize = 100_000;
/// Recipients that a worker takes at a time where the batch does not say.
pub const CHUNK_DEFAULT: i32 = 100;
pub const CHUNK_MAX: i32 = 1_000;
/// The most messages that are put on their way in one transaction: as many as may be in doubt after
/// a death.
pub const GROUP_MAX: usize = 64;

text_enum! {
    /// Where a batch is.
    BatchStatus {
        /// Still being handed in; nothing is sent, and nobody sees it.
        Receiving = "receiving",
        /// Handed in whole; its first message has not left yet.
        Accepted = "accepted",
        /// Waits for its time.
        Scheduled = "scheduled",
        Running = "running",
        /// By staff.
        Paused = "paused",
        /// None of its messages is queued or on the wire.
        Completed = "completed",
        /// What had not left will not.
        Cancelled = "cancelled",
        /// The provider restricts the number; staff may go on when that is over.
        Stopped = "stopped",
    }
}

text_enum! {
    /// Why a line made no message.
    RefusalKind {
        Rejected = "rejected",
        /// The recipient is in the batch already.
        Duplicate = "duplicate",
        OptedOut = "opted_out",
    }
}

/// What is done to a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchMove {
    /// Its time has come.
    Begin,
    /// Its first message leaves.
    Run,
    Pause,
    Resume,
    Cancel,
    /// By the provider.
    Stop,
    /// Nothing is left to send.
    Complete,
    /// Something is to be sent again.
    Reopen,
    /// Goes on, but its time has not come yet.
    Reschedule,
}

impl BatchStatus {
    /// The table: where a batch goes; `None` where that cannot be done.
    pub const fn after(self, change: BatchMove) -> Option<Self> {
        use BatchMove as M;
        use BatchStatus as S;
        match (self, change) {
            (S::Scheduled, M::Begin) => Some(S::Accepted),
            (S::Accepted, M::Run) => Some(S::Running),
            (S::Accepted | S::Running | S::Scheduled, M::Pause) => Some(S::Paused),
            (S::Paused | S::Stopped, M::Resume) => Some(S::Running),
            (S::Paused, M::Reschedule) => Some(S::Scheduled),
            (S::Accepted | S::Scheduled | S::Running | S::Paused | S::Stopped, M::Cancel) => {
                Some(S::Cancelled)
            }
            (S::Accepted | S::Running, M::Stop) => Some(S::Stopped),
            (S::Accepted | S::Running | S::Paused | S::Stopped, M::Complete) => Some(S::Completed),
            (S::Completed, M::Reopen) => Some(S::Running),
            (
                S::Receiving
                | S::Accepted
                | S::Scheduled
                | S::Running
                | S::Paused
                | S::Completed
                | S::Cancelled
                | S::Stopped,
                M::Begin
                | M::Run
                | M::Pause
                | M::Resume
                | M::Cancel
                | M::Stop
                | M::Complete
                | M::Reopen
                | M::Reschedule,
            ) => None,
        }
    }

    /// Whether messages of the batch may be put on their way.
    pub const fn sends(self) -> bool {
        match self {
            Self::Accepted | Self::Running => true,
            Self::Receiving
            | Self::Scheduled
            | Self::Paused
            | Self::Completed
            | Self::Cancelled
            | Self::Stopped => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every move, written out again: a change of the table must be wanted twice.
    #[test]
    fn moves() {
        use BatchMove::*;
        use BatchStatus as S;
        let legal = [
            (S::Scheduled, Begin, S::Accepted),
            (S::Scheduled, Pause, S::Paused),
            (S::Scheduled, Cancel, S::Cancelled),
            (S::Accepted, Run, S::Running),
            (S::Accepted, Pause, S::Paused),
            (S::Accepted, Cancel, S::Cancelled),
            (S::Accepted, Stop, S::Stopped),
            (S::Accepted, Complete, S::Completed),
            (S::Running, Pause, S::Paused),
            (S::Running, Cancel, S::Cancelled),
            (S::Running, Stop, S::Stopped),
            (S::Running, Complete, S::Completed),
            (S::Paused, Resume, S::Running),
            (S::Paused, Reschedule, S::Scheduled),
            (S::Paused, Cancel, S::Cancelled),
            (S::Paused, Complete, S::Completed),
            (S::Stopped, Resume, S::Running),
            (S::Stopped, Cancel, S::Cancelled),
            (S::Stopped, Complete, S::Completed),
            (S::Completed, Reopen, S::Running),
        ];
        for &from in BatchStatus::ALL {
            for change in [Begin, Run, Pause, Resume, Cancel, Stop, Complete, Reopen, Reschedule] {
                let to = legal.iter().find(|(f, c, _)| (*f, *c) == (from, change)).map(|(_, _, to)| *to);
                assert_eq!(from.after(change), to, "{from} {change:?}");
            }
        }
    }

    #[test]
    fn nothing_leaves_but_from_a_batch_that_runs() {
        let sending: Vec<_> = BatchStatus::ALL.iter().filter(|status| status.sends()).collect();
        assert_eq!(sending, [&BatchStatus::Accepted, &BatchStatus::Running]);
    }
}
