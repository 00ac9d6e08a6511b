//! Who and what an account has: agents, teams, inboxes, labels, ready texts, attributes, and what a user keeps there.

use serde_json::{Value, json};

use super::{CONVERSATIONS, Conversation, HEADGATE, Query, Told, messages::message};
use crate::gate::backend::Asked;

/// What is answered to a request of these by the user whose token came with it.
pub(super) fn answer(asked: &Asked, parts: &[&str], query: &Query) -> Option<Told> {
    let me = query.me;
    let agents = [1, 2, 3].map(agent);
    let value = match (asked.method.as_str(), parts) {
        ("GET", ["agents"]) => json!(agents),
        ("GET", ["assignable_agents"] | ["inboxes", "4", "assignable_agents"] | ["inbox_members", "4"]) => {
            json!({"payload": agents})
        }
        ("GET", ["teams"]) => json!([team(10), team(20)]),
        ("GET", ["teams", id]) => team(id.parse().ok().filter(|id| [10, 20].contains(id))?),
        ("GET", ["teams", _, "team_members"]) => json!(agents),
        ("GET", ["inboxes"]) => json!({"payload": [inbox()]}),
        ("GET", ["inboxes", "4"]) => inbox(),
        ("GET", ["labels"]) => json!({"payload": [label()]}),
        ("GET", ["labels", _]) => label(),
        ("GET", ["canned_responses"]) => json!([canned_response()]),
        ("POST", ["canned_responses"]) | ("PATCH", ["canned_responses", _]) => canned_response(),
        ("GET", ["custom_attribute_definitions"]) => json!([attribute()]),
        ("GET", ["custom_attribute_definitions", _]) => attribute(),
        ("GET", ["notifications"]) => {
            let of = Conversation::all();
            let rows = query.rows(&of, 15).into_iter().map(notice);
            let meta =
                json!({"unread_count": of.len(), "count": of.len(), "current_page": query.page_said()});
            json!({"data": {"meta": meta, "payload": rows.collect::<Vec<_>>()}})
        }
        ("GET", ["notifications", "unread_count"]) => json!(CONVERSATIONS),
        ("POST", ["notifications", _, "unread" | "snooze"]) | ("PATCH", ["notifications", _]) => json!({
            "id": 9001, "account_id": 1, "user_id": me, "notification_type": "conversation_mention", "read_at": null,
            "primary_actor_type": "Conversation", "primary_actor_id": 7001, "secondary_actor_type": "Message",
            "secondary_actor_id": 13, "snoozed_until": null, "meta": {"last_reason": "CANARY-x"},
        }),
        ("GET", ["custom_filters"]) => json!([saved_filter(me)]),
        ("POST", ["custom_filters"]) | ("GET" | "PATCH", ["custom_filters", _]) => saved_filter(me),
        ("POST", ["notifications", "read_all"]) | ("DELETE", ["notifications" | "canned_responses", _]) => {
            return Some(Told::Done);
        }
        ("DELETE", ["custom_filters", _]) => return Some(Told::Gone),
        _ => return None,
    };
    Some(Told::Json(value))
}

/// Whose token came with the request, as they see themselves.
pub(super) fn profile(me: u32) -> Value {
    let account = json!({
        "id": 1, "name": "Shop", "status": "active", "onboarding_step": null, "active_at": null, "role": "agent",
        "permissions": ["agent"], "availability": "online", "availability_status": "online", "auto_offline": true,
        "custom_role_id": null, "custom_role": null, "pubsub_token": "CANARY-x",
    });
    json!({
        "access_token": "CANARY-x", "account_id": 1, "available_name": format!("Agent {me}"), "avatar_url": "", "confirmed": true,
        "display_name": null, "message_signature": null, "email": format!("agent-{me}@shop.example"),
        "hmac_identifier": "CANARY-x", "id": me, "inviter_id": null, "name": format!("Agent {me}"), "provider": "email",
        "pubsub_token": "CANARY-x", "role": "agent", "ui_settings": {}, "uid": "CANARY-x", "type": null, "accounts": [account],
    })
}

pub(super) fn agent(id: u32) -> Value {
    json!({
        "id": id, "account_id": 1, "availability_status": "online", "auto_offline": true, "confirmed": true,
        "email": format!("agent-{id}@shop.example"), "available_name": format!("Agent {id}"), "name": format!("Agent {id}"),
        "role": "agent", "thumbnail": "", "custom_role_id": null, "provider": "email", "access_token": "CANARY-x",
        "pubsub_token": "CANARY-x",
    })
}

/// As events, and so messages and notices, show one.
pub(super) fn told_agent(id: u32) -> Value {
    json!({
        "id": id, "name": format!("Agent {id}"), "available_name": format!("Agent {id}"), "avatar_url": "", "type": "user",
        "availability_status": "online", "thumbnail": "",
    })
}

/// As searches show one.
pub(super) fn found_agent(id: u32) -> Value {
    json!({
        "id": id, "available_name": format!("Agent {id}"), "email": format!("agent-{id}@shop.example"),
        "name": format!("Agent {id}"), "role": "agent",
    })
}

/// A bot that has a conversation. Where it is called stands in it.
pub(super) fn bot(id: u32) -> Value {
    json!({
        "id": id, "name": "Greeter", "description": null, "thumbnail": "", "outgoing_url": "https://CANARY-x.example",
        "bot_type": "webhook",
    })
}

/// The same as events show it.
pub(super) fn told_bot(id: u32) -> Value {
    json!({"id": id, "name": "Greeter", "avatar_url": "", "type": "agent_bot"})
}

pub(super) fn team(id: u32) -> Value {
    json!({"id": id, "name": format!("team {id}"), "description": null, "allow_auto_assign": true, "account_id": 1, "is_member": false})
}

fn inbox() -> Value {
    json!({
        "id": 4, "name": "Shop", "channel_type": "Channel::Email", "channel_id": 40, "greeting_enabled": false,
        "greeting_message": "welcome", "working_hours_enabled": false, "timezone": "UTC", "enable_auto_assignment": true,
        "content_templates": {"templates": []}, "website_token": "CANARY-x", "web_widget_script": "CANARY-x", "secret": "CANARY-x",
        "callback_webhook_url": "https://CANARY-x.example", "auth_token": "CANARY-x", "imap_login": "CANARY-x",
        "imap_password": "CANARY-x", "smtp_password": "CANARY-x", "hmac_token": "CANARY-x", "inbox_identifier": "CANARY-x",
        "provider_config": {"api_key": "CANARY-x"}, "forward_to_email": "CANARY-x@inbound.example",
    })
}

fn label() -> Value {
    json!({"id": 1, "title": "vip", "description": "pays", "color": "#fff", "show_on_sidebar": true, "secret": "CANARY-x"})
}

fn canned_response() -> Value {
    json!({
        "id": 7, "account_id": 1, "short_code": "hi", "content": "hello", "created_at": "2023-11-14T22:13:20.000Z",
        "updated_at": "2023-11-14T22:13:20.000Z", "secret": "CANARY-x",
    })
}

fn attribute() -> Value {
    json!({
        "id": 1, "attribute_display_name": "Plan", "attribute_display_type": "text", "attribute_description": "what they pay for",
        "attribute_key": "plan", "regex_pattern": null, "regex_cue": null, "attribute_values": [], "default_value": null,
        "attribute_model": "conversation_attribute", "created_at": "2023-11-14", "updated_at": "2023-11-14", "secret": "CANARY-x",
    })
}

fn saved_filter(of: u32) -> Value {
    json!({"id": of, "name": format!("of {of}"), "filter_type": "conversation", "query": {}, "user_id": "CANARY-x"})
}

fn notice(of: Conversation) -> Value {
    json!({
        "id": 9000 + of.id, "notification_type": "conversation_mention", "primary_actor_type": "Conversation",
        "push_message_title": format!("You have been mentioned in conversation (#{})", of.id),
        "push_message_body": format!("CANARY-n{}-quoted", of.id), "primary_actor_id": 7000 + of.id, "primary_actor": of.told(),
        "read_at": null, "secondary_actor": message(of, 3), "user": told_agent(HEADGATE), "created_at": 1, "last_activity_at": 1,
        "snoozed_until": null, "meta": {"last_reason": "CANARY-x"},
    })
}
