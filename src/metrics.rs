//! Metrics in Prometheus' manner. Each room owns its handles, made here from one registry per Headgate;
//! labels come from enums, never from a user, a conversation or an error's text.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

/// One label set `{limit}` of [`Limits`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Limit {
    limit: &'static str,
}

/// `headgate_limit_reached_total{limit}`: how often each named limit turned something away.
#[derive(Clone, Debug, Default)]
pub struct Limits(Family<Limit, Counter>);

impl Limits {
    /// Registers the metric; made once per Headgate and cloned to the rooms.
    #[must_use]
    pub fn new(registry: &mut Registry) -> Self {
        let limits = Self::default();
        registry.register(
            "headgate_limit_reached",
            "How often a limit of the configuration turned something away",
            limits.0.clone(),
        );
        limits
    }

    /// A handle for one limit, by its name in the configuration.
    #[must_use]
    pub fn of(&self, limit: &'static str) -> Counter {
        self.0.get_or_create(&Limit { limit }).clone()
    }
}
