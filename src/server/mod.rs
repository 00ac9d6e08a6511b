//! Listeners: TLS, limits, drain. Knows nothing of what is served.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

/// An address with its TLS and limits.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Where to listen; port 0 picks a free one.
    pub address: SocketAddr,
    /// `None`: clear text, for a loopback address or behind a TLS terminator.
    pub tls: Option<Tls>,
    /// What a client may use.
    pub limits: Limits,
}

/// TLS of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// Certificates; the client's SNI picks one by the names in it, the first is the default.
    pub certificates: Vec<Certificate>,
    /// CAs of client certificates (Meta's mTLS: `providers.md` section 1).
    pub client_ca: Option<PathBuf>,
    /// Whether a client without a certificate is refused.
    pub client_required: bool,
    /// If set, a client certificate must carry one of these names (`client.webhooks.fbclientcerts.com`).
    pub client_names: Vec<String>,
}

/// A certificate chain and its key, both PEM, read anew when they change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Chain, leaf first.
    pub chain: PathBuf,
    /// Private key.
    pub key: PathBuf,
}

/// Limits of a listener (promise 9). Each has a metric `headgate_limit_reached_total{limit=…}`.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Connections at once. Above it, new ones are closed at once.
    pub connections_max: usize,
    /// Connections at once of one address (IPv6: /64).
    pub connections_per_address_max: usize,
    /// From accept to a finished TLS handshake.
    pub tls_handshake_timeout: Duration,
    /// From the first byte of a request, or the last answer, to the end of the head.
    pub header_read_timeout: Duration,
    /// All header bytes of a request.
    pub header_bytes_max: usize,
    /// Header fields of a request.
    pub headers_max: usize,
    /// From the end of the head to the end of the body.
    pub body_read_timeout: Duration,
    /// Slower bodies are cut off, measured after `body_rate_grace`. Bytes per second.
    pub body_rate_min: u64,
    /// Time before `body_rate_min` is looked at.
    pub body_rate_grace: Duration,
    /// Bytes of a request body, where the endpoint does not set another.
    pub body_bytes_max: usize,
    /// Bytes of all request bodies in memory at once. Above it: 503.
    pub bodies_in_memory_max: usize,
    /// Requests at once over all connections. Above it: 503.
    pub requests_max: usize,
    /// HTTP/2 streams of one connection.
    pub streams_max: u32,
    /// Time an idle connection is kept.
    pub idle_timeout: Duration,
    /// Time given to open requests when draining.
    pub drain_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 10_000,
            connections_per_address_max: 1_000,
            tls_handshake_timeout: Duration::from_secs(10),
            header_read_timeout: Duration::from_secs(10),
            header_bytes_max: 16 << 10,
            headers_max: 100,
            body_read_timeout: Duration::from_secs(60),
            body_rate_min: 1 << 10,
            body_rate_grace: Duration::from_secs(5),
            body_bytes_max: 4 << 20,
            bodies_in_memory_max: 256 << 20,
            requests_max: 10_000,
            streams_max: 100,
            idle_timeout: Duration::from_secs(75),
            drain_timeout: Duration::from_secs(20),
        }
    }
}
