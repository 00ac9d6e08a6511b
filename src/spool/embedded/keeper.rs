//! The spool's housekeeping: retries that are due, quarantine, what is damaged, what waits for room on the
//! disk, expiry, segments that can be given back.

use std::{sync::Arc, time::Duration};

use smallvec::smallvec;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::{
    core::Core,
    dead::Burial,
    gc::CollectError,
    handout::{FULL_PAUSE, UNREADABLE_AGE_MAX, UNREADABLE_PAUSE, Unreadable, sequences, with_only},
    metrics::gauge,
    state::Settling,
};
use crate::{
    ids::{EndpointId, TenantId},
    journal::JournalError,
    spool::{DeathReason, Format, Sequence, Webhook},
};

/// Dead letters are looked through for old ones this often.
const EXPIRE_EVERY: Duration = Duration::from_secs(60);

/// Webhooks that go into quarantine together.
const QUARANTINE_BATCH: usize = 256;

impl Core {
    /// Lets units take their turn when their retry is due.
    pub(super) async fn keep_time(self: Arc<Self>, stop: CancellationToken) {
        loop {
            let due = {
                let mut state = self.state();
                state.lanes.pass_time(self.monotonic());
                if state.lanes.has_ready() {
                    self.ready.notify_one();
                }
                state.lanes.due()
            };
            let due = async {
                match due.and_then(|due| self.opened.checked_add(due)) {
                    Some(due) => tokio::time::sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.timer.notified() => {}
                () = due => {}
            }
        }
    }

    /// Keeps house until the spool closes.
    pub(super) async fn keep_house(self: Arc<Self>, stop: CancellationToken) {
        // What found no room on the disk is tried again at each beat.
        let mut beat = tokio::time::interval(FULL_PAUSE);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut expired = None;
        let mut read_again = Duration::ZERO;
        let mut troubled = false;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = beat.tick() => {}
                () = self.keeper.notified() => {}
            }
            if let Some(source) = self.dead.failure() {
                self.fail(&mut self.state(), &source);
            }
            self.write_unsettled();
            let now = self.monotonic();
            if now.saturating_sub(read_again) >= UNREADABLE_PAUSE {
                read_again = now;
                let mut state = self.state();
                let again = std::mem::take(&mut state.quarantine_unreadable);
                state.quarantine.extend(again);
            }
            let done = self.quarantine().await;
            let aside = self.set_aside().await;
            let gone = self.finish_revivals().await;
            if expired.is_none_or(|expired: Duration| now.saturating_sub(expired) >= EXPIRE_EVERY) {
                expired = Some(now);
                self.dead.expire(self.age.now());
                self.dead.close_segment(self.age.now()).await;
            }
            let collected = self.collect().await;
            let trouble = done.and(aside).and(gone).map_err(CollectError::from).and(collected).err();
            // Once, not at every beat; the metrics say how long it lasts.
            if let (Some(error), false) = (&trouble, troubled) {
                tracing::warn!(%error, "the spool cannot tidy up; it keeps trying");
            }
            troubled = trouble.is_some();
            self.measure();
        }
    }

    /// Notes what was settled while the disk was full.
    pub(super) fn write_unsettled(&self) {
        let mut state = self.state();
        if state.unsettled.is_empty() || state.check_open().is_err() {
            return;
        }
        let mut all = Settling::default();
        for settling in std::mem::take(&mut state.unsettled) {
            all.units.extend(settling.units);
            all.events.extend(settling.events);
            all.replies.extend(settling.replies);
        }
        state.write_settling(&self.journal, all, self.monotonic());
    }

    /// Puts events without an account, and bodies that could not be read, among the dead letters.
    async fn quarantine(self: &Arc<Self>) -> Result<(), JournalError> {
        loop {
            let batch: Vec<Sequence> = {
                let mut state = self.state();
                let size = state.quarantine.len().min(QUARANTINE_BATCH);
                state.quarantine.drain(..size).collect()
            };
            if batch.is_empty() {
                return Ok(());
            }
            let mut buried = Vec::with_capacity(batch.len());
            for first in batch {
                if let Some((events, burial)) = self.quarantined(first).await {
                    buried.push((first, events, self.dead.bury(burial)));
                }
            }
            let mut outcome = Ok(());
            for (first, events, burial) in buried {
                let on_disk = burial.await;
                let mut state = self.state();
                match on_disk {
                    Ok(()) if state.check_open().is_ok() => {
                        let events = state.backlog.begin_settling(first, &events);
                        let settling = Settling { events, ..Settling::default() };
                        state.write_settling(&self.journal, settling, self.monotonic());
                    }
                    Ok(()) => {}
                    Err(error) => {
                        state.backlog.cancel_salvage(first);
                        state.quarantine.push_back(first);
                        outcome = Err(error);
                    }
                }
            }
            outcome?;
        }
    }

    async fn quarantined(self: &Arc<Self>, first: Sequence) -> Option<(Vec<u16>, Burial)> {
        let handout = self.state().backlog.quarantine_of(first)?;
        let webhook = match handout.webhook {
            Some(webhook) => Ok(webhook),
            None => self.read(handout.position).await,
        };
        let (reason, webhook) = match webhook {
            Ok(webhook) if webhook.malformed => (DeathReason::Malformed, with_only(webhook, &handout.events)),
            Ok(webhook) => (DeathReason::UnknownAccount, with_only(webhook, &handout.events)),
            Err(Unreadable::Damaged(found))
                if self.state().backlog.unreadable_for(first, self.monotonic()) >= UNREADABLE_AGE_MAX =>
            {
                (DeathReason::Unreadable, self.salvaged(first, found))
            }
            Err(_) => {
                self.metrics.unreadable.inc();
                self.state().quarantine_unreadable.push(first);
                return None;
            }
        };
        let sequences = sequences(first, &handout.events);
        let burial = Burial { sequences, reason, since: self.age.now(), webhook };
        Some((handout.events.to_vec(), burial))
    }

    /// Sets units aside whose webhook is damaged on the disk: what the disk holds in its place becomes a dead
    /// letter, and their conversations go on.
    async fn set_aside(self: &Arc<Self>) -> Result<(), JournalError> {
        while let Some(sequence) = { self.state().unreadable.front().copied() } {
            // INVARIANT: nothing is moved meanwhile, since collecting is this task's work too.
            let Some(handout) = ({ self.state().backlog.handout(sequence) }) else {
                self.state().unreadable.pop_front();
                continue;
            };
            let found = match self.read(handout.position).await {
                Err(Unreadable::Damaged(found)) => found,
                Ok(_) | Err(Unreadable::NotNow) => {
                    let mut state = self.state();
                    state.unreadable.pop_front();
                    state.lanes.put_back(sequence);
                    self.ready.notify_one();
                    continue;
                }
            };
            let first = handout.events.first().copied().unwrap_or(0);
            let burial = Burial {
                sequences: sequences(Sequence(sequence.0.saturating_sub(first.into())), &handout.events),
                reason: DeathReason::Unreadable,
                since: self.age.now(),
                webhook: self.salvaged(sequence, found),
            };
            if let Err(error) = self.dead.bury(burial).await {
                self.state().backlog.cancel_salvage(sequence);
                return Err(error);
            }
            tracing::error!(
                spool.sequence = sequence.0,
                journal.segment = handout.position.segment,
                journal.offset = handout.position.offset,
                "an accepted event is damaged on the disk and is now a dead letter"
            );
            let mut state = self.state();
            state.unreadable.pop_front();
            if state.check_open().is_ok() {
                let events = state.backlog.begin_settling(sequence, &handout.events);
                let settling = Settling { units: smallvec![sequence], events, ..Settling::default() };
                state.write_settling(&self.journal, settling, self.monotonic());
            }
        }
        Ok(())
    }

    /// What stands in a letter for a webhook that is damaged on the disk, of which `found` is left. A webhook
    /// may become several letters; the first of them holds it.
    fn salvaged(&self, sequence: Sequence, found: Vec<u8>) -> Arc<Webhook> {
        let found = if self.state().backlog.begin_salvage(sequence) { found } else { Vec::new() };
        Arc::new(Webhook {
            tenant: TenantId::new(""),
            endpoint: EndpointId::new(""),
            received: self.age.now(),
            format: Format::Raw,
            nonce: None,
            target: String::new(),
            headers: Vec::new(),
            events: Vec::new(),
            malformed: true,
            body: found.into(),
        })
    }

    /// Removes letters that are back in the spool from the dead letters.
    async fn finish_revivals(&self) -> Result<(), JournalError> {
        // They stay in the list until they are gone, since as long nothing may be collected.
        while let Some(letter) = { self.state().gone.last().copied() } {
            self.dead.remove(letter).await?;
            self.state().gone.retain(|other| *other != letter);
        }
        Ok(())
    }

    /// Sets the gauges that do not follow from each record.
    fn measure(&self) {
        let depth = self.depth();
        let now = self.age.now();
        let (marks, cached_bytes) = {
            let mut state = self.state();
            state.marks.expire(now);
            (state.marks.len(), state.backlog.cached_bytes())
        };
        self.metrics.marks.set(gauge(marks));
        self.metrics.cached_bytes.set(gauge(cached_bytes));
        self.metrics.lanes.set(gauge(depth.lanes));
        self.metrics.bytes.set(gauge(depth.bytes));
        self.metrics.writable.set(depth.writable.into());
        let age = depth.oldest.map_or(0, |oldest| now.since(oldest).as_secs());
        self.metrics.oldest_age_seconds.set(gauge(age));
    }
}
