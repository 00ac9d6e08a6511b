//! Lists: what a route declares of them, and what of section D of the checklist no other file has.

use headgate::policy::{Scope, Source};
use serde_json::{Value, json};

use super::{
    backend::{self, Asked},
    world::{Answer, Setup, World, conversation},
};

const LISTS: &str = r#"
[entity.message]
resource = "conversation"
part = true
fields = ["id", "content"]

[entity.card]
resource = "conversation"
id = "/id"
responsible = "/assignee"
fields = ["id", "title"]
nested = { "/messages/*" = "message", "/person" = "person" }
refers = { person = ["/person"] }

[entity.person]
resource = "contact"
id = "/id"
responsible = "/owner"
fields = ["name", "phone_number"]

[entity.tagged]
resource = "conversation"
id = "/id"
tag = true
fields = ["*"]

[entity.letter]
resource = "conversation"
id = "/id"
responsible = "/conversation/assignee"
fields = ["id", "content"]

[[route]]
match = "GET /api/v1/accounts/{account}/conversations/{id}/{below}"
entity = "conversation"
shows = "message"
action = "view"
object = "tag"
part = true
resource = "conversation"
items = "/rows"

[[route]]
match = "GET /api/v1/accounts/{account}/letters/{id}"
entity = "letter"
action = "view"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/letters/{id}"

[[route]]
match = "GET /api/v1/accounts/{account}/cards"
entity = "card"
action = "list"
items = "/rows"
nested = { "/included/*" = "person" }
totals = { recompute = ["/meta/count"], null = ["/meta/all"], drop = ["/meta/unread"] }
links = ["/links/next"]

[[route]]
match = "GET /api/v1/accounts/{account}/both"
resource = "conversation"
action = "list"
nested = { "/conversations/*" = "conversation", "/contacts/*" = "contact" }
totals = { null = ["/meta/all"], drop = ["/meta/contacts"] }

[entity.framed]
resource = "conversation"
at = "/conversation"
id = "/id"
responsible = "/assignee"
fields = ["*"]

[[route]]
match = "GET /api/v1/accounts/{account}/shown-with/{id}"
entity = "framed"
action = "view"
object = "tag"
nested = { "/contacts/*" = "contact" }
totals = { null = ["/meta/all"], drop = ["/meta/contacts"] }

[entity.glimpse]
resource = "conversation"
look_up = { id = "/id", entity = "conversation", request = "GET /api/v1/accounts/{account}/looked-up/{id}" }
fields = ["id"]

[[route]]
match = "GET /api/v1/accounts/{account}/glimpses"
entity = "glimpse"
action = "list"
items = "/rows"

[[route]]
match = "GET /api/v1/accounts/{account}/contacts/{contact}/conversations"
entity = "conversation"
action = "list"
items = "/rows"

[[route]]
match = "GET /api/v1/accounts/{account}/contacts/{contact}/paged"
entity = "conversation"
action = "list"
items = "/rows"
totals = { recompute = ["/count"] }
page = { number = "page", size_default = 2, at = "/page" }

[[route]]
match = "GET /api/v1/accounts/{account}/contacts/{contact}/walked"
entity = "conversation"
action = "list"
items = "/rows"
page = { cursor = "cursor", next = "/next" }

[[route]]
match = "GET /api/v1/accounts/{account}/contacts/{contact}/scrolled"
entity = "conversation"
action = "list"
items = "/rows"
page = { after = "after", compares = true }

[[route]]
match = "GET /api/v1/accounts/{account}/tagged"
entity = "tagged"
action = "list"
items = "/rows"

[[route]]
match = "GET /api/v1/accounts/{account}/counts"
resource = "conversation"
action = "list"
totals = { null = ["/all_count"], drop = ["/unread"] }

[[route]]
match = "GET /api/v1/accounts/{account}/narrow"
entity = "conversation"
action = "list"
items = "/rows"
totals = { recompute = ["/count"] }
push = { own = "assignee_type=me&status=open" }
positions = ["page"]

[entity.errand]
resource = "conversation"
id = "/id"
responsible = "/assignee"
fields = ["*"]

[[route]]
match = "GET /api/v1/accounts/{account}/errands"
entity = "errand"
action = "list"
items = "/rows"
totals = { recompute = ["/count"] }
push = { own = "assignee_type=me", team = "team_of_assignee={team}" }
positions = ["page"]

[[route]]
match = "GET /api/v1/accounts/{account}/found"
entity = "errand"
action = "list"
items = "/rows"
push = { own = "q=owner:{user}+open&%7Bof%7D={user}", team = 'filter={"team":"{team}","is":{}}&by={user}' }
positions = ["page"]
searches = { q = [] }

[[route]]
match = "GET /api/v1/accounts/{account}/owned"
entity = "contact"
action = "list"
items = "/rows"

[[route]]
match = "GET /api/v1/accounts/{account}/owned/{id}"
entity = "contact"
action = "view"
object = "answer"

[[route]]
match = "POST /api/v1/accounts/{account}/owned"
resource = "contact"
action = "edit"
shows = "contact"

[[route]]
match = "GET /api/v1/accounts/{account}/counted"
entity = "conversation"
action = "list"
items = "/data/rows"
totals = { recompute = ["/data/meta/mine"], null = ["/data/meta/all"], drop = ["/data/meta/unread"] }
links = ["/next"]
page = { number = "page", size_default = 2, at = "/data/page" }

[[route]]
match = "GET /api/v1/accounts/{account}/open"
entity = "conversation"
action = "list"
items = "/rows"
keep = [""]
totals = { drop = ["/count", "/meta/unread"] }
links = ["/next", "/meta/links"]

[[route]]
match = "GET /api/v1/accounts/{account}/open-beside"
entity = "conversation"
action = "list"
items = "/rows"
keep = ["/meta"]
totals = { drop = ["/meta/unread"] }
links = ["/meta/links"]
page = { after = "after", compares = true }

[[route]]
match = "GET /api/v1/accounts/{account}/shadow"
entity = "conversation"
action = "list"
items = "/rows"
totals = { recompute = ["/count"] }
links = ["/next"]
page = { number = "page", size_default = 2 }
shadow = true
"#;

/// A world whose backend answers everything with this.
async fn telling(answer: Value) -> World {
    let script = move |_: &Asked| {
        let headers =
            "content-type: application/json\r\nx-total-count: 4\r\nlink: </CANARY-102-next>; rel=next\r\n";
        Some(backend::answer(200, headers, &answer.to_string()))
    };
    Setup::default().routes(LISTS).backend(script).start().await
}

fn rows() -> Vec<Value> {
    ["101", "102", "103", "104"].map(conversation).into()
}

fn ids(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{answer:?}");
    let json = answer.json();
    let rows = json["rows"].as_array().unwrap_or_else(|| panic!("no rows: {json}"));
    rows.iter().map(|row| row["id"].to_string().replace('"', "")).collect()
}

#[tokio::test]
async fn d03_what_stands_below_a_conversation_is_decided_on_as_the_conversation() {
    let script = |asked: &Asked| {
        let id = asked.target.split('/').nth(6)?;
        let row = json!({"id": 9001, "content": format!("CANARY-{id}-content")});
        let letter = |user: &str| json!({"id": id, "content": "x", "conversation": {"assignee": user}});
        Some(match asked.target.rsplit('/').nth(1)? {
            "letters" if id == "9002" => backend::json(200, &letter("ben")),
            "letters" if id == "9001" => backend::json(200, &letter("ana")),
            _ if asked.target.contains("/999999") => backend::json(404, &json!({})),
            _ => backend::json(200, &json!({"rows": [row]})),
        })
    };
    let world = Setup::default().routes(LISTS).backend(script).start().await;
    for below in ["messages", "labels", "attachments"] {
        let shown = world.get("ana", &format!("/conversations/101/{below}")).await;
        assert_eq!(shown.json(), json!({"rows": [{"id": 9001, "content": "CANARY-101-content"}]}));
        let told = async |id: &str| {
            let answer = world.get("ana", &format!("/conversations/{id}/{below}")).await;
            (answer.status, answer.problem())
        };
        assert_eq!(told("102").await, (404, "not-found".to_owned()));
        assert_eq!(told("102").await, told("999999").await);
    }
    assert_eq!(world.get("ana", "/letters/9001").await.status, 200);
    for letter in ["9002", "999999"] {
        assert_eq!(world.get("ana", &format!("/letters/{letter}")).await.status, 404, "{letter}");
    }
    assert_eq!(world.get("ben", "/letters/9002").await.status, 200);
}

#[tokio::test]
async fn d04_what_is_included_is_decided_on_by_itself() {
    let person = |owner: &str, object: &str| json!({"id": object, "owner": owner, "name": format!("CANARY-{object}-name"), "phone_number": format!("CANARY-{object}-phone")});
    let world = telling(json!({
        "rows": [
            {"id": 101, "assignee": "ana", "title": "CANARY-101-title", "person": person("ana", "501"),
             "messages": [{"id": 1, "content": "CANARY-101-content", "sender": "CANARY-102-sender"}],
             "assignee_detail": {"email": "CANARY-102-email"}},
            {"id": 104, "assignee": "ana", "person": person("ben", "502"), "messages": []},
            {"id": 102, "assignee": "ben", "person": person("ana", "501"), "messages": [{"id": 3, "content": "CANARY-102-m"}]},
        ],
        "included": [person("ana", "501"), person("ben", "502"), "CANARY-502-bare", null],
        "linked": [person("ben", "502")],
    }))
    .await;
    let shown = world.get("ana", "/cards?include=messages,contact&expand=assignee").await;
    assert_eq!(
        shown.json(),
        json!({
            "rows": [
                {"id": 101, "title": "CANARY-101-title", "person": {"name": "CANARY-501-name"},
                 "messages": [{"id": 1, "content": "CANARY-101-content"}]},
                {"id": 104, "messages": []},
            ],
            "included": [{"name": "CANARY-501-name"}],
        })
    );
}

#[tokio::test]
async fn d05_no_count_and_no_link_tells_of_what_is_hidden() {
    let answer = json!({
        "rows": rows(), "meta": {"count": 4, "all": 4, "unread": 4, "other": 4}, "total": 4,
        "links": {"next": "/CANARY-102-next", "last": "/CANARY-102-last?page=99"},
    });
    let world = telling(answer.clone()).await;
    let shown = world.get("ana", "/cards").await;
    assert_eq!(ids(&shown), ["101"]);
    assert_eq!(shown.json()["meta"], json!({"count": 1, "all": null}));
    assert_eq!((&shown.json()["total"], &shown.json()["links"]), (&Value::Null, &Value::Null));
    let shown = world.get("adm", "/cards").await;
    assert_eq!(ids(&shown), ["101", "102", "103", "104"]);
    assert_eq!(shown.json()["meta"], json!({"count": 4, "all": 4, "unread": 4}), "as they are");
    assert_eq!(shown.json()["links"], json!({"next": "/CANARY-102-next"}));
    // Counters without rows.
    let world = telling(json!({"all_count": 4, "unread": 3, "mine": 2})).await;
    assert_eq!(world.get("ana", "/counts").await.json(), json!({"all_count": null}));
    assert_eq!(world.get("adm", "/counts").await.json(), json!({"all_count": 4, "unread": 3}));
}

#[tokio::test]
async fn d05_a_header_that_the_routes_list_does_not_pass_with_some_of_the_rows() {
    for header in ["x-total-count", "link"] {
        let script = |asked: &Asked| {
            let headers =
                "content-type: application/json\r\nx-total-count: 4\r\nlink: </CANARY-102-next>\r\n";
            let list = json!({"payload": rows()});
            let is_list = asked.target.ends_with("/conversations");
            is_list.then(|| backend::answer(200, headers, &list.to_string()))
        };
        let world = Setup::default().listing(header).backend(script).start().await;
        assert_eq!(world.get("ana", "/conversations").await.header(header), None);
        assert!(world.get("adm", "/conversations").await.header(header).is_some(), "who sees all may count");
    }
}

#[tokio::test]
async fn d05_no_count_tells_of_a_list_beside_one_that_is_seen_whole() {
    // Kim sees every conversation, and of the contacts their own.
    let rights = |source: &mut Source| {
        let clerk = &mut source.roles.get_mut("clerk").unwrap().grants;
        for action in ["list", "view"] {
            clerk.get_mut("conversation").unwrap().insert(action.to_owned(), Scope::All);
            clerk.entry("contact".to_owned()).or_default().insert(action.to_owned(), Scope::Own);
        }
    };
    let contact = |id: u64, owner: &str| json!({"id": id, "owner": owner});
    let told = async |contacts: Vec<Value>| {
        let count = contacts.len();
        let script = move |asked: &Asked| {
            let mut answer = json!({"contacts": contacts, "meta": {"all": 2 + count, "contacts": count}});
            match asked.target.contains("/both") {
                true => answer["conversations"] = json!([{"id": 101}, {"id": 102}]),
                false => answer["conversation"] = json!({"id": 101}),
            }
            // What is told with an object may come with any of it.
            let counted = if asked.target.contains("/both") { count } else { 0 };
            let headers = format!("content-type: application/json\r\nx-total-count: {counted}\r\n");
            Some(backend::answer(200, &headers, &answer.to_string()))
        };
        let world = Setup::default().routes(LISTS).policy(rights).listing("x-total-count");
        let world = world.backend(script).start().await;
        assert_eq!(
            world.get("adm", "/both").await.json()["meta"],
            json!({"all": 2 + count, "contacts": count})
        );
        [world.get("kim", "/both").await, world.get("kim", "/shown-with/101").await]
    };
    let (own, hidden) = (contact(1, "kim"), contact(2, "ben"));
    let without = told(vec![own.clone()]).await;
    let with = told(vec![own, hidden.clone(), hidden]).await;
    for (with, without) in with.iter().zip(&without) {
        assert_eq!(with.json()["contacts"], json!([{"id": 1, "owner": "kim"}]));
        assert_eq!(with.told(), without.told());
    }
}

#[tokio::test]
async fn d05_no_count_tells_of_rows_of_a_kind_that_no_policy_knows() {
    let routes = r#"
[entity.said]
resource = "conversation"
id = "/id"
kinds = [{ at = "/secret", is = true, resource = "whisper" }]
fields = ["id"]

[[route]]
match = "GET /api/v1/accounts/{account}/said"
entity = "said"
action = "list"
items = "/rows"
totals = { recompute = ["/count"] }
"#;
    let rows = json!([{"id": 1, "secret": false}, {"id": 2, "secret": true}]);
    let script = move |_: &Asked| Some(backend::json(200, &json!({"rows": rows, "count": 2})));
    let world = Setup::default().routes(routes).backend(script).start().await;
    let answer = world.get("adm", "/said").await;
    assert_eq!(answer.json(), json!({"rows": [{"id": 1}], "count": 1}));
    assert_eq!(world.get("adm", "/said?limit=1&offset=1").await.status, 400);
}

#[tokio::test]
async fn an_object_that_cannot_be_read_where_it_is_looked_up_costs_nobody_the_list() {
    let script = |asked: &Asked| {
        let path = asked.target.split('?').next()?;
        if path.ends_with("/glimpses") {
            let rows: Vec<_> = (1..=8).map(|id| json!({"id": id})).collect();
            return Some(backend::json(200, &json!({"rows": rows})));
        }
        let json = |text: &str| backend::answer(200, "content-type: application/json\r\n", text);
        Some(match path.rsplit('/').next()? {
            "1" | "8" => {
                json(r#"{"id":1,"assignee":"ana"}"#.replace('1', path.get(path.len() - 1..)?).as_str())
            }
            "2" => json(r#"{"id":2,"assignee":"ben","assignee":"ana"}"#),
            "3" => json("<html>"),
            "4" => {
                json(&format!(r#"{{"id":4,"assignee":"ana","deep":{}{}}}"#, "[".repeat(200), "]".repeat(200)))
            }
            "5" => backend::answer(410, "", ""),
            "6" => json(r#"{"id":7,"assignee":"ana"}"#),
            _ => backend::json(403, &json!({"error": "CANARY-102-secret"})),
        })
    };
    let world = Setup::default().routes(LISTS).backend(script).start().await;
    assert_eq!(ids(&world.get("ana", "/glimpses").await), ["1", "8"]);
}

#[tokio::test]
async fn d02_a_list_below_what_is_hidden_is_like_one_below_nothing() {
    let script = |asked: &Asked| {
        let is_behind = asked.number("page") > Some(1);
        let rows = |rows: Vec<Value>| {
            let rows = if is_behind { Vec::new() } else { rows };
            let answer = json!({"rows": rows, "count": 9, "page": 1, "next": null});
            Some(backend::json(200, &answer))
        };
        match asked.target.split('/').nth(6)? {
            "501" => rows(vec![conversation("101"), conversation("102")]),
            "502" => rows(vec![conversation("102")]),
            "503" => rows(Vec::new()),
            _ => Some(backend::json(404, &json!({"error": "CANARY-999999-missing"}))),
        }
    };
    let world = Setup::default().routes(LISTS).backend(script).start().await;
    for below in ["conversations", "paged", "walked", "scrolled", "scrolled?after=100"] {
        let get = async |user: &str, id: &str| world.get(user, &format!("/contacts/{id}/{below}")).await;
        assert_eq!(ids(&get("ana", "501").await), ["101"], "{below}");
        let hidden = get("ana", "502").await;
        assert!(ids(&hidden).is_empty());
        for other in ["503", "999999"] {
            assert_eq!(hidden.told(), get("ana", other).await.told(), "{below} {other}");
        }
        assert_eq!(get("adm", "999999").await.status, 404, "{below}: who sees every row");
    }
}

#[tokio::test]
async fn an_empty_answer_has_no_header_that_its_content_would_not_have_had() {
    let script = |asked: &Asked| {
        let status = if asked.method == "POST" { 201 } else { 204 };
        let is_question = asked.all("headgate-actor") != ["headgate"];
        is_question.then(|| backend::answer(status, "x-total-count: 4\r\n", ""))
    };
    let world = Setup::default().routes(LISTS).listing("x-total-count").backend(script).start().await;
    for (user, line, status, passes) in [
        // As if there were rows, and all of them hidden.
        ("ana", "GET /api/v1/accounts/1/conversations", 200, false),
        ("adm", "GET /api/v1/accounts/1/conversations", 204, true),
        ("ana", "GET /api/v1/accounts/1/counts", 204, false),
        ("adm", "GET /api/v1/accounts/1/counts", 204, true),
        // What it made is not in the answer, and nobody has decided on it.
        ("ana", "POST /api/v1/accounts/1/owned", 201, false),
        ("adm", "POST /api/v1/accounts/1/owned", 201, true),
        ("ana", "PATCH /api/v1/accounts/1/conversations/101", 204, true),
    ] {
        let answer = world.send(user, line, "", "").await;
        assert_eq!(
            (answer.status, answer.header("x-total-count").is_some()),
            (status, passes),
            "{user} {line}"
        );
    }
}

#[tokio::test]
async fn d08_a_row_that_cannot_be_got_by_its_id_is_dropped_and_counted() {
    let row = |id: Value| json!({"id": id, "assignee": "ana"});
    let odd =
        [json!({"assignee": "ana"}), row(json!(null)), row(json!("")), row(json!(true)), row(json!([101]))];
    let rows: Vec<_> = odd.into_iter().chain([json!(null), json!("101"), row(json!(101))]).collect();
    let world = telling(json!({"rows": rows})).await;
    for user in ["ana", "adm"] {
        let shown = world.get(user, "/narrow").await;
        assert_eq!(ids(&shown), ["101"], "{user}");
        assert_eq!(world.decision(&shown).removed.as_ref().unwrap().rows, 7, "{user}");
    }
}

#[tokio::test]
async fn d17_nobody_is_nobodys_own() {
    let row = |assignee: Value| json!({"id": 101, "assignee": assignee, "participants": [assignee]});
    let nobody = [json!(null), json!(""), json!(0), json!("null"), json!({}), json!([]), json!(false)];
    let world = telling(json!({"rows": nobody.map(row)})).await;
    for user in ["ana", "kim", "sue"] {
        assert_eq!(ids(&world.get(user, "/narrow").await), [""; 0], "{user}");
    }
    // Nor theirs whose names look like nobody's.
    let nobody = [json!(null), json!(""), json!(0), json!("0"), json!({}), json!([]), json!(false)];
    let world = telling(json!({"rows": nobody.map(row)})).await;
    for user in ["0", "null"] {
        assert_eq!(ids(&world.get(user, "/narrow").await), [""; 0], "{user}");
    }
    let made = json!({"rows": [{"id": 101, "assignee": "null"}]});
    assert_eq!(ids(&telling(made).await.get("null", "/narrow").await), ["101"], "a name is a name");
}

#[tokio::test]
async fn d18_an_id_is_the_same_as_a_number_and_as_a_text_and_is_not_rounded() {
    let world =
        telling(json!({"rows": [{"id": 101}, {"id": "101"}, {"id": 102}, {"id": "102"}, {"id": 104}]})).await;
    assert_eq!(ids(&world.get("ana", "/tagged").await), ["101", "101", "104"]);
    let big = json!({"rows": [{"id": 9_007_199_254_740_992_u64}, {"id": 9_007_199_254_740_993_u64}]});
    let world = telling(big).await;
    world.change("101", |tag| tag.alias = Some("9007199254740993".to_owned())).await;
    assert_eq!(ids(&world.get("ana", "/tagged").await), ["9007199254740993"], "by the tag");
    for (asked, told, status) in [
        ("9007199254740993", "9007199254740993", 200),
        ("9007199254740993", "9007199254740992", 404),
        ("9007199254740993", "9007199254740993.0", 502),
    ] {
        let script = move |_: &Asked| {
            let answer = format!(r#"{{"id":{told},"assignee":"ana"}}"#);
            Some(backend::answer(200, "content-type: application/json\r\n", &answer))
        };
        let world = Setup::default().routes(LISTS).backend(script).start().await;
        let answer = world.get("ana", &format!("/answered/{asked}")).await;
        assert_eq!(answer.status, status, "by the path: {told}");
    }
    let big = r#"{"rows":[{"id":9007199254740993,"assignee":"ana"},{"id":101.0,"assignee":"ana"}]}"#;
    let script = move |_: &Asked| Some(backend::answer(200, "content-type: application/json\r\n", big));
    let world = Setup::default().routes(LISTS).backend(script).start().await;
    let shown = world.get("ana", "/narrow").await;
    assert_eq!(shown.body, r#"{"rows":[{"id":9007199254740993,"assignee":"ana"}]}"#);
}

#[tokio::test]
async fn what_a_role_can_see_at_most_is_said_in_the_backends_query() {
    let kims = json!({"id": "105", "title": "CANARY-105-title", "assignee": "kim"});
    let all: Vec<_> = rows().into_iter().chain([kims]).collect();
    let world = telling(json!({"rows": all, "count": 5})).await;
    for user in ["kim", "sue", "adm"] {
        world.also_visible.lock().unwrap().push((user, "105"));
    }
    for (user, asked, narrowed, seen) in [
        // Their own alone; what stands in its way is replaced.
        ("kim", "?assignee_type=all&page=1", "?page=1&assignee_type=me&status=open", &["105"][..]),
        // Hers, and those of who is in her team.
        ("sue", "", "", &["101", "103", "105"]),
        // Whoever takes part sees more than their own: nothing may be left out.
        ("ana", "?a=1", "?a=1", &["101", "104"]),
        ("adm", "", "", &["101", "102", "103", "104", "105"]),
    ] {
        let shown = world.get(user, &format!("/narrow{asked}")).await;
        // Whether a backend listens or not: what it says too much is taken out all the same.
        assert_eq!(ids(&shown), seen, "{user}");
        assert_eq!(shown.json()["count"], seen.len(), "{user}");
        let line = world.backend.lines().pop().unwrap();
        assert_eq!(line, format!("GET /api/v1/accounts/1/narrow{narrowed}"), "{user}");
    }
    // Those of their team are those of its members, where an object has no team of its own.
    let shown = world.get("sue", "/errands").await;
    assert_eq!(ids(&shown), ["101", "105"]);
    let line = world.backend.lines().pop().unwrap();
    assert_eq!(line, "GET /api/v1/accounts/1/errands?team_of_assignee=sales");
}

#[tokio::test]
async fn who_asks_may_stand_within_what_is_said_in_the_backends_query() {
    let world = telling(json!({"rows": rows(), "count": 4})).await;
    for (user, asked, narrowed) in [
        ("kim", "?q=owner:ben&page=1", "?page=1&q=owner%3Akim%20open&%7Bof%7D=kim"),
        ("sue", "", "?filter=%7B%22team%22%3A%22sales%22%2C%22is%22%3A%7B%7D%7D&by=sue"),
        ("adm", "?q=owner:ben", "?q=owner:ben"),
    ] {
        let shown = world.get(user, &format!("/found{asked}")).await;
        assert_eq!(shown.status, 200, "{user}: {shown:?}");
        let line = world.backend.lines().pop().unwrap();
        assert_eq!(line, format!("GET /api/v1/accounts/1/found{narrowed}"), "{user}");
    }
}

#[tokio::test]
async fn who_cannot_be_decided_on_spoils_nobody_elses_list() {
    let row = |id: &str, owner: &str| json!({"id": id, "owner": owner, "name": format!("CANARY-{id}-name")});
    // Who has too many roles to be an actor, and of whom the directory tells nothing now.
    for other in ["hoard", "stale"] {
        let script = move |asked: &Asked| {
            let one = asked.target.ends_with("/502").then(|| row("502", other));
            let all = || json!({"rows": [row("501", "ana"), row("502", other)]});
            Some(backend::json(200, &one.unwrap_or_else(all)))
        };
        let world = Setup::default().routes(LISTS).backend(script).start().await;
        assert_eq!(world.get(other, "/owned").await.status, 503, "{other}");
        for user in ["sue", "ana"] {
            assert_eq!(ids(&world.get(user, "/owned").await), ["501"], "{user}");
            assert_eq!(world.get(user, "/owned/502").await.status, 404, "{user}: whose team is not known");
        }
        assert_eq!(ids(&world.get("adm", "/owned").await), ["501", "502"]);
    }
}

#[tokio::test]
async fn a20_a21_what_is_said_in_the_query_is_said_once_and_by_headgate() {
    let world = telling(json!({"rows": rows(), "count": 4})).await;
    for query in [
        "assignee_type=all",
        "assignee_type=me",
        "assignee_type",
        "assignee%5Ftype=all",
        "assignee_type[]=all",
        "assignee_type%5B%5D=all",
        "Assignee_Type=all",
        "page=1;assignee_type=all",
    ] {
        assert_eq!(ids(&world.get("kim", &format!("/narrow?{query}")).await), [""; 0], "{query}");
        let line = world.backend.lines().pop().unwrap();
        assert_eq!(line, "GET /api/v1/accounts/1/narrow?assignee_type=me&status=open", "{query}");
    }
    let asked = world.backend.lines().len();
    for query in [
        "assignee_type=me&assignee_type=all",
        "assignee_type=all&page=2&assignee_type=me",
        "assignee_type=me&assignee%5Ftype=all",
        "assignee_type=me&assignee_type[]=all",
        "assignee_type=me;assignee_type=all",
        "status=open&STATUS=all",
    ] {
        let answer = world.get("kim", &format!("/narrow?{query}")).await;
        assert_eq!((answer.status, answer.problem().as_str()), (400, "parameter"), "{query}");
    }
    assert_eq!(world.backend.lines().len(), asked);
    // To whom nothing is injected it is a parameter like any other.
    let query = "assignee_type=me&assignee_type=all&%2561ssignee_type=x";
    world.get("adm", &format!("/narrow?{query}")).await;
    assert_eq!(world.backend.lines().pop().unwrap(), format!("GET /api/v1/accounts/1/narrow?{query}"));
}

#[tokio::test]
async fn who_can_see_no_row_is_answered_without_a_question() {
    let world = telling(json!({"rows": rows(), "count": 4})).await;
    let shown = world.get("lou", "/narrow").await;
    assert_eq!(shown.json(), json!({"rows": [], "count": 0}));
    assert_eq!(shown.header("content-type"), Some("application/json"));
    assert_eq!(shown.header("cache-control"), Some("private, no-store"));
    let counted = world.get("lou", "/counted?page=3").await;
    let meta = json!({"mine": 0, "all": null});
    assert_eq!(counted.json(), json!({"data": {"rows": [], "meta": meta, "page": 3}, "next": null}));
    assert_eq!(world.backend.lines(), [""; 0]);
    // Where more than rows may be shown, it is the backend's to say.
    assert_eq!(world.get("lou", "/cards").await.json()["rows"], json!([]));
    assert_eq!(world.backend.lines().len(), 1);
    // Who may not even open the list is told so, as ever.
    assert_eq!(world.get("temp", "/narrow").await.status, 403);
}

#[tokio::test]
async fn i11_a_list_in_shadow_passes_unchanged_and_what_would_go_is_told() {
    let answer = json!({"rows": rows(), "count": 4, "next": "/page-2", "more": {"undeclared": true}});
    let script = move |_: &Asked| Some(backend::json(200, &answer));
    let world = Setup::default().routes(LISTS).backend(script).start().await;
    for object in ["102", "103"] {
        world.also_visible.lock().unwrap().push(("ana", object));
    }
    let shown = world.get("ana", "/shadow?page=1").await;
    assert_eq!(
        shown.json(),
        json!({"rows": rows(), "count": 4, "next": "/page-2", "more": {"undeclared": true}})
    );
    assert_eq!(
        world.backend.lines(),
        ["GET /api/v1/accounts/1/shadow?page=1"],
        "the page is the backend's own"
    );
    let record = world.decision(&shown);
    let removed = record.removed.as_ref().unwrap();
    assert_eq!((removed.rows, removed.undeclared), (2, 1));
    assert_eq!(record.shadow.as_deref(), Some("route"));
    assert_eq!(removed_in_all(&world), ["rows 2", "undeclared 1"], "what would have been is counted");
    // What is taken out of another list counts beside it.
    assert_eq!(ids(&world.get("ana", "/narrow").await), ["101", "104"]);
    assert_eq!(removed_in_all(&world), ["rows 4", "undeclared 3"]);
}

/// What was taken out of all answers so far, by the metric.
fn removed_in_all(world: &World) -> Vec<String> {
    let metrics = world.metrics();
    let counts =
        metrics.lines().filter_map(|line| line.strip_prefix("headgate_answers_removed_total{what=\""));
    let mut counts: Vec<_> = counts.map(|count| count.replace("\"}", "")).collect();
    counts.sort_unstable();
    counts
}

#[tokio::test]
async fn what_is_taken_out_of_answers_is_counted_by_what_it_is() {
    let person = |owner: &str, object: &str| json!({"owner": owner, "name": format!("CANARY-{object}-name"), "phone_number": "x"});
    let world = telling(json!({
        "rows": [
            {"id": 101, "assignee": "ana", "title": "CANARY-101-title", "person": person("ana", "501"), "more": 1},
            {"id": 104, "assignee": "ana", "person": person("ben", "502")},
            {"id": 102, "assignee": "ben", "person": person("ana", "501")},
            "no object",
        ],
        "beside": 1,
    }))
    .await;
    assert_eq!(removed_in_all(&world), [""; 0], "nothing yet");
    assert_eq!(ids(&world.get("ana", "/cards").await), ["101", "104"]);
    let removed = world.decision(&world.get("ana", "/cards").await);
    let removed = removed.removed.as_ref().unwrap();
    assert_eq!((removed.rows, removed.objects, removed.undeclared), (2, 1, 5));
    // Twice the same: ben's row, ben's person, the number of ana's; who is responsible, `more` and `beside`.
    assert_eq!(removed_in_all(&world), ["fields 2", "objects 2", "rows 2", "undeclared 10", "unfit_rows 2"]);
}

#[tokio::test]
async fn d05_a_count_and_a_link_that_are_taken_out_are_taken_out_of_what_passes_too() {
    let world = telling(json!({
        "count": 2,
        "next": "/CANARY-102-next",
        "meta": {"unread": 2, "links": {"next": "/CANARY-102-next"}, "version": 3},
        "rows": [{"id": 101, "assignee": "ana"}, {"id": 102, "assignee": "ben"}],
    }))
    .await;
    for (path, has_other) in [("/open", true), ("/open-beside", false)] {
        let some = world.get("ana", path).await;
        assert_eq!(ids(&some), ["101"], "{some:?}");
        let mut json = some.json();
        json.as_object_mut().unwrap().remove("rows");
        assert_eq!(json, json!({"meta": {"version": 3}}), "{path}");
        let every = world.get("adm", path).await.json();
        assert_eq!(every["meta"]["unread"], 2, "{path}");
        assert_eq!(every["next"].is_string(), has_other, "{path}");
    }
}

super::obeying::once_more!(
    d05_a_count_and_a_link_that_are_taken_out_are_taken_out_of_what_passes_too,
    who_asks_may_stand_within_what_is_said_in_the_backends_query,
    d03_what_stands_below_a_conversation_is_decided_on_as_the_conversation,
    d04_what_is_included_is_decided_on_by_itself,
    d05_no_count_and_no_link_tells_of_what_is_hidden,
    d05_a_header_that_the_routes_list_does_not_pass_with_some_of_the_rows,
    d05_no_count_tells_of_a_list_beside_one_that_is_seen_whole,
    d05_no_count_tells_of_rows_of_a_kind_that_no_policy_knows,
    an_object_that_cannot_be_read_where_it_is_looked_up_costs_nobody_the_list,
    d02_a_list_below_what_is_hidden_is_like_one_below_nothing,
    an_empty_answer_has_no_header_that_its_content_would_not_have_had,
    d08_a_row_that_cannot_be_got_by_its_id_is_dropped_and_counted,
    d17_nobody_is_nobodys_own: 1,
    d18_an_id_is_the_same_as_a_number_and_as_a_text_and_is_not_rounded,
    what_a_role_can_see_at_most_is_said_in_the_backends_query: 2,
    who_cannot_be_decided_on_spoils_nobody_elses_list,
    a20_a21_what_is_said_in_the_query_is_said_once_and_by_headgate: 8,
    who_can_see_no_row_is_answered_without_a_question,
    i11_a_list_in_shadow_passes_unchanged_and_what_would_go_is_told,
    what_is_taken_out_of_answers_is_counted_by_what_it_is,
);
