//! Draining: what was begun is finished, and nothing new begins.

use std::{sync::atomic::Ordering, time::Duration};

use headgate::server::Limits;
use http::{StatusCode, header};
use tokio::net::TcpStream;

use super::{Running, post, read, read_to_end, start};

#[tokio::test]
async fn an_open_request_is_finished_and_new_connections_are_refused() {
    let mut server = start(Limits::default());
    let mut http1 = server.http1().await;
    let open = tokio::spawn(http1.send_request(post("/hold", "open")));
    server.seen.one_is_held().await;
    let idle = TcpStream::connect(server.address).await.unwrap();

    server.drain.cancel();
    assert_eq!(read_to_end(idle).await, "", "an idle connection is closed");
    refused(&server).await;

    server.seen.release.add_permits(1);
    let response = open.await.unwrap().unwrap();
    assert_eq!(response.headers()[header::CONNECTION], "close");
    assert_eq!(read(response).await, (StatusCode::OK, "open".to_owned()));
    server.stop().await;
    assert_eq!((server.metric("headgate_connections"), server.reached("drain_timeout")), (0, 0));
}

#[tokio::test]
async fn an_open_http2_request_is_finished_and_the_connection_then_closed() {
    let mut server = start(Limits::default());
    let mut http2 = server.http2().await;
    let open = tokio::spawn(http2.send_request(post("/hold", "open")));
    server.seen.one_is_held().await;
    server.drain.cancel();
    refused(&server).await;

    server.seen.release.add_permits(1);
    assert_eq!(read(open.await.unwrap().unwrap()).await, (StatusCode::OK, "open".to_owned()));
    server.stop().await;
    assert!(http2.send_request(post("/echo", "")).await.is_err());
}

#[tokio::test]
async fn what_does_not_finish_in_time_is_cut_off() {
    let mut server = start(Limits { drain_timeout: Duration::from_millis(50), ..Limits::default() });
    let (mut http1, mut http2) = (server.http1().await, server.http2().await);
    let cut1 = tokio::spawn(http1.send_request(post("/hold", "")));
    let cut2 = tokio::spawn(http2.send_request(post("/hold", "")));
    server.seen.one_is_held().await;
    server.seen.one_is_held().await;
    server.stop().await;
    assert!(cut1.await.unwrap().is_err() && cut2.await.unwrap().is_err());
    assert_eq!(server.seen.given_up.load(Ordering::SeqCst), 2, "no task is left behind");
    assert_eq!((server.reached("drain_timeout"), server.metric("headgate_requests_in_flight")), (1, 0));
}

#[tokio::test]
async fn a_dropped_listener_ends_at_once() {
    let mut server = start(Limits::default());
    let open = tokio::spawn(server.http1().await.send_request(post("/hold", "")));
    server.seen.one_is_held().await;
    drop(server.serving.take());
    assert!(open.await.unwrap().is_err());
    refused(&server).await;
}

/// Waits until the address refuses connections.
async fn refused(server: &Running) {
    while TcpStream::connect(server.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
}
