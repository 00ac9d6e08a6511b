//! Section G: bodies that are read, and those that are not.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{super::world::Answer, FORM, JSON, MERGE, MULTIPART, PATCH, parts, world};

#[tokio::test]
async fn g04_g09_g11_another_media_type_charset_or_coding_is_not_read() {
    let world = world().await;
    let body = r#"{"name":"x"}"#;
    for media in [
        "text/plain",
        "",
        "application/json; charset=utf-7",
        "application/xml",
        "application/msgpack",
        "application/protobuf",
        "application/graphql",
        "application/vnd.api+json",
        FORM,
        MULTIPART,
        MERGE,
        PATCH,
    ] {
        let (answer, reached) = world.typed("PATCH /json/contacts/501", media, body).await;
        assert_eq!(
            (answer.status, answer.problem().as_str(), reached),
            (415, "media-type", false),
            "{media}"
        );
    }
    for coding in ["gzip", "identity"] {
        let media = format!("{JSON}\r\nContent-Encoding: {coding}");
        let (answer, reached) = world.typed("PATCH /guarded/contacts/501", &media, body).await;
        assert_eq!((answer.status, reached), (415, false), "{coding}");
    }
}

#[tokio::test]
async fn g05_a_name_that_stands_twice_is_no_name() {
    let world = world().await;
    for (media, body) in [
        (JSON, r#"{"assignee_id":1,"assignee_id":7}"#.to_owned()),
        (FORM, "name=1&name=2".to_owned()),
        (FORM, "name=1&name[a]=2".to_owned()),
        (FORM, "_method=delete&name=1".to_owned()),
        (FORM, "name;phone_number=1".to_owned()),
        (FORM, "phone.number=1".to_owned()),
        (MULTIPART, parts(&["name", "name"])),
        (MULTIPART, parts(&["_charset_"])),
        (MULTIPART, parts(&["name"]).replace("\r\n", "\n")),
        (PATCH, r#"[{"op":"replace","path":"","value":{}}]"#.to_owned()),
        (PATCH, r#"{"name":"x"}"#.to_owned()),
        (JSON, r#"{"_method":"delete"}"#.to_owned()),
        (JSON, "7".to_owned()),
    ] {
        let (answer, reached) = world.typed("PATCH /open/contacts/501", media, &body).await;
        assert_eq!((answer.status, reached), (400, false), "{body}");
    }
    let (answer, reached) = world.typed("PATCH /open/contacts/501?name=1&name=2", JSON, "{}").await;
    assert_eq!((answer.status, reached), (400, false), "in the query");
}

#[tokio::test]
async fn g07_g08_a_body_over_the_limit_is_not_decided_on() {
    let world = world().await;
    let large = json!({"name": "x".repeat(2000)}).to_string();
    let (answer, reached) = world.typed("PATCH /json/contacts/501", JSON, &large).await;
    assert_eq!((answer.status, reached), (413, false), "G07");
    let head = "PATCH /api/v1/accounts/1/json/contacts/501 HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer ana\r\nContent-Type: application/json\r\n";
    for (row, rest, status) in [
        (
            "G08 chunked",
            format!("Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{large}\r\n0\r\n\r\n", large.len()),
            413,
        ),
        ("G08 long", "Content-Length: 5\r\n\r\n{\"name\":\"x\"}".to_owned(), 400),
    ] {
        let before = world.writes();
        let answer = Answer::of(&world.raw(format!("{head}{rest}")).await);
        assert_eq!((answer.status, world.writes() - before), (status, 0), "{row}");
    }
}

#[tokio::test]
async fn g08_a_body_that_ends_before_its_length_is_not_decided_on() {
    let world = world().await;
    let head = "PATCH /api/v1/accounts/1/json/contacts/501 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ana\r\nContent-Type: application/json\r\n";
    for rest in [
        "Content-Length: 20\r\n\r\n{\"name\":\"x\"}",
        "Content-Length: 20\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\nc\r\n{\"name\":\"x\"}\r\n",
        "Transfer-Encoding: chunked\r\n\r\n14\r\n{\"name\":\"x\"}",
    ] {
        let mut stream = world.connect().await;
        stream.write_all(format!("{head}{rest}").as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{rest}: {answer}");
    }
    assert_eq!(world.writes(), 0);
}

#[tokio::test]
async fn g10_what_takes_no_body_takes_none() {
    let world = world().await;
    for line in [
        "GET /conversations/101",
        "GET /answered/101",
        "DELETE /conversations/101",
        "DELETE /bulk/conversations?ids=101",
    ] {
        let (answer, reached) = world.typed(line, JSON, "{}").await;
        assert_eq!((answer.status, reached), (400, false), "{line}");
    }
}

super::super::obeying::once_more!(
    g04_g09_g11_another_media_type_charset_or_coding_is_not_read,
    g05_a_name_that_stands_twice_is_no_name,
    g07_g08_a_body_over_the_limit_is_not_decided_on,
    g08_a_body_that_ends_before_its_length_is_not_decided_on,
    g10_what_takes_no_body_takes_none,
);
