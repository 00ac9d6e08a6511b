//! The embedded tag store: all tags in memory, every change a record of a [`Journal`].
//!
//! A change is seen by readers only when it is on stable storage. Until then the conversations and names
//! that it touches stand still: whoever wants to change one of them waits ([`locks`]). Readers never wait.
//!
//! The log is rewritten when more than half of it is garbage ([`compact`]).

mod compact;
mod locks;
mod record;
mod state;

#[cfg(test)]
mod tests;

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use prometheus_client::metrics::counter::Counter;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Found, NewTag, Tag, TagError, TagStore,
    names::{self, Names, Step},
};
use crate::{
    ids::{AccountId, ConversationId, ConversationKey, TeamId, TenantId, UserId},
    journal::{self, Disk, Files, Journal, JournalError, Recovery},
    metrics::Limits,
    spool::{Known, Later, Thread},
};
use locks::{Locked, Locks};
use state::State;

pub use super::names::TAG_KEYS_MAX;

/// Size of the log below which it is not rewritten, in bytes, or one segment where that is less: in so little,
/// garbage does not matter.
pub const COMPACTION_BYTES_MIN: u64 = 64 << 20;

/// Why the tag store was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Its log was not opened.
    #[error("could not open the tag store")]
    Journal(#[from] journal::OpenError),
    /// A record is whole, but not one that this version writes.
    #[error("segment {segment} of the tag store in `{}` has a record that this version does not know", .dir.display())]
    Record {
        /// The store's folder.
        dir: PathBuf,
        /// The segment of its log.
        segment: u64,
    },
}

/// The tag store on the local disk.
#[derive(Debug)]
pub struct EmbeddedTags(Arc<Store>);

struct Store {
    state: State,
    journal: Journal,
    locks: Locks,
    /// Changes and compactions under way: each ends when the disk has answered.
    tasks: TaskTracker,
    /// Bytes in the log.
    log_bytes: AtomicU64,
    /// Size of the log at which it is rewritten.
    compact_at: AtomicU64,
    compaction_bytes_min: u64,
    compacting: AtomicBool,
    /// Cancelled when the disk failed.
    broken: CancellationToken,
    keys_dropped: Counter,
}

impl EmbeddedTags {
    /// Opens the store in a folder, or makes an empty one. Blocks on the disk. What the log lost to
    /// damage, if anything, is in the [`Recovery`]. `segment_bytes` is the size at which a file of the log is
    /// closed and the next begun.
    ///
    /// # Errors
    /// If another process has it open, another version wrote it, or the disk fails.
    pub fn open(dir: &Path, segment_bytes: u64, limits: &Limits) -> Result<(Self, Recovery), OpenError> {
        let options = journal::Options { segment_bytes, ..journal::Options::new(dir) };
        Self::open_on(Arc::new(Disk), options, segment_bytes.min(COMPACTION_BYTES_MIN), limits)
    }

    fn open_on(
        files: Arc<dyn Files>,
        options: journal::Options,
        compaction_bytes_min: u64,
        limits: &Limits,
    ) -> Result<(Self, Recovery), OpenError> {
        let dir = options.dir.clone();
        let state = State::default();
        let mut unknown = None;
        let (journal, recovery) =
            Journal::open_on(files, options, &mut |at, bytes| match record::decode(bytes) {
                Some(steps) => steps.iter().for_each(|step| state.apply(step)),
                None => unknown = Some(at.segment),
            })?;
        if let Some(segment) = unknown {
            return Err(OpenError::Record { dir, segment });
        }
        let log_bytes = journal.segments().iter().map(|segment| segment.bytes).sum();
        let compact_at = state.live_bytes().saturating_mul(2).max(compaction_bytes_min);
        let store = Store {
            state,
            journal,
            locks: Locks::default(),
            tasks: TaskTracker::new(),
            log_bytes: AtomicU64::new(log_bytes),
            compact_at: AtomicU64::new(compact_at),
            compaction_bytes_min,
            compacting: AtomicBool::new(false),
            broken: CancellationToken::new(),
            keys_dropped: limits.of("tag_keys_max"),
        };
        Ok((Self(Arc::new(store)), recovery))
    }

    /// Waits until the disk fails: no change is kept any more, and only a new start helps.
    pub async fn failed(&self) {
        self.0.broken.cancelled().await;
    }

    /// Waits for the changes under way and ends. Later changes are refused.
    pub async fn close(&self) {
        self.0.tasks.close();
        self.0.tasks.wait().await;
        let store = self.0.clone();
        // Waiting for the writer blocks; a panic of the writer is logged there.
        drop(tokio::task::spawn_blocking(move || store.journal.close()).await);
    }
}

impl TagStore for EmbeddedTags {
    fn tag(&self, conversation: ConversationId) -> Option<Arc<Tag>> {
        self.0.state.tag(self.0.state.remaining(conversation))
    }

    fn by_alias(&self, tenant: &TenantId, account: &AccountId, alias: &str) -> Option<Arc<Tag>> {
        let alias = names::Alias(tenant.clone(), account.clone(), alias.to_owned());
        self.tag(self.0.state.by_alias(&alias)?)
    }

    fn resolve(&self, thread: &Thread, new: NewTag) -> Later<'_, Result<Found, TagError>> {
        let thread = thread.clone();
        Box::pin(async move { self.0.resolve(&thread, &new).await })
    }

    fn put(&self, tag: Tag) -> Later<'_, Result<Arc<Tag>, TagError>> {
        Box::pin(async move { self.0.put(tag).await })
    }

    fn load(&self, tenant: &TenantId, users: &[UserId], closed: &[String]) -> Vec<u64> {
        users.iter().map(|user| self.0.state.load(tenant, user, closed)).collect()
    }

    fn last_assigned(&self, tenant: &TenantId, team: &TeamId) -> Option<UserId> {
        self.0.state.last_assigned(tenant, team)
    }

    fn len(&self) -> usize {
        self.0.state.len()
    }
}

impl Known for EmbeddedTags {
    fn conversation(&self, key: ConversationKey) -> Option<ConversationId> {
        self.0.state.conversation(key)
    }
}

impl Store {
    async fn resolve(self: &Arc<Self>, thread: &Thread, new: &NewTag) -> Result<Found, TagError> {
        // Most events name a conversation that is known by all these names: nothing to change, no lock.
        let plan = names::plan(&self.state, thread, new);
        if plan.steps.is_empty() {
            return Ok(plan.found);
        }
        let names = thread.keys.iter().map(|(key, _)| locks::of_key(*key));
        let mut wanted: Vec<_> = names.chain(plan.touched.into_iter().map(locks::of_conversation)).collect();
        loop {
            let locked = self.locks.lock(&wanted).await;
            let plan = names::plan(&self.state, thread, new);
            let touched: Vec<_> = plan.touched.iter().copied().map(locks::of_conversation).collect();
            if !locked.covers(&touched) {
                wanted.extend(touched);
                continue;
            }
            if !plan.steps.is_empty() {
                self.keys_dropped.inc_by(plan.dropped as u64);
                self.keep(plan.steps, locked).await?;
            }
            return Ok(plan.found);
        }
    }

    async fn put(self: &Arc<Self>, tag: Tag) -> Result<Arc<Tag>, TagError> {
        let mut wanted = vec![locks::of_conversation(tag.conversation)];
        loop {
            let locked = self.locks.lock(&wanted).await;
            let stored = self.stored(&tag)?;
            let next = next_version(&tag, &stored);
            let alias = next.alias();
            let owner = alias.as_ref().and_then(|alias| self.state.by_alias(alias));
            let owner = owner.map(|owner| self.state.remaining(owner)).filter(|id| *id != next.conversation);
            let mut touched: Vec<_> = alias.iter().map(locks::of_alias).collect();
            touched.extend(owner.map(locks::of_conversation));
            if !locked.covers(&touched) {
                wanted.extend(touched);
                continue;
            }
            let next = Arc::new(next);
            let mut steps = vec![Step::Set(next.clone())];
            // An alias means one conversation: the one that was given it last.
            let owner = owner.and_then(|owner| self.state.tag(owner));
            if let Some(deprived) = owner.filter(|owner| owner.alias == next.alias) {
                let version = deprived.version + 1;
                steps.push(Step::Set(Arc::new(Tag { alias: None, version, ..Tag::clone(&deprived) })));
            }
            steps.extend(turn(&next, &stored));
            self.keep(steps, locked).await?;
            return Ok(next);
        }
    }

    /// The stored tag, if `tag` may replace it.
    fn stored(&self, tag: &Tag) -> Result<Arc<Tag>, TagError> {
        let remaining = self.state.remaining(tag.conversation);
        let stored = self.state.tag(remaining).ok_or(TagError::Missing)?;
        // The versions of two conversations that were merged have nothing to do with each other.
        if remaining == tag.conversation && stored.version == tag.version {
            Ok(stored)
        } else {
            Err(TagError::Conflict(stored))
        }
    }

    /// Keeps a change, then shows it to readers, then lets the next change of these conversations begin.
    /// In a task of its own, so that a caller who goes away does not part memory from disk.
    async fn keep(self: &Arc<Self>, steps: Vec<Step>, locked: Locked) -> Result<(), TagError> {
        let bytes = record::encode(&steps).map_err(|error| failed(io::Error::other(error)))?;
        self.log_bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        let ticket = self.journal.append(bytes);
        let store = self.clone();
        let kept = self.tasks.spawn(async move {
            let kept = ticket.await;
            match &kept {
                Ok(_) => {
                    steps.iter().for_each(|step| store.state.apply(step));
                    store.compact_if_due();
                }
                Err(JournalError::Failed(_)) => store.broken.cancel(),
                Err(_) => {}
            }
            drop(locked);
            kept
        });
        match kept.await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(refused(error)),
            Err(stopped) => Err(failed(io::Error::other(stopped))),
        }
    }
}

/// The tag to store: whose it is and its names stay as they are.
fn next_version(tag: &Tag, stored: &Tag) -> Tag {
    let mut participants = tag.participants.clone();
    participants.sort_unstable();
    participants.dedup();
    Tag {
        version: stored.version + 1,
        tenant: stored.tenant.clone(),
        account: stored.account.clone(),
        keys: stored.keys.clone(),
        domain: stored.domain.clone(),
        created: stored.created,
        participants,
        ..tag.clone()
    }
}

/// The turn of a team that a change is, if a strategy made it.
fn turn(tag: &Tag, stored: &Tag) -> Option<Step> {
    let at = tag.assigned.filter(|at| stored.assigned != Some(*at))?;
    let (team, user) = tag.team.clone().zip(tag.responsible.clone())?;
    Some(Step::Turn { tenant: tag.tenant.clone(), team, user, at })
}

fn refused(error: JournalError) -> TagError {
    match error {
        JournalError::Failed(source) => TagError::Failed(source),
        JournalError::Full => failed(io::Error::new(io::ErrorKind::StorageFull, error)),
        JournalError::Busy => failed(io::Error::new(io::ErrorKind::ResourceBusy, error)),
        JournalError::TooLarge { .. } => failed(io::Error::new(io::ErrorKind::InvalidInput, error)),
        JournalError::Closed => failed(io::Error::other(error)),
    }
}

fn failed(error: io::Error) -> TagError {
    TagError::Store(Arc::new(error))
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("journal", &self.journal)
            .field("tags", &self.state.len())
            .finish_non_exhaustive()
    }
}
