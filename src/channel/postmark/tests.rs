use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use serde_json::{Value, json};

use super::*;
use crate::channel::{
    Evidence, Provider,
    event::{AccountRef, Event, Kind, State},
};

fn provider() -> Provider {
    Provider::Postmark(Postmark { basic: vec![Secret::new("old:pass"), Secret::new("new:pass")] })
}

fn verify(authorization: Option<&'static str>) -> Result<usize, Refusal> {
    let mut headers = HeaderMap::new();
    headers.extend(authorization.map(|value| (AUTHORIZATION, HeaderValue::from_static(value))));
    let request = Request { query: None, headers: &headers, body: b"{}", now: Timestamp(0) };
    provider().verify(request, Evidence::Nothing).map(|verified| verified.secret().index())
}

#[test]
fn the_password_is_all_there_is() {
    assert_eq!(verify(Some("Basic bmV3OnBhc3M=")), Ok(1));
    assert_eq!(verify(Some("basic b2xkOnBhc3M=")), Ok(0));
    for (authorization, want) in [
        (None, Refusal::Missing),
        (Some("Basic b2xkOk90aGVy"), Refusal::Wrong),
        (Some("Basic ?"), Refusal::Malformed),
        (Some("Bearer bmV3OnBhc3M="), Refusal::Malformed),
        (Some("Basic"), Refusal::Malformed),
    ] {
        assert_eq!(verify(authorization), Err(want), "{authorization:?}");
    }
}

fn split(body: &str) -> Result<Vec<Item>, Malformed> {
    crate::channel::fuzzing::split(&provider(), &HeaderMap::new(), body.as_bytes()).map(|split| split.items)
}

fn only(body: &Value) -> Event {
    let [Item::Event(event)] = <[Item; 1]>::try_from(split(&body.to_string()).unwrap()).unwrap() else {
        panic!("no event")
    };
    *event
}

#[test]
fn a_mail_belongs_to_its_original_recipient_and_its_token() {
    let event = only(&json!({
        "MessageID": "guid-1", "OriginalRecipient": "Reply+0123456789ABCDEF@In.example",
        "MailboxHash": "0123456789ABCDEF", "FromFull": {"Email": "ana@x.example", "Name": "Ana"},
        "ToFull": [{"Email": "other@x.example"}], "Subject": "s", "TextBody": "hi",
        "Headers": [{"Name": "Message-ID", "Value": "<1@x.example>"}, {"Name": "In-Reply-To", "Value": "<0@x.example>"}]
    }));
    assert_eq!(event.account, AccountRef::Mailbox("reply@in.example".to_owned()));
    let thread = event.thread.unwrap();
    let keys: Vec<_> = thread.keys.iter().map(|key| key.text.as_str()).collect();
    assert_eq!(keys, ["token:0123456789abcdef", "msg:0@x.example", "msg:1@x.example"]);
    assert_eq!(event.dedupe[0], "relay:guid-1+0123456789abcdef");
    assert_eq!(event.message.sender.unwrap().name.as_deref(), Some("Ana"));
}

#[test]
fn an_attachment_is_the_pointer_of_its_content() {
    let event = only(&json!({
        "MessageID": "guid-1", "OriginalRecipient": "help@in.example",
        "Attachments": [
            {"Name": "a.png", "Content": "AAEC", "ContentType": "image/png", "ContentLength": 3},
            {"Name": "b", "Content": "?", "ContentLength": 9},
            {"Name": "c", "Data": "AAEC", "ContentLength": 3}
        ]
    }));
    let media: Vec<_> = event
        .message
        .media
        .iter()
        .map(|m| (m.id.as_deref().unwrap(), m.size.unwrap(), m.sha256.is_some()))
        .collect();
    let want = [
        ("/Attachments/0/Content", 3, true),
        ("/Attachments/1/Content", 9, false),
        ("/Attachments/2/Content", 3, false),
    ];
    assert_eq!(media, want);
    assert!(event.message.email.unwrap().ambiguous.contains(&"broken attachment".into()));
}

#[test]
fn what_became_of_a_mail_of_ours_is_told_by_record_and_type() {
    for (record, bounce, kind, state) in [
        ("Delivery", None, Kind::MessageStatus, Some(State::Delivered)),
        ("Open", None, Kind::MessageStatus, Some(State::Read)),
        ("Bounce", Some("HardBounce"), Kind::Bounced, Some(State::Failed)),
        ("Bounce", Some("AutoResponder"), Kind::Unknown, None),
        ("Bounce", Some("Transient"), Kind::Unknown, None),
        ("SpamComplaint", Some("SpamComplaint"), Kind::Unknown, None),
        ("Something new", None, Kind::Unknown, None),
    ] {
        let event = only(
            &json!({"RecordType": record, "Type": bounce, "ID": 7, "MessageID": "guid-1", "From": "us@in.example"}),
        );
        assert_eq!((event.kind, event.message.status.map(|status| status.state)), (kind, state), "{record}");
        assert_eq!(event.dedupe, [format!("relay:{record}:guid-1:7")]);
        assert_eq!(event.account, AccountRef::Mailbox("us@in.example".to_owned()));
    }
}

#[test]
fn two_opens_of_one_mail_are_two_and_a_retry_is_none() {
    let open =
        |at: &str| only(&json!({"RecordType": "Open", "MessageID": "guid-1", "ReceivedAt": at})).dedupe;
    assert_eq!(open("2026-01-15T10:00:00Z"), open("2026-01-15T10:00:00Z"));
    assert_ne!(open("2026-01-15T10:00:00Z"), open("2026-01-15T10:00:01Z"));
}

#[test]
fn a_record_is_known_again_however_it_is_written() {
    let click = json!({"RecordType": "Click", "MessageID": "guid-1", "ReceivedAt": "2026-01-15T10:00:00.1234567Z",
        "Recipient": "ana@x.example", "OriginalLink": "https://in.example/a"});
    let dedupe = |text: &str| {
        let [Item::Event(event)] = <[Item; 1]>::try_from(split(text).unwrap()).unwrap() else { panic!() };
        event.dedupe
    };
    let pretty = serde_json::to_string_pretty(&click).unwrap();
    assert_eq!(dedupe(&pretty), dedupe(&click.to_string()));
    for (field, other) in [
        ("ReceivedAt", "2026-01-15T10:00:00.1234568Z"),
        ("Recipient", "bo@x.example"),
        ("OriginalLink", "https://in.example/b"),
        ("MessageID", "guid-2"),
        ("RecordType", "Open"),
    ] {
        let mut another = click.clone();
        another[field] = other.into();
        assert_ne!(dedupe(&another.to_string()), dedupe(&pretty), "{field}");
    }
}

#[test]
fn one_odd_header_address_or_attachment_costs_the_others_nothing() {
    let event = only(&json!({
        "MessageID": "guid-1", "OriginalRecipient": "help@in.example", "FromFull": 7, "From": "Ana <ana@x.example>",
        "ToFull": [{"Email": 7}, {"Email": "help@in.example"}], "CcFull": "nobody", "RawEmail": "",
        "Headers": [{"Value": "no name"}, 7, {"Name": "Message-ID", "Value": "<1@x.example>"}],
        "Attachments": [7, {"Name": "a.png", "Content": "AAEC", "ContentType": "image/png", "ContentLength": "3"}]
    }));
    assert_eq!((event.kind, event.dedupe.len()), (Kind::MessageReceived, 2));
    assert_eq!(event.account, AccountRef::Mailbox("help@in.example".to_owned()));
    assert_eq!(event.message.sender.unwrap().id, "ana@x.example");
    let [media] = event.message.media.as_slice() else { panic!("{:?}", event.message.media) };
    assert_eq!((media.id.as_deref(), media.size), (Some("/Attachments/1/Content"), Some(3)));
    let email = event.message.email.unwrap();
    assert_eq!(
        (email.message_id.as_deref(), email.to),
        (Some("1@x.example"), vec!["help@in.example".to_owned()])
    );
    assert_eq!(email.ambiguous, ["broken attachment"]);
}

#[test]
fn the_dashboard_s_check_is_ignored() {
    let items =
        split(r#"{"MessageID":"00000000-0000-0000-0000-000000000000","OriginalRecipient":"a@in.example"}"#);
    assert!(matches!(items.unwrap()[..], [Item::Ignored(Ignored::DashboardTest)]));
}

#[test]
fn what_cannot_be_read_is_not_asked_for_again() {
    assert_eq!(provider().malformed_status(), http::StatusCode::FORBIDDEN, "or it comes for 10 hours");
}

#[test]
fn what_is_readable_but_not_known_is_kept_and_what_is_not_is_malformed() {
    for body in ["{}", "[]", "7", r#"{"MessageID":7}"#, r#"{"MessageID":"a","MessageID":"b"}"#] {
        let items = split(body).unwrap();
        let [Item::Event(event)] = items.as_slice() else { panic!("{body}") };
        assert_eq!((event.kind, &event.account), (Kind::Unknown, &AccountRef::Endpoint), "{body}");
    }
    for body in ["", "{", "\u{feff}{}", "{} {}"] {
        assert!(split(body).is_err(), "{body}");
    }
    assert!(split(&"[".repeat(100_000)).is_err());
}

#[test]
fn receipts_of_one_mail_are_compared_for_each_recipient() {
    let reached = |record: &str, recipient: &str| {
        only(&json!({ "RecordType": record, "MessageID": "m", "Recipient": recipient })).reached
    };
    let delivered = reached("Delivery", "ana@x.example").unwrap();
    let opened = reached("Open", "ana@x.example").unwrap();
    assert_eq!((delivered.state, opened.state), (State::Delivered, State::Read));
    assert_eq!(delivered.of, opened.of);
    assert_ne!(reached("Open", "ben@x.example").unwrap().of, opened.of);
    assert_eq!(reached("Bounce", "ana@x.example"), None);
}
