//! Section B: framing and protocol switching, on both sides.

use super::{
    backend::{answer, json},
    world::{Answer, Setup, world},
};

const ALLOWED: &str = "/api/v1/accounts/1/conversations/101";
const DENIED: &str = "/api/v1/accounts/1/conversations/102";

/// A head of ana's without its end.
fn head(line: &str) -> String {
    format!("{line} HTTP/1.1\r\nHost: acme\r\nAuthorization: Bearer ana\r\n")
}

#[tokio::test]
async fn b01_to_b05_b11_a_doubtful_head_is_refused_and_what_follows_it_is_never_read() {
    let world = world().await;
    let smuggled = format!("{}\r\n", head(&format!("GET {ALLOWED}")));
    for (row, fields) in [
        ("B01", "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG"),
        ("B02", "Content-Length: 5\r\nContent-Length: 6\r\n\r\n"),
        ("B02", "Content-Length: +5\r\n\r\n"),
        ("B02", "Content-Length: 5,5\r\n\r\n"),
        ("B02", "Content-Length: 0x5\r\n\r\n"),
        ("B03", "Transfer-Encoding: xchunked\r\n\r\n"),
        ("B03", "Transfer-Encoding: chunked, identity\r\n\r\n"),
        ("B03", "Transfer-Encoding: identity\r\n\r\n"),
        ("B05", "X: a\r\n b\r\n\r\n"),
        ("B05", "X : a\r\n\r\n"),
        ("B05", ": a\r\n\r\n"),
        ("B05", "X: a\0b\r\n\r\n"),
        ("B05", "X: a\rb\r\n\r\n"),
        ("B05", "X(y): a\r\n\r\n"),
        ("B05", "X@y: a\r\n\r\n"),
        ("B11", "Host: acme\r\n\r\n"),
        ("B11", "Host: globex\r\n\r\n"),
    ] {
        let wire = format!("{}{fields}{smuggled}", head(&format!("PATCH {ALLOWED}")));
        let answer = world.raw(wire).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{row} {fields:?}: {answer:?}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{row} {fields:?}: {answer:?}");
        assert_eq!(world.backend.lines(), [""; 0], "{row} {fields:?}");
    }
    for host in ["acme/path", "user@acme", "acme:port"] {
        let answer = world.raw(format!("GET {ALLOWED} HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "B11 {host}: {answer:?}");
    }
    let old = format!("PATCH {ALLOWED} HTTP/1.0\r\nHost: acme\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert!(world.raw(old).await.starts_with("HTTP/1."), "B03");
    assert_eq!(world.backend.lines(), [""; 0]);
}

#[tokio::test]
async fn b04_a_body_leaves_in_headgates_own_framing() {
    let world = world().await;
    let fields = "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    let chunked = |chunks: &str| format!("{}{fields}{chunks}", head(&format!("PATCH {ALLOWED}")));
    let answer = world.raw(chunked("1;a=b\r\n{\r\n1\r\n}\r\n0\r\nX-Headgate-User: adm\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer:?}");
    let asked = &world.backend.seen()[0];
    assert_eq!((asked.body.as_str(), asked.all("content-length")), ("{}", vec!["2"]));
    assert_eq!(asked.all("transfer-encoding"), [""; 0]);
    for chunks in
        ["-1\r\n{}\r\n0\r\n\r\n", "11111111111111111\r\n{}", "2\n{}\r\n0\r\n\r\n", "1e", "2\r\n{}x\r\n"]
    {
        let answer = world.raw(chunked(&format!("{chunks}\r\n\r\n"))).await;
        assert!(answer.is_empty() || !answer.starts_with("HTTP/1.1 2"), "{chunks:?}: {answer:?}");
    }
    assert_eq!(world.backend.seen().len(), 1);
}

#[tokio::test]
async fn b06_no_protocol_is_switched_and_what_follows_is_decided_on_its_own() {
    let world = world().await;
    let upgrade =
        format!("{}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", head(&format!("GET {ALLOWED}")));
    let denied = format!("{}\r\n", head(&format!("GET {DENIED}")));
    let allowed = format!("{}Connection: close\r\n\r\n", head(&format!("GET {ALLOWED}")));
    let answers = world.raw(upgrade + &denied + &allowed).await;
    let statuses: Vec<_> = answers.split("HTTP/1.1 ").skip(1).filter_map(|answer| answer.get(..3)).collect();
    assert_eq!(statuses, ["501", "404", "200"], "{answers}");
    assert_eq!(world.backend.lines(), [format!("GET {ALLOWED}")]);
}

#[tokio::test]
async fn b07_an_offer_of_h2c_is_passed_over() {
    let world = world().await;
    let headers = "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n";
    let answer = world.send("ana", &format!("GET {ALLOWED}"), headers, "").await;
    assert_eq!((answer.status, answer.header("upgrade")), (200, None));
    assert_eq!(world.backend.seen()[0].all("http2-settings"), [""; 0]);
}

#[tokio::test]
async fn b12_a_refused_upload_is_not_asked_for() {
    let world = world().await;
    let fields = "Content-Type: application/json\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n";
    let answer = world.raw(format!("{}{fields}", head(&format!("PATCH {DENIED}")))).await;
    assert!(answer.starts_with("HTTP/1.1 404") && !answer.contains("100 Continue"), "{answer:?}");
    assert_eq!(world.backend.lines(), [""; 0]);
}

#[tokio::test]
async fn b13_the_next_request_is_never_read_from_inside_a_refused_body() {
    let world = world().await;
    let inner = format!("{}\r\n", head(&format!("GET {ALLOWED}")));
    let body = inner.repeat((1 << 20) / inner.len());
    let fields = format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len() + 1);
    let answer = world.raw(format!("{}{fields}{body}", head(&format!("POST {DENIED}/upload")))).await;
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer:?}");
    assert_eq!(world.backend.lines(), [""; 0]);
}

#[tokio::test]
async fn b15_an_answer_that_is_none_is_not_shown_and_its_connection_not_used_again() {
    for (what, problem, bytes) in [
        ("no HTTP", "backend", b"CANARY-102-title\r\n\r\n".to_vec()),
        ("another protocol", "unreadable", b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nCANARY-102-x".to_vec()),
        ("two lengths", "backend", b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}".to_vec()),
        ("cut off", "unreadable", b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{\"id\":\"101\"}".to_vec()),
        ("cut off in chunks", "unreadable", b"HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n".to_vec()),
        ("a storm of heads", "unreadable", b"HTTP/1.1 103 Early\r\nx: y\r\n\r\n".repeat(9000)),
    ] {
        let world = Setup::default().backend(move |_| Some(bytes.clone())).start().await;
        let answer = world.get("ana", "/conversations").await;
        assert!(matches!(answer.status, 502 | 504), "{what}: {answer:?}");
        assert_eq!(answer.problem(), problem, "{what}");
    }
}

#[tokio::test]
async fn b15_bytes_behind_an_answer_are_nobodys_answer() {
    let world = Setup::default()
        .backend(|asked| {
            let mut bytes = json(200, &serde_json::json!({"id": "101"}));
            bytes.extend(answer(200, "content-type: application/json\r\n", "{\"id\":\"CANARY-102-x\"}"));
            asked.target.ends_with("101").then_some(bytes)
        })
        .start()
        .await;
    for _ in 0..3 {
        let answer = world.send("ana", &format!("GET {ALLOWED}"), "", "").await;
        assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"id":"101"}"#));
    }
    let mut connections: Vec<_> = world.backend.seen().iter().map(|asked| asked.connection).collect();
    connections.dedup();
    assert_eq!(connections.len(), 3, "each on a connection of its own");
}

#[tokio::test]
async fn b16_a_list_that_breaks_off_is_no_shorter_list() {
    let world = Setup::default()
        .backend(|_| {
            Some(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 30\r\nconnection: close\r\n\r\n[]".to_vec())
        })
        .start()
        .await;
    let answer = world.get("adm", "/conversations").await;
    assert_eq!(Answer::problem(&answer), "unreadable");
}
