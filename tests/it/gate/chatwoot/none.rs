//! What somebody may not see in an object is, to the byte, like what Chatwoot has not got.

use serde_json::{Value, json};

use super::{
    backend::{self, Conversation},
    house::House,
};
use crate::gate::backend::{Asked, json as answer};

/// What is left of a value in a Chatwoot that has no private messages, and no objects with one of these members.
fn without(lacks: &[&str], value: Value) -> Option<Value> {
    match value {
        Value::Array(items) => {
            Some(items.into_iter().filter_map(|item| without(lacks, item)).collect::<Vec<_>>().into())
        }
        Value::Object(members) => {
            // Where it is not told whether a message is private, it is as good as that.
            let is_note =
                members.contains_key("message_type") && members.get("private") != Some(&json!(false));
            if is_note || lacks.iter().any(|lack| members.contains_key(*lack)) {
                return None;
            }
            let mut left = serde_json::Map::new();
            for (key, value) in members {
                match without(lacks, value) {
                    Some(Value::Array(none)) if key == "attachments" && none.is_empty() => {}
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
        // Neither media nor notes, and no contacts.
        (
            "6",
            &["data_url", "phone_number"][..],
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
    assert_eq!(message.get("attachments"), None, "{shown}");

    let shown = house.get("5", "conversations/4").await.json();
    assert_eq!(shown["last_non_activity_message"]["content"], "CANARY-n4-content");
    assert_eq!(shown["messages"][0]["attachments"].as_array().map(Vec::len), Some(1));
}
