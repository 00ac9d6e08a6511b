//! What calling backends counts. Backends are labels by their names in the configuration, endpoints by
//! their place in its lists, which bounds both.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

use super::CallError;
use crate::{ids::BackendId, metrics::Limits};

/// The metrics of all backends; made once per Headgate.
#[derive(Clone, Debug)]
pub struct Metrics {
    requests: Family<OutcomeOf, Counter>,
    retries: Family<RetryOf, Counter>,
    durations: Family<Backend, Histogram, fn() -> Histogram>,
    in_flight: Family<Backend, Gauge<i64>>,
    endpoints: Family<EndpointOf, Gauge<i64>>,
    busy: Counter,
}

/// The handles of one backend's pool.
#[derive(Clone, Debug)]
pub(super) struct PoolMetrics {
    backend: String,
    requests: Family<OutcomeOf, Counter>,
    retries: Family<RetryOf, Counter>,
    pub(super) duration: Histogram,
    pub(super) in_flight: Gauge<i64>,
    /// `api_concurrency_max` was reached.
    pub(super) busy: Counter,
}

/// What a pool is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Deliveries go to the first URL that works.
    Deliveries,
    /// Requests of the gate go to the endpoint with the least to do.
    Api,
}

/// How a forwarded request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// With a whole answer, whatever its status.
    Answered,
    /// No connection to any endpoint, or no TLS on it.
    Unreachable,
    /// No answer in time, or no more of it.
    TimedOut,
    /// The connection or the answer broke off, or the answer was none.
    Broken,
    /// The answer was larger than it may be.
    Oversize,
    /// The request's own body failed.
    BodyFailed,
    /// Whoever asked went away.
    Abandoned,
    /// Refused, for `api_concurrency_max`.
    Busy,
}

/// Why a request was sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Retry {
    /// The endpoint could not be reached.
    Unreachable,
    /// The kept connection had just been closed.
    Stale,
}

impl Outcome {
    fn label(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed_out",
            Self::Broken => "broken",
            Self::Oversize => "oversize",
            Self::BodyFailed => "body_failed",
            Self::Abandoned => "abandoned",
            Self::Busy => "busy",
        }
    }
}

impl From<&CallError> for Outcome {
    fn from(error: &CallError) -> Self {
        match error {
            CallError::Url(_) | CallError::Connect(_) | CallError::Tls(_) => Self::Unreachable,
            CallError::Timeout { .. } | CallError::Stalled { .. } => Self::TimedOut,
            CallError::Exchange(_) | CallError::Unfit(_) | CallError::Cut(_) => Self::Broken,
            CallError::Oversize { .. } => Self::Oversize,
        }
    }
}

impl Retry {
    fn label(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Stale => "stale",
        }
    }
}

impl Purpose {
    fn label(self) -> &'static str {
        match self {
            Self::Deliveries => "deliveries",
            Self::Api => "api",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Backend {
    backend: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeOf {
    backend: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RetryOf {
    backend: String,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EndpointOf {
    backend: String,
    purpose: &'static str,
    endpoint: u64,
}

impl Metrics {
    /// Registers the backends' metrics.
    #[must_use]
    pub fn new(registry: &mut Registry, limits: &Limits) -> Self {
        let metrics = Self {
            requests: Family::default(),
            retries: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.001, 2.0, 16))),
            in_flight: Family::default(),
            endpoints: Family::default(),
            busy: limits.of("api_concurrency_max"),
        };
        registry.register(
            "headgate_backend_requests",
            "Requests forwarded to a backend, by how they ended",
            metrics.requests.clone(),
        );
        registry.register(
            "headgate_backend_retries",
            "Times that a request was sent to another endpoint or on another connection, by reason",
            metrics.retries.clone(),
        );
        registry.register(
            "headgate_backend_request_duration_seconds",
            "Time from a request to the end of the backend's answer",
            metrics.durations.clone(),
        );
        registry.register(
            "headgate_backend_requests_in_flight",
            "Requests forwarded to a backend whose answer has not ended",
            metrics.in_flight.clone(),
        );
        registry.register(
            "headgate_backend_endpoint_works",
            "Whether an endpoint works: 0 when it failed last or its probes fail, else 1",
            metrics.endpoints.clone(),
        );
        metrics
    }

    pub(super) fn of(&self, backend: &BackendId) -> PoolMetrics {
        let label = Backend { backend: backend.as_str().to_owned() };
        PoolMetrics {
            requests: self.requests.clone(),
            retries: self.retries.clone(),
            duration: self.durations.get_or_create(&label).clone(),
            in_flight: self.in_flight.get_or_create(&label).clone(),
            busy: self.busy.clone(),
            backend: label.backend,
        }
    }

    /// Gauges for `count` endpoints. Those of endpoints that a reload took away go.
    pub(super) fn endpoints(
        &self,
        backend: &BackendId,
        purpose: Purpose,
        count: usize,
    ) -> impl Iterator<Item = Gauge<i64>> + use<> {
        let label = |endpoint| EndpointOf {
            backend: backend.as_str().to_owned(),
            purpose: purpose.label(),
            endpoint,
        };
        let mut stale = count as u64;
        while self.endpoints.remove(&label(stale)) {
            stale += 1;
        }
        let gauges: Vec<_> =
            (0..count as u64).map(|place| self.endpoints.get_or_create(&label(place)).clone()).collect();
        gauges.into_iter()
    }
}

impl PoolMetrics {
    pub(super) fn ended(&self, outcome: Outcome) {
        let label = OutcomeOf { backend: self.backend.clone(), outcome: outcome.label() };
        self.requests.get_or_create(&label).inc();
    }

    pub(super) fn sent_again(&self, reason: Retry) {
        let label = RetryOf { backend: self.backend.clone(), reason: reason.label() };
        self.retries.get_or_create(&label).inc();
    }
}
