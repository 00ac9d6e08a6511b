//! However a provider groups what it sends, each item comes out once, under the same name and in the same
//! conversation: of a batch, of its redelivery, and of retries that spread its items over other posts.
#![cfg(test)]

use std::time::Duration;

use headgate::{
    channel::{
        Channel, Item, Provider, fuzzing, line::Line, meta::Meta, sendgrid::Sendgrid, telegram::Telegram,
        twitter::Twitter,
    },
    secret::Secret,
};
use http::{HeaderMap, HeaderValue, header};
use proptest::{prelude::*, sample::Index};
use serde_json::{Map, Value, json};

use crate::support::json::any_json;

/// A provider that groups items.
struct Sender {
    name: &'static str,
    provider: Provider,
    /// What it calls its items' kinds, known ones and others.
    kinds: &'static [&'static str],
    /// A valid item of a kind.
    item: fn(number: usize, kind: &str) -> Value,
    /// The body that holds these items; `post` is what differs between posts.
    body: fn(items: &[Value], post: usize) -> Value,
}

fn senders() -> Vec<Sender> {
    let meta = || {
        Provider::Meta(Meta {
            app_secrets: vec![Secret::new("app")],
            verify_token: Secret::new("verify"),
            channels: vec![Channel::Whatsapp, Channel::Facebook, Channel::Instagram],
        })
    };
    let twitter = || Provider::Twitter(Twitter { consumer_secrets: vec![Secret::new("consumer")] });
    vec![
        Sender {
            name: "WhatsApp messages",
            provider: meta(),
            kinds: &["text", "image", "reaction", "system", "unsupported", "hologram"],
            item: |number, kind| {
                json!({"from": format!("4915{}", number % 3), "id": format!("wamid.{number}"), "type": kind,
                    "timestamp": "1700000000", kind: {"body": "hi", "id": "media", "message_id": "wamid.0"}})
            },
            body: |items, _post| whatsapp("messages", items),
        },
        Sender {
            name: "WhatsApp receipts",
            provider: meta(),
            kinds: &["sent", "delivered", "read", "played", "failed", "melted"],
            item: |number, kind| {
                json!({"id": format!("wamid.{number}"), "status": kind, "timestamp": "1700000000",
                    "recipient_id": format!("4915{}", number % 3)})
            },
            body: |items, _post| whatsapp("statuses", items),
        },
        Sender {
            name: "Messenger",
            provider: meta(),
            kinds: &["message", "postback", "delivery", "read", "reaction", "optin", "hologram"],
            item: messaging,
            body: |items, post| json!({"object": "page", "entry": [{"id": "700", "time": post, "messaging": items}]}),
        },
        Sender {
            name: "Instagram, an entry for each item",
            provider: meta(),
            kinds: &["message", "postback", "read", "reaction", "message_edit", "hologram"],
            item: messaging,
            body: |items, post| {
                let entry = |item| json!({"id": "700", "time": post, "messaging": [item]});
                json!({"object": "instagram", "entry": items.iter().map(entry).collect::<Vec<_>>()})
            },
        },
        Sender {
            name: "LINE",
            provider: Provider::Line(Line { channel_secrets: vec![Secret::new("channel")] }),
            kinds: &["message", "follow", "unsend", "postback", "memberJoined", "hologram"],
            item: |number, kind| {
                let source = if number % 2 == 0 {
                    json!({"type": "user", "userId": "U1"})
                } else {
                    json!({"type": "group", "groupId": "C1", "userId": "U1"})
                };
                json!({"type": kind, "webhookEventId": format!("01H{number}"), "timestamp": 1_700_000_000_000_i64,
                    "source": source, "message": {"id": number.to_string(), "type": "text", "text": "hi"},
                    "postback": {"data": "x"}, "unsend": {"messageId": "1"}})
            },
            body: |items, _post| json!({"destination": "Ubot", "events": items}),
        },
        Sender {
            name: "X direct messages",
            provider: twitter(),
            kinds: &["message_create", "message_delete", "hologram"],
            item: |number, kind| {
                json!({"type": kind, "id": number.to_string(), "created_timestamp": "1700000000000",
                    "message_create": {"sender_id": "7", "target": {"recipient_id": "42"},
                        "message_data": {"text": "hi"}}})
            },
            body: |items, post| {
                json!({"for_user_id": "42", "direct_message_events": items,
                    "users": {"7": {"id": "7", "name": "Ana", "statuses_count": post}}})
            },
        },
        Sender {
            name: "X posts",
            provider: twitter(),
            kinds: &["text", "full_text", "hologram"],
            item: |number, kind| {
                json!({"id": number, "id_str": number.to_string(), "user": {"id": 7, "id_str": "7"}, kind: "hi",
                    "timestamp_ms": "1700000000000", "in_reply_to_status_id_str": (number % 2).to_string()})
            },
            body: |items, post| json!({"for_user_id": "42", "user_has_blocked": post % 2 == 0, "tweet_create_events": items}),
        },
        Sender {
            name: "X follows",
            provider: twitter(),
            kinds: &["follow", "unfollow", "hologram"],
            item: |number, kind| {
                json!({"type": kind, "created_timestamp": (1_700_000_000_000 + number).to_string(),
                    "source": {"id": "7"}, "target": {"id": "42"}})
            },
            body: |items, _post| json!({"for_user_id": "42", "follow_events": items}),
        },
        Sender {
            name: "SendGrid events",
            provider: Provider::Sendgrid(Sendgrid {
                public_keys: Vec::new(),
                basic: vec![Secret::new("send:grid")],
                window: Duration::from_secs(900),
            }),
            kinds: &["delivered", "bounce", "dropped", "open", "hologram"],
            item: |number, kind| {
                json!({"event": kind, "sg_event_id": format!("event-{number}"), "email": "ana@example.com",
                    "timestamp": 1_700_000_000, "smtp-id": "<a@example.com>"})
            },
            body: |items, _post| Value::from(items),
        },
        Sender {
            name: "Telegram, which sends one by one",
            provider: Provider::Telegram(Telegram { secret_tokens: vec![Secret::new("token")] }),
            kinds: &["message", "edited_message", "callback_query", "my_chat_member", "hologram"],
            item: |number, kind| {
                json!({"update_id": number, kind: {"message_id": number, "date": 1_700_000_000, "text": "hi",
                    "chat": {"id": -7, "type": "group", "title": "Club"}, "from": {"id": 7, "first_name": "Ana"}}})
            },
            body: |items, _post| items.first().cloned().unwrap_or_default(),
        },
    ]
}

fn whatsapp(list: &str, items: &[Value]) -> Value {
    let contacts = ["49150", "49151", "49152"].map(|id| json!({"wa_id": id, "profile": {"name": "Ana"}}));
    let metadata = json!({"display_phone_number": "49301", "phone_number_id": "600"});
    let value =
        json!({"messaging_product": "whatsapp", "metadata": metadata, "contacts": contacts, list: items});
    json!({"object": "whatsapp_business_account",
        "entry": [{"id": "500", "changes": [{"field": "messages", "value": value}]}]})
}

fn messaging(number: usize, kind: &str) -> Value {
    let time = 1_700_000_000_000 + i64::try_from(number).unwrap();
    let sender = json!({"id": format!("7{}", number % 3)});
    let mut item = json!({"sender": sender, "recipient": {"id": "700"}, "timestamp": time});
    item[kind] = json!({"mid": format!("m.{number}"), "text": "hi", "payload": "x", "watermark": time});
    item
}

/// What a generated item has beside its kind.
#[derive(Clone, Debug)]
struct Draft {
    kind: Index,
    unknown: Map<String, Value>,
    /// A member whose value is of another type than it should be.
    odd: Option<(Index, Value)>,
}

fn draft() -> impl Strategy<Value = Draft> {
    let unknown = prop::collection::hash_map("x_[a-z]{1,6}", any_json(), 0..3);
    let odd = prop::option::weighted(0.3, (any::<Index>(), any_json()));
    (any::<Index>(), unknown, odd).prop_map(|(kind, unknown, odd)| Draft {
        kind,
        unknown: unknown.into_iter().collect(),
        odd,
    })
}

fn items(sender: &Sender, drafts: &[Draft]) -> Vec<Value> {
    let item = |(number, draft): (usize, &Draft)| {
        let Value::Object(mut item) =
            (sender.item)(number, sender.kinds[draft.kind.index(sender.kinds.len())])
        else {
            panic!()
        };
        if let Some((place, value)) = &draft.odd {
            let name = item.keys().nth(place.index(item.len())).unwrap().clone();
            item.insert(name, value.clone());
        }
        // Each member of an update but its id is an item.
        if sender.provider.channel() != Channel::Telegram {
            item.extend(draft.unknown.clone());
        }
        Value::Object(item)
    };
    drafts.iter().enumerate().map(item).collect()
}

/// An item as it is known afterwards: its dedupe ids, and the names of its conversation.
type Told = (Vec<String>, Vec<String>);

fn told(sender: &Sender, items: &[Value], post: usize) -> Vec<Told> {
    let body = (sender.body)(items, post).to_string();
    let json = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    let split = fuzzing::split(&sender.provider, &json, body.as_bytes())
        .unwrap_or_else(|malformed| panic!("{}: {malformed}: {body}", sender.name));
    assert_eq!(split.items.len(), items.len(), "{}: items out = items in: {body}", sender.name);
    let told = split.items.into_iter().map(|item| match item {
        Item::Event(event) => {
            let keys = event.thread.map(|thread| thread.keys).unwrap_or_default();
            (event.dedupe, keys.into_iter().map(|key| key.text).collect())
        }
        Item::Ignored(_) => (Vec::new(), Vec::new()),
    });
    told.collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn items_are_known_again_however_they_are_grouped(
        drafts in prop::collection::vec(draft(), 1..8),
        sizes in prop::collection::vec(1..4_usize, 8),
    ) {
        for sender in senders() {
            let batches_are_single = sender.provider.channel() == Channel::Telegram;
            let drafts = if batches_are_single { drafts.get(..1).unwrap() } else { &drafts };
            let items = items(&sender, drafts);
            let together = told(&sender, &items, 0);
            prop_assert_eq!(&told(&sender, &items, 0), &together, "{}: a redelivery", sender.name);

            let (mut apart, mut rest) = (Vec::new(), items.as_slice());
            for (post, size) in sizes.iter().enumerate() {
                let (now, later) = rest.split_at((*size).min(rest.len()));
                if !now.is_empty() {
                    apart.extend(told(&sender, now, post + 1));
                }
                rest = later;
            }
            prop_assert_eq!(&apart, &together, "{}: spread over other posts", sender.name);
        }
    }

    #[test]
    fn valid_items_have_names_of_their_own(kinds in prop::collection::vec(any::<Index>(), 2..8)) {
        for sender in senders().into_iter().filter(|sender| sender.provider.channel() != Channel::Telegram) {
            let drafts = kinds.iter().map(|kind| Draft { kind: *kind, unknown: Map::new(), odd: None });
            let items = items(&sender, &drafts.collect::<Vec<_>>());
            let told = told(&sender, &items, 0);
            let apart: std::collections::BTreeSet<_> = told.iter().filter_map(|(ids, _)| ids.first()).collect();
            prop_assert_eq!(apart.len(), items.len(), "{}: {:?}", sender.name, told);
        }
    }
}
