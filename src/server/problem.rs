//! Refusals, as `application/problem+json` (RFC 9457).

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;

/// Why a request is refused, in words that are fit for a stranger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The answer's status.
    pub status: StatusCode,
    /// The stable name of the problem: its `type` is `urn:headgate:problem:<kind>`.
    pub kind: &'static str,
    /// One sentence more.
    pub detail: Cow<'static, str>,
}

impl Problem {
    /// A refusal.
    #[must_use]
    pub fn new(status: StatusCode, kind: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { status, kind, detail: detail.into() }
    }

    /// The answer. One with 503 asks to come back in a second.
    #[must_use]
    pub fn response(&self) -> Response<Full<Bytes>> {
        let body = serde_json::json!({
            "type": format!("urn:headgate:problem:{}", self.kind),
            "title": self.status.canonical_reason().unwrap_or("Refused"),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        let mut response = Response::new(Full::from(body.to_string()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
