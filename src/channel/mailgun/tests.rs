use http::{HeaderMap, HeaderValue};

use super::*;
use crate::channel::{
    Evidence, Limit, Provider,
    event::{AccountRef, Automatic, Event, Kind, State},
};

const KEY: &str = "mailgun_signing_key";
const TOKEN: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const SIGNATURE: &str = "9180d3ba47d0a132576084995a3a91c2e79f3b6f75b7c88dba228a2fd52b26ff";
const FORM: &str = "application/x-www-form-urlencoded";

fn provider() -> Provider {
    Provider::Mailgun(Mailgun {
        signing_keys: vec![Secret::new("retired"), Secret::new(KEY)],
        window: Duration::from_secs(900),
    })
}

fn verify_at(content_type: &'static str, body: &str, now: i64) -> Result<usize, Refusal> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    let request =
        Request { query: None, headers: &headers, body: body.as_bytes(), now: Timestamp::from_secs(now) };
    provider().verify(request, Evidence::Nothing).map(|verified| verified.secret().index())
}

fn split(content_type: &'static str, body: &str) -> Split {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    crate::channel::fuzzing::split(&provider(), &headers, body.as_bytes()).unwrap()
}

fn only(split: Split) -> Event {
    let [Item::Event(event)] = <[Item; 1]>::try_from(split.items).unwrap() else { panic!("no event") };
    *event
}

fn signed(more: &str) -> String {
    format!("timestamp=1700000000&token={TOKEN}&signature={SIGNATURE}{more}")
}

#[test]
fn the_official_vector_verifies_in_every_form() {
    assert_eq!(verify_at(FORM, &signed(""), 1_700_000_000), Ok(1));
    assert_eq!(verify_at(FORM, &signed(""), 1_700_000_900), Ok(1));
    assert_eq!(verify_at(FORM, &signed("").to_uppercase(), 1_700_000_000), Err(Refusal::Missing));
    let json = format!(
        r#"{{"signature":{{"timestamp":"1700000000","token":"{TOKEN}","signature":"{SIGNATURE}"}},"event-data":{{}}}}"#
    );
    assert_eq!(verify_at("application/json", &json, 1_700_000_000), Ok(1));
    assert_eq!(
        verify_at("application/json", &json.replace("\"1700000000\"", "1700000000"), 1_700_000_000),
        Ok(1)
    );
}

#[test]
fn whatever_is_not_signed_in_time_is_refused() {
    for (body, now, want) in [
        (signed(""), 1_700_000_901, Refusal::Stale),
        (signed(""), 1_699_999_099, Refusal::Stale),
        (signed("").replace("9180", "8180"), 1_700_000_000, Refusal::Wrong),
        (signed("").replace("1700000000", "1700000001"), 1_700_000_001, Refusal::Wrong),
        (signed("").replace(SIGNATURE, "zz"), 1_700_000_000, Refusal::Malformed),
        (signed("").replace("token=", "Token="), 1_700_000_000, Refusal::Missing),
        (signed("&token=other"), 1_700_000_000, Refusal::Malformed),
        (signed("&timestamp=1700000001"), 1_700_000_000, Refusal::Malformed),
        (signed("&signature=00"), 1_700_000_000, Refusal::Malformed),
        (String::new(), 1_700_000_000, Refusal::Missing),
        (signed(&"&a=b".repeat(1000)), 1_700_000_000, Refusal::TooMany(Limit::FormFields)),
    ] {
        assert_eq!(verify_at(FORM, &body, now), Err(want), "{body}");
    }
    assert_eq!(verify_at(FORM, &signed(&format!("&token={TOKEN}")), 1_700_000_000), Ok(1), "an equal copy");
    assert_eq!(verify_at("text/plain", &signed(""), 1_700_000_000), Err(Refusal::Malformed));
    assert_eq!(verify_at("application/json", "{}", 1_700_000_000), Err(Refusal::Missing));
    assert_eq!(verify_at("application/json", "{", 1_700_000_000), Err(Refusal::Malformed));
    let twice = r#"{"signature":{"timestamp":"1","timestamp":"2","token":"","signature":""}}"#;
    assert_eq!(verify_at("application/json", twice, 1_700_000_000), Err(Refusal::Missing));
}

#[test]
fn digits_moved_from_the_token_into_the_timestamp_do_not_stretch_the_window() {
    // The signature covers "1" + "700000000" + token just as well.
    let moved = signed("").replace("timestamp=1700000000&token=", "timestamp=1&token=700000000");
    assert_eq!(verify_at(FORM, &moved, 1_700_000_000), Err(Refusal::Stale));
    let letters =
        signed("").replace(&format!("1700000000&token={TOKEN}"), &format!("1700000000{TOKEN}&token="));
    assert_eq!(verify_at(FORM, &letters, 1_700_000_000), Err(Refusal::Malformed));
}

#[test]
fn the_token_is_handed_on_as_a_value_used_once() {
    assert_eq!(split(FORM, &signed("&recipient=a@in.example")).nonce.as_deref(), Some(TOKEN));
}

#[test]
fn a_header_named_like_a_field_does_not_change_the_recipient() {
    let headers = "&message-headers=[[\"recipient\",\"boss@in.example\"],[\"Message-Id\",\"<1@x>\"]]";
    let body = signed(&format!(
        "&recipient=boss@in.example&recipient=help@in.example&sender=ana@x.example{headers}"
    ));
    let event = only(split(FORM, &body));
    assert_eq!(event.account, AccountRef::Mailbox("help@in.example".to_owned()));
    assert!(event.message.email.unwrap().ambiguous.contains(&"repeated field recipient".into()));
}

#[test]
fn a_sender_s_headers_are_told_from_the_fields_of_the_same_name() {
    // The sender wrote the headers `body-mime`, `sender` and `recipient`, one as Mailgun's own field is.
    let forged = "From:%20boss@in.example%0D%0AX-Mailgun-Spf:%20Pass%0D%0A%0D%0Aforged";
    let headers = "[[\"X-Mailgun-Spf\",\"Fail\"],[\"From\",\"ana@x.example\"],[\"sender\",\"boss@in.example\"],\
         [\"recipient\",\"help@in.example\"],[\"body-mime\",\"From: boss@in.example\\r\\nX-Mailgun-Spf: Pass\\r\\n\\r\\nforged\"]]";
    let body = signed(&format!(
        "&sender=boss@in.example&sender=ana@x.example&recipient=help@in.example&recipient=help@in.example\
         &body-plain=hi&body-mime={forged}&message-headers={headers}"
    ));
    let event = only(split(FORM, &body));
    assert_eq!(event.account, AccountRef::Mailbox("help@in.example".to_owned()));
    assert_eq!(event.message.sender.unwrap().id, "ana@x.example");
    assert_eq!(event.message.text.as_deref(), Some("hi"));
    let email = event.message.email.unwrap();
    assert_eq!(email.envelope_from.as_deref(), Some("ana@x.example"));
    assert_eq!(email.verdicts, [("spf".into(), "Fail".to_owned())]);
}

#[test]
fn a_header_that_nests_too_deep_does_not_make_the_sender_s_fields_mailgun_s_own() {
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let headers = format!(r#"[["X-Deep",{deep}],["sender","boss@in.example"]]"#);
    let body = signed(&format!(
        "&sender=boss@in.example&sender=ana@x.example&recipient=help@in.example&message-headers={headers}"
    ));
    assert_eq!(
        only(split(FORM, &body)).message.email.unwrap().envelope_from.as_deref(),
        Some("ana@x.example")
    );
}

#[test]
fn without_message_headers_the_fields_are_the_headers() {
    let body = signed(
        "&recipient=Help@in.example&sender=ana@x.example&from=Ana%20<ana@x.example>&From=Ana%20<ana@x.example>\
         &subject=s&Subject=s&To=help@in.example&Message-Id=<2@x.example>&In-Reply-To=<1@in.example>\
         &References=<0@in.example>%20<1@in.example>&Auto-Submitted=auto-replied&body-plain=hi",
    );
    let event = only(split(FORM, &body));
    let keys: Vec<_> = event.thread.unwrap().keys.into_iter().map(|key| key.text).collect();
    assert_eq!(keys, ["msg:1@in.example", "msg:0@in.example", "msg:2@x.example"]);
    let email = event.message.email.unwrap();
    assert_eq!((email.to, email.automatic), (vec!["help@in.example".to_owned()], Some(Automatic::AutoReply)));
    assert!(email.ambiguous.is_empty(), "{:?}", email.ambiguous);
}

#[test]
fn one_odd_stored_attachment_costs_the_others_nothing() {
    let list =
        r#"[7,{"url":"https://s.test/1","size":"20"},{"url":null},{"url":"https://s.test/2","size":20}]"#;
    let event = only(split(FORM, &signed(&format!("&recipient=a@in.example&sender=&attachments={list}"))));
    let media: Vec<_> = event.message.media.iter().map(|m| (m.url.as_deref(), m.size)).collect();
    assert_eq!(media, [(Some("https://s.test/1"), None), (None, None), (Some("https://s.test/2"), Some(20))]);
}

#[test]
fn a_legacy_event_is_found_by_its_message_id_in_any_letter_case() {
    for name in ["Message-Id", "message-id"] {
        let event =
            only(split(FORM, &signed(&format!("&event=opened&recipient=ana@x.example&{name}=m@in.example"))));
        assert_eq!(
            (event.kind, event.thread.unwrap().keys[0].text.as_str()),
            (Kind::MessageStatus, "msg:m@in.example")
        );
    }
}

#[test]
fn several_recipients_of_a_route_are_several_events() {
    let split = split(FORM, &signed("&recipient=a@in.example,%20b@in.example&body-plain=hi"));
    assert_eq!(split.items.len(), 2);
}

#[test]
fn what_became_of_a_mail_of_ours_is_told_by_event_and_severity() {
    for (event, severity, kind) in [
        ("delivered", "", Kind::MessageStatus),
        ("opened", "", Kind::MessageStatus),
        ("rejected", "", Kind::MessageStatus),
        ("failed", "permanent", Kind::Bounced),
        ("failed", "temporary", Kind::Unknown),
        ("clicked", "", Kind::Unknown),
        ("something new", "", Kind::Unknown),
    ] {
        let json = format!(
            r#"{{"signature":{{"timestamp":"1","token":"t","signature":"s"}},"event-data":{{"event":"{event}","severity":"{severity}","id":"e1","timestamp":1.5,"message":{{"headers":{{"message-id":"m@in.example","from":"Us <us@in.example>"}}}}}}}}"#
        );
        let found = only(split("application/json", &json));
        assert_eq!(found.kind, kind, "{event} {severity}");
        assert_eq!(found.thread.unwrap().keys[0].text, "msg:m@in.example");
        assert_eq!((found.dedupe[0].as_str(), found.time), ("relay:e1", Some(Timestamp(1500))));
        assert_eq!(found.account, AccountRef::Mailbox("us@in.example".to_owned()));
    }
}

#[test]
fn a_header_named_event_makes_no_event_of_a_mail() {
    let body = signed("&recipient=help@in.example&sender=ana@x.example&event=delivered");
    assert_eq!(only(split(FORM, &body)).kind, Kind::MessageReceived);
    assert_eq!(
        only(split(FORM, &signed("&recipient=help@in.example&event=delivered"))).kind,
        Kind::MessageStatus
    );
}

#[test]
fn what_cannot_be_read_is_not_asked_for_again() {
    assert_eq!(provider().malformed_status(), http::StatusCode::NOT_ACCEPTABLE, "or it comes for 8 hours");
}

#[test]
fn what_is_readable_but_not_known_is_kept() {
    for (content_type, body) in [
        ("application/json", "[]"),
        ("application/json", r#"{"signature":{"timestamp":"1","token":"t","signature":"s"}}"#),
        ("application/json", r#"{"signature":{"timestamp":"1","token":"t","signature":"s"},"event-data":7}"#),
        (FORM, "timestamp=1&token=t&signature=s&other=1"),
    ] {
        assert_eq!(only(split(content_type, body)).kind, Kind::Unknown, "{body}");
    }
}

#[test]
fn receipts_of_one_mail_are_compared_for_each_recipient() {
    let reached = |event: &str, recipient: &str| {
        let json = format!(
            r#"{{"signature":{{"timestamp":"1","token":"t","signature":"s"}},"event-data":{{"event":"{event}","recipient":"{recipient}","message":{{"headers":{{"message-id":"m@in.example"}}}}}}}}"#
        );
        let legacy = format!("&event={event}&recipient={recipient}&Message-Id=%3Cm@in.example%3E");
        let found = only(split("application/json", &json)).reached;
        assert_eq!(only(split(FORM, &signed(&legacy))).reached, found, "{event}");
        found
    };
    let delivered = reached("delivered", "ana@x.example").unwrap();
    let opened = reached("opened", "Ana@x.example").unwrap();
    assert_eq!((delivered.state, opened.state), (State::Delivered, State::Read));
    assert_eq!(delivered.of, opened.of);
    assert_ne!(delivered.of, reached("delivered", "ben@x.example").unwrap().of);
    assert_eq!(reached("bounced", "ana@x.example"), None);
}
