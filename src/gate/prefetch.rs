//! Facts of objects that Headgate asks the backend for, before the user's own request. They are used again for
//! a few seconds, and one question is under way for all who wait for the same object.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use quick_cache::sync::Cache;
use tokio::sync::Mutex;

use super::{facts::Known, refusal::Refusal};
use crate::clock::SharedClock;

/// Facts by the path of the object, of one tenant.
#[derive(Debug)]
pub(super) struct Prefetched {
    slots: Cache<String, Arc<Slot>>,
    age_max: Duration,
    clock: SharedClock,
}

/// An object's facts. Who holds the lock asks; the others wait for it and find what was found.
type Slot = Mutex<Option<Found>>;

#[derive(Debug)]
struct Found {
    at: Duration,
    /// How the answer was read: another route may read other facts from it.
    reading: u64,
    /// `None`: there is no such object.
    known: Option<Arc<Known<'static>>>,
}

impl Prefetched {
    /// An empty cache.
    #[must_use]
    pub(super) fn new(objects_max: usize, age_max: Duration, clock: SharedClock) -> Self {
        Self { slots: Cache::new(objects_max), age_max, clock }
    }

    /// The facts of the object at `path`, by `ask` if they are not known, too old, or were read otherwise
    /// than by `reading`. A failure is told to the one who asked, and the next one asks anew. The age counts from
    /// the beginning of the question.
    ///
    /// # Errors
    /// What `ask` fails with.
    pub(super) async fn facts(
        &self,
        path: &str,
        reading: &impl Hash,
        ask: impl Future<Output = Result<Known<'static>, Refusal>>,
    ) -> Result<Arc<Known<'static>>, Refusal> {
        let slot = self.slots.get_or_insert_with(path, || Ok::<_, Refusal>(Arc::default()))?;
        let mut found = slot.lock().await;
        let begun = self.clock.elapsed();
        let mut hasher = DefaultHasher::new();
        reading.hash(&mut hasher);
        let reading = hasher.finish();
        if let Some(found) = found.as_ref()
            && found.reading == reading
            && begun.saturating_sub(found.at) < self.age_max
        {
            return found.known.clone().ok_or(Refusal::Missing);
        }
        *found = None;
        let known = match ask.await {
            Ok(known) => Some(Arc::new(known)),
            // Kept as well: whoever asks twice must not tell by the time it takes what is hidden from what is not
            // there.
            Err(Refusal::Missing) => None,
            Err(refusal) => return Err(refusal),
        };
        *found = Some(Found { at: begun, reading, known: known.clone() });
        known.ok_or(Refusal::Missing)
    }

    /// Forgets an object, which is being changed, as soon as what is returned is dropped.
    pub(super) fn forget_at_the_end(&self, path: String) -> Forgets<'_> {
        Forgets { prefetched: self, path }
    }
}

/// A change under way, after which what was known of the object is not believed.
pub(super) struct Forgets<'a> {
    prefetched: &'a Prefetched,
    path: String,
}

impl Drop for Forgets<'_> {
    fn drop(&mut self) {
        self.prefetched.slots.remove(&self.path);
    }
}
