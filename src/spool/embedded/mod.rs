//! The embedded spool: one machine, one data folder, no other service.
//!
//! Read [`record`] first: it says what is written, and everything else follows from it.
//!
//! ```text
//! accept   ─► marks (new?) ─► sequence ─► journal ─► backlog, lanes        accept.rs, marks.rs, core.rs
//! next     ◄─ lanes (whose turn?) ◄─ backlog (memory, or read back)        handout.rs, lanes.rs, backlog.rs
//! settle   ─► journal ─► lanes go on                                       handout.rs
//!             or dead letters' journal ─► journal ─► lanes go on           dead.rs, revive.rs
//! keeper      quarantine, segments, marks' files, expiry                   keeper.rs, gc.rs, sidecar.rs
//! ```
//!
//! On disk, below the data folder: `spool/journal/`, `spool/dead/` (both [`crate::journal`]s) and
//! `spool/marks/`.

mod accept;
mod age;
mod backlog;
mod core;
mod dead;
pub mod fuzzing;
mod gc;
mod handout;
mod keeper;
mod lanes;
mod marks;
mod metrics;
mod record;
mod recovery;
mod revive;
mod room;
#[cfg(test)]
mod samples;
mod sidecar;
mod state;
#[cfg(test)]
mod tests;

use std::{
    io,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use prometheus_client::registry::Registry;
use tokio::sync::{Notify, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use self::record::BadRecord;
use self::{
    age::Age,
    core::Core,
    dead::Dead,
    metrics::{Metrics, gauge},
    recovery::Recovered,
    sidecar::Sidecars,
};
use super::{
    Accepted, DeadLetter, Depth, Known, Later, Sequence, Settlement, Spool, SpoolError, Unit, Webhook,
};
use crate::{clock::SharedClock, ids::AccountId, journal, metrics::Limits};

/// `[store]`: where and how much.
#[derive(Clone, Debug, PartialEq)]
pub struct Store {
    /// The data folder.
    pub path: PathBuf,
    /// Size at which a journal file is closed and the next begun.
    pub segment_bytes: u64,
    /// Free disk space below which webhooks are refused with 503.
    pub disk_free_min: u64,
    /// Events that may wait. Above it: 503.
    pub backlog_events_max: u64,
    /// How long a redelivery is recognised.
    pub dedupe_window: Duration,
    /// Marks kept in memory; the oldest go first.
    pub dedupe_marks_max: usize,
    /// Bytes of waiting webhooks kept in memory; others are read back from disk.
    pub cache_bytes: usize,
    /// How long dead letters are kept.
    pub dead_letter_age_max: Duration,
}

/// Why the spool was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// One of its journals was not opened.
    #[error("could not open a journal of the spool")]
    Journal(#[source] journal::OpenError),
    /// A whole record that this version cannot read; another version wrote it. Skipping it would lose an
    /// accepted event.
    #[error("could not read the spool's record at offset {offset} of segment {segment}")]
    Record {
        /// The segment's number.
        segment: u64,
        /// Where in it.
        offset: u64,
        /// What is wrong.
        #[source]
        source: BadRecord,
    },
    /// The files with the marks of removed segments could not be read.
    #[error("could not read the marks in `{}`", .dir.display())]
    Marks {
        /// Their folder.
        dir: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

/// The spool on this machine's disk.
#[derive(Debug)]
pub struct EmbeddedSpool {
    core: Arc<Core>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl EmbeddedSpool {
    /// Opens the spool, or makes an empty one, and starts its tasks: must be called inside a tokio
    /// runtime. Blocks while it reads what is there. `known` must be open already, since the lanes of what
    /// waits are asked from it.
    ///
    /// # Errors
    /// If it is in use, was written by another version, or the disk fails. Damage is no error: it is
    /// logged and counted.
    pub fn open(
        store: Store,
        known: Arc<dyn Known>,
        clock: SharedClock,
        registry: &mut Registry,
        limits: &Limits,
    ) -> Result<Arc<Self>, OpenError> {
        Self::open_on(Arc::new(journal::Disk), store, known, clock, registry, limits)
    }

    /// As [`EmbeddedSpool::open`], with the journals on `files`.
    fn open_on(
        files: Arc<dyn journal::Files>,
        store: Store,
        known: Arc<dyn Known>,
        clock: SharedClock,
        registry: &mut Registry,
        limits: &Limits,
    ) -> Result<Arc<Self>, OpenError> {
        let metrics = Arc::new(Metrics::new(registry, limits));
        let dir = store.path.join("spool");
        let marks_dir = dir.join("marks");
        let (sidecars, found) = Sidecars::open(marks_dir.clone())
            .map_err(|source| OpenError::Marks { dir: marks_dir, source })?;
        for path in &found.damaged {
            tracing::error!(file.path = %path.display(), "a file of marks is damaged; redeliveries may come through");
        }
        let damaged_files = found.damaged.len();
        let mut recovered = Recovered::read(Arc::clone(&files), &store, found)?;
        let (dead, buried, dead_recovery) = Dead::open(
            files,
            dir.join("dead"),
            store.segment_bytes,
            store.dead_letter_age_max,
            Arc::clone(&metrics),
        )?;
        recovered.enter(&buried, |letter| dead.begin_revival(letter), &*known);
        let Recovered { journal, journal_recovery, mut state, written, newest, .. } = recovered;
        let newest = dead.newest().map_or(newest, |letter| letter.max(newest));
        let age = Age::new(clock, newest);
        state.marks.expire(age.now());
        report(&metrics, damaged_files, [&journal_recovery, &dead_recovery]);
        metrics.recovered_events.set(gauge(state.backlog.events()));
        metrics.events.set(gauge(state.backlog.events()));
        metrics.marks.set(gauge(state.marks.len()));
        metrics.writable.set(1);

        let core = Arc::new(Core {
            store,
            journal,
            dead: Arc::new(dead),
            sidecars,
            known,
            age,
            metrics,
            state: Mutex::new(state),
            applied: watch::Sender::new(0),
            broken: CancellationToken::new(),
            ready: Notify::new(),
            timer: Notify::new(),
            keeper: Notify::new(),
            opened: tokio::time::Instant::now(),
        });
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        tasks.spawn(Arc::clone(&core).apply_all(written));
        tasks.spawn(Arc::clone(&core).keep_time(stop.clone()));
        tasks.spawn(Arc::clone(&core).keep_house(stop.clone()));
        Ok(Arc::new(Self { core, tasks, stop }))
    }

    /// Takes and hands out nothing more, and waits until what was taken is on the disk. The folder can be
    /// opened again when this returns and all handles are dropped.
    pub async fn close(&self) {
        self.begin_close();
        self.tasks.close();
        self.tasks.wait().await;
        let core = Arc::clone(&self.core);
        let closed = tokio::task::spawn_blocking(move || {
            core.journal.close();
            core.dead.close();
        });
        // Where the runtime is stopping, dropping the journals does the same.
        let _stopping = closed.await;
    }

    /// Waits until the disk fails ([`SpoolError::Failed`]): nothing is taken or handed out any more, and
    /// only a new start helps.
    pub async fn failed(&self) {
        self.core.broken.cancelled().await;
    }

    fn begin_close(&self) {
        // The last try to note what was delivered while the disk was full.
        self.core.write_unsettled();
        self.core.state().close();
        self.stop.cancel();
        self.core.ready.notify_waiters();
    }
}

impl Drop for EmbeddedSpool {
    fn drop(&mut self) {
        self.begin_close();
    }
}

impl Spool for EmbeddedSpool {
    fn accept(&self, webhook: Webhook) -> Later<'_, Result<Accepted, SpoolError>> {
        Box::pin(self.core.accept(webhook))
    }

    fn next(&self) -> Later<'_, Option<Unit>> {
        Box::pin(self.core.next())
    }

    fn settle(&self, unit: &Unit, what: Settlement) -> Later<'_, Result<(), SpoolError>> {
        let sequence = unit.sequence;
        match what {
            Settlement::Delivered => Box::pin(self.core.settled(sequence)),
            Settlement::Retry(pause) => Box::pin(async move { self.core.retry(sequence, pause, 1) }),
            Settlement::Postponed(pause) => Box::pin(async move { self.core.retry(sequence, pause, 0) }),
            Settlement::Dead(reason) => {
                // Two journals are written one after the other; a caller that goes away must not leave the
                // unit in between.
                let (core, unit) = (Arc::clone(&self.core), unit.clone());
                let buried = self.tasks.spawn(async move { core.bury(unit, reason).await });
                Box::pin(async move { buried.await.unwrap_or(Err(SpoolError::Closed)) })
            }
        }
    }

    fn dead_letters(&self, from: Sequence, limit: usize) -> Vec<DeadLetter> {
        self.core.dead.list(from, limit)
    }

    fn revive(&self, sequence: Sequence, account: Option<AccountId>) -> Later<'_, Result<bool, SpoolError>> {
        Box::pin(Arc::clone(&self.core).revive(sequence, account))
    }

    fn depth(&self) -> Depth {
        self.core.depth()
    }
}

/// Tells the operator what was wrong with the disk.
fn report(metrics: &Metrics, damaged_files: usize, recoveries: [&journal::Recovery; 2]) {
    let mut truncated = 0;
    let mut damaged = damaged_files;
    for recovery in recoveries {
        truncated += recovery.truncated_bytes;
        damaged += recovery.damaged.len();
        for damage in &recovery.damaged {
            tracing::error!(
                journal.segment = damage.segment,
                journal.offset = damage.offset,
                journal.bytes = damage.bytes,
                journal.lost = damage.lost,
                "the spool is damaged"
            );
        }
    }
    metrics.truncated_bytes.set(gauge(truncated));
    metrics.damaged.set(gauge(damaged));
}
