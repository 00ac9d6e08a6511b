//! What the spool's tasks and its callers share.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Notify, mpsc, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{
    Store,
    age::Age,
    dead::Dead,
    lanes::Place,
    marks::Commit,
    metrics::{Metrics, gauge},
    record::Kept,
    sidecar::Sidecars,
    state::{Reply, Settling, State, What, Written},
};
use crate::{
    ids::EventId,
    journal::{Journal, JournalError, Position},
    spool::{Depth, Known, SpoolError, Webhook},
};

/// The spool, as its tasks hold it.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) store: Store,
    pub(super) journal: Journal,
    pub(super) dead: Arc<Dead>,
    pub(super) sidecars: Sidecars,
    pub(super) known: Arc<dyn Known>,
    pub(super) age: Age,
    pub(super) metrics: Arc<Metrics>,
    pub(super) state: Mutex<State>,
    /// The number of the last applied record.
    pub(super) applied: watch::Sender<u64>,
    /// Cancelled when the disk failed.
    pub(super) broken: CancellationToken,
    /// A unit is ready.
    pub(super) ready: Notify,
    /// The next retry may be due earlier than it was.
    pub(super) timer: Notify,
    /// There is something to keep house for.
    pub(super) keeper: Notify,
    /// Zero of [`Core::monotonic`].
    pub(super) opened: Instant,
}

impl Core {
    /// The state; nothing is awaited while it is held.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Time since the spool was opened, for retries.
    pub(super) fn monotonic(&self) -> Duration {
        self.opened.elapsed()
    }

    /// Waits until a record is on the disk and applied, or is known to be lost.
    pub(super) async fn applied(&self, commit: Commit) {
        let mut applied = self.applied.subscribe();
        let _closed = applied.wait_for(|last| *last >= commit.0).await;
    }

    /// Applies records as they reach the disk, until the spool is closed and all are applied.
    pub(super) async fn apply_all(self: Arc<Self>, mut written: mpsc::UnboundedReceiver<Written>) {
        while let Some(Written { commit, ticket, queued, what }) = written.recv().await {
            let outcome = ticket.await;
            self.metrics.commit_seconds.observe(self.monotonic().saturating_sub(queued).as_secs_f64());
            let mut state = self.state();
            match outcome {
                Ok(position) => self.apply(&mut state, position, what),
                Err(error) => self.give_up(&mut state, &error, what),
            }
            self.metrics.events.set(gauge(state.backlog.events()));
            if state.lanes.has_ready() {
                self.ready.notify_one();
            }
            drop(state);
            self.applied.send_replace(commit.0);
        }
    }

    /// What the spool holds now.
    pub(super) fn depth(&self) -> Depth {
        let bytes: u64 = self.journal.segments().iter().map(|segment| segment.bytes).sum();
        let dead = self.dead.len() as u64;
        let mut state = self.state();
        let writable = state.check_open().is_ok() && state.room.is_left(self.monotonic());
        Depth {
            events: state.backlog.events(),
            lanes: state.lanes.len() as u64,
            oldest: state.backlog.oldest(),
            dead,
            bytes: bytes + self.dead.bytes(),
            writable,
        }
    }

    /// A record is on the disk.
    fn apply(&self, state: &mut State, position: Position, what: What) {
        state.applied_segment = position.segment;
        match what {
            What::Accepted { kept, accepted, reply } => {
                state.events_under_way -= kept.webhook.events.len() as u64;
                let begin = state.marks.end();
                state.marks_from.entry(position.segment).or_insert(begin);
                let driven_out: u64 =
                    marks_of(&kept.webhook).map(|(mark, up_to)| state.marks.set(mark, up_to, kept.at)).sum();
                self.metrics.dedupe_marks_max.inc_by(driven_out);
                self.enter(state, position, &kept);
                answer(reply, Ok(accepted));
            }
            What::Revived { kept, letter, reply } => {
                self.enter(state, position, &kept);
                state.gone.push(letter);
                self.keeper.notify_one();
                answer(reply, Ok(true));
            }
            What::Moved { first, reply } => {
                state.backlog.move_to(first, position);
                answer(reply, Ok(()));
            }
            What::Settled(Settling { units, events, replies }) => {
                state.backlog.settled(&events, self.age.now());
                for unit in units {
                    state.lanes.leave(unit);
                }
                for reply in replies {
                    answer(reply, Ok(()));
                }
                self.look_for_spent_segments(state);
            }
            What::Next { reply } => answer(reply, Ok(())),
        }
    }

    /// A record did not get to the disk.
    fn give_up(&self, state: &mut State, error: &JournalError, what: What) {
        if let JournalError::Failed(source) = error {
            self.fail(state, source);
        }
        let error = self.spool_error(error);
        match what {
            What::Accepted { kept, reply, .. } => {
                state.events_under_way -= kept.webhook.events.len() as u64;
                for (mark, _) in marks_of(&kept.webhook) {
                    state.marks.forget(mark);
                }
                answer(reply, Err(error));
            }
            What::Revived { letter, reply, .. } => {
                self.dead.cancel_revival(letter);
                answer(reply, Err(error));
            }
            What::Moved { reply, .. } | What::Next { reply } => answer(reply, Err(error)),
            What::Settled(settling) => match error {
                // A delivery was made and must not be made again: the keeper notes it when there is room.
                SpoolError::Full | SpoolError::Limit { .. } if !state.is_closed() => {
                    state.unsettled.push(settling);
                }
                SpoolError::Full | SpoolError::Limit { .. } => settling.end(&SpoolError::Closed),
                SpoolError::Failed(_) | SpoolError::Closed => settling.end(&error),
            },
        }
    }

    /// The disk failed: nothing is taken or handed out any more, and nobody waits for what cannot be noted.
    pub(super) fn fail(&self, state: &mut State, source: &Arc<io::Error>) {
        if state.failed.is_some() {
            return;
        }
        tracing::error!(error = %source, "the spool's disk failed; webhooks are refused until a restart");
        state.failed = Some(Arc::clone(source));
        self.metrics.writable.set(0);
        for settling in std::mem::take(&mut state.unsettled) {
            settling.end(&SpoolError::Failed(Arc::clone(source)));
        }
        self.broken.cancel();
    }

    fn enter(&self, state: &mut State, position: Position, kept: &Kept<Arc<Webhook>>) {
        let waiting = super::backlog::Waiting::all(position, &kept.webhook);
        state.backlog.insert(kept.first, waiting, Some(Arc::clone(&kept.webhook)));
        let places: Vec<_> =
            kept.webhook.events.iter().map(|event| Place::of(&kept.webhook, event)).collect();
        state.enter_lanes(kept.first, &places, &*self.known);
        if !state.quarantine.is_empty() {
            self.keeper.notify_one();
        }
    }

    /// Wakes the keeper when the oldest segment can be removed.
    fn look_for_spent_segments(&self, state: &State) {
        if let Some(oldest) = state.backlog.oldest_segment()
            && oldest < state.applied_segment
            && state.backlog.is_spent(oldest)
        {
            self.keeper.notify_one();
        }
    }

    /// Why the journal did not keep something, in the spool's words; limits are counted.
    pub(super) fn spool_error(&self, error: &JournalError) -> SpoolError {
        match error {
            JournalError::Full => SpoolError::Full,
            JournalError::Failed(source) => SpoolError::Failed(Arc::clone(source)),
            JournalError::Closed => SpoolError::Closed,
            JournalError::Busy => {
                self.metrics.journal_queue_max.inc();
                SpoolError::Limit { what: "journal_queue_max" }
            }
            JournalError::TooLarge { .. } => {
                self.metrics.journal_record_bytes_max.inc();
                SpoolError::Limit { what: "journal_record_bytes_max" }
            }
        }
    }
}

/// All marks that a webhook sets, each with what it holds: those that make a repetition known, and those that
/// tell how far its receipts got.
pub(super) fn marks_of(webhook: &Webhook) -> impl Iterator<Item = (EventId, u64)> + '_ {
    let of_events = webhook.events.iter().flat_map(|event| {
        let reached = event.reached.iter().filter_map(|reached| Some((reached.own()?, reached.up_to)));
        event.also.iter().chain([&event.id]).map(|mark| (*mark, 0)).chain(reached)
    });
    webhook.nonce.map(|nonce| (nonce, 0)).into_iter().chain(of_events)
}

/// Tells the outcome, if anybody is still waiting for it.
pub(super) fn answer<T>(reply: Reply<T>, outcome: Result<T, SpoolError>) {
    let _nobody_waits = reply.send(outcome);
}
