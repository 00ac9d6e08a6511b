//! Giving disk space back.
//!
//! The journal's oldest segment is removed when nothing of it waits any more: first its marks go into a file
//! of their own, then the next sequence is noted in a newer segment, then the file goes.
//!
//! A few stuck units must not keep all that came after them on the disk. When what they keep is much more
//! than what they are, they are written again at the end of the journal, under their sequences of old, so
//! that their segment can go. The same is done, whatever it costs, when something delivered is still there
//! after [`SPENT_AGE_MAX`]: a segment with little traffic would otherwise keep it for ever.

use std::{io, sync::Arc, time::Duration};

use tokio::sync::oneshot;

use super::{
    core::Core,
    marks::Mark,
    record::{Kept, Record, size_hint},
    state::{State, What},
};
use crate::{
    ids::Timestamp,
    journal::JournalError,
    spool::{Sequence, SpoolError, Webhook},
};

/// Spent bytes for each byte that is written again: bounds what moving adds to the bytes written.
const SPENT_BYTES_PER_MOVED: u64 = 4;

/// Webhooks that are moved together.
const MOVE_BATCH: usize = 256;

/// What is delivered leaves the disk this long after, whatever it costs: personal data are not kept without
/// need.
const SPENT_AGE_MAX: Duration = Duration::from_secs(12 * 3600);

/// Why space was not given back.
#[derive(Debug, thiserror::Error)]
pub(super) enum CollectError {
    #[error("a record could not be written")]
    Journal(#[from] JournalError),
    #[error("a record could not be written")]
    Spool(#[from] SpoolError),
    #[error("a file could not be written or removed")]
    Io(#[from] io::Error),
}

enum Step {
    /// The active segment holds what was delivered long ago: another one must begin.
    Roll,
    /// These segments can go, when their marks are kept.
    Remove { through: u64, marks: Vec<(u64, Vec<Mark>)> },
    /// These webhooks keep much more than they are.
    Move(Vec<Sequence>),
}

impl Core {
    /// Gives back what can be given back.
    pub(super) async fn collect(self: &Arc<Self>) -> Result<(), CollectError> {
        while let Some(step) = self.step() {
            match step {
                Step::Roll => {
                    self.journal.roll().await?;
                    // Applied, it says that all of the segment before is applied.
                    self.note_next().await?;
                }
                Step::Remove { through, marks } => self.remove(through, marks).await?,
                Step::Move(webhooks) => {
                    if !self.move_all(webhooks).await? {
                        break;
                    }
                }
            }
        }
        self.remove_sidecars().await?;
        Ok(self.dead.collect().await?)
    }

    fn step(&self) -> Option<Step> {
        let mut state = self.state();
        // While a letter is back here and not yet gone there, its record here is what tells opening that it
        // is not a letter any more. Removed too early, the letter could be put back twice.
        if !state.gone.is_empty() || state.check_open().is_err() {
            return None;
        }
        let segments = self.journal.segments();
        let active = segments.last()?.id;
        let now = self.age.now();
        let is_overdue = |segment: u64, state: &State| {
            let since = state.backlog.live_in(segment).spent_since;
            since.is_some_and(|since| now.since(since) >= SPENT_AGE_MAX)
        };
        if is_overdue(active, &state) {
            return Some(Step::Roll);
        }
        // What is not applied yet is not known to wait.
        let closed = || segments.iter().filter(|segment| segment.id < active.min(state.applied_segment));
        let spent = closed().take_while(|segment| state.backlog.live_in(segment.id).webhooks == 0);
        let spent: Vec<u64> = spent.map(|segment| segment.id).collect();
        if let Some(through) = spent.last().copied() {
            state.marks.expire(now);
            let marks = spent.iter().map(|id| (*id, state.marks_of(*id))).collect();
            return Some(Step::Remove { through, marks });
        }
        let oldest = closed().next()?;
        let spent_bytes: u64 =
            closed().map(|s| s.bytes.saturating_sub(state.backlog.live_in(s.id).bytes)).sum();
        let to_move = state.backlog.live_in(oldest.id).bytes;
        let worth_it = self.store.segment_bytes.saturating_add(to_move.saturating_mul(SPENT_BYTES_PER_MOVED));
        if spent_bytes < worth_it && !closed().any(|segment| is_overdue(segment.id, &state)) {
            return None;
        }
        Some(Step::Move(state.backlog.in_segment(oldest.id, MOVE_BATCH)))
    }

    async fn remove(
        self: &Arc<Self>,
        through: u64,
        marks: Vec<(u64, Vec<Mark>)>,
    ) -> Result<(), CollectError> {
        self.note_next().await?;
        let core = Arc::clone(self);
        let removed = tokio::task::spawn_blocking(move || {
            for (segment, marks) in &marks {
                if let Some(newest) = marks.iter().map(|mark| mark.second).max() {
                    core.sidecars.write(*segment, marks)?;
                    core.state().sidecars.insert(*segment, newest);
                }
            }
            core.journal.remove_through(through)
        });
        removed.await.unwrap_or_else(|_stopped| Err(io::Error::other("the runtime is stopping")))?;
        let mut state = self.state();
        state.backlog.forget_segments(through);
        state.marks_from = state.marks_from.split_off(&(through + 1));
        Ok(())
    }

    /// Notes the next sequence in the active segment.
    async fn note_next(&self) -> Result<(), SpoolError> {
        let (reply, outcome) = oneshot::channel();
        {
            let mut state = self.state();
            state.check_open()?;
            let next = Record::<&Webhook>::Next(state.next).encode(16);
            state.write(&self.journal, next, self.monotonic(), What::Next { reply });
        }
        outcome.await.unwrap_or(Err(SpoolError::Closed))
    }

    /// Writes webhooks again. `false` if none could be.
    async fn move_all(self: &Arc<Self>, webhooks: Vec<Sequence>) -> Result<bool, CollectError> {
        let core = Arc::clone(self);
        let outcomes = tokio::task::spawn_blocking(move || {
            let begun = webhooks.into_iter().filter_map(|first| core.begin_move(first));
            begun.collect::<Vec<_>>()
        });
        let mut moved = false;
        for outcome in outcomes.await.unwrap_or_default() {
            outcome.await.unwrap_or(Err(SpoolError::Closed))?;
            moved = true;
        }
        Ok(moved)
    }

    fn begin_move(&self, first: Sequence) -> Option<oneshot::Receiver<Result<(), SpoolError>>> {
        let (position, _) = self.state().backlog.live_of(first)?;
        // What is damaged stays until its turn comes and it is set aside.
        let webhook = self.read_blocking(position).ok()?;
        let (reply, outcome) = oneshot::channel();
        let mut state = self.state();
        state.check_open().ok()?;
        let (_, live) = state.backlog.live_of(first).filter(|(_, live)| !live.is_empty())?;
        // Its marks are kept with the segment that it leaves, so its time says nothing any more.
        let kept = Kept { first, at: Timestamp(0), webhook: &*webhook };
        let record = Record::Moved { kept, live }.encode(size_hint(&webhook));
        state.write(&self.journal, record, self.monotonic(), What::Moved { first, reply });
        Some(outcome)
    }

    /// Removes the files whose marks are all too old.
    async fn remove_sidecars(self: &Arc<Self>) -> Result<(), CollectError> {
        let old: Vec<u64> = {
            let (state, now) = (self.state(), self.age.now());
            let old = state.sidecars.iter().filter(|(_, newest)| !state.marks.is_current(**newest, now));
            old.map(|(segment, _)| *segment).collect()
        };
        for segment in old {
            let core = Arc::clone(self);
            let removed = tokio::task::spawn_blocking(move || core.sidecars.remove(segment));
            removed.await.unwrap_or(Ok(()))?;
            self.state().sidecars.remove(&segment);
        }
        Ok(())
    }
}
