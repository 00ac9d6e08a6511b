//! Messages and what hangs on them, as conversations, lists and searches show them.

use serde_json::{Value, json};

use super::{
    Conversation, Query,
    account::{told_agent, told_bot},
    contacts::told_contact,
};

/// Who wrote the message: the contact the first, an agent the others.
fn sender(of: Conversation, nth: u32) -> Value {
    if nth == 1 {
        told_contact(of.contact)
    } else if of.bot {
        told_bot(1)
    } else {
        told_agent(3)
    }
}

/// The conversation with more messages than a page has: which, and how many.
pub(in crate::gate::chatwoot) const LONG: (u32, u32) = (12, 40);

/// The messages of a conversation as it is scrolled: 20 before one, 100 after one, up to 1,000 from one to another, or the last 20,
/// always in their order.
pub(super) fn scrolled(of: Conversation, query: &Query) -> Vec<Value> {
    let id = |name: &str| query.get(name).map(|id| id.parse::<u32>().unwrap());
    let count = if of.id == LONG.0 { LONG.1 } else { 3 };
    let all = (1..=count).map(|nth| (of.id * 10 + nth, nth));
    let last = |rows: Vec<(u32, u32)>| rows[rows.len().saturating_sub(20)..].to_vec();
    let rows: Vec<_> = match (id("before"), id("after")) {
        (Some(before), Some(after)) => {
            all.filter(|(id, _)| (after..before).contains(id)).take(1000).collect()
        }
        (Some(before), None) => last(all.filter(|(id, _)| *id < before).collect()),
        (None, Some(after)) => all.filter(|(id, _)| *id > after).take(100).collect(),
        (None, None) => last(all.collect()),
    };
    rows.into_iter().map(|(_, nth)| viewed(of, nth)).collect()
}

/// The first is the contact's, the second an agent's, each third a private note; all but the first with a picture.
pub(super) fn message(of: Conversation, nth: u32) -> Value {
    let (id, note) = (of.id, nth.is_multiple_of(3));
    let kind = if note { 'n' } else { 'c' };
    let mut message = json!({
        "id": id * 10 + nth, "content": format!("CANARY-{kind}{id}-content"), "account_id": 1, "inbox_id": 4,
        "conversation_id": id, "message_type": u32::from(nth > 1), "created_at": 1700000000 + nth, "updated_at": "2023-11-14",
        "private": note, "status": "sent", "source_id": null, "content_type": "text", "content_attributes": {
            "in_reply_to": null, "email": {"from": ["CANARY-x@example.org"]}, "cc_emails": ["CANARY-x@example.org"],
        },
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
    let kind = if nth.is_multiple_of(3) { 'p' } else { 'm' };
    json!({
        "id": of.id * 10 + nth, "message_id": of.id * 10 + nth, "file_type": "image", "account_id": 1, "extension": "png",
        "content_type": "image/png",
        "data_url": format!("https://CANARY-{kind}{}-picture", of.id), "thumb_url": format!("https://CANARY-{kind}{}-small", of.id),
        "file_size": 1000 + of.id, "width": 10, "height": 10,
    })
}

pub(super) fn listed_picture(of: Conversation, nth: u32) -> Value {
    let picture = picture(of, nth);
    json!({
        "id": picture["id"], "message_id": picture["message_id"], "thumb_url": picture["thumb_url"], "data_url": picture["data_url"],
        "file_size": picture["file_size"], "file_type": "image", "extension": "png", "width": 10, "height": 10,
        "created_at": 1700000000, "sender": sender(of, nth),
    })
}

/// A message as its own list, writes and searches show it.
pub(super) fn viewed(of: Conversation, nth: u32) -> Value {
    let whole = message(of, nth);
    let mut viewed = json!({});
    for key in [
        "id",
        "content",
        "inbox_id",
        "conversation_id",
        "message_type",
        "content_type",
        "status",
        "content_attributes",
        "created_at",
        "private",
        "source_id",
        "sender",
    ] {
        viewed[key] = whole[key].clone();
    }
    if let Some(attachments) = whole.get("attachments") {
        viewed["attachments"] = attachments.clone();
    }
    viewed
}
