//! Telegram, LINE, X and Standard Webhooks: every fixture from its signature to its events, and the laws
//! that hold whatever a provider sends.
#![cfg(test)]

mod laws;
mod render;

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use aws_lc_rs::hmac;
use data_encoding::BASE64;
use headgate::{
    channel::{
        Channel, Evidence, Kind, Provider, Request, Split,
        line::Line,
        standard::{Key, Pointers, Standard},
        telegram::Telegram,
        twitter::Twitter,
    },
    ids::Timestamp,
    secret::Secret,
};
use http::{HeaderMap, HeaderName};
use serde_json::Value;

use crate::shared;

/// The keys with which the fixtures are signed, and with which the tests sign the others.
const TELEGRAM_TOKEN: &str = "SECRET_TOKEN_HERE";
const LINE_SECRET: &str = "line_channel_secret";
const X_SECRET: &str = "x_consumer_secret";
const STANDARD_KEY: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn telegram() -> Provider {
    Provider::Telegram(Telegram { secret_tokens: vec![Secret::new(TELEGRAM_TOKEN)] })
}

fn line() -> Provider {
    Provider::Line(Line { channel_secrets: vec![Secret::new(LINE_SECRET)] })
}

fn twitter() -> Provider {
    Provider::Twitter(Twitter { consumer_secrets: vec![Secret::new(X_SECRET)] })
}

fn standard_with(keys: Vec<Key>) -> Provider {
    Provider::Standard(Standard {
        channel: Channel::Webchat,
        keys,
        tolerance: Duration::from_secs(300),
        svix: false,
        pointers: Pointers {
            conversation: "/data/conversation_id".into(),
            message_id: Some("/data/id".into()),
            text: Some("/data/text".into()),
            sender: Some("/data/contact/id".into()),
            sender_name: Some("/data/contact/name".into()),
            time: None,
        },
        kinds: BTreeMap::from([("message.created".to_owned(), Kind::MessageReceived)]),
    })
}

fn standard_key() -> Key {
    Key::Hmac(Secret::new(BASE64.decode(STANDARD_KEY.as_bytes()).unwrap()))
}

fn standard() -> Provider {
    standard_with(vec![standard_key()])
}

fn mac(key: &[u8], content: &[u8]) -> String {
    BASE64.encode(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), content).as_ref())
}

/// The headers of a `.headers` file; lines with `#` are notes.
fn headers_of(file: &Path) -> HeaderMap {
    let text = fs::read_to_string(file).unwrap();
    let pairs = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(": "));
    pairs.map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap())).collect()
}

fn header(name: &'static str, value: &str) -> HeaderMap {
    HeaderMap::from_iter([(HeaderName::from_static(name), value.parse().unwrap())])
}

/// The headers with which the provider would send a body that comes without any.
fn signed(provider: &Provider, body: &[u8]) -> HeaderMap {
    match provider {
        Provider::Telegram(_) => header("x-telegram-bot-api-secret-token", TELEGRAM_TOKEN),
        Provider::Line(_) => header("x-line-signature", &mac(LINE_SECRET.as_bytes(), body)),
        Provider::Twitter(_) => {
            header("x-twitter-webhooks-signature", &format!("sha256={}", mac(X_SECRET.as_bytes(), body)))
        }
        Provider::Standard(_) => {
            let key = BASE64.decode(STANDARD_KEY.as_bytes()).unwrap();
            let signature = format!("v1,{}", mac(&key, &[b"msg_test.1700000000.", body].concat()));
            let mut headers = header("webhook-signature", &signature);
            headers.insert("webhook-id", "msg_test".parse().unwrap());
            headers.insert("webhook-timestamp", "1700000000".parse().unwrap());
            headers
        }
        other => panic!("not a provider of this test: {}", other.label()),
    }
}

/// Now, as far as the headers say it.
fn now(headers: &HeaderMap) -> Timestamp {
    let seconds = headers.get("webhook-timestamp").and_then(|value| value.to_str().ok()?.parse().ok());
    Timestamp::from_secs(seconds.unwrap_or(1_700_000_000))
}

fn receive(provider: &Provider, headers: &HeaderMap, body: &[u8]) -> Split {
    let request = Request { query: None, headers, body, now: now(headers) };
    let verified = provider.verify(request, Evidence::Nothing).unwrap();
    provider.split(&verified).unwrap()
}

/// Every body of a folder of fixtures, by file name, with its own headers or the test's signature.
fn fixtures(folder: &str, provider: &Provider) -> Option<Vec<(String, HeaderMap, Vec<u8>)>> {
    let folder = shared::fixtures(folder)?;
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "json"));
    files.sort();
    let all = files.into_iter().map(|file| {
        let body = fs::read(&file).unwrap();
        let own = file.with_extension("headers");
        let headers = if own.exists() { headers_of(&own) } else { signed(provider, &body) };
        (file.file_stem().unwrap().to_str().unwrap().to_owned(), headers, body)
    });
    Some(all.collect())
}

/// How many items a body holds, counted apart from the code under test.
fn items_in(provider: &Provider, body: &Value) -> usize {
    let length = |value: &Value| value.as_array().map_or(1, Vec::len);
    match (provider, body) {
        (Provider::Telegram(_), Value::Object(update)) => {
            update.keys().filter(|key| *key != "update_id").count().max(1)
        }
        (Provider::Line(_), Value::Object(_)) => length(&body["events"]),
        (Provider::Twitter(_), Value::Object(envelope)) => {
            if body["data"]["event_type"].is_string() {
                return match &body["data"]["payload"]["direct_message_events"] {
                    Value::Array(messages) => messages.len().max(1),
                    _ => 1,
                };
            }
            let told: Vec<usize> = envelope
                .iter()
                .filter_map(|(key, value)| match key.as_str() {
                    "for_user_id" | "users" | "apps" => None,
                    "user_event" | "replay_job_status" => Some(1),
                    _ => (value.is_array() || value.is_object()).then(|| length(value)),
                })
                .collect();
            if told.is_empty() { 1 } else { told.into_iter().sum() }
        }
        _ => 1,
    }
}

/// Every fixture of a folder: verified, split, counted, and written down.
fn golden(folder: &str, provider: &Provider) -> Option<String> {
    let mut lines = String::new();
    for (name, headers, body) in fixtures(folder, provider)? {
        let split = receive(provider, &headers, &body);
        let counted = items_in(provider, &serde_json::from_slice(&body).unwrap());
        assert_eq!(split.items.len(), counted, "{name}: items out = items in");
        lines.push_str(&format!("{name}\n"));
        for item in &split.items {
            lines.push_str(&format!("    {}\n", render::item(item, &body)));
        }
    }
    Some(lines)
}

macro_rules! golden {
    ($test:ident, $folder:literal, $provider:expr) => {
        #[test]
        fn $test() {
            if let Some(lines) = golden($folder, &$provider) {
                insta::assert_snapshot!($folder, lines);
            }
        }
    };
}

golden!(every_update_of_telegram, "telegram", telegram());
golden!(every_webhook_of_line, "line", line());
golden!(every_webhook_of_x, "x", twitter());
golden!(every_standard_webhook, "standard_webhooks", standard());

#[test]
fn the_headers_that_every_telegram_post_carries_open_the_endpoint() {
    let Some(folder) = shared::fixtures("telegram") else { return };
    let split =
        receive(&telegram(), &headers_of(&folder.join("text.headers")), br#"{"update_id":1,"poll":{}}"#);
    assert_eq!(split.items.len(), 1);
}

#[test]
fn a_rotating_sender_is_believed_by_any_of_its_keys() {
    let Some(folder) = shared::fixtures("standard_webhooks") else { return };
    let body = fs::read(folder.join("message_created.json")).unwrap();
    let file = folder.join("message_created_rotating.headers");
    let notes = fs::read_to_string(&file).unwrap();
    let key = |prefix: &str| {
        let (_, rest) = notes.split_once(prefix).unwrap();
        BASE64.decode(rest.lines().next().unwrap().trim().as_bytes()).unwrap()
    };
    let old = Key::Hmac(Secret::new(key("whsec_")));
    let ed25519 = Key::Ed25519(key("whpk_").try_into().unwrap());
    for key in [standard_key(), old, ed25519] {
        let split = receive(&standard_with(vec![key]), &headers_of(&file), &body);
        assert_eq!(split.items.len(), 1);
    }
}

#[test]
fn a_changed_body_is_refused_by_all_that_sign_it() {
    for (provider, body) in [
        (line(), r#"{"destination":"U1","events":[]}"#),
        (twitter(), r#"{"for_user_id":"1","direct_message_events":[]}"#),
        (standard(), r#"{"type":"message.created"}"#),
    ] {
        let headers = signed(&provider, body.as_bytes());
        for changed in [body.replacen(':', ": ", 1), body.replacen('1', "2", 1) + " ", format!("{body}\n")] {
            let request =
                Request { query: None, headers: &headers, body: changed.as_bytes(), now: now(&headers) };
            assert!(provider.verify(request, Evidence::Nothing).is_err(), "{}: {changed}", provider.label());
        }
    }
}
