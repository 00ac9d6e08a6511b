//! Listeners on real sockets, with real clients.

mod descriptors;
mod drain;
mod floods;
mod framing;
mod limits;
mod tls;

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use headgate::{
    metrics,
    server::{self, LimitedBody, Limits, Listener, Metrics, Peer, Serving, Tls},
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::{
    client::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prometheus_client::registry::Registry;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    sync::Semaphore,
};
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn http1_and_http2_are_both_answered_in_clear_text() {
    let server = start(Limits::default());
    let mut http1 = server.http1().await;
    for text in ["one", "two"] {
        let response = http1.send_request(post("/echo", text)).await.unwrap();
        assert_eq!(read(response).await, (StatusCode::OK, text.to_owned()));
    }
    let mut http2 = server.http2().await;
    let (one, two) =
        (http2.send_request(post("/echo", "one")), http2.clone().send_request(post("/echo", "two")));
    assert_eq!(read(one.await.unwrap()).await, (StatusCode::OK, "one".to_owned()));
    assert_eq!(read(two.await.unwrap()).await, (StatusCode::OK, "two".to_owned()));
    let (connections, accepted) =
        (server.metric("headgate_connections"), server.metric("headgate_connections_accepted_total"));
    assert_eq!((connections, accepted), (2, 2));
}

/// Also where it is refused, or something goes wrong. A client of HTTP/2 gives an answer up that has content all the same.
#[tokio::test]
async fn a16_head_is_answered_with_the_length_of_what_it_would_have_and_without_it() {
    let server = start(Limits::default());
    let (mut http1, mut http2) = (server.http1().await, server.http2().await);
    for (path, status) in [
        ("/unread", StatusCode::OK),
        ("/nothing", StatusCode::OK),
        ("/panic", StatusCode::INTERNAL_SERVER_ERROR),
        ("/refused", StatusCode::EXPECTATION_FAILED),
    ] {
        let request = |method: Method| {
            let mut request = post(path, "");
            *request.method_mut() = method;
            if path == "/refused" {
                request.headers_mut().insert(header::EXPECT, HeaderValue::from_static("more"));
            }
            request
        };
        let length = |headers: &HeaderMap| headers.get(header::CONTENT_LENGTH).cloned();
        let get = http2.send_request(request(Method::GET)).await.unwrap();
        let expected = length(get.headers());
        assert_eq!(expected.is_some(), path != "/nothing", "{path}");
        assert_eq!(read(get).await.0, status, "{path}");
        let head = http2.send_request(request(Method::HEAD)).await.unwrap();
        assert_eq!(length(head.headers()), expected, "{path}");
        assert_eq!(read(head).await, (status, String::new()), "{path}");
        let head = http1.send_request(request(Method::HEAD)).await.unwrap();
        assert_eq!(read(head).await, (status, String::new()), "{path}");
    }
}

#[tokio::test]
async fn the_service_is_told_who_called() {
    let server = start(Limits::default());
    let stream = TcpStream::connect(server.address).await.unwrap();
    let peer = stream.local_addr().unwrap();
    let response = http1(stream).await.send_request(post("/peer", "")).await.unwrap();
    assert_eq!(read(response).await.1, format!("{peer} None"));
}

#[tokio::test]
async fn a_panic_fails_only_its_own_request() {
    let server = start(Limits::default());
    let mut http1 = server.http1().await;
    let response = http1.send_request(post("/panic", "")).await.unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    read(response).await;
    let response = http1.send_request(post("/echo", "still here")).await.unwrap();
    assert_eq!(read(response).await.1, "still here");
    assert_eq!(server.metric("headgate_request_panics_total"), 1);
}

#[tokio::test]
async fn two_servers_live_in_one_process_and_know_nothing_of_each_other() {
    let (one, mut two) = (start(Limits::default()), start(Limits::default()));
    one.http1().await.send_request(post("/echo", "")).await.unwrap();
    assert_eq!((one.seen.requests(), two.seen.requests()), (1, 0));
    two.stop().await;
    let response = one.http1().await.send_request(post("/echo", "alone")).await.unwrap();
    assert_eq!(read(response).await.1, "alone");
}

#[tokio::test]
async fn an_address_in_use_is_named_in_the_error() {
    let server = start(Limits::default());
    let taken = Listener { address: server.address, tls: None, limits: Limits::default() };
    let mut registry = Registry::default();
    let limits = metrics::Limits::new(&mut registry);
    let error = server::bind(&taken, "other", &Metrics::new(&mut registry, &limits)).unwrap_err();
    assert_eq!(error.to_string(), format!("could not listen on {}", server.address));
}

/// A listener at work, and what its service saw.
struct Running {
    address: SocketAddr,
    seen: Arc<Seen>,
    tls: Option<Arc<server::Acceptor>>,
    drain: CancellationToken,
    serving: Option<Serving>,
    registry: Registry,
}

/// What the service saw, and what holds it.
struct Seen {
    requests: AtomicUsize,
    /// A permit for each request to `/hold` that is being held.
    held: Semaphore,
    /// A permit lets one of them go on.
    release: Semaphore,
    /// Requests to `/hold` that were dropped before they were released.
    given_up: AtomicUsize,
}

fn start(limits: Limits) -> Running {
    start_with(limits, None)
}

fn start_with(limits: Limits, tls: Option<Tls>) -> Running {
    let listener = Listener { address: "127.0.0.1:0".parse().unwrap(), tls, limits };
    let mut registry = Registry::default();
    let reached = metrics::Limits::new(&mut registry);
    let bound = server::bind(&listener, "test", &Metrics::new(&mut registry, &reached)).unwrap();
    let seen = Arc::new(Seen {
        requests: AtomicUsize::new(0),
        held: Semaphore::new(0),
        release: Semaphore::new(0),
        given_up: AtomicUsize::new(0),
    });
    let service = {
        let seen = Arc::clone(&seen);
        service_fn(move |request| answer(request, Arc::clone(&seen)))
    };
    let (address, tls, drain) = (bound.local_address().unwrap(), bound.tls(), CancellationToken::new());
    let serving = Some(bound.serve(service, drain.clone()));
    Running { address, seen, tls, drain, serving, registry }
}

/// The service under test: what a request's path asks for.
#[expect(clippy::panic, reason = "one path panics, to see what becomes of the others")]
async fn answer(
    mut request: Request<LimitedBody>,
    seen: Arc<Seen>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    seen.requests.fetch_add(1, Ordering::SeqCst);
    let path = request.uri().path().to_owned();
    let text = match path.as_str() {
        "/panic" => panic!("as asked"),
        "/peer" => {
            let peer = request.extensions().get::<Peer>().unwrap();
            format!("{} {:?}", peer.address, peer.tls)
        }
        "/unread" => "not read".to_owned(),
        _ => {
            if path == "/small" {
                request.body_mut().set_limit(4);
            }
            let body = match request.into_body().read_all().await {
                Ok(body) => body,
                Err(error) => return Ok(error.problem().response()),
            };
            if path == "/hold" {
                let given_up = CountsDrop(&seen.given_up);
                seen.held.add_permits(1);
                seen.release.acquire().await.unwrap().forget();
                std::mem::forget(given_up);
            }
            String::from_utf8(body.to_vec()).unwrap()
        }
    };
    Ok(Response::new(Full::from(text)))
}

struct CountsDrop<'a>(&'a AtomicUsize);

impl Drop for CountsDrop<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Seen {
    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    /// Waits until one more request is held.
    async fn one_is_held(&self) {
        self.held.acquire().await.unwrap().forget();
    }
}

impl Running {
    async fn http1(&self) -> http1::SendRequest<Full<Bytes>> {
        http1(self.connect().await).await
    }

    async fn http2(&self) -> http2::SendRequest<Full<Bytes>> {
        http2(self.connect().await).await
    }

    async fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// Sends these bytes and reads until the server closes.
    async fn raw(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes.as_ref()).await.unwrap();
        read_to_end(stream).await
    }

    /// The value of a metric, without its labels `listener="test"`.
    fn metric(&self, name: &str) -> u64 {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        let text = text.replace("listener=\"test\"", "").replace("{}", "").replace("{,", "{");
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        assert!(line.is_some(), "no {name} in\n{text}");
        line.unwrap().parse().unwrap()
    }

    /// How often a limit was reached.
    fn reached(&self, limit: &str) -> u64 {
        self.metric(&format!("headgate_limit_reached_total{{limit=\"{limit}\"}}"))
    }

    /// Drains the listener; everything is counted then.
    async fn stop(&mut self) {
        self.drain.cancel();
        self.serving.take().unwrap().drained().await;
    }
}

async fn http1(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
) -> http1::SendRequest<Full<Bytes>> {
    let (send, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    send
}

async fn http2(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
) -> http2::SendRequest<Full<Bytes>> {
    let (send, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    send
}

/// A request that both versions of HTTP take.
fn post(path: &str, body: &str) -> Request<Full<Bytes>> {
    let body = Full::from(body.to_owned());
    Request::post(format!("http://test{path}")).header(header::HOST, "test").body(body).unwrap()
}

async fn read(response: Response<hyper::body::Incoming>) -> (StatusCode, String) {
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

/// What comes until the server closes; a reset counts as a close.
async fn read_to_end(stream: impl AsyncRead + Unpin) -> String {
    String::from_utf8(read_to_end_bytes(stream).await).unwrap()
}

async fn read_to_end_bytes(mut stream: impl AsyncRead + Unpin) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _closed_or_reset = stream.read_to_end(&mut bytes).await;
    bytes
}
