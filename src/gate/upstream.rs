//! Requests to a backend's API: the one place where they leave.

use std::{convert::Infallible, error::Error, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri};
use http_body_util::{BodyExt, Full};

use super::{
    headers,
    permit::Permit,
    refusal::Refusal,
    show::{
        answer::{Unseen, Withheld, is_stream},
        unread::Passing,
    },
};
use crate::{
    backend::{
        AssertionKey, Backend, CallError, Claims, ForwardError, Pool, Pools, StreamBounds, StreamedAnswer,
        USER_AGENT,
    },
    causes::Causes,
    config::routes::Format,
    ids::{DecisionId, TeamId, TenantId, Timestamp},
    policy::Actor,
};

/// How Headgate names itself where it asks for itself, to learn the facts of an object.
const ITSELF: &str = "headgate";

/// A backend's API.
#[derive(Debug)]
pub struct Upstream {
    pool: Arc<Pool>,
    name: String,
    headers: HeaderMap,
    assertion_key: Option<Arc<AssertionKey>>,
    bounds: StreamBounds,
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
    /// The user's own credential there.
    pub credential: Option<(&'a HeaderName, &'a HeaderValue)>,
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
    /// The API of a backend; `None` if it has none, which the configuration has checked.
    #[must_use]
    pub fn new(backend: &Backend, pools: &Pools) -> Option<Self> {
        let api = backend.api.as_ref()?;
        let mut headers = HeaderMap::new();
        for (name, value) in &api.headers {
            if let Ok(mut value) = HeaderValue::from_bytes(value.expose()) {
                value.set_sensitive(true);
                headers.insert(name, value);
            }
        }
        Some(Self {
            pool: Arc::clone(pools.api(&backend.id)?),
            name: backend.id.to_string(),
            headers,
            assertion_key: api.assertion_key.clone(),
            bounds: api.bounds,
        })
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

    /// Makes a user's write, which was permitted. `None`: the backend has made it, and what it says of it is no whole answer.
    ///
    /// # Errors
    /// [`Refusal`] if nothing tells that it was made.
    pub(super) async fn write(
        &self,
        _permitted: &Permit,
        onward: Onward,
        from: From<'_>,
    ) -> Result<Option<Unseen>, Refusal> {
        let answer = self.exchange(self.request_of(onward, from)?).await?;
        let is_made = answer.status().is_success();
        match self.unseen(answer).await {
            Err(_told) if is_made => Ok(None),
            unseen => unseen.map(Some),
        }
    }

    /// Makes a user's request, which was permitted, and of whose answer nothing need be read: it passes as it comes,
    /// if its head lets it.
    ///
    /// # Errors
    /// [`Refusal`] if there is no answer, or none that can be read where it must be.
    pub(super) async fn forward_unread(
        &self,
        _permitted: &Permit,
        onward: Onward,
        from: From<'_>,
        format: Format,
    ) -> Result<Result<Passing, Unseen>, Refusal> {
        let answer = self.with_an_end(self.exchange(self.request_of(onward, from)?).await?)?;
        match Passing::of(answer, format, &self.name) {
            Ok(passing) => Ok(Ok(passing)),
            Err(answer) => self.unseen(*answer).await.map(Err),
        }
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
        let of = HeaderValue::from_str(tenant.as_str()).map_err(|_invalid| Refusal::Unspeakable)?;
        headers.insert(headers::TENANT, of);
        let claims = Claims {
            backend: &self.name,
            actor: ITSELF,
            tenant: tenant.as_str(),
            teams: &[],
            grants: "",
            decision: &decision.to_string(),
        };
        self.assert(&mut headers, &claims, now)?;
        let onward = Onward { method: Method::GET, target, headers, body: Bytes::new() };
        self.call(self.request(onward, None)?).await
    }

    async fn send(&self, onward: Onward, from: From<'_>) -> Result<Unseen, Refusal> {
        self.call(self.request_of(onward, from)?).await
    }

    /// A user's request as it leaves.
    fn request_of(&self, mut onward: Onward, from: From<'_>) -> Result<Request<Full<Bytes>>, Refusal> {
        if !headers::identify(&mut onward.headers, from.actor, from.grants) {
            return Err(Refusal::Unspeakable);
        }
        let teams: Vec<_> = from.actor.teams.iter().map(TeamId::as_str).collect();
        let claims = Claims {
            backend: &self.name,
            actor: from.actor.user.as_str(),
            tenant: from.actor.tenant.as_str(),
            teams: &teams,
            grants: from.grants,
            decision: &from.decision.to_string(),
        };
        self.assert(&mut onward.headers, &claims, from.now)?;
        self.request(onward, from.credential)
    }

    fn assert(&self, headers: &mut HeaderMap, claims: &Claims<'_>, now: Timestamp) -> Result<(), Refusal> {
        if let Some(key) = &self.assertion_key {
            let assertion = key.assert(claims, now).map_err(|error| {
                tracing::error!(backend.id = self.name, error = %Causes(&error), "no assertion");
                Refusal::Unspeakable
            })?;
            headers.insert(headers::ASSERTION, assertion);
        }
        Ok(())
    }

    fn request(
        &self,
        mut onward: Onward,
        credential: Option<(&HeaderName, &HeaderValue)>,
    ) -> Result<Request<Full<Bytes>>, Refusal> {
        onward.headers.insert(http::header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        for (name, value) in &self.headers {
            onward.headers.insert(name, value.clone());
        }
        if let Some((name, value)) = credential {
            onward.headers.insert(name, value.clone());
        }
        let mut request = Request::new(Full::new(onward.body));
        *request.method_mut() = onward.method;
        *request.uri_mut() = Uri::try_from(onward.target).map_err(|_invalid| Refusal::Unspeakable)?;
        *request.headers_mut() = onward.headers;
        Ok(request)
    }

    /// A call whose answer is read.
    async fn call(&self, request: Request<Full<Bytes>>) -> Result<Unseen, Refusal> {
        let answer = self.exchange(request).await?;
        self.unseen(answer).await
    }

    /// The call itself, as far as the answer's head: how long the answer may be is judged where it is read. It has a place of its own on the heap: a request's way has many turns from which the backend
    /// may be called, and each would have room for it, which is copied when the way itself is put on the heap.
    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Response<StreamedAnswer>, Refusal> {
        let unbounded = StreamBounds { answer_bytes_max: usize::MAX, ..self.bounds };
        Box::pin(self.pool.forward(request, unbounded)).await.map_err(|error| self.failed(&error))
    }

    /// The whole of an answer: one that breaks off is none (B16).
    async fn unseen(&self, answer: Response<StreamedAnswer>) -> Result<Unseen, Refusal> {
        let max = self.bounds.answer_bytes_max;
        let (head, body) = self.with_an_end(answer)?.into_parts();
        let body = async { body.within(max)?.collect().await };
        let body = body.await.map_err(|error| self.failed(&error.into()))?;
        Ok(Unseen::new(Response::from_parts(head, body.to_bytes()), max))
    }

    /// An answer, if it is no stream of events: what comes of one later would not have been decided on (D20).
    fn with_an_end(&self, answer: Response<StreamedAnswer>) -> Result<Response<StreamedAnswer>, Refusal> {
        if !is_stream(answer.headers()) {
            return Ok(answer);
        }
        let withheld = Withheld::Stream;
        tracing::warn!(backend.id = self.name, error = &withheld as &dyn Error, "an answer is withheld");
        Err(Refusal::Withheld(withheld))
    }

    /// What it is to the user that there is no whole answer; the operator is told why.
    fn failed(&self, error: &ForwardError<Infallible>) -> Refusal {
        // The error's cause may name what a stranger asked for; the kind is enough to act on.
        tracing::warn!(backend.id = self.name, error = %Causes(error), "no answer of the backend's API");
        refusal(error)
    }
}

/// What it is to the user that there is no whole answer.
fn refusal(error: &ForwardError<Infallible>) -> Refusal {
    match error {
        ForwardError::Busy { .. } => Refusal::Busy,
        ForwardError::Body(never) => match *never {},
        ForwardError::Call(CallError::Timeout { .. } | CallError::Stalled { .. }) => Refusal::TimedOut,
        ForwardError::Call(CallError::Oversize { .. }) => Refusal::AnswerTooLarge,
        ForwardError::Call(CallError::Unfit(_) | CallError::Cut(_)) => Refusal::Failed,
        ForwardError::Call(
            CallError::Url(_) | CallError::Connect(_) | CallError::Tls(_) | CallError::Exchange(_),
        ) => Refusal::NoAnswer,
    }
}
