//! A backend's breaker: whether an attempt makes sense now. Pure; time is an argument.

use std::time::Duration;

use crate::spool::Sequence;

/// Closed, until units in a row failed by the backend's fault; then open for a pause; then one attempt
/// probes. Success closes it, failure opens it anew.
///
/// Only *different* units count: one poisonous event that the backend answers with 500 again and again
/// fails alone, however often it is tried.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    state: State,
    /// Units that failed since the last success.
    failed: Vec<Sequence>,
}

/// The state, as the metric shows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum State {
    /// Attempts go.
    #[default]
    Closed,
    /// One attempt is under way, and its end decides.
    Probing,
    /// No attempt before this time.
    Open {
        /// On the monotonic clock.
        until: Duration,
    },
}

/// Whether an attempt may start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// It may.
    Go,
    /// It may, and decides whether the others do.
    Probe,
    /// Ask again after this time.
    After(Duration),
    /// Ask again when the probe has ended.
    WhenProbed,
}

/// When a breaker opens, and for how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) failures: u32,
    pub(super) pause: Duration,
}

impl Breaker {
    pub(super) fn state(&self) -> State {
        self.state
    }

    pub(super) fn admit(&mut self, now: Duration) -> Admission {
        match self.state {
            State::Closed => Admission::Go,
            State::Probing => Admission::WhenProbed,
            State::Open { until } if until > now => Admission::After(until.saturating_sub(now)),
            State::Open { .. } => {
                self.state = State::Probing;
                Admission::Probe
            }
        }
    }

    /// The backend answered as one that works.
    pub(super) fn succeeded(&mut self) {
        self.failed.clear();
        self.state = State::Closed;
    }

    /// The backend failed this unit.
    pub(super) fn failed(&mut self, unit: Sequence, limits: Limits, now: Duration) {
        match self.state {
            State::Closed => {
                if !self.failed.contains(&unit) {
                    self.failed.push(unit);
                }
                let failures = u32::try_from(self.failed.len()).unwrap_or(u32::MAX);
                if failures >= limits.failures.max(1) {
                    self.open(now.saturating_add(limits.pause));
                }
            }
            State::Probing => self.open(now.saturating_add(limits.pause)),
            // An attempt that began before the breaker opened.
            State::Open { .. } => {}
        }
    }

    /// The probe ended without having asked the backend: the next attempt probes.
    pub(super) fn probe_abandoned(&mut self, now: Duration) {
        if self.state == State::Probing {
            self.open(now);
        }
    }

    fn open(&mut self, until: Duration) {
        self.failed.clear();
        self.state = State::Open { until };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { failures: 3, pause: Duration::from_secs(30) };

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn opened_at_zero() -> Breaker {
        let mut breaker = Breaker::default();
        for unit in 1..=3 {
            assert_eq!(breaker.admit(at(0)), Admission::Go);
            breaker.failed(Sequence(unit), LIMITS, at(0));
        }
        breaker
    }

    #[test]
    fn different_units_that_fail_in_a_row_open_it() {
        assert_eq!(opened_at_zero().admit(at(10)), Admission::After(at(20)));
    }

    #[test]
    fn one_unit_that_always_fails_does_not_open_it() {
        let mut breaker = Breaker::default();
        for _ in 0..100 {
            breaker.failed(Sequence(1), LIMITS, at(0));
        }
        assert_eq!(breaker.admit(at(0)), Admission::Go);
    }

    #[test]
    fn a_success_in_between_starts_the_count_anew() {
        let mut breaker = Breaker::default();
        for unit in 1..=10 {
            breaker.failed(Sequence(unit), LIMITS, at(0));
            breaker.failed(Sequence(unit + 100), LIMITS, at(0));
            breaker.succeeded();
        }
        assert_eq!(breaker.admit(at(0)), Admission::Go);
    }

    #[test]
    fn after_the_pause_one_attempt_probes_and_the_others_wait_for_its_end() {
        let mut breaker = opened_at_zero();
        assert_eq!(breaker.admit(at(30)), Admission::Probe);
        assert_eq!(breaker.admit(at(31)), Admission::WhenProbed);
        breaker.succeeded();
        assert_eq!(breaker.admit(at(31)), Admission::Go);
    }

    #[test]
    fn a_failed_probe_opens_it_for_another_pause() {
        let mut breaker = opened_at_zero();
        assert_eq!(breaker.admit(at(30)), Admission::Probe);
        breaker.failed(Sequence(9), LIMITS, at(40));
        assert_eq!(breaker.admit(at(40)), Admission::After(at(30)));
    }

    #[test]
    fn a_probe_that_asked_nothing_leaves_the_next_one_to_probe() {
        let mut breaker = opened_at_zero();
        assert_eq!(breaker.admit(at(30)), Admission::Probe);
        breaker.probe_abandoned(at(30));
        assert_eq!(breaker.admit(at(30)), Admission::Probe);
    }
}
