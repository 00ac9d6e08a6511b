use http::HeaderMap;

use super::*;
use crate::channel::{Evidence, Item, Provider, fuzzing};

fn line(secrets: &[&str]) -> Provider {
    Provider::Line(Line { channel_secrets: secrets.iter().map(|s| Secret::new(*s)).collect() })
}

fn verify(secret: &str, body: &str, signatures: &[&str]) -> Result<usize, Refusal> {
    let mut headers = HeaderMap::new();
    for signature in signatures {
        headers.append("x-line-signature", signature.parse().unwrap());
    }
    let request = Request { query: None, headers: &headers, body: body.as_bytes(), now: Timestamp(0) };
    Ok(line(&["an older secret", secret]).verify(request, Evidence::Nothing)?.secret().index())
}

fn events(body: &str) -> Vec<Event> {
    let split = fuzzing::split(&line(&["secret"]), &HeaderMap::new(), body.as_bytes()).unwrap();
    split
        .items
        .into_iter()
        .map(|item| match item {
            Item::Event(event) => *event,
            Item::Ignored(why) => panic!("ignored: {why:?}"),
        })
        .collect()
}

/// The one event of a body whose `events` holds just `event`.
fn one(event: &str) -> Event {
    let mut all = events(&format!(r#"{{"destination":"Ubot","events":[{event}]}}"#));
    assert_eq!(all.len(), 1);
    all.remove(0)
}

#[test]
fn only_the_channel_secret_signs() {
    const EMPTY: &str = r#"{"destination":"U00000000000000000000000000000000","events":[]}"#;
    const HELLO: &str = r#"{"hello":"world"}"#;
    const HELLO_MAC: &str = "t7Hn4ZDHqs6e+wdvI5TyQIvzie0DmMUmuXEBqyyE/tM=";
    for (secret, body, signatures, want) in [
        ("line_channel_secret", EMPTY, vec!["mcgTABBM7kO6ceOY5EulhF8jp4CpNWfXWArrORhBgXg="], Ok(1)),
        ("channel_secret", "bodybodybodybody", vec!["/gg9a+LvFevTH1sd7XCQycD7tsWclCsInj7MhBHxN7k="], Ok(1)),
        ("test_secret", HELLO, vec![HELLO_MAC], Ok(1)),
        ("test_secret", HELLO, vec!["t7Hn4ZDHqs6e+wdvi5TyQIvzie0DmMUmuXEBqyyE/tM="], Err(Refusal::Wrong)),
        ("test_secret", r#"{"hello": "world"}"#, vec![HELLO_MAC], Err(Refusal::Wrong)),
        ("Test_secret", HELLO, vec![HELLO_MAC], Err(Refusal::Wrong)),
        ("test_secret", HELLO, vec![], Err(Refusal::Missing)),
        ("test_secret", HELLO, vec![""], Err(Refusal::Wrong)),
        ("test_secret", HELLO, vec!["%%%"], Err(Refusal::Malformed)),
        ("test_secret", HELLO, vec![HELLO_MAC, HELLO_MAC], Err(Refusal::Malformed)),
    ] {
        assert_eq!(verify(secret, body, &signatures), want, "{secret} {body} {signatures:?}");
    }
}

#[test]
fn the_conversation_is_chosen_by_the_type_of_the_source() {
    for (source, thread, sender) in [
        (r#"{"type":"user","userId":"U1"}"#, Some("user:U1"), Some("U1")),
        (r#"{"type":"group","groupId":"C1","userId":"U1"}"#, Some("group:C1"), Some("U1")),
        (r#"{"type":"group","groupId":"C1"}"#, Some("group:C1"), None),
        (r#"{"type":"room","roomId":"R1","userId":"U1"}"#, Some("room:R1"), Some("U1")),
        (r#"{"type":"group","userId":"U1"}"#, None, Some("U1")),
        (r#"{"type":"user","userId":""}"#, None, None),
        (r#"{"type":"square","userId":"U1"}"#, None, Some("U1")),
        ("null", None, None),
    ] {
        let event = one(&format!(
            r#"{{"type":"message","source":{source},"message":{{"id":"1","type":"text","text":"hi"}}}}"#
        ));
        let keys = event.thread.as_ref().map(|thread| thread.keys.as_slice());
        let text = keys.map(|keys| keys.iter().map(|key| key.text.as_str()).collect::<Vec<_>>());
        assert_eq!(text, thread.map(|key| vec![key]), "{source}");
        assert_eq!(event.message.sender.map(|party| party.id).as_deref(), sender, "{source}");
        assert_eq!(event.kind, Kind::MessageReceived);
    }
}

#[test]
fn a_redelivery_has_the_dedupe_id_of_the_first_delivery() {
    let with = |flag| {
        one(&format!(
            r#"{{"type":"follow","timestamp":7,"webhookEventId":"01H","deliveryContext":{{"isRedelivery":{flag}}}}}"#
        ))
    };
    assert_eq!(with("true").dedupe, ["event:01H"]);
    assert_eq!(with("true").dedupe, with("false").dedupe);
    assert_eq!(with("true").time, Some(Timestamp(7)));
}

#[test]
fn one_bad_event_costs_its_neighbours_nothing() {
    let all = events(
        r#"{"destination":"Ubot","events":[
            {"type":"unfollow","source":{"type":"user","userId":"U1"}},
            {"type":7}, null, "text",
            {"type":"unfollow","type":"follow"},
            {"type":"unsend","source":{"type":"user","userId":"U2"},"unsend":{}},
            {"type":"unfollow","source":{"type":"user","userId":"U3"}}
        ]}"#,
    );
    let kinds: Vec<_> = all.iter().map(|event| event.kind).collect();
    use Kind::{MemberChanged, Unknown};
    assert_eq!(kinds, [MemberChanged, Unknown, Unknown, Unknown, Unknown, Unknown, MemberChanged]);
    assert_eq!(
        all[5].thread,
        Some(Thread::of("user", "U2")),
        "an unreadable event stays in its conversation"
    );
    assert!(all.iter().all(|event| event.account == AccountRef::Id("Ubot".into())));
}

#[test]
fn what_only_the_bot_or_the_contact_did_is_told_apart() {
    for (event, change, who) in [
        (r#"{"type":"follow"}"#, "followed", vec![]),
        (r#"{"type":"follow","follow":{"isUnblocked":true}}"#, "unblocked", vec![]),
        (r#"{"type":"unfollow"}"#, "blocked", vec![]),
        (r#"{"type":"join"}"#, "joined", vec!["Ubot"]),
        (r#"{"type":"leave"}"#, "left", vec!["Ubot"]),
        (r#"{"type":"memberLeft","left":{"members":[{"type":"user","userId":"U9"}]}}"#, "left", vec!["U9"]),
    ] {
        let member = one(event).message.member.unwrap();
        assert_eq!(member.change, change, "{event}");
        assert_eq!(member.who.iter().map(|party| party.id.as_str()).collect::<Vec<_>>(), who, "{event}");
    }
}

#[test]
fn media_is_found_by_message_id_or_by_url() {
    let media = |message: &str| {
        let event = one(&format!(r#"{{"type":"message","message":{message}}}"#));
        assert_eq!(event.kind, Kind::MessageReceived);
        (event.message.media[0].clone(), event.message.album)
    };
    let (image, album) = media(
        r#"{"id":"5","type":"image","contentProvider":{"type":"line"},"imageSet":{"id":"S","index":1,"total":2}}"#,
    );
    assert_eq!((image.id.as_deref(), image.url, album.as_deref()), (Some("5"), None, Some("S")));
    let (video, _) = media(
        r#"{"id":"5","type":"video","contentProvider":{"type":"external","originalContentUrl":"https://media.test/v"}}"#,
    );
    assert_eq!((video.id, video.url.as_deref()), (None, Some("https://media.test/v")));
    let (file, _) = media(r#"{"id":"5","type":"file","fileName":"a.pdf","fileSize":12}"#);
    assert_eq!((file.id.as_deref(), file.name.as_deref(), file.size), (Some("5"), Some("a.pdf"), Some(12)));
}

#[test]
fn standby_and_quotes_are_kept() {
    let event = one(
        r#"{"type":"message","mode":"standby","message":{"id":"5","type":"text","text":"hi","quotedMessageId":"4"}}"#,
    );
    assert!(event.message.standby);
    assert_eq!(event.message.reply_to.as_deref(), Some("4"));
}

#[test]
fn what_this_version_does_not_know_is_kept_with_its_name() {
    for (event, kind, subtype) in [
        (r#"{"type":"videoPlayComplete"}"#, Kind::Unknown, "videoPlayComplete"),
        (r#"{"type":"message","message":{"id":"1","type":"hologram"}}"#, Kind::Unknown, "hologram"),
        (r#"{"type":"activated"}"#, Kind::Handover, "activated"),
        (r#"{"type":"botSuspended"}"#, Kind::AccountChanged, "botSuspended"),
    ] {
        let seen = one(event);
        assert_eq!((seen.kind, seen.message.subtype.as_deref()), (kind, Some(subtype)), "{event}");
    }
}

#[test]
fn a_body_without_destination_belongs_to_an_unknown_account() {
    for body in [r#"{"events":[{"type":"follow"}]}"#, r#"{"destination":"","events":[{"type":"follow"}]}"#] {
        assert_eq!(events(body)[0].account, AccountRef::Unknown, "{body}");
    }
    for body in [r#"{"destination":"U1"}"#, r#"{"destination":"U1","events":{}}"#] {
        assert_eq!(events(body)[0].raw, Raw::Whole, "{body}");
    }
}

#[test]
fn what_is_no_envelope_is_malformed() {
    for body in [
        "",
        "not json",
        "[]",
        "7",
        "{",
        "\u{feff}{}",
        r#"{"events":[],"events":[]}"#,
        r#"{"destination":"U1","destination":"U2","events":[]}"#,
    ] {
        let split = fuzzing::split(&line(&["secret"]), &HeaderMap::new(), body.as_bytes());
        assert!(split.is_err(), "{body}");
    }
    assert!(fuzzing::split(&line(&["s"]), &HeaderMap::new(), b"{\"events\":[\"\xff\"]}").is_err());
}
