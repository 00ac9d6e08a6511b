//! Facts that Headgate asks the backend for.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::Whole;
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_who_want_one_object_make_one_question_about_it_for_a_few_seconds() {
    let whole = Arc::new(Whole::start().await);
    let go = whole.hold();
    let mut asking = JoinSet::new();
    for user in ["adm", "ana"].into_iter().cycle().take(20) {
        let whole = Arc::clone(&whole);
        asking.spawn(async move { whole.get(user, "/contacts/501").await.status });
    }
    while whole.held.lock().unwrap().is_some() {
        tokio::task::yield_now().await;
    }
    go.send(()).unwrap();
    assert_eq!(asking.join_all().await, [200; 20]);
    let questions = || {
        let seen = whole.backend.seen();
        seen.iter().filter(|asked| asked.all("headgate-actor") == ["headgate"]).count()
    };
    assert_eq!(questions(), 1);
    assert_eq!(whole.get("ben", "/contacts/501").await.status, 404, "by the same facts");
    assert_eq!(questions(), 1);
    whole.pass(60);
    assert_eq!(whole.get("adm", "/contacts/501").await.status, 200);
    assert_eq!(questions(), 2);
}

#[tokio::test]
async fn i01_after_a_push_facts_that_were_read_before_it_are_not_believed() {
    let whole = Whole::start().await;
    whole.lets("ben", &["501"]);
    for (push, owner, other) in
        [(json!({"tenant": "acme", "user": "ana"}), "ana", "ben"), (json!({"all": true}), "ben", "ana")]
    {
        assert_eq!(whole.get(owner, "/contacts/501").await.status, 200, "{push}");
        *whole.otherwise.lock().unwrap() = match owner {
            "ana" => vec![("\"owner\":\"ana\"", "\"owner\":\"ben\"")],
            _ => Vec::new(),
        };
        assert_eq!(whole.get(other, "/contacts/501").await.status, 404, "nobody told yet");
        whole.push(&push).await;
        assert_eq!(whole.get(owner, "/contacts/501").await.status, 404, "{push}");
        assert_eq!(whole.get(other, "/contacts/501").await.status, 200, "{push}");
    }
}
