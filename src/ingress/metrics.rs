//! What the ingress counts. Counts balance: received = kept + refused, items = kept + duplicates +
//! ignored (quarantined events are kept ones).

use http::StatusCode;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

use super::Refused;
use crate::{
    channel::{Item, Limit, Split, signature::Matched},
    config::Endpoint,
    metrics::Limits,
    spool::Accepted,
};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Webhook {
    provider: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct NotVerified {
    provider: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SecretMatched {
    endpoint: String,
    secret: u32,
}

/// The ingress' metrics.
#[derive(Clone, Debug)]
pub struct Metrics {
    webhooks: Family<Webhook, Counter>,
    refusals: Family<NotVerified, Counter>,
    handshakes: Family<Webhook, Counter>,
    items: Family<Webhook, Counter>,
    secrets: Family<SecretMatched, Counter>,
    fetches_refused: Counter,
    limits: Limits,
}

impl Metrics {
    /// Registers them.
    #[must_use]
    pub fn new(registry: &mut Registry, limits: &Limits) -> Self {
        let metrics = Self {
            webhooks: Family::default(),
            refusals: Family::default(),
            handshakes: Family::default(),
            items: Family::default(),
            secrets: Family::default(),
            fetches_refused: limits.of("sns_fetches_max"),
            limits: limits.clone(),
        };
        for limit in Limit::ALL {
            let _at_zero = limits.of(limit.name());
        }
        registry.register(
            "headgate_webhooks_received",
            "Webhooks by what became of them",
            metrics.webhooks.clone(),
        );
        registry.register(
            "headgate_webhooks_not_verified",
            "Webhooks that were not believed, by reason",
            metrics.refusals.clone(),
        );
        registry.register(
            "headgate_handshakes",
            "Providers' GET handshakes by outcome",
            metrics.handshakes.clone(),
        );
        registry.register(
            "headgate_items",
            "Items of accepted webhooks by what became of them",
            metrics.items.clone(),
        );
        registry.register(
            "headgate_webhook_secret_matched",
            "Verified webhooks by the place of the matching secret in the endpoint's list; an old secret \
             that no longer matches anything can be taken out",
            metrics.secrets.clone(),
        );
        metrics
    }

    pub(super) fn webhook(&self, endpoint: &Endpoint, result: &Result<(), Refused>) {
        let provider = endpoint.provider.label();
        match result {
            Ok(()) => {
                self.webhooks.get_or_create(&Webhook { provider, outcome: "kept" }).inc();
            }
            Err(refused) => self.refused(provider, refused),
        }
    }

    /// A webhook that is not kept; `provider` is `none` if it found no endpoint.
    pub(super) fn refused(&self, provider: &'static str, refused: &Refused) {
        self.webhooks.get_or_create(&Webhook { provider, outcome: refused.label() }).inc();
        if let Refused::NotVerified(refusal) = refused {
            self.reached(refusal.limit());
            self.refusals.get_or_create(&NotVerified { provider, reason: refusal.label() }).inc();
        }
    }

    /// Counts what was not fetched because too much is being fetched.
    pub(super) fn fetches_refused(&self) -> Counter {
        self.fetches_refused.clone()
    }

    pub(super) fn handshake(&self, endpoint: &Endpoint, status: StatusCode) {
        let outcome = if status.is_success() { "confirmed" } else { "refused" };
        self.handshakes.get_or_create(&Webhook { provider: endpoint.provider.label(), outcome }).inc();
    }

    /// Counts limits that a webhook is over.
    pub(super) fn reached(&self, limits: impl IntoIterator<Item = Limit>) {
        for limit in limits {
            self.limits.of(limit.name()).inc();
        }
    }

    pub(super) fn items(&self, endpoint: &Endpoint, split: &Split) {
        self.reached(split.limits());
        for item in &split.items {
            if let Item::Ignored(ignored) = item {
                let outcome = ignored.label();
                self.items.get_or_create(&Webhook { provider: endpoint.provider.label(), outcome }).inc();
            }
        }
    }

    pub(super) fn accepted(&self, endpoint: &Endpoint, accepted: Accepted) {
        let provider = endpoint.provider.label();
        let outcomes = [
            ("kept", accepted.kept.saturating_sub(accepted.quarantined)),
            ("quarantined", accepted.quarantined),
            ("duplicate", accepted.duplicates),
        ];
        for (outcome, count) in outcomes {
            if count > 0 {
                self.items.get_or_create(&Webhook { provider, outcome }).inc_by(count as u64);
            }
        }
    }

    pub(super) fn secret_matched(&self, endpoint: &Endpoint, matched: Matched) {
        let secret = u32::try_from(matched.index()).unwrap_or(u32::MAX);
        let endpoint = endpoint.id.as_str().to_owned();
        self.secrets.get_or_create(&SecretMatched { endpoint, secret }).inc();
    }
}
