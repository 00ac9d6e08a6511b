//! What Chatwoot tells twice: a role that hides it under one name hides it under each.

use serde_json::Value;

use super::{backend::Conversation, house::House};

/// A resource, two names of one of its fields, and where agent 1 reads it: behind the account, and in the answer.
type Copies = (&'static str, [&'static str; 2], &'static str, &'static [&'static str]);

const COPIES: [Copies; 13] = [
    (
        "message",
        ["content", "processed_message_content"],
        "conversations/4",
        &["/messages/0/content", "/messages/0/processed_message_content"],
    ),
    (
        "conversation",
        ["last_activity_at", "timestamp"],
        "conversations/4",
        &["/last_activity_at", "/timestamp"],
    ),
    ("conversation", ["agent_last_seen_at"; 2], "conversations/4/messages", &["/meta/agent_last_seen_at"]),
    (
        "conversation",
        ["assignee_last_seen_at"; 2],
        "conversations/4/messages",
        &["/meta/assignee_last_seen_at"],
    ),
    ("contact", ["thumbnail", "avatar"], "conversations/4/messages", &["/payload/0/sender/thumbnail"]),
    ("contact", ["email", "emails"], "conversations/4/messages", &["/payload/0/sender/email"]),
    (
        "contact",
        ["additional_attributes.city", "city"],
        "conversations/4/messages",
        &["/payload/0/sender/additional_attributes/city"],
    ),
    ("contact", ["phone_number", "identifier"], "contacts/504", &["/payload/contact_inboxes/0/source_id"]),
    ("contact", ["email", "emails"], "contacts/504/contactable_inboxes", &["/payload/0/source_id"]),
    ("user", ["name", "available_name"], "agents", &["/0/name", "/0/available_name"]),
    (
        "user",
        ["name", "available_name"],
        "conversations/4",
        &["/meta/assignee/name", "/meta/assignee/available_name"],
    ),
    (
        "user",
        ["name", "available_name"],
        "conversations/4/messages",
        &["/payload/1/sender/name", "/payload/1/sender/available_name"],
    ),
    (
        "user",
        ["thumbnail", "avatar_url"],
        "conversations/4/messages",
        &["/payload/1/sender/thumbnail", "/payload/1/sender/avatar_url"],
    ),
];

/// Where agent 1 reads something of what stands at these places.
async fn read(house: &House, path: &str, places: &[&'static str]) -> Vec<&'static str> {
    let answer = house.get("1", path).await;
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    let answer: Value = answer.json();
    places.iter().copied().filter(|place| answer.pointer(place).is_some()).collect()
}

#[tokio::test]
async fn what_is_told_twice_is_hidden_twice() {
    assert_eq!(Conversation::of(4).agent(), Some(1));
    let house = House::start().await;
    for (_, names, path, places) in COPIES {
        assert_eq!(read(&house, path, places).await, places, "{names:?}: {path}");
    }
    for which in [0, 1] {
        let mut narrower = String::new();
        for resource in ["message", "conversation", "contact", "user"] {
            let names = COPIES.iter().filter(|(of, ..)| *of == resource).map(|(_, names, ..)| names[which]);
            let names: std::collections::BTreeSet<_> = names.collect();
            narrower += &format!("[role.\"chatwoot.agent\".fields.{resource}]\nhidden = {names:?}\n");
        }
        let narrower = narrower.replace('{', "[").replace('}', "]");
        let house = House::narrower(&narrower).await;
        for (_, names, path, places) in COPIES {
            assert_eq!(read(&house, path, places).await, [""; 0], "{} is hidden: {path}", names[which]);
        }
    }
}
