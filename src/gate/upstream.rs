//! Requests to a backend's API: the one place where they leave.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Uri};
use tokio::sync::Semaphore;

use super::{
    answer::Unseen,
    assertion::{Claims, Signer},
    headers,
    permit::Permit,
    refusal::Refusal,
};
use crate::{
    backend::{Backend, Bounds, CallError, Client, ClientError, USER_AGENT},
    ids::{DecisionId, TenantId, Timestamp},
    policy::Actor,
};

/// How Headgate names itself where it asks for itself, to learn the facts of an object.
const ITSELF: &str = "headgate";

/// A backend's API.
#[derive(Debug)]
pub struct Upstream {
    client: Client,
    /// Scheme and authority, without a slash at the end.
    origin: String,
    name: String,
    headers: HeaderMap,
    signer: Option<Signer>,
    bounds: Bounds,
    calls: Semaphore,
}

/// Who a request to the backend is from.
#[derive(Clone, Copy, Debug)]
pub struct From<'a> {
    /// The user.
    pub actor: &'a Actor,
    /// The version of the user's grants.
    pub grants: &'a str,
    /// The decision.
    pub decision: DecisionId,
    /// When.
    pub now: Timestamp,
}

/// A user's request as it is to reach the backend.
#[derive(Debug)]
pub struct Onward {
    /// The method.
    pub method: Method,
    /// The canonical path with the query.
    pub target: String,
    /// The headers that pass.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Upstream {
    /// The API of a backend; `None` if it has none, which the configuration has checked. Reads files.
    ///
    /// # Errors
    /// If a CA file cannot be used.
    pub fn new(
        backend: &Backend,
        client: Client,
        answer_bytes_max: usize,
        calls_max: usize,
    ) -> Result<Option<Self>, ClientError> {
        let Some(api) = &backend.api else { return Ok(None) };
        let mut headers = HeaderMap::new();
        for (name, value) in &backend.api_headers {
            if let Ok(mut value) = HeaderValue::from_bytes(value.expose()) {
                value.set_sensitive(true);
                headers.insert(name, value);
            }
        }
        Ok(Some(Self {
            client,
            origin: api.to_string().trim_end_matches('/').to_owned(),
            name: backend.id.to_string(),
            headers,
            signer: backend.assertion_key.as_ref().and_then(Signer::new),
            bounds: Bounds { timeout: backend.api_timeout, answer_bytes_max },
            calls: Semaphore::new(calls_max.min(Semaphore::MAX_PERMITS)),
        }))
    }

    /// Makes a user's request, which was permitted.
    ///
    /// # Errors
    /// [`Refusal`] if there is no whole answer.
    pub async fn forward(
        &self,
        _permitted: &Permit,
        onward: Onward,
        from: From<'_>,
    ) -> Result<Unseen, Refusal> {
        self.send(onward, from).await
    }

    /// Asks for one object in the name of a user who may or may not see it: what the answer says of the object
    /// decides. Nothing of the answer can be shown without a permit.
    ///
    /// # Errors
    /// [`Refusal`] if there is no whole answer.
    pub async fn look(&self, target: String, sent: HeaderMap, from: From<'_>) -> Result<Unseen, Refusal> {
        self.send(Onward { method: Method::GET, target, headers: sent, body: Bytes::new() }, from).await
    }

    /// Asks for one object as Headgate itself.
    ///
    /// # Errors
    /// [`Refusal`] if there is no whole answer.
    pub async fn look_itself(
        &self,
        target: String,
        tenant: &TenantId,
        decision: DecisionId,
        now: Timestamp,
    ) -> Result<Unseen, Refusal> {
        let mut headers = HeaderMap::new();
        headers.insert(http::header::ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(http::header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        headers.insert(headers::ACTOR, HeaderValue::from_static(ITSELF));
        let claims = Claims {
            sub: ITSELF,
            tenant: tenant.as_str(),
            teams: Vec::new(),
            grants: "",
            aud: &self.name,
            jti: &decision.to_string(),
        };
        self.assert(&mut headers, &claims, now)?;
        self.call(Onward { method: Method::GET, target, headers, body: Bytes::new() }).await
    }

    async fn send(&self, mut onward: Onward, from: From<'_>) -> Result<Unseen, Refusal> {
        if !headers::identify(&mut onward.headers, from.actor, from.grants) {
            return Err(Refusal::Unspeakable);
        }
        let claims = Claims {
            sub: from.actor.user.as_str(),
            tenant: from.actor.tenant.as_str(),
            teams: from.actor.teams.iter().map(crate::ids::TeamId::as_str).collect(),
            grants: from.grants,
            aud: &self.name,
            jti: &from.decision.to_string(),
        };
        self.assert(&mut onward.headers, &claims, from.now)?;
        self.call(onward).await
    }

    fn assert(&self, headers: &mut HeaderMap, claims: &Claims<'_>, now: Timestamp) -> Result<(), Refusal> {
        if let Some(signer) = &self.signer {
            let assertion = signer.sign(claims, now).and_then(|token| HeaderValue::from_str(&token).ok());
            headers.insert(headers::ASSERTION, assertion.ok_or(Refusal::Unspeakable)?);
        }
        Ok(())
    }

    /// The one call. What comes back is whole: an answer that breaks off is none (B16).
    async fn call(&self, mut onward: Onward) -> Result<Unseen, Refusal> {
        let _room = self.calls.try_acquire().map_err(|_full| Refusal::Busy)?;
        onward.headers.insert(http::header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        for (name, value) in &self.headers {
            onward.headers.insert(name, value.clone());
        }
        let uri: Uri =
            format!("{}{}", self.origin, onward.target).parse().map_err(|_invalid| Refusal::Unspeakable)?;
        let mut request = Request::new(onward.body);
        *request.method_mut() = onward.method;
        *request.uri_mut() = uri;
        *request.headers_mut() = onward.headers;
        let answer = self.client.call(request, self.bounds).await.map_err(|error| {
            // The error's cause may name what a stranger asked for; the kind is enough to act on.
            tracing::warn!(backend.id = self.name, error = %error, "no answer of the backend's API");
            match error {
                CallError::Timeout { .. } => Refusal::TimedOut,
                CallError::Oversize { .. } => Refusal::AnswerTooLarge,
                CallError::Url(_)
                | CallError::Connect(_)
                | CallError::Tls(_)
                | CallError::Exchange(_)
                | CallError::Cut(_) => Refusal::NoAnswer,
            }
        })?;
        Ok(Unseen::new(answer))
    }
}
