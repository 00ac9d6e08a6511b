//! What somebody may not see in an object is, to the byte, like what Chatwoot has not got.

use serde_json::{Value, json};

use super::{
    backend::{self, Conversation},
    house::House,
};
use crate::gate::backend::{Asked, json as answer};

/// What is left of a value in a Chatwoot that has no private messages, and none of these members of messages and conversations.
fn without(lacks: &[&str], value: Value) -> Option<Value> {
    match value {
        Value::Array(items) => {
            Some(items.into_iter().filter_map(|item| without(lacks, item)).collect::<Vec<_>>().into())
        }
        // A search does not say whether a message is private, so that each of its is as good as one.
        Value::Object(members)
            if members.contains_key("message_type") && members.get("private") != Some(&json!(false)) =>
        {
            None
        }
        Value::Object(members) => {
            let mut left = serde_json::Map::new();
            for (key, value) in members {
                match without(lacks, value) {
                    Some(_) if lacks.contains(&&*key) => {}
                    Some(value) => _ = left.insert(key, value),
                    None if ["last_non_activity_message", "secondary_actor"].contains(&&*key) => {
                        left.insert(key, Value::Null);
                    }
                    None => {}
                }
            }
            Some(left.into())
        }
        value => Some(value),
    }
}

/// The small Chatwoot, which lacks all that.
fn lacking(lacks: &'static [&'static str]) -> impl Fn(&Asked) -> Vec<u8> {
    move |asked| {
        let told = String::from_utf8(backend::told(asked)).unwrap();
        match told.split_once("\r\n\r\n").and_then(|(_, body)| serde_json::from_str(body).ok()) {
            Some(body) if told.starts_with("HTTP/1.1 200") => {
                answer(200, &without(lacks, body).unwrap_or(Value::Null))
            }
            _ => told.into_bytes(),
        }
    }
}

#[tokio::test]
async fn what_is_hidden_in_an_object_looks_like_what_chatwoot_has_not_got() {
    for (user, lacks, paths) in [
        // Neither media nor notes, and neither contacts nor people.
        (
            "6",
            &["attachments", "sender", "assignee", "contact", "agent"][..],
            &["conversations?status=all", "conversations/4", "conversations/4/messages"][..],
        ),
        // No notes.
        (
            "7",
            &[],
            &[
                "conversations?status=all",
                "conversations/4",
                "conversations/4/messages",
                "conversations/search",
                "search/conversations",
                "notifications",
            ],
        ),
    ] {
        let (house, lacking) = (House::start().await, House::before(lacking(lacks)).await);
        assert!(house.sight(user).has(Conversation::of(4)), "{user}");
        for path in paths {
            let (hidden, none) = (house.get(user, path).await, lacking.get(user, path).await);
            assert_eq!((hidden.status, none.status), (200, 200), "{user} {path}: {hidden:?}");
            assert_eq!(hidden.body, none.body, "{user} {path}");
            let (all, some) = (house.get("5", path).await, lacking.get("5", path).await);
            assert_ne!(all.body, some.body, "{path}: there is something to be hidden");
        }
    }
}

#[tokio::test]
async fn a_message_without_visible_files_has_none_and_a_hidden_note_is_nobodys_last_message() {
    let house = House::start().await;
    let shown = house.get("6", "conversations/4").await.json();
    assert_eq!(shown["last_non_activity_message"], Value::Null);
    assert!(shown.as_object().unwrap().contains_key("last_non_activity_message"), "{shown}");
    let message = shown["messages"][0].as_object().unwrap();
    assert_eq!((message.get("attachments"), message.get("sender")), (None, None));
    assert!(shown["meta"].get("assignee").is_none(), "{shown}");

    let shown = house.get("5", "conversations/4").await.json();
    assert_eq!(shown["last_non_activity_message"]["content"], "CANARY-n4-content");
    assert_eq!(shown["messages"][0]["attachments"].as_array().map(Vec::len), Some(1));
    assert_eq!(shown["meta"]["assignee"]["id"], 1);
}
