//! What stands below a conversation: its messages and files, labels, participants, drafts, and what is done to it.

use serde_json::{Value, json};

use super::{
    Conversation, Query, Told,
    account::{agent, team, told_agent},
    contacts::told_contact,
    messages::{listed_picture, scrolled, viewed},
};
use crate::gate::backend::Asked;

/// What is answered to a request below this conversation.
pub(super) fn answer(asked: &Asked, query: &Query, of: Conversation, rest: &[&str]) -> Option<Told> {
    let id = of.id;
    let value = match (asked.method.as_str(), rest) {
        ("GET" | "PATCH", []) | ("POST", ["unread" | "update_last_seen"]) => of.shown(),
        ("GET", ["messages"]) => {
            let mut meta = json!({
                "labels": [format!("CANARY-c{id}-label")], "additional_attributes": {"referer": "CANARY-x"},
                "contact": told_contact(of.contact), "agent_last_seen_at": "2023", "assignee_last_seen_at": "2023",
            });
            if let Some(id) = of.agent() {
                meta["assignee"] = told_agent(id);
            }
            json!({"meta": meta, "payload": scrolled(of, query)})
        }
        ("POST", ["messages"] | ["messages", _, "retry"]) | ("DELETE", ["messages", _]) => viewed(of, 2),
        ("POST", ["messages", _, "translate"]) => json!({"content": format!("CANARY-n{id}-translated")}),
        ("GET", ["attachments"]) => {
            json!({"meta": {"total_count": 2}, "payload": [listed_picture(of, 2), listed_picture(of, 3)]})
        }
        ("GET" | "POST", ["labels"]) => json!({"payload": [format!("CANARY-c{id}-label")]}),
        ("POST", ["custom_attributes"]) => json!({"custom_attributes": of.shown()["custom_attributes"]}),
        ("GET" | "PATCH", ["participants"]) => json!([agent(if of.watched { 2 } else { 3 })]),
        // Whoever is new, and nobody else.
        ("POST", ["participants"]) => json!([agent(1)]),
        ("GET", ["draft_messages"]) => {
            json!({"has_draft": true, "message": format!("CANARY-n{id}-draft"), "secret": "CANARY-x"})
        }
        ("POST", ["direct_uploads"]) => {
            let direct = json!({"url": format!("https://CANARY-m{id}-storage"), "headers": {"content-type": "image/png"}});
            json!({
                "id": 1, "key": "CANARY-x", "filename": "a.png", "content_type": "image/png", "metadata": {}, "service_name": "CANARY-x",
                "byte_size": 3, "checksum": "x", "created_at": "2023-11-14", "signed_id": "s", "direct_upload": direct,
            })
        }
        ("POST", ["toggle_status"]) => {
            json!({"meta": {}, "payload": {"success": true, "conversation_id": id, "current_status": "open", "snoozed_until": null}})
        }
        ("POST", ["assignments"]) => assigned(&serde_json::from_str(&asked.body).unwrap()),
        ("DELETE", [] | ["participants"])
        | ("PATCH" | "DELETE", ["draft_messages"])
        | ("POST", ["mute" | "unmute" | "toggle_priority" | "toggle_typing_status" | "transcript"]) => {
            return Some(Told::Done);
        }
        _ => return None,
    };
    Some(Told::Json(value))
}

/// Who or what has the conversation now: the agent, and if none is named the team.
fn assigned(body: &Value) -> Value {
    let number = |name: &str| body[name].as_u64().and_then(|id| u32::try_from(id).ok()).filter(|id| *id > 0);
    match (body.get("assignee_id"), number("assignee_id"), number("team_id")) {
        (_, Some(user), _) => agent(user),
        (None, None, Some(id)) => {
            let mut team = team(id);
            team.as_object_mut().unwrap().remove("is_member");
            team["created_at"] = json!("2023-11-14T22:13:20.000Z");
            team["updated_at"] = json!("2023-11-14T22:13:20.000Z");
            team
        }
        _ => Value::Null,
    }
}
