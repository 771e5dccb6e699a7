//! The states of a message and the one table of its legal moves.

use crate::text_enum;

text_enum! {
    /// Where a message is. Inbound messages are `received` and stay so.
    #[derive(PartialOrd, Ord)]
    MessageStatus {
        /// Accepted for a later time.
        Scheduled = "scheduled",
        /// Accepted; waits for its turn or for a retry.
        Queued = "queued",
        /// An attempt is on the wire, or was when its process died.
        Sending = "sending",
        /// An attempt may or may not have reached the provider.
        InDoubt = "in_doubt",
        Sent = "sent",
        Delivered = "delivered",
        Read = "read",
        Failed = "failed",
        /// The window closed before the message could leave.
        Expired = "expired",
        Cancelled = "cancelled",
        /// From the guest.
        Received = "received",
    }
}

/// Who says that a message is in another state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// The dispatcher: its own step, or the provider's answer to its call.
    Dispatch,
    /// A status webhook: the provider tells what became of an attempt.
    Echo,
    /// Staff, or the policy for messages in doubt.
    Decision,
}

/// What the table says of a move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Anybody may make it.
    Legal,
    /// Only a status webhook proves it.
    OnlyByEcho,
    /// Only staff or a policy may want it.
    OnlyByDecision,
    /// Late or repeated news: nothing changes, nobody is told.
    NoOp,
    /// A bug, if anybody tries.
    Illegal,
}

impl MessageStatus {
    /// The table. Rows are where the message is, columns where it would go, both in the order of
    /// the enum.
    const MOVES: [[Verdict; 11]; 11] = {
        use Verdict::{Illegal as X, Legal as L, NoOp as N, OnlyByDecision as D, OnlyByEcho as E};
        [
            // sch que snd dbt snt dlv rd  fld exp cnl rcv
            [N, L, X, X, X, X, X, L, L, L, X], // scheduled
            // An echo settles a message that a policy queued again, before it goes out twice.
            [X, N, L, X, E, E, E, L, L, L, X], // queued
            [X, L, N, L, L, L, L, L, X, X, X], // sending
            [X, D, X, N, L, L, L, L, X, X, X], // in_doubt
            // The answer of a call may be stored after the webhook that overtook it.
            [X, N, X, N, N, L, L, L, X, X, X], // sent
            [X, N, X, N, N, N, L, N, X, X, X], // delivered
            [X, N, X, N, N, N, N, N, X, X, X], // read
            [X, D, X, N, E, E, E, N, X, X, X], // failed
            // Only an earlier attempt, then in doubt, can be proven here.
            [X, X, X, N, E, E, E, N, N, X, X], // expired
            [X, X, X, N, E, E, E, N, X, N, X], // cancelled
            [X, X, X, X, X, X, X, X, X, X, N], // received
        ]
    };

    /// What the table says of the move to `to`.
    pub const fn verdict(self, to: Self) -> Verdict {
        Self::MOVES[self as usize][to as usize]
    }

    /// Whether the message goes to `to` on this evidence. `Err` when that would be a bug.
    pub fn go(self, to: Self, evidence: Evidence) -> Result<bool, IllegalMove> {
        match self.verdict(to) {
            Verdict::Legal => Ok(true),
            Verdict::NoOp => Ok(false),
            Verdict::OnlyByEcho if evidence == Evidence::Echo => Ok(true),
            Verdict::OnlyByDecision if evidence == Evidence::Decision => Ok(true),
            // A webhook may tell anything at any time: what does not fit is stale, not a bug.
            Verdict::OnlyByEcho | Verdict::OnlyByDecision | Verdict::Illegal => match evidence {
                Evidence::Echo => Ok(false),
                Evidence::Dispatch | Evidence::Decision => Err(IllegalMove { from: self, to }),
            },
        }
    }

    /// Whether a message in this state holds back the later ones of its conversation.
    pub const fn holds_the_lane(self) -> bool {
        match self {
            Self::Queued | Self::Sending => true,
            Self::Scheduled
            | Self::InDoubt
            | Self::Sent
            | Self::Delivered
            | Self::Read
            | Self::Failed
            | Self::Expired
            | Self::Cancelled
            | Self::Received => false,
        }
    }
}

/// A move that the table forbids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a message that is {from} cannot become {to}")]
pub struct IllegalMove {
    pub from: MessageStatus,
    pub to: MessageStatus,
}

#[cfg(test)]
mod tests {
    use super::*;
    use MessageStatus::*;

    /// Every legal move, written out again: a change of the table must be wanted twice.
    const LEGAL: &[(MessageStatus, &[MessageStatus])] = &[
        (Scheduled, &[Queued, Cancelled, Expired, Failed]),
        (Queued, &[Sending, Cancelled, Expired, Failed]),
        (Sending, &[Queued, Sent, Delivered, Read, Failed, InDoubt]),
        (InDoubt, &[Sent, Delivered, Read, Failed]),
        (Sent, &[Delivered, Read, Failed]),
        (Delivered, &[Read]),
        (Read, &[]),
        (Failed, &[]),
        (Expired, &[]),
        (Cancelled, &[]),
        (Received, &[]),
    ];
    const BY_DECISION: &[(MessageStatus, MessageStatus)] = &[(InDoubt, Queued), (Failed, Queued)];
    const BY_ECHO_FROM: &[MessageStatus] = &[Queued, Failed, Expired, Cancelled];

    #[test]
    fn every_pair_is_what_the_design_says() {
        for &from in MessageStatus::ALL {
            let legal = LEGAL.iter().find(|(f, _)| *f == from).map(|(_, to)| *to).unwrap();
            for &to in MessageStatus::ALL {
                let verdict = from.verdict(to);
                let pair = format!("{from} -> {to}: {verdict:?}");
                assert_eq!(verdict == Verdict::Legal, legal.contains(&to), "{pair}");
                assert_eq!(verdict == Verdict::OnlyByDecision, BY_DECISION.contains(&(from, to)), "{pair}");
                let by_echo = BY_ECHO_FROM.contains(&from) && [Sent, Delivered, Read].contains(&to);
                assert_eq!(verdict == Verdict::OnlyByEcho, by_echo, "{pair}");
                if from == to {
                    assert_eq!(verdict, Verdict::NoOp, "{pair}");
                }
            }
        }
    }

    #[test]
    fn evidence_decides_the_conditional_moves() {
        for &from in MessageStatus::ALL {
            for &to in MessageStatus::ALL {
                let of = |evidence| from.go(to, evidence);
                match from.verdict(to) {
                    Verdict::Legal => {
                        for e in [Evidence::Dispatch, Evidence::Echo, Evidence::Decision] {
                            assert_eq!(of(e), Ok(true));
                        }
                    }
                    Verdict::NoOp => {
                        for e in [Evidence::Dispatch, Evidence::Echo, Evidence::Decision] {
                            assert_eq!(of(e), Ok(false));
                        }
                    }
                    Verdict::OnlyByEcho => {
                        assert_eq!(of(Evidence::Echo), Ok(true));
                        assert_eq!(of(Evidence::Dispatch), Err(IllegalMove { from, to }));
                    }
                    Verdict::OnlyByDecision => {
                        assert_eq!(of(Evidence::Decision), Ok(true));
                        assert_eq!(of(Evidence::Dispatch), Err(IllegalMove { from, to }));
                        assert_eq!(of(Evidence::Echo), Ok(false));
                    }
                    Verdict::Illegal => {
                        assert_eq!(of(Evidence::Dispatch), Err(IllegalMove { from, to }));
                        assert_eq!(of(Evidence::Decision), Err(IllegalMove { from, to }));
                        assert_eq!(of(Evidence::Echo), Ok(false), "a webhook never crashes us");
                    }
                }
            }
        }
    }

    #[test]
    fn statuses_in_any_order_end_in_the_furthest() {
        let webhooks = [Sent, Delivered, Read];
        for a in webhooks {
            for b in webhooks {
                for c in webhooks {
                    let end = [a, b, c]
                        .into_iter()
                        .fold(Sending, |at, to| if at.go(to, Evidence::Echo).unwrap() { to } else { at });
                    assert_eq!(end, a.max(b).max(c));
                }
            }
        }
    }
}
