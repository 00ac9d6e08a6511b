//! Conversations: number 4 is agent 1's, in a team of others. Whoever may see all, and the supervisors of both teams, see it too.

use serde_json::json;

use super::{EVERYBODY, Line, Shows::*, line};

const READERS: &str = "1 4 5 6 7 9";
const EDITORS: &str = "1 4 5 7";
const SUPERVISORS: &str = "4 5 7";
/// Who may write to the contact.
const WRITERS: &str = "1 4 5 6 7";
/// Who may see and write what is not for the contact.
const NOTERS: &str = "1 4 5";
const WHOLE: &str = "meta id uuid account_id inbox_id messages last_non_activity_message additional_attributes custom_attributes \
    agent_last_seen_at assignee_last_seen_at contact_last_seen_at can_reply labels muted snoozed_until status created_at updated_at \
    timestamp first_reply_created_at unread_count last_activity_at priority waiting_since sla_policy_id";
const WITHOUT_LABELS: &str = "meta id uuid account_id inbox_id messages last_non_activity_message custom_attributes \
    agent_last_seen_at assignee_last_seen_at contact_last_seen_at can_reply muted snoozed_until status created_at updated_at \
    timestamp first_reply_created_at unread_count last_activity_at waiting_since sla_policy_id";
const AGENT: &str = "id account_id availability_status auto_offline confirmed email available_name name role thumbnail custom_role_id";
const ITSELF: &str = "conversations/4";
/// Where a list of the conversation's messages has the one that every write of a message answers.
const SECOND: &str = "/payload/1";

pub(super) fn lines() -> Vec<Line> {
    [found(), itself(), messages(), beside()].into_iter().flatten().collect()
}

fn found() -> Vec<Line> {
    let filter =
        json!({"payload": [{"attribute_key": "status", "filter_operator": "equal_to", "values": ["all"]}]});
    let counts = "mine_count unassigned_count assigned_count all_count";
    vec![
        line("GET", "conversations?status=all", EVERYBODY, Conversations("/data/payload", "/id")),
        line("GET", "conversations/meta?status=all", EVERYBODY, Members("/meta", counts)),
        line("POST", "conversations/filter", EVERYBODY, Conversations("/payload", "/id")).with(filter),
        line("GET", "conversations/search?q=CANARY", "1 2 3 4 5 8", Conversations("/payload", "/id"))
            .fields_refused("6 7 9")
            .but("8", Rows("/payload", "id", "")),
        line("GET", "search?q=CANARY", "1 2 4 5 7", Conversations("/payload/conversations", "/id"))
            .fields_refused("3 6 8 9"),
        line(
            "GET",
            "search/conversations?q=CANARY",
            "1 2 4 5 8",
            Conversations("/payload/conversations", "/id"),
        )
        .fields_refused("3 6 7 9")
        .but("8", Rows("/payload/conversations", "id", "")),
        line(
            "GET",
            "search/messages?q=CANARY",
            "1 2 3 4 5 7 8",
            Conversations("/payload/messages", "/conversation_id"),
        )
        .fields_refused("6 9")
        .but("8", Just(json!({"payload": {"messages": []}}))),
    ]
}

fn itself() -> Vec<Line> {
    vec![
        line("GET", ITSELF, READERS, Members("", WHOLE))
            .but("6", Members("", WITHOUT_LABELS)),
        line("POST", "conversations", "1 2 3 4 5 7 9", What(ITSELF, ""))
            .but("2 3", Nothing)
            .fields_refused("8").with(json!({"contact_id": 504, "inbox_id": 4})),
        line("PATCH", ITSELF, EDITORS, What(ITSELF, "")).with(json!({"priority": "high"})),
        line("DELETE", ITSELF, "5", Nothing),
        line("POST", "conversations/4/toggle_status", EDITORS, Just(json!({
            "payload": {"success": true, "conversation_id": 4, "current_status": "open", "snoozed_until": null},
        })))
        .with(json!({"status": "open"})),
        line("POST", "conversations/4/toggle_priority", EDITORS, Nothing).with(json!({"priority": "high"})),
        line("POST", "conversations/4/mute", EDITORS, Nothing),
        line("POST", "conversations/4/unmute", EDITORS, Nothing),
        line("POST", "conversations/4/unread", READERS, What(ITSELF, "")),
        line("POST", "conversations/4/update_last_seen", READERS, What(ITSELF, "")),
        line("POST", "conversations/4/transcript", SUPERVISORS, Nothing).with(json!({"email": "ana@shop.example"})),
        line("POST", "conversations/4/custom_attributes", EDITORS, Just(json!({
            "custom_attributes": {"plan": "CANARY-c4-plan", "watchers": []},
        })))
        .with(json!({"custom_attributes": {"plan": "x"}})),
        line("POST", "bulk_actions", EDITORS, Nothing)
            .with(json!({"type": "Conversation", "ids": [4], "fields": {"status": "resolved"}})),
        // Agent 3 is of the supervisor's team, and not of the other one's.
        line("POST", "conversations/4/assignments", "4 5", Members("", AGENT)).fields_refused("7").with(json!({"assignee_id": 3})),
    ]
}

fn messages() -> Vec<Line> {
    let list = "conversations/4/messages";
    vec![
        line("GET", list, READERS, Rows("/payload", "id", "41 42 43")).but("6 7 9", Rows("/payload", "id", "41 42")),
        line("POST", list, WRITERS, What(list, SECOND)).with(json!({"content": "hi"})),
        line("DELETE", "conversations/4/messages/42", SUPERVISORS, What(list, SECOND)),
        line("POST", "conversations/4/messages/42/retry", WRITERS, What(list, SECOND)),
        line("POST", "conversations/4/messages/42/translate", NOTERS, Just(json!({"content": "CANARY-n4-translated"})))
            .with(json!({"target_language": "id"})),
        line("POST", "conversations/4/toggle_typing_status", WRITERS, Nothing).with(json!({"typing_status": "on"})),
        line("GET", "conversations/4/attachments", EDITORS, Rows("/payload", "message_id", "42 43"))
            .but("7", Just(json!({"payload": []}))),
        line("GET", "conversations/4/attachments", EDITORS, Members("/payload/0",
            "id message_id file_type extension file_size width height created_at data_url thumb_url sender"))
            .but("7", Just(json!({"payload": []}))),
        line("POST", "conversations/4/direct_uploads", EDITORS, Just(json!({
            "id": 1, "signed_id": "s", "filename": "a.png", "content_type": "image/png", "byte_size": 3, "checksum": "x",
            "created_at": "2023-11-14",
            "direct_upload": {"url": "https://CANARY-m4-storage", "headers": {"content-type": "image/png"}},
        })))
        .with(json!({"blob": {"filename": "a.png", "byte_size": 3, "checksum": "x", "content_type": "image/png"}})),
    ]
}

fn beside() -> Vec<Line> {
    let labels = json!({"payload": ["CANARY-c4-label"]});
    let draft = json!({"has_draft": true, "message": "CANARY-n4-draft"});
    let participants = "conversations/4/participants";
    let drafts = "conversations/4/draft_messages";
    let whom = json!({"user_ids": [3]});
    vec![
        line("GET", "conversations/4/labels", READERS, Just(labels.clone())).but("6", Just(json!({}))),
        line("POST", "conversations/4/labels", EDITORS, Just(labels)).with(json!({"labels": ["vip"]})),
        line("GET", participants, READERS, Members("/0", AGENT)),
        // Whoever is new: agent 1.
        line("POST", participants, SUPERVISORS, Rows("", "id", "1")).with(whom.clone()),
        line("PATCH", participants, SUPERVISORS, What(participants, "")).with(whom.clone()),
        line("DELETE", participants, SUPERVISORS, Nothing).with(whom),
        line("GET", drafts, NOTERS, Just(draft)),
        line("PATCH", drafts, NOTERS, Nothing).with(json!({"draft_message": {"message": "x"}})),
        line("DELETE", drafts, NOTERS, Nothing),
    ]
}
