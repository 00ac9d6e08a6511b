//! HTTP/2 peers that send frames without end and ask for nothing.

use headgate::server::Limits;
use http::StatusCode;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::{post, read, read_to_end_bytes, start};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

#[tokio::test]
async fn a_flood_is_cut_off_and_counted_while_others_are_served() {
    let settings = b"\0\0\0\x04\0\0\0\0\0".to_vec();
    let ping = b"\0\0\x08\x06\0\0\0\0\x0012345678".to_vec();
    let priority = b"\0\0\x05\x02\0\0\0\0\x01\0\0\0\0\0".to_vec();
    let window = b"\0\0\x04\x08\0\0\0\0\0\0\0\0\x01".to_vec();
    let unknown = b"\0\0\0\xfe\0\0\0\0\0".to_vec();
    for (what, frame) in [
        ("settings", settings),
        ("ping", ping),
        ("priority", priority),
        ("window", window),
        ("unknown", unknown),
    ] {
        let mut server = start(Limits::default());
        let mut good = server.http2().await;
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(PREFACE).await.unwrap();
        // The last writes may fail: the server has hung up by then.
        let _cut_off = stream.write_all(&frame.repeat(2_000)).await;
        read_to_end_bytes(stream).await;
        let response = good.send_request(post("/echo", what)).await.unwrap();
        assert_eq!(read(response).await, (StatusCode::OK, what.to_owned()));
        server.stop().await;
        assert_eq!(server.reached("http2_frames"), 1, "{what}");
    }
}

#[tokio::test]
async fn requests_that_are_cancelled_without_end_are_cut_off() {
    let mut server = start(Limits::default());
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(PREFACE).await.unwrap();
    // POST http://test/echo by the static table of RFC 7541 and literals without indexing.
    let fields = b"\x83\x86\x04\x05/echo\x01\x04test";
    for number in 0..2_000_u32 {
        let id = (2 * number + 1).to_be_bytes();
        let length = u8::try_from(fields.len()).unwrap();
        let open = [&[0, 0, length, 1, 4][..], &id, fields].concat();
        let cancel = [&[0, 0, 4, 3, 0][..], &id, &[0, 0, 0, 8]].concat();
        // Each is flushed by itself, so that the requests are looked at before they are cancelled.
        if stream.write_all(&open).await.is_err() || stream.write_all(&cancel).await.is_err() {
            break;
        }
        tokio::task::yield_now().await;
    }
    read_to_end_bytes(stream).await;
    assert!(server.seen.requests() < 2_000);
    server.stop().await;
    assert_eq!(server.metric("headgate_requests_in_flight"), 0);
}

#[tokio::test]
async fn a_busy_peer_is_not_taken_for_a_flood() {
    let mut server = start(Limits::default());
    let mut http2 = server.http2().await;
    let large = "x".repeat(1 << 20);
    for _ in 0..8 {
        let response = http2.send_request(post("/echo", &large)).await.unwrap();
        assert_eq!(read(response).await.1.len(), large.len());
    }
    for _ in 0..2_000 {
        let response = http2.send_request(post("/echo", "")).await.unwrap();
        assert_eq!(read(response).await.0, StatusCode::OK);
    }
    server.stop().await;
    assert_eq!(server.reached("http2_frames"), 0);
}
