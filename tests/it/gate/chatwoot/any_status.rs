//! Whatever a list, a filter or a counter is narrowed by, it is about those of a user's one set that fit: of any status, in each setting.

use std::collections::BTreeSet;

use serde_json::json;

use super::{
    backend::{CONVERSATIONS, Conversation},
    counters::counted,
    house::{House, SETTINGS, USERS},
    those,
};

/// What a conversation's status may be.
const STATUSES: [&str; 4] = ["open", "resolved", "pending", "snoozed"];

#[tokio::test]
async fn a_list_narrowed_by_any_status_and_anything_else_shows_those_of_the_one_set_that_fit() {
    assert_eq!(Conversation::all().iter().map(|of| of.status).collect::<BTreeSet<_>>(), STATUSES.into());
    for setting in SETTINGS {
        let house = House::set(setting).await;
        for (user, ..) in USERS {
            let sight = house.sight(user);
            // Who Chatwoot takes them for.
            let me = if setting.knows(user) { user.parse().ok() } else { None };
            for status in ["", "all", "resolved", "pending", "snoozed"] {
                // It lists the open ones where nothing is said.
                let fits = |of: &Conversation| match status {
                    "all" => true,
                    "" => of.status == "open",
                    _ => of.status == status,
                };
                let list = if status.is_empty() { String::new() } else { format!("status={status}") };
                // With two of them whatever else a panel asks for, and with the others what is most asked for.
                let count = if ["", "snoozed"].contains(&status) { usize::MAX } else { 3 };
                let questions = [
                    ("", those(sight, fits)),
                    ("assignee_type=me", those(sight, |of| fits(of) && of.agent() == me && me.is_some())),
                    ("assignee_type=unassigned", those(sight, |of| fits(of) && of.assignee.is_none())),
                    ("assignee_type=assigned", those(sight, |of| fits(of) && of.assignee.is_some())),
                    ("assignee_type=all", those(sight, fits)),
                    ("conversation_type=mention", those(sight, |of| fits(of) && of.mentioned)),
                    ("conversation_type=participating", those(sight, |of| fits(of) && of.watched)),
                    ("conversation_type=unattended", those(sight, |of| fits(of) && !of.id.is_multiple_of(3))),
                    ("team_id=10", those(sight, |of| fits(of) && of.team == Some(10))),
                ];
                for (more, expected) in questions.into_iter().take(count) {
                    let path = format!("conversations?{list}&{more}");
                    let shown = house.numbers(user, &path, None, "/data/payload", "/id").await;
                    assert_eq!(shown, expected, "{setting:?}, {user}: {path}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_filter_and_the_counters_of_any_status_are_of_the_one_set() {
    for setting in SETTINGS {
        let house = House::set(setting).await;
        for (user, ..) in USERS {
            let sight = house.sight(user);
            let sees_all = sight.conversations().len() == CONVERSATIONS as usize;
            for status in ["all"].into_iter().chain(STATUSES) {
                let fitting = those(sight, |of| status == "all" || of.status == status);
                let filter = json!({"payload": [{
                    "attribute_key": "status", "filter_operator": "equal_to", "values": [status], "query_operator": null,
                }]});
                let filtered =
                    house.numbers(user, "conversations/filter", Some(&filter), "/payload", "/id").await;
                assert_eq!(filtered, fitting, "{setting:?}, {user}: the filter of {status}");

                let list = format!("conversations?status={status}");
                let told = counted(&house, user, &list, "all_count").await;
                assert_eq!(told, fitting.len(), "{setting:?}, {user}: {list}");
                let meta = house.get(user, &format!("conversations/meta?status={status}")).await.json();
                let expected = if sees_all { json!(fitting.len()) } else { json!(null) };
                assert_eq!(meta["meta"]["all_count"], expected, "{setting:?}, {user}: {status}");
            }
        }
    }
}
