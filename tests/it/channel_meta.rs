//! WhatsApp, Messenger and Instagram as their webhooks are: real bodies, signed, verified, split, and
//! compared with reviewed golden files; and laws that hold for any body.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "the tests' own functions")]

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use aws_lc_rs::hmac;
use headgate::{
    channel::{Channel, Event, Evidence, Item, Provider, Request, event::AccountRef, fuzzing, meta::Meta},
    ids::Timestamp,
    secret::Secret,
};
use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;
use serde_json::Value;

use crate::{shared, support::corpus};

const APP_SECRET: &str = "an app secret of the test";

fn meta() -> Provider {
    meta_with(APP_SECRET)
}

fn meta_with(app_secret: &str) -> Provider {
    Provider::Meta(Meta {
        app_secrets: vec![Secret::new(app_secret)],
        verify_token: Secret::new("a verify token of the test"),
        channels: vec![Channel::Whatsapp, Channel::Facebook, Channel::Instagram],
    })
}

/// What a signed webhook with this body becomes.
fn items_of(body: &[u8]) -> Vec<Item> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, APP_SECRET.as_bytes());
    let mac = data_encoding::HEXLOWER.encode(hmac::sign(&key, body).as_ref());
    let mut headers = HeaderMap::new();
    headers.insert("x-hub-signature-256", HeaderValue::from_str(&format!("sha256={mac}")).unwrap());
    let request = Request { query: None, headers: &headers, body, now: Timestamp::from_secs(1_700_000_000) };
    let meta = meta();
    let verified = meta.verify(request, Evidence::Nothing).unwrap();
    meta.split(&verified).unwrap().items
}

/// How many items a body holds, counted on the plain JSON tree.
fn count(body: &[u8]) -> usize {
    const LISTS: [&str; 8] = [
        "messages",
        "statuses",
        "errors",
        "message_echoes",
        "user_id_update",
        "groups",
        "calls",
        "user_preferences",
    ];
    let body: Value = serde_json::from_slice(body).unwrap();
    let has = |value: &Value, name: &str| value.get(name).is_some_and(|value| !value.is_null());
    // What is not a list where one should be is one item, and so is what has no list at all.
    let list = |value: &Value, name: &str| value[name].as_array().map_or(1, Vec::len);
    let change = |change: &Value| {
        let value = &change["value"];
        let present = LISTS.iter().filter(|name| has(value, name));
        present.map(|name| list(value, name)).reduce(|a, b| a + b).unwrap_or(1)
    };
    let is_whatsapp = body["object"] == "whatsapp_business_account";
    let entry = |entry: &Value| {
        let mut parts = Vec::new();
        match entry["changes"].as_array() {
            Some(changes) if is_whatsapp => parts.push(changes.iter().map(change).sum()),
            Some(changes) => parts.push(changes.len()),
            None if has(entry, "changes") => parts.push(1),
            None => {}
        }
        if has(entry, "field") {
            parts.push(if is_whatsapp { change(entry) } else { 1 });
        }
        parts.extend(
            ["messaging", "standby"].iter().filter(|name| has(entry, name)).map(|name| list(entry, name)),
        );
        parts.into_iter().reduce(|a, b| a + b).unwrap_or(1)
    };
    match body["entry"].as_array() {
        Some(entries) => entries.iter().map(entry).sum(),
        None if !has(&body, "entry") && !has(&body, "object") && has(&body, "field") => change(&body),
        None => 1,
    }
}

/// One line of what matters about an item, without what anybody wrote.
fn line(item: &Item) -> String {
    let event = match item {
        Item::Ignored(why) => return format!("ignored {}", why.label()),
        Item::Event(event) => event,
    };
    let mut line = format!("{} {:?}", event.channel, event.kind);
    let mut field = |name: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            write!(line, " {name}={value}").unwrap();
        }
    };
    field(
        "account",
        Some(match &event.account {
            AccountRef::Id(id) => id.clone(),
            other => format!("{other:?}"),
        }),
    );
    field("thread", Some(thread(event)));
    field("retired", event.thread.as_ref().map(|thread| thread.retired.join(",")));
    field("dedupe", Some(event.dedupe.join(",")));
    field("time", event.time.and_then(Timestamp::rfc3339));
    let message = &event.message;
    field("id", message.id.clone());
    field("ids", Some(message.ids.join(",")));
    field(
        "sender",
        message.sender.as_ref().map(|sender| match &sender.handle {
            Some(handle) => format!("{}({handle})", sender.id),
            None => sender.id.clone(),
        }),
    );
    field("group", message.group.as_ref().map(|group| group.id.clone()));
    field("reply_to", message.reply_to.clone());
    field("text", message.text.as_ref().map(|_text| "yes".to_owned()));
    let media = message.media.iter().map(|media| match &media.id {
        Some(id) => format!("{}({id})", media.kind),
        None => media.kind.to_string(),
    });
    field("media", Some(media.collect::<Vec<_>>().join(",")));
    field(
        "status",
        message.status.as_ref().map(|status| {
            let watermark = status.watermark.map(|at| format!("@{at}")).unwrap_or_default();
            let opaque = if status.opaque.is_some() { "+opaque" } else { "" };
            let error = status.error.as_ref().map(|code| format!("!{code}")).unwrap_or_default();
            format!("{:?}{watermark}{opaque}{error}", status.state)
        }),
    );
    let reaction = message.reaction.as_ref();
    field("reaction", reaction.map(|reaction| if reaction.removed { "removed" } else { "set" }.to_owned()));
    field("postback", message.postback.as_ref().map(|_postback| "yes".to_owned()));
    field(
        "member",
        message.member.as_ref().map(|member| {
            let who: Vec<_> = member.who.iter().map(|party| party.id.as_str()).collect();
            format!("{}({})", member.change, who.join(","))
        }),
    );
    field(
        "identity",
        message.identity.as_ref().map(|identity| {
            let name = |name: &Option<String>| name.clone().unwrap_or_else(|| "?".to_owned());
            format!("{}->{}", name(&identity.previous), name(&identity.current))
        }),
    );
    field("standby", message.standby.then(|| "yes".to_owned()));
    field("subtype", message.subtype.as_deref().map(str::to_owned));
    field(
        "reached",
        event.reached.as_ref().map(|reached| match reached.up_to {
            0 => reached.of.clone(),
            up_to => format!("{}@{up_to}", reached.of),
        }),
    );
    line
}

fn thread(event: &Event) -> String {
    let Some(thread) = &event.thread else { return "none".to_owned() };
    let keys = thread.keys.iter().map(|key| match key.lasting {
        true => key.text.clone(),
        false => format!("~{}", key.text),
    });
    keys.collect::<Vec<_>>().join(",")
}

/// The JSON files of a folder, by name. Requests and answers of the send API (`api_…`) are no webhooks.
fn webhooks(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.retain(|file| {
        let name = file.file_name().unwrap().to_str().unwrap();
        file.extension().is_some_and(|extension| extension == "json") && !name.starts_with("api_")
    });
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    files
}

/// The normalised message as backends get it, for the bodies that are our own.
fn message(item: &Item) -> String {
    match item {
        Item::Event(event) => format!("\n    {}", serde_json::to_string(&event.message).unwrap()),
        Item::Ignored(_) => String::new(),
    }
}

/// A picture of every webhook of a folder. Every item that went in came out.
fn picture(folder: &Path, of: impl Fn(&Item) -> String) -> String {
    let mut picture = String::new();
    for file in webhooks(folder) {
        let body = fs::read(&file).unwrap();
        let items = items_of(&body);
        assert_eq!(items.len(), count(&body), "{}", file.display());
        writeln!(picture, "{}", file.file_name().unwrap().display()).unwrap();
        for item in &items {
            writeln!(picture, "  {}", of(item)).unwrap();
        }
    }
    picture
}

#[test]
fn every_whatsapp_fixture_becomes_the_reviewed_events() {
    if let Some(folder) = shared::fixtures("whatsapp") {
        insta::assert_snapshot!("channel_meta_whatsapp", picture(&folder, line));
    }
}

#[test]
fn every_messenger_fixture_becomes_the_reviewed_events() {
    if let Some(folder) = shared::fixtures("messenger") {
        insta::assert_snapshot!("channel_meta_messenger", picture(&folder, line));
    }
}

#[test]
fn every_instagram_fixture_becomes_the_reviewed_events() {
    if let Some(folder) = shared::fixtures("instagram") {
        insta::assert_snapshot!("channel_meta_instagram", picture(&folder, line));
    }
}

#[test]
fn a_real_signature_with_its_headers_is_believed() {
    let Some(folder) = shared::fixtures("messenger") else { return };
    let body = fs::read(folder.join("signed_escaped_unicode.json")).unwrap();
    let mut headers = HeaderMap::new();
    for header in fs::read_to_string(folder.join("signed_escaped_unicode.headers")).unwrap().lines() {
        let (name, value) = header.split_once(": ").unwrap();
        headers.append(
            http::HeaderName::from_bytes(name.as_bytes()).unwrap(),
            HeaderValue::from_str(value).unwrap(),
        );
    }
    let request =
        Request { query: None, headers: &headers, body: &body, now: Timestamp::from_secs(1_700_000_000) };
    let signed_with = |secret: &str| meta_with(secret).verify(request, Evidence::Nothing).is_ok();
    assert!(signed_with("meta_app_secret"));
    assert!(!signed_with(APP_SECRET));
}

#[test]
fn the_corpus_becomes_the_reviewed_events() {
    let whole = |item: &Item| line(item) + &message(item);
    insta::assert_snapshot!("channel_meta_corpus", picture(&corpus::folder("meta"), whole));
}

#[test]
fn a_redelivery_has_the_same_ids_also_when_it_is_grouped_differently() {
    let marks = |body: &str| -> Vec<String> {
        let items = items_of(body.as_bytes());
        items
            .iter()
            .filter_map(
                |item| if let Item::Event(event) = item { Some(event.dedupe.join(",")) } else { None },
            )
            .collect()
    };
    let entry = |items: &str| format!(r#"{{"id":"700","time":{},"messaging":[{items}]}}"#, items.len());
    let body = |entries: &str| format!(r#"{{"object":"page","entry":[{entries}]}}"#);
    let items = [
        r#"{"sender":{"id":"71"},"recipient":{"id":"700"},"timestamp":1700000300001,"message":{"mid":"m.1"}}"#,
        r#"{"sender":{"id":"71"},"recipient":{"id":"700"},"delivery":{"watermark":1700000300005}}"#,
        r#"{"sender":{"id":"71"},"recipient":{"id":"700"},"something":"new"}"#,
    ];
    let together = marks(&body(&entry(&items.join(","))));
    let apart = marks(&body(&items.map(entry).join(",")));
    assert_eq!(together, apart);
    assert_eq!(together.len(), 3);
}

/// A JSON tree that is written with one key of each marked object twice.
fn write(value: &Value, twice: Option<usize>, at: &mut usize, text: &mut String) {
    match value {
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write(item, twice, at, text);
            }
            text.push(']');
        }
        Value::Object(fields) => {
            text.push('{');
            for (index, (key, value)) in fields.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                *at += 1;
                if Some(*at) == twice {
                    write!(text, "{}:{value},", Value::from(key.as_str())).unwrap();
                }
                write!(text, "{}:", Value::from(key.as_str())).unwrap();
                write(value, twice, at, text);
            }
            text.push('}');
        }
        scalar => write!(text, "{scalar}").unwrap(),
    }
}

/// The JSON pointers of every value below `value`.
fn pointers(value: &Value, here: &str, found: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Array(items) => {
            items.iter().enumerate().map(|(index, item)| (index.to_string(), item)).collect()
        }
        Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), value)).collect(),
        _ => Vec::new(),
    };
    for (name, child) in children {
        let pointer = format!("{here}/{name}");
        pointers(child, &pointer, found);
        found.push(pointer);
    }
}

/// Replaces a value, or drops a key.
fn change(tree: &mut Value, at: prop::sample::Index, to: Option<Value>) {
    let mut found = Vec::new();
    pointers(tree, "", &mut found);
    if found.is_empty() {
        return;
    }
    let pointer = at.get(&found);
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    match (to, tree.pointer_mut(parent)) {
        (None, Some(Value::Object(fields))) => drop(fields.remove(name)),
        (to, _) => *tree.pointer_mut(pointer).unwrap() = to.unwrap_or(Value::Null),
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    let key =
        prop_oneof!["[a-z]{1,4}", Just("id".to_owned()), Just("message".to_owned()), Just("type".to_owned())];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(key.clone(), inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn samples() -> Vec<Vec<u8>> {
    webhooks(&corpus::folder("meta")).iter().map(|file| fs::read(file).unwrap()).collect()
}

fn retyped() -> impl Strategy<Value = Vec<u8>> {
    (
        prop::sample::select(samples()),
        prop::collection::vec((any::<prop::sample::Index>(), prop::option::of(any_json())), 1..4),
    )
        .prop_map(|(sample, changes)| {
            let mut tree: Value = serde_json::from_slice(&sample).unwrap();
            for (at, to) in changes {
                change(&mut tree, at, to);
            }
            serde_json::to_vec(&tree).unwrap()
        })
}

fn repeated() -> impl Strategy<Value = Vec<u8>> {
    (prop::sample::select(samples()), 0..400usize).prop_map(|(sample, twice)| {
        let tree: Value = serde_json::from_slice(&sample).unwrap();
        let mut text = String::new();
        write(&tree, Some(twice), &mut 0, &mut text);
        text.into_bytes()
    })
}

fn spliced() -> impl Strategy<Value = Vec<u8>> {
    let sample = prop::sample::select(samples());
    (sample, any::<prop::sample::Index>(), 0..20usize, prop::collection::vec(any::<u8>(), 0..20)).prop_map(
        |(mut sample, at, length, bytes)| {
            let start = at.index(sample.len());
            let end = (start + length).min(sample.len());
            sample.splice(start..end, bytes);
            sample
        },
    )
}

/// Any JSON text that may stand where an item should.
fn neighbour() -> impl Strategy<Value = String> {
    const FIXED: &[&str] = &[
        "1e400",
        r#""\ud83d""#,
        r#"{"id":1,"id":2}"#,
        r#"{"sender":{"id":"1","id":"2"}}"#,
        r#"{"message":{"mid":"x","text":"\udc00"}}"#,
        r#"{"type":"text","type":"image"}"#,
        r#"{"id":1e400,"timestamp":1e400,"from":-0.0,"text":{"body":1e400}}"#,
        r#"{"message":1e400}"#,
    ];
    prop_oneof![
        any_json().prop_map(|value| value.to_string()),
        prop::sample::select(FIXED).prop_map(str::to_owned),
        (1..2000usize).prop_map(|depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth))),
        (1..2000usize).prop_map(|depth| format!("{}1{}", r#"{"message":"#.repeat(depth), "}".repeat(depth))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_body_breaks_the_laws(body in prop_oneof![retyped(), repeated(), spliced()]) {
        fuzzing::meta(&body);
    }

    #[test]
    fn valid_json_without_a_repeated_key_loses_no_item(body in retyped()) {
        let split = fuzzing::split(&meta(), &HeaderMap::new(), &body).unwrap();
        prop_assert_eq!(split.items.len(), count(&body));
    }

    #[test]
    fn a_bad_neighbour_takes_no_item_with_it(
        count in 0..6usize,
        at in any::<prop::sample::Index>(),
        bad in neighbour(),
        whatsapp in any::<bool>(),
    ) {
        let good = |n: usize| if whatsapp {
            format!(r#"{{"from":"4915","id":"good.{n}","timestamp":"1700000000","type":"text","text":{{"body":"x"}}}}"#)
        } else {
            format!(r#"{{"sender":{{"id":"71"}},"recipient":{{"id":"700"}},"timestamp":1700000000000,"message":{{"mid":"good.{n}"}}}}"#)
        };
        let mut items: Vec<_> = (0..count).map(good).collect();
        let at = at.index(count + 1);
        items.insert(at, bad);
        let items = items.join(",");
        let body = if whatsapp {
            format!(r#"{{"object":"whatsapp_business_account","entry":[{{"id":"9","changes":[{{"field":"messages","value":{{"metadata":{{"phone_number_id":"8"}},"messages":[{items}]}}}}]}}]}}"#)
        } else {
            format!(r#"{{"object":"page","entry":[{{"id":"700","messaging":[{items}]}}]}}"#)
        };
        let mut split = fuzzing::split(&meta(), &HeaderMap::new(), body.as_bytes()).unwrap();
        prop_assert_eq!(split.items.len(), count + 1);
        split.items.remove(at);
        for (n, item) in split.items.iter().enumerate() {
            let Item::Event(event) = item else { panic!("ignored") };
            prop_assert_eq!(&event.dedupe, &vec![format!("message:good.{n}")]);
            prop_assert!(event.thread.is_some());
        }
    }
}
