//! Facts of objects that Headgate asks the backend for, before the user's own request. They are used again for
//! a few seconds, and one question is under way for all who wait for the same object.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
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

/// An object's facts.
#[derive(Debug, Default)]
struct Slot {
    /// Questions that failed so far.
    failures: AtomicU64,
    /// Who holds the lock asks; the others wait for it and find what was found, or why nothing was.
    last: Mutex<Last>,
}

/// What the last question came to.
#[derive(Debug, Default)]
enum Last {
    #[default]
    None,
    Found(Found),
    /// For those who were waiting when it failed.
    Failed {
        reading: u64,
        refusal: Refusal,
    },
}

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
    /// than by `reading`. A failure is told to the one who asked and to all who waited for that, and the next one asks
    /// anew. The age counts from the beginning of the question.
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
        let failures = slot.failures.load(Ordering::Acquire);
        let mut last = slot.last.lock().await;
        let begun = self.clock.elapsed();
        let mut hasher = DefaultHasher::new();
        reading.hash(&mut hasher);
        let reading = hasher.finish();
        match &*last {
            Last::Found(found)
                if found.reading == reading && begun.saturating_sub(found.at) < self.age_max =>
            {
                return found.known.clone().ok_or(Refusal::Missing);
            }
            Last::Failed { reading: failed, refusal }
                if *failed == reading && slot.failures.load(Ordering::Acquire) != failures =>
            {
                return Err(refusal.clone());
            }
            Last::None | Last::Found(_) | Last::Failed { .. } => {}
        }
        *last = Last::None;
        let known = match ask.await {
            Ok(known) => Some(Arc::new(Known { asked_at: Some(begun), ..known })),
            // Kept as well: whoever asks twice must not tell by the time it takes what is hidden from what is not
            // there.
            Err(Refusal::Missing) => None,
            Err(refusal) => {
                *last = Last::Failed { reading, refusal: refusal.clone() };
                slot.failures.fetch_add(1, Ordering::Release);
                return Err(refusal);
            }
        };
        *last = Last::Found(Found { at: begun, reading, known: known.clone() });
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

#[cfg(test)]
mod tests {
    use std::{
        pin::Pin,
        sync::atomic::AtomicUsize,
        task::{Context, Waker},
    };

    use tokio::sync::Semaphore;

    use super::*;
    use crate::{clock::ManualClock, ids::Timestamp};

    /// A backend that counts the questions and answers each that a test lets through.
    struct Backend {
        asked: AtomicUsize,
        let_through: Semaphore,
    }

    impl Backend {
        async fn ask(&self, answer: Result<Known<'static>, Refusal>) -> Result<Known<'static>, Refusal> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            self.let_through.acquire().await.unwrap().forget();
            answer
        }
    }

    /// Whether it is not done yet.
    fn waits<F: Future>(one: &mut Pin<Box<F>>) -> bool {
        one.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending()
    }

    #[tokio::test]
    async fn who_waits_for_a_question_that_fails_shares_the_failure_and_the_next_one_asks_anew() {
        let clock = Arc::new(ManualClock::new(Timestamp(1_700_000_000_000)));
        let prefetched = Prefetched::new(10, Duration::from_secs(5), clock);
        let backend = Backend { asked: AtomicUsize::new(0), let_through: Semaphore::new(0) };
        let ask = |answer| prefetched.facts("/contacts/7", &"contact", backend.ask(answer));

        let mut waiting: Vec<_> = (0..100).map(|_| Box::pin(ask(Err(Refusal::TimedOut)))).collect();
        let other = prefetched.facts("/contacts/7", &"name", backend.ask(Ok(Known::default())));
        let mut other = Box::pin(other);
        for one in &mut waiting {
            assert!(waits(one));
        }
        assert!(waits(&mut other));
        backend.let_through.add_permits(1);
        for one in waiting {
            assert_eq!(one.await.err(), Some(Refusal::TimedOut));
        }
        assert_eq!(backend.asked.load(Ordering::SeqCst), 1, "each of those who waited asked again");

        backend.let_through.add_permits(2);
        assert!(other.await.is_ok(), "who reads other facts asks for itself");
        assert!(ask(Ok(Known::default())).await.is_ok(), "who comes later asks anew");
        assert_eq!(backend.asked.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn who_waits_for_one_that_goes_away_asks() {
        let clock = Arc::new(ManualClock::new(Timestamp(1_700_000_000_000)));
        let prefetched = Prefetched::new(10, Duration::from_secs(5), clock);
        let backend = Backend { asked: AtomicUsize::new(0), let_through: Semaphore::new(0) };
        let ask = || prefetched.facts("/contacts/7", &"contact", backend.ask(Ok(Known::default())));
        let (mut first, mut second) = (Box::pin(ask()), Box::pin(ask()));
        assert!(waits(&mut first));
        assert!(waits(&mut second));
        drop(first);
        backend.let_through.add_permits(1);
        assert!(second.await.is_ok());
        assert_eq!(backend.asked.load(Ordering::SeqCst), 2);
    }
}
