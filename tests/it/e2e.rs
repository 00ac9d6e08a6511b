//! The whole gateway, from a provider's TLS connection to the backend's request.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::{
    gateway::Setup,
    outside::{Provider, Tls, send},
    receiver::{Delivery, Receiver},
    samples::{self, ProviderKeys, Sample},
};

pub(crate) fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// Everything outside the gateway.
pub(crate) struct World {
    pub(crate) keys: ProviderKeys,
    pub(crate) tls: Tls,
    pub(crate) backend: Receiver,
}

impl World {
    pub(crate) async fn new() -> Self {
        let keys = ProviderKeys::generate();
        let tls = Tls::start(&keys).await;
        Self { keys, tls, backend: Receiver::start().await }
    }

    pub(crate) fn setup(&self) -> Setup {
        Setup::quickstart(self.backend.address, &self.tls, &self.keys)
    }

    pub(crate) fn sample(&self, name: &str) -> Sample {
        samples::all(&self.keys, now()).into_iter().find(|sample| sample.name == name).unwrap()
    }
}

fn whatsapp(id: &str, from: &str, text: &str) -> Sample {
    samples::whatsapp(id, from, text, now())
}

/// The value of a metric line that starts with `name`, labels included.
pub(crate) fn metric(metrics: &str, name: &str) -> f64 {
    metrics
        .lines()
        .find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
        .unwrap_or_else(|| panic!("no metric {name} in\n{metrics}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_channels_webhook_arrives_tagged_with_user_and_team() {
    let world = World::new().await;
    let gateway = world.setup().start().await;
    let provider = Provider::new(gateway.hooks(), &world.tls);
    let samples = samples::all(&world.keys, now());
    for sample in &samples {
        let answer = provider.post(sample).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{}", sample.name);
    }

    let deliveries = world.backend.acknowledged(samples.len()).await;
    let mut seen: Vec<String> = deliveries
        .iter()
        .map(|delivery| {
            format!(
                "{} {} team={} text={}",
                delivery.text("/source"),
                delivery.text("/type"),
                delivery.text("/team"),
                delivery.text("/data/text").trim_end(),
            )
        })
        .collect();
    seen.sort();
    insta::assert_snapshot!(seen.join("\n"));

    let conversations: BTreeSet<String> =
        deliveries.iter().map(|delivery| delivery.text("/subject")).collect();
    assert_eq!(conversations.len(), samples.len(), "each is a conversation of its own");
    for delivery in &deliveries {
        let (team, responsible) = (delivery.text("/team"), delivery.text("/responsible"));
        let members: &[&str] = match team.as_str() {
            "support" => &["ana", "ben"],
            "sales" => &["sue"],
            _ => &[""],
        };
        assert!(members.contains(&responsible.as_str()), "`{responsible}` is not in team `{team}`");
        assert_eq!(delivery.header("headgate-conversation"), delivery.text("/subject"));
        assert_eq!(delivery.header("headgate-responsible"), responsible);
        assert_eq!(delivery.header("headgate-team"), team);
        assert_eq!(delivery.header("headgate-sequence"), delivery.text("/sequence"));
        assert_eq!(delivery.header("webhook-id"), delivery.text("/id"));
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_webhook_twice_arrives_once_also_at_the_same_moment_and_after_a_restart() {
    let world = World::new().await;
    let gateway = world.setup().start().await;
    let provider = Provider::new(gateway.hooks(), &world.tls);
    let sample = whatsapp("wamid.twice", "4917011", "one");
    let (first, second) = tokio::join!(provider.post(&sample), provider.post(&sample));
    assert_eq!((first.status, second.status), (200, 200));
    world.backend.acknowledged(1).await;

    let gateway = gateway.stop().await.start().await;
    let provider = Provider::new(gateway.hooks(), &world.tls);
    assert_eq!(provider.post(&sample).await.status, 200);
    assert_eq!(provider.post(&whatsapp("wamid.next", "4917011", "two")).await.status, 200);
    let deliveries = world.backend.acknowledged(2).await;
    let texts: Vec<String> = deliveries.iter().map(|delivery| delivery.text("/data/text")).collect();
    assert_eq!(texts, ["one", "two"]);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_refused_with_a_reason_that_tells_nothing_secret() {
    let world = World::new().await;
    let gateway = world.setup().start().await;
    let provider = Provider::new(gateway.hooks(), &world.tls);

    let mut forged = whatsapp("wamid.forged", "4917011", "genuine");
    forged.body = String::from_utf8(forged.body).unwrap().replace("genuine", "changed").into_bytes();
    let mut unsigned = whatsapp("wamid.unsigned", "4917011", "unsigned");
    unsigned.headers.truncate(1);
    let mut elsewhere = whatsapp("wamid.elsewhere", "4917011", "elsewhere");
    elsewhere.endpoint = "no-such-endpoint";
    let mut compressed = whatsapp("wamid.gzip", "4917011", "gzip");
    compressed.headers.push(("content-encoding", "gzip".to_owned()));
    let mut large = whatsapp("wamid.large", "4917011", "large");
    large.body.resize(8 << 20, b' ');
    let unknown_path = Sample { endpoint: "meta-main/more", ..elsewhere.clone() };

    for (name, sample, status) in [
        ("forged", forged, 401),
        ("unsigned", unsigned, 401),
        ("elsewhere", elsewhere, 404),
        ("a longer path", unknown_path, 404),
        ("compressed", compressed, 415),
        ("large", large, 413),
    ] {
        let answer = provider.post(&sample).await;
        assert_eq!(answer.status, status, "{name}");
        for secret in [samples::META_APP_SECRET, samples::META_VERIFY_TOKEN, "wamid", "secrets", "genuine"] {
            assert!(!answer.body.contains(secret), "{name}: {}", answer.body);
        }
    }
    assert_eq!(provider.send("DELETE", "meta-main", &[], Vec::new()).await.status, 405);

    // Nothing of it went on, and what is genuine still does.
    assert_eq!(provider.post(&whatsapp("wamid.genuine", "4917011", "hello")).await.status, 200);
    let deliveries = world.backend.acknowledged(1).await;
    assert_eq!(deliveries.len(), 1);
    assert_eq!(deliveries[0].text("/data/text"), "hello");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn providers_handshakes_are_answered() {
    let world = World::new().await;
    let gateway = world.setup().start().await;
    let provider = Provider::new(gateway.hooks(), &world.tls);

    let token = samples::META_VERIFY_TOKEN;
    let good = format!("hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token={token}");
    let answer = provider.get("meta-main", &good).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "1158201444"));
    let bad = "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=guess";
    assert_eq!(provider.get("meta-main", bad).await.status, 403);

    let answer = provider.get("x-app", "crc_token=challenge").await;
    let response: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(answer.status, 200);
    assert!(response["response_token"].as_str().unwrap().starts_with("sha256="));
    assert_eq!(provider.get("x-app", "").await.status, 400);
    assert_eq!(provider.get("line-main", "").await.status, 405);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_a_conversation_arrive_in_order_while_the_backend_fails() {
    let world = World::new().await;
    let gateway = world.setup().start().await;
    let provider = Provider::new(gateway.hooks(), &world.tls);
    for _ in 0..7 {
        world.backend.answer_next(500, &[]);
    }
    for number in 0..30 {
        let sample =
            whatsapp(&format!("wamid.order.{number}"), &format!("491701{}", number % 3), &number.to_string());
        assert_eq!(provider.post(&sample).await.status, 200);
    }
    let deliveries = world.backend.acknowledged(30).await;
    let mut by_conversation: BTreeMap<String, Vec<(u64, u64)>> = BTreeMap::new();
    for delivery in &deliveries {
        let number = delivery.text("/data/text").parse().unwrap();
        let sequence = delivery.text("/sequence").parse().unwrap();
        by_conversation.entry(delivery.text("/subject")).or_default().push((number, sequence));
    }
    assert_eq!(by_conversation.len(), 3);
    for (conversation, numbers) in by_conversation {
        assert!(numbers.is_sorted(), "{conversation}: {numbers:?}");
        assert_eq!(numbers.len(), 10);
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_keeps_its_user_and_the_backend_can_assign_another() {
    let world = World::new().await;
    let gateway = world.setup().start().await;
    let provider = Provider::new(gateway.hooks(), &world.tls);
    let assign = [
        ("headgate-assign", "user=sue; team=sales"),
        ("headgate-alias", "4711"),
        ("headgate-stage", "sales/negotiation"),
    ];
    for (number, headers) in [(0, &[] as &[_]), (1, &assign), (2, &[])] {
        world.backend.answer_next(200, headers);
        assert_eq!(provider.post(&whatsapp(&format!("wamid.{number}"), "4917011", "hi")).await.status, 200);
        world.backend.acknowledged(number + 1).await;
    }
    let deliveries = world.backend.acknowledged(3).await;
    let responsible: Vec<String> = deliveries.iter().map(|delivery| delivery.text("/responsible")).collect();
    assert_eq!(responsible[0], responsible[1]);
    assert_eq!(responsible[2], "sue");

    let (status, tag) = gateway.ops(&format!("/v1/conversations/{}", deliveries[0].text("/subject"))).await;
    let tag: serde_json::Value = serde_json::from_str(&tag).unwrap();
    assert_eq!(status, 200);
    assert_eq!(tag["responsible"], "sue");
    assert_eq!(tag["team"], "sales");
    assert_eq!(tag["alias"], "4711");
    assert_eq!(tag["stage"], "sales/negotiation");
    gateway.stop().await;
}

/// Gives a webhook of Meta's another body.
fn resign(sample: &mut Sample, body: String) {
    let mac = aws_lc_rs::hmac::sign(
        &aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, samples::META_APP_SECRET.as_bytes()),
        body.as_bytes(),
    );
    sample.headers[1].1 = format!("sha256={}", data_encoding::HEXLOWER.encode(mac.as_ref()));
    sample.body = body.into_bytes();
}

/// A WhatsApp webhook with one message in the place of a sample's.
fn whatsapp_message(message: serde_json::Value) -> Sample {
    let mut sample = whatsapp("", "", "");
    let mut body: serde_json::Value = serde_json::from_slice(&sample.body).unwrap();
    body["entry"][0]["changes"][0]["value"]["messages"][0] = message;
    body["entry"][0]["changes"][0]["value"]["contacts"] = serde_json::json!([]);
    resign(&mut sample, body.to_string());
    sample
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_survives_a_new_number_and_the_old_number_begins_another() {
    let world = World::new().await;
    let gateway = world.setup().start().await;
    let provider = Provider::new(gateway.hooks(), &world.tls);
    let (old, new) = ("4917021", "4917022");
    let time = now().to_string();
    let of_user = |id: &str, from: &str, user: &str| {
        whatsapp_message(serde_json::json!({
            "from": from, "from_user_id": user, "id": id, "timestamp": time, "type": "text", "text": { "body": id },
        }))
    };
    let changed = whatsapp_message(serde_json::json!({
        "from": old, "id": "wamid.change", "timestamp": time, "type": "system",
        "system": { "type": "user_changed_number", "wa_id": new, "user_id": "DE.2", "body": "changed" },
    }));
    let webhooks = [
        of_user("wamid.before", old, "DE.1"),
        changed,
        of_user("wamid.after", new, "DE.2"),
        whatsapp("wamid.after.number", new, "known by the number alone"),
        of_user("wamid.stranger", old, "DE.3"),
        whatsapp("wamid.stranger.number", old, "known by the number alone"),
    ];
    let mut conversations = Vec::new();
    for (count, webhook) in webhooks.iter().enumerate() {
        assert_eq!(provider.post(webhook).await.status, 200);
        let deliveries = world.backend.acknowledged(count + 1).await;
        conversations.push(deliveries[count].text("/subject"));
    }
    let (kept, stranger) = (conversations[0].clone(), conversations[4].clone());
    assert_ne!(kept, stranger, "whoever has the old number now is in another's conversation");
    let expected = [&kept, &kept, &kept, &kept, &stranger, &stranger].map(Clone::clone);
    assert_eq!(conversations, expected);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_account_is_quarantined_and_delivered_once_it_is_configured() {
    let world = World::new().await;
    let gateway = world.setup().start().await;
    let provider = Provider::new(gateway.hooks(), &world.tls);
    let mut sample = whatsapp("wamid.unknown", "4917011", "who am I for?");
    let body = String::from_utf8(sample.body.clone()).unwrap().replace("106540352242922", "200");
    resign(&mut sample, body);
    assert_eq!(provider.post(&sample).await.status, 200);

    gateway.ops_with("/v1/dead-letters", "unknown_account").await;
    let (_status, metrics) = gateway.ops("/metrics").await;
    assert_eq!(metric(&metrics, r#"headgate_items_total{provider="meta",outcome="quarantined"}"#), 1.0);

    let channels = gateway.read("tenants/default/channels.toml")
        + "\n[account.late]\nendpoint = \"meta-main\"\nchannel = \"whatsapp\"\nid = \"200\"\nbackend = \"chat\"\nteam = \"sales\"\n";
    gateway.reload_with("tenants/default/channels.toml", &channels).unwrap();
    let revive = r#"{"reason": "unknown_account", "to_account": "late"}"#.to_owned();
    let (status, said) =
        send(gateway.gateway.ops().unwrap(), "POST", "/v1/dead-letters/revive", revive).await;
    assert_eq!(status, 200, "{said}");
    let deliveries = world.backend.acknowledged(1).await;
    assert_eq!(deliveries[0].text("/source"), "/whatsapp/late");
    assert_eq!(deliveries[0].text("/responsible"), "sue");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verified_body_that_cannot_be_read_is_kept_and_telegram_is_told_that_all_is_well() {
    let world = World::new().await;
    let gateway = world.setup().start().await;
    let provider = Provider::new(gateway.hooks(), &world.tls);
    let mut telegram = world.sample("Telegram");
    telegram.body = br#"{"update_id": 5, "message": "#.to_vec();
    let answer = provider.post(&telegram).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    assert_eq!(provider.post(&telegram).await.status, 200);

    let letters = gateway.ops_with("/v1/dead-letters", "malformed").await;
    assert_eq!(letters.matches("malformed").count(), 1, "{letters}");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_of_a_listed_topic_is_confirmed_before_it_is_answered() {
    let world = World::new().await;
    let gateway = world.setup().start().await;
    let provider = Provider::new(gateway.hooks(), &world.tls);
    let answer = provider.post(&samples::sns_confirmation(&world.keys, samples::SNS_TOPIC, now())).await;
    assert_eq!(answer.status, 200);
    let visits = world.tls.visits.lock().unwrap().clone();
    assert!(visits.iter().any(|path| path.contains("Action=ConfirmSubscription")), "{visits:?}");

    let foreign = "arn:aws:sns:eu-central-1:999999999999:somebody-elses";
    world.tls.visits.lock().unwrap().clear();
    let answer = provider.post(&samples::sns_confirmation(&world.keys, foreign, now())).await;
    assert_eq!(answer.status, 401);
    assert_eq!(world.tls.visits.lock().unwrap().len(), 0, "something was fetched for a foreign topic");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_is_a_whole_new_configuration_or_no_change() {
    let world = World::new().await;
    let gateway = world.setup().start().await;
    let provider = Provider::new(gateway.hooks(), &world.tls);
    let channels = gateway.read("tenants/default/channels.toml");

    let half = channels
        .replace("[endpoint.line-main]", "[endpoint.line-renamed]")
        .replace("team = \"sales\"", "team = \"sale\"");
    let mistakes = gateway.reload_with("tenants/default/channels.toml", &half).unwrap_err();
    assert!(mistakes.contains("did you mean `sales`?"), "{mistakes}");
    assert_eq!(provider.post(&world.sample("LINE")).await.status, 200, "the old configuration serves on");

    let renamed = channels.replace("line-main", "line-renamed");
    gateway.reload_with("tenants/default/channels.toml", &renamed).unwrap();
    assert_eq!(provider.post(&world.sample("LINE")).await.status, 404);
    let mut moved = world.sample("LINE");
    moved.endpoint = "line-renamed";
    assert_eq!(provider.post(&moved).await.status, 200);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_tokens_change_with_a_reload_but_never_open_an_address_that_waits_for_a_restart() {
    let world = World::new().await;
    let gateway = world.setup().start().await;
    let open = gateway.read("headgate.toml");
    let address = "[listener.ops]\naddress = \"127.0.0.1:0\"\n";
    let closed = open.replace(address, &format!("{address}tokens = [\"0123456789abcdef\"]\n"));
    assert_eq!(gateway.ops("/v1/spool").await.0, 200);
    gateway.reload_with("headgate.toml", &closed).unwrap();
    assert_eq!(gateway.ops("/v1/spool").await.0, 401);

    // Without tokens at another address: the old address, which serves on, keeps its tokens.
    let elsewhere = open.replace(address, "[listener.ops]\naddress = \"127.0.0.2:0\"\n");
    gateway.reload_with("headgate.toml", &elsewhere).unwrap();
    assert_eq!(gateway.ops("/v1/spool").await.0, 401);
    gateway.reload_with("headgate.toml", &open).unwrap();
    assert_eq!(gateway.ops("/v1/spool").await.0, 200);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_accepted_while_the_backend_was_down_is_delivered_after_a_restart() {
    let world = World::new().await;
    world.backend.always(Some(503));
    let gateway = world.setup().start().await;
    let provider = Provider::new(gateway.hooks(), &world.tls);
    for number in 0..20 {
        let sample = whatsapp(&format!("wamid.down.{number}"), "4917011", &number.to_string());
        assert_eq!(provider.post(&sample).await.status, 200);
    }
    let setup = gateway.stop().await;
    world.backend.always(None);
    let gateway = setup.start().await;
    let deliveries = world.backend.acknowledged(20).await;
    let texts: Vec<String> = deliveries.iter().map(|delivery| delivery.text("/data/text")).collect();
    assert_eq!(texts, (0..20).map(|number| number.to_string()).collect::<Vec<_>>());
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_gateways_and_two_tenants_never_mix() {
    let world = World::new().await;
    let other = Receiver::start().await;
    let globex = "[endpoint.globex-meta]\nchannel = [\"whatsapp\"]\nsecrets = [\"${env:META_APP_SECRET}\"]\n\
                  verify_token = \"globex\"\n\n[account.wa]\nendpoint = \"globex-meta\"\nid = \"106540352242922\"\n\
                  backend = \"chat\"\n";
    let one = world.setup().file("tenants/globex/channels.toml", globex).start().await;
    let two = Setup::quickstart(other.address, &world.tls, &world.keys).start().await;

    // The same provider ids, the same message id: once for each tenant, once for each gateway.
    let sample = whatsapp("wamid.same", "4917011", "hello");
    let foreign = Sample { endpoint: "globex-meta", ..sample.clone() };
    let provider = Provider::new(one.hooks(), &world.tls);
    assert_eq!(provider.post(&sample).await.status, 200);
    assert_eq!(provider.post(&foreign).await.status, 200);
    assert_eq!(Provider::new(two.hooks(), &world.tls).post(&sample).await.status, 200);

    let deliveries = world.backend.acknowledged(2).await;
    let of = |tenant: &str| deliveries.iter().find(|delivery| delivery.text("/tenant") == tenant).unwrap();
    assert_ne!(of("default").text("/subject"), of("globex").text("/subject"));
    assert_ne!(of("default").text("/id"), of("globex").text("/id"));
    assert_eq!(of("globex").text("/responsible"), "", "another tenant's team was assigned");
    assert_eq!(other.acknowledged(1).await.len(), 1);
    one.stop().await;
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_balance_and_hold_no_secret() {
    let world = World::new().await;
    let gateway = world.setup().start().await;
    let provider = Provider::new(gateway.hooks(), &world.tls);
    let sample = whatsapp("wamid.metrics", "4917011", "CANARY-text");
    provider.post(&sample).await;
    provider.post(&sample).await;
    let mut forged = sample.clone();
    forged.body.push(b' ');
    provider.post(&forged).await;
    world.backend.acknowledged(1).await;

    let (_status, metrics) = gateway.ops("/metrics").await;
    let of = |name: &str, outcome: &str| {
        metric(&metrics, &format!(r#"{name}{{provider="meta",outcome="{outcome}"}}"#))
    };
    assert_eq!(of("headgate_webhooks_received_total", "kept"), 2.0);
    assert_eq!(of("headgate_webhooks_received_total", "not_verified"), 1.0);
    assert_eq!(of("headgate_items_total", "kept"), 1.0);
    assert_eq!(of("headgate_items_total", "duplicate"), 1.0);
    assert_eq!(
        metric(&metrics, r#"headgate_webhook_secret_matched_total{endpoint="meta-main",secret="0"}"#),
        2.0
    );
    for secret in [samples::META_APP_SECRET, "CANARY", "4917011", "wamid"] {
        assert!(!metrics.contains(secret), "`{secret}` is in the metrics");
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn raw_deliveries_are_the_providers_request_byte_for_byte() {
    let world = World::new().await;
    let gateway = world.setup().main(world.backend.address, "raw", "").start().await;
    let provider = Provider::new(gateway.hooks(), &world.tls);
    let samples = samples::all(&world.keys, now());
    for sample in &samples {
        assert_eq!(provider.post(sample).await.status, 200, "{}", sample.name);
    }
    let deliveries = world.backend.acknowledged(samples.len()).await;
    for sample in &samples {
        let same = |delivery: &&Delivery| delivery.body.as_ref() == sample.body;
        let delivery =
            deliveries.iter().find(same).unwrap_or_else(|| panic!("{} did not arrive", sample.name));
        for (name, value) in &sample.headers {
            if *name == "authorization" {
                assert_eq!(delivery.header(name), "", "a password was passed on");
            } else {
                assert_eq!(delivery.header(name), value, "{}", sample.name);
            }
        }
        assert!(!delivery.header("headgate-conversation").is_empty(), "{}", sample.name);
    }
    gateway.stop().await;
}
