use http::HeaderMap;

use super::*;
use crate::channel::{
    Evidence, Provider,
    event::{Identity, Join, ThreadKey},
    fuzzing,
};

fn telegram() -> Provider {
    Provider::Telegram(Telegram {
        secret_tokens: vec![Secret::new("Tg_secret-0"), Secret::new("Tg_secret-1")],
    })
}

fn items(body: &str) -> Vec<Event> {
    let split = fuzzing::split(&telegram(), &HeaderMap::new(), body.as_bytes()).unwrap();
    split
        .items
        .into_iter()
        .map(|item| match item {
            Item::Event(event) => *event,
            Item::Ignored(why) => panic!("ignored: {why:?}"),
        })
        .collect()
}

/// The event of an update of one kind.
fn update(kind: &str, fragment: &str) -> Event {
    let mut all = items(&format!(r#"{{"update_id":7,"{kind}":{fragment}}}"#));
    assert_eq!(all.len(), 1);
    all.remove(0)
}

/// The event of a `message` with these members beside its frame.
fn message(members: &str) -> Event {
    update(
        "message",
        &format!(
            r#"{{"message_id":5,"date":1700000000,"from":{{"id":42,"first_name":"Ana"}},
               "chat":{{"id":42,"type":"private"}},{members}}}"#
        ),
    )
}

fn key(event: &Event) -> Option<&str> {
    event.thread.as_ref().map(|thread| thread.keys[0].text.as_str())
}

#[test]
fn only_the_secret_token_opens() {
    for (tokens, want) in [
        (vec!["Tg_secret-1"], Ok(1)),
        (vec!["Tg_secret-0"], Ok(0)),
        (vec!["tg_secret-1"], Err(Refusal::Wrong)),
        (vec!["Tg_secret-10"], Err(Refusal::Wrong)),
        (vec!["Tg_secret-"], Err(Refusal::Wrong)),
        (vec![""], Err(Refusal::Missing)),
        (vec![], Err(Refusal::Missing)),
        (vec!["Tg_secret-1", "Tg_secret-2"], Err(Refusal::Malformed)),
        (vec!["Tg_secret-1", "Tg_secret-1"], Err(Refusal::Malformed)),
    ] {
        let mut headers = HeaderMap::new();
        for token in &tokens {
            headers.append("x-telegram-bot-api-secret-token", token.parse().unwrap());
        }
        let request = Request { query: None, headers: &headers, body: b"{}", now: Timestamp(0) };
        let got = telegram().verify(request, Evidence::Nothing).map(|verified| verified.secret().index());
        assert_eq!(got, want, "{tokens:?}");
    }
}

#[test]
fn an_empty_configured_token_opens_to_nobody() {
    let open = Provider::Telegram(Telegram { secret_tokens: vec![Secret::new("")] });
    let mut headers = HeaderMap::new();
    headers.insert("x-telegram-bot-api-secret-token", "".parse().unwrap());
    fuzzing::forged(&open, &headers, b"{}");
}

#[test]
fn the_conversation_is_the_chat_and_what_divides_it() {
    for (place, want) in [
        (r#""chat":{"id":-1001847508954,"type":"supergroup"}"#, "chat:-1001847508954"),
        (r#""chat":{"id":1},"message_thread_id":4"#, "chat:1"),
        (r#""chat":{"id":1},"message_thread_id":4,"is_topic_message":false"#, "chat:1"),
        (r#""chat":{"id":1},"message_thread_id":4,"is_topic_message":true"#, "chat:1:topic:4"),
        (r#""chat":{"id":1},"direct_messages_topic":{"topic_id":9}"#, "chat:1:direct:9"),
        (r#""chat":{"id":1},"business_connection_id":"b:1""#, "chat:1:business:b:1"),
        (r#""chat":{"id":"4503599627370495"}"#, "chat:4503599627370495"),
    ] {
        let event = update("message", &format!(r#"{{{place},"text":"hi"}}"#));
        assert_eq!((key(&event), event.kind), (Some(want), Kind::MessageReceived), "{place}");
    }
}

#[test]
fn the_sender_is_the_chat_that_hides_behind_a_placeholder_user() {
    let event = message(r#""text":"hi","sender_chat":{"id":-5,"type":"supergroup","title":"Staff"}"#);
    assert_eq!(event.message.sender.unwrap().id, "-5");
    let event = message(r#""text":"hi""#);
    assert_eq!(event.message.sender.unwrap().name.as_deref(), Some("Ana"));
}

#[test]
fn a_group_upgrade_joins_both_chats() {
    let upgrade = Thread {
        keys: vec![ThreadKey::lasting("chat", "-1009"), ThreadKey::lasting("chat", "-9")],
        join: Join::Merge,
        retired: vec![],
        domain: None,
    };
    let identity = Identity { previous: Some("-9".into()), current: Some("-1009".into()) };
    for told in [
        r#"{"chat":{"id":-9,"type":"group"},"migrate_to_chat_id":-1009}"#,
        r#"{"chat":{"id":-1009,"type":"supergroup"},"migrate_from_chat_id":-9}"#,
    ] {
        let event = update("message", told);
        assert_eq!(event.kind, Kind::ContactChanged, "{told}");
        assert_eq!(event.thread.as_ref(), Some(&upgrade), "{told}");
        assert_eq!(event.message.identity.as_ref(), Some(&identity), "{told}");
    }
}

#[test]
fn a_button_belongs_to_its_chat_or_to_who_pressed_it() {
    for (message, want) in [
        (r#""message":{"message_id":3,"date":1,"chat":{"id":-7,"type":"group"}},"#, "chat:-7"),
        (r#""message":{"message_id":3,"date":0,"chat":{"id":-7,"type":"group"}},"#, "chat:-7"),
        (r#""inline_message_id":"x","#, "chat:42"),
        ("", "chat:42"),
    ] {
        let event =
            update("callback_query", &format!(r#"{{"id":"1",{message}"from":{{"id":42}},"data":"buy"}}"#));
        assert_eq!((event.kind, key(&event)), (Kind::Postback, Some(want)), "{message}");
        assert_eq!(event.message.postback.unwrap().payload.as_deref(), Some("buy"));
        assert_eq!(event.time, None, "nothing says when the button was pressed");
    }
}

#[test]
fn what_a_web_app_sends_is_a_button_too() {
    let event = message(r#""web_app_data":{"data":"size=L","button_text":"Choose"}"#);
    let postback = event.message.postback.unwrap();
    assert_eq!(event.kind, Kind::Postback);
    assert_eq!((postback.payload.as_deref(), postback.title.as_deref()), (Some("size=L"), Some("Choose")));
}

#[test]
fn a_business_chat_has_two_directions() {
    for (from, want) in [
        (r#""from":{"id":42},"#, Kind::MessageReceived),
        (r#""from":{"id":1},"#, Kind::MessageSent),
        (r#""from":{"id":42},"sender_business_bot":{"id":2},"#, Kind::MessageSent),
        ("", Kind::MessageReceived),
    ] {
        let event = update(
            "business_message",
            &format!(
                r#"{{{from}"business_connection_id":"b","chat":{{"id":42,"type":"private"}},"text":"x"}}"#
            ),
        );
        assert_eq!((event.kind, key(&event)), (want, Some("chat:42:business:b")), "{from}");
    }
    let deleted = update(
        "deleted_business_messages",
        r#"{"business_connection_id":"b","chat":{"id":42,"type":"private"},"message_ids":[1,2]}"#,
    );
    assert_eq!((deleted.kind, key(&deleted)), (Kind::MessageDeleted, Some("chat:42:business:b")));
    assert_eq!(deleted.message.ids, ["1", "2"]);
}

#[test]
fn members_come_and_go() {
    for (kind, chat, old, new, want) in [
        ("my_chat_member", "private", "member", "kicked", "blocked"),
        ("my_chat_member", "private", "kicked", "member", "unblocked"),
        ("my_chat_member", "group", "left", "member", "joined"),
        ("my_chat_member", "group", "administrator", "kicked", "left"),
        ("chat_member", "supergroup", "left", "member", "joined"),
        ("chat_member", "supergroup", "member", "left", "left"),
        ("chat_member", "supergroup", "member", "administrator", "administrator"),
        ("chat_member", "supergroup", "left", "kicked", "kicked"),
    ] {
        let event = update(
            kind,
            &format!(
                r#"{{"chat":{{"id":42,"type":"{chat}"}},"from":{{"id":42}},"date":1,
                   "old_chat_member":{{"status":"{old}","user":{{"id":1}}}},
                   "new_chat_member":{{"status":"{new}","user":{{"id":1}}}}}}"#
            ),
        );
        assert_eq!(event.kind, Kind::MemberChanged);
        let member = event.message.member.unwrap();
        assert_eq!(member.change, want, "{kind} {chat} {old} {new}");
        assert_eq!(member.who.is_empty(), chat == "private", "in private it is the sender");
    }
    let told = message(r#""new_chat_members":[{"id":8},{"id":9}]"#).message.member.unwrap();
    assert_eq!((told.change.as_ref(), told.who.len()), ("joined", 2));
    let told = message(r#""left_chat_member":{"id":8}"#).message.member.unwrap();
    assert_eq!((told.change.as_ref(), told.who.len()), ("left", 1));
}

#[test]
fn a_reaction_is_set_changed_or_removed() {
    for (old, new, emoji, removed) in [
        ("[]", r#"[{"type":"emoji","emoji":"A"}]"#, Some("A"), false),
        (
            r#"[{"type":"emoji","emoji":"A"}]"#,
            r#"[{"type":"emoji","emoji":"B"},{"type":"emoji","emoji":"A"}]"#,
            Some("B"),
            false,
        ),
        (r#"[{"type":"emoji","emoji":"A"}]"#, "[]", None, true),
        ("[]", r#"[{"type":"custom_emoji","custom_emoji_id":"77"}]"#, None, false),
    ] {
        let event = update(
            "message_reaction",
            &format!(
                r#"{{"chat":{{"id":1,"type":"group"}},"message_id":3,"user":{{"id":42}},"date":1,
                   "old_reaction":{old},"new_reaction":{new}}}"#
            ),
        );
        assert_eq!((event.kind, event.message.id.as_deref()), (Kind::MessageReaction, Some("3")));
        let reaction = event.message.reaction.unwrap();
        assert_eq!((reaction.emoji.as_deref(), reaction.removed), (emoji, removed), "{new}");
    }
}

#[test]
fn media_is_named_once() {
    for (members, want) in [
        (r#""photo":[{"file_id":"small"},{"file_id":"large"}]"#, vec![("image", Some("large"))]),
        (r#""animation":{"file_id":"a"},"document":{"file_id":"a"}"#, vec![("animation", Some("a"))]),
        (r#""venue":{},"location":{}"#, vec![("location", None)]),
        (
            r#""photo":[{"file_id":"p"}],"live_photo":{"file_id":"l"}"#,
            vec![("image", Some("p")), ("live_photo", Some("l"))],
        ),
        (r#""rich_message":{"blocks":[]}"#, vec![("rich_message", None)]),
        (r#""contact":{}"#, vec![("contact", None)]),
        (r#""video_note":{"file_id":"v"}"#, vec![("video", Some("v"))]),
    ] {
        let event = message(members);
        assert_eq!(event.kind, Kind::MessageReceived);
        let media: Vec<_> =
            event.message.media.iter().map(|one| (one.kind.as_ref(), one.id.as_deref())).collect();
        assert_eq!(media, want, "{members}");
    }
}

#[test]
fn text_captions_albums_and_answers_are_kept() {
    let event = message(
        r#""caption":"look","photo":[{"file_id":"f"}],"media_group_id":"55","reply_to_message":{"message_id":4}"#,
    );
    assert_eq!(event.message.text.as_deref(), Some("look"));
    assert_eq!(event.message.album.as_deref(), Some("55"));
    assert_eq!(event.message.reply_to.as_deref(), Some("4"));
    assert_eq!(event.time, Some(Timestamp::from_secs(1_700_000_000)));
    let in_topic = |answered: u8| {
        message(&format!(
            r#""text":"x","is_topic_message":true,"message_thread_id":4,"reply_to_message":{{"message_id":{answered}}}"#
        ))
        .message
        .reply_to
    };
    assert_eq!(in_topic(4), None, "the message that opened the topic is not answered");
    assert_eq!(in_topic(5).as_deref(), Some("5"));
}

#[test]
fn an_edit_is_dated_by_its_edit() {
    let event =
        update("edited_message", r#"{"chat":{"id":1},"message_id":5,"date":1,"edit_date":2,"text":"x"}"#);
    assert_eq!((event.kind, event.time), (Kind::MessageEdited, Some(Timestamp(2000))));
}

#[test]
fn what_this_version_does_not_know_is_kept_with_its_name() {
    for (kind, fragment, thread, subtype) in [
        ("hologram_update", r#"{"chat":{"id":1},"x":1}"#, Some("chat:1"), "hologram_update"),
        ("hologram_update", "[1,2]", None, "hologram_update"),
        ("poll", r#"{"id":"1"}"#, None, "poll"),
        ("inline_query", r#"{"id":"1","from":{"id":42},"query":"x"}"#, None, "inline_query"),
        ("pre_checkout_query", r#"{"id":"1","from":{"id":42}}"#, Some("chat:42"), "pre_checkout_query"),
        ("subscription", r#"{"user":{"id":42},"state":"active"}"#, Some("chat:42"), "subscription"),
        ("message", r#"{"chat":{"id":1},"pinned_message":{}}"#, Some("chat:1"), "pinned_message"),
        ("message", r#"{"chat":{"id":1},"text":["not text"]}"#, Some("chat:1"), "message"),
        ("message", r#"{"chat":{"id":{}},"text":"x"}"#, None, "message"),
        ("message", r#"{"chat":{"id":1},"chat":{"id":2},"text":"x"}"#, None, "message"),
        ("callback_query", "{}", None, "callback_query"),
    ] {
        let event = update(kind, fragment);
        assert_eq!((event.kind, key(&event)), (Kind::Unknown, thread), "{kind} {fragment}");
        assert_eq!(event.message.subtype.as_deref(), Some(subtype), "{kind} {fragment}");
        assert_eq!(event.dedupe, ["update:7"]);
    }
}

#[test]
fn posts_and_connections_have_their_kinds() {
    let post = update("channel_post", r#"{"chat":{"id":-100,"type":"channel","title":"News"},"text":"x"}"#);
    assert_eq!((post.kind, key(&post)), (Kind::Post, Some("chat:-100")));
    let connection = update("business_connection", r#"{"id":"b","user":{"id":1},"user_chat_id":1,"date":1}"#);
    assert_eq!((connection.kind, connection.thread), (Kind::AccountChanged, None));
}

#[test]
fn every_member_of_an_update_is_an_item_with_its_own_dedupe_id() {
    let all = items(r#"{"poll":{},"update_id":7,"message":{"chat":{"id":1},"text":"x"}}"#);
    let seen: Vec<_> = all.iter().map(|event| (event.kind, event.dedupe[0].as_str())).collect();
    assert_eq!(seen, [(Kind::Unknown, "update:7"), (Kind::MessageReceived, "update:7:message")]);
    let bare = items(r#"{"update_id":7}"#);
    assert_eq!((bare.len(), bare[0].raw.clone()), (1, Raw::Whole));
}

#[test]
fn what_is_no_update_is_malformed() {
    for body in [
        "",
        "[]",
        "7",
        "{",
        r#"{"update_id":1,"update_id":2,"message":{}}"#,
        r#"{"update_id":1,"message":{},"message":{}}"#,
    ] {
        assert!(fuzzing::split(&telegram(), &HeaderMap::new(), body.as_bytes()).is_err(), "{body}");
    }
    assert_eq!(telegram().malformed_status(), http::StatusCode::OK, "or Telegram would repeat it for a day");
}
