//! Which delivery of a subscription goes next.
//!
//! Of a conversation only one is under way at a time, and one that failed holds back the later ones for a time. The
//! line has room for some of what is pending; what does not fit is read from the rows again.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use bellhop_domain::{ConversationId, DeliveryId};
use chrono::{DateTime, Utc};

use super::message::Fresh;

/// Deliveries of one subscription that are in memory.
pub(super) const LINE_MAX: usize = 1000;

/// A delivery that is pending.
#[derive(Clone)]
pub(super) struct Item {
    pub id: DeliveryId,
    /// The event's.
    pub number: i64,
    pub conversation: Option<ConversationId>,
    pub attempts: i32,
    /// In a row.
    pub failures: i32,
    pub due_at: DateTime<Utc>,
    /// So long it holds back what comes after it.
    pub holds_until: Option<DateTime<Utc>>,
    /// The event, of a delivery that was made a moment ago.
    pub fresh: Option<Arc<Fresh>>,
}

pub(super) struct Line {
    ordered: bool,
    /// By number.
    ready: VecDeque<Item>,
    later: Vec<Item>,
    /// Everything here, and what is under way.
    known: HashSet<DeliveryId>,
    busy: HashSet<ConversationId>,
    holds: HashMap<ConversationId, Vec<Hold>>,
}

struct Hold {
    number: i64,
    until: DateTime<Utc>,
}

impl Line {
    pub fn new(ordered: bool) -> Self {
        Self {
            ordered,
            ready: VecDeque::new(),
            later: Vec::new(),
            known: HashSet::new(),
            busy: HashSet::new(),
            holds: HashMap::new(),
        }
    }

    /// Takes a delivery in. `false` when there is no room.
    pub fn offer(&mut self, item: Item, now: DateTime<Utc>) -> bool {
        if self.known.contains(&item.id) {
            self.hasten(item, now);
            return true;
        }
        if self.known.len() >= LINE_MAX {
            return false;
        }
        self.known.insert(item.id);
        self.hold(&item);
        if item.due_at > now {
            self.later.push(item);
        } else {
            self.queue(item);
        }
        true
    }

    /// Somebody asked for one that waits: it is due before its time.
    fn hasten(&mut self, item: Item, now: DateTime<Utc>) {
        if let Some(at) =
            self.later.iter().position(|known| known.id == item.id && item.due_at < known.due_at)
        {
            self.later.swap_remove(at);
            self.known.remove(&item.id);
            self.unhold(&item);
            self.offer(item, now);
        }
    }

    fn queue(&mut self, item: Item) {
        let at = self.ready.partition_point(|other| other.number < item.number);
        self.ready.insert(at, item);
    }

    fn hold(&mut self, item: &Item) {
        if let (Some(conversation), Some(until)) = (item.conversation, item.holds_until) {
            let holds = self.holds.entry(conversation).or_default();
            holds.retain(|hold| hold.number != item.number);
            holds.push(Hold { number: item.number, until });
        }
    }

    /// The next one that may go, which is under way from here on.
    pub fn next(&mut self, now: DateTime<Utc>) -> Option<Item> {
        let (due, later) = std::mem::take(&mut self.later).into_iter().partition(|item| item.due_at <= now);
        self.later = later;
        let due: Vec<Item> = due;
        due.into_iter().for_each(|item| self.queue(item));
        let at = self.ready.iter().position(|item| self.may_go(item, now))?;
        let item = self.ready.remove(at)?;
        self.busy.extend(item.conversation);
        Some(item)
    }

    fn may_go(&self, item: &Item, now: DateTime<Utc>) -> bool {
        let Some(conversation) = item.conversation.filter(|_| self.ordered) else { return true };
        let held = |hold: &Hold| hold.number < item.number && hold.until > now;
        !self.busy.contains(&conversation)
            && !self.holds.get(&conversation).is_some_and(|holds| holds.iter().any(held))
    }

    /// One that was under way is over.
    pub fn ended(&mut self, item: &Item) {
        self.known.remove(&item.id);
        if let Some(conversation) = item.conversation {
            self.busy.remove(&conversation);
        }
        self.unhold(item);
    }

    fn unhold(&mut self, item: &Item) {
        let Some(conversation) = item.conversation else { return };
        if let Some(holds) = self.holds.get_mut(&conversation) {
            holds.retain(|hold| hold.number != item.number);
            if holds.is_empty() {
                self.holds.remove(&conversation);
            }
        }
    }

    /// One that was under way is tried again when it is due.
    pub fn again(&mut self, item: Item) {
        if let Some(conversation) = item.conversation {
            self.busy.remove(&conversation);
        }
        self.hold(&item);
        self.later.push(item);
    }

    /// Whether there is one that may go.
    pub fn can_go(&self, now: DateTime<Utc>) -> bool {
        self.ready
            .iter()
            .chain(self.later.iter().filter(|item| item.due_at <= now))
            .any(|item| self.may_go(item, now))
    }

    /// Makes room in a full line, when nothing in it may go: what is only held back, and then what waits the longest
    /// for its next attempt, is left to the rows.
    pub fn make_room(&mut self, now: DateTime<Utc>) {
        if self.known.len() >= LINE_MAX {
            let (go, held): (Vec<Item>, Vec<Item>) =
                std::mem::take(&mut self.ready).into_iter().partition(|item| self.may_go(item, now));
            self.ready = go.into();
            for item in held {
                self.known.remove(&item.id);
            }
            self.holds.retain(|_, holds| {
                holds.retain(|hold| hold.until > now);
                !holds.is_empty()
            });
        }
        if self.known.len() >= LINE_MAX {
            // Those due last; what they hold back, they hold back still.
            self.later.sort_unstable_by_key(|item| item.due_at);
            for item in self.later.drain(self.later.len() / 2..) {
                self.known.remove(&item.id);
            }
        }
    }

    /// When something may go that may not now, but for what waits for one under way.
    pub fn wakes_at(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let due = self.later.iter().map(|item| item.due_at).filter(|at| *at > now);
        let held = self.holds.values().flatten().map(|hold| hold.until).filter(|until| *until > now);
        due.chain(held.filter(|_| !self.ready.is_empty())).min()
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    fn item(number: i64, conversation: Option<ConversationId>) -> Item {
        Item {
            id: DeliveryId::new(),
            number,
            conversation,
            attempts: 0,
            failures: 0,
            due_at: at(0),
            holds_until: None,
            fresh: None,
        }
    }

    fn line(ordered: bool, items: impl IntoIterator<Item = (i64, Option<ConversationId>)>) -> Line {
        let mut line = Line::new(ordered);
        for (number, conversation) in items {
            assert!(line.offer(item(number, conversation), at(0)));
        }
        line
    }

    fn failed(mut item: Item, due: i64) -> Item {
        item.due_at = at(due);
        item.holds_until = item.holds_until.or(Some(at(300)));
        item
    }

    #[test]
    fn a_conversation_keeps_its_order_and_waits_for_no_other() {
        let [a, b] = [ConversationId::new(), ConversationId::new()].map(Some);
        let mut line = line(true, [(3, b), (1, a), (2, a), (4, None)]);
        let first = line.next(at(1)).unwrap();
        let rest: Vec<i64> = std::iter::from_fn(|| line.next(at(1))).map(|item| item.number).collect();
        assert_eq!((first.number, rest), (1, vec![3, 4]));
        line.ended(&first);
        assert_eq!(line.next(at(1)).unwrap().number, 2);
    }

    #[test]
    fn what_fails_holds_back_its_conversation_for_a_time_only() {
        let a = Some(ConversationId::new());
        let mut line = line(true, [(1, a), (2, a)]);
        let first = line.next(at(0)).unwrap();
        line.again(failed(first, 1000));
        assert!(line.next(at(299)).is_none());
        assert_eq!(line.wakes_at(at(299)), Some(at(300)));
        let second = line.next(at(300)).unwrap();
        assert_eq!(second.number, 2);
        // It holds nothing that came before it.
        let mut second = failed(second, 5000);
        second.holds_until = Some(at(2000));
        line.again(second);
        let first = line.next(at(1000)).unwrap();
        assert_eq!(first.number, 1);
        line.ended(&first);
        assert!(line.next(at(1500)).is_none());
    }

    #[test]
    fn what_waits_goes_at_once_when_somebody_asks_for_it() {
        let a = Some(ConversationId::new());
        let mut line = line(true, [(1, a), (2, a)]);
        let first = line.next(at(0)).unwrap();
        line.again(failed(first.clone(), 1000));
        assert!(line.offer(first, at(10)));
        assert_eq!(line.next(at(10)).unwrap().number, 1);
        assert!(line.next(at(10)).is_none());
    }

    #[test]
    fn without_order_nothing_waits() {
        let a = Some(ConversationId::new());
        let mut line = line(false, [(1, a), (2, a)]);
        let first = line.next(at(0)).unwrap();
        assert_eq!(line.next(at(0)).unwrap().number, 2);
        line.again(failed(first, 10));
        line.offer(item(3, a), at(0));
        assert_eq!(line.next(at(0)).unwrap().number, 3);
        assert_eq!(line.wakes_at(at(0)), Some(at(10)));
    }

    #[test]
    fn the_room_ends_and_nobody_stands_in_it_twice() {
        let mut line = line(true, (0..LINE_MAX as i64).map(|n| (n, None)));
        assert!(!line.offer(item(9999, None), at(0)));
        let first = line.next(at(0)).unwrap();
        assert!(line.offer(first.clone(), at(0)), "it is here");
        assert_eq!(line.next(at(0)).unwrap().number, 1);
        line.ended(&first);
        assert!(line.offer(item(9999, None), at(0)));
    }

    #[test]
    fn those_who_are_held_back_give_way_in_a_full_line() {
        let a = Some(ConversationId::new());
        let mut line = line(true, (0..LINE_MAX as i64).map(|n| (n, a)));
        let first = line.next(at(0)).unwrap();
        line.again(failed(first, 1000));
        assert!(!line.can_go(at(1)) && !line.offer(item(5000, None), at(1)));
        line.make_room(at(1));
        assert!(line.offer(item(5000, None), at(1)) && line.can_go(at(1)));
        assert_eq!(line.next(at(1)).unwrap().number, 5000);
    }

    #[test]
    fn those_who_wait_for_long_give_way_and_hold_back_still() {
        let a = Some(ConversationId::new());
        let mut line = line(true, (0..LINE_MAX as i64 - 1).map(|n| (n, None)).chain([(LINE_MAX as i64, a)]));
        while let Some(item) = line.next(at(0)) {
            let due = 1000 + item.number;
            line.again(failed(item, due));
        }
        assert!(!line.offer(item(5000, None), at(1)) && !line.can_go(at(1)));
        line.make_room(at(1));
        assert!(line.offer(item(5000, None), at(1)) && line.offer(item(5001, a), at(1)));
        assert_eq!(line.next(at(1)).unwrap().number, 5000);
        assert!(line.next(at(299)).is_none(), "what gave way is still before it");
        assert_eq!(line.next(at(300)).unwrap().number, 5001);
        // Those that are due first have stayed.
        assert_eq!(line.next(at(1000)).unwrap().number, 0);
    }
}
