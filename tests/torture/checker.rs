//! The one checker: reads what was sent and what was delivered, and says which promise was broken.
//!
//! * **L** loss: every acknowledged event was delivered.
//! * **D** duplicates: second successful deliveries are at most what was in flight at each crash, and each
//!   has the sequence of the first: another one means that a redelivery was accepted as new.
//! * **O** order: within a conversation, if `a` was acknowledged before `b` was sent, `a` comes first; and
//!   what comes again is what came last: what was delivered before that was settled for good.
//! * **N** nothing else: no delivery of what was never sent, no changed body.
//! * **A** answers: looked at by the tests, which know when the store was down.
//! * **V** liveness: the tests wait for the drained spool before they check.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    time::Instant,
};

/// One posting of a webhook by the generator.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) id: String,
    pub(crate) conversation: u32,
    pub(crate) text: String,
    pub(crate) sent: Instant,
    /// The status and when it came; `None` if the connection broke.
    pub(crate) answer: Option<(u16, Instant)>,
}

/// One successful delivery at the backend.
#[derive(Clone, Debug)]
pub(crate) struct Delivered {
    pub(crate) id: String,
    pub(crate) conversation: u32,
    pub(crate) text: String,
    pub(crate) sequence: u64,
}

/// What was done to the gateway.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Faults {
    pub(crate) crashes: usize,
    pub(crate) in_flight_max: usize,
    /// A sync may have been answered although nothing was kept ([`crate::disk::Cut`]).
    pub(crate) disk_lies: bool,
}

/// How often each promise was broken, with the first examples.
#[derive(Debug, Default)]
pub(crate) struct Violations {
    pub(crate) lost: usize,
    pub(crate) duplicates: usize,
    pub(crate) disordered: usize,
    pub(crate) phantoms: usize,
    examples: Vec<String>,
}

impl Violations {
    fn note(&mut self, what: String) {
        if self.examples.len() < 10 {
            self.examples.push(what);
        }
    }
}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "lost {}, duplicates {}, out of order {}, phantoms {}",
            self.lost, self.duplicates, self.disordered, self.phantoms
        )?;
        self.examples.iter().try_for_each(|example| writeln!(f, "  {example}"))
    }
}

/// Holds the two logs against the promises.
pub(crate) fn check(sent: &[Sent], delivered: &[Delivered], faults: Faults) -> Result<(), Violations> {
    assert!(sent.iter().any(|s| matches!(s.answer, Some((200, _)))), "nothing was acknowledged");
    let mut violations = Violations::default();

    let mut first: HashMap<&str, usize> = HashMap::new();
    let mut repeated = 0;
    for (at, delivery) in delivered.iter().enumerate() {
        if first.contains_key(delivery.id.as_str()) {
            repeated += 1;
        } else {
            first.insert(&delivery.id, at);
        }
    }

    // L, with each id's earliest sending and earliest acknowledgement.
    let mut known: HashMap<&str, &Sent> = HashMap::new();
    let mut acknowledged: HashMap<&str, Instant> = HashMap::new();
    let mut earliest_send: HashMap<&str, Instant> = HashMap::new();
    for sending in sent {
        known.entry(&sending.id).or_insert(sending);
        let earliest = earliest_send.entry(&sending.id).or_insert(sending.sent);
        *earliest = (*earliest).min(sending.sent);
        if let Some((200, at)) = sending.answer {
            let earliest = acknowledged.entry(&sending.id).or_insert(at);
            *earliest = (*earliest).min(at);
        }
    }
    for id in acknowledged.keys() {
        if !first.contains_key(id) {
            violations.lost += 1;
            violations.note(format!("L: {id} was acknowledged and never delivered"));
        }
    }

    // D and O of second deliveries
    let mut last: HashMap<u32, &Delivered> = HashMap::new();
    for (at, delivery) in delivered.iter().enumerate() {
        let before = last.insert(delivery.conversation, delivery);
        let Some(original) = first.get(delivery.id.as_str()).filter(|first| **first < at) else { continue };
        let same = delivered.get(*original).is_some_and(|first| first.sequence == delivery.sequence);
        if !same {
            violations.duplicates += 1;
            violations.note(format!("D: {} was accepted twice", delivery.id));
        }
        if let Some(before) = before.filter(|before| !faults.disk_lies && before.id != delivery.id) {
            violations.disordered += 1;
            violations.note(format!("O: {} came again after {}", delivery.id, before.id));
        }
    }
    let allowed = faults.crashes * faults.in_flight_max;
    if repeated > allowed {
        violations.duplicates += repeated;
        violations.note(format!("D: {repeated} second deliveries, {allowed} allowed"));
    }

    // N
    for delivery in delivered {
        let same = known
            .get(delivery.id.as_str())
            .is_some_and(|s| s.text == delivery.text && s.conversation == delivery.conversation);
        if !same {
            violations.phantoms += 1;
            violations.note(format!("N: {} was delivered and never sent so", delivery.id));
        }
    }

    // O, over first deliveries in the order of arrival: an event may not come after one that was sent
    // only when it was acknowledged already.
    let mut latest_send: HashMap<u32, (Instant, &str)> = HashMap::new();
    let mut sequences: HashMap<u32, u64> = HashMap::new();
    let mut seen = HashSet::new();
    for delivery in delivered {
        if !seen.insert(delivery.id.as_str()) {
            continue;
        }
        let last = sequences.insert(delivery.conversation, delivery.sequence);
        if last.is_some_and(|last| last >= delivery.sequence) {
            violations.disordered += 1;
            violations.note(format!("O: the sequence of {} does not increase", delivery.id));
        }
        if let (Some((send, other)), Some(ack)) =
            (latest_send.get(&delivery.conversation), acknowledged.get(delivery.id.as_str()))
            && ack < send
        {
            violations.disordered += 1;
            violations.note(format!("O: {} was delivered after {other}", delivery.id));
        }
        if let Some(&send) = earliest_send.get(delivery.id.as_str())
            && latest_send.get(&delivery.conversation).is_none_or(|(other, _)| *other < send)
        {
            latest_send.insert(delivery.conversation, (send, &delivery.id));
        }
    }

    if violations.lost + violations.duplicates + violations.disordered + violations.phantoms == 0 {
        Ok(())
    } else {
        Err(violations)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const CRASHED_ONCE: Faults = Faults { crashes: 1, in_flight_max: 2, disk_lies: false };

    /// Sent one after the other in one conversation, each when the one before was acknowledged.
    fn sent(ids: &[&str]) -> Vec<Sent> {
        let begin = Instant::now();
        let at = |ms: usize| begin + Duration::from_millis(ms as u64);
        let one = |(n, id): (usize, &&str)| Sent {
            id: (*id).to_owned(),
            conversation: 1,
            text: (*id).to_owned(),
            sent: at(10 * n),
            answer: Some((200, at(10 * n + 5))),
        };
        ids.iter().enumerate().map(one).collect()
    }

    /// `id:sequence`, in the order of arrival.
    fn delivered(all: &[&str]) -> Vec<Delivered> {
        let one = |text: &&str| {
            let (id, sequence) = text.split_once(':').unwrap();
            let sequence = sequence.parse().unwrap();
            Delivered { id: id.to_owned(), conversation: 1, text: id.to_owned(), sequence }
        };
        all.iter().map(one).collect()
    }

    /// Lost, duplicates, disordered, phantoms.
    fn found(came: &[&str], faults: Faults) -> [usize; 4] {
        match check(&sent(&["a", "b", "c"]), &delivered(came), faults) {
            Ok(()) => [0; 4],
            Err(v) => [v.lost, v.duplicates, v.disordered, v.phantoms],
        }
    }

    #[test]
    fn the_checker_finds_what_it_is_for() {
        for (came, expected) in [
            (&["a:1", "b:2", "c:3"][..], [0, 0, 0, 0]),
            (&["a:1", "b:2", "b:2", "c:3"], [0, 0, 0, 0]),
            (&["a:1", "c:3"], [1, 0, 0, 0]),
            (&["a:1", "c:2", "b:3"], [0, 0, 1, 0]),
            (&["a:1", "b:3", "c:2"], [0, 0, 1, 0]),
            (&["a:1", "b:2", "a:1", "c:3"], [0, 0, 1, 0]),
            (&["a:1", "b:2", "b:4", "c:3"], [0, 1, 0, 0]),
            (&["a:1", "a:1", "a:1", "a:1", "b:2", "c:3"], [0, 3, 0, 0]),
            (&["a:1", "b:2", "c:3", "x:4"], [0, 0, 0, 1]),
        ] {
            assert_eq!(found(came, CRASHED_ONCE), expected, "{came:?}");
        }
    }

    #[test]
    fn without_a_crash_nothing_comes_twice() {
        let faults = Faults { crashes: 0, ..CRASHED_ONCE };
        assert_eq!(found(&["a:1", "b:2", "b:2", "c:3"], faults), [0, 1, 0, 0]);
    }
}
