//! What the gate counts. received = allowed + denied + would_deny + refused + answered.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use super::decisions::Outcome;
use crate::filter::Report;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Requests {
    outcome: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct What {
    what: &'static str,
}

/// The gate's metrics.
#[derive(Clone, Debug)]
pub struct Metrics {
    requests: Family<Requests, Counter>,
    lost: Counter,
    shadow_routes: Gauge,
    removed: Family<What, Counter>,
    forgotten_exports: Counter,
    shadow_roles: Gauge,
}

impl Metrics {
    /// Registers them.
    #[must_use]
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self {
            requests: Family::default(),
            lost: Counter::default(),
            shadow_routes: Gauge::default(),
            removed: Family::default(),
            forgotten_exports: Counter::default(),
            shadow_roles: Gauge::default(),
        };
        registry.register(
            "headgate_decisions",
            "Requests of the agents' listener by what came of them and why",
            metrics.requests.clone(),
        );
        registry.register(
            "headgate_decision_log_lost",
            "Lines of the decision log that were not written, for want of room or because of the disk",
            metrics.lost.clone(),
        );
        registry.register(
            "headgate_shadow_routes",
            "Routes in shadow mode: what they would refuse passes",
            metrics.shadow_routes.clone(),
        );
        registry.register(
            "headgate_answers_removed",
            "What was taken out of backends' answers, in shadow mode what would have been: rows, unfit_rows, objects, fields, undeclared members",
            metrics.removed.clone(),
        );
        registry.register(
            "headgate_exports_forgotten",
            "Exports whose results nobody can fetch any more, because too many others were started since",
            metrics.forgotten_exports.clone(),
        );
        registry.register(
            "headgate_shadow_roles",
            "Roles in shadow mode: what would be refused to their users passes",
            metrics.shadow_roles.clone(),
        );
        metrics
    }

    /// Counts what was taken out of an answer.
    pub(super) fn removed(&self, report: &Report) {
        let fields = report.fields_hidden.iter().map(|(.., times)| times).sum();
        for (what, count) in [
            ("rows", report.rows_hidden),
            ("unfit_rows", report.rows_unfit),
            ("objects", report.objects_hidden),
            ("fields", fields),
            ("undeclared", report.undeclared),
        ] {
            if count > 0 {
                self.removed.get_or_create(&What { what }).inc_by(count);
            }
        }
    }

    /// Counts lines of the decision log that were lost.
    #[must_use]
    pub fn lost(&self) -> Counter {
        self.lost.clone()
    }

    /// Counts exports that were forgotten for want of room.
    pub(super) fn forgotten_exports(&self) -> Counter {
        self.forgotten_exports.clone()
    }

    pub(super) fn request(&self, outcome: Outcome, reason: &'static str) {
        self.requests.get_or_create(&Requests { outcome: outcome.label(), reason }).inc();
    }

    pub(super) fn shadows(&self, routes: usize, roles: usize) {
        self.shadow_routes.set(i64::try_from(routes).unwrap_or(i64::MAX));
        self.shadow_roles.set(i64::try_from(roles).unwrap_or(i64::MAX));
    }
}
