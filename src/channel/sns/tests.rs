use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::RSA_PKCS1_SHA256,
};
use data_encoding::BASE64;
use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

use super::*;
use crate::channel::{
    Provider,
    event::{AccountRef, Automatic, Event, Kind, State},
};

const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:mail";
const NOW: &str = "2026-01-15T10:00:00.000Z";

fn now() -> Timestamp {
    Timestamp(NOW.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

fn provider(basic: &[&str]) -> Provider {
    Provider::Sns(Sns {
        topics: vec![TOPIC.to_owned()],
        window: Duration::from_secs(3600),
        basic: basic.iter().map(|pair| Secret::new(*pair)).collect(),
    })
}

/// A signing key with its certificate.
struct Amazon {
    key: KeyPair,
    pem: String,
}

impl Amazon {
    fn new() -> Self {
        let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let pkcs8 = AsDer::<Pkcs8V1Der<'_>>::as_der(&key).unwrap();
        let ours = rcgen::KeyPair::try_from(pkcs8.as_ref()).unwrap();
        let pem = rcgen::CertificateParams::new(Vec::new()).unwrap().self_signed(&ours).unwrap().pem();
        Self { key, pem }
    }

    fn sign(&self, mut message: Value) -> Vec<u8> {
        let text = serde_json::to_vec(&message).unwrap();
        let signed = Envelope::read(&text).unwrap().signed();
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
        message["Signature"] = BASE64.encode(&signature).into();
        serde_json::to_vec(&message).unwrap()
    }
}

fn notification(message: &str) -> Value {
    json!({
        "Type": "Notification", "MessageId": "n1", "TopicArn": TOPIC, "Subject": "s", "Message": message,
        "Timestamp": NOW, "SignatureVersion": "2",
        "SigningCertURL": "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem"
    })
}

fn verify(
    provider: &Provider,
    headers: &HeaderMap,
    body: &[u8],
    evidence: Evidence<'_>,
) -> Result<(), Refusal> {
    let request = Request { query: None, headers, body, now: now() };
    provider.verify(request, evidence).map(|_verified| ())
}

#[test]
fn a_signed_notification_of_a_listed_topic_is_believed() {
    let amazon = Amazon::new();
    let body = amazon.sign(notification("{}"));
    let request = Request { query: None, headers: &HeaderMap::new(), body: &body, now: now() };
    let url = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem".to_owned();
    assert_eq!(provider(&[]).need(&request), Ok(Need::Certificate(url)));
    let pem = Evidence::Certificate(amazon.pem.as_bytes());
    assert_eq!(verify(&provider(&[]), &HeaderMap::new(), &body, pem), Ok(()));
}

#[test]
fn what_is_signed_is_what_the_provider_documents() {
    let text = |message: Value| Envelope::read(&serde_json::to_vec(&message).unwrap()).unwrap().signed();
    let mut message = notification("line\nbreak");
    let want = format!(
        "Message\nline\nbreak\nMessageId\nn1\nSubject\ns\nTimestamp\n{NOW}\nTopicArn\n{TOPIC}\nType\nNotification\n"
    );
    assert_eq!(text(message.clone()), want);
    message["Subject"] = Value::Null;
    assert_eq!(text(message.clone()), want.replace("Subject\ns\n", ""));
    message["Type"] = "SubscriptionConfirmation".into();
    message["Subject"] = "s".into();
    message["SubscribeURL"] = "u".into();
    message["Token"] = "t".into();
    assert_eq!(
        text(message),
        format!(
            "Message\nline\nbreak\nMessageId\nn1\nSubscribeURL\nu\nTimestamp\n{NOW}\nToken\nt\nTopicArn\n{TOPIC}\nType\nSubscriptionConfirmation\n"
        )
    );
}

#[test]
fn nothing_is_fetched_for_what_cannot_be_believed() {
    for (key, value, want) in [
        ("TopicArn", json!("arn:aws:sns:eu-west-1:999999999999:mail"), Refusal::NotListed),
        ("SigningCertURL", json!("https://evil.example/a.pem"), Refusal::NotListed),
        ("SigningCertURL", json!("https://sns.us-east-1.amazonaws.com/a.pem"), Refusal::NotListed),
        ("SigningCertURL", Value::Null, Refusal::Missing),
        ("Signature", Value::Null, Refusal::Missing),
        ("Timestamp", json!("2026-01-15T08:59:59.999Z"), Refusal::Stale),
        ("Timestamp", json!("2026-01-15T11:00:00.001Z"), Refusal::Stale),
        ("Timestamp", json!("yesterday"), Refusal::Malformed),
        ("Type", json!("Other"), Refusal::Missing),
        ("Message", json!(7), Refusal::Missing),
    ] {
        let mut message = notification("{}");
        message["Signature"] = "AAAA".into();
        message[key] = value.clone();
        let body = serde_json::to_vec(&message).unwrap();
        let request = Request { query: None, headers: &HeaderMap::new(), body: &body, now: now() };
        assert_eq!(provider(&[]).need(&request), Err(want), "{key} {value}");
    }
    let request = Request { query: None, headers: &HeaderMap::new(), body: b"[", now: now() };
    assert_eq!(provider(&[]).need(&request), Err(Refusal::Missing));
    let twice = String::from_utf8(serde_json::to_vec(&notification("{}")).unwrap()).unwrap();
    let twice = twice.replacen('{', &format!("{{\"TopicArn\":\"{TOPIC}\","), 1);
    let request = Request { query: None, headers: &HeaderMap::new(), body: twice.as_bytes(), now: now() };
    assert_eq!(provider(&[]).need(&request), Err(Refusal::Missing), "a repeated key");
}

#[test]
fn a_wrong_signature_is_refused() {
    let amazon = Amazon::new();
    let pem = Evidence::Certificate(amazon.pem.as_bytes());
    let signed: Value = serde_json::from_slice(&amazon.sign(notification("{}"))).unwrap();
    let other = Amazon::new();
    for (key, value, want) in [
        ("Message", json!("{} "), Refusal::Wrong),
        ("MessageId", json!("n2"), Refusal::Wrong),
        ("Subject", Value::Null, Refusal::Wrong),
        ("Timestamp", json!("2026-01-15T10:00:00.001Z"), Refusal::Wrong),
        ("SignatureVersion", json!("1"), Refusal::Wrong),
        ("SignatureVersion", json!("3"), Refusal::Malformed),
        ("SignatureVersion", Value::Null, Refusal::Malformed),
        ("Signature", json!("!"), Refusal::Malformed),
        ("Signature", json!(""), Refusal::Wrong),
    ] {
        let mut message = signed.clone();
        message[key] = value.clone();
        let body = serde_json::to_vec(&message).unwrap();
        assert_eq!(verify(&provider(&[]), &HeaderMap::new(), &body, pem), Err(want), "{key} {value}");
    }
    let body = serde_json::to_vec(&signed).unwrap();
    for (evidence, want) in [
        (Evidence::Nothing, Refusal::Missing),
        (Evidence::Certificate(other.pem.as_bytes()), Refusal::Wrong),
        (Evidence::Certificate(b"no certificate"), Refusal::Malformed),
    ] {
        assert_eq!(verify(&provider(&[]), &HeaderMap::new(), &body, evidence), Err(want));
    }
}

#[test]
fn raw_delivery_is_believed_for_its_password_alone() {
    let mut headers = HeaderMap::new();
    headers.insert("x-amz-sns-rawdelivery", HeaderValue::from_static("true"));
    headers.insert("x-amz-sns-topic-arn", HeaderValue::from_static(TOPIC));
    let body = br#"{"notificationType":"Received"}"#;
    let with_password = provider(&["sns:pass"]);
    let verify =
        |provider: &Provider, headers: &HeaderMap| verify(provider, headers, body, Evidence::Nothing);
    assert_eq!(verify(&provider(&[]), &headers), Err(Refusal::Missing));
    assert_eq!(verify(&with_password, &headers), Err(Refusal::Missing));
    headers.insert("authorization", HeaderValue::from_static("Basic c25zOndyb25n"));
    assert_eq!(verify(&with_password, &headers), Err(Refusal::Wrong));
    headers.insert("authorization", HeaderValue::from_static("Basic c25zOnBhc3M="));
    assert_eq!(verify(&with_password, &headers), Ok(()));
    assert_eq!(verify(&provider(&[]), &headers), Err(Refusal::Missing));
    headers.insert("x-amz-sns-topic-arn", HeaderValue::from_static("arn:aws:sns:eu-west-1:9:other"));
    assert_eq!(verify(&with_password, &headers), Err(Refusal::NotListed));
    headers.remove("x-amz-sns-rawdelivery");
    assert_eq!(verify(&with_password, &headers), Err(Refusal::Missing));
}

#[test]
fn a_password_does_not_replace_the_signature_of_an_envelope() {
    let amazon = Amazon::new();
    let with_password = provider(&["sns:pass"]);
    let body = amazon.sign(notification("{}"));
    let pem = Evidence::Certificate(amazon.pem.as_bytes());
    let mut headers = HeaderMap::new();
    headers.insert("x-amz-sns-rawdelivery", HeaderValue::from_static("true"));
    assert_eq!(verify(&with_password, &headers, &body, pem), Err(Refusal::Missing));
    headers.insert("authorization", HeaderValue::from_static("Basic c25zOnBhc3M="));
    assert_eq!(verify(&with_password, &headers, &body, pem), Ok(()));
    assert_eq!(verify(&with_password, &headers, &body, Evidence::Nothing), Err(Refusal::Missing));
}

fn split(message: &Value) -> Result<Split, Malformed> {
    let body = serde_json::to_vec(message).unwrap();
    crate::channel::fuzzing::split(&provider(&[]), &HeaderMap::new(), &body)
}

fn event(item: &Item) -> &Event {
    match item {
        Item::Event(event) => event,
        Item::Ignored(reason) => panic!("ignored: {reason:?}"),
    }
}

fn only(message: &Value) -> Event {
    let [Item::Event(event)] =
        <[Item; 1]>::try_from(split(&notification(&message.to_string())).unwrap().items).unwrap()
    else {
        panic!("no event")
    };
    *event
}

#[test]
fn a_subscription_is_confirmed_by_a_checked_url_and_never_renewed() {
    let mut message = notification("You have chosen to subscribe");
    message["Type"] = "SubscriptionConfirmation".into();
    message["SubscribeURL"] =
        "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=t".into();
    let found = split(&message).unwrap();
    assert_eq!(found.confirm.as_deref(), message["SubscribeURL"].as_str());
    assert!(matches!(found.items[..], [Item::Ignored(Ignored::Verification)]));

    message["SubscribeURL"] = "https://evil.example/?Action=ConfirmSubscription".into();
    assert!(split(&message).is_err());
    message["SubscribeURL"] = Value::Null;
    assert!(split(&message).is_err());

    message["Type"] = "UnsubscribeConfirmation".into();
    message["SubscribeURL"] =
        "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=t".into();
    let found = split(&message).unwrap();
    assert_eq!(found.confirm, None);
    assert!(matches!(found.items[..], [Item::Ignored(Ignored::Housekeeping)]));
}

#[test]
fn messages_that_set_a_topic_up_are_ignored() {
    for message in [
        "Successfully validated SNS topic for Amazon SES event publishing.",
        r#"{"notificationType":"AmazonSnsSubscriptionSucceeded","message":"…"}"#,
    ] {
        let found = split(&notification(message)).unwrap();
        assert!(matches!(found.items[..], [Item::Ignored(Ignored::Verification)]), "{message}");
    }
}

#[test]
fn a_message_of_another_shape_is_kept() {
    for (message, raw) in
        [("plain text", Raw::Whole), (" [1] ", Raw::Owned("[1]".into())), ("{}", Raw::Owned("{}".into()))]
    {
        let found = split(&notification(message)).unwrap();
        assert_eq!((event(&found.items[0]).kind, &event(&found.items[0]).raw), (Kind::Unknown, &raw));
    }
}

#[test]
fn a_mail_is_read_from_its_content_for_each_recipient() {
    let raw = "From: Ana <ana@x.example>\r\nMessage-ID: <1@x.example>\r\nTo: other@x.example\r\n\r\nhi";
    let message = |content: &str, encoding: &str| {
        json!({
            "notificationType": "Received",
            "mail": {"messageId": "ses1", "timestamp": NOW, "source": "ana@x.example"},
            "receipt": {
                "recipients": ["a@in.example", "B@in.example"], "action": {"encoding": encoding},
                "spfVerdict": {"status": "PASS"}, "virusVerdict": {"status": "FAIL"}
            },
            "content": content
        })
    };
    let encoded = BASE64.encode(raw.as_bytes());
    for message in [message(raw, "UTF8"), message(&encoded, "BASE64"), message(&encoded, "Base64")] {
        let found = split(&notification(&message.to_string())).unwrap();
        let accounts: Vec<_> = found.items.iter().map(|item| event(item).account.clone()).collect();
        assert_eq!(accounts, ["a@in.example", "b@in.example"].map(|m| AccountRef::Mailbox(m.to_owned())));
        let event = event(&found.items[0]);
        assert_eq!(event.dedupe[0], "relay:eu-west-1:ses1");
        assert_eq!(event.message.text.as_deref(), Some("hi"));
        assert_eq!(event.time, Some(now()));
        let verdicts = &event.message.email.as_ref().unwrap().verdicts;
        assert_eq!(verdicts, &[("spf".into(), "PASS".to_owned()), ("virus".into(), "FAIL".to_owned())]);
    }
    let broken = split(&notification(&message("!", "BASE64").to_string())).unwrap();
    assert!(
        event(&broken.items[0]).message.email.as_ref().unwrap().ambiguous.contains(&"broken content".into())
    );
}

#[test]
fn a_mail_without_message_id_keeps_its_other_headers() {
    let raw = "From: ana@x.example\r\nIn-Reply-To: <1@in.example>\r\nReferences: <0@in.example>\r\n\
               Auto-Submitted: auto-replied\r\n\r\naway";
    let event = only(&json!({
        "notificationType": "Received", "mail": {"messageId": "ses1", "commonHeaders": {"subject": "s"}},
        "receipt": {"recipients": ["a@in.example"], "action": {"encoding": "UTF8"}}, "content": raw
    }));
    let keys: Vec<_> = event.thread.unwrap().keys.into_iter().map(|key| key.text).collect();
    assert_eq!(keys[..2], ["msg:1@in.example", "msg:0@in.example"]);
    assert_eq!(event.message.email.unwrap().automatic, Some(Automatic::AutoReply));
}

#[test]
fn headers_that_ses_left_out_are_found_in_the_common_ones() {
    let event = only(&json!({
        "notificationType": "Received",
        "mail": {
            "messageId": "ses1", "headersTruncated": true,
            "headers": [7, {"name": "In-Reply-To", "value": "<1@in.example>"}, {"name": "From", "value": "ana@x.example"}],
            "commonHeaders": {"messageId": "<2@x.example>", "from": ["other@x.example"], "to": ["a@in.example", 7]}
        },
        "receipt": {"recipients": ["a@in.example", 7], "spamVerdict": 7, "virusVerdict": {"status": "PASS"},
            "action": {"bucketName": "b", "objectKey": "k"}}
    }));
    let keys: Vec<_> = event.thread.unwrap().keys.into_iter().map(|key| key.text).collect();
    assert_eq!(keys, ["msg:1@in.example", "msg:2@x.example"]);
    assert_eq!(event.message.sender.unwrap().id, "ana@x.example");
    let email = event.message.email.unwrap();
    assert_eq!(email.to, ["a@in.example"]);
    assert_eq!(email.verdicts, [("virus".into(), "PASS".to_owned())]);
}

#[test]
fn each_event_of_a_configuration_set_has_its_own_time_whom_and_reason() {
    for (name, detail, recipient, error) in [
        (
            "DeliveryDelay",
            json!({"deliveryDelay": {"timestamp": NOW, "delayedRecipients": [7, {}, {"emailAddress": "a@x.example"}]}}),
            "a@x.example",
            None,
        ),
        ("Click", json!({"click": {"timestamp": NOW, "link": "https://in.example"}}), "b@x.example", None),
        ("Subscription", json!({"subscription": {"timestamp": NOW}}), "b@x.example", None),
        (
            "Rendering Failure",
            json!({"failure": {"errorMessage": "no template"}}),
            "b@x.example",
            Some("no template"),
        ),
    ] {
        let mut message =
            json!({"eventType": name, "mail": {"messageId": "ses1", "destination": ["b@x.example"]}});
        message.as_object_mut().unwrap().extend(detail.as_object().unwrap().clone());
        let mut envelope = notification(&message.to_string());
        envelope["Timestamp"] = "2026-01-15T10:00:07.000Z".into();
        let found = split(&envelope).unwrap();
        let found = event(&found.items[0]);
        assert_eq!(found.message.subtype.as_deref(), Some(name));
        assert_eq!(found.message.sender.as_ref().unwrap().id, recipient, "{name}");
        assert_eq!(found.message.status.as_ref().and_then(|status| status.error.as_deref()), error, "{name}");
        assert_eq!(found.time == Some(now()), error.is_none(), "{name}");
    }
}

#[test]
fn a_mail_in_s3_is_a_reference() {
    let event = only(&json!({
        "notificationType": "Received",
        "mail": {"messageId": "ses1", "commonHeaders": {"messageId": "<1@x.example>", "from": ["Ana <ana@x.example>"], "subject": "s"}},
        "receipt": {"recipients": ["a@in.example"], "action": {"type": "S3", "bucketName": "b", "objectKey": "in/k"}}
    }));
    assert_eq!(event.message.media[0].url.as_deref(), Some("s3://b/in/k"));
    assert_eq!(event.message.sender.unwrap().id, "ana@x.example");
    assert_eq!(event.thread.unwrap().keys[0].text, "msg:1@x.example");
}

#[test]
fn what_became_of_a_mail_of_ours_lands_in_its_conversation() {
    for (name, message, kind) in [
        ("notificationType", "Delivery", Kind::MessageStatus),
        ("notificationType", "Bounce", Kind::Bounced),
        ("eventType", "Open", Kind::MessageStatus),
        ("eventType", "Rendering Failure", Kind::MessageStatus),
        ("eventType", "Click", Kind::Unknown),
    ] {
        let event = only(&json!({
            name: message,
            "mail": {"messageId": "ses1", "source": "Us@in.example", "commonHeaders": {"messageId": "<ours@in.example>"}},
            "bounce": {"bouncedRecipients": [{"emailAddress": "a@x.example"}, {"emailAddress": "b@x.example"}]}
        }));
        assert_eq!(event.kind, kind, "{message}");
        assert_eq!(event.account, AccountRef::Mailbox("us@in.example".to_owned()));
        let keys: Vec<_> = event.thread.as_ref().unwrap().keys.iter().map(|key| key.text.as_str()).collect();
        assert_eq!(keys, ["msg:ses1@eu-west-1.amazonses.com", "msg:ours@in.example"]);
        assert_eq!(event.dedupe, ["relay:n1"]);
    }
    let us = only(&json!({
        "eventType": "Delivery",
        "mail": {"messageId": "ses1", "sourceArn": "arn:aws:ses:us-east-1:1:identity/in.example"}
    }));
    assert_eq!(us.thread.unwrap().keys[0].text, "msg:ses1@email.amazonses.com");
    assert_eq!(us.account, AccountRef::Endpoint);
}

#[test]
fn receipts_of_a_mail_to_one_recipient_are_compared() {
    let reached = |kind: &str, destination: &[&str]| {
        only(&json!({
            "eventType": kind, "delivery": { "recipients": [destination[0]] },
            "mail": { "messageId": "m", "destination": destination },
        }))
        .reached
    };
    let delivered = reached("Delivery", &["ana@x.example"]).unwrap();
    let opened = reached("Open", &["ana@x.example"]).unwrap();
    assert_eq!((delivered.state, opened.state), (State::Delivered, State::Read));
    assert_eq!(delivered.of, opened.of);
    assert_eq!(reached("Bounce", &["ana@x.example"]), None);
    // Which of them opened it is not said.
    assert_eq!(reached("Open", &["ana@x.example", "ben@x.example"]), None);
    let beside_an_odd_one = json!({
        "eventType": "Open", "mail": { "messageId": "m", "destination": ["ana@x.example", 7] },
    });
    assert_eq!(only(&beside_an_odd_one).reached, None);
}
