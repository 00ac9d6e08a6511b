//! Reports: numbers as JSON, and tables of them as CSV with a title above the columns, as Chatwoot writes them.

use serde_json::{Value, json};

use super::Told;
use crate::gate::backend::Asked;

/// What is answered to a request for a report, which begins behind the account.
pub(super) fn answer(asked: &Asked, parts: &[&str]) -> Option<Told> {
    match (asked.method.as_str(), parts) {
        (
            "GET",
            [
                "reports",
                what @ ("conversation_traffic"
                | "conversations_summary"
                | "agents"
                | "inboxes"
                | "labels"
                | "teams"),
            ],
        ) => Some(Told::Table(table_of(what))),
        ("GET", _) => value_of(parts).map(Told::Json),
        _ => None,
    }
}

/// The numbers of a report.
pub(in crate::gate::chatwoot) fn value_of(parts: &[&str]) -> Option<Value> {
    Some(match parts {
        ["reports"] => json!([{"value": 7, "timestamp": 1700000000}, {"value": 8, "timestamp": 1700086400}]),
        ["reports", "summary"] => json!({
            "conversations_count": 7, "incoming_messages_count": 20, "outgoing_messages_count": 30,
            "avg_first_response_time": "12.5", "avg_resolution_time": "80.0", "resolutions_count": 5, "reply_time": "3.0",
            "previous": {"conversations_count": 6},
        }),
        ["reports", "conversations"] => json!({"open": 7, "unattended": 1, "unassigned": 2, "pending": 0}),
        ["reports", "bot_summary"] => {
            json!({"bot_resolutions_count": 1, "bot_handoffs_count": 2, "previous": {}})
        }
        ["reports", "bot_metrics"] => {
            json!({"conversation_count": 3, "message_count": 9, "resolution_rate": 50, "handoff_rate": 10})
        }
        ["reports", "inbox_label_matrix"] => {
            json!({"inboxes": [{"id": 4, "name": "Shop"}], "labels": [{"id": 1, "title": "vip"}], "matrix": [[7]]})
        }
        ["reports", "first_response_time_distribution"] => {
            json!({"Channel::Whatsapp": {"0-1h": 5, "1-4h": 1, "4-8h": 0, "8-24h": 0, "24h+": 1}})
        }
        ["reports", "outgoing_messages_count"] => {
            json!([{"id": 1, "name": "Agent 1", "outgoing_messages_count": 30}])
        }
        ["summary_reports", "agent" | "team" | "inbox"] => json!([{
            "id": 1, "conversations_count": 7, "resolved_conversations_count": 5, "avg_resolution_time": 80.0,
            "avg_first_response_time": 12.5, "avg_reply_time": 3.0,
        }]),
        ["summary_reports", "label"] => json!([{"id": 1, "name": "vip", "conversations_count": 7}]),
        ["summary_reports", "channel"] => {
            json!({"Channel::Whatsapp": {"open": 5, "resolved": 1, "pending": 0, "snoozed": 1, "total": 7}})
        }
        ["live_reports", "conversation_metrics"] => {
            json!({"open": 7, "unattended": 1, "unassigned": 2, "pending": 0})
        }
        ["live_reports", "grouped_conversation_metrics"] => {
            json!([{"team_id": 10, "open": 5, "unattended": 1, "unassigned": 1}])
        }
        ["csat_survey_responses", "metrics"] => {
            json!({"total_count": 3, "ratings_count": {"5": 3}, "total_sent_messages_count": 9})
        }
        ["applied_slas", "metrics"] => {
            json!({"total_applied_slas": 4, "number_of_sla_misses": 1, "hit_rate": "75.0%"})
        }
        _ => return None,
    })
}

/// A title, an empty line, the columns, a row.
pub(in crate::gate::chatwoot) fn table_of(what: &str) -> String {
    format!("Reporting period 2023-11-01 to 2023-11-30\n\n{what},Conversations\nCANARY-e0-{what},7\n")
}
