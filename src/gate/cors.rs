//! Panels on another origin than Headgate's. A browser lets their scripts read an answer only if it says so; without
//! `cors_origins` of `[gate]` none does, and a panel that Headgate serves itself, or an app, needs none of it.
//!
//! It decides nothing: who asks is found out by their credentials, as everywhere. The answer to `OPTIONS` is the same
//! for every path, so it tells of none (A17).

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header};

/// What scripts may send.
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");

/// What scripts may read beside what every script may.
const READABLE: HeaderValue = HeaderValue::from_static(
    "content-disposition, headgate-decision, headgate-grants, headgate-more, retry-after",
);

/// How long a browser may remember the answer to its question, in seconds.
const REMEMBERED: HeaderValue = HeaderValue::from_static("600");

/// What is told a browser whose page's origin is listed.
pub(super) struct Cors {
    origin: HeaderValue,
    /// The headers that it wants to send, if it asks before it does.
    wants: Option<HeaderValue>,
    asks: bool,
}

impl Cors {
    /// What is told; `None` if the request comes from no page, or from one whose origin is not listed.
    pub(super) fn of<B>(request: &Request<B>, origins: &[String]) -> Option<Self> {
        let one = |name: HeaderName| {
            let mut values = request.headers().get_all(name).iter();
            values.next().filter(|_| values.next().is_none())
        };
        let origin = one(header::ORIGIN)?;
        let listed = origins.iter().any(|listed| listed.as_bytes() == origin.as_bytes());
        listed.then(|| Self {
            origin: origin.clone(),
            wants: one(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned(),
            asks: request.method() == Method::OPTIONS,
        })
    }

    /// Tells it.
    pub(super) fn tell(self, answer: &mut HeaderMap) {
        if self.asks {
            answer.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
            answer.insert(header::ACCESS_CONTROL_MAX_AGE, REMEMBERED);
            // What does not pass to a backend is taken out on its way, whoever sent it.
            if let Some(wants) = self.wants {
                answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wants);
            }
        } else {
            answer.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, READABLE);
        }
        answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, self.origin);
        answer.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
}
