//! What is told of a write that was made.

use headgate::gate::decisions::Outcome;
use serde_json::json;

use super::{
    super::{backend, world::Setup},
    JSON, ROUTES, rights,
};

/// An answer to a write by the name that the write gives, and to whoever asks for the contact of a new row.
fn echoing(asked: &backend::Asked) -> Option<Vec<u8>> {
    use backend::{answer, json};
    const TYPE: &str = "content-type: application/json\r\n";
    if asked.target.ends_with("/contacts/777") {
        return Some(json(429, &json!({})));
    }
    if asked.method == "GET" {
        return None;
    }
    let name = asked.body.split('"').nth(3)?;
    Some(match name {
        "large" => format!("HTTP/1.1 200 Told\r\ncontent-length: 20000000\r\n{TYPE}\r\n{{").into_bytes(),
        "cut" => format!("HTTP/1.1 201 Told\r\ncontent-length: 20\r\n{TYPE}connection: close\r\n\r\n{{")
            .into_bytes(),
        "odd" => answer(200, TYPE, "no JSON"),
        "part" => answer(206, TYPE, "{}"),
        "packed" => answer(200, &format!("content-encoding: gzip\r\n{TYPE}"), "no gzip"),
        "unknown" => json(200, &json!({"rows": [{"id": "777"}]})),
        "none" => Vec::new(),
        "error" => format!("HTTP/1.1 500 Told\r\ncontent-length: 20000000\r\n{TYPE}\r\n{{").into_bytes(),
        "refused" => answer(422, TYPE, "{}"),
        _ => return None,
    })
}

#[tokio::test]
async fn what_was_written_is_never_told_as_failed() {
    let world = Setup::default().routes(ROUTES).policy(rights).backend(echoing).start().await;
    let patch = "PATCH /open/contacts/501";
    for (line, name) in [
        (patch, "large"),
        (patch, "cut"),
        (patch, "odd"),
        (patch, "part"),
        (patch, "packed"),
        ("POST /stubs", "unknown"),
    ] {
        let (answer, reached) = world.typed(line, JSON, &json!({"name": name}).to_string()).await;
        assert_eq!((answer.status, answer.body.as_str(), reached), (204, "", true), "{name}: {answer:?}");
        let record = world.decision(&answer);
        assert_eq!((record.outcome, record.reason), (Outcome::Allowed, "echo_withheld"), "{name}");
    }
    // What nothing tells of may have been made or not.
    for (name, status) in [("none", 502), ("error", 502), ("refused", 422)] {
        let (answer, _) = world.typed(patch, JSON, &json!({"name": name}).to_string()).await;
        assert_eq!(answer.status, status, "{name}: {answer:?}");
    }
}

super::super::obeying::once_more!(what_was_written_is_never_told_as_failed,);
