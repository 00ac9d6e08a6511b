//! What the spool tells Prometheus.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use crate::{metrics::Limits, spool::DeathReason};

/// From a fast disk's sync to one that is in trouble, in seconds.
const COMMIT_SECONDS: [f64; 12] =
    [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0, 5.0];

/// The spool's own handles.
#[derive(Debug)]
pub(super) struct Metrics {
    pub(super) events: Gauge,
    pub(super) lanes: Gauge,
    pub(super) bytes: Gauge,
    pub(super) cached_bytes: Gauge,
    pub(super) oldest_age_seconds: Gauge,
    pub(super) writable: Gauge,
    pub(super) marks: Gauge,
    pub(super) commit_seconds: Histogram,
    pub(super) recovered_events: Gauge,
    pub(super) truncated_bytes: Gauge,
    pub(super) damaged: Gauge,
    /// Records that could not be read back.
    pub(super) unreadable: Counter,
    dead: Family<Reason, Gauge>,
    pub(super) backlog_events_max: Counter,
    pub(super) disk_free_min: Counter,
    pub(super) dedupe_marks_max: Counter,
    pub(super) dead_letter_age_max: Counter,
    pub(super) dead_letters_max: Counter,
    pub(super) journal_record_bytes_max: Counter,
    pub(super) journal_queue_max: Counter,
    pub(super) commit_wait_max: Counter,
    pub(super) webhook_events_max: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

impl Metrics {
    /// Registers the spool's metrics.
    pub(super) fn new(registry: &mut Registry, limits: &Limits) -> Self {
        let metrics = Self {
            events: Gauge::default(),
            lanes: Gauge::default(),
            bytes: Gauge::default(),
            cached_bytes: Gauge::default(),
            oldest_age_seconds: Gauge::default(),
            writable: Gauge::default(),
            marks: Gauge::default(),
            commit_seconds: Histogram::new(COMMIT_SECONDS),
            recovered_events: Gauge::default(),
            truncated_bytes: Gauge::default(),
            damaged: Gauge::default(),
            unreadable: Counter::default(),
            dead: Family::default(),
            backlog_events_max: limits.of("backlog_events_max"),
            disk_free_min: limits.of("disk_free_min"),
            dedupe_marks_max: limits.of("dedupe_marks_max"),
            dead_letter_age_max: limits.of("dead_letter_age_max"),
            dead_letters_max: limits.of("dead_letters_max"),
            journal_record_bytes_max: limits.of("journal_record_bytes_max"),
            journal_queue_max: limits.of("journal_queue_max"),
            commit_wait_max: limits.of("commit_wait_max"),
            webhook_events_max: limits.of("webhook_events_max"),
        };
        let mut gauge = |name, help, unit: Option<Unit>, gauge: &Gauge| match unit {
            Some(unit) => registry.register_with_unit(name, help, unit, gauge.clone()),
            None => registry.register(name, help, gauge.clone()),
        };
        gauge("headgate_spool_events", "Events accepted and not yet settled", None, &metrics.events);
        gauge("headgate_spool_lanes", "Conversations with events that wait", None, &metrics.lanes);
        gauge("headgate_spool", "Size of the spool on disk", Some(Unit::Bytes), &metrics.bytes);
        gauge(
            "headgate_spool_cached",
            "Size of the waiting webhooks that are held in memory",
            Some(Unit::Bytes),
            &metrics.cached_bytes,
        );
        gauge(
            "headgate_spool_oldest_age",
            "Age of the oldest event that waits",
            Some(Unit::Seconds),
            &metrics.oldest_age_seconds,
        );
        gauge(
            "headgate_spool_writable",
            "Whether the spool's disk takes webhooks (1), or is full or has failed (0)",
            None,
            &metrics.writable,
        );
        gauge("headgate_spool_marks", "Event ids by which redeliveries are recognised", None, &metrics.marks);
        gauge(
            "headgate_spool_recovered_events",
            "Events that waited when the spool was opened",
            None,
            &metrics.recovered_events,
        );
        gauge(
            "headgate_spool_recovery_truncated",
            "Size of commits that a crash cut short, which nobody was told about",
            Some(Unit::Bytes),
            &metrics.truncated_bytes,
        );
        gauge(
            "headgate_spool_damaged_ranges",
            "Ranges and files of the spool that were found damaged when it was opened",
            None,
            &metrics.damaged,
        );
        registry.register_with_unit(
            "headgate_spool_commit_duration",
            "Time from queueing a record to its being on stable storage",
            Unit::Seconds,
            metrics.commit_seconds.clone(),
        );
        registry.register(
            "headgate_spool_unreadable",
            "Records that could not be read back from the spool's disk",
            metrics.unreadable.clone(),
        );
        registry.register("headgate_dead_letters", "Dead letters, by their reason", metrics.dead.clone());
        metrics
    }

    /// Sets the number of dead letters of a reason.
    pub(super) fn dead(&self, reason: DeathReason, letters: usize) {
        self.dead.get_or_create(&Reason { reason: reason.label() }).set(gauge(letters));
    }

    #[cfg(test)]
    pub(super) fn unregistered() -> Self {
        let mut registry = Registry::default();
        Self::new(&mut registry, &Limits::new(&mut Registry::default()))
    }
}

/// A count as a gauge's value.
pub(super) fn gauge(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}
