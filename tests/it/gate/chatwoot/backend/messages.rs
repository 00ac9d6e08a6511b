//! Messages and what hangs on them, as conversations, lists and searches show them.

use serde_json::{Value, json};

use super::Conversation;

/// Who wrote the message: the contact the first, an agent the others.
fn sender(of: Conversation, nth: u32) -> Value {
    if nth == 1 {
        let id = of.contact;
        json!({
            "additional_attributes": {"city": format!("CANARY-k{id}-hidden-city")}, "custom_attributes": {}, "id": id,
            "email": format!("CANARY-k{id}-hidden-email"), "identifier": null, "name": format!("CANARY-k{id}-name"),
            "phone_number": format!("CANARY-k{id}-hidden-phone"), "thumbnail": "", "blocked": false, "type": "contact",
        })
    } else if of.bot {
        json!({"id": 1, "name": "Greeter", "avatar_url": "", "type": "agent_bot"})
    } else {
        json!({"id": 3, "name": "Agent 3", "available_name": "Agent 3", "avatar_url": "", "type": "user", "availability_status": "online", "thumbnail": ""})
    }
}

/// The first is the contact's, the second an agent's, the third a private note; the last two with a picture.
pub(super) fn message(of: Conversation, nth: u32) -> Value {
    let (id, note) = (of.id, nth == 3);
    let kind = if note { 'n' } else { 'c' };
    let mut message = json!({
        "id": id * 10 + nth, "content": format!("CANARY-{kind}{id}-content"), "account_id": 1, "inbox_id": 4,
        "conversation_id": id, "message_type": u32::from(nth > 1), "created_at": 1700000000 + nth, "updated_at": "2023-11-14",
        "private": note, "status": "sent", "source_id": null, "content_type": "text", "content_attributes": {},
        "sender_type": if nth == 1 { "Contact" } else { "User" }, "sender_id": 3, "external_source_ids": {"slack": "CANARY-x"},
        "additional_attributes": {"campaign_secret": "CANARY-x"}, "processed_message_content": format!("CANARY-{kind}{id}-processed"),
        "sentiment": {}, "sender": sender(of, nth),
        "conversation": {
            "assignee_id": of.assignee, "unread_count": 1, "last_activity_at": 1, "contact_inbox": {"source_id": "CANARY-x"},
        },
    });
    if nth > 1 {
        message["attachments"] = json!([picture(of, nth)]);
    }
    message
}

fn picture(of: Conversation, nth: u32) -> Value {
    // A picture of a note shows as little as the note.
    let kind = if nth == 3 { 'p' } else { 'm' };
    json!({
        "id": of.id * 10 + nth, "message_id": of.id * 10 + nth, "file_type": "image", "account_id": 1, "extension": null,
        "data_url": format!("https://CANARY-{kind}{}-picture", of.id), "thumb_url": format!("https://CANARY-{kind}{}-small", of.id),
        "file_size": 1000 + of.id, "width": 10, "height": 10,
    })
}

pub(super) fn listed_picture(of: Conversation, nth: u32) -> Value {
    let picture = picture(of, nth);
    json!({
        "message_id": picture["message_id"], "thumb_url": picture["thumb_url"], "data_url": picture["data_url"],
        "file_size": picture["file_size"], "file_type": "image", "extension": null, "width": 10, "height": 10,
        "created_at": 1700000000, "sender": sender(of, nth),
    })
}

/// A message as searches show it: without `private`.
pub(super) fn quoted(of: Conversation, nth: u32) -> Value {
    let whole = message(of, nth);
    let mut quoted = json!({"inbox": {"id": 4, "name": "Shop", "channel_type": "Channel::Whatsapp"}});
    for key in [
        "id",
        "content",
        "message_type",
        "content_type",
        "source_id",
        "inbox_id",
        "conversation_id",
        "created_at",
        "sender",
    ] {
        quoted[key] = whole[key].clone();
    }
    quoted
}
