//! An issuer's keys as far as they are known, and when they are fetched.
//!
//! They are fetched when the first token needs them, again when they are older than `refresh` (and are used
//! meanwhile), and when a token names a key that is not among them; but never twice within `cool_down`,
//! whatever tokens are thrown at it (C14). When no fetch succeeds they are used until `max_stale`, and then
//! nothing is believed (C15).

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::{
    AuthError,
    jwk::{Keys, KeysError},
    metrics::Metrics,
    settings::{Jwt, KeySource},
};
use crate::{
    backend::{CallError, Client},
    causes::Causes,
    clock::SharedClock,
};

/// The keys of one issuer.
#[derive(Debug)]
pub(super) enum KeySet {
    /// From a file; a change of it is a change of the configuration.
    Fixed(Arc<Keys>),
    Fetched(Fetched),
}

/// Keys from a URL.
#[derive(Debug)]
pub(super) struct Fetched {
    shared: Arc<Shared>,
    attempt: Mutex<Attempt>,
}

/// What a fetch under way shares with those who wait for it.
#[derive(Debug)]
struct Shared {
    settings: Jwt,
    url: String,
    client: Client,
    clock: SharedClock,
    metrics: Metrics,
    known: ArcSwapOption<Known>,
    /// How many attempts have ended.
    ended: watch::Sender<u64>,
    failing: AtomicBool,
}

#[derive(Debug)]
struct Known {
    keys: Arc<Keys>,
    /// When their fetch began, on the monotonic clock.
    since: Duration,
}

/// The last attempt to fetch.
#[derive(Debug, Default)]
struct Attempt {
    number: u64,
    begun: Option<Duration>,
    /// Ends with the key set.
    running: Option<AbortOnDropHandle<()>>,
}

/// Why keys could not be fetched.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("the issuer's keys could not be fetched")]
    Call(#[from] CallError),
    #[error("the issuer answered {0}")]
    Status(http::StatusCode),
    #[error("what the issuer sent cannot be used: it {0}")]
    Keys(#[from] KeysError),
}

impl KeySet {
    /// The keys of an issuer. What `before` knows is not fetched again.
    pub(super) fn new(
        settings: &Jwt,
        client: &Client,
        clock: &SharedClock,
        metrics: &Metrics,
        before: Option<&Self>,
    ) -> Self {
        let url = match &settings.keys {
            KeySource::File(keys) => return Self::Fixed(Arc::clone(keys)),
            KeySource::Url(url) => url.to_string(),
        };
        let (known, begun) = match before {
            Some(Self::Fetched(before)) => (before.shared.known.load_full(), before.attempt().begun),
            Some(Self::Fixed(_)) | None => (None, None),
        };
        let shared = Shared {
            settings: settings.clone(),
            url,
            client: client.clone(),
            clock: Arc::clone(clock),
            metrics: metrics.clone(),
            known: ArcSwapOption::new(known),
            ended: watch::Sender::new(0),
            failing: AtomicBool::new(false),
        };
        Self::Fetched(Fetched {
            shared: Arc::new(shared),
            attempt: Mutex::new(Attempt { begun, ..Attempt::default() }),
        })
    }

    /// The keys to verify with now.
    ///
    /// # Errors
    /// [`AuthError::Unavailable`] if none are known that are young enough.
    pub(super) async fn current(&self) -> Result<Arc<Keys>, AuthError> {
        match self {
            Self::Fixed(keys) => Ok(Arc::clone(keys)),
            Self::Fetched(fetched) => fetched.current().await,
        }
    }

    /// Newer keys than those of this digest, if there are any: for a token that names a key which is not
    /// among them.
    pub(super) async fn newer_than(&self, digest: &[u8; 32]) -> Option<Arc<Keys>> {
        match self {
            Self::Fixed(_) => None,
            Self::Fetched(fetched) => fetched.newer_than(digest).await,
        }
    }
}

impl Fetched {
    async fn current(&self) -> Result<Arc<Keys>, AuthError> {
        let Jwt { refresh, max_stale, .. } = self.shared.settings;
        match self.shared.known_with_age() {
            Some((keys, age)) if age < refresh => return Ok(keys),
            Some((keys, age)) if age < max_stale => {
                self.begin();
                return Ok(keys);
            }
            _ => {}
        }
        self.attempted().await;
        match self.shared.known_with_age() {
            Some((keys, age)) if age < max_stale => Ok(keys),
            _ => Err(AuthError::Unavailable { retry_after: self.pause_left().max(Duration::from_secs(1)) }),
        }
    }

    async fn newer_than(&self, digest: &[u8; 32]) -> Option<Arc<Keys>> {
        self.attempted().await;
        let (keys, _age) = self.shared.known_with_age()?;
        (keys.digest() != digest).then_some(keys)
    }

    /// Waits until an attempt that begins now, or is under way, has ended; not at all in the cool-down.
    async fn attempted(&self) {
        if let Some(number) = self.begin() {
            let mut ended = self.shared.ended.subscribe();
            // The sender lives as long as `self`.
            let _ended = ended.wait_for(|ended| *ended >= number).await;
        }
    }

    /// Begins to fetch, unless that is under way or was done within the cool-down. The number of the attempt
    /// to wait for, if there is one.
    fn begin(&self) -> Option<u64> {
        let mut attempt = self.attempt();
        if attempt.number > *self.shared.ended.borrow() {
            return Some(attempt.number);
        }
        if !self.shared.pause_left(attempt.begun).is_zero() {
            return None;
        }
        attempt.number += 1;
        attempt.begun = Some(self.shared.clock.elapsed());
        let ends = Ends { shared: Arc::clone(&self.shared), number: attempt.number };
        // A task of its own: a request that is given up must not take the fetch with it.
        attempt.running = Some(AbortOnDropHandle::new(tokio::spawn(async move {
            ends.shared.fetch().await;
        })));
        Some(attempt.number)
    }

    fn pause_left(&self) -> Duration {
        self.shared.pause_left(self.attempt().begun)
    }

    fn attempt(&self) -> std::sync::MutexGuard<'_, Attempt> {
        self.attempt.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn known_with_age(&self) -> Option<(Arc<Keys>, Duration)> {
        let known = self.known.load_full()?;
        Some((Arc::clone(&known.keys), self.clock.elapsed().saturating_sub(known.since)))
    }

    /// What is left of the cool-down.
    fn pause_left(&self, begun: Option<Duration>) -> Duration {
        let end = begun.map_or(Duration::ZERO, |begun| begun + self.settings.cool_down);
        end.saturating_sub(self.clock.elapsed())
    }

    async fn fetch(&self) {
        let since = self.clock.elapsed();
        let fetched = self.ask().await;
        self.metrics.keys_fetched(fetched.is_ok());
        match fetched {
            Ok(keys) => {
                self.known.store(Some(Arc::new(Known { keys: Arc::new(keys), since })));
                if self.failing.swap(false, Relaxed) {
                    tracing::info!(
                        identity.source = self.settings.name,
                        "the issuer's keys were fetched again"
                    );
                }
            }
            // At most one in a cool-down, and only the first of a row is told.
            Err(error) => {
                if !self.failing.swap(true, Relaxed) {
                    tracing::warn!(
                        identity.source = self.settings.name,
                        error = %Causes(&error),
                        "no keys of the issuer; those known are used until `max_stale`"
                    );
                }
            }
        }
    }

    async fn ask(&self) -> Result<Keys, FetchError> {
        let answer = self.client.fetch(&self.url).await?;
        if answer.status() != http::StatusCode::OK {
            return Err(FetchError::Status(answer.status()));
        }
        Ok(Keys::read(answer.body(), &self.settings.algorithms)?)
    }
}

/// Notes that an attempt has ended, also if it was aborted or panicked.
struct Ends {
    shared: Arc<Shared>,
    number: u64,
}

impl Drop for Ends {
    fn drop(&mut self) {
        self.shared.ended.send_replace(self.number);
    }
}
