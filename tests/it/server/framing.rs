//! HTTP/1 framing: what can be read in two ways is refused, and the connection closed.

use headgate::server::Limits;

use super::start;

/// A second request behind a doubtful first one. It must never be answered.
const NEXT: &str = "GET /echo?smuggled HTTP/1.1\r\nHost: test\r\n\r\n";

#[tokio::test]
async fn a_doubtful_head_is_answered_400_once_and_the_connection_closed() {
    for head in [
        "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG",
        "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\nG",
        "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 5, 6\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: +5\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 0x5\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 5 0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 18446744073709551621\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: test\r\nContent-Length : 5\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: xchunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: identity\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked, identity\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: identity, chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked, chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding:\r\n chunked\r\n\r\n",
        "POST / HTTP/1.0\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: test\r\nX: a\r\n b\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: test\r\nX: a\0b\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: test\r\nX: a\rb\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: test\r\nX\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: test\r\n: x\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: test\r\nX(y): z\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: test\nX: y\r\n\r\n",
        "POST / HTTP/1.1\nHost: test\n\n",
        "POST / HTTP/1.1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: test\r\nHost: test\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: user@test\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: test/path\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: test:port\r\n\r\n",
        "POST http://other/ HTTP/1.1\r\nHost: test\r\n\r\n",
        "POST / HTTP/1.2\r\nHost: test\r\n\r\n",
        "POST /a#/b HTTP/1.1\r\nHost: test\r\n\r\n",
        "POST / http/1.1\r\nHost: test\r\n\r\n",
        "POST  / HTTP/1.1\r\nHost: test\r\n\r\n",
    ] {
        let server = start(Limits::default());
        let answer = server.raw(format!("{head}{NEXT}")).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{head:?}: {answer:?}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{head:?}: {answer:?}");
        assert_eq!(server.seen.requests(), 0, "{head:?}");
    }
}

#[tokio::test]
async fn a_malformed_chunk_fails_its_request_and_closes_the_connection() {
    for chunks in [
        "-5\r\nGET /\r\n0\r\n\r\n",
        "0x5\r\nGET /\r\n0\r\n\r\n",
        "5 \r\nGET /\r\n0\r\n\r\n",
        "5\nGET /\r\n0\r\n\r\n",
        "5;a\nb\r\nGET /\r\n0\r\n\r\n",
        "5\r\nGET /POST\r\n0\r\n\r\n",
        "11111111111111111\r\nGET /\r\n0\r\n\r\n",
        "0\r\nContent-Length: 5\r\n\r\n",
    ] {
        let server = start(Limits::default());
        let head = "POST /echo HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n";
        let answer = server.raw(format!("{head}{chunks}{NEXT}")).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{chunks:?}: {answer:?}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{chunks:?}: {answer:?}");
        assert_eq!(server.seen.requests(), 1, "{chunks:?}");
    }
}

#[tokio::test]
async fn the_next_request_is_never_read_out_of_a_refused_body() {
    for path in ["/unread", "/small"] {
        let server = start(Limits::default());
        let upload = NEXT.repeat(4000);
        let head =
            format!("POST {path} HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n\r\n", upload.len() + 1);
        let answer = server.raw(format!("{head}{upload}")).await;
        assert!(answer.contains("\r\nconnection: close\r\n"), "{path}: {answer:?}");
        assert_eq!((answer.matches("HTTP/1.1 ").count(), server.seen.requests()), (1, 1), "{path}");
    }
}

#[tokio::test]
async fn an_expected_continue_is_not_sent_for_a_refused_upload() {
    let server = start(Limits::default());
    let head = "POST /unread HTTP/1.1\r\nHost: test\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n";
    let answer = server.raw(head).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer:?}");
    let answer = server.raw(head.replace("100-continue", "100-continue, x")).await;
    assert!(answer.starts_with("HTTP/1.1 417"), "{answer:?}");
}

#[tokio::test]
async fn pipelined_requests_are_answered_each_by_its_own() {
    let server = start(Limits::default());
    let one = "POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\none";
    let two = "POST /echo HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n1;x=y\r\nt\r\n2\r\nwo\r\n0\r\n\r\n";
    let last = "GET /echo HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";
    let answers = server.raw(format!("{one}{two}{last}")).await;
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 3, "{answers:?}");
    assert!(answers.contains("\r\n\r\noneHTTP") && answers.contains("\r\n\r\ntwoHTTP"), "{answers:?}");
}

#[tokio::test]
async fn nothing_is_tunnelled_or_upgraded() {
    let server = start(Limits::default());
    let answer = server.raw("CONNECT test:80 HTTP/1.1\r\nHost: test:80\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 405"), "{answer:?}");
    let upgrade = "GET /echo HTTP/1.1\r\nHost: test\r\nConnection: Upgrade, HTTP2-Settings, close\r\n\
                   Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n";
    assert!(server.raw(upgrade).await.starts_with("HTTP/1.1 200"));
}
