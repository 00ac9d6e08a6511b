//! What one connection is doing, so that its time can be kept and its requests be told apart.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::{
    config::Limits,
    frames::Budget,
    framing::{Breach, Framing},
    metrics::Limit,
};

/// The state of one connection, shared by its wire, its requests and the task that keeps its time.
///
/// hyper's own clock for heads runs on while a kept-alive connection is idle, and hyper has none for
/// HTTP/2, for idle connections or for peers that do not read. This one tells them apart.
#[derive(Debug)]
pub(super) struct Watch {
    state: Mutex<State>,
    limits: Limits,
}

#[derive(Debug)]
struct State {
    framing: Framing,
    budget: Budget,
    /// The peer overdrew its budget of HTTP/2 frames that ask for nothing.
    floods: bool,
    /// Requests whose answer is not yet handed over.
    in_flight: usize,
    /// Since when a head is due: from the connection's begin, then from a head's first byte.
    head_since: Option<Instant>,
    /// Since when nothing is asked.
    idle_since: Instant,
    /// Since when the peer takes nothing of what is written.
    stuck_since: Option<Instant>,
    /// A refused request left bytes unread: they are read and thrown away before the connection is
    /// closed, or the peer's kernel would throw the answer away (RFC 9112 section 9.6).
    leaves_input: bool,
}

impl Watch {
    pub(super) fn new(limits: &Limits) -> Arc<Self> {
        let now = Instant::now();
        let state = State {
            framing: Framing::default(),
            budget: Budget::new(now),
            floods: false,
            in_flight: 0,
            head_since: Some(now),
            idle_since: now,
            stuck_since: None,
            leaves_input: false,
        };
        Arc::new(Self { state: Mutex::new(state), limits: limits.clone() })
    }

    /// Notes bytes from the peer; answers how many may be handed to hyper.
    pub(super) fn read(&self, bytes: &[u8]) -> usize {
        let mut state = self.state();
        let now = Instant::now();
        let good = state.framing.read(bytes);
        if state.in_flight == 0 && state.head_since.is_none() && state.framing.in_head() {
            state.head_since = Some(now);
        }
        let balance = state.framing.take_http2_balance();
        state.floods |= !state.budget.settle(balance, now);
        if state.floods { 0 } else { good }
    }

    /// Whether nothing more may be read: the framing of a body failed, or the peer floods.
    pub(super) fn is_broken(&self) -> bool {
        let state = self.state();
        state.floods || state.framing.is_broken()
    }

    /// Whether the peer overdrew its budget of HTTP/2 frames that ask for nothing.
    pub(super) fn floods(&self) -> bool {
        self.state().floods
    }

    /// Notes how many bytes the peer took.
    pub(super) fn wrote(&self, bytes: usize) {
        let mut state = self.state();
        state.stuck_since = None;
        state.budget.wrote(bytes);
    }

    /// Notes that the peer takes nothing more for now.
    pub(super) fn stuck(&self) {
        self.state().stuck_since.get_or_insert_with(Instant::now);
    }

    /// Notes that a request was read; answers whether its framing is sound and how many are open.
    pub(super) fn begin(&self) -> (Result<(), Breach>, usize) {
        let mut state = self.state();
        state.in_flight += 1;
        state.head_since = None;
        (state.framing.verdict(), state.in_flight)
    }

    /// Notes that a request's answer was handed over.
    pub(super) fn end(&self) {
        let mut state = self.state();
        state.in_flight = state.in_flight.saturating_sub(1);
        state.idle_since = Instant::now();
        if state.framing.in_head() {
            state.head_since = Some(state.idle_since);
        }
    }

    /// Notes that the connection will be closed with bytes of a request unread.
    pub(super) fn leave_input(&self) {
        self.state().leaves_input = true;
    }

    /// Whether the peer may still be sending a request that nobody will read.
    pub(super) fn leaves_input(&self) -> bool {
        let state = self.state();
        state.leaves_input || state.framing.in_head() || state.framing.is_broken()
    }

    /// Which limit a head is over that hyper found too large.
    pub(super) fn too_large(&self) -> Limit {
        if self.state().framing.fields() > self.limits.headers_max {
            Limit::Headers
        } else {
            Limit::HeaderBytes
        }
    }

    /// When the connection is to be given up, if nothing happens before, and by which limit. `None`
    /// while a request is answered.
    pub(super) fn due(&self) -> Option<(Instant, Limit)> {
        let state = self.state();
        let idle = |since| (since + self.limits.idle_timeout, Limit::Idle);
        let stuck = state.stuck_since.map(idle);
        if state.in_flight > 0 {
            return stuck;
        }
        let waiting = state.head_since.map_or_else(
            || idle(state.idle_since),
            |since| (since + self.limits.header_read_timeout, Limit::HeaderRead),
        );
        stuck.into_iter().chain([waiting]).min_by_key(|(at, _)| *at)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
