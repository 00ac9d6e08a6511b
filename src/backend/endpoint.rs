//! One endpoint of a backend: how much it has to do, and whether it lately worked.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use http::Uri;
use prometheus_client::metrics::gauge::Gauge;

/// How long an endpoint that failed once stands behind the others; it doubles with each failure in a row
/// up to …
const PAUSE_MIN: Duration = Duration::from_secs(1);

/// … this, which is short enough that one that comes back is soon in its place again.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// An endpoint.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) url: Uri,
    in_flight: AtomicUsize,
    standing: Mutex<Standing>,
    works: Gauge<i64>,
}

/// Where an endpoint stands among the others: the smaller, the sooner it is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// It works, or its pause is over.
    Good,
    /// It failed; the one that is due first comes first.
    PutBack { until: Duration },
    /// Its probes fail.
    Down { until: Duration },
}

impl Endpoint {
    pub(super) fn new(url: Uri, works: Gauge<i64>) -> Self {
        works.set(1);
        Self { url, in_flight: AtomicUsize::new(0), standing: Mutex::default(), works }
    }

    pub(super) fn rank(&self, now: Duration) -> Rank {
        self.standing().rank(now)
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.load(Relaxed)
    }

    /// A request goes to it. An endpoint whose pause is over gets this one as a trial: until it ends well,
    /// or another pause is over, it stands behind the others again.
    pub(super) fn visit(self: &Arc<Self>, now: Duration) -> Visit {
        self.in_flight.fetch_add(1, Relaxed);
        self.standing().on_trial(now);
        Visit { endpoint: Arc::clone(self), began: now }
    }

    /// Its probes say that it works, or that it does not.
    pub(super) fn probed(&self, healthy: bool) {
        let mut standing = self.standing();
        standing.down = !healthy;
        if healthy {
            standing.worked();
        }
        self.show(&standing);
    }

    fn show(&self, standing: &Standing) {
        self.works.set(i64::from(!standing.down && standing.failures == 0));
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request's stay at an endpoint, which counts as in flight there until it is dropped.
#[derive(Debug)]
pub(super) struct Visit {
    endpoint: Arc<Endpoint>,
    began: Duration,
}

impl Visit {
    /// The endpoint answered.
    pub(super) fn worked(&self) {
        let mut standing = self.endpoint.standing();
        standing.worked();
        self.endpoint.show(&standing);
    }

    /// The request failed through the endpoint's fault.
    pub(super) fn failed(&self, now: Duration) {
        let mut standing = self.endpoint.standing();
        standing.failed(self.began, now);
        self.endpoint.show(&standing);
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.endpoint.in_flight.fetch_sub(1, Relaxed);
    }
}

#[derive(Debug, Default)]
struct Standing {
    /// By its probes.
    down: bool,
    /// Failures in a row.
    failures: u32,
    /// When the last of them was.
    since: Duration,
    /// Until when it stands behind the others for them.
    until: Duration,
}

impl Standing {
    fn rank(&self, now: Duration) -> Rank {
        let until = self.until;
        if self.down {
            Rank::Down { until }
        } else if until > now {
            Rank::PutBack { until }
        } else {
            Rank::Good
        }
    }

    fn on_trial(&mut self, now: Duration) {
        if self.failures > 0 && self.until <= now {
            self.until = now + self.pause();
        }
    }

    fn worked(&mut self) {
        self.failures = 0;
        self.until = Duration::ZERO;
    }

    fn failed(&mut self, began: Duration, now: Duration) {
        // What was under way when it went down fails together, and is one failure.
        if self.failures > 0 && began < self.since {
            return;
        }
        self.failures = self.failures.saturating_add(1);
        self.since = now;
        self.until = now + self.pause();
    }

    /// With jitter, so that many gateways do not try an endpoint at the same moment.
    fn pause(&self) -> Duration {
        let doubled = 2_u32.saturating_pow(self.failures.saturating_sub(1));
        let whole = PAUSE_MIN.saturating_mul(doubled).min(PAUSE_MAX);
        whole.mul_f64(fastrand::f64().mul_add(0.5, 0.5))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// The pause after each of `failures` failures in a row.
    fn pauses(failures: usize) -> Vec<Duration> {
        let mut standing = Standing::default();
        let mut now = seconds(100);
        let pause = |_| {
            standing.failed(now, now);
            let pause = standing.until - now;
            now = standing.until;
            pause
        };
        (0..failures).map(pause).collect()
    }

    #[test]
    fn pauses_grow_to_a_bound_and_are_never_alike() {
        for (pause, whole) in pauses(9).into_iter().zip([1, 2, 4, 8, 16, 32, 60, 60, 60]) {
            assert!(pause >= seconds(whole) / 2 && pause <= seconds(whole), "{pause:?} of {whole} s");
        }
        let firsts: std::collections::HashSet<_> = (0..20).map(|_| pauses(1)[0]).collect();
        assert!(firsts.len() > 10, "{firsts:?}");
    }

    #[test]
    fn requests_that_fail_together_are_one_failure() {
        let mut standing = Standing::default();
        for _ in 0..50 {
            standing.failed(seconds(1), seconds(5));
        }
        assert_eq!(standing.failures, 1);
        standing.failed(seconds(6), seconds(7));
        assert_eq!(standing.failures, 2);
    }

    #[test]
    fn after_its_pause_one_request_at_a_time_tries_an_endpoint() {
        let mut standing = Standing::default();
        standing.failed(seconds(1), seconds(1));
        assert!(matches!(standing.rank(seconds(1)), Rank::PutBack { .. }));
        assert_eq!(standing.rank(seconds(3)), Rank::Good);
        standing.on_trial(seconds(3));
        assert!(matches!(standing.rank(seconds(3)), Rank::PutBack { .. }), "others go elsewhere");
        assert_eq!(standing.rank(seconds(5)), Rank::Good, "a trial without an end does not last for ever");
        standing.worked();
        assert_eq!(standing.rank(seconds(3)), Rank::Good);
    }

    #[test]
    fn what_works_stands_before_what_failed_and_that_before_what_is_down() {
        let mut ranks = [
            Rank::Down { until: seconds(0) },
            Rank::PutBack { until: seconds(9) },
            Rank::PutBack { until: seconds(3) },
            Rank::Good,
        ];
        ranks.sort();
        let want = [
            Rank::Good,
            Rank::PutBack { until: seconds(3) },
            Rank::PutBack { until: seconds(9) },
            Rank::Down { until: seconds(0) },
        ];
        assert_eq!(ranks, want);
    }
}
