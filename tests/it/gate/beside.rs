//! What stands in lists beside rows, as JSON:API's `included` and sideloads do: it is shown with the rows that refer to it, or it would
//! tell of hidden ones.

use headgate::policy::Source;
use serde_json::{Value, json};

use super::{
    backend::{self, Asked},
    world::{Setup, World},
};

const BESIDE: &str = r#"
[entity.card]
resource = "conversation"
id = "/id"
responsible = "/assignee"
fields = ["id", "title"]
nested = { "/messages/*" = "said" }
refers = { person = ["/person_id", "/relationships/persons/data"] }

[entity.said]
resource = "message"
part = true
kinds = [{ at = "/private", is = true, resource = "note" }]
fields = ["id"]
refers = { person = ["/sender_id"] }

[entity.person]
resource = "contact"
id = "/id"
responsible = "/owner"
fields = ["id", "name"]
nested = { "/firm" = "firm" }

[entity.firm]
resource = "contact"
responsible = "/owner"
fields = ["name"]
refers = { person = ["/head_id"] }

[entity.agent]
resource = "health"
fields = ["id"]

[[route]]
match = "GET /api/v1/accounts/{account}/cards"
entity = "card"
action = "list"
items = "/rows"
nested = { "/included/*" = "person", "/agents/*" = "agent", "/own" = "agent" }
regardless = ["/agents/*"]
"#;

fn setup(answer: Value) -> Setup {
    let script = move |_: &Asked| Some(backend::json(200, &answer));
    Setup::default().routes(BESIDE).backend(script)
}

async fn telling(answer: Value) -> World {
    setup(answer).start().await
}

/// What `user` sees of rows with these persons beside them: the ids of rows and persons.
async fn seen(world: &World, user: &str) -> (Vec<String>, Vec<String>) {
    let answer = world.get(user, "/cards").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let ids = |of: &str| {
        let json = answer.json();
        let items = json[of].as_array().unwrap_or_else(|| panic!("no `{of}` in {json}"));
        items.iter().map(|item| item["id"].to_string().replace('"', "")).collect()
    };
    (ids("rows"), ids("included"))
}

fn persons(ids: &[u64]) -> Vec<Value> {
    ids.iter().map(|id| json!({"id": id, "owner": "ana", "name": "x"})).collect()
}

#[tokio::test]
async fn d04_what_stands_beside_rows_is_shown_with_those_that_refer_to_it() {
    // All of them ana may see by themselves. Who is in ben's card alone would tell her that there is one.
    let world = telling(json!({
        "rows": [
            {"id": 101, "assignee": "ana", "person_id": 501, "messages": [{"id": 1, "private": false, "sender_id": "506"}]},
            {"id": 102, "assignee": "ben", "person_id": 502, "messages": [{"id": 2, "private": false, "sender_id": 507}],
             "relationships": {"persons": {"data": [{"id": "501"}, {"id": "503"}]}}},
            {"id": 103, "assignee": "ana",
             "relationships": {"persons": {"data": [{"type": "person", "id": "504"}, 505, null, {"no": 1}]}}},
            {"id": "104", "assignee": "ana", "person_id": null},
            {"assignee": "ana", "person_id": 508},
        ],
        "included": persons(&[501, 502, 503, 504, 505, 506, 507, 508, 509]),
        "agents": [{"id": 1}, {"id": 2}], "own": {"id": 3},
    }))
    .await;
    let (rows, included) = seen(&world, "ana").await;
    assert_eq!(rows, ["101", "103", "104"]);
    assert_eq!(included, ["501", "504", "505", "506"]);
    let shown = world.get("ana", "/cards").await.json();
    assert_eq!((&shown["agents"], &shown["own"]), (&json!([{"id": 1}, {"id": 2}]), &json!({"id": 3})));
    // Who sees every row sees what the backend has beside them.
    let (rows, included) = seen(&world, "adm").await;
    assert_eq!(rows, ["101", "102", "103", "104"]);
    assert_eq!(included, ["501", "502", "503", "504", "505", "506", "507", "508", "509"]);
}

#[tokio::test]
async fn d04_a_hidden_row_leaves_no_trace_beside_the_others() {
    let row = |id: u64, user: &str, person: u64| json!({"id": id, "assignee": user, "person_id": person});
    let answer = |rows: &[(u64, &str, u64)]| {
        let rows: Vec<Value> = rows.iter().map(|(id, user, person)| row(*id, user, *person)).collect();
        let included: Vec<Value> =
            rows.iter().flat_map(|row| persons(&[row["person_id"].as_u64().unwrap()])).collect();
        json!({"rows": rows, "included": included})
    };
    for rows in [
        &[(1, "ana", 501), (2, "ben", 502)][..],
        &[(1, "ben", 501), (2, "ana", 502), (3, "ben", 503)],
        &[(1, "ben", 501), (2, "ben", 502)],
        &[(1, "kim", 501)],
    ] {
        let own: Vec<_> = rows.iter().filter(|(_, user, _)| *user == "ana").copied().collect();
        let (with, without) = (telling(answer(rows)).await, telling(answer(&own)).await);
        let (with, without) = (with.get("ana", "/cards").await, without.get("ana", "/cards").await);
        assert_eq!((with.status, &with.body), (without.status, &without.body), "{rows:?}");
    }
}

#[tokio::test]
async fn d04_beside_a_row_nothing_tells_what_its_hidden_fields_and_parts_refer_to() {
    let answer = json!({
        "rows": [{"id": 101, "assignee": "ana", "person_id": 501, "relationships": {"persons": {"data": [{"id": 502}]}},
                  "messages": [{"id": 1, "private": false, "sender_id": 503}, {"id": 2, "private": true, "sender_id": 504}]}],
        "included": persons(&[501, 502, 503, 504]),
    });
    for (hidden, expected) in [
        (&["person_id"][..], &["502", "503"][..]),
        (&["relationships.persons"], &["501", "503"]),
        (&["relationships"], &["501", "503"]),
        (&["data"], &["501", "503"]),
        (&["person_id", "persons"], &["503"]),
        (&[], &["501", "502", "503"]),
    ] {
        let hide = move |policy: &mut Source| {
            let agent = policy.roles.get_mut("agent").unwrap();
            let fields = agent.fields.get_mut("conversation").unwrap();
            fields.hidden = hidden.iter().map(|name| (*name).to_owned()).collect();
        };
        let world = setup(answer.clone()).policy(hide).start().await;
        assert_eq!(seen(&world, "ana").await.1, expected, "{hidden:?}");
    }
}

#[tokio::test]
async fn d04_what_is_referred_to_is_decided_on_by_itself_all_the_same() {
    let person =
        |id: u64, owner: &str| json!({"id": id, "owner": owner, "name": format!("CANARY-{id}-name")});
    let firm = |id: u64, head: u64| json!({"id": id, "owner": "ana", "firm": {"owner": "ana", "name": "f", "head_id": head}});
    let world = telling(json!({
        "rows": [{"id": 101, "assignee": "ana",
                  "relationships": {"persons": {"data": [501, 502, 503, 599, "", "0", {"id": [504]}]}}}],
        // One that ben's team has, one without an id, and one that only a person beside the rows refers to.
        "included": [person(501, "ana"), person(502, "ben"), firm(503, 504), person(504, "ana"), {"owner": "ana"}, 505, null, "506"],
    }))
    .await;
    assert_eq!(seen(&world, "ana").await.1, ["501", "503"]);
}

#[tokio::test]
async fn d04_no_placeholder_stands_for_what_only_a_hidden_row_refers_to() {
    let answer = json!({
        "rows": [{"id": 101, "assignee": "ana", "person_id": 501}, {"id": 102, "assignee": "ben", "person_id": 502}],
        "included": [{"id": 501, "owner": "ben", "name": "x"}, {"id": 502, "owner": "ana", "name": "x"}, {"id": 503, "owner": "ben", "name": "x"}],
    });
    let routes =
        BESIDE.replace("fields = [\"id\", \"name\"]", "fields = [\"id\", \"name\"]\nplaceholder = [\"id\"]");
    let script = move |_: &Asked| Some(backend::json(200, &answer));
    let world = Setup::default().routes(&routes).backend(script).start().await;
    assert_eq!(seen(&world, "ana").await.1, ["501"]);
}

super::obeying::once_more!(
    d04_what_stands_beside_rows_is_shown_with_those_that_refer_to_it,
    d04_a_hidden_row_leaves_no_trace_beside_the_others,
    d04_beside_a_row_nothing_tells_what_its_hidden_fields_and_parts_refer_to,
    d04_what_is_referred_to_is_decided_on_by_itself_all_the_same,
    d04_no_placeholder_stands_for_what_only_a_hidden_row_refers_to,
);
