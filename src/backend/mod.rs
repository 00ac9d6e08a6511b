//! Calling out: backends and what else Headgate fetches. Pools, connection reuse, time-outs.
//!
//! It knows how to get an answer, not what an answer means: retries, breakers and acknowledgements
//! are `delivery`'s.

mod client;
mod pool;
mod resolve;

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, time::Duration};

pub use self::{
    client::{Bounds, CallError, Client, ClientError},
    pool::Pool,
};
use crate::{ids::BackendId, secret::Secret};

/// How Headgate names itself to those it calls.
pub const USER_AGENT: &str = concat!("headgate/", env!("CARGO_PKG_VERSION"));

/// A chat backend.
#[derive(Clone, Debug)]
pub struct Backend {
    /// Its name.
    pub id: BackendId,
    /// URLs that deliveries are posted to; the first that works.
    pub urls: Vec<http::Uri>,
    /// How it wants its deliveries.
    pub format: Format,
    /// Standard Webhooks keys (`whsec_…`, decoded); each signs, so that the backend can rotate.
    pub keys: Vec<Secret>,
    /// CA file for its TLS, beside the operating system's.
    pub ca: Option<PathBuf>,
    /// Where its API is: scheme and host.
    pub api: Option<http::Uri>,
    /// Headers of every request to its API.
    pub api_headers: Vec<(http::HeaderName, Secret)>,
    /// Time for one request to its API.
    pub api_timeout: Duration,
    /// What signs the assertion of who asks.
    pub assertion_key: Option<AssertionKey>,
    /// Deliveries under way at once.
    pub concurrency_max: usize,
    /// Time for one attempt.
    pub timeout: Duration,
    /// Attempts before a unit is a dead letter.
    pub attempts_max: u32,
    /// Age at which a unit that fails becomes a dead letter.
    pub age_max: Duration,
    /// First pause after a failure; doubles each time, with jitter.
    pub backoff_min: Duration,
    /// Longest pause, also for a backend's `Retry-After`.
    pub backoff_max: Duration,
    /// Failures of the backend in a row that open its breaker.
    pub breaker_failures: u32,
    /// Pause of an open breaker before one attempt is let through.
    pub breaker_pause: Duration,
}

/// What signs assertions (RFC 7518).
#[derive(Clone, Debug)]
pub enum AssertionKey {
    /// HMAC with SHA-256 and a shared key.
    Hs256(Secret),
    /// ECDSA with P-256 and SHA-256; a private key in PKCS#8, DER.
    Es256(Secret),
}

/// How a backend wants its deliveries.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// One CloudEvents object per event.
    Event,
    /// The provider's request, byte for byte, once per webhook.
    Raw,
}

/// `[egress]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Egress {
    /// CA file beside the operating system's.
    pub ca: Option<PathBuf>,
    /// Addresses for host names, in place of DNS (a VPC endpoint, a test).
    pub resolve: BTreeMap<String, SocketAddr>,
    /// Time for one call.
    pub timeout: Duration,
}
