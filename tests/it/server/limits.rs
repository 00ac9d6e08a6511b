//! Every limit, as a client meets it.

use std::time::Duration;

use headgate::server::Limits;
use http::{StatusCode, header};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::interval,
};

use super::{Running, post, read, read_to_end, start, start_with};
use crate::server::tls::Authority;

const SHORT: Duration = Duration::from_millis(100);

#[tokio::test]
async fn a_head_that_does_not_end_in_time_ends_the_connection() {
    for beginning in ["", "PRI * HT", "POST /echo HTTP/1.1\r\nHost: test\r\nX-Slow: "] {
        let mut server = start(Limits { header_read_timeout: SHORT, ..Limits::default() });
        assert_eq!(server.raw(beginning).await, "", "{beginning:?}");
        server.stop().await;
        assert_eq!(server.reached("header_read_timeout"), 1, "{beginning:?}");
    }
}

#[tokio::test]
async fn the_second_head_of_a_connection_has_its_time_as_well() {
    let mut server = start(Limits { header_read_timeout: SHORT, ..Limits::default() });
    let answer =
        server.raw("POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\nokPOST /echo H").await;
    assert_eq!((status(&answer), answer.ends_with("\r\n\r\nok")), (200, true));
    server.stop().await;
    assert_eq!(server.reached("header_read_timeout"), 1);
}

#[tokio::test]
async fn an_idle_connection_is_closed_in_its_own_time() {
    let mut server = start(Limits { idle_timeout: SHORT, ..Limits::default() });
    let answer = server.raw("GET /echo HTTP/1.1\r\nHost: test\r\n\r\n").await;
    assert_eq!((status(&answer), answer.contains("connection: close")), (200, false));
    server.stop().await;
    assert_eq!((server.reached("idle_timeout"), server.reached("header_read_timeout")), (1, 0));
}

#[tokio::test]
async fn an_idle_http2_connection_is_closed() {
    let mut server = start(Limits { idle_timeout: SHORT, ..Limits::default() });
    let mut http2 = server.http2().await;
    http2.send_request(post("/echo", "")).await.unwrap();
    while !http2.is_closed() {
        tokio::task::yield_now().await;
    }
    server.stop().await;
    assert_eq!(server.reached("idle_timeout"), 1);
}

#[tokio::test]
async fn a_request_that_takes_long_is_not_idle() {
    let server = start(Limits { idle_timeout: SHORT, ..Limits::default() });
    let (mut http1, mut http2) = (server.http1().await, server.http2().await);
    let slow1 =
        tokio::spawn(async move { read(http1.send_request(post("/hold", "1")).await.unwrap()).await });
    let slow2 =
        tokio::spawn(async move { read(http2.send_request(post("/hold", "2")).await.unwrap()).await });
    server.seen.one_is_held().await;
    server.seen.one_is_held().await;
    // Others begin to be idle now, and are closed for it.
    for _ in 0..2 {
        assert_eq!(status(&server.raw("GET /echo HTTP/1.1\r\nHost: test\r\n\r\n").await), 200);
    }
    server.seen.release.add_permits(2);
    assert_eq!((slow1.await.unwrap().1, slow2.await.unwrap().1), ("1".to_owned(), "2".to_owned()));
}

#[tokio::test]
async fn a_body_that_does_not_end_in_time_is_answered_408() {
    let limits = Limits { body_read_timeout: SHORT, body_rate_min: 0, ..Limits::default() };
    let mut server = start(limits);
    let answer = server.raw("POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nabcd").await;
    assert_eq!((status(&answer), answer.contains("connection: close")), (408, true), "{answer}");
    server.stop().await;
    assert_eq!(server.reached("body_read_timeout"), 1);
}

#[tokio::test]
async fn a_body_that_trickles_is_answered_408() {
    let limits = Limits { body_rate_min: 1 << 20, body_rate_grace: SHORT, ..Limits::default() };
    let mut server = start(limits);
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 1000000\r\n\r\n").await.unwrap();
    let (mut from, mut to) = stream.into_split();
    let trickle = async {
        let mut tick = interval(SHORT / 10);
        while to.write_all(b"x").await.is_ok() {
            tick.tick().await;
        }
    };
    let mut head = [0; 12];
    tokio::select! {
        () = trickle => panic!("the server hung up without an answer"),
        answer = from.read_exact(&mut head) => { answer.unwrap(); }
    }
    assert_eq!(&head, b"HTTP/1.1 408");
    drop((from, to));
    server.stop().await;
    assert_eq!((server.reached("body_rate_min"), server.reached("body_read_timeout")), (1, 0));
}

#[tokio::test]
async fn a_body_that_declares_too_much_is_refused_unread() {
    let mut server = start(Limits { body_bytes_max: 8, ..Limits::default() });
    let answer = server.raw("POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 9\r\n\r\n").await;
    assert_eq!((status(&answer), answer.contains("connection: close")), (413, true), "{answer}");
    server.stop().await;
    assert_eq!(server.reached("body_bytes_max"), 1);
}

#[tokio::test]
async fn a_body_that_grows_too_large_is_refused() {
    let mut server = start(Limits { body_bytes_max: 8, ..Limits::default() });
    let head = "POST /echo HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n";
    let answer = server.raw(format!("{head}8\r\n12345678\r\n1\r\n9\r\n")).await;
    assert_eq!((status(&answer), answer.contains("connection: close")), (413, true), "{answer}");
    let answer = server.raw(format!("{head}8\r\n12345678\r\n0\r\n\r\n{LAST}")).await;
    assert_eq!(status(&answer), 200, "{answer}");
    server.stop().await;
    assert_eq!(server.reached("body_bytes_max"), 1);
}

#[tokio::test]
async fn http2_bodies_have_the_same_limit_and_the_connection_goes_on() {
    let mut server = start(Limits { body_bytes_max: 8, ..Limits::default() });
    let mut http2 = server.http2().await;
    let response = http2.send_request(post("/echo", "123456789")).await.unwrap();
    assert_eq!(read(response).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    let response = http2.send_request(post("/echo", "12345678")).await.unwrap();
    assert_eq!(read(response).await, (StatusCode::OK, "12345678".to_owned()));
    server.stop().await;
    assert_eq!(server.reached("body_bytes_max"), 1);
}

#[tokio::test]
async fn an_endpoint_may_have_a_limit_of_its_own() {
    let server = start(Limits::default());
    let mut http1 = server.http1().await;
    let response = http1.send_request(post("/small", "1234")).await.unwrap();
    assert_eq!(read(response).await.0, StatusCode::OK);
    let response = http1.send_request(post("/small", "12345")).await.unwrap();
    assert_eq!(read(response).await.0, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn all_bodies_together_have_a_limit_until_they_are_answered() {
    let mut server = start(Limits { bodies_in_memory_max: 8, ..Limits::default() });
    let held = hold(&server, "12345").await;
    let response = server.http1().await.send_request(post("/echo", "1234")).await.unwrap();
    assert!(response.headers().contains_key(header::RETRY_AFTER));
    assert_eq!(read(response).await.0, StatusCode::SERVICE_UNAVAILABLE);
    let response = server.http1().await.send_request(post("/echo", "123")).await.unwrap();
    assert_eq!(read(response).await.0, StatusCode::OK);

    server.seen.release.add_permits(1);
    assert_eq!(held.await.unwrap(), (StatusCode::OK, "12345".to_owned()));
    let response = server.http1().await.send_request(post("/echo", "12345678")).await.unwrap();
    assert_eq!(read(response).await.0, StatusCode::OK);
    server.stop().await;
    assert_eq!(server.reached("bodies_in_memory_max"), 1);
}

#[tokio::test]
async fn a_request_too_many_is_asked_to_come_back() {
    let mut server = start(Limits { requests_max: 1, ..Limits::default() });
    let held = hold(&server, "").await;
    let mut http1 = server.http1().await;
    let response = http1.send_request(post("/echo", "")).await.unwrap();
    assert_eq!(response.headers()[header::RETRY_AFTER], "1");
    assert_eq!(read(response).await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(server.metric("headgate_requests_in_flight"), 1);

    server.seen.release.add_permits(1);
    held.await.unwrap();
    let response = http1.send_request(post("/echo", "")).await.unwrap();
    assert_eq!(read(response).await.0, StatusCode::OK);
    server.stop().await;
    assert_eq!(server.reached("requests_max"), 1);
}

#[tokio::test]
async fn a_connection_too_many_is_closed() {
    for (limit, limits) in [
        ("connections_max", Limits { connections_max: 1, ..Limits::default() }),
        ("connections_per_address_max", Limits { connections_per_address_max: 1, ..Limits::default() }),
    ] {
        let mut server = start(limits);
        let mut first = server.http1().await;
        first.send_request(post("/echo", "")).await.unwrap();
        let second = TcpStream::connect(server.address).await.unwrap();
        assert_eq!(read_to_end(second).await, "", "{limit}");
        first.ready().await.unwrap();
        assert_eq!(first.send_request(post("/echo", "")).await.unwrap().status(), StatusCode::OK, "{limit}");
        assert_eq!(server.reached(limit), 1);
        server.stop().await;
        assert_eq!(server.metric("headgate_connections"), 0);
    }
}

#[tokio::test]
async fn a_head_with_too_many_fields_or_bytes_is_answered_431() {
    let many = "X: y\r\n".repeat(21);
    let large = format!("X: {}\r\n", "y".repeat(20_000));
    let larger_than_any_buffer = format!("X: {}\r\n", "y".repeat(200_000));
    for (fields, limit) in
        [(&many, "headers_max"), (&large, "header_bytes_max"), (&larger_than_any_buffer, "header_bytes_max")]
    {
        let mut server = start(Limits { headers_max: 20, ..Limits::default() });
        let answer = server.raw(format!("GET /echo HTTP/1.1\r\nHost: test\r\n{fields}\r\n")).await;
        assert_eq!(status(&answer), 431, "{limit}");
        server.stop().await;
        assert_eq!((server.reached(limit), server.seen.requests()), (1, 0), "{limit}");
    }
}

#[tokio::test]
async fn an_http2_head_has_the_same_limits() {
    for (fields, length, limit) in [(21, 1, "headers_max"), (1, 5_000, "header_bytes_max")] {
        let limits = Limits { headers_max: 20, header_bytes_max: 4 << 10, ..Limits::default() };
        let mut server = start(limits);
        let mut request = post("/echo", "");
        for n in 0..fields {
            request.headers_mut().insert(
                http::HeaderName::try_from(format!("x-{n}")).unwrap(),
                "y".repeat(length).parse().unwrap(),
            );
        }
        let response = server.http2().await.send_request(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "{limit}");
        server.stop().await;
        assert_eq!((server.reached(limit), server.seen.requests()), (1, 0), "{limit}");
    }
}

#[tokio::test]
async fn an_http2_request_names_one_host() {
    let server = start(Limits::default());
    let mut http2 = server.http2().await;
    for (host, status) in [("test", 200), ("TEST", 200), ("other", 400), ("user@test", 400)] {
        let mut request = post("/echo", "");
        request.headers_mut().insert(header::HOST, host.parse().unwrap());
        assert_eq!(http2.send_request(request).await.unwrap().status(), status, "{host}");
    }
}

#[tokio::test]
async fn the_streams_of_an_http2_connection_have_a_limit_that_its_peer_waits_for() {
    let mut server = start(Limits { streams_max: 1, ..Limits::default() });
    let mut http2 = server.http2().await;
    http2.send_request(post("/echo", "")).await.unwrap();
    let before = server.seen.requests();
    let held = tokio::spawn(http2.send_request(post("/hold", "1")));
    server.seen.one_is_held().await;
    let waiting = tokio::spawn(http2.send_request(post("/echo", "2")));
    let response = server.http1().await.send_request(post("/echo", "")).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(server.seen.requests(), before + 2, "the second stream was not opened");

    server.seen.release.add_permits(1);
    assert_eq!(read(held.await.unwrap().unwrap()).await.1, "1");
    assert_eq!(read(waiting.await.unwrap().unwrap()).await.1, "2");
    server.stop().await;
    assert!(server.reached("streams_max") >= 1);
}

#[tokio::test]
async fn a_handshake_that_does_not_end_in_time_ends_the_connection() {
    let authority = Authority::new();
    let limits = Limits { tls_handshake_timeout: SHORT, ..Limits::default() };
    let mut server = start_with(limits, Some(authority.tls(&["a.test"])));
    assert_eq!(server.raw("").await, "");
    server.stop().await;
    assert_eq!(server.reached("tls_handshake_timeout"), 1);
    assert_eq!(server.metric("headgate_tls_handshake_failures_total{reason=\"timeout\"}"), 1);
}

#[tokio::test]
async fn a_peer_that_does_not_take_its_answer_is_given_up() {
    let mut server = start(Limits { idle_timeout: SHORT, ..Limits::default() });
    let body = "x".repeat(4 << 20);
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = format!("POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body.as_bytes()).await.unwrap();
    while server.reached("idle_timeout") == 0 {
        tokio::task::yield_now().await;
    }
    assert!(read_to_end(stream).await.len() < body.len());
    server.stop().await;
}

/// A request that asks for the connection to be closed.
const LAST: &str = "GET /echo HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";

/// Begins a request that is held, with this body.
async fn hold(server: &Running, body: &str) -> tokio::task::JoinHandle<(StatusCode, String)> {
    let mut http1 = server.http1().await;
    let request = post("/hold", body);
    let held = tokio::spawn(async move { read(http1.send_request(request).await.unwrap()).await });
    server.seen.one_is_held().await;
    held
}

fn status(answer: &str) -> u16 {
    answer.get(9..12).unwrap_or_default().parse().unwrap_or_default()
}

#[test]
fn every_limit_is_documented_with_its_default_and_metric() {
    let documented = include_str!("../../../docs/limits.md");
    let (_, of_a_listener) = documented.split_once("## Of a listener\n").unwrap();
    let (of_a_listener, _) = of_a_listener.split_once("\n## ").unwrap();
    let rows: Vec<Vec<&str>> = of_a_listener
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    let defaults = format!("{:#?}", Limits::default());
    let limits: Vec<_> =
        defaults.lines().filter_map(|line| line.trim().trim_end_matches(',').split_once(": ")).collect();
    assert_eq!(rows.len(), limits.len(), "{limits:?}");
    for (row, (name, default)) in rows.iter().zip(limits) {
        assert_eq!((row[0], row[1]), (&*format!("`{name}`"), &*format!("`{default}`")));
        let metric = if name == "body_rate_grace" { "with `body_rate_min`" } else { row[0] };
        assert_eq!(row[3], metric);
    }
}

#[tokio::test]
async fn every_limit_shows_in_the_metrics_from_the_start() {
    let server = start(Limits::default());
    let defaults = format!("{:#?}", Limits::default());
    let names = defaults.lines().filter_map(|line| line.trim().split_once(": "));
    for (name, _) in names.filter(|(name, _)| *name != "body_rate_grace") {
        assert_eq!(server.reached(name), 0);
    }
}
