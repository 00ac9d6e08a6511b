//! Opening: reading the journal gives back what the spool held.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use smallvec::SmallVec;

use super::{
    OpenError, Store,
    backlog::{Backlog, Waiting},
    core::marks_of,
    lanes::Place,
    marks::Marks,
    record::{Kept, Record},
    room::Room,
    sidecar::Found,
    state::{Settling, State, Written},
};
use crate::{
    ids::Timestamp,
    journal::{Files, Journal, Options, Position, Recovery},
    spool::{Known, Sequence},
};

/// What the journal held.
#[derive(Debug)]
pub(super) struct Recovered {
    pub(super) journal: Journal,
    pub(super) journal_recovery: Recovery,
    pub(super) state: State,
    pub(super) written: tokio::sync::mpsc::UnboundedReceiver<Written>,
    /// The newest time in it.
    pub(super) newest: Timestamp,
    /// The lanes of each webhook's events.
    places: Places,
    /// Letters that were put back, by the sequence that they had as letters.
    revived: Vec<Sequence>,
}

type Places = BTreeMap<Sequence, SmallVec<[Place; 1]>>;

impl Recovered {
    /// Reads the journal; `sidecars` are the marks of its removed segments.
    pub(super) fn read(files: Arc<dyn Files>, store: &Store, sidecars: Found) -> Result<Self, OpenError> {
        let dir = store.path.join("spool");
        let mut marks = Marks::new(store.dedupe_window, store.dedupe_marks_max);
        let mut newest = 0;
        let (mut newest_of, mut marks_from) = (BTreeMap::new(), BTreeMap::new());
        for (segment, of_segment) in sidecars.files {
            // If a crash came before the segment was removed, its file is written once more, and must not lose
            // what it held.
            marks_from.insert(segment, marks.end());
            for mark in of_segment {
                let at = Timestamp::from_secs(mark.second.into());
                marks.expire(at);
                marks.set(mark.id, mark.up_to, at);
                newest = newest.max(mark.second);
                newest_of.insert(segment, newest);
            }
        }
        let room = Room::new(dir.clone(), store.disk_free_min);
        let (mut state, written) = State::new(marks, Backlog::new(store.cache_bytes), room, Sequence(1));
        state.sidecars = newest_of;
        state.marks_from = marks_from;
        let mut log = Log {
            state,
            newest: Timestamp::from_secs(newest.into()),
            places: Places::new(),
            revived: Vec::new(),
        };
        let mut bad = None;
        let options = Options { segment_bytes: store.segment_bytes, ..Options::new(dir.join("journal")) };
        let (journal, journal_recovery) =
            Journal::open_on(files, options, &mut |position, bytes| match Record::decode(bytes) {
                Ok(record) => log.apply(position, record),
                Err(source) => {
                    bad.get_or_insert(OpenError::Record {
                        segment: position.segment,
                        offset: position.offset,
                        source,
                    });
                }
            })
            .map_err(OpenError::Journal)?;
        if let Some(bad) = bad {
            return Err(bad);
        }
        let Log { mut state, newest, places, revived } = log;
        state.applied_segment = journal.segments().last().map_or(0, |segment| segment.id);
        Ok(Self { journal, journal_recovery, state, written, newest, places, revived })
    }

    /// Sets what was found beside the dead letters, whose events are `buried`, and lets what waits enter
    /// its lanes in the order of acceptance. `begin_revival` takes a letter that is back here out of sight,
    /// if it is still there.
    pub(super) fn enter(
        &mut self,
        buried: &HashSet<Sequence>,
        begin_revival: impl Fn(Sequence) -> bool,
        known: &dyn Known,
    ) {
        let state = &mut self.state;
        // Were the journal's end lost to damage, a sequence that a letter has must still not be given again.
        if let Some(newest) = buried.iter().max() {
            state.next = state.next.max(Sequence(newest.0 + 1));
        }
        self.revived.retain(|letter| begin_revival(*letter));
        state.gone.append(&mut self.revived);
        let firsts: Vec<Sequence> = state.backlog.iter().map(|(first, _)| first).collect();
        for first in firsts {
            // What is buried and still waits was cut off between both. The keeper settles it.
            let live = state.backlog.live_of(first).map(|(_, live)| live).unwrap_or_default();
            let is_buried = |place: &u16| buried.contains(&super::backlog::at(first, *place));
            let dead: Vec<u16> = live.into_iter().filter(is_buried).collect();
            if !dead.is_empty() {
                let events = state.backlog.begin_settling(first, &dead);
                state.unsettled.push(Settling { events, ..Settling::default() });
            }
            let places = self.places.remove(&first).unwrap_or_default();
            state.enter_lanes(first, &places, known);
        }
    }
}

/// The journal, as it is read.
struct Log {
    state: State,
    newest: Timestamp,
    places: Places,
    revived: Vec<Sequence>,
}

impl Log {
    fn apply(&mut self, position: Position, record: Record) {
        match record {
            Record::Accepted(kept) => {
                // As when it ran: an id that was forgotten and accepted again has its later time.
                self.state.marks.expire(kept.at);
                let begin = self.state.marks.end();
                self.state.marks_from.entry(position.segment).or_insert(begin);
                for (mark, up_to) in marks_of(&kept.webhook) {
                    self.state.marks.set(mark, up_to, kept.at);
                }
                self.wait(position, &kept, None);
            }
            Record::Revived { kept, letter } => {
                self.revived.push(letter);
                self.wait(position, &kept, None);
            }
            Record::Moved { kept, live } => self.wait(position, &kept, Some(&live)),
            Record::Settled(events) => {
                for all in self.state.backlog.settled(&events, self.newest) {
                    self.places.remove(&all);
                }
            }
            Record::Next(next) => self.state.next = self.state.next.max(next),
        }
    }

    fn wait(&mut self, position: Position, kept: &Kept, live: Option<&[u16]>) {
        self.newest = self.newest.max(kept.at);
        let after = Sequence(kept.first.0 + kept.webhook.events.len() as u64);
        self.state.next = self.state.next.max(after);
        let waiting = Waiting::all(position, &kept.webhook);
        let waiting = match live {
            Some(live) => waiting.only(live),
            None => waiting,
        };
        // A crash may have come before the segment that it left was removed.
        self.state.backlog.remove(kept.first);
        self.state.backlog.insert(kept.first, waiting, None);
        let of = |event| Place::of(&kept.webhook, event);
        self.places.insert(kept.first, kept.webhook.events.iter().map(of).collect());
    }
}
