//! `explain`, against an `ops` listener that answers one question.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    thread::{self, JoinHandle},
};

use insta::assert_snapshot;

use super::headgate;

/// Answers one request; gives its URL and, in the end, the request's head.
fn answering(status: &'static str, body: &'static str) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answered = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut head = String::new();
        let mut lines = BufReader::new(&stream);
        while lines.read_line(&mut head).unwrap() > 2 {}
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        (&stream).write_all(answer.as_bytes()).unwrap();
        head
    });
    (url, answered)
}

const DECISION: &str = r#"{
    "id": "dec_00000000000000000000000000000007", "time": "2026-01-01T00:00:00.000Z", "tenant": "default",
    "user": "ana", "method": "GET", "route": "GET /conversations/{id}", "path": "/conversations/4\u001b[31m",
    "resource": "conversation", "action": "view", "outcome": "denied", "reason": "out_of_scope",
    "why": "role seller grants conversation.view with scope own; somebody else is responsible", "status": 404
}"#;

#[test]
fn a_decision_is_told_in_words_and_nothing_in_it_moves_the_terminal() {
    let (url, asked) = answering("200 OK", DECISION);
    let token = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(token.path(), "a-token\n").unwrap();
    let said = headgate(&[
        "explain",
        "dec_00000000000000000000000000000007",
        "--ops",
        &url,
        "--tenant",
        "default",
        "--token-file",
        token.path().to_str().unwrap(),
    ]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    assert_snapshot!(said.out);
    let asked = asked.join().unwrap();
    assert!(
        asked.starts_with("GET /v1/decisions/dec_00000000000000000000000000000007?tenant=default "),
        "{asked}"
    );
    assert!(asked.contains("authorization: Bearer a-token\r\n"), "{asked}");
}

#[test]
fn a_decision_that_is_not_kept_exits_with_1() {
    let (url, _asked) = answering("404 Not Found", r#"{"type":"urn:headgate:problem:no-decision"}"#);
    let said = headgate(&["explain", "dec_7", "--ops", &url]);
    assert_eq!((said.code, said.err.as_str()), (1, "there is no decision dec_7, or it is no longer kept\n"));
}

#[test]
fn what_hinders_the_question_is_told_and_exits_with_2() {
    let (url, _asked) = answering("401 Unauthorized", r#"{"detail":"a bearer token is needed"}"#);
    let said = headgate(&["explain", "dec_7", "--ops", &url]);
    assert_eq!(said.code, 2);
    assert!(
        said.err.contains("answered with status 401 Unauthorized: a bearer token is needed"),
        "{}",
        said.err
    );

    let (url, _asked) = answering("404 Not Found", "no such page");
    assert_eq!(headgate(&["explain", "dec_7", "--ops", &url]).code, 2, "another server's 404 is no answer");

    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let said = headgate(&["explain", "dec_7", "--ops", &format!("http://{free}")]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("could not connect"), "{}", said.err);

    assert_eq!(headgate(&["explain", "../config", "--ops", &url]).code, 2);
}
