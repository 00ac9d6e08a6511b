//! Providers that send one thing at a time: what they say is known again however it is written, and a value
//! of another shape than documented takes nothing with it.
#![cfg(test)]

use std::{collections::BTreeSet, time::Duration};

use headgate::{
    channel::{
        Channel, Item, Kind, Provider, fuzzing,
        mailgun::Mailgun,
        postmark::Postmark,
        sendgrid::Sendgrid,
        sns::Sns,
        standard::{Key, Pointers, Standard},
        twitter::Twitter,
    },
    secret::Secret,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::{prelude::*, sample::Index};
use serde_json::{Map, Value, json};

use crate::support::json::any_json;

/// A provider that sends one thing at a time.
struct Sender {
    name: &'static str,
    provider: Provider,
    /// What it calls the kinds of webhook, known ones and others.
    kinds: &'static [&'static str],
    /// A valid webhook of a kind, as an object.
    webhook: fn(number: usize, kind: &str) -> Value,
    /// Into how many items a valid one is split.
    items: fn(kind: &str) -> usize,
    /// JSON pointers to lists, none of whose items the others need.
    lists: &'static [&'static str],
    form: Form,
}

/// How the object becomes a body.
#[derive(Clone, Copy)]
enum Form {
    Json,
    /// The object at `Message` is a text inside.
    Sns,
    UrlEncoded,
    Multipart,
}

const HOUR: Duration = Duration::from_secs(3600);

fn senders() -> Vec<Sender> {
    let mailgun = || Provider::Mailgun(Mailgun { signing_keys: vec![Secret::new("mailgun")], window: HOUR });
    vec![
        Sender {
            name: "Mailgun mails",
            provider: mailgun(),
            kinds: &["message-headers", "no-headers"],
            webhook: mailgun_mail,
            items: |_kind| 2,
            lists: &["/message-headers", "/attachments"],
            form: Form::UrlEncoded,
        },
        Sender {
            name: "Mailgun mails as multipart",
            provider: mailgun(),
            kinds: &["message-headers", "no-headers"],
            webhook: mailgun_mail,
            items: |_kind| 2,
            lists: &["/message-headers", "/attachments"],
            form: Form::Multipart,
        },
        Sender {
            name: "Mailgun events",
            provider: mailgun(),
            kinds: &["delivered", "opened", "failed", "hologram"],
            webhook: |number, kind| {
                json!({"signature": {"timestamp": "1700000000", "token": "t", "signature": "00"},
                    "event-data": {"event": kind, "id": format!("e{number}"), "timestamp": 1_700_000_000.5,
                        "severity": "permanent", "recipient": "ana@x.example", "tags": ["a"],
                        "message": {"headers": {"message-id": "m@in.example", "from": "us@in.example"}}}})
            },
            items: |_kind| 1,
            lists: &["/event-data/tags"],
            form: Form::Json,
        },
        Sender {
            name: "Mailgun's legacy events",
            provider: mailgun(),
            kinds: &["delivered", "opened", "bounced", "hologram"],
            webhook: |number, kind| {
                json!({"timestamp": "1700000000", "token": "t", "signature": "00", "event": kind,
                    "recipient": format!("ana{number}@x.example"), "Message-Id": "<m@in.example>"})
            },
            items: |_kind| 1,
            lists: &[],
            form: Form::UrlEncoded,
        },
        Sender {
            name: "SendGrid mails",
            provider: Provider::Sendgrid(Sendgrid {
                public_keys: Vec::new(),
                basic: vec![Secret::new("send:grid")],
                window: HOUR,
            }),
            kinds: &["text", "html"],
            webhook: |number, kind| {
                json!({"headers": format!("From: ana@x.example\nMessage-ID: <{number}@x.example>\n\n"),
                    "envelope": {"to": ["help@in.example", "sales@in.example"], "from": "ana@x.example"},
                    "charsets": {"text": "utf-8", "to": null}, kind: "hi", "SPF": "pass"})
            },
            items: |_kind| 2,
            lists: &["/envelope/to"],
            form: Form::Multipart,
        },
        Sender {
            name: "Postmark",
            provider: Provider::Postmark(Postmark { basic: vec![Secret::new("post:mark")] }),
            kinds: &["mail", "Delivery", "Open", "Click", "Bounce", "Hologram"],
            webhook: postmark,
            items: |_kind| 1,
            lists: &["/Headers", "/ToFull", "/CcFull", "/Attachments"],
            form: Form::Json,
        },
        Sender {
            name: "SES through SNS",
            provider: Provider::Sns(Sns {
                topics: vec!["arn:aws:sns:eu-west-1:123456789012:mail".to_owned()],
                window: HOUR,
                basic: Vec::new(),
            }),
            kinds: &["Received", "S3", "Bounce", "Delivery", "Click", "Hologram"],
            webhook: ses,
            items: |kind| if matches!(kind, "Received" | "S3") { 2 } else { 1 },
            lists: &[
                "/Message/mail/headers",
                "/Message/mail/commonHeaders/to",
                "/Message/receipt/recipients",
                "/Message/bounce/bouncedRecipients",
                "/Message/mail/destination",
            ],
            form: Form::Sns,
        },
        Sender {
            name: "Standard Webhooks",
            provider: standard(),
            kinds: &["message.created", "message.deleted", "hologram"],
            webhook: |number, kind| {
                json!({"type": kind, "timestamp": "2026-01-15T10:00:00Z",
                    "data": {"id": number, "conversation_id": format!("c-{}", number % 2), "text": "hi",
                        "attachments": [{"url": "https://m.test/1"}]}})
            },
            items: |_kind| 1,
            lists: &["/data/attachments"],
            form: Form::Json,
        },
        Sender {
            name: "X Activity",
            provider: Provider::Twitter(Twitter { consumer_secrets: vec![Secret::new("consumer")] }),
            kinds: &[
                "dm.received",
                "dm.read",
                "chat.received",
                "post.create",
                "post.delete",
                "follow.follow",
                "oauth.revoke",
                "like.create",
                "hologram",
            ],
            webhook: activity,
            items: |_kind| 1,
            lists: &["/data/includes/users", "/data/includes/media"],
            form: Form::Json,
        },
    ]
}

fn standard() -> Provider {
    Provider::Standard(Standard {
        channel: Channel::Webchat,
        keys: vec![Key::Hmac(Secret::new("key"))],
        tolerance: HOUR,
        svix: false,
        pointers: Pointers {
            conversation: "/data/conversation_id".into(),
            message_id: Some("/data/id".into()),
            text: Some("/data/text".into()),
            sender: None,
            sender_name: None,
            time: None,
        },
        kinds: [
            ("message.created".to_owned(), Kind::MessageReceived),
            ("message.deleted".to_owned(), Kind::MessageDeleted),
        ]
        .into(),
    })
}

fn mailgun_mail(number: usize, kind: &str) -> Value {
    let headers = [
        ("From", "Ana <ana@x.example>".to_owned()),
        ("Message-Id", format!("<{number}@x.example>")),
        ("In-Reply-To", "<0@in.example>".to_owned()),
    ];
    let mut mail = json!({"timestamp": "1700000000", "token": "t", "signature": "00", "sender": "ana@x.example",
        "recipient": "help@in.example, sales@in.example", "body-plain": "hi",
        "attachments": [{"url": "https://s.test/1", "content-type": "image/png", "size": 20}]});
    for (name, value) in &headers {
        mail[*name] = value.as_str().into();
    }
    if kind == "message-headers" {
        mail[kind] = json!(headers);
    }
    mail
}

fn postmark(number: usize, kind: &str) -> Value {
    let id = format!("guid-{number}");
    match kind {
        "mail" => json!({"MessageID": id, "OriginalRecipient": "help@in.example", "TextBody": "hi",
            "FromFull": {"Email": "ana@x.example", "Name": "Ana"}, "CcFull": [],
            "ToFull": [{"Email": "help@in.example", "Name": ""}],
            "Headers": [{"Name": "Message-ID", "Value": format!("<{number}@x.example>")},
                {"Name": "References", "Value": "<0@in.example>"}],
            "Attachments": [{"Name": "a.png", "Content": "AAEC", "ContentType": "image/png", "ContentLength": 3}]}),
        "Bounce" | "Hologram" => {
            json!({"RecordType": kind, "ID": number, "MessageID": "guid", "BouncedAt": "2026-01-15T10:00:00Z"})
        }
        _ => json!({"RecordType": kind, "MessageID": id, "Recipient": "ana@x.example",
            "DeliveredAt": "2026-01-15T10:00:00Z"}),
    }
}

fn ses(number: usize, kind: &str) -> Value {
    let mail = json!({"messageId": format!("ses{number}"), "source": "ana@x.example",
        "destination": ["bo@x.example"],
        "headers": [{"name": "In-Reply-To", "value": "<0@in.example>"}],
        "commonHeaders": {"messageId": format!("<{number}@x.example>"), "to": ["help@in.example"]}});
    let mut message = match kind {
        "Received" | "S3" => json!({"notificationType": "Received",
            "receipt": {"recipients": ["help@in.example", "sales@in.example"],
                "action": {"encoding": "UTF8", "bucketName": "b", "objectKey": "k"}}}),
        _ => json!({"eventType": kind, "bounce": {"bouncedRecipients": [{"emailAddress": "bo@x.example"}]}}),
    };
    message["mail"] = mail;
    if kind == "Received" {
        message["content"] =
            format!("From: ana@x.example\r\nMessage-ID: <{number}@x.example>\r\n\r\nhi").into();
    }
    json!({"Type": "Notification", "MessageId": format!("n{number}"), "Timestamp": "2026-01-15T10:00:00.000Z",
        "TopicArn": "arn:aws:sns:eu-west-1:123456789012:mail", "Message": message})
}

fn activity(number: usize, kind: &str) -> Value {
    let payload = match kind {
        "dm.received" => {
            json!({"direct_message_events": [{"type": "message_create", "id": number.to_string(),
            "message_create": {"sender_id": "7", "target": {"recipient_id": "42"},
                "message_data": {"text": "hi"}}}]})
        }
        "dm.read" => json!({"direct_message_mark_read_events": [{"sender_id": "7",
            "target": {"recipient_id": "42"}, "last_read_event_id": number.to_string()}]}),
        "follow.follow" => json!({"source": {"id": "7"}, "target": {"id": "42"}}),
        _ => json!({"id": number.to_string(), "conversation_id": "7:42", "sender_id": "7", "text": "hi",
            "attachments": {"media_keys": ["3_1"]}}),
    };
    json!({"data": {"event_uuid": format!("-{number}"), "event_type": kind, "filter": {"user_id": "42"},
        "payload": payload, "includes": {"users": [{"id": "7", "name": "Ana"}],
            "media": [{"media_key": "3_1", "type": "photo", "url": "https://m.test/1"}]}}})
}

/// A way to write JSON down: in which order members stand, and what stands between them. Reads its bytes over
/// and over.
#[derive(Clone, Debug)]
struct Hand(Vec<u8>, usize);

impl Hand {
    fn next(&mut self) -> usize {
        self.1 += 1;
        usize::from(self.0[self.1 % self.0.len()])
    }

    fn space(&mut self) -> &'static str {
        ["", "", " ", "\n\t"][self.next() % 4]
    }

    /// The members in some order.
    fn members<'v>(&mut self, object: &'v Map<String, Value>) -> Vec<(&'v String, &'v Value)> {
        let mut left: Vec<_> = object.iter().collect();
        let mut members = Vec::new();
        while !left.is_empty() {
            members.push(left.remove(self.next() % left.len()));
        }
        members
    }

    fn write(&mut self, value: &Value) -> String {
        let (open, inner, close) = match value {
            Value::Object(object) => {
                let members = self.members(object);
                let member = |(name, value): (&String, &Value)| {
                    format!("{}{}:{}{}", json!(name), self.space(), self.space(), self.write(value))
                };
                ("{", members.into_iter().map(member).collect::<Vec<_>>(), "}")
            }
            Value::Array(items) => ("[", items.iter().map(|item| self.write(item)).collect(), "]"),
            other => return other.to_string(),
        };
        let comma = format!("{},{}", self.space(), self.space());
        format!("{open}{}{}{}{close}", self.space(), inner.join(&comma), self.space())
    }

    /// The fields of a form: texts and what nobody knows as they are, other values as JSON.
    fn fields(&mut self, webhook: &Value) -> Vec<(String, String)> {
        let members = self.members(webhook.as_object().unwrap());
        let field = |(name, value): (&String, &Value)| match value {
            Value::String(text) => (name.clone(), text.clone()),
            other if name.starts_with("x_") => (name.clone(), other.to_string()),
            other => (name.clone(), self.write(other)),
        };
        members.into_iter().map(field).collect()
    }
}

fn hand() -> impl Strategy<Value = Hand> {
    prop::collection::vec(any::<u8>(), 1..40).prop_map(|bytes| Hand(bytes, 0))
}

impl Sender {
    fn body(&self, webhook: &Value, hand: &mut Hand) -> (&'static str, String) {
        const BOUNDARY: &str = "a-boundary-that-nobody-guesses";
        match self.form {
            Form::Json => ("application/json", hand.write(webhook)),
            Form::Sns => {
                let mut envelope = webhook.clone();
                envelope["Message"] = hand.write(&webhook["Message"]).into();
                ("text/plain; charset=UTF-8", hand.write(&envelope))
            }
            Form::UrlEncoded => {
                let mut body = form_urlencoded::Serializer::new(String::new());
                ("application/x-www-form-urlencoded", body.extend_pairs(hand.fields(webhook)).finish())
            }
            Form::Multipart => {
                let part = |(name, value): (String, String)| {
                    format!(
                        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
                    )
                };
                let parts: String = hand.fields(webhook).into_iter().map(part).collect();
                (
                    "multipart/form-data; boundary=a-boundary-that-nobody-guesses",
                    format!("{parts}--{BOUNDARY}--"),
                )
            }
        }
    }

    /// What becomes of a webhook, the `number`-th of its sender.
    fn told(&self, webhook: &Value, number: usize, hand: &Hand) -> Vec<Told> {
        let (content_type, body) = self.body(webhook, &mut hand.clone());
        let mut headers = HeaderMap::new();
        headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        let id = HeaderValue::try_from(format!("msg_{number}")).unwrap();
        headers.insert(HeaderName::from_static("webhook-id"), id);
        let split = fuzzing::split(&self.provider, &headers, body.as_bytes())
            .unwrap_or_else(|malformed| panic!("{}: {malformed}: {body}", self.name));
        let told = split.items.into_iter().map(|item| {
            let Item::Event(event) = item else { panic!("{}: ignored: {body}", self.name) };
            Told {
                account: format!("{:?}", event.account),
                kind: event.kind,
                dedupe: event.dedupe,
                keys: event.thread.into_iter().flat_map(|thread| thread.keys).map(|key| key.text).collect(),
            }
        });
        told.collect()
    }
}

/// An item as it is known afterwards.
#[derive(Debug, PartialEq)]
struct Told {
    account: String,
    kind: Kind,
    dedupe: Vec<String>,
    keys: Vec<String>,
}

/// Members that this version does not know.
fn unknown() -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::hash_map("x_[a-z]{1,6}", any_json(), 0..3)
        .prop_map(|members| members.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn a_webhook_is_known_again_however_it_is_written(
        kind in any::<Index>(),
        unknown in unknown(),
        one in hand(),
        other in hand(),
    ) {
        for sender in senders() {
            let kind = sender.kinds[kind.index(sender.kinds.len())];
            let mut webhook = (sender.webhook)(1, kind);
            webhook.as_object_mut().unwrap().extend(unknown.clone());
            let told = sender.told(&webhook, 1, &one);
            prop_assert_eq!(told.len(), (sender.items)(kind), "{} {}", sender.name, kind);
            prop_assert_eq!(sender.told(&webhook, 1, &other), told, "{} {}", sender.name, kind);
        }
    }

    #[test]
    fn an_odd_item_of_a_list_costs_its_neighbours_nothing(
        kind in any::<Index>(),
        // A text may be what the list is made of, and what has a URL is an attachment.
        odd in any_json().prop_filter("an item", |value| !value.is_string() && value.get("url").is_none()),
        place in any::<Index>(),
        hand in hand(),
    ) {
        for sender in senders() {
            let kind = sender.kinds[kind.index(sender.kinds.len())];
            let webhook = (sender.webhook)(1, kind);
            let told = sender.told(&webhook, 1, &hand);
            for pointer in sender.lists {
                let mut beside = webhook.clone();
                let Some(Value::Array(list)) = beside.pointer_mut(pointer) else { continue };
                list.insert(place.index(list.len() + 1), odd.clone());
                prop_assert_eq!(sender.told(&beside, 1, &hand), &told[..], "{} {}", sender.name, pointer);
            }
        }
    }

    #[test]
    fn an_odd_value_costs_no_webhook(
        kind in any::<Index>(),
        odd in any_json(),
        place in any::<Index>(),
        hand in hand(),
    ) {
        for sender in senders() {
            let kind = sender.kinds[kind.index(sender.kinds.len())];
            let mut webhook = (sender.webhook)(1, kind);
            // An envelope is as documented: that of SNS is signed, and X's is told by its form from the
            // bodies of Account Activity, which may hold nothing.
            let envelope = ["Message", "data"].iter().find(|name| webhook[**name].is_object());
            let members = match envelope {
                Some(name) => webhook[*name].as_object_mut().unwrap(),
                None => webhook.as_object_mut().unwrap(),
            };
            let name = members.keys().nth(place.index(members.len())).unwrap().clone();
            members.insert(name.clone(), odd.clone());
            let told = sender.told(&webhook, 1, &hand);
            prop_assert!(!told.is_empty(), "{} {}", sender.name, name);
            prop_assert_eq!(sender.told(&webhook, 1, &hand), told, "{} {}: a redelivery", sender.name, name);
        }
    }

    #[test]
    fn different_webhooks_have_names_of_their_own(kinds in prop::collection::vec(any::<Index>(), 2..6), hand in hand()) {
        for sender in senders() {
            let mut names = BTreeSet::new();
            let mut items = 0;
            for (number, kind) in kinds.iter().enumerate() {
                let kind = sender.kinds[kind.index(sender.kinds.len())];
                let told = sender.told(&(sender.webhook)(number, kind), number, &hand);
                items += told.len();
                names.extend(told.into_iter().map(|told| (told.account, told.dedupe[0].clone())));
            }
            prop_assert_eq!(names.len(), items, "{}", sender.name);
        }
    }
}
