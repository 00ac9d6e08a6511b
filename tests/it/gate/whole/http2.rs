//! Section B where HTTP/2 is spoken: frames written by hand, as no client would send them.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{Connection, Whole};
use crate::gate::oracle::decoded;

const PATH: &str = "/api/v1/accounts/1/conversations/101";
const FRAME_HEAD: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const ENABLE_CONNECT_PROTOCOL: u16 = 8;

/// What came of the request on stream 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Came {
    Status(u16),
    /// The stream or the connection was given up.
    Reset,
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
    [head.as_slice(), payload].concat()
}

/// A header block in which every field is a literal (RFC 7541 section 6.2.2), so that any text can stand there.
fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let text = |text: &str| {
        let mut bytes = Vec::new();
        // Lengths of 127 and more go on in further bytes of 7 bits.
        if text.len() < 127 {
            bytes.push(u8::try_from(text.len()).unwrap());
        } else {
            let mut rest = text.len() - 127;
            bytes.push(127);
            while rest >= 128 {
                bytes.push(u8::try_from(rest % 128).unwrap() | 128);
                rest /= 128;
            }
            bytes.push(u8::try_from(rest).unwrap());
        }
        bytes.extend(text.as_bytes());
        bytes
    };
    fields.iter().flat_map(|(name, value)| [vec![0], text(name), text(value)].concat()).collect()
}

/// Sends one request as HTTP/2; what came of it, and the settings that the server named.
async fn ask(whole: &Whole, fields: &[(&str, &str)]) -> (Came, Vec<u16>) {
    send(whole, frame(HEADERS, END_HEADERS | END_STREAM, 1, &block(fields))).await
}

/// Sends these frames of stream 1.
async fn send(whole: &Whole, request: Vec<u8>) -> (Came, Vec<u16>) {
    let mut stream = whole.connect(&[b"h2"]).await;
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    stream.write_all(&[preface, frame(SETTINGS, 0, 0, &[]), request].concat()).await.unwrap();
    let (mut settings, mut received) = (Vec::new(), Vec::new());
    while let Some((kind, flags, frame)) = next(&mut stream).await {
        received.extend(&frame);
        match kind {
            SETTINGS => {
                settings
                    .extend(frame[FRAME_HEAD..].chunks(6).map(|one| u16::from_be_bytes([one[0], one[1]])));
            }
            RST_STREAM | GOAWAY => break,
            HEADERS | DATA if flags & END_STREAM != 0 => break,
            _ => {}
        }
    }
    drop(stream);
    whole.oracle.judge();
    let came = decoded(1, &received).await.pop();
    (came.map_or(Came::Reset, |answer| Came::Status(answer.status.as_u16())), settings)
}

/// The next frame with its type and its flags; `None` at the end of the connection.
async fn next(stream: &mut Connection) -> Option<(u8, u8, Vec<u8>)> {
    let mut frame = vec![0; FRAME_HEAD];
    stream.read_exact(&mut frame).await.ok()?;
    let length = u32::from_be_bytes([0, frame[0], frame[1], frame[2]]) as usize;
    frame.resize(FRAME_HEAD + length, 0);
    stream.read_exact(&mut frame[FRAME_HEAD..]).await.ok()?;
    Some((frame[3], frame[4], frame))
}

/// A request of ana's with these fields in place of its own, or behind them.
async fn ana(whole: &Whole, line: [(&str, &str); 4], more: &[(&str, &str)]) -> Came {
    let token = format!("Bearer {}", whole.token("ana"));
    let fields = [&line, &[("authorization", token.as_str())][..], more].concat();
    ask(whole, &fields).await.0
}

const LINE: [(&str, &str); 4] =
    [(":method", "GET"), (":scheme", "https"), (":authority", "localhost"), (":path", PATH)];

#[tokio::test]
async fn b08_what_means_something_else_in_http_1_never_becomes_http_1() {
    let whole = Whole::start().await;
    for more in [
        ("connection", "close"),
        ("connection", "headgate-actor"),
        ("keep-alive", "1"),
        ("proxy-connection", "close"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "h2c"),
        ("te", "gzip"),
        ("X-Upper", "a"),
        ("x\r\nheadgate-actor", "adm"),
        ("x: y", "a"),
        ("x y", "a"),
        ("", "a"),
        ("x-a", "a\r\nheadgate-actor: adm"),
        ("x-a", "a\nheadgate-actor: adm"),
        ("x-a", "a\0b"),
        ("accept", "a\r\n\r\nGET /api/v1/accounts/1/conversations/102 HTTP/1.1\r\n"),
        (":path", "/public/health"),
        (":method", "DELETE"),
        ("content-length", "5"),
        ("content-length", "-1"),
    ] {
        let came = ana(&whole, LINE, &[more]).await;
        assert!(matches!(came, Came::Reset | Came::Status(400)), "{more:?}: {came:?}");
    }
    for path in [
        "/api/v1/accounts/1/conversations/101 HTTP/1.1\r\nheadgate-actor: adm\r\nx:",
        "/api/v1/accounts/1/conversations/101\r\n",
        "/api/v1/accounts/1/conversations/101 ",
        "api/v1/accounts/1/conversations/101",
        "",
        "*",
    ] {
        let mut line = LINE;
        line[3].1 = path;
        let came = ana(&whole, line, &[]).await;
        assert!(matches!(came, Came::Reset | Came::Status(400)), "{path:?}: {came:?}");
    }
    let mut line = LINE;
    line[0].1 = "GET /public/health HTTP/1.1\r\n\r\nGET";
    assert_ne!(ana(&whole, line, &[]).await, Came::Status(200));
    assert_eq!(whole.backend.lines(), [""; 0]);
    assert_eq!(ana(&whole, LINE, &[("te", "trailers")]).await, Came::Status(200), "as it should be");
    assert_eq!(whole.backend.lines(), [format!("GET {PATH}")]);
    assert_eq!(whole.backend.seen()[0].all("te"), [""; 0]);
}

/// The universal oracle, in every test here: it reads what the client was told as a client reads it.
#[tokio::test]
async fn what_a_backend_says_beside_its_answer_is_not_told_over_http_2_either() {
    let whole = Whole::start().await;
    assert_eq!(ana(&whole, LINE, &[]).await, Came::Status(200), "whose backend sets a cookie with a canary");
    let mut hidden = LINE;
    hidden[3].1 = "/api/v1/accounts/1/conversations/102";
    assert_eq!(ana(&whole, hidden, &[]).await, Came::Status(404));
}

/// Also where it passes unread, as it comes. The oracle reads trailers as it does headers.
#[tokio::test]
async fn f10_what_comes_behind_an_answer_is_dropped() {
    let whole = Whole::start().await;
    let mut line = LINE;
    line[3].1 = "/public/health?trailers";
    for te in [&[][..], &[("te", "trailers")]] {
        assert_eq!(ana(&whole, line, te).await, Came::Status(200), "{te:?}");
    }
    let headers =
        format!("Authorization: Bearer {}\r\nTE: trailers\r\nConnection: close, TE\r\n", whole.token("ana"));
    let answer = whole.send("GET /public/health?trailers", &headers, "").await;
    assert_eq!(answer.header("transfer-encoding"), Some("chunked"), "it passes as it comes");
    assert!(answer.status == 200 && answer.body.ends_with("{\"up\":true}\r\n0\r\n\r\n"), "{answer:?}");
    assert_eq!(answer.header("trailer"), None);
}

#[tokio::test]
async fn g08_a_body_over_the_routes_limit_or_of_another_length_than_it_says_changes_nothing() {
    let whole = Whole::start().await;
    let token = format!("Bearer {}", whole.token("ana"));
    // The route takes 1 KiB.
    let write = async |length: Option<&str>, body: &[u8]| {
        let mut fields = LINE.to_vec();
        fields[0].1 = "PATCH";
        fields.extend([("authorization", token.as_str()), ("content-type", "application/json")]);
        fields.extend(length.map(|length| ("content-length", length)));
        let mut frames = frame(HEADERS, END_HEADERS, 1, &block(&fields));
        let mut pieces = body.chunks(600).peekable();
        while let Some(piece) = pieces.next() {
            let end = if pieces.peek().is_none() { END_STREAM } else { 0 };
            frames.extend(frame(DATA, end, 1, piece));
        }
        send(&whole, frames).await.0
    };
    let body = |length: usize| format!(r#"{{"title":"{}"}}"#, "x".repeat(length - 12)).into_bytes();
    for (length, bytes) in [(None, 1025), (None, 4000), (Some("1025"), 1025)] {
        assert_eq!(write(length, &body(bytes)).await, Came::Status(413), "{length:?} {bytes}");
    }
    for (said, bytes) in [("30", 20), ("20", 30), ("1", 20), ("1000000", 20)] {
        let came = write(Some(said), &body(bytes)).await;
        assert!(matches!(came, Came::Reset | Came::Status(400 | 413)), "{said} {bytes}: {came:?}");
    }
    assert_eq!(whole.backend.lines(), [""; 0]);
    for (length, bytes) in [(None, 1024), (None, 20), (Some("20"), 20)] {
        assert_eq!(write(length, &body(bytes)).await, Came::Status(200), "{length:?} {bytes}");
    }
}

#[tokio::test]
async fn b09_a_request_names_one_host() {
    let whole = Whole::start().await;
    for host in ["globex", "localhost:1", "localhost, globex", ""] {
        assert_eq!(ana(&whole, LINE, &[("host", host)]).await, Came::Status(400), "{host}");
    }
    assert_eq!(ana(&whole, LINE, &[("host", "localhost"), ("host", "globex")]).await, Came::Status(400));
    assert_eq!(whole.backend.lines(), [""; 0]);
    assert_eq!(ana(&whole, LINE, &[("host", "localhost")]).await, Came::Status(200));
}

#[tokio::test]
async fn b10_no_websocket_is_opened_over_http_2() {
    let whole = Whole::start().await;
    for path in ["/cable", PATH] {
        let token = format!("Bearer {}", whole.token("ana"));
        let (came, settings) = ask(
            &whole,
            &[
                (":method", "CONNECT"),
                (":protocol", "websocket"),
                (":scheme", "https"),
                (":authority", "localhost"),
                (":path", path),
                ("authorization", &token),
            ],
        )
        .await;
        assert!(!settings.contains(&ENABLE_CONNECT_PROTOCOL), "it was not offered");
        assert!(matches!(came, Came::Reset | Came::Status(400 | 405)), "{path}: {came:?}");
    }
    assert_eq!(whole.backend.lines(), [""; 0]);
}

#[tokio::test]
async fn b14_a_connection_serves_the_hosts_of_its_certificate() {
    let whole = Whole::start_with(|folder, headgate| {
        let made = rcgen::generate_simple_self_signed(["globex.test".to_owned()]).unwrap();
        std::fs::write(folder.join("globex.pem"), made.cert.pem()).unwrap();
        std::fs::write(folder.join("globex.key"), made.signing_key.serialize_pem()).unwrap();
        let second = "[[listener.agents.tls.certificates]]\nchain = 'globex.pem'\nkey = 'globex.key'\n";
        headgate.replacen("[listener.ops]", &format!("{second}[listener.ops]"), 1)
    })
    .await;
    let token = format!("Authorization: Bearer {}\r\n", whole.token("ana"));
    let as_host =
        |host: &str| format!("GET {PATH} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{token}\r\n");
    let answer = whole.exchange(&as_host("globex.test")).await;
    assert!(answer.starts_with("HTTP/1.1 421 "), "{answer}");
    let mut line = LINE;
    line[2].1 = "globex.test";
    assert_eq!(ana(&whole, line, &[]).await, Came::Status(421));
    assert_eq!(whole.backend.lines(), [""; 0]);
    for host in ["localhost", "LOCALHOST:443"] {
        assert!(whole.exchange(&as_host(host)).await.starts_with("HTTP/1.1 200 "), "{host}");
    }
}

crate::gate::obeying::once_more!(
    b08_what_means_something_else_in_http_1_never_becomes_http_1,
    what_a_backend_says_beside_its_answer_is_not_told_over_http_2_either,
    f10_what_comes_behind_an_answer_is_dropped,
    g08_a_body_over_the_routes_limit_or_of_another_length_than_it_says_changes_nothing,
    b09_a_request_names_one_host,
    b10_no_websocket_is_opened_over_http_2,
    b14_a_connection_serves_the_hosts_of_its_certificate,
);
