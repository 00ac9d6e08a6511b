//! Section G: a write is decided on by what holds at that moment.

use serde_json::json;

use super::{
    super::{backend, world::Setup},
    JSON, ROUTES, rights, world,
};

#[tokio::test]
async fn g16_a_write_is_decided_on_the_facts_at_that_moment() {
    let world = world().await;
    let write = async || world.json_as("ana", "PATCH /owned/conversations/101", &json!({"title": "x"})).await;
    assert_eq!(write().await, (200, true));
    world.change("101", |tag| tag.responsible = Some(headgate::ids::UserId::new("ben"))).await;
    assert_eq!(write().await, (404, false));
}

const UNLESS_CHANGED: &str = r#"
[[route]]
match = "PATCH /api/v1/accounts/{account}/conditioned/leads/{id}"
entity = "lead"
action = "edit"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/leads/{id}"
unless_changed = true
"#;

/// A lead whose state has a name, and which somebody changes between Headgate's question and the write as often as
/// `changed` says.
fn changing(etag: &'static str, changed: u32) -> impl Fn(&backend::Asked) -> Option<Vec<u8>> {
    let changes = std::sync::atomic::AtomicU32::new(0);
    let version = move |n: u32| etag.replace("N", &n.to_string());
    move |asked| {
        let now = changes.load(std::sync::atomic::Ordering::Relaxed);
        let lead = json!({"id": "301", "owner": "ana", "pipeline": "sales", "stage": "new"}).to_string();
        if asked.method == "GET" {
            let headers = format!("content-type: application/json\r\netag: {}\r\n", version(now));
            changes.store((now + 1).min(changed), std::sync::atomic::Ordering::Relaxed);
            return Some(backend::answer(200, &headers, &lead));
        }
        let wanted = asked.all("if-match");
        let is_it = wanted.is_empty() || wanted == [version(now)];
        Some(backend::answer(if is_it { 204 } else { 412 }, "x-conflict: CANARY-102-changed\r\n", ""))
    }
}

#[tokio::test]
async fn g16_a_write_is_made_only_if_the_object_is_as_it_was_decided_on() {
    let start = async |etag, changed| {
        // Long enough for one request not to ask twice.
        let routes = Setup::default().headgate("[gate]\nprefetch_age_max = \"1m\"\n");
        let routes = routes.routes(ROUTES).routes(UNLESS_CHANGED);
        routes.policy(rights).backend(changing(etag, changed)).start().await
    };
    let world = start("\"vN\"", 1).await;
    let write = async || world.typed("PATCH /conditioned/leads/301", JSON, r#"{"name":"x"}"#).await.0;
    let refused = write().await;
    assert_eq!((refused.status, refused.problem().as_str()), (409, "changed"));
    assert_eq!(world.decision(&refused).reason, "changed");
    assert_eq!(write().await.status, 204, "what was known of it is forgotten, and it is decided on anew");
    assert_eq!(world.backend.seen().pop().unwrap().all("if-match"), ["\"v1\""]);

    // Without a condition there is a window, which is on record.
    let made = write().await;
    assert_eq!(world.decision(&made).facts_age, None);
    let (made, _) = world.typed("PATCH /leads/301", JSON, r#"{"name":"x"}"#).await;
    assert_eq!(made.status, 204, "{made:?}");
    assert!(world.decision(&made).facts_age.is_some_and(|age| age < 60_000));

    // A weak one says nothing of what matters; the user's own is not the one that was decided on.
    let world = start("W/\"vN\"", 0).await;
    let (refused, reached) = world.typed("PATCH /conditioned/leads/301", JSON, r#"{"name":"x"}"#).await;
    assert_eq!((refused.status, reached), (502, false));
    let world = start("\"vN\"", 0).await;
    let media = format!("{JSON}\r\nIf-Match: *");
    assert_eq!(world.typed("PATCH /conditioned/leads/301", &media, r#"{"name":"x"}"#).await.0.status, 204);
    assert_eq!(world.backend.seen().pop().unwrap().all("if-match"), ["\"v0\""]);
}

#[tokio::test]
async fn how_old_the_facts_were_is_told_of_those_that_were_decided_by() {
    use std::{sync::Arc, time::Duration};
    let clock = Arc::new(headgate::clock::ManualClock::new(headgate::ids::Timestamp(1_700_000_000_000)));
    let (asked_for_lead, lead_is_asked_for) = tokio::sync::oneshot::channel();
    let asked_for_lead = std::sync::Mutex::new(Some(asked_for_lead));
    let (more, rest) = tokio::sync::mpsc::channel(1);
    let lead = json!({"id": "301", "owner": "ana", "pipeline": "sales", "stage": "new"}).to_string();
    let length = lead.len();
    let script = move |asked: &backend::Asked| {
        let is_lead = asked.target.contains("/leads/301");
        is_lead.then(|| {
            asked_for_lead.lock().unwrap().take().unwrap().send(()).unwrap();
            let head = format!("content-length: {length}\r\ncontent-type: application/json");
            format!("HTTP/1.1 200 Told\r\n{}{head}\r\n\r\n", backend::GOES_ON).into_bytes()
        })
    };
    let setup =
        Setup::default().headgate("[gate]\nprefetch_age_max = \"5s\"\n").routes(ROUTES).policy(rights);
    let world = setup.backend(script).rest(rest).clock(clock.clone()).start().await;
    let body = json!({"name": "x", "lead_id": "301"}).to_string();
    let (made, ()) = tokio::join!(world.typed("PATCH /tied/contacts/501", JSON, &body), async {
        // The contact was decided on, and the other object is asked for; meanwhile the contact is asked for again.
        lead_is_asked_for.await.unwrap();
        clock.advance(Duration::from_secs(7));
        assert_eq!(world.get("ana", "/contacts/501").await.status, 200);
        more.send(lead.into_bytes()).await.unwrap();
    });
    let (answer, reached) = made;
    assert!(reached, "{answer:?}");
    assert_eq!(world.decision(&answer).facts_age, Some(7000));
}

super::super::obeying::once_more!(
    how_old_the_facts_were_is_told_of_those_that_were_decided_by,
    g16_a_write_is_decided_on_the_facts_at_that_moment,
    g16_a_write_is_made_only_if_the_object_is_as_it_was_decided_on,
);
