//! A conversation's tag decides from the moment it is written.

use serde_json::json;

use super::Whole;

#[tokio::test]
async fn whoever_is_assigned_sees_it_and_whoever_was_sees_it_no_more() {
    let whole = Whole::start().await;
    whole.lets("ben", &["101"]);
    assert_eq!((whole.status("ana", "101").await, whole.status("ben", "101").await), (200, 404));
    whole.change("101", &json!({"responsible": "ben", "team": "support"})).await;
    assert_eq!((whole.status("ana", "101").await, whole.status("ben", "101").await), (404, 200));
    assert_eq!(whole.status("sue", "101").await, 404, "it left the team");
    whole.change("101", &json!({"responsible": null, "team": "sales"})).await;
    assert_eq!((whole.status("ana", "101").await, whole.status("ben", "101").await), (404, 404));
    assert_eq!(whole.status("sue", "101").await, 200);
    whole.change("101", &json!({"responsible": "ana"})).await;
    assert_eq!(whole.status("ana", "101").await, 200);
}

#[tokio::test]
async fn a_conversation_is_found_by_headgates_id_as_by_the_backends() {
    let whole = Whole::start().await;
    let id = whole.conversations["101"].to_string();
    // What this backend has under Headgate's id is nothing; it is asked, since ana may see the conversation.
    whole.status("ana", &id).await;
    assert_eq!(whole.status("ben", &id).await, 404);
    assert_eq!(whole.backend.lines(), [format!("GET /api/v1/accounts/1/conversations/{id}")]);
    whole.change("101", &json!({"responsible": "ben", "team": "support"})).await;
    whole.status("ben", &id).await;
    assert_eq!(whole.status("ana", &id).await, 404);
    assert_eq!(whole.backend.lines().len(), 2);
}

#[tokio::test]
async fn d13_a_participant_sees_it_as_long_as_they_take_part() {
    let whole = Whole::start().await;
    whole.lets("ana", &["102"]);
    assert_eq!(whole.status("ana", "104").await, 200);
    whole.change("104", &json!({"participants": []})).await;
    assert_eq!(whole.status("ana", "104").await, 404);
    whole.change("102", &json!({"participants": ["ana"]})).await;
    assert_eq!(whole.status("ana", "102").await, 200);
    let token = format!("Authorization: Bearer {}\r\nContent-Type: application/json\r\n", whole.token("ana"));
    let line = "PATCH /api/v1/accounts/1/conversations/102";
    assert_eq!(whole.send(line, &token, r#"{"title":"x"}"#).await.status, 403, "seen is not edited");
}

/// `BP11`
#[tokio::test]
async fn who_is_in_the_queue_of_its_team_sees_it_as_long_as_it_is_that_teams() {
    let whole = Whole::start().await;
    whole.lets("ana", &["102"]);
    let directory = whole.read("tenants/acme/directory.toml");
    whole.reload("tenants/acme/directory.toml", &format!("{directory}[team.sales]\n")).unwrap();
    whole.reload("tenants/acme/assignment.toml", "[team.sales]\nstrategy = 'round_robin'\n").unwrap();
    whole.change("102", &json!({"responsible": "ben", "team": "sales"})).await;
    assert_eq!(whole.status("ana", "102").await, 200, "sales' conversations are handed out in turn");
    whole.change("102", &json!({"team": "support"})).await;
    assert_eq!(whole.status("ana", "102").await, 404, "whose queue she is not in");
    whole.change("101", &json!({"responsible": "sue", "team": "support"})).await;
    assert_eq!(whole.status("ben", "101").await, 404, "support's are given by hand");
}

#[tokio::test]
async fn a_stage_that_is_closed_to_a_role_is_closed_at_once() {
    let whole = Whole::start().await;
    assert_eq!(whole.status("ana", "101").await, 200);
    whole.change("101", &json!({"stage": "sales/closed"})).await;
    assert_eq!(whole.status("ana", "101").await, 404);
    assert_eq!(whole.status("adm", "101").await, 200, "it is closed to that role alone");
    whole.change("101", &json!({"stage": "sales/open"})).await;
    assert_eq!(whole.status("ana", "101").await, 200);
}

#[tokio::test]
async fn the_tag_of_another_backends_conversation_says_nothing_about_this_ones() {
    let whole = Whole::start().await;
    assert_eq!((whole.status("ana", "104").await, whole.status("ben", "102").await), (200, 200));
    let other = "[backend.other]\nurls = ['http://127.0.0.1:1/events']\n\
                 keys = ['whsec_ZXhhbXBsZS1rZXktZXhhbXBsZS1rZXktMTI=']\n";
    whole.reload("headgate.toml", &(whole.read("headgate.toml") + other)).unwrap();
    let file = "tenants/acme/channels.toml";
    let (first, second) =
        whole.read(file).split_once("[account.wa-2]").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let moved = format!("{first}[account.wa-2]{}", second.replace("\"chat\"", "\"other\""));
    whole.reload(file, &moved).unwrap();
    let asked = whole.backend.lines();
    // Its alias is an id of the other backend's, and its own name names nothing here.
    for conversation in ["102", "104"] {
        let own = whole.conversations[conversation].to_string();
        for name in [conversation, &own] {
            let statuses = (whole.status("ana", name).await, whole.status("ben", name).await);
            assert_eq!(statuses, (404, 404), "{conversation} as {name}");
        }
    }
    assert_eq!(whole.backend.lines(), asked, "this backend was not even asked");
    assert_eq!(whole.status("ana", "101").await, 200, "the others are as they were");
}

#[tokio::test]
async fn a_participant_of_another_tenant_is_none() {
    let whole = Whole::start().await;
    whole.change("101", &json!({"responsible": "eve", "participants": ["eve"]})).await;
    assert_eq!(whole.status("globex.eve", "101").await, 404);
    let id = whole.conversations["101"].to_string();
    assert_eq!(whole.status("globex.eve", &id).await, 404, "not by its own name either");
    let eve = format!("Authorization: Bearer {}\r\n", whole.token("globex.eve"));
    let line = "GET /api/v1/accounts/1/conversations/101";
    assert_eq!(whole.send(line, &eve, "").await.status, 404);
    assert_eq!(whole.backend.lines(), [""; 0]);
}

crate::gate::obeying::once_more!(
    whoever_is_assigned_sees_it_and_whoever_was_sees_it_no_more,
    a_conversation_is_found_by_headgates_id_as_by_the_backends,
    d13_a_participant_sees_it_as_long_as_they_take_part,
    who_is_in_the_queue_of_its_team_sees_it_as_long_as_it_is_that_teams,
    a_stage_that_is_closed_to_a_role_is_closed_at_once,
    the_tag_of_another_backends_conversation_says_nothing_about_this_ones,
    a_participant_of_another_tenant_is_none,
);
