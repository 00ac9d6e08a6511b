//! What of a backend's answer may be shown.
//!
//! An answer is [`Unseen`] until a permit releases it. There is no filter yet that takes rows and fields out:
//! an answer is released as a whole, or not at all.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::Full;
use serde_json::Value;

use super::{
    body, headers,
    permit::{Asked, Permit},
};
use crate::{
    config::routes::RouteMap,
    policy::{Actor, Policy, ResourceNo},
};

/// A backend's whole answer, of which nothing was shown to anybody.
#[derive(Clone, Debug)]
pub struct Unseen(Response<Bytes>);

/// Why an answer is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Withheld {
    /// It has something that the permit does not cover, and there is no filter to take it out.
    #[error("the answer holds what may not be shown")]
    Uncovered,
    /// It cannot be read, so it is not known what it holds.
    #[error("the answer cannot be read")]
    Unreadable,
}

impl Unseen {
    pub(super) const fn new(answer: Response<Bytes>) -> Self {
        Self(answer)
    }

    /// Its status, which tells whether there is such an object at all.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.status()
    }

    /// A header of it.
    pub(super) fn header(&self, name: &HeaderName) -> Option<&HeaderValue> {
        self.0.headers().get(name)
    }

    /// Its JSON, to read the facts of an object from.
    ///
    /// # Errors
    /// [`Withheld::Unreadable`].
    pub fn json(&self) -> Result<Value, Withheld> {
        if !is_plain_json(self.0.headers()) || body::check(self.0.body()).is_err() {
            return Err(Withheld::Unreadable);
        }
        serde_json::from_slice(self.0.body()).map_err(|_no_json| Withheld::Unreadable)
    }

    /// The answer to show, if the permit covers all of it.
    ///
    /// # Errors
    /// [`Withheld`].
    pub fn release(
        self,
        permit: &Permit,
        actor: &Actor,
        asked: Asked,
        map: &RouteMap,
    ) -> Result<Response<Full<Bytes>>, Withheld> {
        if !permit.shows_all(actor, asked.resource) && !self.0.body().is_empty() {
            let policy = actor.grants.policy();
            if !covered(&self.json()?, "", policy, asked.resource, &|field| permit.shows(actor, field)) {
                return Err(Withheld::Uncovered);
            }
        }
        let (head, body) = self.0.into_parts();
        let mut shown = Response::new(Full::new(body));
        *shown.status_mut() = head.status;
        *shown.headers_mut() = headers::shown(&head.headers, &map.response_headers);
        Ok(shown)
    }

    /// Its status without its content: what was written is written, and only the echo is withheld.
    #[must_use]
    pub fn without_content(&self) -> Response<Full<Bytes>> {
        let mut shown = Response::new(Full::default());
        *shown.status_mut() = StatusCode::NO_CONTENT;
        *shown.headers_mut() = headers::shown(&HeaderMap::new(), &[]);
        shown
    }
}

/// Whether every key in `value` may be shown, by its way from the top: `meta.sender.phone` is covered if
/// neither it nor anything above it is hidden. Lists are looked through.
fn covered(
    value: &Value,
    way: &str,
    policy: &Policy,
    resource: ResourceNo,
    shows: &dyn Fn(crate::policy::FieldNo) -> bool,
) -> bool {
    match value {
        Value::Object(fields) => fields.iter().all(|(key, value)| {
            let way = if way.is_empty() { key.clone() } else { format!("{way}.{key}") };
            // By its own name too: what an envelope holds is named as if it stood at the top.
            shows(policy.field(resource, &way))
                && shows(policy.field(resource, key))
                && covered(value, &way, policy, resource, shows)
        }),
        Value::Array(items) => items.iter().all(|item| covered(item, way, policy, resource, shows)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

/// Whether the body is JSON as it stands.
fn is_plain_json(headers: &HeaderMap) -> bool {
    let media = headers.get(http::header::CONTENT_TYPE).map(http::HeaderValue::as_bytes).unwrap_or_default();
    let name = media.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let json = name.eq_ignore_ascii_case(b"application/json") || name.ends_with(b"+json");
    json && !headers.contains_key(http::header::CONTENT_ENCODING)
}
