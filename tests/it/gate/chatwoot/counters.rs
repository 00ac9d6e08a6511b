//! Counters and notices tell of what is shown, or nothing.

use serde_json::json;

use super::{
    backend::{CONVERSATIONS, Conversation},
    house::{House, SETTINGS, USERS},
    those,
};

#[tokio::test]
async fn counters_count_what_is_shown_or_nothing() {
    for setting in SETTINGS {
        let house = House::set(setting).await;
        for (user, ..) in USERS {
            let sight = house.sight(user);
            let sees_all = sight.conversations().len() == CONVERSATIONS as usize;
            let list = house.get(user, "conversations?status=all").await.json();
            let meta = house.get(user, "conversations/meta?status=all").await.json();
            if sees_all {
                assert_eq!(list["data"]["meta"]["all_count"], CONVERSATIONS, "{setting:?} {user}");
                assert_eq!(meta["meta"]["all_count"], CONVERSATIONS, "{setting:?} {user}");
            } else {
                let told = counted(&house, user, "conversations?status=all", "all_count").await;
                assert_eq!(told, sight.conversations().len(), "{setting:?} {user}");
                for counter in ["mine_count", "assigned_count", "unassigned_count"] {
                    assert!(list["data"]["meta"][counter].is_null(), "{setting:?} {user}: {counter}");
                    assert!(meta["meta"][counter].is_null(), "{setting:?} {user}: {counter}");
                }
                assert!(meta["meta"]["all_count"].is_null(), "{setting:?} {user}");
            }
        }
    }
}

/// What a counter of a list says, on the last of its pages: on those before it is not known.
pub(super) async fn counted(house: &House, user: &str, path: &str, counter: &str) -> usize {
    for page in 1..=4 {
        let list = house.get(user, &format!("{path}&page={page}")).await.json()["data"].clone();
        if let Some(count) = list["meta"][counter].as_u64() {
            return usize::try_from(count).unwrap();
        }
        assert!(list["meta"][counter].is_null() && list["payload"] != json!([]), "{user}: {list}");
    }
    panic!("{user}: {path} has no last page")
}

#[tokio::test]
async fn notices_tell_of_what_is_seen() {
    for setting in SETTINGS {
        let house = House::set(setting).await;
        for (user, ..) in USERS {
            let sight = house.sight(user);
            let answer = house.get(user, "notifications").await;
            if sight.reaches("notification", "view", Conversation::of(1)) || user != "6" {
                let told =
                    house.numbers(user, "notifications", None, "/data/payload", "/primary_actor/id").await;
                let expected = those(sight, |of| sight.reaches("notification", "view", *of));
                assert_eq!(told, expected, "{setting:?} {user}");
                // D05: and no number of them tells of others.
                let told = answer.json()["data"].clone();
                let meta = &told["meta"];
                if expected.len() == CONVERSATIONS as usize {
                    assert_eq!(
                        (&meta["count"], &meta["unread_count"]),
                        (&json!(CONVERSATIONS), &json!(CONVERSATIONS)),
                        "{setting:?} {user}"
                    );
                } else {
                    assert_eq!(meta["unread_count"], json!(null), "{setting:?} {user}");
                    assert_eq!(
                        counted(&house, user, "notifications?", "count").await,
                        expected.len(),
                        "{setting:?} {user}"
                    );
                }
            } else {
                assert_eq!(answer.status, 403, "{setting:?} {user}: {answer:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_notice_has_a_title_and_quotes_nothing() {
    let house = House::start().await;
    for user in ["5", "7"] {
        let notices = house.get(user, "notifications").await.json();
        let notice = &notices["data"]["payload"][0];
        let id = &notice["primary_actor"]["id"];
        let title = format!("You have been mentioned in conversation (#{id})");
        assert_eq!(notice["push_message_title"], title, "{user}");
        assert_eq!(notice["primary_actor"]["channel"], "Channel::Whatsapp", "{user}");
        assert!(notice.get("push_message_body").is_none(), "{user}: {notice}");
        // A private message is as none is.
        assert_eq!(notice.get("secondary_actor").map(|actor| actor.is_null()), Some(user != "5"), "{user}");
    }
}

#[tokio::test]
async fn filters_and_read_notices_are_their_users_own() {
    let house = House::start().await;
    for (method, path, body) in [
        ("GET", "custom_filters?filter_type=conversation", None),
        ("GET", "custom_filters/1", None),
        (
            "POST",
            "custom_filters",
            Some(json!({"custom_filter": {"name": "x", "filter_type": "conversation"}})),
        ),
        ("PATCH", "custom_filters/1", Some(json!({"custom_filter": {"name": "x"}}))),
        ("POST", "notifications/read_all", Some(json!({}))),
        ("PATCH", "notifications/9001", Some(json!({}))),
    ] {
        let before = house.backend.seen().len();
        let answer = house.send("1", method, path, body.as_ref()).await;
        assert!([200, 204].contains(&answer.status), "{method} {path}: {answer:?}");
        let seen = house.backend.seen();
        assert_eq!(
            seen[before..].iter().map(|asked| asked.all("api_access_token")).collect::<Vec<_>>(),
            [["token-of-1"]]
        );
        if path.starts_with("custom_filters?") {
            assert_eq!(
                answer.json(),
                json!([{"id": 1, "name": "of 1", "filter_type": "conversation", "query": {}}])
            );
        }
        // Whoever has no token of their own would be shown, and change, those of Headgate's own user.
        for user in ["2", "5"] {
            let before = house.backend.lines().len();
            let answer = house.send(user, method, path, body.as_ref()).await;
            assert_eq!((answer.status, house.backend.lines().len()), (404, before), "{user} {method} {path}");
        }
    }
}

#[tokio::test]
async fn numbers_of_notices_and_reports_are_for_who_sees_all_of_them() {
    for setting in SETTINGS {
        let house = House::set(setting).await;
        for (user, ..) in USERS {
            let sight = house.sight(user);
            let everything = Conversation::all().iter().all(|of| sight.reaches("notification", "view", *of));
            let some = !those(sight, |of| sight.reaches("notification", "view", *of)).is_empty();
            let unread = house.get(user, "notifications/unread_count").await;
            match (everything, some) {
                (true, _) => assert_eq!(unread.json(), json!(CONVERSATIONS), "{setting:?} {user}"),
                (false, true) => assert_eq!(unread.json(), json!(null), "{setting:?} {user}"),
                (false, false) => {
                    assert!(
                        unread.status == 403 || unread.json() == json!(null),
                        "{setting:?} {user}: {unread:?}"
                    )
                }
            }
            let reports = Conversation::all().iter().all(|of| sight.reaches("report", "view", *of));
            for path in [
                "/api/v2/accounts/1/reports/bot_summary",
                "/api/v2/accounts/1/reports/inbox_label_matrix",
                "/api/v2/accounts/1/summary_reports/label",
                "/api/v1/accounts/1/csat_survey_responses/metrics",
            ] {
                let report = house.get(user, path).await;
                assert_eq!(report.status == 200, reports, "{setting:?} {user}: {path}: {report:?}");
            }
        }
    }
}
