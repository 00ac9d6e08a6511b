//! Answers that pass unread: to who may see everything of what the routes declare everything of, as they come. What tells
//! that an answer was not read is that it is no JSON and passes all the same.

use std::collections::BTreeMap;

use headgate::policy::{
    Scope,
    source::{Fields, Source},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc,
};

use super::{
    backend::{self, Asked, GOES_ON},
    oracle::Tapped,
    world::{Setup, World},
};

const OPEN: &str = r#"
[entity.thread]
resource = "conversation"
id = "/id"
responsible = "/assignee"
fields = ["*"]
nested = { "/sender" = "person" }

[entity.person]
resource = "contact"
fields = ["*"]

[entity.talk]
resource = "conversation"
id = "/id"
responsible = "/assignee"
fields = ["*"]
nested = { "/messages/*" = "line" }

[entity.line]
resource = "message"
part = true
kinds = [{ at = "/private", is = true, resource = "note" }]
fields = ["*"]

[entity.card]
resource = "conversation"
id = "/id"
responsible = "/assignee"
fields = ["id", "title"]

[entity.halved]
resource = "conversation"
id = "/id"
responsible = "/assignee"
fields = ["*", "meta.channel"]

[[route]]
match = "GET /api/v1/accounts/{account}/open"
entity = "conversation"
action = "list"
items = "/rows"
keep = [""]
totals = { recompute = ["/count"] }
links = ["/next"]

[[route]]
match = "GET /api/v1/accounts/{account}/closed"
entity = "conversation"
action = "list"
items = "/rows"
keep = ["/version"]

[[route]]
match = "GET /api/v1/accounts/{account}/root"
entity = "conversation"
action = "list"
items = ""

[[route]]
match = "POST /api/v1/accounts/{account}/asked"
entity = "conversation"
action = "list"
items = ""
question = true

[[route]]
match = "GET /api/v1/accounts/{account}/threads/{id}"
entity = "conversation"
shows = "thread"
action = "view"
object = "tag"

[[route]]
match = "GET /api/v1/accounts/{account}/talks/{id}"
entity = "conversation"
shows = "talk"
action = "view"
object = "tag"

[[route]]
match = "GET /api/v1/accounts/{account}/cards/{id}"
entity = "conversation"
shows = "card"
action = "view"
object = "tag"

[[route]]
match = "GET /api/v1/accounts/{account}/halved/{id}"
entity = "conversation"
shows = "halved"
action = "view"
object = "tag"

[[route]]
match = "GET /api/v1/accounts/{account}/shadow"
entity = "conversation"
action = "list"
items = ""
shadow = true

[[route]]
match = "GET /api/v1/accounts/{account}/table"
entity = "conversation"
action = "list"
format = "csv"

[[route]]
match = "GET /api/v1/accounts/{account}/files/{id}"
entity = "conversation"
action = "view"
object = "tag"
format = "whole"
"#;

/// No JSON, and no table either.
const NONSENSE: &str = "{\"rows\": [\"a\",\r\n, \"\x01";

fn hiding(resource: &'static str, field: &'static str) -> impl FnOnce(&mut Source) {
    move |source| {
        let hidden = Fields { hidden: vec![field.to_owned()], ..Fields::default() };
        let admin = source.roles.get_mut("admin").unwrap();
        admin.fields = BTreeMap::from([(resource.to_owned(), hidden)]);
    }
}

/// A world whose backend answers everything with this.
fn saying(headers: &'static str, body: &'static str) -> Setup {
    let script = move |_: &Asked| Some(backend::answer(200, headers, body));
    Setup::default().routes(OPEN).backend(script)
}

/// Whether what is no JSON passes, and if so, as what.
async fn passes(world: &World, user: &str, path: &str) -> Option<String> {
    let answer = match path.strip_prefix("POST ") {
        None => world.get(user, path).await,
        Some(path) => world.write(user, "POST", path, &serde_json::json!({})).await,
    };
    match answer.status {
        200 => {
            assert_eq!(answer.body, NONSENSE, "{user} {path}");
            assert_eq!(answer.header("cache-control"), Some("private, no-store"), "{path}");
            assert_eq!(answer.header("content-length"), Some(NONSENSE.len().to_string().as_str()), "{path}");
            assert_eq!(answer.header("set-cookie"), None, "{path}");
            assert_eq!(answer.header("etag"), None, "{path}");
            Some(answer.header("content-type").unwrap().to_owned())
        }
        // What is asked with `POST` may have been a write, and is not told that it failed.
        502 | 204 => None,
        other => panic!("{user} {path}: {other}"),
    }
}

#[tokio::test]
async fn what_is_declared_as_a_whole_passes_unread_to_who_may_see_it_as_a_whole() {
    let world =
        saying("content-type: text/html\r\nset-cookie: a=b\r\netag: \"1\"\r\n", NONSENSE).start().await;
    let (json, csv) = (Some("application/json"), Some("text/csv; charset=utf-8"));
    for (user, path, expected) in [
        ("adm", "/conversations/101", json),
        ("adm", "/threads/101", json),
        ("adm", "/open", json),
        ("adm", "/root", json),
        ("adm", "POST /asked", json),
        ("adm", "/table", csv),
        ("adm", "/files/101", Some("text/html")),
        // Some objects only, of which one must be seen to be the one that was asked for, or a contact of whom not
        // everything is seen.
        ("ana", "/conversations/101", None),
        ("ana", "/open", None),
        ("sue", "/root", None),
        ("sue", "POST /asked", None),
        ("sue", "/table", None),
        ("ana", "/threads/101", None),
        // Something nobody declared.
        ("adm", "/closed", None),
        ("adm", "/cards/101", None),
        ("adm", "/halved/101", None),
        // What decides must be read.
        ("adm", "/answered/101", None),
    ] {
        assert_eq!(passes(&world, user, path).await.as_deref(), expected, "{user} {path}");
    }
}

#[tokio::test]
async fn a_role_with_one_hidden_field_is_filtered() {
    for (resource, field, read) in [
        (
            "conversation",
            "title",
            ["/conversations/101", "/threads/101", "/open", "/root", "/table"].as_slice(),
        ),
        ("contact", "phone_number", &["/threads/101"]),
    ] {
        let world = saying("content-type: application/json\r\n", NONSENSE)
            .policy(hiding(resource, field))
            .start()
            .await;
        for path in ["/conversations/101", "/threads/101", "/open", "/root", "/table"] {
            let passed = passes(&world, "adm", path).await.is_some();
            assert_eq!(passed, !read.contains(&path), "{resource}.{field} {path}");
        }
    }
    const BODY: &str =
        r#"{"id":"101","title":"CANARY-hidden-title","sender":{"name":"Budi","phone_number":"1"},"x":1}"#;
    let world = saying("", BODY).policy(hiding("conversation", "title")).start().await;
    let shown = world.get("adm", "/threads/101").await;
    assert_eq!(shown.body, r#"{"id":"101","sender":{"name":"Budi","phone_number":"1"},"x":1}"#);
}

#[tokio::test]
async fn what_may_be_of_a_kind_that_a_role_does_not_see_is_filtered() {
    const BODY: &str = r#"{"id":"101","messages":[{"id":1,"private":false},{"id":2,"private":true,"content":"CANARY-hidden-note"}]}"#;
    for (withheld, read) in [(None, false), (Some("note"), true), (Some("message"), true)] {
        let rights = move |source: &mut Source| {
            let none = BTreeMap::from([("view".to_owned(), Scope::None)]);
            let admin = source.roles.get_mut("admin").unwrap();
            admin.grants.extend(withheld.map(|resource| (resource.to_owned(), none)));
        };
        let world = saying("content-type: text/html\r\n", NONSENSE).policy(rights).start().await;
        assert_eq!(passes(&world, "adm", "/talks/101").await.is_none(), read, "{withheld:?}");
        if withheld == Some("note") {
            let world = saying("", BODY).policy(rights).start().await;
            let shown = world.get("adm", "/talks/101").await;
            assert_eq!(shown.body, r#"{"id":"101","messages":[{"id":1,"private":false}]}"#);
        }
    }
}

#[tokio::test]
async fn what_a_head_tells_is_heeded_before_a_byte_passes() {
    for (headers, status) in [
        ("content-encoding: gzip\r\n", 502),
        ("content-encoding: identity\r\n", 502),
        ("content-type: application/json; charset=utf-16\r\n", 502),
        ("content-type: application/json; charset=UTF-8\r\n", 200),
    ] {
        let world = saying(headers, NONSENSE).start().await;
        assert_eq!(world.get("adm", "/root").await.status, status, "{headers}");
    }
    for (status, told) in [(206, 502), (404, 404), (403, 403), (500, 500), (302, 502), (204, 204)] {
        let body = if status == 204 { "" } else { NONSENSE };
        let script = move |_: &Asked| Some(backend::answer(status, "location: /CANARY-x-y\r\n", body));
        let world = Setup::default().routes(OPEN).backend(script).start().await;
        let answer = world.get("adm", "/root").await;
        assert_eq!((answer.status, answer.body.contains("rows")), (told, false), "{status}");
    }
    // Nothing at all is no list.
    assert_eq!(saying("", "").start().await.get("adm", "/root").await.status, 502);
}

#[tokio::test]
async fn a_head_alone_is_that_of_what_would_pass() {
    let world = saying("", NONSENSE).start().await;
    let answer = world.send("adm", "HEAD /api/v1/accounts/1/root", "", "").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    assert_eq!(answer.header("content-length"), Some(NONSENSE.len().to_string().as_str()));
}

/// A connection on which `adm` has asked for a list, and the head of its answer with what came behind it.
async fn asking(world: &World) -> (Tapped<TcpStream>, Vec<u8>) {
    let mut stream = world.connect().await;
    let head =
        "GET /api/v1/accounts/1/root HTTP/1.1\r\nHost: acme.example\r\nAuthorization: Bearer adm\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut read = Vec::new();
    loop {
        let mut some = [0; 1024];
        let count = stream.read(&mut some).await.unwrap();
        assert!(count > 0, "{}", String::from_utf8_lossy(&read));
        read.extend_from_slice(&some[..count]);
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            assert!(read.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&read));
            return (stream, read.split_off(end + 4));
        }
    }
}

const MIB: usize = 1 << 20;

/// A world whose backend begins to answer, and what sends the rest.
async fn beginning(headers: &'static str, begin: &'static str) -> (World, mpsc::Sender<Vec<u8>>) {
    let (more, rest) = mpsc::channel(1);
    let script =
        move |_: &Asked| Some(format!("HTTP/1.1 200 Told\r\n{GOES_ON}{headers}\r\n{begin}").into_bytes());
    (Setup::default().routes(OPEN).backend(script).rest(rest).start().await, more)
}

#[tokio::test]
async fn a_long_answer_goes_on_at_the_clients_pace_and_is_never_held() {
    const LENGTH: usize = 64 * MIB;
    let (world, more) = beginning("content-length: 67108864\r\n", "[").await;
    let (mut stream, mut begun) = asking(&world).await;
    // The client has its first byte before the backend is given its second.
    if begun.is_empty() {
        begun.push(stream.read_u8().await.unwrap());
    }
    assert_eq!(begun, b"[");
    let sending = tokio::spawn(async move {
        for _ in 0..LENGTH / MIB - 1 {
            more.send(vec![b' '; MIB]).await.unwrap();
        }
        more.send(vec![b' '; MIB - 2]).await.unwrap();
        more.send(b"]".to_vec()).await.unwrap();
    });
    // What the sockets on the way hold is less than this half; the other half waits for the client.
    let mut read = 1;
    let mut piece = vec![0; 64 << 10];
    while read < LENGTH {
        assert!(read > LENGTH / 2 || !sending.is_finished(), "all was taken when {read} bytes were read");
        let count = stream.read(&mut piece).await.unwrap();
        assert!(count > 0, "it ended after {read} bytes");
        read += count;
    }
    sending.await.unwrap();
    assert_eq!(read, LENGTH);
    let last = piece.iter().rposition(|byte| *byte == b']');
    assert!(last.is_some(), "the end came");
}

#[tokio::test]
async fn d20_no_stream_of_events_passes() {
    // Each has no end until the backend is told to end it, and was open when it began.
    for kind in
        ["text/event-stream", "Text/Event-Stream; charset=utf-8", "multipart/x-mixed-replace; boundary=x"]
    {
        let headers: &'static str = format!("content-type: {kind}\r\ntransfer-encoding: chunked\r\n").leak();
        for (user, path, status) in [
            ("adm", "/root", 502),
            ("adm", "/files/101", 502),
            ("ana", "/files/101", 502),
            ("ana", "/closed", 502),
            ("ana", "/files/102", 404),
        ] {
            let (world, _more) = beginning(headers, "4\r\n[1,\n\r\n").await;
            let answer = world.get(user, path).await;
            assert_eq!(answer.status, status, "{kind}: {user} {path}: {answer:?}");
            assert!(status == 404 || answer.problem() == "unreadable", "{kind}: {user} {path}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_breaks_off_for_the_client_too() {
    for (headers, begin) in
        [("content-length: 1000\r\n", "[1,"), ("transfer-encoding: chunked\r\n", "3\r\n[1,\r\n")]
    {
        let (world, more) = beginning(headers, begin).await;
        let (mut stream, mut read) = asking(&world).await;
        while !String::from_utf8_lossy(&read).contains("[1,") {
            read.push(stream.read_u8().await.unwrap());
        }
        drop(more);
        let mut rest = Vec::new();
        let _closed_or_reset = stream.read_to_end(&mut rest).await;
        read.extend_from_slice(&rest);
        let text = String::from_utf8_lossy(&read);
        assert!(!text.ends_with("0\r\n\r\n") && text.len() < 20, "it looks whole: {text}");
        let metrics = world.metrics();
        assert!(metrics.contains(r#"outcome="broken"} 1"#), "{metrics}");
    }
}

#[tokio::test]
async fn a_client_that_goes_away_ends_the_backends_answer() {
    let (world, more) = beginning("content-length: 67108864\r\n", "[").await;
    let (stream, _) = asking(&world).await;
    drop(stream);
    // However much the sockets hold: at last the backend's connection is closed, and nobody takes more.
    while more.send(vec![b' '; MIB]).await.is_ok() {}
    assert!(world.metrics().contains(r#"outcome="abandoned"} 1"#), "{}", world.metrics());
}
