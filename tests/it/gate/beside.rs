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

/// As JSON:API has it: things of several types stand in one list, and each type has ids of its own.
const TYPED: &str = r#"
[entity.card]
resource = "conversation"
id = "/id"
responsible = "/assignee"
fields = ["id"]

[entity.card.refers]
thing = ["/relationships/whatever/data", { at = "/person_id", is = "persons" }, { at = "/sender_id", type = "/sender_type" }]

[entity.thing]
resource = "contact"
id = "/id"
id_type = "/type"
kinds = [{ at = "/type", is = "notes", resource = "note" }]
responsible = "/owner"
fields = ["id", "type"]

[[route]]
match = "GET /api/v1/accounts/{account}/cards"
entity = "card"
action = "list"
items = "/rows"
nested = { "/included/*" = "thing" }
"#;

fn setup(answer: Value) -> Setup {
    setup_by(BESIDE, answer)
}

fn setup_by(routes: &str, answer: Value) -> Setup {
    let script = move |_: &Asked| Some(backend::json(200, &answer));
    Setup::default().routes(routes).backend(script)
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

/// What `ana` sees beside these rows: types and ids.
async fn things_seen(rows: Value, included: &[(&str, u64)]) -> Vec<(String, u64)> {
    let thing = |(of, id): &(&str, u64)| json!({"type": of, "id": id.to_string(), "owner": "ana"});
    let included: Vec<Value> = included.iter().map(thing).collect();
    let world = setup_by(TYPED, json!({"rows": rows, "included": included})).start().await;
    let answer = world.get("ana", "/cards").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let name = |thing: &Value, of: &str| thing[of].as_str().unwrap().to_owned();
    let json = answer.json();
    let things = json["included"].as_array().unwrap().iter();
    things.map(|thing| (name(thing, "type"), name(thing, "id").parse().unwrap())).collect()
}

#[tokio::test]
async fn d04_an_id_of_another_type_is_another_object() {
    let included = [("persons", 5), ("agents", 5), ("persons", 6), ("agents", 6), ("persons", 7)];
    let identifier = |of: &str, id: u64| json!({"data": {"type": of, "id": id.to_string()}});
    let hidden = json!({"id": 102, "assignee": "ben", "relationships": {"whatever": identifier("agents", 5)},
        "person_id": 6, "sender_id": 7, "sender_type": "persons"});
    let persons_5 = ("persons".to_owned(), 5);
    for shown in [
        json!({"id": 101, "assignee": "ana", "relationships": {"whatever": identifier("persons", 5)}}),
        json!({"id": 101, "assignee": "ana", "person_id": 5}),
        json!({"id": 101, "assignee": "ana", "person_id": [5, "5"]}),
        json!({"id": 101, "assignee": "ana", "sender_id": 5, "sender_type": "persons"}),
    ] {
        for rows in [json!([shown, hidden]), json!([hidden, shown]), json!([shown])] {
            assert_eq!(
                things_seen(rows.clone(), &included).await,
                std::slice::from_ref(&persons_5),
                "{rows}"
            );
        }
    }
    // A reference that does not say which of the two it means is none, and neither is a thing that does not.
    for doubtful in [
        json!({"relationships": {"whatever": {"data": "5"}}}),
        json!({"relationships": {"whatever": {"data": {"id": "5"}}}}),
        json!({"relationships": {"whatever": {"data": {"id": "5", "type": null}}}}),
        json!({"relationships": {"whatever": {"data": {"id": "5", "type": ["persons"]}}}}),
        json!({"relationships": {"whatever": {"data": [{"id": "5", "type": "Persons"}]}}}),
        json!({"sender_id": 5}),
        json!({"sender_id": 5, "sender_type": null}),
    ] {
        let mut row = json!({"id": 101, "assignee": "ana"});
        row.as_object_mut().unwrap().extend(doubtful.as_object().unwrap().clone());
        assert_eq!(things_seen(json!([row]), &included).await, [], "{doubtful}");
    }
    let twice = r#"{"rows":[{"id":101,"assignee":"ana","relationships":{"whatever":{"data":{"id":"5","type":"persons","type":"agents"}}}}],
        "included":[{"type":"persons","id":"5","owner":"ana"},{"type":"agents","id":"5","owner":"ana"},{"id":"5","owner":"ana"}]}"#;
    let script = move |_: &Asked| Some(backend::answer(200, "content-type: application/json\r\n", twice));
    let world = Setup::default().routes(TYPED).backend(script).start().await;
    assert_eq!(world.get("ana", "/cards").await.json()["included"], json!([]));
}

#[tokio::test]
async fn d04_what_stands_there_again_for_a_hidden_row_is_shown_once() {
    // A backend that adds to the list what each row refers to, whether it is there or not.
    let answer = |owners: &[&str]| {
        let rows: Vec<Value> = (101..)
            .zip(owners)
            .map(|(id, owner)| json!({"id": id, "assignee": owner, "person_id": 501}))
            .collect();
        json!({"rows": rows, "included": persons(&vec![501; owners.len()])})
    };
    let alone = telling(answer(&["ana"])).await.get("ana", "/cards").await;
    let beside = telling(answer(&["ana", "ben", "ben"])).await.get("ana", "/cards").await;
    assert_eq!((alone.status, &alone.body), (beside.status, &beside.body));
    assert_eq!(alone.json()["included"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn so_many_references_of_a_row_are_read_and_beyond_them_it_refers_to_nothing() {
    for (others, expected, counted) in [(999, &["7"][..], false), (1000, &[], true)] {
        let data: Vec<Value> = (1000..1000 + others).chain([7]).map(|id| json!({"id": id})).collect();
        let world = telling(json!({
            "rows": [{"id": 101, "assignee": "ana", "relationships": {"persons": {"data": data}}}, {"id": 102, "assignee": "ben"}],
            "included": persons(&[7]),
        }))
        .await;
        let (rows, included) = seen(&world, "ana").await;
        assert_eq!(rows, ["101"], "{others} others");
        assert_eq!(included, expected, "{others} others");
        assert_eq!(world.reached("references_max") > 0, counted, "{others} others");
    }
}

super::obeying::once_more!(
    so_many_references_of_a_row_are_read_and_beyond_them_it_refers_to_nothing,
    d04_an_id_of_another_type_is_another_object,
    d04_what_stands_there_again_for_a_hidden_row_is_shown_once,
    d04_what_stands_beside_rows_is_shown_with_those_that_refer_to_it,
    d04_a_hidden_row_leaves_no_trace_beside_the_others,
    d04_beside_a_row_nothing_tells_what_its_hidden_fields_and_parts_refer_to,
    d04_what_is_referred_to_is_decided_on_by_itself_all_the_same,
    d04_no_placeholder_stands_for_what_only_a_hidden_row_refers_to,
);
