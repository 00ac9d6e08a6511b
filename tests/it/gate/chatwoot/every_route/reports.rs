//! Reports are the whole account's: for who may see them, and as files for who may export them. The queries are a panel's.

use serde_json::json;

use super::{
    super::backend::reports::{table_of, value_of},
    Line, Shows, line,
};

/// 2 may view what is their own alone, which no report is.
const READERS: &str = "2 4 5 7";
const EXPORTERS: &str = "5";

pub(super) fn lines() -> Vec<Line> {
    let numbers = [
        "/api/v2/accounts/1/reports?metric=conversations_count&type=account&since=1&until=2&group_by=day&timezone_offset=7",
        "/api/v2/accounts/1/reports/summary?type=agent&id=1&since=1&until=2&business_hours=true",
        "/api/v2/accounts/1/reports/conversations?type=account",
        "/api/v2/accounts/1/reports/bot_summary?type=account&since=1&until=2",
        "/api/v2/accounts/1/reports/bot_metrics?since=1&until=2",
        "/api/v2/accounts/1/reports/inbox_label_matrix?since=1&until=2&inbox_ids[]=4&label_ids[]=1",
        "/api/v2/accounts/1/reports/first_response_time_distribution?since=1&until=2",
        "/api/v2/accounts/1/reports/outgoing_messages_count?group_by=agent&since=1&until=2",
        "/api/v2/accounts/1/summary_reports/agent?since=1&until=2&business_hours=false",
        "/api/v2/accounts/1/summary_reports/team?since=1&until=2",
        "/api/v2/accounts/1/summary_reports/inbox?since=1&until=2",
        "/api/v2/accounts/1/summary_reports/label?since=1&until=2",
        "/api/v2/accounts/1/summary_reports/channel?since=1&until=2",
        "/api/v2/accounts/1/live_reports/conversation_metrics?team_id=10",
        "/api/v2/accounts/1/live_reports/grouped_conversation_metrics?group_by=assignee_id",
        "/api/v1/accounts/1/csat_survey_responses/metrics?since=1&until=2",
        "/api/v1/accounts/1/applied_slas/metrics?since=1&until=2",
    ];
    let files = [
        (
            "/api/v2/accounts/1/reports/conversation_traffic?days_before=6&timezone_offset=7",
            "conversation_traffic",
        ),
        ("/api/v2/accounts/1/reports/conversations_summary?since=1&until=2", "conversations_summary"),
        ("/api/v2/accounts/1/reports/agents?since=1&until=2&business_hours=true", "agents"),
        ("/api/v2/accounts/1/reports/inboxes?since=1&until=2", "inboxes"),
        ("/api/v2/accounts/1/reports/labels?since=1&until=2", "labels"),
        ("/api/v2/accounts/1/reports/teams?since=1&until=2", "teams"),
    ];
    let number = |path: &'static str| {
        let parts: Vec<_> = path.split('?').next().unwrap().split('/').skip(5).collect();
        line("GET", path, READERS, Shows::Just(value_of(&parts).unwrap_or_else(|| json!("no such report"))))
            .but("2", Shows::Uncovered)
    };
    let file = |(path, what): (&'static str, &str)| line("GET", path, EXPORTERS, Shows::File(table_of(what)));
    numbers.into_iter().map(number).chain(files.into_iter().map(file)).collect()
}
