//! One connection: who gets which of its places.

use std::time::Duration;

use bellhop_domain::BatchId;
use bellhop_domain::guest::Recipient;
use bellhop_domain::ports::{BatchPlace, Pace};

use super::brake::Brake;
use super::calendar::{At, Calendar};
use super::rivals::{Reach, Rival, Rivals};
use crate::rate_limit::FURTHEST;
use crate::rate_limit::ticks::{Ticks, duration, interval};

#[derive(Debug, Default)]
pub(super) struct Line {
    calendar: Calendar,
    pub brake: Option<Brake>,
    rivals: Rivals,
}

/// A batch's question, in ticks.
#[derive(Debug, Clone, Copy)]
pub(super) struct GroupAsk {
    pub batch: BatchId,
    /// `None`: its own pace is no slower than the connection's.
    pub own_step: Option<Ticks>,
    pub ahead: Ticks,
    pub at: At,
}

impl Line {
    pub const fn last(&self) -> Ticks {
        self.calendar.last()
    }

    /// Between two places of this process; `None` when there are none.
    pub fn step(&mut self, pace: Pace, processes: u32, now: Ticks) -> Option<Ticks> {
        self.calendar.clip(now, FURTHEST);
        let full = f64::from(pace.per_second);
        let present = Brake::pace(self.brake, full, now);
        if present >= full {
            self.brake = None;
        }
        interval(present / f64::from(processes))
    }

    /// For one message, which goes before any batch: the first free place, if not after `limit`.
    pub fn single(&mut self, at: At, limit: Ticks) -> Result<Ticks, Ticks> {
        self.calendar.first(at, limit)
    }

    /// `pair` takes a place from the recipient's own bucket, or says how long there is none.
    pub fn group(
        &mut self,
        ask: GroupAsk,
        recipients: &[Recipient],
        mut pair: impl FnMut(&Recipient) -> Option<Duration>,
    ) -> (Vec<BatchPlace>, Duration) {
        let at = ask.at;
        let (mut rival, reach) = self.rivals.enter(&ask);
        let mut walk = self.calendar.walk(at);
        let mut places = Vec::with_capacity(recipients.len());
        let (mut again, mut busy) = (None, None);
        for recipient in recipients {
            let place = walk.next(&rival.own);
            if place > at.now + reach.ticks {
                again = Some(come_again(&mut rival, reach, ask, place));
                break;
            }
            if let Some(wait) = pair(recipient) {
                busy = Some(busy.map_or(wait, |busy: Duration| busy.min(wait)));
                places.push(BatchPlace::RecipientBusy(wait));
                continue;
            }
            walk.take(place);
            rival.own.took(place, at);
            rival.served += 1;
            places.push(BatchPlace::After(duration(place - at.now)));
        }
        walk.finish();
        places.resize(recipients.len(), BatchPlace::NotYet);
        self.rivals.leave(ask.batch, rival, at.now, again.unwrap_or(0));
        (places, again.map(duration).into_iter().chain(busy).min().unwrap_or_default())
    }

    /// As good as never seen.
    pub fn idle(&self, now: Ticks) -> bool {
        self.last() + FURTHEST <= now
            && self.brake.is_none_or(|brake| brake.climbs_until() <= now)
            && self.rivals.idle(now)
    }
}

/// When the batch should ask again, `place` being the first that it cannot have yet.
///
/// When half of what it may book is free, so that it gets many places at once and has as long to
/// come late. At a pace of which only one place fits, that is half the reach before the place.
fn come_again(rival: &mut Rival, reach: Reach, ask: GroupAsk, place: Ticks) -> Ticks {
    let GroupAsk { ahead, at, .. } = ask;
    rival.by_own = ask.own_step.is_some() && rival.own.due > at.now + ahead;
    let lead = match rival.by_own {
        // Before the others, who book up to two thirds, come to where its next place is due.
        true if reach.crowded => ahead * 5 / 6,
        true => ahead / 2,
        false => reach.ticks / 2,
    };
    place - lead - at.now
}
