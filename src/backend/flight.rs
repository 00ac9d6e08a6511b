//! One forwarded request from its start to the end of its answer: what it counts, and what its endpoint is
//! told of how it went.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use super::{
    CallError,
    endpoint::{Endpoint, Visit},
    metrics::{Outcome, PoolMetrics, Retry},
};
use crate::clock::SharedClock;

/// What the requests of one pool share.
#[derive(Debug)]
pub(super) struct Deck {
    pub(super) clock: SharedClock,
    pub(super) metrics: PoolMetrics,
    pub(super) max: usize,
    pub(super) in_flight: AtomicUsize,
}

/// A request under way. Dropped without a word, it was abandoned.
#[derive(Debug)]
pub(super) struct Flight {
    deck: Arc<Deck>,
    began: Duration,
    outcome: Outcome,
    visit: Option<Visit>,
}

impl Deck {
    /// Lets a request start, if not too many are under way.
    pub(super) fn start(self: &Arc<Self>) -> Option<Flight> {
        if self.in_flight.fetch_add(1, Relaxed) >= self.max {
            self.in_flight.fetch_sub(1, Relaxed);
            self.metrics.busy.inc();
            self.metrics.ended(Outcome::Busy);
            return None;
        }
        self.metrics.in_flight.inc();
        let (deck, began) = (Arc::clone(self), self.clock.elapsed());
        Some(Flight { deck, began, outcome: Outcome::Abandoned, visit: None })
    }
}

impl Flight {
    /// It goes to an endpoint that was chosen for it.
    pub(super) fn visit(&mut self, endpoint: &Arc<Endpoint>) {
        self.visit = Some(endpoint.visit(self.deck.clock.elapsed()));
    }

    /// It is sent again.
    pub(super) fn again(&self, reason: Retry) {
        self.deck.metrics.sent_again(reason);
    }

    /// Its endpoint failed, and it leaves it.
    pub(super) fn turned_away(&mut self) {
        if let Some(visit) = self.visit.take() {
            visit.failed(self.deck.clock.elapsed());
        }
    }

    /// The answer came to its end.
    pub(super) fn answered(mut self) {
        self.outcome = Outcome::Answered;
        if let Some(visit) = &self.visit {
            visit.worked();
        }
    }

    /// There is no whole answer.
    pub(super) fn failed(mut self, error: &CallError, endpoint_is_at_fault: bool) {
        self.outcome = error.into();
        if endpoint_is_at_fault {
            self.turned_away();
        }
    }

    /// The request's own body failed.
    pub(super) fn body_failed(mut self) {
        self.outcome = Outcome::BodyFailed;
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.deck.in_flight.fetch_sub(1, Relaxed);
        self.deck.metrics.in_flight.dec();
        self.deck.metrics.ended(self.outcome);
        let took = self.deck.clock.elapsed().saturating_sub(self.began);
        self.deck.metrics.duration.observe(took.as_secs_f64());
    }
}
