//! One cached answer of a directory: how long it may be used, asked for by one at a time.

use std::{
    fmt,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;
use tokio::sync::Mutex;

use super::{
    invalidation::{Invalidations, Last},
    source::{Answer, SourceError, Validator},
};
use crate::{clock::SharedClock, ids::BadId, spool::Later};

/// After a failed call the next one waits so long: those who queued behind it must not each try in turn.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// A directory whose last call failed is taken for down for so long: what is stale is used at once, and the next call
/// is made in the background. Later than that nobody knows, and the next one who needs the answer waits for it.
const DOWN: Duration = Duration::from_secs(30);

/// An answer younger than this is not asked for again only because a request asks for a fresher one, unless something
/// was invalidated since: a request's header must not make the directory busy.
const FORCED_PAUSE: Duration = Duration::from_secs(1);

/// Calls in a row for one question, if each was overtaken by an invalidation.
const OVERTAKEN_MAX: usize = 4;

/// How long answers may be used. All ages count from the *start* of the call (`I02`), on the monotonic clock
/// (`I17`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// From this age on, an answer that is used is also renewed in the background.
    pub refresh: Duration,
    /// From this age on, an answer is asked for again before it is used.
    pub ttl: Duration,
    /// The same for the answer that there is no such user.
    pub negative_ttl: Duration,
    /// While the directory cannot be asked, an answer that nothing invalidated is used up to this age.
    pub max_stale: Duration,
}

/// From which moment on what the directory said is known, in milliseconds of the wall clock: of two answers the one
/// with the greater version knows of every change in the directory that the other one knows of. It is no name of the
/// rights: they also change with the policy and at an assignment's end, and keep their version then. In
/// `headgate-grants` and `headgate-min-grants`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(transparent)]
pub struct Version(pub i64);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Version {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let digits = text.len() <= 15 && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = digits.then(|| text.parse().ok()).flatten();
        number.map(Self).ok_or(BadId::expected("the value of a `headgate-grants` header"))
    }
}

/// An answer, with when it was asked for.
#[derive(Debug)]
pub(super) struct Fetched<T> {
    pub(super) value: T,
    pub(super) version: Version,
    validator: Option<Validator>,
    at: Duration,
    tick: u64,
    source_id: u64,
    /// The last tick at which nothing was found to concern it.
    checked: AtomicU64,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Unavailable {
    /// The call failed now.
    Failed(SourceError),
    /// It failed a moment ago.
    Waiting,
    /// Invalidations came faster than answers.
    Overtaken,
    /// The answer cannot be as fresh as was asked for.
    NotThatFresh,
    /// The answer is not as fresh as was asked for, and it is too soon to ask again for that alone.
    TooSoon,
}

/// How an answer may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Use {
    /// It was asked for just now.
    Fetched,
    /// As it is.
    Fresh,
    /// As it is, and it should be renewed in the background.
    Renew,
    /// Only because the directory cannot be asked.
    Stale,
    /// Not at all.
    No,
}

/// What holds for all that one request asks.
#[derive(Debug)]
pub(super) struct Terms<'a> {
    pub(super) clock: &'a SharedClock,
    pub(super) invalidations: &'a Invalidations,
    pub(super) rules: Rules,
    /// Answers never change.
    pub(super) is_fixed: bool,
    /// Which source is asked: an answer of another one is none.
    pub(super) source_id: u64,
    /// The version must be at least this.
    pub(super) min: Option<Version>,
}

/// A question to a directory: how it is asked, and what may be done with an answer.
pub(super) trait Question<T>: Sync {
    /// Asks it.
    fn ask<'a>(&'a self, known: Option<&'a Validator>) -> Later<'a, Result<Answer<T>, SourceError>>;
    fn terms(&self) -> &Terms<'_>;
    /// The last ticks that concern this answer.
    fn concerned(&self, answer: &T) -> Last;
    /// Whether the answer says that there is nothing.
    fn is_negative(&self, answer: &T) -> bool;

    /// How an answer may be used now.
    fn judge(&self, fetched: &Fetched<T>) -> Use {
        let terms = self.terms();
        if fetched.source_id != terms.source_id {
            return Use::No;
        }
        let tick = terms.invalidations.now();
        let mut in_doubt = false;
        if fetched.checked.load(Ordering::Relaxed) != tick {
            let last = self.concerned(&fetched.value);
            if last.named > fetched.tick {
                return Use::No;
            }
            // What is fixed has nothing else to say.
            in_doubt = last.doubt > fetched.tick && !terms.is_fixed;
            if !in_doubt {
                fetched.checked.store(tick, Ordering::Relaxed);
            }
        }
        if terms.min.is_some_and(|min| fetched.version < min) {
            return Use::No;
        }
        if terms.is_fixed {
            return Use::Fresh;
        }
        let rules = &terms.rules;
        let age = terms.clock.elapsed().saturating_sub(fetched.at);
        let negative = self.is_negative(&fetched.value);
        let ttl = match (in_doubt, negative) {
            (true, _) => Duration::ZERO,
            (false, true) => rules.negative_ttl,
            (false, false) => rules.ttl,
        };
        if age < ttl.min(rules.refresh) {
            Use::Fresh
        } else if age < ttl {
            Use::Renew
        } else if age < rules.max_stale && !negative {
            Use::Stale
        } else {
            Use::No
        }
    }
}

/// A place for one answer.
#[derive(Debug)]
pub(super) struct Slot<T> {
    fetched: ArcSwapOption<Fetched<T>>,
    /// Of the last call, if it failed.
    failure: ArcSwapOption<Failure>,
    /// Held by the one who asks.
    flight: Mutex<()>,
}

/// A call that failed.
#[derive(Debug)]
struct Failure {
    /// When it had failed.
    at: Duration,
    /// The last tick when it began.
    tick: u64,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self { fetched: ArcSwapOption::empty(), failure: ArcSwapOption::empty(), flight: Mutex::default() }
    }
}

impl<T: Clone> Slot<T> {
    /// The answer, asked for if need be. One asks, others wait for that one; while the directory is down nobody
    /// waits who can do with what is known.
    pub(super) async fn get(
        &self,
        question: &dyn Question<T>,
    ) -> Result<(Arc<Fetched<T>>, Use), Unavailable> {
        if let Some(found) = self.known(question) {
            return Ok(found);
        }
        let _flight = self.flight.lock().await;
        if let Some(found) = self.usable(question, Use::Renew) {
            return Ok(found);
        }
        match self.ask(question).await {
            Ok(fetched) if question.terms().min.is_some_and(|min| fetched.version < min) => {
                Err(Unavailable::NotThatFresh)
            }
            Ok(fetched) => Ok((fetched, Use::Fetched)),
            // Judged now: an invalidation may have come while the directory was being asked.
            Err(why) => self.usable(question, Use::Stale).ok_or(why),
        }
    }

    /// The answer, if nobody need be asked for it.
    pub(super) fn known(&self, question: &dyn Question<T>) -> Option<(Arc<Fetched<T>>, Use)> {
        self.usable(question, Use::Renew).or_else(|| self.makeshift(question))
    }

    /// Asks again, unless somebody does or has just done so. What is known stays if there is no answer.
    pub(super) async fn renew(&self, question: &dyn Question<T>) {
        if let Ok(_flight) = self.flight.try_lock()
            && self.usable(question, Use::Fresh).is_none()
        {
            let _kept_as_it_is = self.ask(question).await;
        }
    }

    /// What is known, if it may be used no worse than `worst`.
    fn usable(&self, question: &dyn Question<T>, worst: Use) -> Option<(Arc<Fetched<T>>, Use)> {
        let fetched = self.fetched.load_full()?;
        let how = question.judge(&fetched);
        (how <= worst).then_some((fetched, how))
    }

    /// What is known, if it may be used while the directory is down, and it is. A doubt that came after the call
    /// that failed is a reason to ask once more first.
    fn makeshift(&self, question: &dyn Question<T>) -> Option<(Arc<Fetched<T>>, Use)> {
        let failure = self.failure.load_full()?;
        let is_recent = question.terms().clock.elapsed().saturating_sub(failure.at) < DOWN;
        let (fetched, how) = self.usable(question, Use::Stale).filter(|_| is_recent)?;
        (question.concerned(&fetched.value).doubt <= failure.tick).then_some((fetched, how))
    }

    /// Calls the directory; the caller holds the flight.
    async fn ask(&self, question: &dyn Question<T>) -> Result<Arc<Fetched<T>>, Unavailable> {
        let Terms { clock, invalidations, source_id, min, .. } = question.terms();
        let before = self.fetched.load_full().filter(|before| before.source_id == *source_id);
        let known = before.as_ref().map_or(0, |before| before.version.0);
        // Nobody knows the future, and whoever asks for it must not make the directory busy. The wall clock may
        // have stepped back behind what is known.
        if min.is_some_and(|min| min.0 > clock.now().0.max(known)) {
            return Err(Unavailable::NotThatFresh);
        }
        let passed = |since: Duration| clock.elapsed().saturating_sub(since);
        if let (Some(min), Some(before)) = (min, &before)
            && before.version < *min
            && before.tick == invalidations.now()
            && passed(before.at) < FORCED_PAUSE
        {
            return Err(Unavailable::TooSoon);
        }
        if self.failure.load().as_ref().is_some_and(|failure| passed(failure.at) < RETRY_PAUSE) {
            return Err(Unavailable::Waiting);
        }
        let mut tick = invalidations.now();
        for _ in 0..OVERTAKEN_MAX {
            tick = invalidations.now();
            let (at, version) = (clock.elapsed(), clock.now().0);
            let before = self.fetched.load_full().filter(|before| before.source_id == *source_id);
            let known = before.as_ref().and_then(|before| before.validator.as_ref());
            let (value, validator) = match (question.ask(known).await, &before) {
                (Ok(Answer::Is(value, validator)), _) => (value, validator),
                (Ok(Answer::NotModified), Some(before)) => (before.value.clone(), before.validator.clone()),
                (Ok(Answer::NotModified), None) => {
                    self.fails(clock.elapsed(), tick);
                    return Err(Unavailable::Failed(SourceError::Status(http::StatusCode::NOT_MODIFIED)));
                }
                (Err(error), _) => {
                    self.fails(clock.elapsed(), tick);
                    return Err(Unavailable::Failed(error));
                }
            };
            self.failure.store(None);
            // INVARIANT: an invalidation that came during the call wins, whether it names what was known or what is
            // known now: of the other, it is a doubt.
            let overtaken = question.concerned(&value).doubt > tick;
            if overtaken {
                continue;
            }
            // The wall clock may step back; a version never does.
            let version = before.as_ref().map_or(version, |before| version.max(before.version.0));
            let fetched = Arc::new(Fetched {
                value,
                version: Version(version),
                validator,
                at,
                tick,
                source_id: *source_id,
                checked: AtomicU64::new(tick),
            });
            self.fetched.store(Some(Arc::clone(&fetched)));
            return Ok(fetched);
        }
        // Whoever pushes without end must not have each who waits ask in turn (`I07`).
        self.fails(clock.elapsed(), tick);
        Err(Unavailable::Overtaken)
    }

    fn fails(&self, at: Duration, tick: u64) {
        self.failure.store(Some(Arc::new(Failure { at, tick })));
    }
}
