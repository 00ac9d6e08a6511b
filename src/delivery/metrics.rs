//! What delivery counts. Backends are labels by their names in the configuration, which bounds them.

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

use super::answer::Ignored;
use crate::{ids::BackendId, metrics::Limits, spool::DeathReason};

/// Delivery's metrics.
#[derive(Clone, Debug)]
pub(super) struct Metrics {
    deliveries: Family<OutcomeOf, Counter>,
    durations: Family<Backend, Histogram, fn() -> Histogram>,
    breakers: Family<Backend, Gauge<i64>>,
    in_flight: Family<Backend, Gauge<i64>>,
    dead: Family<Dead, Counter>,
    ignored: Family<IgnoredHeader, Counter>,
}

/// What one backend's outlet and attempts count.
#[derive(Clone, Debug)]
pub(super) struct BackendMetrics {
    backend: String,
    deliveries: Family<OutcomeOf, Counter>,
    pub(super) duration: Histogram,
    pub(super) breaker: Gauge<i64>,
    pub(super) in_flight: Gauge<i64>,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Outcome {
    /// 2xx.
    Delivered,
    /// The backend refuses this unit: a status that is none of the others'.
    Refused,
    /// 410.
    Gone,
    /// 5xx or 429.
    Failed,
    /// No connection, or no TLS on it.
    Unreachable,
    /// No complete answer in time.
    TimedOut,
    /// The connection or the answer broke off.
    Broken,
    /// The answer was larger than it may be.
    Oversize,
}

impl Outcome {
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Refused => "refused",
            Self::Gone => "gone",
            Self::Failed => "failed",
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed_out",
            Self::Broken => "broken",
            Self::Oversize => "oversize",
        }
    }
}

/// Counts of the limits of delivery.
#[derive(Debug)]
pub(super) struct Reached {
    pub(super) waiting: Counter,
    pub(super) nesting: Counter,
    pub(super) answer_bytes: Counter,
    pub(super) attempts: Counter,
    pub(super) age: Counter,
}

impl Reached {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            waiting: limits.of("delivery_waiting_max"),
            nesting: limits.of("json_nesting_max"),
            answer_bytes: limits.of("answer_bytes_max"),
            attempts: limits.of("attempts_max"),
            age: limits.of("age_max"),
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
struct Dead {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct IgnoredHeader {
    header: &'static str,
    reason: &'static str,
}

impl Metrics {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let metrics = Self {
            deliveries: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.001, 2.0, 16))),
            breakers: Family::default(),
            in_flight: Family::default(),
            dead: Family::default(),
            ignored: Family::default(),
        };
        registry.register(
            "headgate_deliveries",
            "Attempts to deliver to a backend, by how they ended",
            metrics.deliveries.clone(),
        );
        registry.register(
            "headgate_delivery_duration_seconds",
            "Time from the start of an attempt to the end of the backend's answer",
            metrics.durations.clone(),
        );
        registry.register(
            "headgate_backend_breaker",
            "State of a backend's breaker: 0 closed, 1 one attempt is let through, 2 open",
            metrics.breakers.clone(),
        );
        registry.register(
            "headgate_deliveries_in_flight",
            "Deliveries to a backend that are under way",
            metrics.in_flight.clone(),
        );
        registry.register(
            "headgate_deliveries_dead",
            "Units that delivery gave up and kept as dead letters, by reason",
            metrics.dead.clone(),
        );
        registry.register(
            "headgate_answer_headers_ignored",
            "Headers of backends' answers that would have changed a tag but could not be followed",
            metrics.ignored.clone(),
        );
        metrics
    }

    pub(super) fn of(&self, backend: &BackendId) -> BackendMetrics {
        let label = Backend { backend: backend.as_str().to_owned() };
        BackendMetrics {
            backend: label.backend.clone(),
            deliveries: self.deliveries.clone(),
            duration: self.durations.get_or_create(&label).clone(),
            breaker: self.breakers.get_or_create(&label).clone(),
            in_flight: self.in_flight.get_or_create(&label).clone(),
        }
    }

    pub(super) fn died(&self, reason: DeathReason) {
        self.dead.get_or_create(&Dead { reason: reason.label() }).inc();
    }

    pub(super) fn ignored(&self, ignored: Ignored) {
        let label = IgnoredHeader { header: ignored.header, reason: ignored.reason.label() };
        self.ignored.get_or_create(&label).inc();
    }
}

impl BackendMetrics {
    pub(super) fn ended(&self, outcome: Outcome) {
        let label = OutcomeOf { backend: self.backend.clone(), outcome: outcome.label() };
        self.deliveries.get_or_create(&label).inc();
    }
}
