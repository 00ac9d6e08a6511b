//! `headgate.toml`: `[backend.NAME]`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{DAY, seconds};
use crate::{
    backend::Format,
    config::text::{FilePath, SecretText, Size, Span, Url},
};

/// A chat backend.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["urls"]))]
pub(crate) struct Backend {
    /// URLs that deliveries are posted to; the first that works is used.
    #[schemars(length(min = 1))]
    pub(crate) urls: Option<Vec<Url>>,
    /// `event`: one CloudEvents object per event. `raw`: the provider's request, byte for byte.
    pub(crate) format: Format,
    /// Standard Webhooks keys (`whsec_…`). Every one signs each delivery, so that the backend can rotate.
    /// Needed for the format `event`.
    pub(crate) keys: Vec<SecretText>,
    /// PEM file with CAs for the backend's TLS, beside the operating system's.
    pub(crate) ca: Option<FilePath>,
    /// Deliveries under way at once.
    #[schemars(range(min = 1))]
    pub(crate) concurrency_max: usize,
    /// Time for one attempt.
    pub(crate) timeout: Span,
    /// Attempts before an event becomes a dead letter.
    #[schemars(range(min = 1))]
    pub(crate) attempts_max: u32,
    /// Age at which an event that cannot be delivered becomes a dead letter.
    pub(crate) age_max: Span,
    /// First pause after a failure. It doubles each time, with jitter.
    pub(crate) backoff_min: Span,
    /// Longest pause, also for a `Retry-After` of the backend.
    pub(crate) backoff_max: Span,
    /// Failures in a row that open the backend's breaker.
    #[schemars(range(min = 1))]
    pub(crate) breaker_failures: u32,
    /// Pause of an open breaker before one attempt is let through.
    pub(crate) breaker_pause: Span,
    /// Origins of the backend's API, without a path: `["http://chat:3000"]`. Agents' requests go to the one
    /// with the fewest under way. Needed by a tenant whose `routes.toml` names this backend.
    #[schemars(length(min = 1))]
    pub(crate) api: Option<Vec<Url>>,
    /// `Host` of forwarded requests, in place of the origin's own. They are then HTTP/1.1.
    pub(crate) api_host: Option<String>,
    /// Headers that every forwarded request carries, such as the access token of Headgate's own account
    /// there.
    pub(crate) api_headers: BTreeMap<String, SecretText>,
    /// Forwarded requests under way at once, so that their answers have room. Above it: 503.
    #[schemars(range(min = 1))]
    pub(crate) api_concurrency_max: usize,
    /// Time for one forwarded request, to the end of its answer.
    pub(crate) api_timeout: Span,
    /// Time within an answer in which nothing of it comes.
    pub(crate) api_idle_timeout: Span,
    /// Largest answer to a forwarded request, which is held whole. Above it: 502.
    pub(crate) api_answer_bytes_max: Size,
    /// Signs `headgate-assertion`, for backends that want proof of who asks: PEM of an ECDSA private key
    /// on P-256 (ES256), or another text of 32 bytes or more that both sides know (HS256).
    pub(crate) assertion_key: Option<SecretText>,
    /// Probes of the endpoints, of `api` and `urls` alike. Without them, what fails shows by failing.
    pub(crate) health: Option<Health>,
}

/// Probes of a backend's endpoints.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["path"]))]
pub(crate) struct Health {
    /// Path, and query, that is asked for by GET at each endpoint's origin. A 2xx says that it works.
    pub(crate) path: Option<String>,
    /// From one probe to the next, give or take a tenth.
    pub(crate) interval: Span,
    /// Time for one probe.
    pub(crate) timeout: Span,
    /// Good probes in a row that take an endpoint back.
    #[schemars(range(min = 1))]
    pub(crate) healthy_after: u32,
    /// Bad probes in a row that put an endpoint behind all others.
    #[schemars(range(min = 1))]
    pub(crate) unhealthy_after: u32,
}

impl Default for Health {
    fn default() -> Self {
        Self { path: None, interval: seconds(5), timeout: seconds(2), healthy_after: 2, unhealthy_after: 3 }
    }
}

impl Default for Backend {
    fn default() -> Self {
        Self {
            urls: None,
            format: Format::Event,
            keys: Vec::new(),
            ca: None,
            concurrency_max: 64,
            timeout: seconds(10),
            // With the pauses below, about three and a half hours of failing attempts.
            attempts_max: 50,
            age_max: seconds(3 * DAY),
            backoff_min: seconds(1),
            backoff_max: seconds(300),
            breaker_failures: 10,
            breaker_pause: seconds(5),
            api: None,
            api_host: None,
            api_headers: BTreeMap::new(),
            api_concurrency_max: 1024,
            api_timeout: seconds(30),
            api_idle_timeout: seconds(10),
            api_answer_bytes_max: Size(16 << 20),
            assertion_key: None,
            health: None,
        }
    }
}
