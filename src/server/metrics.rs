//! What a listener counts.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use crate::metrics;

/// The metrics of all listeners; made once per Headgate.
#[derive(Clone, Debug)]
pub struct Metrics {
    connections: Family<Of, Gauge>,
    accepted: Family<Of, Counter>,
    accept_errors: Family<Of, Counter>,
    handshakes_failed: Family<Failed, Counter>,
    in_flight: Family<Of, Gauge>,
    panics: Family<Of, Counter>,
    limits: metrics::Limits,
}

/// Labels of what is counted per listener.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    listener: &'static str,
}

/// Labels of failed handshakes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Failed {
    listener: &'static str,
    reason: &'static str,
}

impl Metrics {
    /// Registers the listeners' metrics.
    #[must_use]
    pub fn new(registry: &mut Registry, limits: &metrics::Limits) -> Self {
        let metrics = Self {
            connections: Family::default(),
            accepted: Family::default(),
            accept_errors: Family::default(),
            handshakes_failed: Family::default(),
            in_flight: Family::default(),
            panics: Family::default(),
            limits: limits.clone(),
        };
        registry.register("headgate_connections", "Open connections", metrics.connections.clone());
        registry.register(
            "headgate_connections_accepted",
            "Connections that were taken and served",
            metrics.accepted.clone(),
        );
        registry.register(
            "headgate_accept_errors",
            "Failures of the operating system to hand over a connection, such as no free file descriptor",
            metrics.accept_errors.clone(),
        );
        registry.register(
            "headgate_tls_handshake_failures",
            "TLS handshakes that did not come about",
            metrics.handshakes_failed.clone(),
        );
        registry.register(
            "headgate_requests_in_flight",
            "Requests whose answer is not yet sent",
            metrics.in_flight.clone(),
        );
        registry.register(
            "headgate_request_panics",
            "Requests that were answered 500 because their handling panicked",
            metrics.panics.clone(),
        );
        metrics
    }

    /// The handles of one listener. Every limit shows from now on, at zero if it was never reached.
    pub(super) fn of(&self, listener: &'static str) -> Handles {
        for limit in Limit::ALL {
            let _at_zero = self.limits.of(limit.name());
        }
        let of = Of { listener };
        Handles {
            connections: self.connections.get_or_create(&of).clone(),
            accepted: self.accepted.get_or_create(&of).clone(),
            accept_errors: self.accept_errors.get_or_create(&of).clone(),
            in_flight: self.in_flight.get_or_create(&of).clone(),
            panics: self.panics.get_or_create(&of).clone(),
            handshakes_failed: self.handshakes_failed.clone(),
            limits: self.limits.clone(),
            listener,
        }
    }
}

/// The metrics of one listener.
#[derive(Clone, Debug)]
pub(super) struct Handles {
    pub(super) connections: Gauge,
    pub(super) accepted: Counter,
    pub(super) accept_errors: Counter,
    pub(super) in_flight: Gauge,
    pub(super) panics: Counter,
    handshakes_failed: Family<Failed, Counter>,
    limits: metrics::Limits,
    listener: &'static str,
}

impl Handles {
    /// Counts that a limit turned something away.
    pub(super) fn reached(&self, limit: Limit) {
        self.limits.of(limit.name()).inc();
    }

    /// Counts a handshake that did not come about.
    pub(super) fn handshake_failed(&self, reason: &'static str) {
        self.handshakes_failed.get_or_create(&Failed { listener: self.listener, reason }).inc();
    }
}

/// Counts one up until dropped.
#[derive(Debug)]
pub(super) struct Counted(Gauge);

impl Counted {
    pub(super) fn up(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// The limits of [`super::Limits`] that can turn something away, by the field's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    Connections,
    ConnectionsPerAddress,
    TlsHandshake,
    HeaderRead,
    HeaderBytes,
    Headers,
    BodyRead,
    BodyRate,
    BodyBytes,
    BodiesInMemory,
    Requests,
    Streams,
    Idle,
    Drain,
    /// Not of [`super::Limits`]: see `frames`.
    Http2Frames,
}

impl Limit {
    const ALL: [Self; 15] = [
        Self::Connections,
        Self::ConnectionsPerAddress,
        Self::TlsHandshake,
        Self::HeaderRead,
        Self::HeaderBytes,
        Self::Headers,
        Self::BodyRead,
        Self::BodyRate,
        Self::BodyBytes,
        Self::BodiesInMemory,
        Self::Requests,
        Self::Streams,
        Self::Idle,
        Self::Drain,
        Self::Http2Frames,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Connections => "connections_max",
            Self::ConnectionsPerAddress => "connections_per_address_max",
            Self::TlsHandshake => "tls_handshake_timeout",
            Self::HeaderRead => "header_read_timeout",
            Self::HeaderBytes => "header_bytes_max",
            Self::Headers => "headers_max",
            Self::BodyRead => "body_read_timeout",
            Self::BodyRate => "body_rate_min",
            Self::BodyBytes => "body_bytes_max",
            Self::BodiesInMemory => "bodies_in_memory_max",
            Self::Requests => "requests_max",
            Self::Streams => "streams_max",
            Self::Idle => "idle_timeout",
            Self::Drain => "drain_timeout",
            Self::Http2Frames => "http2_frames",
        }
    }
}
