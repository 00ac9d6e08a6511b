//! Who gives a conversation to whom: the scope of `assign` says how far, and the answer shows to whom it went.

use serde_json::{Value, json};

use super::{backend::Conversation, house::House};

/// Asks for an assignment of conversation 4, and whether the backend was asked for it.
async fn give(house: &House, user: &str, query: &str, body: &Value) -> (u16, Value, bool) {
    let before = house.backend.lines().len();
    let answer = house.send(user, "POST", &format!("conversations/4/assignments{query}"), Some(body)).await;
    let is_given = house.backend.lines()[before..].iter().any(|line| line.starts_with("POST"));
    let told = serde_json::from_str(&answer.body).unwrap_or(Value::Null);
    (answer.status, told, is_given)
}

#[tokio::test]
async fn a_supervisor_gives_to_their_team_and_the_administrator_to_anybody() {
    let house = House::start().await;
    let of = Conversation::of(4);
    assert_eq!((of.agent(), of.team), (Some(1), Some(20)));
    for (user, whom, may) in [
        // Of team 10, to members of it.
        ("4", 1, true),
        ("4", 3, true),
        ("4", 4, true),
        ("4", 2, false),
        ("4", 5, false),
        // Of team 20.
        ("7", 2, true),
        ("7", 1, false),
        ("5", 1, true),
        ("5", 2, true),
        ("5", 3, true),
        // There is no such user.
        ("5", 99, false),
        // Who may not assign at all, neither to themselves; who does not see it.
        ("1", 1, false),
        ("1", 2, false),
        ("6", 6, false),
        ("2", 2, false),
        ("3", 3, false),
    ] {
        let (status, told, is_given) = give(&house, user, "", &json!({"assignee_id": whom})).await;
        assert_eq!(is_given, may, "{user} to {whom}: {status} {told}");
        if may {
            assert_eq!(
                (status, &told["id"], &told["name"]),
                (200, &json!(whom), &json!(format!("Agent {whom}")))
            );
            assert!(told.get("access_token").is_none(), "{told}");
        } else {
            let sees = house.sight(user).has(of);
            assert_eq!(status, if sees { 403 } else { 404 }, "{user} to {whom}: {told}");
        }
    }
}

#[tokio::test]
async fn a_conversation_goes_to_another_team_only_by_who_reaches_it() {
    let house = House::start().await;
    for (user, team, may) in [
        ("4", 10, true),
        ("4", 20, false),
        ("7", 20, true),
        ("7", 10, false),
        ("5", 10, true),
        ("5", 20, true),
        ("1", 10, false),
        ("3", 10, false),
    ] {
        let (status, told, is_given) = give(&house, user, "", &json!({"team_id": team})).await;
        assert_eq!(is_given, may, "{user} to team {team}: {status} {told}");
        if may {
            let shown = json!({
                "id": team, "name": format!("team {team}"), "description": null, "allow_auto_assign": true, "account_id": 1,
            });
            assert_eq!((status, told), (200, shown), "{user} to team {team}");
        }
    }
}

#[tokio::test]
async fn a_conversation_is_taken_from_whoever_has_it_by_who_may_assign_it() {
    let house = House::start().await;
    for (user, may) in [("4", true), ("5", true), ("7", true), ("1", false), ("9", false), ("3", false)] {
        for nobody in [json!({"assignee_id": null}), json!({"assignee_id": 0}), json!({"team_id": 0})] {
            let (status, told, is_given) = give(&house, user, "", &nobody).await;
            assert_eq!(is_given, may, "{user}: {nobody}: {status} {told}");
            if may {
                assert_eq!((status, told), (204, Value::Null), "{user}: {nobody}");
            }
        }
    }
}

#[tokio::test]
async fn nothing_beside_the_agent_and_the_team_says_whose_a_conversation_will_be() {
    let house = House::start().await;
    for (query, body) in [
        ("", json!({"assignee_id": 3, "team_id": 20})),
        ("", json!({"assignee_id": 2, "team_id": 10})),
        ("", json!({"assignee_id": 3, "assignee_type": "AgentBot"})),
        ("", json!({"assignee_id": [3, 2]})),
        ("?assignee_id=2", json!({})),
        ("?assignee_id=2", json!({"assignee_id": 3})),
        ("?team_id=20", json!({"assignee_id": 3})),
        ("?assignee_type=AgentBot", json!({"assignee_id": 3})),
    ] {
        let (status, told, is_given) = give(&house, "4", query, &body).await;
        assert!(!is_given && [400, 403].contains(&status), "{query} {body}: {status} {told}");
    }
}
