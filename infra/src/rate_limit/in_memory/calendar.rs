//! The places of one connection.

use crate::rate_limit::ticks::{NEVER, Ticks};

/// More free stretches than this are not remembered: what is forgotten is not used.
const MAX_GAPS: usize = 64;

/// What is taken: everything up to `last`, but for the gaps.
///
/// Gaps are what a slow batch leaves when it takes places further off than the next. To count its
/// places only, and let others have the next ones, would put its message beside one of theirs; to
/// drop what lies between would let a slow batch waste the connection. So two places are never
/// closer than the interval, whoever took them, and what lies between stays free.
#[derive(Debug)]
pub(super) struct Calendar {
    last: Ticks,
    gaps: Vec<Gap>,
}

/// Free between two places that are taken.
#[derive(Debug, Clone, Copy)]
struct Gap {
    after: Ticks,
    before: Ticks,
}

impl Gap {
    const fn holds_one(self, step: Ticks) -> bool {
        self.before - self.after >= 2 * step
    }
}

/// The moment of asking.
#[derive(Debug, Clone, Copy)]
pub(super) struct At {
    pub now: Ticks,
    /// No place before this: `now`, or the end of a [`super::InMemoryRateLimiter::hold`].
    pub from: Ticks,
    /// Between two places.
    pub step: Ticks,
}

/// The own pace of one who asks, at most one place every `step`.
///
/// Its places stand on the connection's beat, so they are up to one of its steps late. The next
/// ones are counted from when it was due, or half the pace would be lost at three in four; as long
/// as the beat is the same, no second has more for it. On another beat it keeps the full distance.
#[derive(Debug, Clone, Copy)]
pub(super) struct Own {
    /// When the next place is due.
    pub due: Ticks,
    /// `step` after the last place.
    pub strict: Ticks,
    pub last: Ticks,
    /// `None`: as fast as the connection.
    pub step: Option<Ticks>,
}

impl Own {
    pub const NONE: Self = Self { due: NEVER, strict: NEVER, last: NEVER, step: None };

    const fn too_close(&self, place: Ticks, step: Ticks) -> bool {
        place < self.strict && (place - self.last) % step != 0
    }

    pub fn took(&mut self, place: Ticks, At { from, step, .. }: At) {
        self.last = place;
        match self.step {
            Some(own) => {
                // Later by a whole step or more: it waited for others, which is not made good.
                self.due = self.due.max(from).max(place - step + 1) + own;
                self.strict = place + own;
            }
            None => (self.due, self.strict) = (NEVER, NEVER),
        }
    }
}

impl Default for Calendar {
    fn default() -> Self {
        Self { last: NEVER, gaps: Vec::new() }
    }
}

impl Calendar {
    pub const fn last(&self) -> Ticks {
        self.last
    }

    /// Forgets places that lie further off than any can: a clock was set back.
    pub fn clip(&mut self, now: Ticks, furthest: Ticks) {
        if self.last > now + furthest {
            self.last = now;
            self.gaps.clear();
        }
    }

    /// Takes the first free place, if it is not after `limit`; else says where it is.
    pub fn first(&mut self, at: At, limit: Ticks) -> Result<Ticks, Ticks> {
        let mut walk = self.walk(at);
        let place = loop {
            match walk.earliest() {
                Some(place) => break place,
                None => walk.pass(),
            }
        };
        if place <= limit {
            walk.take(place);
        }
        walk.finish();
        if place <= limit { Ok(place) } else { Err(place) }
    }

    /// For a group's places, each of which is after the one before.
    pub fn walk(&mut self, at: At) -> Walk<'_> {
        let gaps = std::mem::take(&mut self.gaps);
        let mut walk = Walk { calendar: self, left: gaps.into_iter(), gap: None, kept: Vec::new(), at };
        walk.gap = walk.left.next();
        walk
    }
}

/// Goes through the free places once, in order.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    calendar: &'a mut Calendar,
    left: std::vec::IntoIter<Gap>,
    /// Where it stands; `None`: after all gaps.
    gap: Option<Gap>,
    kept: Vec<Gap>,
    at: At,
}

impl Walk<'_> {
    /// The next place that suits. Asked again without a `take` in between, the answer is the same.
    pub fn next(&mut self, own: &Own) -> Ticks {
        while let Some(gap) = self.gap {
            if let Some(place) = self.within(gap, own) {
                return place;
            }
            self.pass();
        }
        self.after_last(own)
    }

    /// Takes the place that was found last.
    pub fn take(&mut self, place: Ticks) {
        let step = self.at.step;
        let before = match self.gap {
            Some(gap) => gap.after,
            // What lies before now is no gap, but the place before may still be felt.
            None => self.calendar.last.max(self.at.from - step),
        };
        self.keep(Gap { after: before, before: place });
        match &mut self.gap {
            Some(gap) => gap.after = place,
            None => self.calendar.last = place,
        }
    }

    /// Puts what is still free back.
    pub fn finish(mut self) {
        while self.gap.is_some() {
            self.pass();
        }
        self.calendar.gaps = self.kept;
    }

    /// On the beat of the gap's end, so that nothing is lost between them.
    fn within(&self, gap: Gap, own: &Own) -> Option<Ticks> {
        let step = self.at.step;
        let on_beat =
            |from: Ticks| (from <= gap.before - step).then(|| gap.before - (gap.before - from) / step * step);
        let from = self.at.from.max(gap.after + step).max(own.due);
        let place = on_beat(from)?;
        if own.too_close(place, step) { on_beat(from.max(own.strict)) } else { Some(place) }
    }

    fn after_last(&self, own: &Own) -> Ticks {
        let (At { from, step, .. }, last) = (self.at, self.calendar.last);
        let free = from.max(last + step);
        let place = if own.due <= free {
            free
        } else if last + step <= from {
            // Nobody is on the way: the beat begins anew, here.
            own.due
        } else {
            last + (own.due - last + step - 1) / step * step
        };
        if own.too_close(place, step) { free.max(own.strict) } else { place }
    }

    /// One who wants the first place, on whatever beat.
    fn earliest(&self) -> Option<Ticks> {
        let At { from, step, .. } = self.at;
        match self.gap {
            Some(gap) => Some(from.max(gap.after + step)).filter(|place| *place <= gap.before - step),
            None => Some(from.max(self.calendar.last + step)),
        }
    }

    fn pass(&mut self) {
        if let Some(gap) = self.gap {
            self.keep(gap);
        }
        self.gap = self.left.next();
    }

    fn keep(&mut self, gap: Gap) {
        let step = self.at.step;
        if gap.holds_one(step) && gap.before - step >= self.at.now && self.kept.len() < MAX_GAPS {
            self.kept.push(gap);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(now: Ticks) -> At {
        At { now, from: now, step: 16 }
    }

    fn place(calendar: &mut Calendar, own: &mut Own, now: Ticks) -> Ticks {
        let mut walk = calendar.walk(at(now));
        let place = walk.next(own);
        walk.take(place);
        own.took(place, at(now));
        walk.finish();
        place
    }

    #[test]
    fn places_that_were_rounded_up_do_not_bring_the_next_too_close_on_another_beat() {
        let (mut calendar, mut own) = (Calendar::default(), Own { step: Some(24), ..Own::NONE });
        let beat: Vec<_> = (0..5).map(|_| place(&mut calendar, &mut own, 0)).collect();
        assert_eq!(beat, [0, 32, 48, 80, 96], "two of three, on the connection's beat");
        let (mut calendar, mut own) = (Calendar::default(), Own { step: Some(24), ..Own::NONE });
        for expected in [0, 32] {
            assert_eq!(place(&mut calendar, &mut own, 0), expected);
        }
        // Due since 48, on a connection that nobody has used for a step.
        assert_eq!(place(&mut calendar, &mut own, 50), 56);
    }

    #[test]
    fn gaps_hold_what_fits_between_their_neighbours() {
        let (mut calendar, mut own) = (Calendar::default(), Own { step: Some(64), ..Own::NONE });
        assert_eq!([(); 2].map(|()| place(&mut calendar, &mut own, 0)), [0, 64]);
        assert_eq!(calendar.first(at(0), 15), Err(16), "nothing is taken");
        assert_eq!(calendar.first(at(20), 20), Ok(20), "a single one goes at once");
        // After it, on the beat of the gap's end; then behind.
        let fast: Vec<_> = (0..3).map(|_| place(&mut calendar, &mut Own::NONE.clone(), 20)).collect();
        assert_eq!(fast, [48, 80, 96]);
        assert!(calendar.gaps.is_empty());
        calendar.clip(0, 95);
        assert_eq!(calendar.first(at(0), 16), Ok(16), "the clock was set back");
    }
}
