//! Every way in which a request is refused, and the one place where a refusal becomes an answer.

use std::{borrow::Cow, time::Duration};

use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

use super::{
    body::UnfitBody,
    decisions::TOO_MANY,
    headers,
    path::PathError,
    show::{answer::Withheld, coding::Uncoded, unread::Content},
    who::{NoActor, NoIdentity},
};
use crate::{ids::DecisionId, policy::DenyReason, server::BodyError};

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Its target has no canonical form.
    Target(PathError),
    /// Its query has a parameter that is never taken.
    Parameter,
    /// No route that has its path has its method.
    Method,
    /// It wants another protocol.
    Upgrade,
    /// It is not known who asks.
    Identity(NoIdentity),
    /// It is not known what who asks may.
    Actor(NoActor),
    /// Its `headgate-min-grants` is no version of grants.
    MinGrants,
    /// No route has its path, or the path is another tenant's.
    NoRoute,
    /// The route asks for what the policy does not know.
    Unknown,
    /// The decision was no.
    Denied {
        /// Why.
        reason: DenyReason,
        /// Nothing may tell that there is such an object.
        hide: bool,
    },
    /// The backend has no such object.
    Missing,
    /// The backend refused it.
    Declined {
        /// Nothing may tell that there is such an object.
        hide: bool,
    },
    /// These fields may not be written, or not so.
    Fields {
        /// Why, as one word.
        reason: &'static str,
        /// As the user named them.
        fields: Vec<String>,
        /// Those that the user may write here, if the route lists them.
        expected: Vec<String>,
    },
    /// These fields may not be asked about.
    Asked(Vec<String>),
    /// A field that decides on what is asked for has a value that nobody declared.
    Value(String),
    /// The body is not one that can be decided on.
    Body(UnfitBody),
    /// The body could not be read; its status and kind.
    Unread(StatusCode, &'static str, String),
    /// Too many requests of this user, tenant or address.
    Rate(Duration),
    /// Too many requests to the backend are under way.
    Busy,
    /// The decision had to be on record and could not be put there.
    Unrecorded,
    /// The backend did not answer.
    NoAnswer,
    /// It did not answer in time.
    TimedOut,
    /// Its answer is too large.
    AnswerTooLarge,
    /// Its answer is none that can be shown: an error of its own, a redirection, or one that broke off.
    Failed,
    /// It answered with an error; the status is told, and after how many seconds to come again, the content is not.
    Objected(StatusCode, Option<u64>),
    /// Its answer may not be shown as a whole.
    Withheld(Withheld),
    /// The object was changed after it was decided on, and the write was not made.
    Changed,
    /// A name or path that cannot be written in a request.
    Unspeakable,
}

impl From<BodyError> for Refusal {
    fn from(error: BodyError) -> Self {
        let problem = error.problem();
        Self::Unread(problem.status, problem.kind, problem.detail.into_owned())
    }
}

/// What is the same for everything that must not be told apart.
const NOT_FOUND: (StatusCode, &str, &str) = (StatusCode::NOT_FOUND, "not-found", "there is nothing here");
const FORBIDDEN: (StatusCode, &str, &str) = (StatusCode::FORBIDDEN, "forbidden", "this is not allowed");

impl Refusal {
    /// Its name in metrics and in the decision log.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Target(_) => "target",
            Self::Parameter => "parameter",
            Self::Method => "method",
            Self::Upgrade => "upgrade",
            Self::Identity(NoIdentity::Missing) => "no_credentials",
            Self::Identity(NoIdentity::Invalid) => "invalid_credentials",
            Self::Identity(NoIdentity::Ambiguous) => "ambiguous_credentials",
            Self::Identity(NoIdentity::Unavailable) => "identity_unavailable",
            Self::Actor(NoActor::Unknown) => "unknown_user",
            Self::Actor(NoActor::Unavailable) => "directory_unavailable",
            Self::Actor(NoActor::NotThatFresh) => "grants_not_that_fresh",
            Self::Actor(NoActor::TooManyRoles) => "too_many_roles",
            Self::MinGrants => "min_grants",
            Self::NoRoute => "no_route",
            Self::Unknown => "unknown_right",
            Self::Denied { reason, .. } => reason.label(),
            Self::Fields { reason, .. } => reason,
            Self::Asked(_) => "asked_field",
            Self::Value(_) => "value",
            Self::Missing => "missing",
            Self::Declined { .. } => "declined",
            Self::Body(_) => "body",
            Self::Unread(..) => "body_unread",
            Self::Rate(_) => TOO_MANY,
            Self::Busy => "busy",
            Self::Unrecorded => "unrecorded",
            Self::NoAnswer => "no_answer",
            Self::TimedOut => "timed_out",
            Self::AnswerTooLarge => "answer_too_large",
            Self::Failed => "backend_failed",
            Self::Objected(..) => "backend_objected",
            Self::Withheld(Withheld::Uncovered) => "uncovered",
            Self::Withheld(Withheld::Hidden) => "hidden",
            Self::Withheld(Withheld::Another) => "another_object",
            Self::Withheld(Withheld::Coded(Uncoded::TooLarge)) => "answer_too_large",
            Self::Withheld(
                Withheld::Unreadable
                | Withheld::Faulty(_)
                | Withheld::Untabular(_)
                | Withheld::Coded(_)
                | Withheld::Part
                | Withheld::Stream
                | Withheld::NoList,
            ) => "unreadable",
            Self::Changed => "changed",
            Self::Unspeakable => "unspeakable",
        }
    }

    /// Whether it is the policy's word, not a fault of the request or the backend.
    #[must_use]
    pub const fn is_denial(&self) -> bool {
        matches!(self, Self::Denied { .. } | Self::Unknown | Self::Fields { .. } | Self::Asked(_))
    }

    /// Status, `type` and `detail` of the answer. What hides an object is [`NOT_FOUND`], and so is what does
    /// not exist: byte for byte, the decision's id and the date aside (D02).
    fn told(&self) -> (StatusCode, &'static str, Cow<'static, str>) {
        let fixed =
            |(status, kind, detail): (StatusCode, &'static str, &'static str)| (status, kind, detail.into());
        let bad_gateway = |kind, detail: &'static str| (StatusCode::BAD_GATEWAY, kind, detail.into());
        let unavailable = |kind, detail: &'static str| (StatusCode::SERVICE_UNAVAILABLE, kind, detail.into());
        match self {
            Self::Target(error @ PathError::TooLong) => {
                (StatusCode::URI_TOO_LONG, "target", error.to_string().into())
            }
            Self::Target(error) => (StatusCode::BAD_REQUEST, "target", error.to_string().into()),
            Self::Parameter => (
                StatusCode::BAD_REQUEST,
                "parameter",
                "the query has a parameter that is not taken here".into(),
            ),
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "method", "the method is not taken here".into()),
            Self::Upgrade => {
                (StatusCode::NOT_IMPLEMENTED, "upgrade", "no other protocol is spoken here".into())
            }
            Self::Identity(error @ NoIdentity::Ambiguous) => {
                (StatusCode::BAD_REQUEST, "credentials", error.to_string().into())
            }
            Self::Identity(error @ NoIdentity::Unavailable) => {
                (StatusCode::SERVICE_UNAVAILABLE, "unavailable", error.to_string().into())
            }
            Self::Identity(error @ (NoIdentity::Missing | NoIdentity::Invalid)) => {
                (StatusCode::UNAUTHORIZED, "unauthorized", error.to_string().into())
            }
            // The same as for credentials that are not valid: who is known is nobody's business.
            Self::Actor(NoActor::Unknown) => {
                (StatusCode::UNAUTHORIZED, "unauthorized", NoIdentity::Invalid.to_string().into())
            }
            Self::Actor(error @ (NoActor::Unavailable | NoActor::NotThatFresh | NoActor::TooManyRoles)) => {
                (StatusCode::SERVICE_UNAVAILABLE, "unavailable", error.to_string().into())
            }
            Self::MinGrants => (
                StatusCode::BAD_REQUEST,
                "min-grants",
                "`headgate-min-grants` is the value of a `headgate-grants` header".into(),
            ),
            Self::NoRoute
            | Self::Missing
            | Self::Denied { hide: true, .. }
            | Self::Declined { hide: true } => fixed(NOT_FOUND),
            Self::Unknown | Self::Denied { hide: false, .. } | Self::Declined { hide: false } => {
                fixed(FORBIDDEN)
            }
            Self::Body(error @ UnfitBody::MediaType) => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type", error.to_string().into())
            }
            Self::Body(error) => (StatusCode::BAD_REQUEST, "body", error.to_string().into()),
            // Whoever learns of these fields named them: one that is hidden is refused like one that does not exist.
            Self::Fields { .. } => {
                (StatusCode::FORBIDDEN, "fields", "these fields may not be written, or not so".into())
            }
            Self::Asked(_) => (
                StatusCode::BAD_REQUEST,
                "fields",
                "there are no such fields to ask about or to search in".into(),
            ),
            Self::Value(_) => (
                StatusCode::BAD_REQUEST,
                "fields",
                "this field must have one of the values that are declared".into(),
            ),
            Self::Unread(status, kind, detail) => (*status, kind, detail.clone().into()),
            Self::Rate(_) => (StatusCode::TOO_MANY_REQUESTS, "rate", "too many requests".into()),
            Self::Busy => unavailable("overloaded", "too many requests are under way"),
            Self::Unrecorded => unavailable("unavailable", "the decision cannot be recorded now"),
            Self::NoAnswer => bad_gateway("backend", "the backend gave no answer"),
            Self::TimedOut => {
                (StatusCode::GATEWAY_TIMEOUT, "backend", "the backend did not answer in time".into())
            }
            Self::Changed => (
                StatusCode::CONFLICT,
                "changed",
                "somebody else changed this meanwhile: read it again and try again".into(),
            ),
            Self::Objected(status, _) if status.is_server_error() => {
                (*status, "backend", "the backend could not do it".into())
            }
            Self::Objected(status, _) => (*status, "declined", "the backend refused the request".into()),
            Self::Withheld(Withheld::Hidden) => fixed(NOT_FOUND),
            Self::Withheld(Withheld::Uncovered) => (
                StatusCode::NOT_IMPLEMENTED,
                "uncovered",
                "the answer holds more than may be shown, and cannot be shown in part".into(),
            ),
            // One body, whatever there was: why an answer is none would tell of its content, or of what was left out of it.
            Self::AnswerTooLarge
            | Self::Failed
            | Self::Withheld(
                Withheld::Unreadable
                | Withheld::Faulty(_)
                | Withheld::Untabular(_)
                | Withheld::Coded(_)
                | Withheld::Part
                | Withheld::Stream
                | Withheld::Another
                | Withheld::NoList,
            ) => bad_gateway("unreadable", "the backend's answer cannot be shown"),
            Self::Unspeakable => bad_gateway("internal", "the request cannot be passed on"),
        }
    }

    /// The answer, as `application/problem+json` (RFC 9457).
    #[must_use]
    pub fn response(&self, decision: DecisionId) -> Response<Content> {
        let (status, kind, detail) = self.told();
        let mut body = json!({
            "type": format!("urn:headgate:problem:{kind}"),
            "title": status.canonical_reason().unwrap_or("Refused"),
            "status": status.as_u16(),
            "detail": detail,
            "decision": decision.to_string(),
        });
        self.tell_fields(&mut body);
        let mut response = Response::new(body.to_string().into());
        *response.status_mut() = status;
        let answer = response.headers_mut();
        answer.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers::keep_nowhere(answer);
        if status == StatusCode::UNAUTHORIZED {
            answer.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after(status) {
            answer.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }

    /// Adds the fields that the refusal is about.
    fn tell_fields(&self, body: &mut Value) {
        match self {
            Self::Fields { fields, expected, .. } => {
                body["fields"] = json!(fields);
                if !expected.is_empty() {
                    body["expected"] = json!(expected);
                }
            }
            Self::Asked(fields) => body["fields"] = json!(fields),
            Self::Value(field) => body["fields"] = json!([field]),
            _ => {}
        }
    }

    /// Whole seconds after which it is worth asking again, rounded up.
    fn retry_after(&self, status: StatusCode) -> Option<u64> {
        match self {
            Self::Rate(wait) => {
                Some(wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1))
            }
            Self::Objected(_, wait) => *wait,
            _ => (status == StatusCode::SERVICE_UNAVAILABLE).then_some(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hidden_what_is_missing_and_what_no_route_names_look_the_same() {
        let hidden = Refusal::Denied { reason: DenyReason::NoGrant, hide: true };
        let look = |refusal: &Refusal| format!("{:?}", refusal.response(DecisionId(7)));
        for same in [Refusal::Missing, Refusal::NoRoute, Refusal::Declined { hide: true }] {
            assert_eq!(look(&same), look(&hidden));
        }
    }

    #[test]
    fn a_wait_is_told_in_whole_seconds_and_never_too_short() {
        for (wait_ms, seconds) in [(1, 1), (1000, 1), (1001, 2), (0, 1)] {
            let refusal = Refusal::Rate(Duration::from_millis(wait_ms));
            assert_eq!(refusal.retry_after(StatusCode::TOO_MANY_REQUESTS), Some(seconds), "{wait_ms}");
        }
    }
}
