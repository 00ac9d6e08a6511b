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
    causes::Causes,
    journal::Position,
    spool::{DeathReason, Sequence, SpoolError, Unit, Webhook},
};

/// Pause before a webhook that could not be read back is tried again.
pub(super) const UNREADABLE_PAUSE: Duration = Duration::from_secs(60);

/// A webhook that is damaged on the disk is set aside this long after that was first seen: its conversations
/// go on without it.
pub(super) const UNREADABLE_AGE_MAX: Duration = UNREADABLE_PAUSE.saturating_mul(2);

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
                        Some(webhook) => Ok(webhook),
                        None => self.read(handout.position).await,
                    };
                    match webhook {
                        Ok(webhook) => {
                            taken.arrived = true;
                            return Some(Unit { sequence, events: handout.events, attempts, webhook });
                        }
                        Err(unreadable) => {
                            taken.arrived = self.wait_to_read(sequence, handout.position, &unreadable);
                        }
                    }
                }
            }
        }
    }

    /// A unit could not be read back: it is tried again after a pause, or, if its webhook was damaged for
    /// long enough, left to the keeper to be set aside. `false` if it is to be handed out again at once.
    fn wait_to_read(&self, sequence: Sequence, position: Position, unreadable: &Unreadable) -> bool {
        let now = self.monotonic();
        let mut state = self.state();
        // Read while its segment was being given back, it is elsewhere now.
        if state.backlog.handout(sequence).is_none_or(|here| here.position != position) {
            return false;
        }
        tracing::error!(
            spool.sequence = sequence.0,
            journal.segment = position.segment,
            journal.offset = position.offset,
            "an accepted event could not be read back"
        );
        self.metrics.unreadable.inc();
        if let Unreadable::Damaged(_) = unreadable
            && state.backlog.unreadable_for(sequence, now) >= UNREADABLE_AGE_MAX
        {
            state.unreadable.push_back(sequence);
            self.keeper.notify_one();
        } else {
            state.lanes.retry(sequence, now + UNREADABLE_PAUSE, 0);
            self.timer.notify_one();
        }
        true
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

    /// Reads a webhook back.
    pub(super) async fn read(self: &Arc<Self>, position: Position) -> Result<Arc<Webhook>, Unreadable> {
        let core = Arc::clone(self);
        let read = tokio::task::spawn_blocking(move || core.read_blocking(position)).await;
        read.unwrap_or(Err(Unreadable::NotNow))
    }

    /// As [`Core::read`]; blocks on the disk.
    pub(super) fn read_blocking(&self, position: Position) -> Result<Arc<Webhook>, Unreadable> {
        let bytes = self.journal.read(position).map_err(|error| {
            tracing::debug!(error = %Causes(&error), "a webhook could not be read back");
            if error.is_passing() {
                return Unreadable::NotNow;
            }
            Unreadable::Damaged(self.journal.read_damaged(position).unwrap_or_default())
        })?;
        match Record::decode(&bytes) {
            Ok(Record::Accepted(kept) | Record::Moved { kept, .. } | Record::Revived { kept, .. }) => {
                Ok(Arc::new(kept.webhook))
            }
            Ok(Record::Settled(_) | Record::Next(_)) | Err(_) => Err(Unreadable::Damaged(bytes)),
        }
    }

    /// Hands a unit out again after `pause`, with `attempts` more behind it.
    pub(super) fn retry(&self, sequence: Sequence, pause: Duration, attempts: u32) -> Result<(), SpoolError> {
        let mut state = self.state();
        let due = self.monotonic().saturating_add(pause);
        state.lanes.retry(sequence, due, attempts);
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

/// Why a webhook could not be read back.
#[derive(Debug)]
pub(super) enum Unreadable {
    /// The process lacks something; the webhook may be as it was.
    NotNow,
    /// The disk holds this in its place, or nothing.
    Damaged(Vec<u8>),
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
