//! Calling out: backends and what else Headgate fetches. Pools of endpoints, their health, connection
//! reuse, time-outs.
//!
//! It knows how to get an answer, not what an answer means: repeated deliveries, breakers and
//! acknowledgements are `delivery`'s, and who may ask for what is the gate's. To read: [`Pool`] chooses an
//! endpoint and says when another may be asked, `client` makes the call, `answer` streams what comes back.

mod answer;
mod assertion;
mod client;
mod endpoint;
mod error;
mod flight;
mod health;
mod loan;
mod metrics;
mod pool;
mod pools;
mod resolve;
mod wire;

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use http::{HeaderName, HeaderValue};

pub(crate) use self::client::trusting;
pub use self::{
    answer::{StreamBounds, StreamedAnswer},
    assertion::{AssertionKey, Claims, KeyError, SignError},
    client::{Bounds, Client, ClientError},
    error::{CallError, ForwardError, Unfit},
    health::Health,
    metrics::{Metrics, Purpose},
    pool::{Plan, Pool},
    pools::Pools,
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
    /// Where the gate forwards to, if it does.
    pub api: Option<Api>,
    /// How the endpoints of both are probed, if they are.
    pub health: Option<Health>,
}

/// A backend's API, as the gate forwards to it.
#[derive(Clone, Debug)]
pub struct Api {
    /// Its origins; the one with the least to do is asked.
    pub origins: Vec<http::Uri>,
    /// `Host`, in place of the origin's own.
    pub host: Option<HeaderValue>,
    /// Headers of every request.
    pub headers: Vec<(HeaderName, Secret)>,
    /// Requests under way at once.
    pub concurrency_max: usize,
    /// What one request may cost.
    pub bounds: StreamBounds,
    /// Signs what Headgate says of an actor, for backends that want proof.
    pub assertion_key: Option<Arc<AssertionKey>>,
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
