//! Facts of objects that Headgate asks the backend for, before the user's own request. They are used again for
//! a few seconds, and one question is under way for all who wait for the same object.

use std::{sync::Arc, time::Duration};

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
type Slot = Mutex<Option<(Duration, Arc<Known>)>>;

impl Prefetched {
    /// An empty cache.
    #[must_use]
    pub(super) fn new(objects_max: usize, age_max: Duration, clock: SharedClock) -> Self {
        Self { slots: Cache::new(objects_max), age_max, clock }
    }

    /// The facts of the object at `path`, by `ask` if they are not known or too old. A failure is told to the
    /// one who asked, and the next one asks anew. The age counts from the beginning of the question.
    ///
    /// # Errors
    /// What `ask` fails with.
    pub(super) async fn facts(
        &self,
        path: &str,
        ask: impl Future<Output = Result<Known, Refusal>>,
    ) -> Result<Arc<Known>, Refusal> {
        let slot = self.slots.get_or_insert_with(path, || Ok::<_, Refusal>(Arc::default()))?;
        let mut found = slot.lock().await;
        let begun = self.clock.elapsed();
        if let Some((at, known)) = found.as_ref()
            && begun.saturating_sub(*at) < self.age_max
        {
            return Ok(Arc::clone(known));
        }
        *found = None;
        let known = Arc::new(ask.await?);
        *found = Some((begun, Arc::clone(&known)));
        Ok(known)
    }

    /// Forgets an object, which may have been changed.
    pub(super) fn forget(&self, path: &str) {
        self.slots.remove(path);
    }
}
