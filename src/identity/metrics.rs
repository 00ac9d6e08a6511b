//! What identity counts.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

use super::{AuthError, Identity, Method};
use crate::metrics::Limits;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Authentication {
    method: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Call {
    outcome: &'static str,
}

/// The metrics of identity.
#[derive(Clone, Debug)]
pub struct Metrics {
    authentications: Family<Authentication, Counter>,
    key_fetches: Family<Call, Counter>,
    questions: Family<Call, Counter>,
    pub(super) questions_max: Counter,
    pub(super) tokens_forgotten: Counter,
    pub(super) answers_forgotten: Counter,
}

impl Metrics {
    /// Registers them; made once per Headgate and cloned to each [`super::Authenticator`].
    #[must_use]
    pub fn new(registry: &mut Registry, limits: &Limits) -> Self {
        let metrics = Self {
            authentications: Family::default(),
            key_fetches: Family::default(),
            questions: Family::default(),
            questions_max: limits.of("introspections_max"),
            tokens_forgotten: limits.of("verified_tokens_max"),
            answers_forgotten: limits.of("token_answers_max"),
        };
        registry.register(
            "headgate_authentications",
            "Requests by how they proved who calls and what came of it",
            metrics.authentications.clone(),
        );
        registry.register(
            "headgate_issuer_key_fetches",
            "Fetches of token issuers' keys by outcome",
            metrics.key_fetches.clone(),
        );
        registry.register(
            "headgate_introspections",
            "Questions to token issuers by outcome",
            metrics.questions.clone(),
        );
        metrics
    }

    /// `tried` is the method as far as the credential told, where it was refused.
    pub(super) fn authenticated(&self, tried: Option<Method>, outcome: &Result<Identity, AuthError>) {
        let method = outcome.as_ref().map_or(tried, |identity| Some(identity.by));
        let label = Authentication {
            method: method.map_or("none", Method::label),
            outcome: outcome.as_ref().map_or_else(|error| error.label(), |_identity| "accepted"),
        };
        self.authentications.get_or_create(&label).inc();
    }

    pub(super) fn keys_fetched(&self, succeeded: bool) {
        self.key_fetches.get_or_create(&Call::new(succeeded)).inc();
    }

    pub(super) fn asked(&self, succeeded: bool) {
        self.questions.get_or_create(&Call::new(succeeded)).inc();
    }
}

impl Call {
    fn new(succeeded: bool) -> Self {
        Self { outcome: if succeeded { "answered" } else { "failed" } }
    }
}
