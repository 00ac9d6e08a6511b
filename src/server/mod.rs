//! Listeners: TLS, limits, drain. Knows nothing of what is served.
//!
//! [`bind`] takes an address, [`Bound::serve`] answers on it with any hyper service until it is told to
//! drain. What reaches the service was framed without doubt ([`framing`]), came within the limits
//! ([`Limits`], `docs/limits.md`) and has its [`Peer`] among the request's extensions; its body is a
//! [`LimitedBody`]. A service that panics loses that one request.
//!
//! In the order a connection meets them: `listener` accepts it, `tls` shakes hands, `connection` keeps
//! its time, `wire`, `framing` and `frames` watch its bytes, `request` admits each request, `body` reads it.

mod body;
mod config;
mod connection;
mod frames;
pub mod framing;
pub mod fuzzing;
mod listener;
mod metrics;
mod peer;
mod problem;
mod quota;
mod request;
mod tls;
mod watch;
mod wire;

pub use self::{
    body::{BodyError, LimitedBody},
    config::{Certificate, Limits, Listener, Tls},
    listener::{BindError, Bound, Serving, bind},
    metrics::Metrics,
    peer::{ClientCertificate, Peer, PeerTls},
    problem::Problem,
    request::Answer,
    tls::{Acceptor, TlsError},
};
