//! Forwarding to a backend's endpoints, against servers on real sockets that fail in every way.

use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use headgate::{
    backend::{CallError, ForwardError, Health, Pool, StreamBounds, StreamedAnswer},
    clock::ManualClock,
    ids::Timestamp,
};
use http::{HeaderValue, Method, Request, Response, Uri};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use prometheus_client::registry::Registry;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

use crate::{
    backend::pool_with,
    support::backend::{Reply, StubBackend, status},
};

const BOUNDS: StreamBounds = StreamBounds {
    timeout: Duration::from_secs(30),
    idle_timeout: Duration::from_secs(30),
    answer_bytes_max: 1000,
};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// A server that answers with bytes of the test's choice: each request by the connection that it came on,
/// how many came on it before, and its head. `None` closes the connection without a byte.
struct RawBackend {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<(usize, String)>>>,
    _tasks: JoinSet<()>,
}

type Script = dyn Fn(usize, usize, &str) -> Option<(String, After)> + Send + Sync;

#[derive(Clone, Copy)]
enum After {
    Keep,
    Close,
}

impl RawBackend {
    async fn start(
        script: impl Fn(usize, usize, &str) -> Option<(String, After)> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen: Arc<Mutex<Vec<(usize, String)>>> = Arc::default();
        let script: Arc<Script> = Arc::new(script);
        let mut tasks = JoinSet::new();
        let record = seen.clone();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            for number in 0.. {
                let (tcp, _) = listener.accept().await.unwrap();
                connections.spawn(serve(tcp, number, record.clone(), script.clone()));
            }
        });
        Self { address, seen, _tasks: tasks }
    }

    fn url(&self) -> Uri {
        format!("http://{}", self.address).parse().unwrap()
    }

    /// The connections that requests came on, in their order.
    fn connections(&self) -> Vec<usize> {
        self.seen.lock().unwrap().iter().map(|(connection, _)| *connection).collect()
    }

    fn heads(&self) -> Vec<String> {
        self.seen.lock().unwrap().iter().map(|(_, head)| head.clone()).collect()
    }
}

async fn serve(
    mut tcp: TcpStream,
    connection: usize,
    seen: Arc<Mutex<Vec<(usize, String)>>>,
    script: Arc<Script>,
) {
    for before in 0.. {
        let Some(head) = read_request(&mut tcp).await else { return };
        seen.lock().unwrap().push((connection, head.clone()));
        let Some((answer, after)) = script(connection, before, &head) else { return };
        // A client that has had enough closes.
        if tcp.write_all(answer.as_bytes()).await.is_err() || matches!(after, After::Close) {
            return;
        }
    }
}

/// A request's head; its body, of the length that it tells, is read as well.
async fn read_request(tcp: &mut TcpStream) -> Option<String> {
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n") {
        read.push(tcp.read_u8().await.ok()?);
    }
    let head = String::from_utf8(read).unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    tcp.read_exact(&mut body).await.ok()?;
    Some(head)
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Timestamp(0)))
}

fn pool(urls: &[Uri]) -> (Pool, Registry) {
    pool_with(urls, &clock(), |_| {})
}

type Forwarded = Result<Response<StreamedAnswer>, ForwardError<Infallible>>;

async fn send(pool: &Pool, method: Method, bounds: StreamBounds) -> Forwarded {
    let body = if method == Method::POST { "once" } else { "" };
    let request = Request::builder().method(method).uri("/path").body(Full::from(body)).unwrap();
    pool.forward(request, bounds).await
}

async fn get(pool: &Pool) -> Forwarded {
    send(pool, Method::GET, BOUNDS).await
}

async fn whole(answer: Forwarded) -> Result<Bytes, CallError> {
    match answer {
        Ok(answer) => Ok(answer.into_body().collect().await?.to_bytes()),
        Err(ForwardError::Call(error)) => Err(error),
        Err(other) => panic!("{other:?}"),
    }
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

fn metrics(registry: &Registry) -> String {
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, registry).unwrap();
    text
}

#[track_caller]
fn counts(registry: &Registry, line: &str) {
    let text = metrics(registry);
    assert!(text.lines().any(|other| other == line), "no `{line}` in\n{text}");
}

/// An address where nobody listens.
async fn nobody() -> SocketAddr {
    TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap()
}

#[tokio::test]
async fn an_endpoint_that_is_dead_costs_no_request_and_is_asked_again_after_its_pause() {
    let live = StubBackend::start(|_, _| status(200)).await;
    let dead = nobody().await;
    let clock = clock();
    let urls = [format!("http://{dead}").parse().unwrap(), live.url("")];
    let (pool, registry) = pool_with(&urls, &clock, |_| {});
    for method in [Method::POST, Method::GET, Method::POST, Method::GET] {
        assert_eq!(whole(send(&pool, method, BOUNDS).await).await.unwrap(), "..");
    }
    assert_eq!(live.requests().len(), 4);
    counts(&registry, r#"headgate_backend_requests_total{backend="chat",outcome="answered"} 4"#);
    counts(&registry, r#"headgate_backend_retries_total{backend="chat",reason="unreachable"} 1"#);
    counts(&registry, r#"headgate_backend_endpoint_works{backend="chat",purpose="api",endpoint="0"} 0"#);

    let back = TcpListener::bind(dead).await.unwrap();
    clock.advance(Duration::from_secs(2));
    let serving = tokio::spawn(async move {
        let (mut tcp, _) = back.accept().await.unwrap();
        read_request(&mut tcp).await.unwrap();
        tcp.write_all(OK.as_bytes()).await.unwrap();
        tcp
    });
    let mut answers = [whole(get(&pool).await).await.unwrap(), whole(get(&pool).await).await.unwrap()];
    answers.sort();
    assert_eq!(answers, ["..", "ok"], "it is back, and has its turn again");
    serving.await.unwrap();
    counts(&registry, r#"headgate_backend_endpoint_works{backend="chat",purpose="api",endpoint="0"} 1"#);
}

#[tokio::test]
async fn when_all_endpoints_are_out_they_are_tried_all_the_same() {
    let urls = [nobody().await, nobody().await].map(|at| format!("http://{at}").parse().unwrap());
    let (pool, registry) = pool(&urls);
    for _ in 0..3 {
        let error = whole(get(&pool).await).await.unwrap_err();
        assert!(matches!(error, CallError::Connect(_)), "{error:?}");
    }
    counts(&registry, r#"headgate_backend_requests_total{backend="chat",outcome="unreachable"} 3"#);
    counts(&registry, r#"headgate_backend_retries_total{backend="chat",reason="unreachable"} 3"#);
}

#[tokio::test]
async fn the_endpoint_with_the_fewest_requests_under_way_is_asked() {
    let (release, held) = watch::channel(false);
    let slow = StubBackend::start(move |_, _| Reply::Held(held.clone())).await;
    let quick = StubBackend::start(|_, _| status(200)).await;
    let (pool, _) = pool(&[slow.url(""), quick.url("")]);
    let pool = Arc::new(pool);
    let mut waiting = JoinSet::new();
    let spread = pool.clone();
    waiting.spawn(async move { whole(get(&spread).await).await.unwrap() });
    slow.received(1).await;
    for _ in 0..6 {
        whole(get(&pool).await).await.unwrap();
    }
    assert_eq!((slow.requests().len(), quick.requests().len()), (1, 6));
    release.send_replace(true);
    waiting.join_all().await;
    for _ in 0..4 {
        whole(get(&pool).await).await.unwrap();
    }
    assert_eq!((slow.requests().len(), quick.requests().len()), (3, 8), "with equal loads, in turn");
}

#[tokio::test]
async fn an_answer_counts_as_under_way_until_its_end() {
    let stub = StubBackend::start(|_, _| status(200)).await;
    let (pool, registry) = pool_with(&[stub.url("")], &clock(), |plan| plan.concurrency_max = 1);
    let unread = get(&pool).await;
    assert!(matches!(get(&pool).await, Err(ForwardError::Busy { max: 1 })));
    counts(&registry, r#"headgate_limit_reached_total{limit="api_concurrency_max"} 1"#);
    counts(&registry, r#"headgate_backend_requests_in_flight{backend="chat"} 1"#);
    whole(unread).await.unwrap();
    drop(get(&pool).await);
    whole(get(&pool).await).await.unwrap();
    counts(&registry, r#"headgate_backend_requests_total{backend="chat",outcome="abandoned"} 1"#);
    counts(&registry, r#"headgate_backend_requests_in_flight{backend="chat"} 0"#);
}

#[tokio::test]
async fn a_get_that_meets_a_connection_just_closed_is_sent_once_more_and_a_post_is_not() {
    for (method, repeated) in [(Method::GET, true), (Method::HEAD, true), (Method::POST, false)] {
        let ok = "HTTP/1.1 204 No Content\r\n\r\n";
        let backend = RawBackend::start(move |connection, before, _| {
            (connection > 0 || before == 0).then(|| (ok.to_owned(), After::Keep))
        })
        .await;
        let (pool, registry) = pool(&[backend.url()]);
        whole(get(&pool).await).await.unwrap();
        let answer = send(&pool, method.clone(), BOUNDS).await;
        assert_eq!(answer.is_ok(), repeated, "{method}");
        let want = if repeated { vec![0, 0, 1] } else { vec![0, 0] };
        assert_eq!(backend.connections(), want, "{method}: {:?}", backend.heads());
        if repeated {
            counts(&registry, r#"headgate_backend_retries_total{backend="chat",reason="stale"} 1"#);
        }
    }
}

#[tokio::test]
async fn what_a_new_connection_does_not_answer_is_not_sent_again() {
    for method in [Method::GET, Method::POST] {
        let (first, second) =
            (RawBackend::start(|_, _, _| None).await, RawBackend::start(|_, _, _| None).await);
        let (pool, _) = pool(&[first.url(), second.url()]);
        let error = whole(send(&pool, method, BOUNDS).await).await.unwrap_err();
        assert!(matches!(error, CallError::Exchange(_)), "{error:?}");
        assert_eq!(first.heads().len() + second.heads().len(), 1);
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_trusted_is_an_error_and_its_connection_is_not_used_again() {
    let storm = "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(1000) + OK;
    let bomb = format!("HTTP/1.1 200 OK\r\n{}content-length: 2\r\n\r\nok", "x: y\r\n".repeat(10_000));
    let before = "the connection broke before the answer";
    let cut = "the answer broke off";
    for (answer, after, want) in [
        (storm.as_str(), After::Keep, "more than 16 interim answers"),
        (
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
            After::Keep,
            "unasked",
        ),
        ("HTTP/1.1 204 No Content\r\ncontent-length: 2\r\n\r\nok", After::Keep, "without a body"),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            After::Keep,
            "two ways",
        ),
        ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok", After::Keep, before),
        ("HTTP/1.1 200 OK\r\n\r\n[1,2]", After::Close, "could not be told from a cut"),
        ("SSH-2.0-OpenSSH_9.2\r\n", After::Keep, before),
        (bomb.as_str(), After::Keep, before),
        ("HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n[1,2]", After::Close, cut),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n[1,2]\r\n", After::Close, cut),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfive\r\n[1,2]\r\n", After::Keep, cut),
    ] {
        let bad = answer.to_owned();
        let backend = RawBackend::start(move |connection, _, _| {
            Some(if connection == 0 { (bad.clone(), after) } else { (OK.to_owned(), After::Keep) })
        })
        .await;
        let (pool, registry) = pool(&[backend.url()]);
        let error = whole(get(&pool).await).await.unwrap_err();
        assert!(
            chain(&error).contains(want),
            "{}: {}",
            chain(&error),
            answer.chars().take(80).collect::<String>()
        );
        counts(&registry, r#"headgate_backend_requests_total{backend="chat",outcome="broken"} 1"#);
        assert_eq!(whole(get(&pool).await).await.unwrap(), "ok");
        assert_eq!(backend.connections(), [0, 1], "{answer:.80}");
    }
}

#[tokio::test]
async fn what_comes_after_an_answer_is_no_answer() {
    for first in [
        format!("{OK}HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged"),
        "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged".to_owned(),
    ] {
        let backend = RawBackend::start(move |connection, _, _| {
            Some((if connection == 0 { first.clone() } else { OK.to_owned() }, After::Keep))
        })
        .await;
        let (pool, _) = pool(&[backend.url()]);
        whole(get(&pool).await).await.unwrap();
        assert_eq!(whole(get(&pool).await).await.unwrap(), "ok");
    }
}

#[tokio::test]
async fn an_endpoint_that_is_too_slow_is_given_up_and_put_behind_the_others() {
    let silent = StubBackend::start(|_, _| Reply::Silent).await;
    let quick = StubBackend::start(|_, _| status(200)).await;
    let (pool, _) = pool(&[silent.url(""), quick.url("")]);
    let short = StreamBounds { timeout: Duration::from_millis(100), ..BOUNDS };
    let error = whole(send(&pool, Method::POST, short).await).await.unwrap_err();
    assert_eq!(error.to_string(), "no complete answer within 100 ms");
    for _ in 0..4 {
        whole(get(&pool).await).await.unwrap();
    }
    assert_eq!((silent.requests().len(), quick.requests().len()), (1, 4));
}

#[tokio::test]
async fn an_answers_body_is_bounded_in_size_in_time_and_in_its_pauses() {
    let half = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf";
    let short = Duration::from_millis(100);
    for (answer, bounds, want) in [
        (
            half.to_owned(),
            StreamBounds { idle_timeout: short, ..BOUNDS },
            "nothing of the answer came for 100 ms",
        ),
        (half.to_owned(), StreamBounds { timeout: short, ..BOUNDS }, "no complete answer within 100 ms"),
        (
            format!("HTTP/1.1 200 OK\r\ncontent-length: 1001\r\n\r\n{}", ".".repeat(1001)),
            BOUNDS,
            "the answer has more than 1000 bytes",
        ),
        (
            format!(
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3e9\r\n{}\r\n0\r\n\r\n",
                ".".repeat(1001)
            ),
            BOUNDS,
            "the answer has more than 1000 bytes",
        ),
    ] {
        let backend = RawBackend::start(move |_, _, _| Some((answer.clone(), After::Keep))).await;
        let (pool, _) = pool(&[backend.url()]);
        let error = whole(send(&pool, Method::GET, bounds).await).await.unwrap_err();
        assert_eq!(error.to_string(), want);
    }
}

#[tokio::test]
async fn a_request_arrives_byte_for_byte_and_framed_anew() {
    let backend = RawBackend::start(|_, _, _| Some((OK.to_owned(), After::Keep))).await;
    for (host, want) in
        [(None, backend.address.to_string()), (Some("chat.example"), "chat.example".to_owned())]
    {
        let (pool, _) = pool_with(&[backend.url()], &clock(), |plan| {
            plan.host = host.map(HeaderValue::from_static);
        });
        let request = Request::post("https://agents.example/a%2Fb/./c;d?x=%20&&y")
            .header("host", "agents.example")
            .header("content-length", "999")
            .header("transfer-encoding", "chunked")
            .header("headgate-actor", "ana")
            .body(Full::from("body"))
            .unwrap();
        whole(pool.forward(request, BOUNDS).await).await.unwrap();
        let head = backend.heads().pop().unwrap();
        assert!(head.starts_with("POST /a%2Fb/./c;d?x=%20&&y HTTP/1.1\r\n"), "{head}");
        let mut headers: Vec<&str> = head.lines().skip(1).filter(|line| !line.is_empty()).collect();
        headers.sort_unstable();
        assert_eq!(
            headers,
            ["content-length: 4".to_owned(), "headgate-actor: ana".to_owned(), format!("host: {want}")]
        );
    }
}

/// A body that begins and then fails.
struct Failing(bool);

#[derive(Debug, thiserror::Error)]
#[error("the caller went away")]
struct Gone;

impl Body for Failing {
    type Data = Bytes;
    type Error = Gone;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Gone>>> {
        let begun = std::mem::replace(&mut self.0, true);
        Poll::Ready(Some(if begun { Err(Gone) } else { Ok(Frame::data(Bytes::from_static(b"half"))) }))
    }
}

#[tokio::test]
async fn a_request_whose_body_fails_is_the_callers_fault() {
    let stub = StubBackend::start(|_, _| status(200)).await;
    let (pool, registry) = pool(&[stub.url("")]);
    let request = Request::post("/upload").body(Failing(false)).unwrap();
    let error = pool.forward(request, BOUNDS).await.unwrap_err();
    assert!(matches!(error, ForwardError::Body(Gone)), "{error:?}");
    counts(&registry, r#"headgate_backend_requests_total{backend="chat",outcome="body_failed"} 1"#);
    counts(&registry, r#"headgate_backend_endpoint_works{backend="chat",purpose="api",endpoint="0"} 1"#);
}

#[tokio::test]
async fn an_endpoint_whose_probes_fail_is_left_alone_until_they_succeed() {
    let (sick, well) = (Arc::new(watch::channel(true).0), StubBackend::start(|_, _| status(200)).await);
    let says = sick.clone();
    let probed = StubBackend::start(move |request, _| {
        status(if request.uri.path() == "/health" && *says.borrow() { 503 } else { 200 })
    })
    .await;
    let health = Health {
        path: "/health".parse().unwrap(),
        interval: Duration::from_millis(10),
        timeout: Duration::from_secs(30),
        healthy_after: 1,
        unhealthy_after: 1,
    };
    let urls = [probed.url(""), well.url("")];
    let (pool, _) = pool_with(&urls, &clock(), |plan| plan.health = Some(&health));
    let asked =
        |stub: &StubBackend| stub.requests().iter().filter(|request| request.uri.path() == "/path").count();
    // One probe follows the other, so the first was judged when the second arrives.
    probed.received(2).await;
    for _ in 0..4 {
        whole(get(&pool).await).await.unwrap();
    }
    assert_eq!((asked(&probed), asked(&well)), (0, 4));
    sick.send_replace(false);
    let seen = probed.requests().len();
    probed.received(seen + 3).await;
    for _ in 0..4 {
        whole(get(&pool).await).await.unwrap();
    }
    assert_eq!((asked(&probed), asked(&well)), (2, 6));
}
