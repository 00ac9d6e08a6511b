use http::HeaderMap;
use proptest::prelude::*;

use super::*;
use crate::channel::{
    Evidence, Item, Provider,
    event::{Ignored, State, ThreadKey},
    fuzzing,
};

const SECRET: &str = "x_consumer_secret";

fn twitter() -> Provider {
    Provider::Twitter(Twitter { consumer_secrets: vec![Secret::new(SECRET), Secret::new("older")] })
}

fn crc(query: Option<&str>) -> Answer {
    let headers = HeaderMap::new();
    twitter().handshake(&Request { query, headers: &headers, body: b"", now: Timestamp(0) })
}

fn verify(body: &[u8], signatures: &[&str]) -> Result<usize, Refusal> {
    let mut headers = HeaderMap::new();
    for signature in signatures {
        headers.append("x-twitter-webhooks-signature", signature.parse().unwrap());
    }
    let request = Request { query: None, headers: &headers, body, now: Timestamp(0) };
    Ok(twitter().verify(request, Evidence::Nothing)?.secret().index())
}

fn items(body: &str) -> Vec<Item> {
    fuzzing::split(&twitter(), &HeaderMap::new(), body.as_bytes()).unwrap().items
}

fn events(body: &str) -> Vec<Event> {
    items(body)
        .into_iter()
        .map(|item| match item {
            Item::Event(event) => *event,
            Item::Ignored(why) => panic!("ignored: {why:?}"),
        })
        .collect()
}

fn one(body: &str) -> Event {
    let mut all = events(body);
    assert_eq!(all.len(), 1, "{body}");
    all.remove(0)
}

/// An Account Activity body for user 1 with one element in one array.
fn array(name: &str, element: &str) -> Event {
    one(&format!(r#"{{"for_user_id":"1","{name}":[{element}]}}"#))
}

/// An X Activity body for user 1.
fn activity(name: &str, payload: &str) -> Event {
    one(&format!(
        r#"{{"data":{{"event_uuid":"-5","event_type":"{name}","filter":{{"user_id":"1"}},"payload":{payload}}}}}"#
    ))
}

fn dm(id: &str, sender: &str, recipient: &str) -> String {
    format!(
        r#"{{"type":"message_create","id":"{id}","created_timestamp":"1516403560557","message_create":
            {{"target":{{"recipient_id":"{recipient}"}},"sender_id":"{sender}","message_data":{{"text":"hi"}}}}}}"#
    )
}

fn key(event: &Event) -> Option<&str> {
    event.thread.as_ref().map(|thread| thread.keys[0].text.as_str())
}

#[test]
fn the_challenge_is_answered_with_its_mac() {
    const WANT: &str = r#"{"response_token":"sha256=R1pHvuTfpG71hzRFDyY0MFU5kcuPZW+3M/ZFT6LPMg0="}"#;
    for query in ["crc_token=challenge_string", "nonce=1&crc_token=challenge%5Fstring"] {
        let answer = crc(Some(query));
        assert_eq!((answer.status, answer.content_type), (StatusCode::OK, Some("application/json")));
        assert_eq!(answer.body, WANT, "{query}");
    }
}

#[test]
fn no_challenge_or_two_are_refused() {
    for query in [
        None,
        Some(""),
        Some("crc_token"),
        Some("crc_token="),
        Some("token=x"),
        Some("CRC_TOKEN=x"),
        Some("crc_token=a&crc_token=a"),
        Some("crc_token=a&crc_token="),
    ] {
        let answer = crc(query);
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query:?}");
        assert!(!answer.body.contains("sha256"), "{query:?}");
    }
}

/// The MAC that the challenge's answer gives for `token`, if it gives one.
fn mac_of(token: &str) -> Option<String> {
    let query: String =
        form_urlencoded::Serializer::new(String::new()).append_pair("crc_token", token).finish();
    let answer = crc(Some(&query));
    (answer.status == StatusCode::OK).then(|| {
        let json: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        json["response_token"].as_str().unwrap().to_owned()
    })
}

#[test]
fn the_challenge_signs_no_body_for_a_stranger() {
    for body in [r#"{"for_user_id":"1","direct_message_events":[]}"#, "{}", " {", "[{}]"] {
        assert_eq!(mac_of(body), None, "{body}");
    }
    for token in ["challenge_string", "[]", "null"] {
        let mac = mac_of(token).unwrap();
        assert_eq!(verify(token.as_bytes(), &[&mac]), Err(Refusal::Wrong), "{token}");
    }
}

proptest! {
    #[test]
    fn whatever_the_challenge_signs_is_no_body(token in "\\PC{1,40}|[{}\\[\\]\",:a-z0-9]{1,40}") {
        if let Some(mac) = mac_of(&token) {
            prop_assert_eq!(verify(token.as_bytes(), &[&mac]), Err(Refusal::Wrong));
        }
    }
}

#[test]
fn only_the_consumer_secret_signs() {
    const BODY: &[u8] = br#"{"for_user_id":"4337869213","direct_message_events":[]}"#;
    const MAC: &str = "sha256=YO9hKvyd+YF7IARu0C1a4x9h6ymxg+XGOtBTswySJuc=";
    for (signatures, want) in [
        (vec![MAC], Ok(0)),
        (vec!["sha256=yO9hKvyd+YF7IARu0C1a4x9h6ymxg+XGOtBTswySJuc="], Err(Refusal::Wrong)),
        (vec!["YO9hKvyd+YF7IARu0C1a4x9h6ymxg+XGOtBTswySJuc="], Err(Refusal::Malformed)),
        (vec!["sha1=YO9hKvyd+YF7IARu0C1a4x9h6ymxg+XGOtBTswySJuc="], Err(Refusal::Malformed)),
        (vec!["sha256=YO9hKvyd-YF7IARu0C1a4x9h6ymxg-XGOtBTswySJuc="], Err(Refusal::Malformed)),
        (vec!["sha256="], Err(Refusal::Wrong)),
        (vec![""], Err(Refusal::Malformed)),
        (vec![], Err(Refusal::Missing)),
        (vec![MAC, MAC], Err(Refusal::Malformed)),
    ] {
        assert_eq!(verify(BODY, &signatures), want, "{signatures:?}");
    }
    assert_eq!(
        verify(br#"{"for_user_id":"4337869213","direct_message_events": []}"#, &[MAC]),
        Err(Refusal::Wrong)
    );
}

#[test]
fn a_direct_message_belongs_to_the_other_participant() {
    for (sender, recipient, kind, thread) in [
        ("2", "1", Kind::MessageReceived, Some("user:2")),
        ("1", "2", Kind::MessageSent, Some("user:2")),
        ("1", "", Kind::MessageSent, None),
    ] {
        for event in [
            array("direct_message_events", &dm("9", sender, recipient)),
            activity("dm.any", &format!(r#"{{"direct_message_events":[{}]}}"#, dm("9", sender, recipient))),
        ] {
            assert_eq!((event.kind, key(&event)), (kind, thread), "{sender} to {recipient}");
            assert_eq!(event.account, AccountRef::Id("1".into()));
            assert_eq!(event.time, Some(Timestamp(1_516_403_560_557)));
        }
    }
}

#[test]
fn one_message_told_by_two_subscriptions_has_one_id_of_its_own() {
    let old = array("direct_message_events", &dm("9", "2", "1"));
    let new = activity("dm.received", &format!(r#"{{"direct_message_events":[{}]}}"#, dm("9", "2", "1")));
    assert_eq!(old.dedupe, ["dm:9"]);
    assert_eq!(new.dedupe, ["event:-5", "dm:9"]);
}

#[test]
fn several_messages_in_one_envelope_stay_apart() {
    let all = events(&format!(
        r#"{{"data":{{"event_uuid":"5","event_type":"dm.received","filter":{{"user_id":"1"}},
            "payload":{{"direct_message_events":[{},{}]}}}}}}"#,
        dm("8", "2", "1"),
        dm("9", "2", "1")
    ));
    assert_eq!(all[0].dedupe, ["event:5", "dm:8"]);
    assert_eq!(all[1].dedupe, ["event:5:1", "dm:9"]);
}

#[test]
fn a_conversation_id_is_read_in_either_order() {
    for (conversation, want) in [
        ("2:1", "user:2"),
        ("1:2", "user:2"),
        ("1-2", "user:2"),
        ("2-1", "user:2"),
        ("3-2", "users:2-3"),
        ("2-3", "users:2-3"),
        ("1585094756761149440", "group:1585094756761149440"),
        ("g-77", "group:g-77"),
    ] {
        let payload = format!(
            r#"{{"id":"e","conversation_id":"{conversation}","sender_id":"2","created_at_msec":"5"}}"#
        );
        let event = activity("chat.received", &payload);
        assert_eq!((event.kind, key(&event)), (Kind::MessageReceived, Some(want)), "{conversation}");
        assert_eq!(event.message.text, None);
        assert_eq!(event.dedupe, ["event:-5", "chat:e"]);
        let message =
            dm("9", "2", "1").replacen('{', &format!(r#"{{"dm_conversation_id":"{conversation}","#), 1);
        assert_eq!(key(&array("direct_message_events", &message)), Some(want), "{conversation}");
    }
    let sent = activity("chat.sent", r#"{"id":"e","conversation_id":"2:1","sender_id":"1"}"#);
    assert_eq!((sent.kind, key(&sent)), (Kind::MessageSent, Some("user:2")));
}

#[test]
fn typing_and_reading_are_told_of_the_conversation() {
    const BY_TWO: &str = r#""sender_id":"2","target":{"recipient_id":"1"},"created_timestamp":"7""#;
    let typing = array("direct_message_indicate_typing_events", &format!("{{{BY_TWO}}}"));
    assert_eq!((typing.kind, key(&typing)), (Kind::Typing, Some("user:2")));
    let read = array("direct_message_mark_read_events", &format!(r#"{{{BY_TWO},"last_read_event_id":"9"}}"#));
    assert_eq!((read.kind, key(&read)), (Kind::MessageStatus, Some("user:2")));
    assert_eq!(read.message.status.unwrap().state, State::Read);
    assert_eq!((read.message.id.as_deref(), read.dedupe), (Some("9"), vec!["read:2:9".to_owned()]));
}

#[test]
fn a_time_that_is_none_does_not_take_a_message_out_of_its_conversation() {
    for time in [r#""soon""#, r#""""#, "null", "1.5", "[]"] {
        let event = array("direct_message_events", &dm("9", "2", "1").replace(r#""1516403560557""#, time));
        assert_eq!(
            (event.kind, key(&event), event.time),
            (Kind::MessageReceived, Some("user:2"), None),
            "{time}"
        );
        let post = activity("post.create", &format!(r#"{{"id":"9","created_at":{time}}}"#));
        assert_eq!((post.kind, key(&post), post.time), (Kind::Post, Some("post:9"), None), "{time}");
    }
}

#[test]
fn what_each_side_has_read_is_compared_by_the_last_message() {
    let read = |reader: &str, other: &str, last: &str| {
        let told = format!(
            r#"{{"sender_id":"{reader}","target":{{"recipient_id":"{other}"}},"last_read_event_id":"{last}"}}"#
        );
        array("direct_message_mark_read_events", &told).reached
    };
    let earlier = read("2", "1", "1900000000000000001").unwrap();
    let later = read("2", "1", "1900000000000000002").unwrap();
    assert_eq!((earlier.state, earlier.up_to), (State::Read, 1_900_000_000_000_000_001));
    assert!(later.of == earlier.of && later.up_to > earlier.up_to);
    assert_ne!(read("1", "2", "9").unwrap().of, earlier.of, "we read it");
    assert_ne!(read("1", "3", "9").unwrap().of, read("1", "2", "9").unwrap().of, "another conversation");
    assert_eq!(read("2", "1", "not a number"), None);
}

#[test]
fn attachments_and_quick_replies_are_kept() {
    let message = dm("9", "2", "1").replace(
        r#""text":"hi""#,
        r#""text":"hi","quick_reply_response":{"type":"options","metadata":"yes"},
           "attachment":{"type":"media","media":{"id":5,"id_str":"5","type":"photo","media_url_https":"https://m.test/5"}}"#,
    );
    let event = array("direct_message_events", &message);
    assert_eq!(event.kind, Kind::MessageReceived);
    let media = &event.message.media[0];
    assert_eq!((media.kind.as_ref(), media.id.as_deref()), ("image", Some("5")));
    assert_eq!(media.url.as_deref(), Some("https://m.test/5"));
    assert_eq!(event.message.postback.unwrap().payload.as_deref(), Some("yes"));
}

#[test]
fn people_are_named_from_the_side_tables() {
    let event = one(&format!(
        r#"{{"for_user_id":"1","users":{{"2":{{"id":"2","name":"Ana","screen_name":"ana"}},"3":7}},
            "direct_message_events":[{}]}}"#,
        dm("9", "2", "1")
    ));
    let ana = event.message.sender.unwrap();
    assert_eq!((ana.name.as_deref(), ana.handle.as_deref()), (Some("Ana"), Some("ana")));
    let event = activity(
        "chat.received",
        r#"{"id":"e","sender_id":"2","users":{"2":{"data":{"id":"2","name":"Ana","username":"ana"}}}}"#,
    );
    assert_eq!(event.message.sender.unwrap().handle.as_deref(), Some("ana"));
}

#[test]
fn who_follows_blocks_or_mutes_belongs_to_the_one_who_is_not_us() {
    for (change, source, target, word, thread, whom) in [
        ("follow", "2", "1", "followed", "user:2", 0),
        ("unfollow", "2", "1", "unfollowed", "user:2", 0),
        ("follow", "1", "2", "followed", "user:2", 1),
        ("block", "1", "2", "blocked", "user:2", 1),
        ("unblock", "1", "2", "unblocked", "user:2", 1),
        ("mute", "1", "2", "muted", "user:2", 1),
        ("unmute", "1", "2", "unmuted", "user:2", 1),
    ] {
        let ends = format!(r#""source":{{"id":"{source}"}},"target":{{"id":"{target}"}}"#);
        for event in [
            array("mute_events", &format!(r#"{{"type":"{change}","created_timestamp":"7",{ends}}}"#)),
            array("follow_events", &format!(r#"{{"type":"{change}","created_timestamp":"7",{ends}}}"#)),
            activity(&format!("follow.{change}"), &format!("{{{ends}}}")),
            activity(&format!("block.{change}"), &format!("{{{ends}}}")),
        ] {
            assert_eq!((event.kind, key(&event)), (Kind::MemberChanged, Some(thread)), "{change}");
            let member = event.message.member.unwrap();
            assert_eq!((member.change.as_ref(), member.who.len()), (word, whom), "{change}");
        }
    }
}

#[test]
fn a_post_belongs_to_its_public_conversation() {
    let reply = activity(
        "post.reply.create",
        r#"{"id":"9","conversation_id":"5","in_reply_to_tweet_id":"8","author_id":"2","text":"x",
            "created_at":"2026-07-24T21:23:23.000Z"}"#,
    );
    assert_eq!((reply.kind, key(&reply)), (Kind::Post, Some("post:5")));
    assert_eq!(reply.dedupe, ["event:-5", "post:9"]);
    assert_eq!(reply.message.reply_to.as_deref(), Some("8"));
    assert_eq!(reply.time, Some(Timestamp(1_784_928_203_000)));
    let tweet = array(
        "tweet_create_events",
        r#"{"id":9,"id_str":"9","user":{"id":2},"text":"x","timestamp_ms":"7"}"#,
    );
    assert_eq!((tweet.kind, key(&tweet), tweet.time), (Kind::Post, Some("post:9"), Some(Timestamp(7))));
    let gone = array("tweet_delete_events", r#"{"status":{"id":"9","user_id":"1"},"timestamp_ms":"7"}"#);
    assert_eq!((gone.kind, gone.message.id.as_deref()), (Kind::MessageDeleted, Some("9")));
}

#[test]
fn a_post_s_media_are_named_and_described_from_the_side_table() {
    let post = one(r#"{"data":{"event_uuid":"5","event_type":"post.mention.create","filter":{"user_id":"1"},
            "payload":{"id":"9","text":"x","attachments":{"media_keys":["3_1","7_2"]},
                "referenced_tweets":[{"type":"quoted","id":"6"},{"type":"replied_to","id":"8"}]},
            "includes":{"media":[7,{"media_key":"3_1","type":"photo","url":"https://m.test/1"}]}}}"#);
    let media: Vec<_> =
        post.message.media.iter().map(|m| (m.kind.as_ref(), m.id.as_deref(), m.url.as_deref())).collect();
    assert_eq!(media, [("image", Some("3_1"), Some("https://m.test/1")), ("file", Some("7_2"), None)]);
    assert_eq!(post.message.reply_to.as_deref(), Some("8"));
}

#[test]
fn a_revocation_finds_its_account_where_it_stands() {
    for body in [
        r#"{"user_event":{"revoke":{"date_time":"2018-05-24T09:48:12+00:00","source":{"user_id":"6"}}}}"#,
        r#"{"data":{"event_uuid":"5","event_type":"oauth.revoke","filter":{},
            "payload":{"user_id":"6","date_time":"2018-05-24T09:48:12+00:00"}}}"#,
        r#"{"data":{"event_uuid":"5","event_type":"oauth.revoke","filter":{"user_id":""},
            "payload":{"user_id":"6","date_time":"2018-05-24T09:48:12+00:00"}}}"#,
    ] {
        let event = one(body);
        assert_eq!((event.kind, event.account), (Kind::AccountChanged, AccountRef::Id("6".into())), "{body}");
        assert_eq!((event.thread, event.time), (None, Some(Timestamp(1_527_155_292_000))), "{body}");
    }
}

#[test]
fn plumbing_is_counted_and_an_empty_array_is_nothing() {
    let replay = items(r#"{"replay_job_status":{"job_state":"Complete"}}"#);
    assert!(matches!(replay[..], [Item::Ignored(Ignored::Housekeeping)]));
    assert!(items(r#"{"for_user_id":"1","direct_message_events":[]}"#).is_empty());
}

#[test]
fn what_this_version_does_not_know_is_kept_with_its_name() {
    for (event, subtype) in [
        (array("favorite_events", r#"{"id":"1"}"#), "favorite_events"),
        (array("brand_new_events", "7"), "brand_new_events"),
        (array("direct_message_events", r#"{"type":"reaction","id":"1"}"#), "direct_message_events"),
        (array("direct_message_events", "null"), "direct_message_events"),
        (
            array(
                "direct_message_events",
                &dm("9", "2", "1").replace("\"message_create\",", "\"message_delete\","),
            ),
            "direct_message_events",
        ),
        (one(r#"{"for_user_id":"1","brand_new":{"a":1}}"#), "brand_new"),
        (one(r#"{"for_user_id":"1","user_event":{"other":{}}}"#), "user_event"),
        (one(r#"{"for_user_id":"1","flag":true}"#), "remarks"),
        (one(r#"{"for_user_id":"1","data":[{"event_type":"x"}]}"#), "data"),
        (activity("brand.new", "{}"), "brand.new"),
        (activity("dm.received", "[]"), "dm.received"),
        (activity("dm.read", "{}"), "dm.read"),
        (activity("post.create", r#"{"id":""}"#), "post.create"),
        (activity("follow.follow", "{}"), "follow.follow"),
    ] {
        assert_eq!((event.kind, event.message.subtype.as_deref()), (Kind::Unknown, Some(subtype)));
        assert_eq!(event.account, AccountRef::Id("1".into()), "{subtype}");
    }
}

#[test]
fn one_bad_message_costs_its_neighbours_nothing() {
    let body = format!(
        r#"{{"for_user_id":"1","user_has_blocked":false,"direct_message_events":[{},{{"id":{{}}}},{}],
            "tweet_delete_events":[[]]}}"#,
        dm("7", "2", "1"),
        dm("9", "3", "1")
    );
    let all = events(&body);
    let kinds: Vec<_> = all.iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [Kind::MessageReceived, Kind::Unknown, Kind::MessageReceived, Kind::Unknown]);
    assert_eq!(all[2].thread.as_ref().unwrap().keys, [ThreadKey::lasting("user", "3")]);
}

#[test]
fn what_is_no_webhook_of_x_is_malformed() {
    for body in [
        "",
        "[]",
        "7",
        "{",
        r#"{"for_user_id":"1","for_user_id":"2","direct_message_events":[]}"#,
        r#"{"data":{"event_type":"a","event_type":"b"}}"#,
        r#"{"data":{"event_type":"a","filter":{"user_id":"1","user_id":"2"}}}"#,
    ] {
        assert!(fuzzing::split(&twitter(), &HeaderMap::new(), body.as_bytes()).is_err(), "{body}");
    }
}
