//! The order of hand-outs: units wait in the lanes of their conversations.
//!
//! Pure: no IO, no clock, no async. Knows nothing of what a unit holds.
//!
//! A unit is handed out when it is the oldest in every lane that it is in, when nothing of these lanes is
//! out, and when its retry time has come. All lanes order by sequence, so the oldest unit of all is always
//! the head of all of its lanes: units in several lanes cannot wait for each other in a circle.
//!
//! A lane lives while something waits in it. It has names: the names that its events gave their
//! conversation, and the conversations that the tag store knows these names to mean. Two conversations in
//! one lane merely wait for each other; one conversation in two lanes would lose its order. So wherever it
//! is not certain which of both is true, lanes are shared.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use hashbrown::HashMap;
use smallvec::SmallVec;

use crate::{
    channel::event::Join,
    ids::ConversationKey,
    spool::{Event, Known, Sequence, Webhook},
};

/// What a lane is found by: the digest of a conversation's name, or the id of a conversation, which is the
/// digest of one of its names.
type Name = u128;

/// The lane that an event belongs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    names: SmallVec<[Name; 2]>,
    join: Join,
}

/// All lanes and the units in them.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    units: BTreeMap<Sequence, Unit>,
    lanes: HashMap<LaneId, Lane>,
    names: HashMap<Name, LaneId>,
    /// Units whose turn has come, in the order in which it came: a lane that had its turn queues behind
    /// all others. May hold units that lost their turn again; their state says so.
    ready: VecDeque<Sequence>,
    retries: BTreeSet<(Duration, Sequence)>,
    lanes_made: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct LaneId(u64);

#[derive(Debug, Default)]
struct Lane {
    /// Ascending.
    units: VecDeque<Sequence>,
    /// How many of them are out: one, or several after lanes were joined.
    out: usize,
    names: SmallVec<[Name; 2]>,
}

#[derive(Debug)]
struct Unit {
    lanes: SmallVec<[LaneId; 1]>,
    state: State,
    attempts: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Waits for what is before it.
    Waiting,
    /// In `ready`.
    Ready,
    /// Handed out.
    Out,
    /// Waits for its retry time; its lanes wait with it.
    Paused(Duration),
}

impl Place {
    /// Where an event belongs: the lane of its conversation, or, if it concerns the account itself, the lane
    /// of that account.
    pub(super) fn of(webhook: &Webhook, event: &Event) -> Self {
        if let Some(thread) = &event.thread {
            let names = thread.keys.iter().map(|(key, _lasting)| key.0).collect();
            return Self { names, join: thread.join };
        }
        // A thread's name is `<kind>:<id>`, so this one cannot be one.
        let account = ConversationKey::derive(
            &webhook.tenant,
            webhook.endpoint.as_str(),
            &event.provider_account,
            "account",
        );
        Self { names: SmallVec::from_slice(&[account.0]), join: Join::Merge }
    }
}

impl Lanes {
    /// Lets a unit wait in the lanes of `places`.
    pub(super) fn enter<'a>(
        &mut self,
        sequence: Sequence,
        places: impl IntoIterator<Item = &'a Place>,
        known: &dyn Known,
    ) {
        self.units.insert(sequence, Unit { lanes: SmallVec::new(), state: State::Waiting, attempts: 0 });
        for place in places {
            let lanes = match place.join {
                Join::Merge => SmallVec::from_slice(&[self.lane_of_all(&place.names, known)]),
                Join::FirstKnown | Join::TokenFirst => self.lanes_of_first(&place.names, known),
            };
            for lane in lanes {
                self.join(sequence, lane);
            }
        }
        self.ready_if_its_turn(sequence);
    }

    /// Hands out the unit that has been ready longest, with the number of attempts before this one.
    pub(super) fn next(&mut self) -> Option<(Sequence, u32)> {
        while let Some(sequence) = self.ready.pop_front() {
            let Some(unit) = self.units.get_mut(&sequence).filter(|unit| unit.state == State::Ready) else {
                continue;
            };
            unit.state = State::Out;
            for lane in &unit.lanes {
                if let Some(lane) = self.lanes.get_mut(lane) {
                    lane.out += 1;
                }
            }
            return Some((sequence, unit.attempts));
        }
        None
    }

    /// Takes a unit back as if it had not been handed out.
    pub(super) fn put_back(&mut self, sequence: Sequence) {
        if self.take_in(sequence, State::Waiting) {
            self.its_lanes_go_on(sequence);
        }
    }

    /// Takes a unit back, to be handed out again at `due`, with `attempts` more behind it: 1 after a
    /// failed attempt, 0 if none was made.
    pub(super) fn retry(&mut self, sequence: Sequence, due: Duration, attempts: u32) {
        if self.take_in(sequence, State::Paused(due)) {
            self.retries.insert((due, sequence));
            if let Some(unit) = self.units.get_mut(&sequence) {
                unit.attempts = unit.attempts.saturating_add(attempts);
            }
            // In lanes that were joined meanwhile, something older may wait.
            self.its_lanes_go_on(sequence);
        }
    }

    /// When the next retry is due.
    pub(super) fn due(&self) -> Option<Duration> {
        self.retries.first().map(|(due, _)| *due)
    }

    /// Lets units whose retry time has come take their turn.
    pub(super) fn pass_time(&mut self, now: Duration) {
        while let Some((due, sequence)) = self.retries.first().copied().filter(|(due, _)| *due <= now) {
            self.retries.remove(&(due, sequence));
            if let Some(unit) = self.units.get_mut(&sequence) {
                unit.state = State::Waiting;
                self.ready_if_its_turn(sequence);
            }
        }
    }

    /// A unit is settled: its lanes go on.
    pub(super) fn leave(&mut self, sequence: Sequence) {
        let Some(unit) = self.units.remove(&sequence) else { return };
        if let State::Paused(due) = unit.state {
            self.retries.remove(&(due, sequence));
        }
        for id in unit.lanes {
            let Some(lane) = self.lanes.get_mut(&id) else { continue };
            if unit.state == State::Out {
                lane.out -= 1;
            }
            if let Ok(at) = lane.units.binary_search(&sequence) {
                lane.units.remove(at);
            }
            if lane.units.is_empty() {
                for name in self.lanes.remove(&id).into_iter().flat_map(|lane| lane.names) {
                    self.names.remove(&name);
                }
            } else {
                self.head_if_its_turn(id);
            }
        }
    }

    /// Whether a unit can be handed out now.
    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Whether a unit is handed out.
    pub(super) fn is_out(&self, sequence: Sequence) -> bool {
        self.units.get(&sequence).is_some_and(|unit| unit.state == State::Out)
    }

    /// How many lanes there are.
    pub(super) fn len(&self) -> usize {
        self.lanes.len()
    }

    /// The lane of all names of one conversation: lanes that turn out to be one are joined.
    fn lane_of_all(&mut self, keys: &[Name], known: &dyn Known) -> LaneId {
        let mut names: SmallVec<[Name; 4]> = SmallVec::from_slice(keys);
        names.extend(keys.iter().filter_map(|key| conversation(known, *key)));
        let mut lanes: SmallVec<[LaneId; 2]> = SmallVec::new();
        for lane in names.iter().filter_map(|name| self.names.get(name)) {
            if !lanes.contains(lane) {
                lanes.push(*lane);
            }
        }
        let lane = self.join_lanes(&lanes);
        for name in names {
            self.call(lane, name);
        }
        lane
    }

    /// The lane of the first name that has one or that means a known conversation. The others are what a
    /// stranger says, so nothing is joined. But a name that nobody knows yet may come to mean the
    /// conversation of whichever event is delivered first, so the lanes of such names are waited for too.
    fn lanes_of_first(&mut self, keys: &[Name], known: &dyn Known) -> SmallVec<[LaneId; 2]> {
        let mut found = None;
        for key in keys {
            let conversation = conversation(known, *key);
            let lane = self.names.get(key).or_else(|| self.names.get(&conversation?)).copied();
            if lane.is_some() || conversation.is_some() {
                found = Some((lane, conversation));
                break;
            }
        }
        let (lane, means) = found.unwrap_or((None, None));
        let lane = lane.unwrap_or_else(|| self.new_lane());
        if let Some(conversation) = means {
            self.call(lane, conversation);
        }
        let mut lanes = SmallVec::from_slice(&[lane]);
        for key in keys {
            match conversation(known, *key) {
                // It goes on leading to that conversation's lane.
                Some(conversation) if self.names.get(&conversation) != Some(&lane) => {}
                Some(_) => self.call(lane, *key),
                None => {
                    self.call(lane, *key);
                    lanes.extend(self.names.get(key).copied());
                }
            }
        }
        lanes
    }

    /// Gives a lane a name, unless another lane has it.
    fn call(&mut self, id: LaneId, name: Name) {
        if let Some(lane) = self.lanes.get_mut(&id) {
            self.names.entry(name).or_insert_with(|| {
                lane.names.push(name);
                id
            });
        }
    }

    fn new_lane(&mut self) -> LaneId {
        let id = LaneId(self.lanes_made);
        self.lanes_made += 1;
        self.lanes.insert(id, Lane::default());
        id
    }

    /// Makes several lanes one. The longest stays, so that joining many small ones to it is cheap.
    fn join_lanes(&mut self, lanes: &[LaneId]) -> LaneId {
        let length = |id: &&LaneId| self.lanes.get(*id).map_or(0, |lane| lane.units.len());
        let Some(stays) = lanes.iter().max_by_key(length).copied() else { return self.new_lane() };
        for id in lanes.iter().filter(|id| **id != stays) {
            let Some(goes) = self.lanes.remove(id) else { continue };
            for name in &goes.names {
                self.names.insert(*name, stays);
            }
            if let Some(lane) = self.lanes.get_mut(&stays) {
                lane.names.extend(goes.names);
            }
            for sequence in goes.units {
                if let Some(unit) = self.units.get_mut(&sequence) {
                    unit.lanes.retain(|lane| lane != id);
                }
                self.join(sequence, stays);
            }
        }
        stays
    }

    /// Lets a unit wait in one more lane.
    fn join(&mut self, sequence: Sequence, id: LaneId) {
        let (Some(unit), Some(lane)) = (self.units.get_mut(&sequence), self.lanes.get_mut(&id)) else {
            return;
        };
        if unit.lanes.contains(&id) {
            return;
        }
        unit.lanes.push(id);
        let head = lane.units.front().copied();
        let place = lane.units.binary_search(&sequence).unwrap_or_else(|place| place);
        lane.units.insert(place, sequence);
        if unit.state == State::Out {
            lane.out += 1;
        }
        // Whoever was ready, in this lane or in the unit's others, may have lost its turn.
        for sequence in head.into_iter().chain([sequence]) {
            if let Some(unit) = self.units.get_mut(&sequence).filter(|unit| unit.state == State::Ready) {
                unit.state = State::Waiting;
            }
        }
        self.head_if_its_turn(id);
    }

    /// An out unit is in again. `false` if it was not out.
    fn take_in(&mut self, sequence: Sequence, state: State) -> bool {
        let Some(unit) = self.units.get_mut(&sequence).filter(|unit| unit.state == State::Out) else {
            return false;
        };
        unit.state = state;
        for lane in &unit.lanes {
            if let Some(lane) = self.lanes.get_mut(lane) {
                lane.out -= 1;
            }
        }
        true
    }

    fn its_lanes_go_on(&mut self, sequence: Sequence) {
        let lanes = self.units.get(&sequence).map(|unit| unit.lanes.clone()).unwrap_or_default();
        for lane in lanes {
            self.head_if_its_turn(lane);
        }
    }

    fn head_if_its_turn(&mut self, lane: LaneId) {
        if let Some(head) = self.lanes.get(&lane).and_then(|lane| lane.units.front()).copied() {
            self.ready_if_its_turn(head);
        }
    }

    fn ready_if_its_turn(&mut self, sequence: Sequence) {
        let Some(unit) = self.units.get_mut(&sequence).filter(|unit| unit.state == State::Waiting) else {
            return;
        };
        let its_turn = |lane: &LaneId| {
            self.lanes.get(lane).is_some_and(|lane| lane.out == 0 && lane.units.front() == Some(&sequence))
        };
        if unit.lanes.iter().all(its_turn) {
            unit.state = State::Ready;
            self.ready.push_back(sequence);
        }
    }
}

fn conversation(known: &dyn Known, key: Name) -> Option<Name> {
    known.conversation(ConversationKey(key)).map(|conversation| conversation.0)
}

#[cfg(test)]
mod tests;
