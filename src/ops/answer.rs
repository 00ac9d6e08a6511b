//! Answers: JSON, problems, and what every request with a body must be.

use std::{borrow::Cow, sync::Arc};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use serde::{Serialize, de::DeserializeOwned};

use super::{BODY_BYTES_MAX, conversations};
use crate::{
    server::{LimitedBody, Problem},
    tag::Tag,
};

/// An answer of the service.
pub(super) type Answer = Response<Full<Bytes>>;

/// Why a request is refused: a problem, or one whose answer says more than that.
#[derive(Debug)]
pub(super) enum Refusal {
    Problem(Problem),
    /// The path takes other methods.
    Method {
        allowed: String,
    },
    Unauthorized,
    /// The tag is not what the change was meant for; here is what it is.
    Conflict(Arc<Tag>),
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Problem(problem) => problem.response(),
            Refusal::Method { allowed } => {
                let detail = format!("this path takes {allowed}");
                let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", detail);
                with_header(problem.response(), header::ALLOW, &allowed)
            }
            Refusal::Unauthorized => {
                let problem =
                    Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", "a bearer token is needed");
                with_header(problem.response(), header::WWW_AUTHENTICATE, "Bearer")
            }
            Refusal::Conflict(current) => conversations::conflict(&current),
        }
    }
}

/// 200 with JSON.
pub(super) fn json(value: &impl Serialize) -> Answer {
    json_with(StatusCode::OK, value)
}

/// An answer with JSON.
pub(super) fn json_with(status: StatusCode, value: &impl Serialize) -> Answer {
    let Ok(text) = serde_json::to_vec(value) else {
        let detail = "the answer could not be written as JSON";
        return Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail).response();
    };
    let mut answer = Response::new(Full::from(text));
    *answer.status_mut() = status;
    let answer = with_header(answer, header::CONTENT_TYPE, "application/json");
    let answer = with_header(answer, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    with_header(answer, header::CACHE_CONTROL, "no-store")
}

/// The answer with one more header; a value that no header can hold is left out.
pub(super) fn with_header(mut answer: Answer, name: header::HeaderName, value: &str) -> Answer {
    if let Ok(value) = HeaderValue::from_str(value) {
        answer.headers_mut().insert(name, value);
    }
    answer
}

/// 400.
pub(super) fn bad_request(detail: impl Into<Cow<'static, str>>) -> Refusal {
    Problem::new(StatusCode::BAD_REQUEST, "bad-request", detail).into()
}

/// Refuses other methods.
pub(super) fn only(allowed: &[Method], method: &Method) -> Result<(), Refusal> {
    if allowed.contains(method) {
        return Ok(());
    }
    let allowed: Vec<_> = allowed.iter().map(Method::as_str).collect();
    Err(Refusal::Method { allowed: allowed.join(", ") })
}

/// Reads a JSON body. The content type must say JSON, which a page of another site cannot make a
/// browser send without asking first.
pub(super) async fn read_json<T: DeserializeOwned>(request: Request<LimitedBody>) -> Result<T, Refusal> {
    let content_type = request.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    let media_type = content_type.and_then(|value| value.split(|byte| *byte == b';').next());
    if !media_type.is_some_and(|media| media.trim_ascii().eq_ignore_ascii_case(b"application/json")) {
        let detail = "the body must be application/json";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type", detail).into());
    }
    let mut body = request.into_body();
    body.set_limit(BODY_BYTES_MAX);
    let bytes = body.read_all().await.map_err(|error| error.problem())?;
    serde_json::from_slice(&bytes)
        .map_err(|error| bad_request(format!("the body is not as expected: {error}")))
}
