//! People, teams, inboxes, labels, ready texts and attributes are everybody's to read; notices and kept filters are each user's own.

use serde_json::json;

use super::{EVERYBODY, Line, Shows::*, THEMSELVES, line};

const AGENT: &str = "id account_id availability_status auto_offline confirmed email available_name name role thumbnail custom_role_id";
const TEAM: &str = "id name description allow_auto_assign account_id is_member";
const INBOX: &str = "id name channel_type channel_id greeting_enabled greeting_message working_hours_enabled timezone enable_auto_assignment \
    content_templates";
const LABEL: &str = "id title description color show_on_sidebar";
const CANNED_RESPONSE: &str = "id account_id short_code content created_at updated_at";
const ATTRIBUTE: &str = "id attribute_display_name attribute_display_type attribute_description attribute_key regex_pattern regex_cue \
    attribute_values default_value attribute_model created_at updated_at";
const SAVED_FILTER: &str = "id name filter_type query";
/// Supervisors and the administrator write the texts that all agents answer with.
const EDITORS: &str = "4 5 7";
/// Whose roles let see the notices of some conversations.
const NOTIFIED: &str = "1 2 3 4 5 7 8 9";

pub(super) fn lines() -> Vec<Line> {
    let text = json!({"short_code": "hi", "content": "hello"});
    let filter =
        json!({"custom_filter": {"name": "x", "filter_type": "conversation", "query": {"payload": []}}});
    vec![
        line(
            "GET",
            "/api/v1/profile",
            THEMSELVES,
            Members(
                "/accounts/0",
                "id name status active_at role permissions availability availability_status auto_offline custom_role_id",
            ),
        ),
        line("GET", "agents", EVERYBODY, Rows("", "id", "1 2 3")),
        line("GET", "agents", EVERYBODY, Members("/0", AGENT)),
        line("GET", "assignable_agents?inbox_ids[]=4", EVERYBODY, Members("/payload/2", AGENT)),
        line("GET", "inboxes/4/assignable_agents", EVERYBODY, Rows("/payload", "id", "1 2 3")),
        line("GET", "inbox_members/4", EVERYBODY, Members("/payload/0", AGENT)),
        line("GET", "teams", EVERYBODY, Rows("", "id", "10 20")),
        line("GET", "teams/10", EVERYBODY, Members("", TEAM)),
        line("GET", "teams/10/team_members", EVERYBODY, Members("/1", AGENT)),
        line("GET", "inboxes", EVERYBODY, Members("/payload/0", INBOX)),
        line("GET", "inboxes/4", EVERYBODY, Members("", INBOX)),
        line("GET", "labels", EVERYBODY, Members("/payload/0", LABEL)),
        line("GET", "labels/1", EVERYBODY, Members("", LABEL)),
        line("GET", "canned_responses?search=hi", EVERYBODY, Members("/0", CANNED_RESPONSE)),
        line("POST", "canned_responses", EDITORS, Members("", CANNED_RESPONSE)).with(text.clone()),
        line("PATCH", "canned_responses/7", EDITORS, Members("", CANNED_RESPONSE)).with(text),
        line("DELETE", "canned_responses/7", EDITORS, Nothing),
        line("GET", "custom_attribute_definitions?attribute_model=0", EVERYBODY, Members("/0", ATTRIBUTE)),
        line("GET", "custom_attribute_definitions/1", EVERYBODY, Members("", ATTRIBUTE)),
        line("GET", "notifications", NOTIFIED, Conversations("/data/payload", "/primary_actor/id"))
            .but("8", Rows("/data/payload", "id", "")),
        line("GET", "notifications/unread_count", NOTIFIED, Just(json!(null))).but("5 9", Just(json!(40))),
        line("POST", "notifications/read_all", THEMSELVES, Nothing)
            .with(json!({"primary_actor_type": "Conversation", "primary_actor_id": 7001})),
        line("PATCH", "notifications/9001", THEMSELVES, Just(json!(null))).with(json!({})),
        line("POST", "notifications/9001/unread", THEMSELVES, Just(json!(null))),
        line("POST", "notifications/9001/snooze", THEMSELVES, Just(json!(null)))
            .with(json!({"snoozed_until": "2023-11-20T00:00:00Z"})),
        line("DELETE", "notifications/9001", THEMSELVES, Nothing),
        line("GET", "custom_filters?filter_type=conversation", THEMSELVES, Members("/0", SAVED_FILTER)),
        line("POST", "custom_filters", THEMSELVES, Members("", SAVED_FILTER)).with(filter.clone()),
        line("GET", "custom_filters/1", THEMSELVES, Members("", SAVED_FILTER)),
        line("PATCH", "custom_filters/1", THEMSELVES, Members("", SAVED_FILTER)).with(filter),
        line("DELETE", "custom_filters/1", THEMSELVES, Nothing),
    ]
}
