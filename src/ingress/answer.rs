//! The one map from what went wrong to what a provider is answered.
//!
//! The words are Headgate's own and quote nothing of the request, the configuration or a secret; all
//! refused signatures are answered alike.

use bytes::Bytes;
use http::{Response, StatusCode, header};
use http_body_util::Full;

use crate::{
    channel::{Answer, Refusal},
    spool::SpoolError,
};

/// Seconds after which a provider may try again when a webhook could not be kept. Short, since
/// providers that honour it wait at least this long, and the usual cause is a burst.
const RETRY_AFTER_SECS: &str = "5";

/// Why a webhook was not kept.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Refused {
    /// No endpoint has this name.
    #[error("no such endpoint")]
    UnknownEndpoint,
    /// Neither `GET` nor `POST`.
    #[error("this endpoint takes GET and POST")]
    Method,
    /// A content coding.
    #[error("send the body without a content coding")]
    MediaType,
    /// The body is over the endpoint's limit.
    #[error("the body is larger than this endpoint takes")]
    TooLarge,
    /// The body came too slowly.
    #[error("the body did not arrive in time, try again")]
    TooSlow,
    /// The connection broke, or its framing did, before the body was whole.
    #[error("the body is not complete")]
    Incomplete,
    /// The listener is at one of its limits.
    #[error("too much is under way, try again")]
    Busy,
    /// The signature or token does not match.
    #[error("not verified")]
    NotVerified(#[from] Refusal),
    /// The body is verified and cannot be read; it is in quarantine.
    #[error("expected {expected}")]
    Malformed {
        /// The status this provider needs.
        status: StatusCode,
        /// In words that quote nothing of the body.
        expected: &'static str,
    },
    /// The signing certificate or the confirmation URL could not be reached.
    #[error("what the request needs could not be fetched, try again")]
    CannotFetch,
    /// The spool could not keep it.
    #[error("cannot be kept now, try again")]
    NotKept(#[from] SpoolError),
}

impl Refused {
    /// Every metric label of [`Refused::label`].
    pub const LABELS: [&'static str; 11] = [
        "unknown_endpoint",
        "method",
        "media_type",
        "too_large",
        "too_slow",
        "incomplete",
        "busy",
        "not_verified",
        "malformed",
        "cannot_fetch",
        "not_kept",
    ];

    /// The metric label.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::UnknownEndpoint => "unknown_endpoint",
            Self::Method => "method",
            Self::MediaType => "media_type",
            Self::TooLarge => "too_large",
            Self::TooSlow => "too_slow",
            Self::Incomplete => "incomplete",
            Self::Busy => "busy",
            Self::NotVerified(_) => "not_verified",
            Self::Malformed { .. } => "malformed",
            Self::CannotFetch => "cannot_fetch",
            Self::NotKept(_) => "not_kept",
        }
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::UnknownEndpoint => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Incomplete => StatusCode::BAD_REQUEST,
            Self::NotVerified(_) => StatusCode::UNAUTHORIZED,
            Self::Malformed { status, .. } => *status,
            // Too slow is no 408: SNS and SendGrid would not try again (sections 10 and 12).
            Self::Busy | Self::TooSlow | Self::CannotFetch | Self::NotKept(_) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }
}

impl From<&Refused> for Answer {
    fn from(refused: &Refused) -> Self {
        let status = refused.status();
        // Telegram executes a body that has a `method` in it: what it takes for success stays empty.
        if status.is_success() { Self::empty(status) } else { Self::text(status, format!("{refused}\n")) }
    }
}

/// The response for an answer, with the headers that its status asks for.
pub(super) fn response(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(answer.body));
    *response.status_mut() = answer.status;
    let headers = response.headers_mut();
    if let Some(content_type) = answer.content_type {
        headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(content_type));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, header::HeaderValue::from_static("nosniff"));
    }
    if answer.status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(header::RETRY_AFTER, header::HeaderValue::from_static(RETRY_AFTER_SECS));
    }
    // RFC 9110 asks for a challenge, and SNS sends the password of its URL only to one that names a realm. It is
    // the same for every endpoint: a stranger learns nothing of what this one wants.
    if answer.status == StatusCode::UNAUTHORIZED {
        headers
            .insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Basic realm=\"headgate\""));
    }
    if answer.status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(header::ALLOW, header::HeaderValue::from_static("GET, POST"));
    }
    response
}
