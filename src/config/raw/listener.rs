//! `headgate.toml`: `[listener]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    config::text::{Address, FilePath, SecretText, Size, Span},
    server,
};

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
