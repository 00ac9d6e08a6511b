//! The oracle catches what it is there for.

use std::{future::ready, io::Write, panic::AssertUnwindSafe};

use bytes::Bytes;
use data_encoding::{BASE64, BASE64URL_NOPAD};
use headgate::policy;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body_util::{BodyExt, Empty, Full};
use hyper::{client::conn::http2 as client, server::conn::http2 as server, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::gate::world::{self, AlsoVisible};

/// An oracle before which `ana` may see 101, and what the backend saw.
fn oracle() -> (Arc<Oracle>, Seen) {
    let credentials = [("key-of-ana".to_owned(), "ana".to_owned())];
    let allowed = Allowed {
        users: Box::new(move |text| by_credential(&credentials, text)),
        tenant: "acme",
        sees: Box::new(|user, canary| user == "ana" && canary.starts_with("101-")),
    };
    let credential = Some(("api_access_token", vec![("", "native"), ("ben", "native-of-ben")]));
    let seen = Seen::default();
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("tenants/acme")).unwrap();
    let routes = "fixed = { account = \"1\" }\n[[route]]\nmatch = \"GET /{account}/conversations/{id}\"\n\
                  [[route]]\nmatch = \"GET /{account}/answered/{id}\"\nobject = \"answer\"\n";
    std::fs::write(folder.path().join("tenants/acme/routes.toml"), routes).unwrap();
    let oracle = Oracle::new(allowed, Shown { credential, asserted: true }, Arc::clone(&seen), folder.path());
    locked(&oracle.routes).extend(declared(folder.path()));
    (oracle, seen)
}

/// Whether the oracle finds something wrong by the end of its world.
fn finds(oracle: Arc<Oracle>) -> bool {
    std::panic::catch_unwind(AssertUnwindSafe(|| drop(oracle))).is_err()
}

/// Whether it finds something in this answer to ana, with what reached the backend meanwhile.
async fn finds_in(answer: &[u8], asked: Vec<Asked>) -> bool {
    let (oracle, seen) = oracle();
    let (client, mut server) = tokio::io::duplex(1 << 16);
    let mut client = oracle.tap(client);
    client.write_all(b"GET / HTTP/1.1\r\nauthorization: Bearer key-of-ana\r\n\r\n").await.unwrap();
    seen.lock().unwrap().extend(asked);
    server.write_all(answer).await.unwrap();
    drop(server);
    client.read_to_end(&mut Vec::new()).await.unwrap();
    drop(client);
    finds(oracle)
}

fn asked(headers: &[(&str, &str)]) -> Asked {
    let own =
        ["headgate-actor", "headgate-tenant", "headgate-teams", "headgate-grants", "headgate-assertion"];
    let mut asked = Asked {
        method: "GET".to_owned(),
        target: "/1/conversations/101".to_owned(),
        headers: own
            .map(|name| (name.to_owned(), if name == "headgate-tenant" { "acme" } else { "ana" }.to_owned()))
            .into(),
        body: String::new(),
        connection: 0,
        answered: 200,
    };
    asked.headers.push(("api_access_token".to_owned(), "native".to_owned()));
    asked.headers.extend(headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    asked
}

#[tokio::test]
async fn a_canary_is_caught_in_every_writing_and_in_every_part_of_an_answer() {
    let answer = |line: &str, headers: &str, body: &str| {
        format!("HTTP/1.1 200 {line}\r\n{headers}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
    };
    assert!(!finds_in(&answer("OK", "", "CANARY-101-title"), vec![]).await, "her own");
    assert!(finds_in(&answer("CANARY-102", "", ""), vec![]).await, "status line");
    assert!(finds_in(&answer("OK", "x-a: CANARY-102-title\r\n", ""), vec![]).await, "header");
    for body in [
        "CANARY-102-title",
        r#"{"a":"\u0043ANARY\u002d102"}"#,
        r#"{"a":"\u0043\u0041NARY\u002D102"}"#,
        r#"{"a":"{\"b\":\"\\u0043ANARY-102\"}"}"#,
        "/a?b=%43%41NARY%2D102",
        "/a?b=C%41NARY%2d102",
        "/a?b=%2543ANARY-102",
    ] {
        assert!(finds_in(&answer("OK", "", body), vec![]).await, "{body}");
    }
    for before in ["", "?", "??"] {
        let text = format!("{before}CANARY-102-?~title");
        for encoded in [BASE64.encode(text.as_bytes()), BASE64URL_NOPAD.encode(text.as_bytes())] {
            assert!(finds_in(&answer("OK", "", &encoded), vec![]).await, "{text}");
        }
        let own = BASE64.encode(text.replace("102", "101").as_bytes());
        assert!(!finds_in(&answer("OK", "", &own), vec![]).await, "{own}");
    }
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let cut = format!("{head}3\r\nCAN\r\n7\r\nARY-102\r\n0\r\n\r\n");
    assert!(finds_in(cut.as_bytes(), vec![]).await, "over two chunks");
    let trailer = format!("{head}0\r\nx-a: %43ANARY-102\r\n\r\n");
    assert!(finds_in(trailer.as_bytes(), vec![]).await, "trailer");
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(br#"{"a":"\u0043ANARY-102"}"#).unwrap();
    let packed = packed.finish().unwrap();
    let head =
        format!("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n", packed.len());
    assert!(finds_in(&[head.as_bytes(), &packed].concat(), vec![]).await, "packed");
}

/// Whether it finds something in this answer to ana over HTTP/2.
async fn finds_over_http_2(header: &'static str, body: &'static str, trailer: &'static str) -> bool {
    let (oracle, _seen) = oracle();
    let (client, server) = tokio::io::duplex(1 << 16);
    let answer = service_fn(move |_asked| async move {
        let trailers =
            HeaderMap::from_iter([(HeaderName::from_static("x-last"), HeaderValue::from_static(trailer))]);
        let body = Full::new(Bytes::from(body)).with_trailers(ready(Some(Ok(trailers))));
        http::Response::builder().header("x-first", header).body(body)
    });
    let serving = server::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(server), answer);
    let client = TokioIo::new(oracle.tap_as(Some("ana"), client));
    let (mut asking, connection) = client::handshake(TokioExecutor::new(), client).await.unwrap();
    let asking = async move {
        for _ in 0..2 {
            let request = http::Request::get("http://acme/").body(Empty::<Bytes>::new()).unwrap();
            asking.send_request(request).await.unwrap().collect().await.unwrap();
        }
    };
    let (_served, _ended, ()) = tokio::join!(serving, connection, asking);
    finds(oracle)
}

#[tokio::test]
async fn a_canary_is_caught_in_the_compressed_headers_of_http_2() {
    let own = "CANARY-101-title";
    assert!(!finds_over_http_2(own, own, own).await, "her own");
    assert!(finds_over_http_2("CANARY-102-title", own, own).await, "header");
    assert!(finds_over_http_2(own, r#"{"a":"\u0043ANARY-102"}"#, own).await, "body");
    assert!(finds_over_http_2(own, own, "%43ANARY-102").await, "trailer");
}

#[tokio::test]
async fn a_request_that_went_on_is_caught_where_it_was_refused() {
    for (answer, kind, found) in [
        ("400 Bad Request", "fields", true),
        ("400 Bad Request", "declined", false),
        ("403 Forbidden", "fields", true),
        ("415 Unsupported", "media-type", true),
        ("403 Forbidden", "forbidden", true),
        ("404 Not Found", "not-found", true),
        ("200 OK", "about", false),
    ] {
        let body = format!(r#"{{"type":"urn:headgate:problem:{kind}"}}"#);
        let answer = format!("HTTP/1.1 {answer}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        assert_eq!(finds_in(answer.as_bytes(), vec![asked(&[])]).await, found, "{answer}");
        assert!(!finds_in(answer.as_bytes(), vec![]).await, "{answer}");
        let mut question = asked(&[]);
        question.headers[0].1 = ITSELF.to_owned();
        question.headers.retain(|(name, _)| !["headgate-teams", "headgate-grants"].contains(&name.as_str()));
        assert!(!finds_in(answer.as_bytes(), vec![question]).await, "a question of Headgate's own: {answer}");
    }
    let missing = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
    let by_backend = Asked { answered: 404, ..asked(&[]) };
    let by_answer = Asked { target: "/1/answered/101".to_owned(), ..asked(&[]) };
    for excused in [&by_backend, &by_answer] {
        assert!(!finds_in(missing, vec![excused.clone()]).await, "{excused:?}");
        assert!(finds_in(missing, vec![excused.clone(), asked(&[])]).await, "{excused:?} and another");
    }
    let two = b"HTTP/1.1 404 Not Found\r\n\r\nHTTP/1.1 200 OK\r\n\r\n";
    assert!(!finds_in(two, vec![asked(&[])]).await, "one of two was let through");
}

/// A request that acts for this user of this tenant.
fn acting(user: &str, tenant: &str) -> Asked {
    let mut asked = asked(&[]);
    for (name, value) in &mut asked.headers {
        match name.as_str() {
            "headgate-actor" => user.clone_into(value),
            "headgate-tenant" => tenant.clone_into(value),
            _ => {}
        }
    }
    asked
}

#[tokio::test]
async fn a_request_that_acts_for_another_than_who_sent_it_is_caught() {
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    assert!(!finds_in(answer, vec![acting("ana", "acme")]).await, "her own");
    assert!(finds_in(answer, vec![acting("adm", "acme")]).await, "as adm");
    assert!(finds_in(answer, vec![acting("ana", "acme"), acting("adm", "acme")]).await, "as adm too");
    assert!(finds_in(answer, vec![acting("ana", "globex")]).await, "as who has her name elsewhere");
}

#[tokio::test]
async fn a_request_that_nobody_sent_is_caught_whoever_was_connected_at_the_time() {
    for (user, found) in [("ana", false), ("adm", true)] {
        let (oracle, seen) = oracle();
        let ((one, _here), (other, _there)) = (tokio::io::duplex(1 << 10), tokio::io::duplex(1 << 10));
        let (mut one, other) = (oracle.tap(one), oracle.tap(other));
        one.write_all(b"GET / HTTP/1.1\r\nauthorization: Bearer key-of-ana\r\n\r\n").await.unwrap();
        seen.lock().unwrap().push(acting(user, "acme"));
        drop((one, other));
        oracle.judge();
        assert_eq!(finds(oracle), found, "{user}");
    }
}

#[tokio::test]
async fn a_hidden_field_of_a_visible_object_is_caught() {
    for (user, body, found) in [
        ("ana", r#"{"name":"CANARY-501-name"}"#, false),
        ("ana", r#"{"name":"CANARY-501-name","phone_number":"CANARY-501-phone_number"}"#, true),
        ("ana", r#"{"phone":"CANARY-501-phone"}"#, true),
        ("ana", "CANARY-501", true),
        ("ana", r#"{"note":"CANARY-101-note"}"#, true),
        ("ana", r#"{"name":"CANARY-502-name"}"#, true),
        ("sue", r#"{"phone_number":"CANARY-501-phone_number"}"#, false),
        ("sue", r#"{"phone_number":"CANARY-502-phone_number"}"#, true),
        ("kim", r#"{"name":"CANARY-501-name","more":"CANARY-101-more"}"#, false),
        ("kim", r#"{"phone_number":"CANARY-501-phone_number"}"#, true),
        ("kim", r#"{"title":"CANARY-101-title"}"#, true),
    ] {
        let also = AlsoVisible::default();
        also.lock().unwrap().extend([("kim", "501"), ("kim", "101-more")]);
        let users = Box::new(move |_: &str| vec![user.to_owned()]);
        let allowed = Allowed { users, tenant: "acme", sees: world::sees(&also) };
        let folder = tempfile::tempdir().unwrap();
        let oracle = Oracle::new(allowed, Shown::default(), Seen::default(), folder.path());
        let (client, mut server) = tokio::io::duplex(1 << 10);
        let mut client = oracle.tap(client);
        server.write_all(format!("HTTP/1.1 200 OK\r\n\r\n{body}").as_bytes()).await.unwrap();
        drop(server);
        client.read_to_end(&mut Vec::new()).await.unwrap();
        drop(client);
        assert_eq!(finds(oracle), found, "{user} sees {body}");
    }
}

#[tokio::test]
async fn a_right_that_is_given_by_mistake_is_caught_in_a_world() {
    let leaks = |source: &mut policy::Source| source.roles.get_mut("agent").unwrap().fields.clear();
    for (change, found) in [(None, false), (Some(leaks), true)] {
        let mut setup = world::Setup::default();
        if let Some(change) = change {
            setup = setup.policy(change);
        }
        let world = setup.start().await;
        let asking = tokio::spawn(async move { world.get("ana", "/contacts/501").await.status });
        assert_eq!(asking.await.is_err(), found);
    }
}

#[test]
fn a_request_of_no_route_or_with_another_identity_than_headgates_is_caught() {
    let found = |asked: Asked| {
        let (oracle, seen) = oracle();
        oracle.others_ask();
        seen.lock().unwrap().push(asked);
        finds(oracle)
    };
    assert!(!found(asked(&[])));
    for name in OWN.iter().chain(&["api_access_token"]) {
        let mut missing = asked(&[]);
        missing.headers.retain(|(known, _)| known != name);
        assert!(found(missing), "no {name}");
        assert!(found(asked(&[(name, "native")])), "two of {name}");
    }
    for more in [
        ("Headgate_Actor", "adm"),
        ("x-headgate-user", "adm"),
        ("Api-Access-Token", "adm"),
        ("Authorization", "Basic eA=="),
        ("Cookie", "session=1"),
        ("x-a", "Bearer x"),
        ("x-a", "key-of-ana"),
    ] {
        assert!(found(asked(&[more])), "{more:?}");
    }
    let mut as_ben = asked(&[]);
    as_ben.headers[0].1 = "ben".to_owned();
    assert!(found(as_ben), "everybody's credential for who has their own");
    for (method, target) in [
        ("DELETE", "/1/conversations/101"),
        ("GET", "/1/conversations"),
        ("GET", "/1/conversations/"),
        ("GET", "/1/conversations/101/labels"),
        ("GET", "//1/conversations/101"),
        ("GET", "/2/conversations/101"),
    ] {
        let (method, target) = (method.to_owned(), target.to_owned());
        assert!(found(Asked { method, target, ..asked(&[]) }), "of no route");
    }
    let mut in_query = asked(&[]);
    in_query.target += "?api_access_token=adm";
    assert!(found(in_query));
}

#[tokio::test]
async fn what_nobody_looked_at_is_judged_in_the_end() {
    let (oracle, seen) = oracle();
    let (client, mut server) = tokio::io::duplex(1 << 16);
    let mut client = oracle.tap(client);
    server.write_all(b"HTTP/1.1 200 OK\r\n\r\nCANARY-101-title").await.unwrap();
    drop((server, seen));
    client.read_to_end(&mut Vec::new()).await.unwrap();
    let ends = std::panic::catch_unwind(AssertUnwindSafe(|| drop((client, oracle))));
    assert!(ends.is_err(), "a stranger saw it");
}
