//! The spool's own time, by which marks and dead letters grow old.
//!
//! It starts from the wall clock, but never before what the spool has already written, and then runs with
//! the monotonic clock: a jump of the wall clock, in either direction, makes the spool forget nothing.

use crate::{clock::SharedClock, ids::Timestamp};

/// A clock that never steps back, over restarts too.
#[derive(Clone, Debug)]
pub(super) struct Age {
    clock: SharedClock,
    /// What it shows when `clock.elapsed()` is zero.
    zero: i64,
}

impl Age {
    /// A clock for a spool whose newest entry is from `newest`.
    pub(super) fn new(clock: SharedClock, newest: Timestamp) -> Self {
        let elapsed = millis(clock.elapsed());
        let zero = clock.now().max(newest).0.saturating_sub(elapsed);
        Self { clock, zero }
    }

    /// Now.
    pub(super) fn now(&self) -> Timestamp {
        Timestamp(self.zero.saturating_add(millis(self.clock.elapsed())))
    }
}

fn millis(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use super::*;
    use crate::clock::ManualClock;

    #[test]
    fn a_jump_of_the_wall_clock_is_not_noticed() {
        let clock = Arc::new(ManualClock::new(Timestamp(1_000_000)));
        let age = Age::new(clock.clone(), Timestamp(0));
        clock.jump(Timestamp(400 * 86_400_000));
        clock.advance(Duration::from_secs(2));
        assert_eq!(age.now(), Timestamp(1_002_000));
    }

    #[test]
    fn after_a_restart_it_goes_on_where_it_was() {
        let clock = Arc::new(ManualClock::new(Timestamp(1_000)));
        clock.advance(Duration::from_secs(5));
        assert_eq!(Age::new(clock.clone(), Timestamp(50_000)).now(), Timestamp(50_000));
        assert_eq!(Age::new(clock, Timestamp(0)).now(), Timestamp(6_000));
    }
}
