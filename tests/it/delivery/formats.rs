//! What a backend is sent: CloudEvents and raw bodies, headers, signatures.

use aws_lc_rs::hmac;
use data_encoding::BASE64;
use headgate::{
    channel::{
        Channel, Kind,
        event::{Raw, State},
    },
    ids::AccountId,
    spool::{Event, Format, Further, Settlement, Webhook},
};

use super::house::{House, KEYS, NOW, config, config_with, conversation, event, thread, webhook};
use crate::support::backend::{Recorded, StubBackend, status};

/// Delivers one webhook and returns the requests it made.
async fn delivered(webhook: Webhook) -> Vec<Recorded> {
    let stub = StubBackend::start(|_, _| status(200)).await;
    let house = House::before(&stub);
    house.spool.keep(webhook);
    let settled = house.spool.drained().await;
    assert!(settled.iter().all(|(_, what)| *what == Settlement::Delivered), "{settled:?}");
    stub.requests()
}

async fn delivered_event(change: impl FnOnce(&mut Event), body: &str) -> Recorded {
    let mut event = event("contact", 7);
    change(&mut event);
    delivered(webhook(Format::Event, vec![event], body)).await.remove(0)
}

/// Verifies a signature as `standard-webhooks/spec/standard-webhooks.md` tells a receiver to.
fn verified_by(request: &Recorded, key: &[u8]) -> bool {
    let mut signed = format!("{}.{}.", request.header("webhook-id"), request.header("webhook-timestamp"));
    signed.push_str(std::str::from_utf8(&request.body).unwrap());
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    request.header("webhook-signature").split(' ').any(|signature| {
        let mac = BASE64.decode(signature.strip_prefix("v1,").unwrap().as_bytes()).unwrap();
        hmac::verify(&key, signed.as_bytes(), &mac).is_ok()
    })
}

/// A request as text: all but the signature, which says nothing to a reader, and the version.
fn picture(request: &Recorded) -> String {
    let mut lines = vec![format!("POST {}", request.uri)];
    let mut headers: Vec<String> = request
        .headers
        .iter()
        .filter(|(name, _)| !["host", "user-agent", "webhook-signature"].contains(&name.as_str()))
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    headers.sort();
    lines.append(&mut headers);
    lines.push(String::new());
    lines.push(serde_json::to_string_pretty(&request.json()).unwrap());
    lines.join("\n")
}

#[tokio::test]
async fn an_event_is_a_cloud_event() {
    let request = delivered_event(
        |event| {
            event.data =
                r#"{"id":"wamid.1","sender":{"id":"4915112345678","name":"Zoë"},"text":"Hello"}"#.into();
            event.raw = Raw::Range(9..31);
        },
        r#"{"entry":{"from":"49", "n":1.0}}"#,
    )
    .await;
    insta::assert_snapshot!(picture(&request));
}

#[tokio::test]
async fn an_event_without_a_conversation_has_no_tag() {
    let request = delivered_event(
        |event| {
            event.thread = None;
            event.kind = Kind::AccountChanged;
            event.data = r#"{"subtype":"quality"}"#.into();
            event.time = None;
        },
        "{}",
    )
    .await;
    insta::assert_snapshot!(picture(&request));
}

#[tokio::test]
async fn a_receipt_that_came_late_tells_the_furthest_state() {
    let request = delivered_event(
        |event| {
            event.kind = Kind::MessageStatus;
            event.data = r#"{"status":{"state":"delivered","watermark":1700000000123}}"#.into();
            event.superseded = Some(Further { state: State::Read, up_to: 1_700_000_000_456 });
        },
        "{}",
    )
    .await;
    assert_eq!(
        request.json()["data"]["status"],
        serde_json::json!({"state": "read", "reported": "delivered", "watermark": 1_700_000_000_456_i64})
    );
}

#[tokio::test]
async fn a_mail_that_joins_a_thread_from_another_domain_is_flagged() {
    let stub = StubBackend::start(|_, _| status(200)).await;
    let house = House::before(&stub);
    for (id, domain) in [(1, "customer.example"), (2, "stranger.example")] {
        let mut event = event("thread", id);
        event.channel = Channel::Email;
        event.account = Some(AccountId::new("mail"));
        event.data = r#"{"email":{"subject":"Order"}}"#.into();
        event.thread.as_mut().unwrap().domain = Some(domain.into());
        house.spool.keep(webhook(Format::Event, vec![event], "{}"));
    }
    house.spool.drained().await;
    let mails: Vec<_> =
        stub.requests().iter().map(|request| request.json()["data"]["email"].clone()).collect();
    assert_eq!(
        mails,
        [
            serde_json::json!({"subject": "Order"}),
            serde_json::json!({"subject": "Order", "weak_thread": true})
        ]
    );
}

/// What a provider wrote is not written anew: numbers keep their digits, text its escapes, members
/// their order.
#[tokio::test]
async fn the_providers_fragment_stays_as_it_was_written() {
    let fragment = r#"{"id": 12345678901234567890123, "n": 1.10, "e":1E5 ,"a":"\u00e9", "z":{"b":1,"a":2}}"#;
    let body = format!(r#"{{"entry":[{fragment}]}}"#);
    let start = u32::try_from(body.find(fragment).unwrap()).unwrap();
    let range = Raw::Range(start..start + u32::try_from(fragment.len()).unwrap());
    for raw in [range, Raw::Owned(fragment.into())] {
        let request = delivered_event(|event| event.raw = raw, &body).await;
        let sent = std::str::from_utf8(&request.body).unwrap();
        assert!(sent.ends_with(&format!(r#""raw":{fragment}}}}}"#)), "{sent}");
    }
}

#[tokio::test]
async fn a_body_that_is_no_json_comes_as_base64_with_its_type() {
    let mut webhook = webhook(Format::Event, vec![event("contact", 7)], "sender=zo%C3%AB&n=1");
    webhook.headers = vec![("Content-Type".to_owned(), b"application/x-www-form-urlencoded".to_vec())];
    let request = delivered(webhook).await.remove(0);
    assert_eq!(
        request.json()["data"]["raw"],
        serde_json::json!({
            "content_type": "application/x-www-form-urlencoded",
            "base64": BASE64.encode(b"sender=zo%C3%AB&n=1"),
        })
    );
}

#[tokio::test]
async fn a_fragment_that_nests_too_deep_comes_as_base64_and_is_counted_once() {
    let deep = format!(r#"{{"deep":{}{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
    let stub = StubBackend::start(|_, before| status(if before == 0 { 500 } else { 200 })).await;
    let house = House::before(&stub);
    house.spool.keep(webhook(Format::Event, vec![event("contact", 7)], &deep));
    house.spool.drained().await;
    let requests = stub.requests();
    assert_eq!(requests.len(), 2);
    for request in requests {
        assert_eq!(request.json()["data"]["text"], "Hello", "the message was lost with its fragment");
        assert_eq!(
            request.json()["data"]["raw"],
            serde_json::json!({ "content_type": "application/json", "base64": BASE64.encode(deep.as_bytes()) })
        );
    }
    let counted = house.metric("headgate_limit_reached_total{limit=\"json_nesting_max\"}");
    assert!(counted.is_some_and(|times| (times - 1.0).abs() < 0.1), "{counted:?}");
}

#[tokio::test]
async fn how_deep_a_fragment_may_nest_is_the_operators_choice() {
    let stub = StubBackend::start(|_, _| status(200)).await;
    let mut config = config_with(&stub, |_| {});
    config.delivery.json_nesting_max = 2;
    let house = House::new(&config);
    for (id, body) in [(1, r#"{"a":[1]}"#), (2, r#"{"a":[[1]]}"#)] {
        house.spool.keep(webhook(Format::Event, vec![event("contact", id)], body));
    }
    house.spool.drained().await;
    let raws: Vec<_> = stub.requests().iter().map(|request| request.json()["data"]["raw"].clone()).collect();
    assert_eq!(raws[0], serde_json::json!({"a": [1]}));
    assert_eq!(raws[1]["base64"], BASE64.encode(br#"{"a":[[1]]}"#));
}

#[tokio::test]
async fn every_configured_key_signs_and_no_other() {
    for format in [Format::Event, Format::Raw] {
        let request = delivered(webhook(format, vec![event("contact", 7)], r#"{"n":1}"#)).await.remove(0);
        assert!(verified_by(&request, KEYS[0]), "{format:?}");
        assert!(verified_by(&request, KEYS[1]), "{format:?}");
        assert!(!verified_by(&request, b"the key of somebody else"), "{format:?}");
        assert_eq!(request.header("webhook-timestamp"), NOW.as_secs().to_string());
    }
}

#[tokio::test]
async fn a_raw_delivery_is_the_providers_request_and_headgates_headers() {
    // A rewrite would lose the blanks, the line ends and the escape.
    let body = "{ \"b\":1.0,\r\n\"a\": \"\\u00e9\" }\n";
    let mut webhook = webhook(Format::Raw, vec![event("contact", 7)], body);
    webhook.target = "/hooks/meta-main?tag=a%20b".to_owned();
    webhook.headers = [
        ("content-type", "application/json"),
        ("x-hub-signature-256", "sha256=00ff"),
        ("user-agent", "facebookexternalua"),
        ("host", "hooks.example"),
        ("content-length", "5"),
        ("transfer-encoding", "chunked"),
        ("connection", "close"),
        ("headgate-responsible", "mallory"),
        ("headgate_team", "mallory"),
    ]
    .map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()))
    .to_vec();
    let request = delivered(webhook).await.remove(0);

    assert_eq!(request.body, body.as_bytes());
    assert_eq!(request.uri, "/in", "the backend's own URL; the provider's is told in a header");
    let id = conversation("contact").to_string();
    for (name, value) in [
        ("content-type", "application/json"),
        ("x-hub-signature-256", "sha256=00ff"),
        ("user-agent", "facebookexternalua"),
        ("content-length", &body.len().to_string()),
        ("headgate-target", "/hooks/meta-main?tag=a%20b"),
        ("headgate-conversation", id.as_str()),
        ("headgate-responsible", "ana"),
        ("headgate-team", "support"),
        ("headgate-sequence", "00000000000000000001"),
        ("headgate-attempt", "1"),
        ("webhook-id", "evt_00000000000000000000000000000007"),
    ] {
        assert_eq!(request.header(name), value, "{name}");
    }
    for gone in ["headgate_team", "transfer-encoding", "connection"] {
        assert!(!request.headers.contains_key(gone), "{gone}");
    }
}

#[tokio::test]
async fn a_raw_delivery_about_several_conversations_lists_each_once() {
    let mut of_no_team = event("third", 4);
    of_no_team.account = Some(AccountId::new("mail"));
    let events = vec![event("first", 1), event("second", 2), event("first", 3), of_no_team];
    let requests = delivered(webhook(Format::Raw, events, "{}")).await;
    assert_eq!(requests.len(), 1, "a raw webhook is delivered whole");
    let request = &requests[0];
    let ids = ["first", "second", "third"].map(|contact| conversation(contact).to_string());
    assert_eq!(request.header("headgate-conversation"), ids.join(", "));
    assert_eq!(request.header("headgate-responsible"), "ana, ben, none");
    assert_eq!(request.header("headgate-team"), "support, support, none");
    assert_eq!(request.header("webhook-id"), "evt_00000000000000000000000000000001");
}

/// A web chat's own Standard Webhooks signature would be lost under ours.
#[tokio::test]
async fn a_raw_standard_webhook_keeps_the_signature_it_came_with() {
    let mut webhook = webhook(Format::Raw, vec![event("contact", 7)], "{}");
    for (name, value) in
        [("webhook-id", "msg_1"), ("webhook-timestamp", "1699999999"), ("webhook-signature", "v1,c2ln")]
    {
        webhook.headers.push((name.to_owned(), value.as_bytes().to_vec()));
    }
    let request = delivered(webhook).await.remove(0);
    assert_eq!(request.header("webhook-id"), "msg_1");
    assert_eq!(request.header("webhook-timestamp"), "1699999999");
    assert_eq!(request.header("webhook-signature"), "v1,c2ln");
}

#[tokio::test]
async fn names_that_headers_cannot_hold_are_percent_encoded() {
    let stub = StubBackend::start(|_, _| status(200)).await;
    let mut config = config(vec![stub.url("/in")]);
    let tenant = config.tenants.get_mut("default").unwrap();
    let (zoe, sales) = (headgate::ids::UserId::new("Zoë, A/B"), headgate::ids::TeamId::new("Vertrieb Süd"));
    tenant.directory.users.insert(zoe.clone(), headgate::directory::User::default());
    tenant
        .directory
        .teams
        .insert(sales.clone(), headgate::directory::Team { parent: None, members: vec![zoe] });
    let queue = tenant.assignment.values().next().unwrap().clone();
    tenant.assignment.insert(sales.clone(), queue);
    let account = tenant.accounts.get_mut("mail").unwrap();
    *account = std::sync::Arc::new(headgate::config::Account { team: Some(sales), ..(**account).clone() });
    let house = House::new(&config);
    let mut event = event("contact", 7);
    event.account = Some(AccountId::new("mail"));
    event.thread = Some(thread("contact"));
    house.spool.keep(webhook(Format::Event, vec![event], "{}"));
    let request = stub.received(1).await.remove(0);
    assert_eq!(request.header("headgate-responsible"), "Zo%C3%AB%2C%20A%2FB");
    assert_eq!(request.header("headgate-team"), "Vertrieb%20S%C3%BCd");
    assert_eq!(request.json()["responsible"], "Zoë, A/B");
    assert_eq!(request.json()["team"], "Vertrieb Süd");
}
