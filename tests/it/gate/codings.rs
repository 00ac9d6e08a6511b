//! Codings, caches, conditions, ranges and what stands around an answer: section F of the checklist, and what of
//! section D is about media types and redirections.

use std::{collections::BTreeSet, io::Write as _};

use headgate::policy::{Source, source::Fields};
use serde_json::{Value, json};

use super::{
    backend::{self, Asked},
    world::{Answer, Setup, World},
};

/// The contact as the backend has it; `ana` does not see its number.
const CONTACT: &str =
    r#"{"id":"501","owner":"ana","name":"CANARY-501-name","phone_number":"CANARY-501-phone"}"#;
/// As `ana` sees it.
const SEEN: &str = r#"{"id":"501","owner":"ana","name":"CANARY-501-name"}"#;

/// [`CONTACT`], by the tools of the formats.
const BR: &[u8] = &[
    0x1b, 0x54, 0x00, 0x00, 0x44, 0xe7, 0x96, 0xfa, 0x33, 0x6c, 0x10, 0x28, 0x36, 0x66, 0x37, 0xd8, 0x4c,
    0x8e, 0x4d, 0x83, 0x41, 0x42, 0x71, 0x3a, 0xe5, 0x84, 0x03, 0xc3, 0x96, 0x46, 0x05, 0x74, 0xd2, 0xb3,
    0x06, 0x1e, 0xb2, 0xa2, 0x2b, 0xd8, 0x8b, 0xfd, 0x70, 0x16, 0x0a, 0x4c, 0x14, 0x84, 0x67, 0x68, 0x44,
    0xc6, 0x65, 0xdc, 0xad, 0x55, 0xbd, 0x79, 0x1f, 0x6c, 0xa2, 0x9c, 0x96, 0xc0, 0xf5, 0xa4, 0x3d, 0x23,
    0xb5, 0xc1, 0x07,
];
const ZSTD: &[u8] = &[
    0x28, 0xb5, 0x2f, 0xfd, 0x24, 0x55, 0x25, 0x02, 0x00, 0x22, 0x44, 0x0e, 0x12, 0x90, 0xcf, 0x01, 0x88,
    0xb0, 0xbd, 0x12, 0x0e, 0xf4, 0x98, 0x4f, 0xea, 0xb0, 0x2d, 0xf3, 0xf5, 0x0f, 0x4a, 0xf9, 0xaf, 0x27,
    0xa4, 0xf5, 0x35, 0x69, 0x7b, 0xbd, 0x9e, 0x90, 0x1e, 0x84, 0x21, 0x48, 0x50, 0xc9, 0x20, 0x73, 0x5e,
    0xfe, 0x24, 0xeb, 0x83, 0xb3, 0x66, 0x2f, 0xaf, 0xaf, 0xef, 0x3c, 0xf8, 0x10, 0xe4, 0xe5, 0x2e, 0x1e,
    0x07, 0x02, 0x00, 0x44, 0x49, 0xd5, 0x12, 0x66, 0x19, 0x69, 0xdd, 0x5f, 0x2c,
];

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// An answer of bytes.
fn bytes(headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
    [head.as_bytes(), body].concat()
}

async fn answering(answer: Vec<u8>) -> World {
    answering_within("", answer).await
}

/// A world with more of `[backend.chat]`, whose backend answers everything so.
async fn answering_within(more: &str, answer: Vec<u8>) -> World {
    let script = move |_: &Asked| Some(answer.clone());
    Setup::default().headgate(more).routes(CARDS).backend(script).start().await
}

/// Contacts without a question of Headgate's own before.
const CARDS: &str = r#"
[[route]]
match = "GET /api/v1/accounts/{account}/cards/{id}"
entity = "contact"
action = "view"
object = "answer"

[[route]]
match = "POST /api/v1/accounts/{account}/cards"
entity = "contact"
action = "edit"

[[route]]
match = "GET /api/v1/accounts/{account}/cards"
entity = "contact"
action = "list"
items = "/rows"

[[route]]
match = "GET /api/v1/accounts/{account}/paged"
entity = "contact"
action = "list"
items = "/rows"
page = { number = "page", size_default = 4, pages_max = 9, time_max = "20s" }

[[route]]
match = "GET /api/v1/accounts/{account}/table"
entity = "contact"
action = "list"
format = "csv"

[[route]]
match = "DELETE /api/v1/accounts/{account}/cards/{id}"
entity = "contact"
action = "edit"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/contacts/{id}"

[[route]]
match = "GET /api/v1/accounts/{account}/files/{id}"
entity = "contact"
action = "view"
format = "whole"
"#;

async fn ask(world: &World, headers: &str) -> Answer {
    world.send("ana", "GET /api/v1/accounts/1/cards/501", headers, "").await
}

#[tokio::test]
async fn f01_the_coding_is_between_headgate_and_the_backend() {
    for accepted in ["br", "zstd", "gzip;q=0, br", "*", "identity;q=0", "gzip\r\nAccept-Encoding: br"] {
        let world = answering(bytes("content-type: application/json\r\n", CONTACT.as_bytes())).await;
        let answer = ask(&world, &format!("Accept-Encoding: {accepted}\r\n")).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, SEEN), "{accepted}");
        assert_eq!(answer.header("content-encoding"), None, "{accepted}");
        assert_eq!(world.backend.seen()[0].all("accept-encoding"), ["identity"], "{accepted}");
    }
}

#[tokio::test]
async fn f02_an_encoded_answer_is_read_before_it_passes() {
    for (coding, body) in [("gzip", gzip(CONTACT.as_bytes())), ("br", BR.to_vec()), ("zstd", ZSTD.to_vec())] {
        let world = answering(bytes(&format!("content-encoding: {coding}\r\n"), &body)).await;
        let answer = ask(&world, "").await;
        assert_eq!((answer.status, answer.body.as_str()), (200, SEEN), "{coding}");
        assert_eq!(answer.header("content-encoding"), None, "{coding}");
        assert_eq!(answer.header("content-length"), Some(SEEN.len().to_string().as_str()), "{coding}");
        // What passes whole is decoded too: the client did not say that it can.
        let file = world.get("adm", "/files/501").await;
        assert_eq!((file.status, file.body.as_str()), (200, CONTACT), "{coding}");
    }
    let one = gzip(CONTACT.as_bytes());
    for (coding, body) in [
        ("x-foo", one.clone()),
        ("gzip, br", one.clone()),
        ("gzip\r\ncontent-encoding: gzip", gzip(&one)),
        ("deflate", one.clone()),
        ("br", one.clone()),
        ("gzip", CONTACT.into()),
        ("gzip", [&*one, &*one].concat()),
        ("gzip", [&*one, b"x"].concat()),
        ("gzip", one[..one.len() - 1].to_vec()),
        ("zstd", [ZSTD, ZSTD].concat()),
    ] {
        let world = answering(bytes(&format!("content-encoding: {coding}\r\n"), &body)).await;
        for (user, path) in [("ana", "/cards/501"), ("adm", "/cards/501"), ("adm", "/files/501")] {
            let answer = world.get(user, path).await;
            assert_eq!((answer.status, answer.problem().as_str()), (502, "unreadable"), "{coding} {path}");
        }
    }
}

#[tokio::test]
async fn f02_a_write_is_made_though_its_echo_cannot_be_read() {
    let world = answering(bytes("content-encoding: x-foo\r\n", b"CANARY-hidden-1")).await;
    let answer = world.write("ana", "POST", "/cards", &json!({"name": "x"})).await;
    assert_eq!((answer.status, answer.body.as_str()), (204, ""));
}

#[tokio::test]
async fn f03_what_inflates_beyond_the_bound_is_refused() {
    // A hundred to one; the bound is that of answers.
    let bomb = gzip(&vec![b' '; 10 << 20]);
    assert!(bomb.len() < 64 << 10);
    let answer = bytes("content-encoding: gzip\r\n", &bomb);
    let world = answering_within("api_answer_bytes_max = \"64KiB\"\n", answer.clone()).await;
    let refused = ask(&world, "").await;
    assert_eq!((refused.status, refused.problem().as_str()), (502, "unreadable"));
    assert_eq!(world.decision(&refused).reason, "answer_too_large");
}

#[tokio::test]
async fn f04_an_answer_that_is_too_large_is_none() {
    let large = CONTACT.replace("501-name", &format!("hidden-{}", "x".repeat(70 << 10)));
    let world = answering_within("api_answer_bytes_max = \"64KiB\"\n", bytes("", large.as_bytes())).await;
    for user in ["ana", "adm"] {
        let answer = world.get(user, "/cards/501").await;
        assert_eq!((answer.status, answer.problem().as_str()), (502, "unreadable"), "{user}");
    }
}

#[tokio::test]
async fn d10_d14_e12_e13_f02_f04_f08_whatever_cannot_be_filtered_is_told_in_the_same_words() {
    let deep = format!(r#"{{"id":"501","owner":"ana","extra":{}}}"#, "[".repeat(200) + &"]".repeat(200));
    let broken = r#"{"id":"501","owner":"ana","name":"CANARY-hidden-1"#;
    let retried = "content-type: application/json\r\nretry-after: 7\r\nx-total-count: 7\r\n";
    let chunked = format!(
        "HTTP/1.1 200 OK\r\ncontent-language: de\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{broken}\r\n0\r\n\r\n",
        broken.len()
    );
    let large = CONTACT.replace("501-name", &format!("hidden-{}", "x".repeat(70 << 10)));
    let large_in_chunks = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{large}\r\n0\r\n\r\n",
        large.len()
    );
    let cut = format!(
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{CONTACT}",
        CONTACT.len() + 1
    );
    let answers = [
        ("broken JSON", bytes("", broken.as_bytes())),
        ("broken JSON in a chunk", chunked.into_bytes()),
        ("two documents", bytes(retried, &CONTACT.repeat(2).into_bytes())),
        ("nothing", bytes("content-type: application/json\r\n", b"")),
        ("a list", bytes("", b"[]")),
        ("a text", bytes("", br#""CANARY-hidden-1""#)),
        ("no JSON", bytes("content-type: text/html\r\n", b"<p>CANARY-hidden-1</p>")),
        ("a key twice", bytes("", br#"{"id":"501","owner":"ben","owner":"ana"}"#)),
        ("bad UTF-8", bytes("", b"{\"id\":\"501\",\"owner\":\"ana\",\"name\":\"\xff\"}")),
        ("too deep", bytes("", deep.as_bytes())),
        ("bad gzip", bytes("content-encoding: gzip\r\n", CONTACT.as_bytes())),
        ("too large out of its coding", bytes("content-encoding: gzip\r\n", &gzip(&vec![b' '; 1 << 20]))),
        ("an unknown coding", bytes("content-encoding: x-foo\r\n", CONTACT.as_bytes())),
        ("another charset", bytes("content-type: application/json; charset=utf-16\r\n", CONTACT.as_bytes())),
        ("a part", backend::answer(206, "content-range: bytes 0-9/100\r\n", CONTACT)),
        ("too large", bytes("", large.as_bytes())),
        ("too large in chunks", large_in_chunks.into_bytes()),
        ("one that breaks off", cut.into_bytes()),
        ("a redirection", backend::answer(302, "location: /CANARY-hidden-1\r\n", CONTACT)),
        (
            "a redirection with another method",
            backend::answer(307, "location: /CANARY-hidden-1\r\n", CONTACT),
        ),
        ("nothing new", b"HTTP/1.1 304 Same\r\netag: \"CANARY-hidden-1\"\r\n\r\n".to_vec()),
        ("no credentials", backend::answer(401, "www-authenticate: CANARY-hidden-1\r\n", CONTACT)),
        (
            "no credentials for a proxy",
            backend::answer(407, "proxy-authenticate: CANARY-hidden-1\r\n", CONTACT),
        ),
    ];
    let mut first = None;
    for (what, answer) in answers {
        let world = answering_within("api_answer_bytes_max = \"64KiB\"\n", answer).await;
        for (user, path) in [
            ("ana", "/cards/501"),
            ("sue", "/cards/501"),
            // Read for its facts alone.
            ("ana", "/contacts/501"),
            ("ana", "/conversations"),
        ] {
            let told = world.get(user, path).await.told();
            assert_eq!(told.0, 502, "{what}: {user} {path}");
            assert_eq!(&told, first.get_or_insert_with(|| told.clone()), "{what}: {user} {path}");
        }
    }
}

#[tokio::test]
async fn f05_there_is_no_condition_and_no_304() {
    let world = answering(bytes("etag: \"CANARY-hidden-1\"\r\n", CONTACT.as_bytes())).await;
    let conditions = "If-None-Match: \"CANARY-hidden-1\"\r\nIf-Modified-Since: Sat, 01 Jan 2028 00:00:00 GMT\r\n\
                      If-Range: \"1\"\r\nIf-Match: *\r\n";
    let answer = ask(&world, conditions).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, SEEN));
    let seen = &world.backend.seen()[0];
    assert!(seen.headers.iter().all(|(name, _)| !name.to_lowercase().starts_with("if-")), "{seen:?}");
    // A backend that answers so all the same is not believed.
    let world = answering(b"HTTP/1.1 304 Same\r\netag: \"CANARY-hidden-1\"\r\n\r\n".to_vec()).await;
    let answer = ask(&world, conditions).await;
    assert_eq!((answer.status, answer.header("etag")), (502, None));
}

#[tokio::test]
async fn f06_what_the_backend_says_of_its_own_content_is_not_said_of_what_is_shown() {
    let headers = "etag: \"CANARY-hidden-1\"\r\nlast-modified: Sat, 01 Jan 2000 00:00:00 GMT\r\n\
                   content-md5: CANARY-hidden-2\r\ndigest: CANARY-hidden-3\r\nrepr-digest: CANARY-hidden-4\r\n";
    let other = CONTACT.replace("CANARY-501-phone", "another number, of another length");
    let (before, after) = (CONTACT.to_owned(), other);
    let mut answers = Vec::new();
    for contact in [before, after] {
        let world = answering(bytes(headers, contact.as_bytes())).await;
        let mut answer = ask(&world, "").await;
        for name in ["etag", "last-modified", "content-md5", "digest", "repr-digest"] {
            assert_eq!(answer.header(name), None, "{name}");
        }
        assert_eq!(answer.header("content-length"), Some(SEEN.len().to_string().as_str()));
        answer.headers.retain(|(name, _)| name != "date" && name != "headgate-decision");
        answers.push((answer.headers, answer.body));
    }
    assert_eq!(answers[0], answers[1], "a change of a hidden field changes nothing");
}

#[tokio::test]
async fn f07_an_answer_is_for_one_user_and_is_kept_nowhere() {
    let headers = "cache-control: public, max-age=600\r\nexpires: Sat, 01 Jan 2028 00:00:00 GMT\r\nage: 1\r\nvary: accept\r\n";
    let world = answering(bytes(headers, CONTACT.as_bytes())).await;
    for path in ["/cards/501", "/cards/502", "/no-such-thing"] {
        let answer = world.get("ana", path).await;
        assert_eq!(answer.header("cache-control"), Some("private, no-store"), "{path}");
        assert_eq!(answer.header("vary"), Some("*"), "{path}");
        assert_eq!((answer.header("expires"), answer.header("age")), (None, None), "{path}");
    }
}

#[tokio::test]
async fn f08_there_are_no_parts() {
    let world = answering(bytes("accept-ranges: bytes\r\n", CONTACT.as_bytes())).await;
    let answer = ask(&world, "Range: bytes=0-9\r\n").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, SEEN));
    assert_eq!((answer.header("accept-ranges"), answer.header("content-range")), (None, None));
    assert_eq!(world.backend.seen()[0].all("range"), [""; 0]);
    let part = backend::answer(206, "content-range: bytes 0-9/100\r\n", CONTACT);
    let world = answering(part).await;
    for path in ["/cards/501", "/files/501"] {
        assert_eq!(world.get("adm", path).await.status, 502, "{path}");
    }
}

#[tokio::test]
async fn f09_two_users_who_ask_for_the_same_see_what_is_theirs() {
    let world = answering(bytes("cache-control: public, max-age=600\r\n", CONTACT.as_bytes())).await;
    for _ in 0..2 {
        for (user, sees) in [("sue", true), ("ana", false), ("adm", true), ("ana", false)] {
            let answer = world.get(user, "/cards/501").await;
            assert_eq!(answer.body.contains("CANARY-501-phone"), sees, "{user}");
        }
        assert_eq!(world.get("ben", "/cards/501").await.status, 404);
    }
    // They came one after the other on what was left open.
    let asked = world.backend.seen();
    let of_one: std::collections::BTreeSet<_> = asked
        .iter()
        .filter(|asked| asked.connection == 0)
        .flat_map(|asked| asked.all("headgate-actor"))
        .collect();
    assert!(of_one.is_superset(&["adm", "ana", "ben", "sue"].into()), "users share a connection: {of_one:?}");
}

#[tokio::test]
async fn f10_what_comes_before_and_after_an_answer_is_dropped() {
    let hints = "HTTP/1.1 103 Early Hints\r\nlink: </CANARY-hidden-1>; rel=preload\r\n\r\n";
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-phone\r\n\r\n";
    let chunk = format!(
        "{:x}\r\n{CONTACT}\r\n0\r\nx-phone: CANARY-hidden-2\r\netag: CANARY-hidden-3\r\n\r\n",
        CONTACT.len()
    );
    let world = answering([hints, head, &chunk].concat().into_bytes()).await;
    let raw = "GET /api/v1/accounts/1/cards/501 HTTP/1.1\r\nHost: acme.example\r\nTE: trailers\r\nConnection: close, TE\r\n\
               Authorization: Bearer ana\r\n\r\n";
    let answer = world.raw(raw).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with(SEEN), "{answer}");
    assert!(!answer.contains("hidden") && !answer.contains("trailer"), "{answer}");
}

#[tokio::test]
async fn a16_head_is_get_without_its_content() {
    let world = answering(bytes("", CONTACT.as_bytes())).await;
    for (user, path) in [("ana", "/cards/501"), ("ben", "/cards/501"), ("ana", "/no-such-thing")] {
        let get = world.get(user, path).await;
        let head = world.send(user, &format!("HEAD /api/v1/accounts/1{path}"), "", "").await;
        let told = |answer: &Answer| -> (u16, Vec<(String, String)>) {
            let own = ["date", "headgate-decision"];
            let headers = answer.headers.iter().filter(|(name, _)| !own.contains(&name.as_str()));
            (answer.status, headers.cloned().collect())
        };
        assert_eq!(told(&get), told(&head), "{user} {path}");
        assert_eq!(head.body, "", "{user} {path}");
    }
    let length = SEEN.len().to_string();
    assert_eq!(ask(&world, "").await.header("content-length"), Some(length.as_str()));
}

#[tokio::test]
async fn e14_the_name_of_a_file_is_told_with_what_passes_as_a_whole_alone() {
    const NAMED: &str = "content-disposition: inline; filename=\"CANARY-hidden-1.json\"\r\n\
        content-disposition: attachment; filename*=UTF-8''CANARY-hidden-212\r\n";
    let rows = format!("{{\"rows\":[{CONTACT}]}}");
    for (path, body) in [
        ("/cards/501", CONTACT),
        ("/contacts/501", CONTACT),
        ("/cards", &rows),
        ("/paged", &rows),
        ("/table", "id,owner,name,phone_number\n501,ana,CANARY-501-name,CANARY-501-phone\n"),
    ] {
        let named = bytes(NAMED, body.as_bytes());
        let world = answering(named.clone()).await;
        let answer = world.get("ana", path).await;
        let told = answer.header("content-disposition").unwrap_or("attachment");
        assert_eq!((answer.status, told), (200, "attachment"), "{path}: {answer:?}");
        // Who sees every contact, and one field of none.
        let hiding = |source: &mut Source| {
            let hidden = Fields { hidden: vec!["phone_number".to_owned()], ..Fields::default() };
            source.roles.get_mut("admin").unwrap().fields = [("contact".to_owned(), hidden)].into();
        };
        let script = move |_: &Asked| Some(named.clone());
        let world = Setup::default().routes(CARDS).policy(hiding).backend(script).start().await;
        let answer = world.get("adm", path).await;
        let told = answer.header("content-disposition");
        assert_eq!((answer.status, told), (200, Some("attachment")), "{path}: {answer:?}");
    }
    // What was written, and an answer without content.
    let written = answering(bytes(NAMED, CONTACT.as_bytes())).await;
    let echo = written.write("ana", "POST", "/cards", &json!({"name": "x"})).await;
    let script = |asked: &Asked| {
        let nothing = format!("HTTP/1.1 204 Gone\r\n{NAMED}\r\n").into_bytes();
        Some(if asked.method == "DELETE" { nothing } else { bytes("", CONTACT.as_bytes()) })
    };
    let world = Setup::default().routes(CARDS).backend(script).start().await;
    let deleted = world.send("ana", "DELETE /api/v1/accounts/1/cards/501", "", "").await;
    for (answer, status) in [(echo, 200), (deleted, 204)] {
        let told = answer.header("content-disposition");
        assert_eq!((answer.status, told), (status, Some("attachment")), "{answer:?}");
    }
    // Who sees all of it knows the name too, be the answer read or not.
    for coding in ["", "content-encoding: gzip\r\n"] {
        let body = if coding.is_empty() { CONTACT.as_bytes().to_vec() } else { gzip(CONTACT.as_bytes()) };
        let name = "attachment; filename=\"CANARY-501-name.json\"";
        let world = answering(bytes(&format!("content-disposition: {name}\r\n{coding}"), &body)).await;
        for path in ["/contacts/501", "/files/501"] {
            let answer = world.get("adm", path).await;
            assert_eq!(answer.header("content-disposition"), Some(name), "{path} {coding}");
        }
    }
}

#[tokio::test]
async fn d09_the_backend_is_asked_for_what_can_be_filtered() {
    for wanted in [
        "text/csv",
        "application/xml",
        "application/json;as=Table",
        "*/*;q=0.1",
        "image/png\r\nAccept: text/csv",
    ] {
        let world = answering(bytes("", CONTACT.as_bytes())).await;
        assert_eq!(ask(&world, &format!("Accept: {wanted}\r\n")).await.status, 200, "{wanted}");
        assert_eq!(world.backend.seen()[0].all("accept"), ["application/json"], "{wanted}");
    }
    // And what Headgate itself asks for first.
    let world = answering(bytes("", CONTACT.as_bytes())).await;
    let line = "GET /api/v1/accounts/1/contacts/501";
    assert_eq!(world.send("ana", line, "Accept: text/html\r\n", "").await.status, 200);
    let asked = world.backend.seen();
    assert_eq!(asked.iter().map(Asked::line).collect::<Vec<_>>(), [line, line]);
    assert!(asked.iter().all(|asked| asked.all("accept") == ["application/json"]), "{asked:?}");
    let world = answering(bytes("", CONTACT.as_bytes())).await;
    let file = world.send("adm", "GET /api/v1/accounts/1/files/501", "Accept: image/png\r\n", "").await;
    assert_eq!((file.status, world.backend.seen()[0].all("accept")), (200, vec!["image/png"]));
    for (media, body) in [
        ("text/csv", "id,phone_number\n501,CANARY-hidden-1\n"),
        ("application/xml", "<p>CANARY-hidden-1</p>"),
    ] {
        let world = answering(backend::answer(200, &format!("content-type: {media}\r\n"), body)).await;
        assert_eq!(world.get("adm", "/cards/501").await.status, 502, "{media}");
    }
}

#[tokio::test]
async fn d14_a_redirection_is_neither_followed_nor_shown() {
    for status in [300, 301, 302, 303, 307, 308] {
        for location in ["/api/v1/accounts/1/conversations/102", "http://other.example/CANARY-hidden-1"] {
            let told = backend::answer(status, &format!("location: {location}\r\n"), "CANARY-hidden-1");
            let world = answering(told).await;
            for path in ["/cards/501", "/files/501"] {
                let answer = world.get("adm", path).await;
                assert_eq!(
                    (answer.status, answer.header("location")),
                    (502, None),
                    "{status} {location} {path}"
                );
            }
            let written = world.write("adm", "POST", "/cards", &json!({"name": "x"})).await;
            assert_eq!((written.status, written.header("location")), (502, None), "{status} {location}");
            assert_eq!(world.backend.seen().len(), 3, "each asked for once");
        }
    }
}

#[tokio::test]
async fn a17_options_tells_nothing_and_a_foreign_page_reads_nothing() {
    let world = answering(bytes("access-control-allow-origin: *\r\n", CONTACT.as_bytes())).await;
    let asking = "Origin: https://panel.example\r\nAccess-Control-Request-Method: DELETE\r\n";
    let mut answers = Vec::new();
    for path in ["/cards/501", "/conversations/102", "/no-such-thing"] {
        for headers in ["", asking] {
            let mut answer = world.send("", &format!("OPTIONS /api/v1/accounts/1{path}"), headers, "").await;
            answer.headers.retain(|(name, _)| name != "date" && name != "headgate-decision");
            assert_eq!(answer.status, 204, "{path}");
            answers.push(answer.headers);
        }
    }
    assert!(answers.windows(2).all(|two| two[0] == two[1]), "{answers:#?}");
    assert_eq!(world.backend.lines(), [""; 0]);
    let answer = ask(&world, asking).await;
    assert!(
        answer.headers.iter().all(|(name, _)| !name.starts_with("access-control") && name != "allow"),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_page_of_a_listed_origin_may_ask_and_read() {
    let listed = "[gate]\ncors_origins = [\"https://panel.example\"]\n";
    let world =
        answering_within(listed, bytes("access-control-allow-origin: *\r\n", CONTACT.as_bytes())).await;
    let asking = "Origin: https://panel.example\r\nAccess-Control-Request-Method: PATCH\r\n\
                  Access-Control-Request-Headers: authorization, content-type\r\n";
    // With credentials, be they a cookie or a certificate, which no browser takes of an answer to `*`.
    let told = |answer: &Answer| {
        let headers = answer
            .headers
            .iter()
            .filter_map(|(name, value)| Some(format!("{}: {value}", name.strip_prefix("access-control-")?)));
        headers.collect::<BTreeSet<_>>()
    };
    let both = ["allow-origin: https://panel.example", "allow-credentials: true"];
    let with = |more: &[&str]| -> BTreeSet<_> {
        both.iter().chain(more).map(|header| (*header).to_owned()).collect()
    };
    let answer = world.send("", "OPTIONS /api/v1/accounts/1/cards/501", asking, "").await;
    let may_ask = [
        "allow-methods: GET, HEAD, POST, PUT, PATCH, DELETE",
        "allow-headers: authorization, content-type",
        "max-age: 600",
    ];
    assert_eq!((answer.status, told(&answer)), (204, with(&may_ask)));
    // A refusal can be read too, or a panel could not tell its user.
    let may_read =
        "expose-headers: content-disposition, headgate-decision, headgate-grants, headgate-more, retry-after";
    for (user, status) in [("ana", 200), ("ben", 404), ("", 401)] {
        let answer = world
            .send(user, "GET /api/v1/accounts/1/cards/501", "Origin: https://panel.example\r\n", "")
            .await;
        assert_eq!((answer.status, told(&answer)), (status, with(&[may_read])), "{user}");
    }
    for origin in [
        "https://panel.example.org",
        "http://panel.example",
        "null",
        "https://PANEL.example",
        "https://panel.example\r\nOrigin: https://x.example",
    ] {
        let answer = ask(&world, &format!("Origin: {origin}\r\n")).await;
        assert_eq!(told(&answer), BTreeSet::new(), "{origin}");
        let asking = asking.replacen("https://panel.example", origin, 1);
        let answer = world.send("", "OPTIONS /api/v1/accounts/1/cards/501", &asking, "").await;
        assert_eq!(told(&answer), BTreeSet::new(), "{origin}");
    }
}

/// What is here is what the tests above say that it is.
#[test]
fn the_contact_is_json() {
    let seen = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let mut contact = seen(CONTACT);
    contact.as_object_mut().unwrap().remove("phone_number");
    assert_eq!(contact, seen(SEEN));
}

super::obeying::once_more!(
    f01_the_coding_is_between_headgate_and_the_backend,
    f02_an_encoded_answer_is_read_before_it_passes,
    f02_a_write_is_made_though_its_echo_cannot_be_read,
    f03_what_inflates_beyond_the_bound_is_refused,
    f04_an_answer_that_is_too_large_is_none,
    d10_d14_e12_e13_f02_f04_f08_whatever_cannot_be_filtered_is_told_in_the_same_words,
    f05_there_is_no_condition_and_no_304,
    f06_what_the_backend_says_of_its_own_content_is_not_said_of_what_is_shown,
    f07_an_answer_is_for_one_user_and_is_kept_nowhere,
    f08_there_are_no_parts,
    f09_two_users_who_ask_for_the_same_see_what_is_theirs,
    f10_what_comes_before_and_after_an_answer_is_dropped,
    a16_head_is_get_without_its_content,
    e14_the_name_of_a_file_is_told_with_what_passes_as_a_whole_alone,
    d09_the_backend_is_asked_for_what_can_be_filtered,
    d14_a_redirection_is_neither_followed_nor_shown,
    a17_options_tells_nothing_and_a_foreign_page_reads_nothing,
    a_page_of_a_listed_origin_may_ask_and_read,
);
