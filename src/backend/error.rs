//! Why a call has no complete answer.

use std::{io, time::Duration};

use hyper_util::client::legacy;

use super::wire;

/// Why a call has no complete answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The URL is not one.
    #[error("the URL cannot be called")]
    Url(#[source] http::Error),
    /// No connection: the name does not resolve, nobody listens, nobody answers.
    #[error("could not connect")]
    Connect(#[source] legacy::Error),
    /// A connection, but no TLS on it: wrong certificate, wrong name, no common version.
    #[error("the TLS handshake failed")]
    Tls(#[source] legacy::Error),
    /// The time was up.
    #[error("no complete answer within {} ms", after.as_millis())]
    Timeout {
        /// The time.
        after: Duration,
    },
    /// Within the answer's body, nothing came for too long.
    #[error("nothing of the answer came for {} ms", after.as_millis())]
    Stalled {
        /// The time.
        after: Duration,
    },
    /// The connection ended, or spoke no HTTP, before the answer's head was there.
    #[error("the connection broke before the answer")]
    Exchange(#[source] legacy::Error),
    /// The answer's head is one that an honest server does not send.
    #[error("the answer cannot be trusted")]
    Unfit(#[from] Unfit),
    /// The connection ended within the answer's body.
    #[error("the answer broke off")]
    Cut(#[source] hyper::Error),
    /// The answer has more bytes than it may.
    #[error("the answer has more than {max} bytes")]
    Oversize {
        /// The bound.
        max: usize,
    },
}

/// What is wrong with an answer's head. The connection that it came on is not used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// 1xx answers without end.
    #[error("more than {max} interim answers came before the answer")]
    Interim {
        /// The bound.
        max: usize,
    },
    /// 101, which nobody asked for.
    #[error("the backend switched to another protocol, unasked")]
    Switched,
    /// A 204 that announces a body.
    #[error("an answer without a body announces one")]
    BodyOfNone,
    /// `Content-Length` beside `Transfer-Encoding`: two ends of one body.
    #[error("the answer tells its length in two ways")]
    TwoLengths,
    /// A transfer coding other than `chunked`.
    #[error("the answer's transfer coding is not known")]
    Coding,
    /// Only the end of the connection ends the body, which looks the same when the backend dies.
    #[error("the answer's end could not be told from a cut")]
    NoEnd,
}

/// Why a request that was forwarded has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError<E: std::error::Error + 'static> {
    /// The backend's `api_concurrency_max` is reached; nothing was sent. To the caller: 503.
    #[error("{max} requests to the backend are under way already")]
    Busy {
        /// The bound.
        max: usize,
    },
    /// The request's own body failed, which is the caller's doing and not the backend's.
    #[error("the request's body could not be passed on")]
    Body(#[source] E),
    /// The backend's doing. To the caller: 504 for a time-out, else 502.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl CallError {
    /// Whether the request surely did not reach the other side, so that another URL may be tried at once.
    #[must_use]
    pub fn nothing_sent(&self) -> bool {
        match self {
            Self::Url(_) | Self::Connect(_) | Self::Tls(_) => true,
            Self::Timeout { .. }
            | Self::Stalled { .. }
            | Self::Exchange(_)
            | Self::Unfit(_)
            | Self::Cut(_)
            | Self::Oversize { .. } => false,
        }
    }

    /// Whether a kept connection was closed before a byte of the answer came: what happens when a server
    /// closes an idle connection in the moment in which it is used again.
    pub(super) fn was_stale(&self) -> bool {
        match self {
            Self::Exchange(error) => error.connect_info().is_some_and(wire::was_stale),
            Self::Url(_)
            | Self::Connect(_)
            | Self::Tls(_)
            | Self::Timeout { .. }
            | Self::Stalled { .. }
            | Self::Unfit(_)
            | Self::Cut(_)
            | Self::Oversize { .. } => false,
        }
    }

    /// Whether it speaks against the endpoint, and not only against the one request.
    pub(super) fn blames_endpoint(&self) -> bool {
        !matches!(self, Self::Url(_) | Self::Oversize { .. })
    }
}

impl From<legacy::Error> for CallError {
    fn from(error: legacy::Error) -> Self {
        if !error.is_connect() {
            return Self::Exchange(error);
        }
        // The connector gives a failed handshake as an `io::Error`; what fails below it has a type of
        // its own (hyper-rustls 0.27, `connector.rs`).
        if std::error::Error::source(&error).is_some_and(|source| source.is::<io::Error>()) {
            Self::Tls(error)
        } else {
            Self::Connect(error)
        }
    }
}
