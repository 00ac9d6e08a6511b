//! Through the whole gateway: what a provider is answered, so that it repeats what it must and nothing else.

use serde_json::{Value, json};

use crate::{
    e2e::{World, metric, now},
    support::{
        outside::Provider,
        samples::{self, Sample},
    },
};

/// A webhook of each provider with something that no version of Headgate knows.
fn of_tomorrow() -> Vec<(&'static str, Sample)> {
    let meta = |object: &str, id: &str, list: &str, item: Value| {
        let entry = json!([{ "id": id, "time": 1_700_000_000_000_i64, list: [item] }]);
        samples::meta("Meta", &json!({ "object": object, "entry": entry }))
    };
    let line = json!({ "type": "brand_new", "webhookEventId": "E-new", "timestamp": 1 });
    let activity = json!({ "data": {
        "event_uuid": "77", "event_type": "brand.new", "filter": { "user_id": "4337869213" }, "payload": { "brand_new": 1 },
    } });
    let standard = samples::standard("webchat", "webchat", "msg_new", "x", now());
    let peers = json!({ "sender": { "id": "7" }, "recipient": { "id": "104000000000001" }, "brand_new": {} });
    vec![
        (
            "WhatsApp",
            meta(
                "whatsapp_business_account",
                "106540352242922",
                "changes",
                json!({ "field": "brand_new", "value": 1 }),
            ),
        ),
        ("Messenger", meta("page", "104000000000001", "messaging", peers)),
        (
            "Instagram",
            meta("instagram", "17841400000000001", "changes", json!({ "field": "brand_new", "value": [] })),
        ),
        (
            "Telegram",
            samples::telegram_update(
                &json!({ "update_id": 71, "brand_new": { "method": "sendMessage", "brand_new": 1 } }),
            ),
        ),
        (
            "LINE",
            samples::line_webhook(
                &json!({ "destination": "U00000000000000000000000000000001", "events": [line] }),
            ),
        ),
        (
            "X, Account Activity",
            samples::x_webhook(
                &json!({ "for_user_id": "4337869213", "brand_new_events": [{ "brand_new": 2 }] }),
            ),
        ),
        ("X Activity", samples::x_webhook(&activity)),
        ("Postmark", samples::postmark_webhook(&json!({ "brand_new": [1.50] }))),
        ("Standard Webhooks", standard),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_version_knows_is_delivered_with_the_providers_own_words_for_every_provider() {
    let world = World::new().await;
    let gateway = world.setup().start().await;
    let channels =
        gateway.read("tenants/default/channels.toml").replace("\"message.created\"", "\"message.made\"");
    gateway.reload_with("tenants/default/channels.toml", &channels).unwrap();
    let provider = Provider::new(gateway.hooks(), &world.tls);
    for (number, (name, sample)) in of_tomorrow().iter().enumerate() {
        let answer = provider.post(sample).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{name}");
        let delivery = world.backend.acknowledged(number + 1).await.remove(number);
        assert_eq!(delivery.text("/type"), "chat.unknown", "{name}");
        let raw = delivery.json()["data"]["raw"].to_string();
        assert!(raw.contains("brand_new") || raw.contains("message.created"), "{name}: {raw}");
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_names_none_of_several_mailboxes_waits_for_an_operator() {
    let world = World::new().await;
    let more = "\n[account.more]\nendpoint = \"mail-postmark\"\nid = \"more.example\"\nbackend = \"chat\"\n";
    let gateway = world.setup().start().await;
    let channels = gateway.read("tenants/default/channels.toml") + more;
    gateway.reload_with("tenants/default/channels.toml", &channels).unwrap();
    let provider = Provider::new(gateway.hooks(), &world.tls);
    let opened = json!({ "RecordType": "Open", "MessageID": "m-1", "Recipient": "ana@customer.example" });
    for body in [opened, json!({ "brand_new": 1 })] {
        assert_eq!(provider.post(&samples::postmark_webhook(&body)).await.status, 200);
    }
    assert_eq!(provider.post(&world.sample("LINE")).await.status, 200);
    let deliveries = world.backend.acknowledged(1).await;
    assert_eq!(deliveries[0].text("/source"), "/line/our-line", "nobody's mail was given to somebody");
    let (_status, metrics) = gateway.ops("/metrics").await;
    assert_eq!(metric(&metrics, r#"headgate_items_total{provider="postmark",outcome="quarantined"}"#), 2.0);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_kept_now_is_asked_for_again_by_every_provider_and_then_taken() {
    let world = World::new().await;
    let setup = world.setup();
    let main = setup.read("headgate.toml").replace("[store]\n", "[store]\nbacklog_events_max = 1\n");
    let gateway = setup.file("headgate.toml", &main).start().await;
    let provider = Provider::new(gateway.hooks(), &world.tls);
    world.backend.always(Some(503));
    let first = samples::whatsapp("wamid.first", "1", "first", now());
    assert_eq!(provider.post(&first).await.status, 200);
    let samples = samples::all(&world.keys, now());
    for sample in &samples {
        let answer = provider.post(sample).await;
        assert_eq!((answer.status, answer.retry_after.as_deref()), (503, Some("5")), "{}", sample.name);
    }
    world.backend.always(None);
    world.backend.acknowledged(1).await;
    // Byte for byte the same again: nothing was marked as seen, and no one-time token was used up.
    for (number, sample) in samples.iter().enumerate() {
        // The one before may be acknowledged and not yet noted as delivered.
        let mut tries = 0;
        while provider.post(sample).await.status == 503 {
            tries += 1;
            assert!(tries < 10_000, "{} is never taken", sample.name);
        }
        world.backend.acknowledged(number + 2).await;
    }
    assert_eq!(world.backend.acknowledged(samples.len() + 1).await.len(), samples.len() + 1);
    gateway.stop().await;
}
