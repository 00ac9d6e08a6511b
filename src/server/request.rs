//! One request between hyper and the service: admitted or refused, counted, and a panic kept in it.

use std::{
    convert::Infallible,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, Version, header, uri::Authority,
};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{Either, Full};
use hyper::{body::Incoming, service::Service};

use super::{
    body::{Account, LimitedBody},
    framing::Breach,
    listener::Shared,
    metrics::{Counted, Limit},
    peer::Peer,
    problem::Problem,
    quota::Share,
    tls::Certificates,
    watch::Watch,
};

/// A service behind the listener's own checks.
#[derive(Debug)]
pub(super) struct Admission<S> {
    pub(super) service: S,
    pub(super) peer: Peer,
    /// Those that the connection began with.
    pub(super) certificates: Option<Arc<Certificates>>,
    pub(super) watch: Arc<Watch>,
    pub(super) shared: Arc<Shared>,
}

impl<S, B> Service<Request<Incoming>> for Admission<S>
where
    S: Service<Request<LimitedBody>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
{
    type Response = Response<Answer<B>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let (framing, open) = self.watch.begin();
        let ticket = Ticket {
            watch: Arc::clone(&self.watch),
            memory: Arc::new(self.shared.bodies.share()),
            _in_flight: Counted::up(&self.shared.metrics.in_flight),
            request: self.shared.requests.take_one(),
        };
        let refused = self.check(&request, framing, open, &ticket).err();
        // A request refused for what it is casts doubt on what follows it; one refused for want of room does not.
        let in_doubt =
            refused.as_ref().is_some_and(|problem| problem.status != StatusCode::SERVICE_UNAVAILABLE);
        let is_http1 = request.version() < Version::HTTP_2;
        let is_head = request.method() == Method::HEAD;
        let finished = Arc::new(AtomicBool::new(request.body().is_end_stream()));

        let account = Account {
            memory: Arc::clone(&ticket.memory),
            finished: Arc::clone(&finished),
            metrics: self.shared.metrics.clone(),
        };
        let mut request = request.map(|body| LimitedBody::new(body, &self.shared.limits, account));
        request.extensions_mut().insert(self.peer.clone());
        let service = self.service.clone();
        let panics = self.shared.metrics.panics.clone();

        Box::pin(async move {
            let answered = match refused {
                Some(problem) => Err(problem),
                None => without_panic(async move {
                    let answer = service.call(request);
                    answer.await.unwrap_or_else(|never| match never {})
                })
                .await
                .ok_or_else(|| {
                    panics.inc();
                    tracing::error!("the handling of a request panicked; it was answered 500");
                    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "an error of the gateway")
                }),
            };
            let mut response = match answered {
                Ok(response) => response.map(Either::Right),
                Err(problem) => problem.response().map(Either::Left),
            };
            // What is left of the body must not be taken for the next request.
            if is_http1 && (in_doubt || !finished.load(Relaxed)) {
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                ticket.watch.leave_input();
            }
            // In HTTP/1 hyper leaves the content out by itself.
            if is_head && !is_http1 {
                response = without_content(response);
            }
            Ok(response.map(|body| Answer { body, _ticket: ticket }))
        })
    }
}

impl<S> Admission<S> {
    /// What a request must be for any service of a listener to see it.
    fn check(
        &self,
        request: &Request<Incoming>,
        framing: Result<(), Breach>,
        open: usize,
        ticket: &Ticket,
    ) -> Result<(), Problem> {
        let (limits, metrics) = (&self.shared.limits, &self.shared.metrics);
        let over = |limit, status, kind, detail: &'static str| {
            metrics.reached(limit);
            Problem::new(status, kind, detail)
        };
        framing.map_err(|breach| Problem::new(StatusCode::BAD_REQUEST, "framing", breach.to_string()))?;
        // The peer was told the number and waits by itself: nothing is refused, the metric tells that it waits.
        if request.version() == Version::HTTP_2 && open >= limits.streams_max as usize {
            metrics.reached(Limit::Streams);
        }
        if ticket.request.is_none() {
            let detail = "too many requests are open";
            return Err(over(Limit::Requests, StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail));
        }
        let too_large = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        if request.headers().len() > limits.headers_max {
            return Err(over(Limit::Headers, too_large, "headers", "the request has too many header fields"));
        }
        if head_bytes(request.uri(), request.headers()) > limits.header_bytes_max {
            return Err(over(
                Limit::HeaderBytes,
                too_large,
                "headers",
                "the header of the request is too large",
            ));
        }
        if request.method() == Method::CONNECT {
            let detail = "nothing is tunnelled here";
            return Err(Problem::new(StatusCode::METHOD_NOT_ALLOWED, "connect", detail));
        }
        let mut expected = request.headers().get_all(header::EXPECT).iter();
        if !expected.all(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue")) {
            let detail = "only 100-continue can be expected";
            return Err(Problem::new(StatusCode::EXPECTATION_FAILED, "expectation", detail));
        }
        let host = check_host(request.version(), request.uri(), request.headers())
            .map_err(|detail| Problem::new(StatusCode::BAD_REQUEST, "host", detail))?;
        if host.is_some_and(|host| !self.is_for(host.host())) {
            let detail = "the connection was opened for another host";
            return Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, "misdirected", detail));
        }
        Ok(())
    }

    /// Whether a request for a host may come on this connection: one certificate is for it and for the host that the
    /// connection was opened for.
    fn is_for(&self, host: &str) -> bool {
        let opened_for = self.peer.tls.as_ref().and_then(|tls| tls.server_name.as_deref());
        let certificates = opened_for.zip(self.certificates.as_ref());
        certificates.is_none_or(|(opened_for, certificates)| certificates.share(opened_for, host))
    }
}

/// The answer's body. Until it is sent or given up, the request counts as open and its body as held.
#[derive(Debug)]
pub struct Answer<B> {
    body: Either<Full<Bytes>, B>,
    _ticket: Ticket,
}

impl<B: Body<Data = Bytes> + Unpin> Body for Answer<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match &mut self.body {
            Either::Left(body) => Pin::new(body).poll_frame(cx).map_err(|never| match never {}),
            Either::Right(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.body {
            Either::Left(body) => body.is_end_stream(),
            Either::Right(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            Either::Left(body) => body.size_hint(),
            Either::Right(body) => body.size_hint(),
        }
    }
}

/// An answer to `HEAD`: it tells the length of what it would have (RFC 9110 section 9.3.2).
fn without_content<B: Body>(response: Response<Either<Full<Bytes>, B>>) -> Response<Either<Full<Bytes>, B>> {
    let (mut head, body) = response.into_parts();
    let length = match &body {
        Either::Left(body) => body.size_hint().exact(),
        Either::Right(body) => body.size_hint().exact(),
    };
    // As hyper does for `GET`.
    if let Some(length) = length.filter(|length| *length > 0) {
        head.headers.entry(header::CONTENT_LENGTH).or_insert_with(|| length.into());
    }
    Response::from_parts(head, Either::Left(Full::default()))
}

/// What an open request holds.
#[derive(Debug)]
struct Ticket {
    watch: Arc<Watch>,
    memory: Arc<Share>,
    _in_flight: Counted,
    /// `None`: too many requests are open, and this one is refused.
    request: Option<Share>,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.watch.end();
    }
}

/// The future's output, or `None` if it panicked.
async fn without_panic<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(polled) => polled.map(Some),
        Err(_panic) => Poll::Ready(None),
    })
    .await
}

/// The size of a head as HTTP/1 would write its fields.
fn head_bytes(uri: &Uri, headers: &HeaderMap) -> usize {
    let target = uri.path_and_query().map_or(0, |target| target.as_str().len());
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len()).sum::<usize>()
        + target
}

/// One host, named once, and nothing but a host: whoever decides by it must see what others see.
fn check_host(version: Version, uri: &Uri, headers: &HeaderMap) -> Result<Option<Authority>, &'static str> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() {
        return Err("more than one Host");
    }
    let host = host.map(|host| Authority::try_from(host.as_bytes()));
    let host = host.transpose().map_err(|_invalid| "Host names no host")?;
    match (&host, uri.authority()) {
        (None, None) if version > Version::HTTP_10 => return Err("no Host"),
        (Some(host), Some(target)) if host != target => return Err("Host is not the host of the target"),
        _ => {}
    }
    let plain = |authority: &Authority| {
        let port = authority.as_str().strip_prefix(authority.host()).unwrap_or("@");
        port.is_empty() || authority.port_u16().is_some()
    };
    if !host.iter().chain(uri.authority()).all(plain) {
        return Err("Host is not a host and a port");
    }
    Ok(host.or_else(|| uri.authority().cloned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_one_host() {
        for (target, hosts, sound) in [
            ("/", &["a"][..], true),
            ("/", &["a:8080"], true),
            ("/", &["[::1]:8080"], true),
            ("http://A/", &["a"], true),
            ("http://a/", &[], true),
            ("/", &[], false),
            ("/", &[""], false),
            ("/", &["a", "a"], false),
            ("/", &["a", "b"], false),
            ("/", &["a/b"], false),
            ("/", &["u@a"], false),
            ("/", &["a:b"], false),
            ("/", &["a:99999"], false),
            ("http://b/", &["a"], false),
            ("http://u@a/", &["u@a"], false),
        ] {
            let mut headers = HeaderMap::new();
            for host in hosts {
                headers.append(header::HOST, host.parse().unwrap());
            }
            let checked = check_host(Version::HTTP_11, &target.parse().unwrap(), &headers);
            assert_eq!(checked.is_ok(), sound, "{target} {hosts:?}: {checked:?}");
        }
    }
}
