//! Through the whole gateway: what happens to one conversation while its contact changes names, its
//! receipts come out of order, and its provider repeats itself.

use serde_json::{Value, json};

use crate::{
    e2e::{World, now},
    support::{
        gateway::TestGateway,
        outside::Provider,
        receiver::Delivery,
        samples::{self, Sample},
    },
};

/// A gateway with a provider in front of it.
struct House {
    world: World,
    gateway: TestGateway,
    provider: Provider,
}

impl House {
    async fn new() -> Self {
        let world = World::new().await;
        let gateway = world.setup().start().await;
        let provider = Provider::new(gateway.hooks(), &world.tls);
        Self { world, gateway, provider }
    }

    async fn restarted(self) -> Self {
        let gateway = self.gateway.stop().await.start().await;
        let provider = Provider::new(gateway.hooks(), &self.world.tls);
        Self { gateway, provider, ..self }
    }

    /// Posts a webhook, which is taken with an empty answer.
    async fn post(&self, sample: &Sample) {
        let answer = self.provider.post(sample).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{}", sample.name);
    }

    async fn whatsapp(&self, field: &str, value: &Value) {
        self.post(&whatsapp(field, value)).await;
    }

    async fn telegram(&self, update_id: u64, kind: &str, update: &Value) {
        self.post(&samples::telegram_update(&json!({ "update_id": update_id, kind: update }))).await;
    }

    async fn line(&self, events: &[Value]) {
        let body = json!({ "destination": "U00000000000000000000000000000001", "events": events });
        self.post(&samples::line_webhook(&body)).await;
    }

    /// All deliveries, once there are `count`.
    async fn delivered(&self, count: usize) -> Vec<Delivery> {
        let deliveries = self.world.backend.acknowledged(count).await;
        assert_eq!(deliveries.len(), count, "{:?}", kinds(&deliveries));
        deliveries
    }

    async fn stop(self) {
        self.gateway.stop().await;
    }
}

fn kinds(deliveries: &[Delivery]) -> Vec<String> {
    deliveries.iter().map(|delivery| delivery.text("/type")).collect()
}

/// All are of one conversation, in the order of acceptance. Says which.
fn one_conversation(deliveries: &[Delivery]) -> String {
    let subjects: Vec<String> = deliveries.iter().map(|delivery| delivery.text("/subject")).collect();
    let first = subjects.first().cloned().unwrap_or_default();
    assert!(!first.is_empty() && subjects.iter().all(|subject| *subject == first), "{subjects:?}");
    let sequences: Vec<String> = deliveries.iter().map(|delivery| delivery.text("/sequence")).collect();
    assert!(sequences.is_sorted_by(|one, next| one < next), "{sequences:?}");
    first
}

fn whatsapp(field: &str, value: &Value) -> Sample {
    let mut value = value.clone();
    value["messaging_product"] = json!("whatsapp");
    value["metadata"] =
        json!({ "display_phone_number": "49301234567", "phone_number_id": "106540352242922" });
    let entry = json!([{ "id": "102290129340398", "changes": [{ "field": field, "value": value }] }]);
    samples::meta("WhatsApp", &json!({ "object": "whatsapp_business_account", "entry": entry }))
}

fn text(id: &str, who: &Value, text: &str) -> Value {
    let mut message = who.clone();
    message["id"] = json!(id);
    message["timestamp"] = json!("1700000000");
    message["type"] = json!("text");
    message["text"] = json!({ "body": text });
    message
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whatsapp_contact_stays_one_conversation_with_and_without_a_number() {
    let house = House::new().await;
    // Number and user id together, then the user id alone everywhere, then a receipt for the user id.
    let both = json!({ "from": "4915111", "from_user_id": "DE.1001" });
    let contact = json!([{ "wa_id": "4915111", "user_id": "DE.1001", "profile": { "name": "Ines" } }]);
    house
        .whatsapp("messages", &json!({ "contacts": contact, "messages": [text("wamid.1", &both, "one")] }))
        .await;
    let hidden = json!({ "from_user_id": "DE.1001" });
    let nameless = json!([{ "user_id": "DE.1001", "profile": { "username": "ines" } }]);
    house
        .whatsapp("messages", &json!({ "contacts": nameless, "messages": [text("wamid.2", &hidden, "two")] }))
        .await;
    let status = json!({ "id": "wamid.out", "status": "sent", "timestamp": "1700000001", "recipient_user_id": "DE.1001" });
    house.whatsapp("messages", &json!({ "statuses": [status] })).await;
    // The id is replaced, and what comes under the new one is still hers.
    let update = json!({
        "user_id": { "previous": "DE.1001", "current": "DE.2002" }, "timestamp": "1700000002",
    });
    house.whatsapp("user_id_update", &json!({ "user_id_update": [update] })).await;
    let house = house.restarted().await;
    let renamed = json!({ "from_user_id": "DE.2002" });
    house.whatsapp("messages", &json!({ "messages": [text("wamid.3", &renamed, "three")] })).await;

    let deliveries = house.delivered(5).await;
    one_conversation(&deliveries);
    assert_eq!(
        kinds(&deliveries),
        [
            "chat.message.received",
            "chat.message.received",
            "chat.message.status",
            "chat.contact.changed",
            "chat.message.received"
        ]
    );
    let responsible = deliveries[0].text("/responsible");
    assert!(!responsible.is_empty());
    assert!(deliveries.iter().all(|delivery| delivery.text("/responsible") == responsible));
    assert_eq!(deliveries[1].text("/data/sender/id"), "DE.1001");
    assert_eq!(deliveries[3].text("/data/identity/current"), "DE.2002");
    assert_eq!(deliveries[0].text("/time"), "2023-11-14T22:13:20.000Z", "the provider's time");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whatsapp_contact_with_a_new_number_keeps_the_conversation_and_the_old_number_starts_another() {
    let house = House::new().await;
    let old = json!({ "from": "4915111" });
    house.whatsapp("messages", &json!({ "messages": [text("wamid.1", &old, "one")] })).await;
    let moved = json!({
        "from": "4915111", "id": "wamid.2", "timestamp": "1700000001", "type": "system",
        "system": { "type": "user_changed_number", "wa_id": "4915222", "body": "changed" },
    });
    house.whatsapp("messages", &json!({ "messages": [moved] })).await;
    let new = json!({ "from": "4915222" });
    house.whatsapp("messages", &json!({ "messages": [text("wamid.3", &new, "three")] })).await;
    one_conversation(&house.delivered(3).await);
    // Somebody else has the number now.
    house.whatsapp("messages", &json!({ "messages": [text("wamid.4", &old, "four")] })).await;
    let deliveries = house.delivered(4).await;
    assert_ne!(deliveries[3].text("/subject"), deliveries[0].text("/subject"));
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_never_goes_back_also_after_a_restart() {
    let house = House::new().await;
    let receipt = |id: &str, status: &str| json!({ "statuses": [{ "id": id, "status": status, "timestamp": "1700000000", "recipient_id": "4915111" }] });
    house.whatsapp("messages", &receipt("wamid.a", "read")).await;
    house.whatsapp("messages", &receipt("wamid.a", "delivered")).await;
    house.whatsapp("messages", &receipt("wamid.a", "read")).await;
    house.whatsapp("messages", &receipt("wamid.b", "delivered")).await;
    house.delivered(3).await;
    let house = house.restarted().await;
    house.whatsapp("messages", &receipt("wamid.a", "sent")).await;
    house.whatsapp("messages", &receipt("wamid.a", "read")).await;
    house.whatsapp("messages", &receipt("wamid.b", "read")).await;
    house.whatsapp("messages", &receipt("wamid.b", "failed")).await;

    let deliveries = house.delivered(6).await;
    let told: Vec<[String; 3]> = deliveries
        .iter()
        .map(|delivery| {
            ["/data/id", "/data/status/state", "/data/status/reported"].map(|at| delivery.text(at))
        })
        .collect();
    assert_eq!(
        told,
        [
            ["wamid.a", "read", ""],
            ["wamid.a", "read", "delivered"],
            ["wamid.b", "delivered", ""],
            ["wamid.a", "read", "sent"],
            ["wamid.b", "read", ""],
            ["wamid.b", "failed", ""],
        ]
    );
    house.stop().await;
}

/// What the receipts were told: up to where, the state, and what the provider reported where it was less.
fn receipts(deliveries: &[Delivery]) -> Vec<[String; 3]> {
    let told = |delivery: &Delivery| {
        assert_eq!(delivery.text("/type"), "chat.message.status");
        let status = delivery.json().pointer("/data/status").cloned().unwrap();
        let up_to = status.get("watermark").map_or_else(|| delivery.text("/data/id"), Value::to_string);
        let word = |key: &str| status.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        [up_to, word("state"), word("reported")]
    };
    deliveries.iter().map(told).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watermark_never_goes_back_also_after_a_restart() {
    let house = House::new().await;
    let receipt = |kind: &str, watermark: i64| {
        let item = json!({
            "sender": { "id": "7001" }, "recipient": { "id": "104000000000001" }, kind: { "watermark": watermark },
        });
        let entry = json!([{ "id": "104000000000001", "time": 1_700_000_000_000_i64, "messaging": [item] }]);
        samples::meta("Messenger", &json!({ "object": "page", "entry": entry }))
    };
    house.post(&receipt("delivery", 1_700_000_000_100)).await;
    house.post(&receipt("read", 1_700_000_000_200)).await;
    house.post(&receipt("delivery", 1_700_000_000_150)).await;
    house.delivered(3).await;
    let house = house.restarted().await;
    house.post(&receipt("delivery", 1_700_000_000_200)).await;
    house.post(&receipt("read", 1_700_000_000_120)).await;
    house.post(&receipt("read", 1_700_000_000_200)).await;
    house.post(&receipt("delivery", 1_700_000_000_300)).await;

    let deliveries = house.delivered(6).await;
    one_conversation(&deliveries);
    assert_eq!(
        receipts(&deliveries),
        [
            ["1700000000100", "delivered", ""],
            ["1700000000200", "read", ""],
            ["1700000000200", "read", "delivered"],
            ["1700000000200", "read", "delivered"],
            ["1700000000200", "read", "read"],
            ["1700000000300", "delivered", ""],
        ]
    );
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_was_opened_is_not_only_delivered_also_after_a_restart() {
    let house = House::new().await;
    let receipt = |record: &str, mail: &str, time: &str| {
        samples::postmark_webhook(&json!({
            "RecordType": record, "MessageID": mail, "Recipient": "ines@customer.example", time: "2026-11-21T10:00:00Z",
        }))
    };
    house.post(&receipt("Open", "mail-a", "ReceivedAt")).await;
    house.post(&receipt("Delivery", "mail-b", "DeliveredAt")).await;
    house.delivered(2).await;
    let house = house.restarted().await;
    house.post(&receipt("Delivery", "mail-a", "DeliveredAt")).await;
    house.post(&receipt("Open", "mail-b", "ReceivedAt")).await;

    // A mail of ours that names no conversation has no order: what is told does not depend on it.
    let mut told = receipts(&house.delivered(4).await);
    told.sort();
    assert_eq!(
        told,
        [
            ["mail-a", "read", ""],
            ["mail-a", "read", "delivered"],
            ["mail-b", "delivered", ""],
            ["mail-b", "read", ""],
        ]
    );
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_read_up_to_a_later_message_was_read_up_to_an_earlier_one_also_after_a_restart() {
    let house = House::new().await;
    let read = |last: &str| {
        let seen = json!({
            "sender_id": "3001", "target": { "recipient_id": "4337869213" },
            "created_timestamp": "1700000000000", "last_read_event_id": last,
        });
        samples::x_webhook(&json!({ "for_user_id": "4337869213", "direct_message_mark_read_events": [seen] }))
    };
    house.post(&read("1900000000000000020")).await;
    house.delivered(1).await;
    let house = house.restarted().await;
    house.post(&read("1900000000000000010")).await;
    house.post(&read("1900000000000000030")).await;

    assert_eq!(
        receipts(&house.delivered(3).await),
        [
            ["1900000000000000020", "read", ""],
            ["1900000000000000010", "read", "read"],
            ["1900000000000000030", "read", ""],
        ]
    );
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_good_items_of_a_batch_arrive_whatever_stands_beside_them_and_a_regrouped_retry_adds_nothing() {
    let house = House::new().await;
    let change = |number: &str, messages: Value| {
        let value = json!({ "metadata": { "phone_number_id": number }, "messages": messages });
        json!({ "field": "messages", "value": value })
    };
    let ana = |id: &str| text(id, &json!({ "from": "1" }), id);
    let bo = |id: &str| text(id, &json!({ "from": "2" }), id);
    let of = |changes: Value| {
        let entry = json!([{ "id": "102290129340398", "changes": changes }]);
        samples::meta("WhatsApp", &json!({ "object": "whatsapp_business_account", "entry": entry }))
    };
    let ours = "106540352242922";
    let batch = json!([
        change(ours, json!([ana("a1"), 17, bo("b1"), { "id": "odd", "from": "1", "type": ["?"] }])),
        change("999", json!([ana("stranger")])),
        { "field": "brand_new", "value": { "metadata": { "phone_number_id": ours } } },
        change(ours, json!([ana("a2")])),
    ]);
    house.post(&of(batch)).await;
    // The retry, split and mixed with what happened since.
    house.post(&of(json!([change(ours, json!([bo("b1"), ana("a2")]))]))).await;
    house.post(&of(json!([change(ours, json!([ana("a1"), bo("b2")]))]))).await;

    let deliveries = house.delivered(7).await;
    let texts = |who: &str| -> Vec<String> {
        let of = |delivery: &&Delivery| delivery.text("/data/sender/id") == who;
        deliveries
            .iter()
            .filter(of)
            .map(|delivery| delivery.text("/data/text"))
            .filter(|t| !t.is_empty())
            .collect()
    };
    assert_eq!(
        (texts("1"), texts("2")),
        (vec!["a1".into(), "a2".into()], vec!["b1".to_owned(), "b2".into()])
    );
    let unknown = kinds(&deliveries).iter().filter(|kind| *kind == "chat.unknown").count();
    assert_eq!(unknown, 3, "the number, the odd message and the new field");
    house.gateway.ops_with("/v1/dead-letters", "unknown_account").await;
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_telegram_group_that_is_upgraded_keeps_its_tag_and_its_order() {
    let house = House::new().await;
    let message = |chat: i64, id: u64, more: Value| {
        let mut message = json!({
            "message_id": id, "date": 1_700_000_000, "from": { "id": 7, "first_name": "Tomas" },
            "chat": { "id": chat, "type": if chat < -1_000_000 { "supergroup" } else { "group" }, "title": "Club" },
        });
        message.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        message
    };
    let assign = [("headgate-assign", "user=sue; team=sales"), ("headgate-alias", "room-9")];
    house.world.backend.answer_next(200, &assign);
    house.telegram(1, "message", &message(-5, 1, json!({ "text": "before" }))).await;
    house.delivered(1).await;
    // Told in the new chat first: the queues of two chats are not ordered against each other.
    let (to, from) = (json!({ "migrate_to_chat_id": -1_009_000 }), json!({ "migrate_from_chat_id": -5 }));
    house.telegram(3, "message", &message(-1_009_000, 1, from)).await;
    house.telegram(2, "message", &message(-5, 2, to)).await;
    let house = house.restarted().await;
    house.telegram(4, "message", &message(-1_009_000, 2, json!({ "text": "after" }))).await;
    house.telegram(4, "message", &message(-1_009_000, 2, json!({ "text": "after" }))).await;

    let deliveries = house.delivered(4).await;
    let conversation = one_conversation(&deliveries);
    assert_eq!(
        kinds(&deliveries),
        ["chat.message.received", "chat.contact.changed", "chat.contact.changed", "chat.message.received"]
    );
    assert!(deliveries.iter().skip(1).all(|delivery| delivery.text("/responsible") == "sue"));
    let (_status, tag) = house.gateway.ops(&format!("/v1/conversations/{conversation}")).await;
    assert_eq!(serde_json::from_str::<Value>(&tag).unwrap()["alias"], "room-9");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_telegram_topic_is_a_conversation_of_its_own_and_a_reply_is_not() {
    let house = House::new().await;
    for (id, place) in [
        (1, json!({})),
        (2, json!({ "message_thread_id": 9 })),
        (3, json!({ "message_thread_id": 9, "is_topic_message": true })),
        (4, json!({ "business_connection_id": "b" })),
    ] {
        let mut message = json!({
            "message_id": id, "date": 1_700_000_000, "text": "hi", "from": { "id": 7 },
            "chat": { "id": -1_001, "type": "supergroup" },
        });
        message.as_object_mut().unwrap().extend(place.as_object().unwrap().clone());
        house.telegram(id, "message", &message).await;
    }
    let deliveries = house.delivered(4).await;
    let of = |id: &str| {
        let delivery = deliveries.iter().find(|delivery| delivery.text("/data/id") == id).unwrap();
        delivery.text("/subject")
    };
    assert_eq!(of("1"), of("2"));
    assert_ne!(of("1"), of("3"));
    assert_ne!(of("1"), of("4"));
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn line_tells_of_unsent_messages_buttons_members_and_standby_in_the_group_they_happened_in() {
    let house = House::new().await;
    let event = |id: &str, r#type: &str, redelivered: bool, more: Value| {
        let mut event = json!({
            "type": r#type, "mode": "active", "timestamp": 1_700_000_000_123_i64, "webhookEventId": id,
            "deliveryContext": { "isRedelivery": redelivered },
            "source": { "type": "group", "groupId": "C1", "userId": "U9" },
        });
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        event
    };
    let written = json!({ "message": { "id": "55", "type": "text", "text": "oops" }, "mode": "standby" });
    let unsent = json!({ "unsend": { "messageId": "55" } });
    let pressed = json!({ "postback": { "data": "buy=1" } });
    let joined = json!({ "joined": { "members": [{ "type": "user", "userId": "U8" }] } });
    let first = event("E1", "message", false, written.clone());
    house.line(&[first, event("E2", "unsend", false, unsent.clone())]).await;
    // Redelivered, regrouped with what is new, and the group's events without a user.
    let bare = json!({ "source": { "type": "group", "groupId": "C1" }, "postback": pressed["postback"] });
    house
        .line(&[
            event("E2", "unsend", true, unsent),
            event("E3", "postback", false, bare),
            event("E1", "message", true, written),
            event("E4", "memberJoined", false, joined),
        ])
        .await;
    house.line(&[]).await;

    let deliveries = house.delivered(4).await;
    one_conversation(&deliveries);
    assert_eq!(
        kinds(&deliveries),
        ["chat.message.received", "chat.message.deleted", "chat.postback", "chat.member.changed"]
    );
    assert_eq!(deliveries[0].json()["data"]["standby"], true);
    assert_eq!(deliveries[0].text("/time"), "2023-11-14T22:13:20.123Z");
    assert_eq!(deliveries[1].text("/data/id"), "55");
    assert_eq!(deliveries[2].text("/data/postback/payload"), "buy=1");
    assert_eq!(deliveries[3].text("/data/member/who/0/id"), "U8");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_direct_message_of_x_arrives_once_whichever_product_and_subscription_tells_of_it() {
    let house = House::new().await;
    let message = |id: &str, from: &str, to: &str| {
        json!({
            "type": "message_create", "id": id, "created_timestamp": "1700000000123",
            "message_create": { "sender_id": from, "target": { "recipient_id": to },
                                "message_data": { "text": id } },
        })
    };
    let activity = |uuid: &str, event_type: &str, message: Value| {
        let payload = json!({ "direct_message_events": [message] });
        samples::x_webhook(&json!({ "data": {
            "event_uuid": uuid, "event_type": event_type, "filter": { "user_id": "4337869213" }, "payload": payload,
        } }))
    };
    let received = message("901", "3001", "4337869213");
    house.post(&activity("-1", "dm.received", received.clone())).await;
    house.post(&activity("2", "dm.received", received.clone())).await;
    house.post(&activity("-1", "dm.received", received.clone())).await;
    let old_product = json!({ "for_user_id": "4337869213", "direct_message_events": [received] });
    house.post(&samples::x_webhook(&old_product)).await;
    // Our own answer comes as well, and belongs to the same conversation.
    house.post(&activity("3", "dm.sent", message("902", "4337869213", "3001"))).await;

    let deliveries = house.delivered(2).await;
    one_conversation(&deliveries);
    assert_eq!(kinds(&deliveries), ["chat.message.received", "chat.message.sent"]);
    assert_eq!(deliveries[0].text("/time"), "2023-11-14T22:13:20.123Z");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messenger_tells_of_echoes_edits_reactions_standby_and_handover() {
    let house = House::new().await;
    let (page, contact) = (json!({ "id": "104000000000001" }), json!({ "id": "7001" }));
    let item = |from: &Value, to: &Value, time: u64, more: Value| {
        let mut item = json!({ "sender": from, "recipient": to, "timestamp": time });
        item.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        item
    };
    let of = |list: &str, items: Value| {
        let entry = json!([{ "id": "104000000000001", "time": 1_700_000_000_500_i64, list: items }]);
        samples::meta("Messenger", &json!({ "object": "page", "entry": entry }))
    };
    let echo = json!({ "message": { "mid": "m_2", "is_echo": true, "text": "from the inbox" } });
    house
        .post(&of(
            "messaging",
            json!([
                item(&contact, &page, 1, json!({ "message": { "mid": "m_1", "text": "hi" } })),
                item(&page, &contact, 2, echo),
                item(
                    &contact,
                    &page,
                    3,
                    json!({ "message_edit": { "mid": "m_1", "text": "ho", "num_edit": "1" } })
                ),
                item(
                    &contact,
                    &page,
                    4,
                    json!({ "reaction": { "mid": "m_2", "action": "react", "emoji": "❤" } })
                ),
                item(&contact, &page, 5, json!({ "postback": { "payload": "START", "title": "Start" } })),
                item(&contact, &page, 6, json!({ "message": { "mid": "m_1", "is_deleted": true } })),
                item(&contact, &page, 7, json!({ "pass_thread_control": { "new_owner_app_id": "1" } })),
            ]),
        ))
        .await;
    let standby =
        json!([item(&contact, &page, 8, json!({ "message": { "mid": "m_3", "text": "to others" } }))]);
    house.post(&of("standby", standby)).await;

    let deliveries = house.delivered(8).await;
    one_conversation(&deliveries);
    assert_eq!(
        kinds(&deliveries),
        [
            "chat.message.received",
            "chat.message.sent",
            "chat.message.edited",
            "chat.message.reaction",
            "chat.postback",
            "chat.message.deleted",
            "chat.handover",
            "chat.message.received",
        ]
    );
    assert_eq!(deliveries[7].json()["data"]["standby"], true);
    assert!(deliveries[0].json()["data"].get("standby").is_none());
    house.stop().await;
}

/// A mail as Postmark hands it on. `headers` are lines.
fn mail(id: u32, to: &str, from: &str, headers: &[(&str, &str)]) -> Sample {
    let (mailbox, hash) =
        to.split_once('+').map_or((to, ""), |(_, rest)| (to, rest.split('@').next().unwrap()));
    let headers: Vec<Value> =
        headers.iter().map(|(name, value)| json!({ "Name": name, "Value": value })).collect();
    samples::postmark_webhook(&json!({
        "From": from, "FromFull": { "Email": from, "Name": "" }, "OriginalRecipient": mailbox, "MailboxHash": hash,
        "To": to, "ToFull": [{ "Email": to, "Name": "", "MailboxHash": hash }], "Subject": "Re: order",
        "MessageID": format!("5f0e4b8a-0000-4000-8000-{id:012}"), "Date": "Sat, 21 Nov 2026 10:00:00 +0000",
        "TextBody": format!("mail {id}"), "HtmlBody": "", "Headers": headers,
    }))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_finds_its_conversation_by_token_then_by_reference_and_a_strangers_is_flagged() {
    let house = House::new().await;
    let (help, token) = ("help@postmark.example", "help+k7q2m5x9w3r8t4z6@postmark.example");
    let ana = "ana@customer.example";
    for (id, to, from, headers) in [
        (1, help, ana, &[("Message-ID", "<m1@customer.example>")][..]),
        // By reference, from the same domain and from another.
        (
            2,
            help,
            "bo@customer.example",
            &[("Message-ID", "<m2@c>"), ("In-Reply-To", "<m1@customer.example>")],
        ),
        (3, help, "eve@elsewhere.example", &[("Message-ID", "<m3@e>"), ("References", "<m0@x>\r\n <m2@c>")]),
        // A token's conversation; then the token in capitals beats the reference beside it.
        (4, token, ana, &[("Message-ID", "<m4@customer.example>")]),
        (
            5,
            &token.to_uppercase(),
            "ana@private.example",
            &[("Message-ID", "<m5@c>"), ("In-Reply-To", "<m1@customer.example>")],
        ),
        // The subject alone leads nowhere.
        (6, help, ana, &[("Message-ID", "<m6@customer.example>")]),
    ] {
        house.post(&mail(id, to, from, headers)).await;
        house.delivered(id as usize).await;
    }
    let deliveries = house.delivered(6).await;
    let subject = |at: usize| deliveries[at - 1].text("/subject");
    one_conversation(&deliveries[..3]);
    one_conversation(&deliveries[3..5]);
    assert!(subject(1) != subject(4) && subject(6) != subject(1) && subject(6) != subject(4));
    let weak: Vec<bool> =
        deliveries.iter().map(|one| one.json()["data"]["email"]["weak_thread"] == true).collect();
    assert_eq!(weak, [false, false, true, false, false, false]);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_comes_back_lands_in_its_conversation_and_is_told_apart_from_an_automatic_answer() {
    let house = House::new().await;
    let help = "help@postmark.example";
    house.post(&mail(1, help, "ana@customer.example", &[("Message-ID", "<m1@customer.example>")])).await;
    house
        .post(&mail(
            2,
            help,
            "ana@customer.example",
            &[
                ("Message-ID", "<m2@c>"),
                ("In-Reply-To", "<m1@customer.example>"),
                ("Auto-Submitted", "auto-replied"),
            ],
        ))
        .await;
    let report = "From: MAILER-DAEMON@mx.example\r\nTo: help@postmark.example\r\nSubject: Undelivered\r\n\
        Message-ID: <dsn@mx.example>\r\nReturn-Path: <>\r\nMIME-Version: 1.0\r\n\
        Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n\
        --b\r\nContent-Type: text/plain\r\n\r\nIt came back.\r\n\
        --b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n\
        Final-Recipient: rfc822; ana@customer.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n\
        --b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <m1@customer.example>\r\n\r\n--b--\r\n";
    house
        .post(&samples::postmark_webhook(&json!({
            "From": "MAILER-DAEMON@mx.example", "OriginalRecipient": help, "Subject": "Undelivered",
            "MessageID": "5f0e4b8a-0000-4000-8000-000000000003", "RawEmail": report,
            "Headers": [{ "Name": "Return-Path", "Value": "<>" }, { "Name": "Message-ID", "Value": "<dsn@mx.example>" }],
        })))
        .await;
    let deliveries = house.delivered(3).await;
    one_conversation(&deliveries);
    let automatic: Vec<String> = deliveries.iter().map(|one| one.text("/data/email/automatic")).collect();
    assert_eq!(automatic, ["", "auto_reply", "bounce"]);
    assert_eq!(deliveries[2].text("/type"), "chat.email.bounced");
    assert_eq!(deliveries[2].text("/data/email/bounced"), "m1@customer.example");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_for_several_mailboxes_is_one_event_for_each_and_one_in_s3_is_a_reference() {
    let world = World::new().await;
    let more = "\n[account.sales-ses]\nendpoint = \"mail-ses\"\nid = \"sales@ses.example\"\nbackend = \"chat\"\nteam = \"sales\"\n";
    let gateway = world.setup().start().await;
    let channels = gateway.read("tenants/default/channels.toml") + more;
    gateway.reload_with("tenants/default/channels.toml", &channels).unwrap();
    let provider = Provider::new(gateway.hooks(), &world.tls);
    let message = json!({
        "notificationType": "Received",
        "mail": {
            "messageId": "s3mail", "source": "bo@customer.example", "timestamp": "2026-11-21T10:00:00.000Z",
            "destination": ["help@ses.example", "sales@ses.example"], "headers": [],
            "commonHeaders": { "messageId": "<s3@customer.example>", "from": ["Bo <bo@customer.example>"], "subject": "Big" },
        },
        "receipt": {
            "recipients": ["help@ses.example", "sales@ses.example"], "spfVerdict": { "status": "FAIL" },
            "action": { "type": "S3", "bucketName": "mails", "objectKey": "in/s3mail" },
        },
    })
    .to_string();
    // SNS tells of it twice: once more under another id, as after a lost answer of ours.
    for id in ["00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"] {
        let sample = samples::sns_notification(&world.keys, id, &message, now());
        assert_eq!(provider.post(&sample).await.status, 200);
    }
    let deliveries = world.backend.acknowledged(2).await;
    assert_eq!(deliveries.len(), 2);
    let mut sources: Vec<String> = deliveries.iter().map(|one| one.text("/source")).collect();
    sources.sort();
    assert_eq!(sources, ["/email/help-ses", "/email/sales-ses"]);
    assert_ne!(deliveries[0].text("/subject"), deliveries[1].text("/subject"));
    for delivery in &deliveries {
        assert_eq!(delivery.text("/data/media/0/url"), "s3://mails/in/s3mail");
        assert_eq!(delivery.json()["data"]["email"]["verdicts"], json!([["spf", "FAIL"]]));
        assert_eq!(delivery.text("/time"), "2026-11-21T10:00:00.000Z");
    }
    gateway.stop().await;
}
