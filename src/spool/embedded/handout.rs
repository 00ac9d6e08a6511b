//! Handing units out, and noting what became of them.

use std::{sync::Arc, time::Duration};

use smallvec::smallvec;
use tokio::sync::oneshot;

use super::{
    backlog::{self, Handout},
    core::Core,
    dead::Burial,
    record::Record,
    state::Settling,
};
use crate::{
    journal::Position,
    spool::{DeathReason, Sequence, SpoolError, Unit, Webhook},
};

/// Pause before a webhook that could not be read back is tried again.
const UNREADABLE_PAUSE: Duration = Duration::from_secs(60);

/// Pause before what the disk had no room for is tried again.
pub(super) const FULL_PAUSE: Duration = Duration::from_millis(250);

/// A unit on its way out. If it does not get there, because whoever asked went away, it is handed out to
/// the next one.
struct Taken<'a> {
    core: &'a Core,
    sequence: Sequence,
    arrived: bool,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if !self.arrived {
            self.core.state().lanes.put_back(self.sequence);
            self.core.ready.notify_one();
        }
    }
}

impl Core {
    /// Waits for the next unit. `None` when the spool closes.
    pub(super) async fn next(self: &Arc<Self>) -> Option<Unit> {
        loop {
            let notified = self.ready.notified();
            tokio::pin!(notified);
            notified.as_mut().enable();
            match self.take() {
                Take::Closed => return None,
                Take::Nothing => notified.await,
                Take::Unit(sequence, attempts, handout) => {
                    let mut taken = Taken { core: self, sequence, arrived: false };
                    let webhook = match handout.webhook {
                        Some(webhook) => Some(webhook),
                        None => self.read(handout.position).await,
                    };
                    if let Some(webhook) = webhook {
                        taken.arrived = true;
                        return Some(Unit { sequence, events: handout.events, attempts, webhook });
                    }
                    // Read while its segment was being given back, it is elsewhere now.
                    let mut state = self.state();
                    let here = state.backlog.handout(sequence);
                    if here.is_some_and(|here| here.position == handout.position) {
                        taken.arrived = true;
                        state.lanes.retry(sequence, self.monotonic() + UNREADABLE_PAUSE);
                        drop(state);
                        tracing::error!(sequence = sequence.0, "an accepted event could not be read back");
                        self.metrics.unreadable.inc();
                        self.timer.notify_one();
                    }
                }
            }
        }
    }

    fn take(&self) -> Take {
        let mut state = self.state();
        if state.is_closed() {
            return Take::Closed;
        }
        // What cannot be noted as delivered would be delivered again after the restart.
        if state.failed.is_some() {
            return Take::Nothing;
        }
        while let Some((sequence, attempts)) = state.lanes.next() {
            let handout = state.backlog.handout(sequence);
            if state.lanes.has_ready() {
                self.ready.notify_one();
            }
            match handout {
                Some(handout) => return Take::Unit(sequence, attempts, handout),
                None => state.lanes.leave(sequence),
            }
        }
        Take::Nothing
    }

    /// Reads a webhook back. `None` if that cannot be done.
    pub(super) async fn read(self: &Arc<Self>, position: Position) -> Option<Arc<Webhook>> {
        let core = Arc::clone(self);
        let read = tokio::task::spawn_blocking(move || core.read_blocking(position)).await;
        read.ok().flatten()
    }

    /// As [`Core::read`]; blocks on the disk.
    pub(super) fn read_blocking(&self, position: Position) -> Option<Arc<Webhook>> {
        let bytes = self.journal.read(position).inspect_err(|error| {
            tracing::debug!(%error, "a webhook could not be read back");
        });
        match Record::decode(&bytes.ok()?).ok()? {
            Record::Accepted(kept) | Record::Moved { kept, .. } | Record::Revived { kept, .. } => {
                Some(Arc::new(kept.webhook))
            }
            Record::Settled(_) | Record::Next(_) => None,
        }
    }

    /// Hands a unit out again after `pause`.
    pub(super) fn retry(&self, sequence: Sequence, pause: Duration) -> Result<(), SpoolError> {
        let mut state = self.state();
        let due = self.monotonic().saturating_add(pause);
        state.lanes.retry(sequence, due);
        if state.lanes.has_ready() {
            self.ready.notify_one();
        }
        self.timer.notify_one();
        Ok(())
    }

    /// Notes that a unit is delivered or buried. Ready when that is on the disk; goes on if it is dropped.
    pub(super) async fn settled(&self, sequence: Sequence) -> Result<(), SpoolError> {
        let outcome = {
            let mut state = self.state();
            state.check_open()?;
            if !state.lanes.is_out(sequence) {
                return Ok(());
            }
            let Some(handout) = state.backlog.handout(sequence) else { return Ok(()) };
            let events = state.backlog.begin_settling(sequence, &handout.events);
            let (reply, outcome) = oneshot::channel();
            let settling = Settling { units: smallvec![sequence], events, replies: smallvec![reply] };
            state.write_settling(&self.journal, settling, self.monotonic());
            outcome
        };
        outcome.await.unwrap_or(Err(SpoolError::Closed))
    }

    /// Makes a unit a dead letter, waiting for room if the disk is full.
    pub(super) async fn bury(&self, unit: Unit, reason: DeathReason) -> Result<(), SpoolError> {
        let first = unit.events.first().copied().unwrap_or(0);
        let burial = Burial {
            sequences: sequences(Sequence(unit.sequence.0.saturating_sub(first.into())), &unit.events),
            reason,
            since: self.age.now(),
            webhook: with_only(unit.webhook, &unit.events),
        };
        loop {
            self.state().check_open()?;
            match self.dead.bury(burial.clone()).await.map_err(|error| self.spool_error(&error)) {
                Ok(()) => return self.settled(unit.sequence).await,
                Err(SpoolError::Full | SpoolError::Limit { .. }) => tokio::time::sleep(FULL_PAUSE).await,
                Err(error) => return Err(error),
            }
        }
    }
}

enum Take {
    Unit(Sequence, u32, Handout),
    Nothing,
    Closed,
}

/// The sequences of these events.
pub(super) fn sequences(first: Sequence, events: &[u16]) -> Vec<Sequence> {
    events.iter().map(|place| backlog::at(first, *place)).collect()
}

/// The webhook with these of its events alone.
pub(super) fn with_only(webhook: Arc<Webhook>, events: &[u16]) -> Arc<Webhook> {
    if events.len() == webhook.events.len() {
        return webhook;
    }
    let mut webhook = Arc::unwrap_or_clone(webhook);
    let mut place = 0..=u16::MAX;
    webhook.events.retain(|_| place.next().is_some_and(|place| events.contains(&place)));
    Arc::new(webhook)
}
