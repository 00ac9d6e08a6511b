//! A backend's endpoints: which one is asked, and when another may be.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, Uri,
    header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING},
    request,
    uri::PathAndQuery,
};
use http_body::Body;
use hyper::body::Incoming;
use smallvec::SmallVec;
use tokio::{task::JoinSet, time::Instant};

use super::{
    Bounds, CallError, Client, ForwardError, Health, Metrics, Purpose, StreamBounds, StreamedAnswer, answer,
    client::{self, Via},
    endpoint::Endpoint,
    flight::{Deck, Flight},
    health,
    loan::Loan,
    metrics::Retry,
};
use crate::{clock::SharedClock, ids::BackendId};

/// The endpoints of a backend, with what is known of them. Dropping it ends its probes.
#[derive(Debug)]
pub struct Pool {
    client: Client,
    purpose: Purpose,
    /// Whose turn it is among endpoints with equally much to do.
    turn: AtomicUsize,
    host: Option<HeaderValue>,
    endpoints: Vec<Arc<Endpoint>>,
    deck: Arc<Deck>,
    _probes: JoinSet<()>,
}

/// What a pool is made of.
#[derive(Clone, Debug)]
pub struct Plan<'a> {
    /// Whose it is.
    pub backend: BackendId,
    /// What it is for, and so how it chooses.
    pub purpose: Purpose,
    /// Its endpoints: one at least, or no call succeeds.
    pub urls: &'a [Uri],
    /// `Host` of what is forwarded, in place of the endpoint's own.
    pub host: Option<HeaderValue>,
    /// Forwarded requests under way at once.
    pub concurrency_max: usize,
    /// How the endpoints are probed, if they are.
    pub health: Option<&'a Health>,
}

impl Pool {
    /// A pool. With `health` it probes its endpoints from now on, which needs a tokio runtime.
    #[must_use]
    pub fn new(client: Client, clock: SharedClock, plan: &Plan<'_>, metrics: &Metrics) -> Self {
        let gauges = metrics.endpoints(&plan.backend, plan.purpose, plan.urls.len());
        let endpoints: Vec<_> = plan
            .urls
            .iter()
            .zip(gauges)
            .map(|(url, works)| Arc::new(Endpoint::new(url.clone(), works)))
            .collect();
        let mut probes = JoinSet::new();
        if let Some(health) = plan.health {
            for endpoint in &endpoints {
                let (client, backend) = (client.clone(), plan.backend.clone());
                probes.spawn(health::watch(client, backend, Arc::clone(endpoint), health.clone()));
            }
        }
        let deck = Deck {
            clock,
            metrics: metrics.of(&plan.backend),
            max: plan.concurrency_max,
            in_flight: 0.into(),
        };
        Self {
            client,
            purpose: plan.purpose,
            turn: AtomicUsize::new(0),
            host: plan.host.clone(),
            endpoints,
            deck: Arc::new(deck),
            _probes: probes,
        }
    }

    /// Posts to an endpoint. One that cannot be reached is put back and the next is tried; once a request
    /// may have been sent there is no second try, so that one call is one request.
    ///
    /// # Errors
    /// The last endpoint's, if none gave a complete answer within the bounds.
    pub async fn post(
        &self,
        headers: &HeaderMap,
        body: &Bytes,
        bounds: Bounds,
    ) -> Result<Response<Bytes>, CallError> {
        let clock = &self.deck.clock;
        let started = clock.elapsed();
        let mut last = CallError::Timeout { after: bounds.timeout };
        let mut tried = Tried::new();
        while let Some(endpoint) = self.choose(&mut tried) {
            let began = clock.elapsed();
            let timeout = bounds.timeout.saturating_sub(began.saturating_sub(started));
            if timeout.is_zero() {
                break;
            }
            let visit = endpoint.visit(began);
            match self.client.post(&endpoint.url, headers, body, Bounds { timeout, ..bounds }).await {
                Ok(answer) => {
                    visit.worked();
                    return Ok(answer);
                }
                Err(error) => {
                    if error.blames_endpoint() {
                        visit.failed(clock.elapsed());
                    }
                    if !error.nothing_sent() {
                        return Err(error);
                    }
                    last = error;
                }
            }
        }
        Err(last)
    }

    /// Forwards a request to an endpoint: its path and query to the byte, its headers but those of framing
    /// and `Host`, its body as it comes. What is hop-by-hop, or the caller's to give or to withhold, is
    /// decided by the caller, before.
    ///
    /// It is sent again only where nobody can have taken it: to the next endpoint if one cannot be reached,
    /// and once on a new connection if it is a GET or HEAD without body and the kept connection was
    /// closed before a byte of an answer.
    ///
    /// # Errors
    /// If there is no answer's head within the bounds. The rest of the answer has its own errors.
    pub async fn forward<B>(
        &self,
        request: Request<B>,
        bounds: StreamBounds,
    ) -> Result<Response<StreamedAnswer>, ForwardError<B::Error>>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: std::error::Error + Send + 'static,
    {
        let Some(mut flight) = self.deck.start() else {
            return Err(ForwardError::Busy { max: self.deck.max });
        };
        let deadline = Instant::now() + bounds.timeout;
        let (head, body) = request.into_parts();
        let loan = Loan::new(body);
        let opened = tokio::time::timeout_at(deadline, self.open(&head, &loan, &mut flight)).await;
        let error = match opened.unwrap_or(Err(CallError::Timeout { after: bounds.timeout })) {
            Ok(answer) => {
                let (head, body) = answer.into_parts();
                let rest: Option<Box<dyn Send>> = if loan.is_spent() { None } else { Some(Box::new(loan)) };
                let body = StreamedAnswer::new(body, bounds, deadline, flight, rest)?;
                return Ok(Response::from_parts(head, body));
            }
            Err(error) => error,
        };
        if let Some(failure) = loan.failure() {
            flight.body_failed();
            return Err(ForwardError::Body(failure));
        }
        // An endpoint cannot answer a request that is still on its way from the caller.
        let waits_for_caller = matches!(error, CallError::Timeout { .. }) && !loan.is_spent();
        flight.failed(&error, error.blames_endpoint() && !waits_for_caller);
        Err(error.into())
    }

    /// Tries the endpoints until one can be reached.
    async fn open<B>(
        &self,
        head: &request::Parts,
        loan: &Loan<B>,
        flight: &mut Flight,
    ) -> Result<Response<Incoming>, CallError>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Send,
    {
        let repeatable = matches!(head.method, Method::GET | Method::HEAD) && loan.is_spent();
        let mut tried = Tried::new();
        let mut last = None;
        while let Some(endpoint) = self.choose(&mut tried) {
            if last.is_some() {
                flight.again(Retry::Unreachable);
            }
            flight.visit(endpoint);
            let mut answer = self.exchange(&endpoint.url, head, loan, Via::Kept).await;
            if repeatable && answer.as_ref().is_err_and(CallError::was_stale) {
                flight.again(Retry::Stale);
                answer = self.exchange(&endpoint.url, head, loan, Via::Fresh).await;
            }
            match answer {
                Err(error) if error.nothing_sent() => {
                    flight.turned_away();
                    last = Some(error);
                }
                answer => return answer,
            }
        }
        Err(last.unwrap_or(CallError::Timeout { after: Duration::ZERO }))
    }

    /// Sends a request to one endpoint, and takes an answer that can be trusted.
    async fn exchange<B>(
        &self,
        endpoint: &Uri,
        head: &request::Parts,
        loan: &Loan<B>,
        via: Via,
    ) -> Result<Response<Incoming>, CallError>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Send,
    {
        let mut request = Request::new(loan.lend());
        *request.method_mut() = head.method.clone();
        *request.uri_mut() = at(endpoint, head.uri.path_and_query())?;
        *request.headers_mut() = head.headers.clone();
        let headers = request.headers_mut();
        // What frames the request, and names whom it is for, is said anew and so only once.
        for name in [HOST, CONTENT_LENGTH, TRANSFER_ENCODING] {
            headers.remove(name);
        }
        if let Some(host) = &self.host {
            headers.insert(HOST, host.clone());
        }
        let (answer, connection) = self.client.open(request, via).await?;
        let (answer, body) = answer.into_parts();
        if let Err(unfit) = answer::check(&answer, &head.method) {
            client::discard(&connection);
            return Err(unfit.into());
        }
        Ok(Response::from_parts(answer, body))
    }

    /// The best endpoint that was not tried yet: of those in the best standing, for deliveries the first,
    /// for the gate the one with the least to do.
    fn choose(&self, tried: &mut Tried) -> Option<&Arc<Endpoint>> {
        let now = self.deck.clock.elapsed();
        let count = self.endpoints.len();
        let first = match self.purpose {
            Purpose::Deliveries => 0,
            Purpose::Api => self.turn.fetch_add(1, Relaxed) % count.max(1),
        };
        let load = |endpoint: &Endpoint| match self.purpose {
            Purpose::Deliveries => 0,
            Purpose::Api => endpoint.in_flight(),
        };
        let places = self.endpoints.iter().enumerate().filter(|(place, _)| !tried.contains(place));
        let (place, best) = places.min_by_key(|(place, endpoint)| {
            (endpoint.rank(now), load(endpoint), (place + count - first) % count)
        })?;
        tried.push(place);
        Some(best)
    }
}

/// The places of the endpoints that one call has tried.
type Tried = SmallVec<[usize; 8]>;

/// A path and query at an endpoint.
pub(super) fn at(endpoint: &Uri, path: Option<&PathAndQuery>) -> Result<Uri, CallError> {
    let mut parts = endpoint.clone().into_parts();
    parts.path_and_query = Some(path.cloned().unwrap_or_else(|| PathAndQuery::from_static("/")));
    Uri::from_parts(parts).map_err(|error| CallError::Url(error.into()))
}
