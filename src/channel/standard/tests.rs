use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use data_encoding::BASE64;

use super::*;
use crate::channel::{Evidence, Item, Provider, fuzzing};

const OFFICIAL: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
const TIMESTAMP: &str = "1614265330";
const BODY: &str = r#"{"test": 2432232314}"#;
const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

fn hmac(base64: &str) -> Key {
    Key::Hmac(Secret::new(BASE64.decode(base64.as_bytes()).unwrap()))
}

fn source(keys: Vec<Key>) -> Standard {
    Standard {
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
            time: Some("/data/at".into()),
        },
        kinds: BTreeMap::from([("message.created".into(), Kind::MessageReceived)]),
    }
}

fn official() -> Standard {
    source(vec![hmac(OFFICIAL)])
}

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(name.parse::<http::HeaderName>().unwrap(), value.parse().unwrap());
    }
    headers
}

fn verify_at(now: i64, source: Standard, given: &[(&str, &str)], body: &str) -> Result<usize, Refusal> {
    let headers = headers(given);
    let request =
        Request { query: None, headers: &headers, body: body.as_bytes(), now: Timestamp::from_secs(now) };
    Ok(Provider::Standard(source).verify(request, Evidence::Nothing)?.secret().index())
}

fn verify(source: Standard, given: &[(&str, &str)]) -> Result<usize, Refusal> {
    verify_at(1_614_265_330, source, given, BODY)
}

fn signed_by(signature: &str) -> Vec<(&str, &str)> {
    vec![("webhook-id", ID), ("webhook-timestamp", TIMESTAMP), ("webhook-signature", signature)]
}

fn event(body: &str) -> Event {
    let headers = headers(&[("webhook-id", "msg_1")]);
    let split = fuzzing::split(&Provider::Standard(official()), &headers, body.as_bytes()).unwrap();
    let [Item::Event(event)] = <[Item; 1]>::try_from(split.items).unwrap() else { panic!("an event") };
    *event
}

#[test]
fn the_official_vector_holds_and_nothing_beside_it() {
    assert_eq!(verify(official(), &signed_by(SIGNATURE)), Ok(0));
    let now = 1_614_265_330;
    let spaceless = r#"{"test":2432232314}"#;
    assert_eq!(verify_at(now, official(), &signed_by(SIGNATURE), spaceless), Err(Refusal::Wrong));
    for (id, timestamp, want) in [
        ("msg_other", TIMESTAMP, Refusal::Wrong),
        (ID, "1614265331", Refusal::Wrong),
        ("msg_p5.jXN8", TIMESTAMP, Refusal::Malformed),
        ("", TIMESTAMP, Refusal::Malformed),
        (ID, "+1614265330", Refusal::Malformed),
        (ID, "1614265330.0", Refusal::Malformed),
        (ID, "", Refusal::Malformed),
    ] {
        let given = [("webhook-id", id), ("webhook-timestamp", timestamp), ("webhook-signature", SIGNATURE)];
        assert_eq!(verify(official(), &given), Err(want), "{id} {timestamp}");
    }
    let full = signed_by(SIGNATURE);
    for missing in 0..full.len() {
        let mut given = full.clone();
        given.remove(missing);
        assert_eq!(verify(official(), &given), Err(Refusal::Missing));
    }
    for doubled in &full {
        let given: Vec<_> = full.iter().chain([doubled]).copied().collect();
        assert_eq!(verify(official(), &given), Err(Refusal::Malformed));
    }
}

#[test]
fn one_known_and_right_signature_of_the_list_is_enough() {
    const OTHER: &str = "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    for (list, want) in [
        (format!("{OTHER} {SIGNATURE}"), Ok(0)),
        (format!("v2,abc {SIGNATURE} v1,%%% v9"), Ok(0)),
        (OTHER.to_owned(), Err(Refusal::Wrong)),
        (String::new(), Err(Refusal::Malformed)),
        ("v2,abc".to_owned(), Err(Refusal::Malformed)),
        (SIGNATURE.replace("v1,", "v2,"), Err(Refusal::Malformed)),
        (SIGNATURE.replace("v1,", "v1a,"), Err(Refusal::Wrong)),
        (SIGNATURE.replace("v1,", ""), Err(Refusal::Malformed)),
        (SIGNATURE.replace("g0hM", "G0hM"), Err(Refusal::Wrong)),
        (format!("{} {SIGNATURE}", [OTHER; SIGNATURES_MAX - 1].join(" ")), Ok(0)),
        (
            format!("{} {SIGNATURE}", [OTHER; SIGNATURES_MAX].join(" ")),
            Err(Refusal::TooMany(Limit::Signatures)),
        ),
    ] {
        assert_eq!(verify(official(), &signed_by(&list)), want, "{list}");
    }
}

#[test]
fn several_keys_are_valid_and_the_one_that_matched_is_told() {
    let old = hmac("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    assert_eq!(verify(source(vec![old, hmac(OFFICIAL)]), &signed_by(SIGNATURE)), Ok(1));
}

#[test]
fn an_ed25519_key_verifies_v1a_alone() {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let key = Key::Ed25519(pair.public_key().as_ref().try_into().unwrap());
    let content = format!("{ID}.{TIMESTAMP}.{BODY}");
    let signature = BASE64.encode(pair.sign(content.as_bytes()).as_ref());
    let v1a = format!("v1a,{signature}");
    assert_eq!(verify(source(vec![hmac(OFFICIAL), key.clone()]), &signed_by(&v1a)), Ok(1));
    assert_eq!(
        verify(source(vec![key.clone()]), &signed_by(&format!("v1,{signature}"))),
        Err(Refusal::Wrong)
    );
    let other = format!("v1a,{}", BASE64.encode(&[0; 64]));
    assert_eq!(verify(source(vec![key]), &signed_by(&other)), Err(Refusal::Wrong));
}

#[test]
fn a_signed_time_is_good_for_the_tolerance_both_ways() {
    for (off, want) in
        [(0, Ok(0)), (300, Ok(0)), (-300, Ok(0)), (301, Err(Refusal::Stale)), (-301, Err(Refusal::Stale))]
    {
        let got = verify_at(1_614_265_330 + off, official(), &signed_by(SIGNATURE), BODY);
        assert_eq!(got, want, "{off} s");
    }
    let far =
        [("webhook-id", ID), ("webhook-timestamp", "9223372036854775807"), ("webhook-signature", SIGNATURE)];
    assert_eq!(verify(official(), &far), Err(Refusal::Stale));
}

#[test]
fn the_svix_spelling_is_an_option_and_never_beside_the_other() {
    let svix = [("svix-id", ID), ("svix-timestamp", TIMESTAMP), ("svix-signature", SIGNATURE)];
    let with_option = || Standard { svix: true, ..official() };
    assert_eq!(verify(with_option(), &svix), Ok(0));
    assert_eq!(verify(with_option(), &signed_by(SIGNATURE)), Ok(0));
    assert_eq!(verify(official(), &svix), Err(Refusal::Missing));
    let both: Vec<_> = signed_by(SIGNATURE).into_iter().chain([("svix-id", "msg_other")]).collect();
    assert_eq!(verify(with_option(), &both), Err(Refusal::Malformed));
    assert_eq!(verify(official(), &both), Ok(0), "without the option they mean nothing");
}

#[test]
fn the_configured_pointers_say_what_is_what() {
    let event = event(
        r#"{"type":"message.created","timestamp":"2026-01-15T10:00:00Z",
            "data":{"id":12,"conversation_id":"c-1","contact":{"id":"v-9","name":"Ana"},"text":"hola"}}"#,
    );
    assert_eq!((event.channel, event.account), (Channel::Webchat, AccountRef::Endpoint));
    assert_eq!(event.kind, Kind::MessageReceived);
    assert_eq!(event.thread, Some(Thread::of("conversation", "c-1")));
    assert_eq!(event.dedupe, ["id:msg_1"]);
    assert_eq!(event.time, Some(Timestamp(1_768_471_200_000)));
    assert_eq!(event.message.id.as_deref(), Some("12"));
    assert_eq!(event.message.text.as_deref(), Some("hola"));
    assert_eq!(
        event.message.sender,
        Some(Party { id: "v-9".into(), name: Some("Ana".into()), handle: None })
    );
}

#[test]
fn a_body_that_names_no_conversation_has_none() {
    for body in [
        "{}",
        "[]",
        "7",
        "null",
        r#"{"data":null}"#,
        r#"{"data":{"conversation_id":null}}"#,
        r#"{"data":{"conversation_id":""}}"#,
        r#"{"data":{"conversation_id":{"id":1}}}"#,
    ] {
        let event = event(body);
        assert_eq!((event.kind, event.thread), (Kind::Unknown, None), "{body}");
    }
}

#[test]
fn an_unlisted_type_is_kept_with_its_name() {
    let event = event(r#"{"type":"ticket.opened","data":{"conversation_id":4711}}"#);
    assert_eq!((event.kind, event.message.subtype.as_deref()), (Kind::Unknown, Some("ticket.opened")));
    assert_eq!(event.thread, Some(Thread::of("conversation", "4711")));
}

#[test]
fn the_time_is_the_pointers_or_the_bodys() {
    for (at, timestamp, want) in [
        ("1700000000", "null", Some(1_700_000_000_000)),
        ("1700000000123", "null", Some(1_700_000_000_123)),
        (r#""2023-11-14T23:13:20.5+01:00""#, "null", Some(1_700_000_000_500)),
        ("null", "1700000000", Some(1_700_000_000_000)),
        (r#""yesterday""#, "1700000000", Some(1_700_000_000_000)),
        ("1.5", "null", None),
    ] {
        let event = event(&format!(r#"{{"timestamp":{timestamp},"data":{{"at":{at}}}}}"#));
        assert_eq!(event.time, want.map(Timestamp), "{at} {timestamp}");
    }
}

#[test]
fn what_is_no_json_or_says_a_thing_twice_is_malformed() {
    for body in [
        "",
        "hello",
        "{",
        r#"{"data":{"conversation_id":"a","conversation_id":"b"}}"#,
        r#"{"data":{"conversation_id":"a"},"data":{"conversation_id":"b"}}"#,
        r#"{"type":"a","type":"b"}"#,
    ] {
        let split = fuzzing::split(&Provider::Standard(official()), &HeaderMap::new(), body.as_bytes());
        assert!(split.is_err(), "{body}");
    }
}
