//! The way of a request from its user to the backend and back.

use std::sync::{Arc, Mutex, mpsc};

use headgate::{clock::SystemClock, config::Config, gateway::Gateway};
use serde_json::json;
use tokio::sync::mpsc::unbounded_channel;

use super::world::{HEADGATE, ROUTES, Setup, policy, vocabulary, world};
use crate::support::folder::write_file;

#[tokio::test]
async fn each_user_reaches_what_their_role_grants_and_nothing_else() {
    let world = world().await;
    for (user, id, status) in [
        ("ana", "101", 200),
        ("ana", "102", 404),
        ("ana", "103", 404),
        ("ana", "104", 200),
        ("ana", "999999", 404),
        ("ben", "101", 404),
        ("ben", "102", 200),
        ("sue", "101", 200),
        ("sue", "102", 404),
        ("sue", "103", 200),
        ("adm", "102", 200),
        ("adm", "999999", 404),
        ("temp", "101", 404),
    ] {
        let before = world.backend.seen().len();
        let answer = world.get(user, &format!("/conversations/{id}")).await;
        assert_eq!(answer.status, status, "{user} {id}: {answer:?}");
        let forwarded = world.backend.seen().len() - before;
        assert_eq!(forwarded, usize::from(status == 200 || user == "adm"), "{user} {id}");
        if status == 200 {
            assert_eq!(answer.json()["title"], format!("CANARY-{id}-title"));
        }
    }
}

#[tokio::test]
async fn the_backend_is_told_who_asks() {
    let world = world().await;
    world.write("ana", "PATCH", "/conversations/101", &json!({"title": "new"})).await;
    let asked = &world.backend.seen()[0];
    assert_eq!(asked.line(), "PATCH /api/v1/accounts/1/conversations/101");
    assert_eq!(asked.body, r#"{"title":"new"}"#);
    assert_eq!(asked.all("headgate-actor"), ["ana"]);
    assert_eq!(asked.all("headgate-teams"), ["sales"]);
    assert_eq!(asked.all("headgate-tenant"), ["acme"]);
    assert_eq!(asked.all("headgate-grants"), ["7"]);
    assert_eq!(asked.all("content-type"), ["application/json"]);
}

#[tokio::test]
async fn an_answer_that_comes_too_late_or_is_too_large_is_none() {
    for (bound, status, problem, reason) in [
        ("api_idle_timeout = \"50ms\"", 504, "backend", "timed_out"),
        ("api_answer_bytes_max = \"1KiB\"", 502, "unreadable", "answer_too_large"),
    ] {
        let begun = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1025\r\n\r\n{";
        let world = Setup::default().headgate(bound).backend(|_| Some(begun.to_vec())).start().await;
        let answer = world.get("ana", "/conversations").await;
        assert_eq!((answer.status, answer.problem().as_str()), (status, problem), "{bound}");
        assert_eq!(world.decision(&answer).reason, reason, "{bound}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_more_than_the_backend_may_have_is_refused_at_once() {
    let (entered, mut came) = unbounded_channel();
    let (release, held) = mpsc::channel();
    let held = Mutex::new(held);
    let world = Setup::default()
        .headgate("api_concurrency_max = 1")
        .backend(move |_| {
            entered.send(()).unwrap();
            tokio::task::block_in_place(|| held.lock().unwrap().recv().unwrap());
            None
        })
        .start()
        .await;
    let second = async {
        came.recv().await.unwrap();
        let refused = world.get("ana", "/conversations/101").await;
        release.send(()).unwrap();
        refused
    };
    let (first, second) = tokio::join!(world.get("ana", "/conversations/101"), second);
    assert_eq!((first.status, second.status), (200, 503));
    assert_eq!(second.header("retry-after"), Some("1"));
    assert_eq!(world.decision(&second).reason, "busy");
}

#[tokio::test]
async fn the_gateway_lets_nobody_in_whom_nobody_knows() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| write_file(folder.path(), name, text);
    let log = folder.path().join("decisions.jsonl");
    let decision_log = format!("[gate.decision_log]\nfile = {log:?}\n");
    write("headgate.toml", &(HEADGATE.replace("BACKEND", "127.0.0.1:1") + &decision_log));
    write("tenants/acme/routes.toml", &ROUTES.replace("ACCOUNT", "1"));
    write("tenants/acme/roles.toml", &vocabulary(&policy()));
    let loaded = Config::load(folder.path(), &|_| None).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let gateway = Gateway::start(loaded, Arc::new(SystemClock::new())).await.unwrap();
    let path = "/api/v1/accounts/1/conversations/101";
    let (status, _) = crate::support::outside::get(gateway.agents().unwrap(), path).await;
    assert_eq!(status, 401);
    gateway.stop().await.unwrap();
    assert!(!log.exists(), "strangers write no line");
}

#[tokio::test]
async fn i14_a_panic_fails_its_own_request_and_shows_nothing() {
    let script = |asked: &super::backend::Asked| {
        let object = json!({"id": "101", "title": "CANARY-panic-title", "assignee": "panic"});
        asked.target.contains("/answered/101").then(|| super::backend::json(200, &object))
    };
    let world = Setup::default().backend(script).start().await;
    // Before the backend is asked, and with its answer at hand.
    assert_eq!(world.get("panic", "/conversations/101").await.status, 500);
    assert_eq!(world.backend.lines(), [""; 0]);
    assert_eq!(world.get("ana", "/answered/101").await.status, 500);
    let metrics = world.metrics();
    assert!(metrics.contains("headgate_request_panics_total{listener=\"agents\"} 2"), "{metrics}");
    assert_eq!(world.get("ana", "/conversations/101").await.status, 200, "the others go on");
}
