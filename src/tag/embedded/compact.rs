//! Rewriting the log: what is live goes into new segments, then the old ones are removed.
//!
//! 1. A new segment is begun. Every change that was queued before is in an older one.
//! 2. Every lock is taken and given back. A change holds its locks from before it is queued until it is
//!    in memory; so now memory has every change of the older segments.
//! 3. Lock by lock, so that it is not changed meanwhile, what is live is appended again.
//! 4. When all that is durable, the older segments are removed, oldest first.
//!
//! A crash between any two steps leaves the old segments, or a part of the newer of them, and the new
//! ones: a tag that is there twice is there in the same or a newer version.

use std::sync::{Arc, atomic::Ordering};

use super::{
    super::names::Step,
    Store,
    locks::{Locks, of_conversation},
    record,
};
use crate::{
    causes::Causes,
    journal::{JournalError, Ticket},
};

/// Tags in one record of a rewritten log.
const STEPS_PER_RECORD: usize = 64;

/// Why the log was not rewritten. It is tried again when the log has doubled.
#[derive(Debug, thiserror::Error)]
pub(super) enum CompactionError {
    #[error("could not write")]
    Journal(#[from] JournalError),
    #[error("could not encode a tag")]
    Encode(#[from] postcard::Error),
    #[error("could not remove old segments")]
    Remove(#[from] std::io::Error),
    #[error("the removal of old segments was stopped")]
    Stopped(#[from] tokio::task::JoinError),
}

impl Store {
    /// Begins to rewrite the log if more than half of it is garbage.
    pub(super) fn compact_if_due(self: &Arc<Self>) {
        let due = self.log_bytes.load(Ordering::Relaxed) >= self.compact_at.load(Ordering::Relaxed);
        if !due || self.compacting.swap(true, Ordering::SeqCst) {
            return;
        }
        let store = self.clone();
        self.tasks.spawn(async move {
            let result = store.compact().await;
            let log_bytes: u64 = store.journal.segments().iter().map(|segment| segment.bytes).sum();
            store.log_bytes.store(log_bytes, Ordering::Relaxed);
            let live_bytes = match result {
                Ok(live_bytes) => live_bytes,
                Err(error) => {
                    tracing::warn!(
                        error = %Causes(&error),
                        "the tag store's log was not rewritten"
                    );
                    log_bytes
                }
            };
            let compact_at = live_bytes.saturating_mul(2).max(store.compaction_bytes_min);
            store.compact_at.store(compact_at, Ordering::Relaxed);
            store.compacting.store(false, Ordering::SeqCst);
        });
    }

    /// Rewrites the log; answers how many bytes are live.
    pub(super) async fn compact(self: &Arc<Self>) -> Result<u64, CompactionError> {
        let first_new = self.journal.roll().await?;
        for lock in Locks::all() {
            drop(self.locks.lock(&[lock]).await);
        }
        let mut ids: Vec<_> = self.state.ids().into_iter().map(|id| (of_conversation(id), id)).collect();
        ids.sort_unstable();
        let mut live_bytes = 0;
        for ids in ids.chunk_by(|a, b| a.0 == b.0) {
            let Some((lock, _)) = ids.first() else { continue };
            let locked = self.locks.lock(&[*lock]).await;
            let steps: Vec<_> = ids.iter().filter_map(|(_, id)| self.state.step_of(*id)).collect();
            let tickets = self.append_all(&steps, &mut live_bytes)?;
            drop(locked);
            durable(tickets).await?;
        }
        durable(self.append_all(&self.state.turns(), &mut live_bytes)?).await?;
        let store = self.clone();
        tokio::task::spawn_blocking(move || store.journal.remove_through(first_new.saturating_sub(1)))
            .await??;
        Ok(live_bytes)
    }

    fn append_all(&self, steps: &[Step], live_bytes: &mut u64) -> Result<Vec<Ticket>, CompactionError> {
        let mut tickets = Vec::new();
        for steps in steps.chunks(STEPS_PER_RECORD) {
            let bytes = record::encode(steps)?;
            *live_bytes += bytes.len() as u64;
            tickets.push(self.journal.append(bytes));
        }
        Ok(tickets)
    }
}

async fn durable(tickets: Vec<Ticket>) -> Result<(), JournalError> {
    for ticket in tickets {
        ticket.await?;
    }
    Ok(())
}
