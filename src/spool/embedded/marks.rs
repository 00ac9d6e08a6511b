//! The dedupe window: which events were accepted, and how far receipts got, in memory.
//!
//! A mark is the digest of an event's id ([`EventId`]). Marks stand in a ring in the order in which they
//! were accepted, with their times; a table leads from a mark to its place in the ring. That is about 28
//! bytes a mark. The oldest leave when they are older than the window or when there are too many.
//!
//! The mark of a receipt about all messages up to one holds that place, which only rises. Each time it rises,
//! the mark goes to the ring's end: it lasts for the window from then on. Its places before stay in the ring,
//! where nothing leads to them.
//!
//! A mark whose commit is under way is *pending*: whoever asks for it must wait for that commit.
//!
//! Where marks are durable: in the journal, and once a segment is removed in the file that [`super::sidecar`]
//! wrote for it. That is why the ring keeps the journal's order, and can say which marks a segment holds.

use std::{collections::VecDeque, ops::Range, time::Duration};

use foldhash::fast::RandomState;
use hashbrown::{HashMap, HashTable, hash_table::Entry};

use crate::ids::{EventId, Timestamp};
use std::hash::BuildHasher;

/// A mark and when it was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// What it marks.
    pub(super) id: EventId,
    /// When, in whole seconds: rounded down, so a mark may end a second early.
    pub(super) second: u32,
    /// What it holds; 0 for most.
    pub(super) up_to: u64,
}

/// A count of all marks ever put into the ring: a place that stays the same while marks leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Count(pub(super) u64);

/// What is known of an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// Nothing.
    Never,
    /// It is being accepted by this commit.
    Pending(Commit),
    /// It was accepted.
    Before,
}

/// The number of a commit under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Commit(pub(super) u64);

/// All marks.
#[derive(Debug)]
pub(super) struct Marks {
    ids: VecDeque<EventId>,
    seconds: VecDeque<u32>,
    /// The place of each mark, as the low half of its [`Count`]; the ring is never that long.
    places: HashTable<u32>,
    /// What marks hold, where it is not 0.
    up_to: HashMap<EventId, u64>,
    pending: HashMap<EventId, Commit>,
    /// How many marks left the ring.
    left: u64,
    window: Duration,
    marks_max: usize,
    /// Seeded, since strangers choose the message ids that marks are digests of.
    hasher: RandomState,
}

impl Marks {
    /// No marks yet.
    pub(super) fn new(window: Duration, marks_max: usize) -> Self {
        Self {
            ids: VecDeque::new(),
            seconds: VecDeque::new(),
            places: HashTable::new(),
            up_to: HashMap::new(),
            pending: HashMap::new(),
            left: 0,
            window,
            marks_max: marks_max.min(u32::MAX as usize),
            hasher: RandomState::default(),
        }
    }

    /// What is known of an id.
    pub(super) fn seen(&self, id: EventId) -> Seen {
        if let Some(commit) = self.pending.get(&id) {
            return Seen::Pending(*commit);
        }
        if self.is_set(id) { Seen::Before } else { Seen::Never }
    }

    /// What the mark of an accepted receipt holds.
    pub(super) fn reached(&self, id: EventId) -> Option<u64> {
        self.is_set(id).then(|| self.held(id))
    }

    /// The id is being accepted.
    pub(super) fn begin(&mut self, id: EventId, commit: Commit) {
        self.pending.insert(id, commit);
    }

    /// The commit of the id failed.
    pub(super) fn forget(&mut self, id: EventId) {
        self.pending.remove(&id);
    }

    /// The id was accepted, up to `up_to`; a mark that holds more keeps it. Tells how many marks had to leave
    /// because there are too many.
    pub(super) fn set(&mut self, id: EventId, up_to: u64, at: Timestamp) -> u64 {
        self.pending.remove(&id);
        let second = second(at);
        let held = self.held(id);
        let place = self.end().low();
        let entry = {
            let (ids, left) = (&self.ids, self.left);
            let id_at = |place: u32| ids.get(place_in_ring(place, left)).copied();
            self.places.entry(
                self.hasher.hash_one(id),
                |other| id_at(*other) == Some(id),
                |other| self.hasher.hash_one(id_at(*other).unwrap_or(EventId(0))),
            )
        };
        match entry {
            // What a mark already holds renews it: that is how the file of a removed segment gives the time of
            // the last rise back, with the value that it rose to since.
            Entry::Occupied(_) if up_to == 0 || up_to < held => return 0,
            Entry::Occupied(mut entry) => *entry.get_mut() = place,
            Entry::Vacant(entry) => {
                entry.insert(place);
            }
        }
        if up_to > 0 {
            self.up_to.insert(id, up_to);
        }
        self.ids.push_back(id);
        self.seconds.push_back(second);
        let mut driven_out = 0;
        while self.ids.len() > self.marks_max {
            self.pop();
            driven_out += 1;
        }
        driven_out
    }

    /// Lets marks older than the window go.
    pub(super) fn expire(&mut self, now: Timestamp) {
        while self.seconds.front().is_some_and(|set| !self.is_current(*set, now)) {
            self.pop();
        }
    }

    /// Whether a mark set at `set` is inside the window.
    pub(super) fn is_current(&self, set: u32, now: Timestamp) -> bool {
        let age = u64::from(second(now).saturating_sub(set));
        age <= self.window.as_secs()
    }

    /// How many marks were ever put in.
    pub(super) fn end(&self) -> Count {
        Count(self.left + self.ids.len() as u64)
    }

    /// Those of the marks number `range` that are still here.
    pub(super) fn range(&self, range: Range<Count>) -> Vec<Mark> {
        let ring = |count: Count| {
            usize::try_from(count.0.saturating_sub(self.left))
                .map_or(self.ids.len(), |at| at.min(self.ids.len()))
        };
        let (from, to) = (ring(range.start), ring(range.end));
        let ids = self.ids.iter().zip(&self.seconds).take(to).skip(from);
        ids.map(|(id, second)| Mark { id: *id, second: *second, up_to: self.held(*id) }).collect()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    fn is_set(&self, id: EventId) -> bool {
        self.places.find(self.hasher.hash_one(id), |place| self.id(*place) == Some(id)).is_some()
    }

    fn held(&self, id: EventId) -> u64 {
        self.up_to.get(&id).copied().unwrap_or(0)
    }

    fn id(&self, place: u32) -> Option<EventId> {
        self.ids.get(place_in_ring(place, self.left)).copied()
    }

    fn pop(&mut self) {
        let place = Count(self.left).low();
        if let Some(id) = self.ids.pop_front() {
            if let Ok(entry) = self.places.find_entry(self.hasher.hash_one(id), |other| *other == place) {
                entry.remove();
                self.up_to.remove(&id);
            }
            self.seconds.pop_front();
            self.left += 1;
        }
    }
}

impl Count {
    #[expect(clippy::cast_possible_truncation, reason = "the low half is what is wanted")]
    fn low(self) -> u32 {
        self.0 as u32
    }
}

fn place_in_ring(place: u32, left: u64) -> usize {
    place.wrapping_sub(Count(left).low()) as usize
}

/// Whole seconds since the epoch, which fit until the year 2106.
pub(super) fn second(at: Timestamp) -> u32 {
    u32::try_from(at.as_secs().max(0)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    const WEEK: Duration = Duration::from_secs(7 * 86_400);

    #[test]
    fn an_id_is_known_after_its_commit_and_pending_during_it() {
        let mut marks = Marks::new(WEEK, 10);
        let id = EventId(7);
        assert_eq!(marks.seen(id), Seen::Never);
        marks.begin(id, Commit(1));
        assert_eq!(marks.seen(id), Seen::Pending(Commit(1)));
        marks.forget(id);
        assert_eq!(marks.seen(id), Seen::Never);
        marks.begin(id, Commit(2));
        marks.set(id, 0, Timestamp(0));
        assert_eq!(marks.seen(id), Seen::Before);
    }

    #[test]
    fn a_mark_is_known_for_the_window_and_no_longer() {
        let mut marks = Marks::new(WEEK, 10);
        marks.set(EventId(1), 0, Timestamp::from_secs(1_000));
        marks.expire(Timestamp::from_secs(1_000 + 7 * 86_400));
        assert_eq!(marks.seen(EventId(1)), Seen::Before);
        marks.expire(Timestamp::from_secs(1_001 + 7 * 86_400));
        assert_eq!(marks.seen(EventId(1)), Seen::Never);
        assert_eq!(marks.len(), 0);
    }

    #[test]
    fn a_clock_that_steps_back_ends_no_mark() {
        let mut marks = Marks::new(WEEK, 10);
        marks.set(EventId(1), 0, Timestamp::from_secs(1_000_000_000));
        marks.expire(Timestamp::from_secs(5));
        assert_eq!(marks.seen(EventId(1)), Seen::Before);
    }

    #[test]
    fn the_oldest_leave_when_there_are_too_many() {
        let mut marks = Marks::new(WEEK, 2);
        assert_eq!(marks.set(EventId(1), 0, Timestamp(0)), 0);
        assert_eq!(marks.set(EventId(2), 0, Timestamp(0)), 0);
        assert_eq!(marks.set(EventId(3), 0, Timestamp(0)), 1);
        assert_eq!(marks.seen(EventId(1)), Seen::Never);
        assert_eq!(marks.seen(EventId(2)), Seen::Before);
    }

    #[test]
    fn what_a_mark_holds_only_rises_and_lasts_from_its_last_rise() {
        let mut marks = Marks::new(Duration::from_secs(100), 10);
        let (id, at) = (EventId(1), Timestamp::from_secs);
        assert_eq!(marks.reached(id), None);
        for (second, up_to, held) in [(0, 5, 5), (60, 9, 9), (70, 7, 9), (80, 0, 9)] {
            marks.set(id, up_to, at(second));
            assert_eq!(marks.reached(id), Some(held));
        }
        marks.expire(at(160));
        assert_eq!(marks.reached(id), Some(9));
        marks.expire(at(161));
        assert_eq!((marks.reached(id), marks.len(), marks.up_to.len()), (None, 0, 0));
        marks.set(id, 3, at(162));
        assert_eq!(marks.reached(id), Some(3));
    }

    proptest! {
        /// As what is in the files of removed segments is read back: whatever was there when they were written.
        #[test]
        fn marks_read_back_hold_what_they_held_for_as_long(
            rises in proptest::collection::vec((0..4_u128, 0..20_u64, 0..30_u32), 1..60),
            pause in 0..120_i64,
        ) {
            let window = Duration::from_secs(100);
            let (mut marks, mut again) = (Marks::new(window, 1_000), Marks::new(window, 1_000));
            let mut now = 1_000;
            for (id, up_to, pause) in rises {
                now += i64::from(pause);
                marks.expire(Timestamp::from_secs(now));
                marks.set(EventId(id), up_to, Timestamp::from_secs(now));
            }
            for mark in marks.range(Count(0)..marks.end()) {
                again.set(mark.id, mark.up_to, Timestamp::from_secs(mark.second.into()));
            }
            for at in [now, now + pause] {
                marks.expire(Timestamp::from_secs(at));
                again.expire(Timestamp::from_secs(at));
                for id in (0..4).map(EventId) {
                    prop_assert_eq!(marks.reached(id), again.reached(id));
                }
            }
        }

        #[test]
        fn marks_agree_with_a_plain_map(ids in proptest::collection::vec((0..200_u128, 0..5_u32), 0..800), max in 1..100_usize) {
            let mut marks = Marks::new(Duration::from_secs(100), max);
            let mut model = Vec::<(u128, u32)>::new();
            let mut now = 1_000;
            for (id, pause) in ids {
                now += pause;
                let at = Timestamp::from_secs(now.into());
                marks.expire(at);
                model.retain(|(_, set)| now - set <= 100);
                let known: HashMap<u128, u32> = model.iter().copied().collect();
                prop_assert_eq!(marks.seen(EventId(id)) == Seen::Before, known.contains_key(&id));
                marks.set(EventId(id), 0, at);
                if !known.contains_key(&id) {
                    model.push((id, now));
                    if model.len() > max {
                        model.remove(0);
                    }
                }
                prop_assert_eq!(marks.len(), model.len());
            }
            let all = marks.range(Count(0)..marks.end());
            let all: Vec<_> = all.iter().map(|mark| (mark.id.0, mark.second)).collect();
            prop_assert_eq!(all, model);
        }
    }
}
