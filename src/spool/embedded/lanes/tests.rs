use std::{collections::HashMap, sync::Mutex};

use proptest::prelude::*;

use super::*;
use crate::ids::ConversationId;

/// A tag store, slow and obvious: which conversation each name means, and which conversations were merged.
#[derive(Debug, Default)]
struct Tags(Mutex<Names>);

#[derive(Debug, Default)]
struct Names {
    conversation: HashMap<Name, Name>,
    merged: HashMap<Name, Name>,
}

impl Known for Tags {
    fn conversation(&self, key: ConversationKey) -> Option<ConversationId> {
        let tags = self.0.lock().unwrap();
        tags.conversation.get(&key.0).map(|conversation| ConversationId(tags.now(*conversation)))
    }
}

impl Names {
    /// The conversation that remains of this one.
    fn now(&self, mut conversation: Name) -> Name {
        while let Some(into) = self.merged.get(&conversation) {
            conversation = *into;
        }
        conversation
    }

    /// What delivering an event does: its names find their conversation, or make it.
    fn resolve(&mut self, place: &Place) -> Name {
        let known: Vec<Name> =
            place.names.iter().filter_map(|key| self.conversation.get(key)).map(|c| self.now(*c)).collect();
        let conversation = known.first().copied().unwrap_or(place.names[0]);
        for key in &place.names {
            self.conversation.entry(*key).or_insert(conversation);
        }
        if place.join == Join::Merge {
            for other in known.into_iter().filter(|other| *other != conversation) {
                if self.now(other) != conversation {
                    self.merged.insert(other, conversation);
                }
            }
        }
        conversation
    }
}

fn place(join: Join, names: &[Name]) -> Place {
    Place { names: SmallVec::from_slice(names), join }
}

fn one(name: Name) -> [Place; 1] {
    [place(Join::Merge, &[name])]
}

/// The sequences that are handed out now, one after the other.
fn all_next(lanes: &mut Lanes) -> Vec<u64> {
    std::iter::from_fn(|| lanes.next()).map(|(sequence, _)| sequence.0).collect()
}

fn enter(lanes: &mut Lanes, sequence: u64, places: &[Place]) {
    lanes.enter(Sequence(sequence), places, &Tags::default());
}

#[test]
fn a_lane_hands_out_one_after_the_other() {
    let mut lanes = Lanes::default();
    for (sequence, name) in [(1, 10), (2, 10), (3, 20)] {
        enter(&mut lanes, sequence, &one(name));
    }
    assert_eq!(all_next(&mut lanes), [1, 3]);
    lanes.leave(Sequence(1));
    assert_eq!(all_next(&mut lanes), [2]);
    lanes.leave(Sequence(2));
    lanes.leave(Sequence(3));
    assert_eq!((lanes.len(), lanes.names.len(), lanes.units.len()), (0, 0, 0));
}

#[test]
fn a_retry_holds_its_own_lane_alone_and_until_its_time() {
    let mut lanes = Lanes::default();
    for (sequence, name) in [(1, 10), (2, 10), (3, 20), (4, 20)] {
        enter(&mut lanes, sequence, &one(name));
    }
    assert_eq!(all_next(&mut lanes), [1, 3]);
    lanes.retry(Sequence(1), Duration::from_secs(5), 1);
    lanes.leave(Sequence(3));
    assert_eq!(all_next(&mut lanes), [4]);
    assert_eq!(lanes.due(), Some(Duration::from_secs(5)));
    lanes.pass_time(Duration::from_secs(4));
    assert_eq!(all_next(&mut lanes), [0; 0]);
    lanes.pass_time(Duration::from_secs(5));
    assert_eq!(lanes.next(), Some((Sequence(1), 1)));
}

#[test]
fn lanes_take_turns() {
    let mut lanes = Lanes::default();
    for sequence in 0..3 {
        enter(&mut lanes, sequence, &one(10));
    }
    for sequence in 3..6 {
        enter(&mut lanes, sequence, &one(20));
    }
    let mut order = Vec::new();
    while let Some((sequence, _)) = lanes.next() {
        order.push(sequence.0);
        lanes.leave(sequence);
    }
    assert_eq!(order, [0, 3, 1, 4, 2, 5]);
}

#[test]
fn a_unit_of_two_lanes_waits_for_both_and_holds_both() {
    let mut lanes = Lanes::default();
    enter(&mut lanes, 1, &one(10));
    enter(&mut lanes, 2, &[one(10), one(20)].concat());
    enter(&mut lanes, 3, &one(20));
    assert_eq!(all_next(&mut lanes), [1]);
    lanes.leave(Sequence(1));
    assert_eq!(all_next(&mut lanes), [2]);
    lanes.leave(Sequence(2));
    assert_eq!(all_next(&mut lanes), [3]);
}

#[test]
fn names_of_one_conversation_share_a_lane_from_the_event_on_that_says_so() {
    let mut lanes = Lanes::default();
    enter(&mut lanes, 1, &one(10));
    enter(&mut lanes, 2, &one(20));
    enter(&mut lanes, 3, &one(10));
    assert_eq!(all_next(&mut lanes), [1, 2]);
    enter(&mut lanes, 4, &[place(Join::Merge, &[20, 10])]);
    enter(&mut lanes, 5, &one(20));
    lanes.leave(Sequence(1));
    assert_eq!(all_next(&mut lanes), [0; 0], "2 is out, of what is one conversation now");
    lanes.leave(Sequence(2));
    assert_eq!(all_next(&mut lanes), [3]);
    lanes.leave(Sequence(3));
    assert_eq!(all_next(&mut lanes), [4]);
}

#[test]
fn a_sender_who_names_two_known_conversations_joins_the_first_and_merges_nothing() {
    let tags = Tags::default();
    for name in [10, 20] {
        tags.0.lock().unwrap().resolve(&one(name)[0]);
    }
    let mut lanes = Lanes::default();
    lanes.enter(Sequence(1), &one(10), &tags);
    lanes.enter(Sequence(2), &one(20), &tags);
    lanes.enter(Sequence(3), &[place(Join::FirstKnown, &[99, 20, 10])], &tags);
    lanes.enter(Sequence(4), &one(10), &tags);
    assert_eq!(all_next(&mut lanes), [1, 2]);
    lanes.leave(Sequence(1));
    assert_eq!(all_next(&mut lanes), [4], "the second conversation holds the first");
    lanes.leave(Sequence(2));
    assert_eq!(all_next(&mut lanes), [3]);
}

#[test]
fn a_name_that_nobody_knows_yet_is_waited_for() {
    let tags = Tags::default();
    tags.0.lock().unwrap().resolve(&one(10)[0]);
    let mut lanes = Lanes::default();
    lanes.enter(Sequence(1), &[place(Join::FirstKnown, &[20])], &tags);
    lanes.enter(Sequence(2), &[place(Join::FirstKnown, &[10, 20])], &tags);
    assert_eq!(all_next(&mut lanes), [1], "2 would teach the tag store that 20 means 10");
}

#[test]
fn names_known_to_mean_one_conversation_share_a_lane() {
    let tags = Tags::default();
    tags.0.lock().unwrap().resolve(&place(Join::Merge, &[10, 20]));
    let mut lanes = Lanes::default();
    lanes.enter(Sequence(1), &one(10), &tags);
    lanes.enter(Sequence(2), &one(20), &tags);
    assert_eq!(all_next(&mut lanes), [1]);
}

#[test]
fn a_unit_that_did_not_arrive_is_handed_out_again_as_if_it_never_was() {
    let mut lanes = Lanes::default();
    enter(&mut lanes, 1, &one(10));
    assert_eq!(lanes.next(), Some((Sequence(1), 0)));
    lanes.put_back(Sequence(1));
    assert_eq!(lanes.next(), Some((Sequence(1), 0)));
}

/// One thing that happens.
#[derive(Clone, Debug)]
enum Step {
    Enter(Vec<Place>),
    Next,
    Settle(prop::sample::Index),
    Retry(prop::sample::Index, u64),
    PutBack(prop::sample::Index),
    Pass(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let names = proptest::collection::vec(1..7_u128, 1..4);
    let place = (names, prop::bool::weighted(0.6))
        .prop_map(|(names, merge)| place(if merge { Join::Merge } else { Join::FirstKnown }, &names));
    let step = prop_oneof![
        4 => proptest::collection::vec(place, 1..3).prop_map(Step::Enter),
        4 => Just(Step::Next),
        3 => any::<prop::sample::Index>().prop_map(Step::Settle),
        1 => (any::<prop::sample::Index>(), 0..9_u64).prop_map(|(unit, pause)| Step::Retry(unit, pause)),
        1 => any::<prop::sample::Index>().prop_map(Step::PutBack),
        1 => (0..9_u64).prop_map(Step::Pass),
    ];
    proptest::collection::vec(step, 0..120)
}

/// Watches the order in which units are handed out, by the conversations that delivering them finds.
#[derive(Debug, Default)]
struct Watch {
    tags: Tags,
    places: BTreeMap<Sequence, Vec<Place>>,
    /// The conversations of each unit that was ever handed out.
    conversations: HashMap<Sequence, Vec<Name>>,
    out: Vec<Sequence>,
    settled: Vec<Sequence>,
}

impl Watch {
    fn share(&self, one: Sequence, other: Sequence) -> bool {
        let tags = self.tags.0.lock().unwrap();
        let now = |unit| self.conversations.get(&unit).into_iter().flatten().map(|name| tags.now(*name));
        now(one).any(|conversation| now(other).any(|other| other == conversation))
    }

    fn handed_out(&mut self, unit: Sequence) {
        assert!(!self.settled.contains(&unit), "{unit:?} is handed out after it was settled");
        assert!(!self.out.contains(&unit), "{unit:?} is handed out twice");
        let first_time = !self.conversations.contains_key(&unit);
        if first_time {
            let mut tags = self.tags.0.lock().unwrap();
            let found = self.places[&unit].iter().map(|place| tags.resolve(place)).collect();
            self.conversations.insert(unit, found);
        }
        for other in &self.out {
            assert!(!self.share(unit, *other), "{unit:?} and {other:?} of one conversation are out at once");
        }
        for other in self.conversations.keys().filter(|other| **other != unit) {
            let late = first_time && *other > unit;
            let early = *other < unit && !self.settled.contains(other);
            assert!(
                !((late || early) && self.share(unit, *other)),
                "{unit:?} is handed out in the wrong order with {other:?}"
            );
        }
        self.out.push(unit);
    }

    fn take(&mut self, which: &prop::sample::Index) -> Option<Sequence> {
        let at = (!self.out.is_empty()).then(|| which.index(self.out.len()))?;
        Some(self.out.remove(at))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn every_unit_is_handed_out_and_each_conversation_in_its_order(steps in steps()) {
        let mut lanes = Lanes::default();
        let mut watch = Watch::default();
        let mut now = Duration::ZERO;
        for step in steps {
            match step {
                Step::Enter(places) => {
                    let sequence = Sequence(watch.places.len() as u64);
                    lanes.enter(sequence, &places, &watch.tags);
                    watch.places.insert(sequence, places);
                }
                Step::Next => {
                    if let Some((unit, _)) = lanes.next() {
                        watch.handed_out(unit);
                    }
                }
                Step::Settle(which) => {
                    if let Some(unit) = watch.take(&which) {
                        watch.settled.push(unit);
                        lanes.leave(unit);
                    }
                }
                Step::Retry(which, pause) => {
                    if let Some(unit) = watch.take(&which) {
                        lanes.retry(unit, now + Duration::from_secs(pause), 1);
                    }
                }
                Step::PutBack(which) => {
                    if let Some(unit) = watch.take(&which) {
                        lanes.put_back(unit);
                    }
                }
                Step::Pass(seconds) => {
                    now += Duration::from_secs(seconds);
                    lanes.pass_time(now);
                }
            }
        }
        lanes.pass_time(now + Duration::from_secs(1_000));
        loop {
            while let Some((unit, _)) = lanes.next() {
                watch.handed_out(unit);
            }
            let Some(unit) = watch.out.pop() else { break };
            watch.settled.push(unit);
            lanes.leave(unit);
        }
        prop_assert_eq!(watch.settled.len(), watch.places.len(), "a unit was never handed out");
        prop_assert_eq!((lanes.len(), lanes.names.len(), lanes.units.len()), (0, 0, 0));
    }
}
