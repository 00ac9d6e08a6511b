//! Standing still: while a change is on its way to the disk, nobody else changes what it touches.

use std::{hash::BuildHasher, sync::Arc};

use tokio::sync::{Mutex, OwnedMutexGuard};

use super::super::names::Alias;
use crate::ids::{ConversationId, ConversationKey};

/// How many locks all conversations, names and aliases share. Two changes that wait for each other
/// without need cost one sync; with this many, few do.
pub(super) const LOCKS: usize = 512;

/// Which lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lock(usize);

pub(super) fn of_conversation(id: ConversationId) -> Lock {
    Lock(usize::try_from(id.0 % LOCKS as u128).unwrap_or(0))
}

/// A name and the conversation that got its id from it share a lock.
pub(super) fn of_key(key: ConversationKey) -> Lock {
    of_conversation(ConversationId::from(key))
}

pub(super) fn of_alias(alias: &Alias) -> Lock {
    let hash = foldhash::fast::FixedState::default().hash_one(alias);
    Lock(usize::try_from(hash % LOCKS as u64).unwrap_or(0))
}

/// All locks.
#[derive(Debug)]
pub(super) struct Locks(Vec<Arc<Mutex<()>>>);

impl Default for Locks {
    fn default() -> Self {
        Self((0..LOCKS).map(|_| Arc::default()).collect())
    }
}

impl Locks {
    /// Takes these locks, always in the same order, so that no two changes wait for each other.
    pub(super) async fn lock(&self, wanted: &[Lock]) -> Locked {
        let mut locks = wanted.to_vec();
        locks.sort_unstable();
        locks.dedup();
        let mut guards = Vec::with_capacity(locks.len());
        for lock in &locks {
            if let Some(mutex) = self.0.get(lock.0) {
                guards.push(mutex.clone().lock_owned().await);
            }
        }
        Locked { locks, _guards: guards }
    }

    /// Every lock in turn.
    pub(super) fn all() -> impl Iterator<Item = Lock> {
        (0..LOCKS).map(Lock)
    }
}

/// Locks that are held until this is dropped.
#[derive(Debug)]
pub(super) struct Locked {
    locks: Vec<Lock>,
    _guards: Vec<OwnedMutexGuard<()>>,
}

impl Locked {
    /// Whether these locks are among those held.
    pub(super) fn covers(&self, locks: &[Lock]) -> bool {
        locks.iter().all(|lock| self.locks.binary_search(lock).is_ok())
    }
}
