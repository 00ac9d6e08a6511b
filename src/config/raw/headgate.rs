//! `headgate.toml`.

use std::{collections::BTreeMap, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Name;
use crate::{
    backend::Format,
    config::text::{Address, FilePath, LogFilter, SecretText, Size, Span, Url},
    server,
};

const fn seconds(seconds: u64) -> Span {
    Span(Duration::from_secs(seconds))
}

const DAY: u64 = 86_400;

/// What holds for all tenants: listeners, backends, the store, how Headgate calls out, and its log.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["store"]))]
#[schemars(title = "headgate.toml")]
pub(crate) struct Headgate {
    /// Where Headgate listens.
    pub(crate) listener: Listeners,
    /// The chat backends, by name: `[backend.NAME]`.
    pub(crate) backend: BTreeMap<Name, Backend>,
    /// Where accepted events are kept, and how much of them. Changes need a restart.
    pub(crate) store: Option<Store>,
    /// Handing events to backends.
    pub(crate) delivery: Delivery,
    /// How Headgate itself calls out.
    pub(crate) egress: Egress,
    /// The agents' side: how requests are limited, and where decisions are told.
    pub(crate) gate: Gate,
    /// Log.
    pub(crate) telemetry: Telemetry,
}

/// Where Headgate listens. A listener that is not here is not opened.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Listeners {
    /// Providers' webhooks: `/hooks/{endpoint}`.
    pub(crate) hooks: Option<Listener>,
    /// Agents, panels and integrations: the routes of `routes.toml`.
    pub(crate) agents: Option<Listener>,
    /// Operators: health, metrics, admin API.
    pub(crate) ops: Option<OpsListener>,
}

/// A listener.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["address"]))]
pub(crate) struct Listener {
    /// Address and port. Port 0 picks a free one. A change needs a restart.
    pub(crate) address: Option<Address>,
    /// Take clear text on an address that is not loopback. Only behind something that terminates TLS
    /// and that nobody can go round.
    pub(crate) insecure_clear_text: bool,
    /// TLS. Without it, clear text.
    pub(crate) tls: Option<Tls>,
    /// What clients may use.
    pub(crate) limits: Limits,
}

/// The operators' listener.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["address"]))]
pub(crate) struct OpsListener {
    /// Address and port. Port 0 picks a free one. A change needs a restart.
    pub(crate) address: Option<Address>,
    /// Bearer tokens that may be used, each of 16 characters or more; several while rotating. Needed on
    /// any address but loopback, unless client certificates are required.
    pub(crate) tokens: Vec<SecretText>,
    /// Take clear text on an address that is not loopback. Only behind something that terminates TLS
    /// and that nobody can go round.
    pub(crate) insecure_clear_text: bool,
    /// TLS. Without it, clear text.
    pub(crate) tls: Option<Tls>,
    /// What clients may use.
    pub(crate) limits: Limits,
}

/// TLS of a listener. Certificate files are read anew when they change, without a restart.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["certificates"]))]
pub(crate) struct Tls {
    /// Certificates; the name that the client asks for (SNI) picks one, the first is the default.
    #[schemars(length(min = 1))]
    pub(crate) certificates: Option<Vec<Certificate>>,
    /// PEM file with the CAs of client certificates. For Meta's mTLS: its own CA.
    pub(crate) client_ca: Option<FilePath>,
    /// Refuse a client without a certificate of `client_ca`.
    pub(crate) client_required: bool,
    /// If any are given, a client certificate must carry one of these names. For Meta:
    /// `client.webhooks.fbclientcerts.com`.
    pub(crate) client_names: Vec<String>,
}

/// A certificate chain with its key.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["chain", "key"]))]
pub(crate) struct Certificate {
    /// PEM file with the chain, leaf first.
    pub(crate) chain: Option<FilePath>,
    /// PEM file with the private key.
    pub(crate) key: Option<FilePath>,
}

/// Limits of a listener. The metric `headgate_limit_reached_total` counts, by these names, how often
/// each turned something away.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Limits {
    /// Connections at once. Above it, new ones are closed at once.
    #[schemars(range(min = 1))]
    pub(crate) connections_max: usize,
    /// Connections at once of one address (IPv6: of one /64).
    #[schemars(range(min = 1))]
    pub(crate) connections_per_address_max: usize,
    /// From accept to a finished TLS handshake.
    pub(crate) tls_handshake_timeout: Span,
    /// From the first byte of a request, or the last answer, to the end of the head.
    pub(crate) header_read_timeout: Span,
    /// All header bytes of a request. Above it: 431.
    pub(crate) header_bytes_max: Size,
    /// Header fields of a request. Above it: 431.
    #[schemars(range(min = 1))]
    pub(crate) headers_max: usize,
    /// From the end of the head to the end of the body.
    pub(crate) body_read_timeout: Span,
    /// Bytes per second; slower bodies are cut off, measured after `body_rate_grace`.
    pub(crate) body_rate_min: Size,
    /// Time before `body_rate_min` is looked at.
    pub(crate) body_rate_grace: Span,
    /// Largest body of a request, where the endpoint does not set another. Above it: 413.
    pub(crate) body_bytes_max: Size,
    /// All request bodies in memory at once. Above it: 503.
    pub(crate) bodies_in_memory_max: Size,
    /// Requests at once over all connections. Above it: 503.
    #[schemars(range(min = 1))]
    pub(crate) requests_max: usize,
    /// HTTP/2 streams of one connection.
    #[schemars(range(min = 1))]
    pub(crate) streams_max: u32,
    /// Time an idle connection is kept.
    pub(crate) idle_timeout: Span,
    /// Time given to open requests when stopping.
    pub(crate) drain_timeout: Span,
}

impl Default for Limits {
    fn default() -> Self {
        let server::Limits {
            connections_max,
            connections_per_address_max,
            tls_handshake_timeout,
            header_read_timeout,
            header_bytes_max,
            headers_max,
            body_read_timeout,
            body_rate_min,
            body_rate_grace,
            body_bytes_max,
            bodies_in_memory_max,
            requests_max,
            streams_max,
            idle_timeout,
            drain_timeout,
        } = server::Limits::default();
        Self {
            connections_max,
            connections_per_address_max,
            tls_handshake_timeout: Span(tls_handshake_timeout),
            header_read_timeout: Span(header_read_timeout),
            header_bytes_max: Size(header_bytes_max as u64),
            headers_max,
            body_read_timeout: Span(body_read_timeout),
            body_rate_min: Size(body_rate_min),
            body_rate_grace: Span(body_rate_grace),
            body_bytes_max: Size(body_bytes_max as u64),
            bodies_in_memory_max: Size(bodies_in_memory_max as u64),
            requests_max,
            streams_max,
            idle_timeout: Span(idle_timeout),
            drain_timeout: Span(drain_timeout),
        }
    }
}

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

/// Where accepted events are kept, and how much of them. Changes need a restart.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["path"]))]
pub(crate) struct Store {
    /// The data folder, on a local disk; made if it does not exist.
    pub(crate) path: Option<FilePath>,
    /// Size at which a journal file is closed and the next begun; 1MiB or more.
    pub(crate) segment_bytes: Size,
    /// Free disk space below which webhooks are refused with 503, so that what was accepted can still
    /// be worked off. At least 1MiB.
    pub(crate) disk_free_min: Size,
    /// Events that may wait for delivery. Above it, webhooks are refused with 503.
    #[schemars(range(min = 1))]
    pub(crate) backlog_events_max: u64,
    /// How long a provider's redelivery is recognised. WhatsApp repeats for 7 days, longest of all; the
    /// default adds a day.
    pub(crate) dedupe_window: Span,
    /// Marks of accepted events kept in memory; above it the oldest go first, before their window ends.
    #[schemars(range(min = 1))]
    pub(crate) dedupe_marks_max: usize,
    /// Waiting webhooks kept in memory; others are read back from disk.
    pub(crate) cache_bytes: Size,
    /// How long dead letters are kept.
    pub(crate) dead_letter_age_max: Span,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            path: None,
            segment_bytes: Size(64 << 20),
            disk_free_min: Size(1 << 30),
            backlog_events_max: 5_000_000,
            dedupe_window: seconds(8 * DAY),
            dedupe_marks_max: 10_000_000,
            cache_bytes: Size(64 << 20),
            dead_letter_age_max: seconds(14 * DAY),
        }
    }
}

/// Handing events to backends.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Delivery {
    /// Largest answer of a backend that is read; the rest is left unread.
    pub(crate) answer_bytes_max: Size,
    /// How deep arrays and objects of a provider's fragment (`data.raw`) may stand in each other. A deeper
    /// fragment is delivered in base64. Two levels of the delivery itself come on top.
    #[schemars(range(min = 1))]
    pub(crate) json_nesting_max: usize,
}

impl Default for Delivery {
    fn default() -> Self {
        // With the two levels around it below 64, where the strictest of the common parsers stops (.NET's).
        Self { answer_bytes_max: Size(64 << 10), json_nesting_max: 60 }
    }
}

/// How Headgate itself calls out, to fetch certificates and confirm subscriptions (SNS).
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Egress {
    /// PEM file with CAs, beside the operating system's.
    pub(crate) ca: Option<FilePath>,
    /// Addresses for host names, in place of DNS: `{ "sns.eu-west-1.amazonaws.com" = "10.0.0.5:443" }`
    /// for a VPC endpoint.
    pub(crate) resolve: BTreeMap<String, Address>,
    /// Time for one call.
    pub(crate) timeout: Span,
}

impl Default for Egress {
    fn default() -> Self {
        // SNS waits 15 s for our answer, and the certificate is fetched before it (providers.md section 12).
        Self { ca: None, resolve: BTreeMap::new(), timeout: seconds(10) }
    }
}

/// The agents' side: how requests are limited, and where decisions are told.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Gate {
    /// Longest target (path and query) of a request. Above it: 414.
    pub(crate) target_bytes_max: Size,
    /// Most parameters of a query. Above it: 400.
    #[schemars(range(min = 1))]
    pub(crate) query_parameters_max: usize,
    /// Largest body of a request, where the route does not set another. Above it: 413.
    pub(crate) body_bytes_max: Size,
    /// How long the facts of a prefetched object are used again.
    pub(crate) prefetch_age_max: Span,
    /// Prefetched objects whose facts are kept. The least used go first.
    #[schemars(range(min = 1))]
    pub(crate) prefetched_max: usize,
    /// Places in lists that are kept for a tenant, where a user's next page goes on. The least used go first: such a
    /// page is found again from the beginning.
    #[schemars(range(min = 1))]
    pub(crate) page_places_max: usize,
    /// Decisions that are kept in memory for `headgate explain`. The oldest go first.
    pub(crate) decisions_kept_max: usize,
    /// How many requests are taken. Above it: 429.
    pub(crate) rate: Rates,
    /// Where decisions are told. Without it they are only kept in memory.
    pub(crate) decision_log: Option<DecisionLog>,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            target_bytes_max: Size(8 << 10),
            query_parameters_max: 200,
            body_bytes_max: Size(1 << 20),
            prefetch_age_max: seconds(2),
            prefetched_max: 10_000,
            page_places_max: 10_000,
            decisions_kept_max: 10_000,
            rate: Rates::default(),
            decision_log: None,
        }
    }
}

/// How many requests are taken. Above it: 429, with `Retry-After`.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Rates {
    /// Of one user.
    pub(crate) actor: Rate,
    /// Of all users of a tenant together.
    pub(crate) tenant: Rate,
    /// Of one source address (IPv6: of one /64), before it is known who asks.
    pub(crate) address: Rate,
    /// Users, tenants and addresses whose rate is kept, each. Above it, one that is not among them is not
    /// limited.
    #[schemars(range(min = 1))]
    pub(crate) keys_max: usize,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            actor: Rate { per_second: 50, burst: 200 },
            tenant: Rate { per_second: 2000, burst: 8000 },
            // A whole office may stand behind one address.
            address: Rate { per_second: 1000, burst: 4000 },
            keys_max: 100_000,
        }
    }
}

/// A rate of requests.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rate {
    /// Requests in a second, as a lasting average.
    #[schemars(range(min = 1))]
    pub(crate) per_second: u32,
    /// Requests at once, after a pause.
    #[schemars(range(min = 1))]
    pub(crate) burst: u32,
}

/// Where decisions are told: one JSON object a line, one line a request, without values, tokens and queries.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct DecisionLog {
    /// File that lines are put at the end of; without it, the standard error. A change needs a restart.
    pub(crate) file: Option<FilePath>,
    /// Lines that may wait to be written. Above it, lines are lost, and counted. A change needs a restart.
    #[schemars(range(min = 1))]
    pub(crate) waiting_max: usize,
    /// How long a request of a route with `audit = "must"` waits for its line. After that: 503. A change needs a
    /// restart.
    pub(crate) audit_wait_max: Span,
}

impl Default for DecisionLog {
    fn default() -> Self {
        Self { file: None, waiting_max: 10_000, audit_wait_max: seconds(2) }
    }
}

/// Log.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Telemetry {
    /// What is logged: a level, or levels by module such as `info,headgate::delivery=debug`.
    pub(crate) log: LogFilter,
    /// How it is written. A change needs a restart.
    pub(crate) format: LogFormat,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self { log: LogFilter("info".to_owned()), format: LogFormat::Json }
    }
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}
