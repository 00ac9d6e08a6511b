//! What the spool knows, under one short lock, and the queue of what is on its way to the disk.
//!
//! INVARIANT: sequences are given away and records are queued under the same lock, and one task applies
//! them in the order of the journal. So what is in memory is always what reading the journal up to some
//! record gives, and recovery has no case that running does not have.

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    sync::Arc,
    time::Duration,
};

use smallvec::SmallVec;
use tokio::sync::{mpsc, oneshot};

use super::{
    backlog::Backlog,
    core::answer,
    lanes::{Lanes, Place},
    marks::{Commit, Count, Mark, Marks},
    record::{self, Kept, Record},
    room::Room,
};
use crate::{
    journal::{Journal, Ticket},
    spool::{Accepted, Known, Sequence, SpoolError, Webhook},
};

/// Where the outcome goes. Nobody may be listening any more; what was begun goes on.
pub(super) type Reply<T> = oneshot::Sender<Result<T, SpoolError>>;

/// All that the lock protects.
#[derive(Debug)]
pub(super) struct State {
    pub(super) marks: Marks,
    pub(super) lanes: Lanes,
    pub(super) backlog: Backlog,
    pub(super) room: Room,
    /// The next sequence to give away.
    pub(super) next: Sequence,
    /// Events on their way to the disk.
    pub(super) events_under_way: u64,
    /// The marks of each segment begin here.
    pub(super) marks_from: BTreeMap<u64, Count>,
    /// The newest second in the marks' file of each removed segment.
    pub(super) sidecars: BTreeMap<u64, u32>,
    /// The segment of the last applied record: all of those below it are applied.
    pub(super) applied_segment: u64,
    /// Webhooks with events for quarantine, by their first sequence.
    pub(super) quarantine: VecDeque<Sequence>,
    /// Of those, webhooks that could not be read back, to be tried again later.
    pub(super) quarantine_unreadable: Vec<Sequence>,
    /// Units, handed out to nobody, whose webhook cannot be read back.
    pub(super) unreadable: VecDeque<Sequence>,
    /// What could not be noted because the disk was full: noted when it no longer is.
    pub(super) unsettled: Vec<Settling>,
    /// Dead letters that are back in the spool and not yet gone from the dead letters.
    pub(super) gone: Vec<Sequence>,
    /// The disk failed.
    pub(super) failed: Option<Arc<io::Error>>,
    /// `None` when the spool is closing.
    log: Option<mpsc::UnboundedSender<Written>>,
    commits: u64,
}

/// A record on its way to the disk.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) commit: Commit,
    pub(super) ticket: Ticket,
    /// When it was queued.
    pub(super) queued: Duration,
    pub(super) what: What,
}

/// What is true once the record is on the disk.
#[derive(Debug)]
pub(super) enum What {
    /// A webhook waits.
    Accepted { kept: Kept<Arc<Webhook>>, accepted: Accepted, reply: Reply<Accepted> },
    /// A dead letter waits again.
    Revived { kept: Kept<Arc<Webhook>>, letter: Sequence, reply: Reply<bool> },
    /// A webhook is in another segment.
    Moved { first: Sequence, reply: Reply<()> },
    /// Units are settled.
    Settled(Settling),
    /// Nothing new.
    Next { reply: Reply<()> },
}

/// Units that are being settled.
#[derive(Debug, Default)]
pub(super) struct Settling {
    /// Units that were handed out.
    pub(super) units: SmallVec<[Sequence; 1]>,
    /// All their events, and events that never were handed out.
    pub(super) events: Vec<Sequence>,
    pub(super) replies: SmallVec<[Reply<()>; 1]>,
}

impl Settling {
    /// Tells who waits that it was not noted.
    pub(super) fn end(self, error: &SpoolError) {
        for reply in self.replies {
            answer(reply, Err(error.clone()));
        }
    }
}

impl State {
    /// The state of an opened journal, and the queue that is to be applied.
    pub(super) fn new(
        marks: Marks,
        backlog: Backlog,
        room: Room,
        next: Sequence,
    ) -> (Self, mpsc::UnboundedReceiver<Written>) {
        // Bounded by the journal's own queue, which is where its entries wait.
        let (log, written) = mpsc::unbounded_channel();
        let state = Self {
            marks,
            lanes: Lanes::default(),
            backlog,
            room,
            next,
            events_under_way: 0,
            marks_from: BTreeMap::new(),
            sidecars: BTreeMap::new(),
            applied_segment: 0,
            quarantine: VecDeque::new(),
            quarantine_unreadable: Vec::new(),
            unreadable: VecDeque::new(),
            unsettled: Vec::new(),
            gone: Vec::new(),
            failed: None,
            log: Some(log),
            commits: 0,
        };
        (state, written)
    }

    /// Whether the spool takes anything.
    ///
    /// # Errors
    /// If it is closing or its disk failed.
    pub(super) fn check_open(&self) -> Result<(), SpoolError> {
        match (&self.failed, &self.log) {
            (Some(error), _) => Err(SpoolError::Failed(Arc::clone(error))),
            (None, None) => Err(SpoolError::Closed),
            (None, Some(_)) => Ok(()),
        }
    }

    /// Takes nothing more. What is queued is still applied.
    pub(super) fn close(&mut self) {
        self.log = None;
    }

    /// Whether [`State::close`] was called.
    pub(super) fn is_closed(&self) -> bool {
        self.log.is_none()
    }

    /// The number of the next record.
    pub(super) fn next_commit(&self) -> Commit {
        Commit(self.commits + 1)
    }

    /// Queues a record.
    pub(super) fn write(&mut self, journal: &Journal, record: Vec<u8>, queued: Duration, what: What) {
        let Some(log) = &self.log else { return };
        self.commits += 1;
        let written = Written { commit: Commit(self.commits), ticket: journal.append(record), queued, what };
        // The task that applies ends only after the queue does.
        let _ended = log.send(written);
    }

    /// Queues the settling of units. The caller has checked that the spool is open.
    pub(super) fn write_settling(&mut self, journal: &Journal, settling: Settling, queued: Duration) {
        let record = Record::<&Webhook>::Settled(settling.events.clone());
        let bytes = record.encode(16 + settling.events.len() * 10);
        self.write(journal, bytes, queued, What::Settled(settling));
    }

    /// Lets the units of a webhook wait in their lanes. `places` are those of all its events.
    pub(super) fn enter_lanes(&mut self, first: Sequence, places: &[Place], known: &dyn Known) {
        let Some(waiting) = self.backlog.webhook(first) else { return };
        for (sequence, events) in waiting.units(first) {
            let places = events.iter().filter_map(|at| places.get(usize::from(*at)));
            self.lanes.enter(sequence, places, known);
        }
        if !waiting.quarantine().is_empty() {
            self.quarantine.push_back(first);
        }
    }

    /// The marks that a segment holds and that are still inside the window.
    pub(super) fn marks_of(&self, segment: u64) -> Vec<Mark> {
        let Some(from) = self.marks_from.get(&segment) else { return Vec::new() };
        let next = self.marks_from.range(segment + 1..).next();
        let to = next.map_or_else(|| self.marks.end(), |(_, to)| *to);
        self.marks.range(*from..to)
    }
}

/// The bytes of the record of an accepted webhook.
pub(super) fn accepted_record(kept: &Kept<Arc<Webhook>>) -> Vec<u8> {
    let hint = record::size_hint(&kept.webhook);
    Record::Accepted(Kept { first: kept.first, at: kept.at, webhook: &*kept.webhook }).encode(hint)
}
