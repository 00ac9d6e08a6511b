//! Shadow mode beside the same requests without it, of every kind of answer: who is in shadow gets what there would be without rules, and
//! whatever would have been another answer is told.

use std::collections::BTreeMap;

use headgate::{
    gate::decisions::{Outcome, Record},
    policy::{
        Scope,
        source::{Fields, Forbid, Source},
    },
};
use serde_json::json;

use super::{
    backend::{self, Asked},
    world::{Answer, Setup, World},
};

const ENTITIES: &str = r#"
[entity.person]
resource = "contact"
id = "/id"
responsible = "/owner"
fields = ["id", "owner", "name", "phone_number"]

[entity.line]
resource = "contact"
responsible = "/owner"
fields = ["owner", "name", "phone_number"]

[entity.talk]
resource = "conversation"
id = "/id"
responsible = "/assignee"
participants = "/participants"
fields = ["id", "assignee", "participants"]

[entity.said]
resource = "message"
id = "/id"
part = true
kinds = [{ at = "/private", is = true, resource = "note" }]
"#;

/// One of each kind, below the account.
const ROUTES: &str = r#"
[[route]]
match = "GET /api/v1/accounts/{account}/persons/{id}"
entity = "person"
action = "view"
object = "answer"

[[route]]
match = "GET /api/v1/accounts/{account}/persons"
entity = "person"
action = "list"
items = "/payload"
fields_in = ["sort"]

[[route]]
match = "POST /api/v1/accounts/{account}/persons/filter"
entity = "person"
action = "list"
items = "/payload"
question = true
fields_at = ["/payload/*/attribute_key"]

[[route]]
match = "GET /api/v1/accounts/{account}/counted"
entity = "person"
action = "list"
items = "/payload"
totals = { null = ["/count"] }

[[route]]
match = "GET /api/v1/accounts/{account}/none"
entity = "person"
action = "list"
items = "/payload"
empty = "not-found"

[[route]]
match = "GET /api/v1/accounts/{account}/nothing"
entity = "person"
action = "list"
items = "/payload"

[[route]]
match = "GET /api/v1/accounts/{account}/firms/{firm}/persons"
entity = "person"
action = "list"
items = "/payload"

[[route]]
match = "GET /api/v1/accounts/{account}/broken"
entity = "person"
action = "list"
items = "/payload"

[[route]]
match = "GET /api/v1/accounts/{account}/pushed"
entity = "person"
action = "list"
items = "/payload"
push = { team = "team={team}" }

[[route]]
match = "GET /api/v1/accounts/{account}/objecting"
entity = "person"
action = "list"
items = "/payload"
errors = "pass"

[[route]]
match = "GET /api/v1/accounts/{account}/talks"
entity = "talk"
action = "list"
items = "/payload"
fields_in = ["sort"]
page = { number = "page", size = "per_page", size_default = 20 }

[[route]]
match = "GET /api/v1/accounts/{account}/failing/{id}"
entity = "talk"
action = "view"
object = "tag"

[[route]]
match = "GET /api/v1/accounts/{account}/lines/{file}"
entity = "line"
action = "export"
format = "csv"

[[route]]
match = "GET /api/v1/accounts/{account}/report"
resource = "contact"
action = "list"
keep = [""]

[[route]]
match = "GET /api/v1/accounts/{account}/news"
resource = "health"
action = "view"
keep = [""]

[[route]]
match = "GET /api/v1/accounts/{account}/pictures/{id}"
entity = "person"
action = "view"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/persons/{id}"
format = "whole"

[[route]]
match = "GET /api/v1/accounts/{account}/archive"
resource = "contact"
action = "export"
format = "whole"

[[route]]
match = "GET /api/v1/accounts/{account}/talks/{id}/messages/{message}/file"
resource = "media"
entity = "talk"
action = "view"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/talks/{id}"
part = true
format = "whole"
[route.stands_in]
entity = "said"
parameter = "message"
request = "GET /api/v1/accounts/{account}/talks/{id}/messages/{message}"
"#;

/// What is asked, and whether ana gets another answer than there would be without rules.
const QUESTIONS: [(&str, &str, bool); 42] = [
    ("GET /persons/501", "", true),
    ("GET /persons/502", "", true),
    ("GET /persons/503", "", false),
    ("GET /persons/503?phone_number=1", "", true),
    ("GET /persons/503?name=C", "", false),
    ("GET /persons/502?name=fails", "", true),
    ("GET /persons/503?name=fails", "", false),
    ("GET /persons/504?name=none", "", false),
    ("GET /persons?of=ana", "", false),
    ("GET /persons?of=all", "", true),
    ("GET /persons?of=ana&sort=name", "", false),
    ("GET /persons?of=ana&sort=phone_number", "", true),
    ("GET /persons?of=ana&limit=1", "", true),
    ("POST /persons/filter", "name", false),
    ("POST /persons/filter", "phone_number", true),
    ("GET /counted", "", true),
    ("GET /none", "", true),
    ("GET /nothing", "", true),
    ("GET /firms/999/persons", "", true),
    ("GET /broken", "", true),
    ("GET /pushed", "", false),
    ("GET /pushed?team=a&team=b", "", true),
    ("GET /objecting", "", true),
    ("GET /talks", "", false),
    ("GET /talks?sort=id", "", false),
    ("GET /talks?sort=title", "", true),
    ("GET /talks?page[]=2", "", true),
    ("GET /failing/101", "", false),
    ("GET /failing/102", "", true),
    ("GET /lines/of-ana", "", false),
    ("GET /lines/of-all", "", true),
    ("GET /lines/with-numbers", "", true),
    ("GET /lines/none", "", true),
    ("GET /report", "", true),
    ("GET /news", "", false),
    ("GET /pictures/501", "", true),
    ("GET /pictures/502", "", true),
    ("GET /archive", "", true),
    ("GET /talks/101/messages/1/file", "", false),
    ("GET /talks/101/messages/2/file", "", true),
    ("GET /talks/101/messages/3/file", "", true),
    ("GET /talks/102/messages/1/file", "", true),
];

/// What the backend says to a question, by its path and query.
fn said(question: &str) -> Option<(u16, &'static str)> {
    let of_ana = r#"{"payload": [{"id": 503, "owner": "ana", "name": "A"}]}"#;
    Some(match question {
        "/persons/501" => (200, r#"{"id": 501, "owner": "ana", "name": "A", "phone_number": "1"}"#),
        "/persons/502" => (200, r#"{"id": 502, "owner": "ben", "name": "B", "phone_number": "2"}"#),
        "/persons/503" => (200, r#"{"id": 503, "owner": "ana", "name": "C"}"#),
        "/persons?of=all" => {
            (200, r#"{"payload": [{"id": 502, "owner": "ben"}, {"id": 503, "owner": "ana"}]}"#)
        }
        "/counted" => (200, r#"{"payload": [{"id": 503, "owner": "ana"}], "count": 57}"#),
        "/none" => (200, r#"{"payload": []}"#),
        "/nothing" => (204, ""),
        "/broken" => (200, r#"{"payload": [{"id": 503, "owner": "ana"}], "payload": []}"#),
        "/objecting" => (422, r#"{"error": "B has no number"}"#),
        "/talks" => (
            200,
            r#"{"payload": [{"id": 101, "assignee": "ana"}, {"id": 104, "assignee": "ben", "participants": ["ana"]}]}"#,
        ),
        "/talks?page=2" => (200, r#"{"payload": []}"#),
        "/talks/101" => (200, r#"{"id": 101, "assignee": "ana"}"#),
        "/talks/102" => (200, r#"{"id": 102, "assignee": "ben"}"#),
        "/talks/101/messages/1" | "/talks/102/messages/1" => (200, r#"{"id": 1, "private": false}"#),
        "/talks/101/messages/2" => (200, r#"{"id": 2, "private": true}"#),
        "/lines/of-ana" => (200, "owner,name\r\nana,A\r\n"),
        "/lines/of-all" => (200, "owner,name\r\nana,A\r\nben,B\r\n"),
        "/lines/with-numbers" => (200, "owner,name,phone_number\r\nana,A,1\r\n"),
        "/lines/none" => (200, "owner,name\r\n"),
        "/persons/504" | "/persons/504?name=none" | "/firms/999/persons" => (404, "none"),
        "/failing/101" | "/failing/102" | "/persons/502?name=fails" | "/persons/503?name=fails" => {
            (500, "no")
        }
        "/report" | "/news" => (200, r#"{"people": 57}"#),
        file if file.ends_with("/file") || file.starts_with("/pictures/") || file == "/archive" => {
            (200, FILE)
        }
        list => {
            let (path, _) = list.split_once('?').unwrap_or((list, ""));
            return match path {
                "/persons" | "/persons/filter" | "/pushed" => Some((200, of_ana)),
                "/persons/503" | "/talks" => said(path),
                _ => None,
            };
        }
    })
}

/// Longer than what is read of an answer here.
const FILE: &str = "\
    a picture, or the end of one, a picture, or the end of one, a picture, or the end of one, \
    a picture, or the end of one, a picture, or the end of one, a picture, or the end of one";

fn told(asked: &Asked) -> Option<Vec<u8>> {
    let (status, body) = said(asked.target.strip_prefix("/api/v1/accounts/1")?)?;
    Some(backend::answer(status, "content-type: application/json\r\n", body))
}

/// Agents see whom they are responsible for without a number, and of talks they take part in alone the title; no notes.
fn rights(source: &mut Source) {
    let agent = source.roles.get_mut("agent").unwrap();
    let own = BTreeMap::from([("view".to_owned(), Scope::Own)]);
    agent.grants.insert("media".to_owned(), own);
    let hidden = Fields { hidden: vec!["title".to_owned()], ..Fields::default() };
    agent.fields.insert("conversation".to_owned(), hidden);
}

/// What is in shadow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum In {
    Nothing,
    Route,
    Role,
}

async fn world(what: In) -> World {
    let routes = match what {
        In::Route => ROUTES.replace("[[route]]\n", "[[route]]\nshadow = true\n"),
        In::Nothing | In::Role => ROUTES.to_owned(),
    };
    let policy = move |source: &mut Source| {
        rights(source);
        source.roles.get_mut("agent").unwrap().shadow = what == In::Role;
    };
    let setup =
        Setup::default().headgate("api_answer_bytes_max = \"150B\"\n").routes(ENTITIES).routes(&routes);
    setup.policy(policy).backend(told).start().await
}

async fn asks(world: &World, user: &str, (question, field): (&str, &str)) -> Answer {
    let (method, path) = question.split_once(' ').unwrap();
    match field {
        "" => world.get(user, path).await,
        field => world.write(user, method, path, &json!({"payload": [{"attribute_key": field}]})).await,
    }
}

/// Status and content, without what a refusal has of its own.
fn shown(answer: &Answer) -> (u16, String) {
    let (status, _, body) = answer.told();
    (status, body)
}

/// Whether the operators are told that there would have been another answer; `None`: neither that nor the contrary.
fn is_told(record: &Record) -> Option<bool> {
    let is_told = record.outcome == Outcome::WouldDeny || record.removed.is_some();
    (record.shadow.is_some() == is_told).then_some(is_told)
}

#[tokio::test]
async fn i11_whatever_would_be_another_answer_passes_in_shadow_and_is_told() {
    let enforced = world(In::Nothing).await;
    let (route, role) = (world(In::Route).await, world(In::Role).await);
    let mut wrong = Vec::new();
    for (question, field, differs) in QUESTIONS {
        let asked = (question, field);
        let refused = shown(&asks(&enforced, "ana", asked).await);
        let who_sees_all = shown(&asks(&enforced, "adm", asked).await);
        let as_it_is = match said(question.split_once(' ').unwrap().1).unwrap() {
            // What the backend says of its own troubles, and of what is not there, is shown to nobody.
            (404 | 500.., _) => who_sees_all.clone(),
            (status, body) => (status, body.to_owned()),
        };
        if (refused != as_it_is) != differs {
            wrong.push(format!("{question} {field}: without shadow {refused:?}"));
        }
        for (what, world, free) in [(In::Route, &route, as_it_is), (In::Role, &role, who_sees_all)] {
            let answer = asks(world, "ana", asked).await;
            let (passed, record) = (shown(&answer), world.decision(&answer));
            if passed != free {
                wrong.push(format!("{question} {field}, {what:?}: {passed:?} for {free:?}"));
            }
            if is_told(&record) != Some(passed != refused) {
                wrong.push(format!("{question} {field}, {what:?}: {refused:?} is told as {record:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn i11_who_has_a_role_in_shadow_gets_a_file_by_its_name() {
    let script = |asked: &Asked| {
        let (status, body) = said(asked.target.strip_prefix("/api/v1/accounts/1")?)?;
        let headers =
            "content-type: text/csv\r\ncontent-disposition: attachment; filename=\"people.csv\"\r\n";
        Some(backend::answer(status, headers, body))
    };
    let entities = ENTITIES.replace(r#"fields = ["owner", "name", "phone_number"]"#, r#"fields = ["*"]"#);
    let policy = |source: &mut Source| {
        rights(source);
        source.roles.get_mut("agent").unwrap().shadow = true;
    };
    let world =
        Setup::default().routes(&entities).routes(ROUTES).policy(policy).backend(script).start().await;
    let name = async |user: &str| {
        let answer = world.get(user, "/lines/of-all").await;
        (answer.status, answer.header("content-disposition").map(str::to_owned))
    };
    let expected = (200, Some("attachment; filename=\"people.csv\"".to_owned()));
    assert_eq!((name("adm").await, name("ana").await), (expected.clone(), expected));
}

/// A list that Headgate counts out, in which a forbid hides a field of some rows.
const STAGED: &str = r#"
[entity.staged]
resource = "conversation"
id = "/id"
responsible = "/assignee"
stage = "/stage"
fields = ["id", "assignee", "stage", "title"]

[[route]]
match = "GET /api/v1/accounts/{account}/staged"
entity = "staged"
action = "list"
items = "/payload"
fields_in = ["sort"]
totals = { recompute = ["/count"] }
page = { number = "page", size_default = 4 }
"#;

#[tokio::test]
async fn i11_a_role_in_shadow_refuses_no_question_that_would_pass_without_it_and_opens_nothing_that_is_forbidden()
 {
    // Of each the id, whose it is, and where it stands.
    let rows = [
        (1, "ana", "new"),
        (2, "ben", "new"),
        (3, "ana", "legal"),
        (4, "ben", "legal"),
        (5, "ana", "new"),
        (6, "ana", "new"),
    ];
    let script = move |asked: &Asked| {
        let page = asked.number("page").unwrap_or(1);
        let row = |(id, owner, stage): &(usize, &str, &str)| json!({"id": id, "assignee": owner, "stage": stage, "title": "T"});
        let rows: Vec<_> = rows.iter().skip((page - 1) * 4).take(4).map(row).collect();
        Some(backend::json(200, &json!({"payload": rows, "count": 6})))
    };
    let world = async |is_in_shadow: bool, fields: &'static [&str]| {
        let policy = move |source: &mut Source| {
            let agent = source.roles.get_mut("agent").unwrap();
            agent.shadow = is_in_shadow;
            source.forbids.push(Forbid {
                name: "not-the-lawyers".to_owned(),
                resource: "conversation".to_owned(),
                actions: vec!["view".to_owned(), "list".to_owned()],
                stage: vec!["legal".to_owned()],
                fields: fields.iter().map(|name| (*name).to_owned()).collect(),
                ..Forbid::default()
            });
        };
        let world = Setup::default().routes(STAGED).policy(policy).backend(script).start().await;
        world.also_visible.lock().unwrap().extend([("ana", "101"), ("ana", "102")]);
        world
    };
    let ids = |answer: &Answer| {
        assert_eq!(answer.status, 200, "{answer:?}");
        let json = answer.json();
        json["payload"].as_array().unwrap().iter().map(|row| row["id"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    for (fields, query, without, with) in [
        (&["title"][..], "", &[1, 3, 5, 6][..], &[1, 2, 3, 4][..]),
        (&["title"], "?sort=id", &[1, 3, 5, 6], &[1, 2, 3, 4]),
        // Rows that hide it do not come, and nothing tells that they are there.
        (&["title"], "?sort=title", &[1, 5, 6], &[1, 2, 5, 6]),
        (&[], "", &[1, 5, 6], &[1, 2, 5, 6]),
        (&[], "?sort=title", &[1, 5, 6], &[1, 2, 5, 6]),
    ] {
        let (enforced, shadowed) = (world(false, fields).await, world(true, fields).await);
        let path = format!("/staged{query}");
        let (refused, passed) = (enforced.get("ana", &path).await, shadowed.get("ana", &path).await);
        assert_eq!((ids(&refused), ids(&passed)), (without.to_vec(), with.to_vec()), "{fields:?} {query}");
        let everything = shadowed.get("adm", &path).await;
        assert_eq!(shown(&passed), shown(&everything), "{fields:?} {query}: as to who may everything");
        assert_eq!(is_told(&shadowed.decision(&passed)), Some(true), "{fields:?} {query}");
        assert_eq!(shadowed.decision(&everything).shadow, None, "{fields:?} {query}");
    }
}

/// A list that goes on by a cursor.
const WALKED: &str = r#"
[entity.staged]
resource = "conversation"
id = "/id"
responsible = "/assignee"
stage = "/stage"
fields = ["id", "assignee", "stage"]

[[route]]
match = "GET /api/v1/accounts/{account}/walked"
entity = "staged"
action = "list"
items = "/payload"
page = { cursor = "cursor", next = "/next" }
"#;

#[tokio::test]
async fn i11_who_goes_on_by_a_cursor_in_a_roles_shadow_would_not_be_refused_without_it() {
    let script = |asked: &Asked| {
        let page = asked.number("cursor").unwrap_or(1);
        let row = |at: usize| {
            let (assignee, stage) = (["ana", "ben"][at % 2], ["new", "legal"][at / 3]);
            json!({"id": page * 10 + at, "assignee": assignee, "stage": stage})
        };
        let rows: Vec<_> = (0..4).map(row).collect();
        Some(backend::json(200, &json!({"payload": rows, "next": (page < 4).then_some(page + 1)})))
    };
    let policy = |source: &mut Source| {
        source.roles.get_mut("agent").unwrap().shadow = true;
        source.forbids.push(Forbid {
            name: "not-the-lawyers".to_owned(),
            resource: "conversation".to_owned(),
            actions: vec!["view".to_owned(), "list".to_owned()],
            stage: vec!["legal".to_owned()],
            ..Forbid::default()
        });
    };
    let world = Setup::default().routes(WALKED).policy(policy).backend(script).start().await;
    let (mut path, mut pages) = ("/walked".to_owned(), 0);
    loop {
        let answer = world.get("ana", &path).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let record = world.decision(&answer);
        assert_eq!(record.outcome, Outcome::Allowed, "{pages}: {record:?}");
        assert_eq!(is_told(&record), Some(true), "{pages}: {record:?}");
        pages += 1;
        let json = answer.json();
        let Some(cursor) = json["next"].as_str() else { break };
        path = format!("/walked?cursor={cursor}");
    }
    assert_eq!(pages, 3, "of twelve rows, four each");
}

#[tokio::test]
async fn i11_an_object_that_would_not_have_been_asked_for_is_told_whatever_the_backend_says_of_it() {
    const ROUTES: &str = r#"
[[route]]
match = "GET /api/v1/accounts/{account}/handed/{id}"
entity = "person"
action = "export"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/persons/{id}"
"#;
    for (status, told) in [(200, 200), (204, 204), (500, 500)] {
        for what in [In::Nothing, In::Route, In::Role] {
            let script = move |asked: &Asked| {
                let is_handed = asked.target.contains("/handed/");
                let object = r#"{"id": 502, "owner": "ben", "name": "CANARY-502-name"}"#;
                let body = if status == 200 || !is_handed { object } else { "" };
                let status = if is_handed { status } else { 200 };
                Some(backend::answer(status, "content-type: application/json\r\n", body))
            };
            let policy = move |source: &mut Source| {
                rights(source);
                let agent = source.roles.get_mut("agent").unwrap();
                let contacts = [("view".to_owned(), Scope::Own), ("export".to_owned(), Scope::All)];
                agent.grants.insert("contact".to_owned(), contacts.into());
                agent.shadow = what == In::Role;
            };
            let routes = match what {
                In::Route => ROUTES.replace("[[route]]\n", "[[route]]\nshadow = true\n"),
                In::Nothing | In::Role => ROUTES.to_owned(),
            };
            let world = Setup::default().routes(ENTITIES).routes(&routes).policy(policy).backend(script);
            let world = world.start().await;
            world.also_visible.lock().unwrap().push(("ana", "502"));
            let answer = world.get("ana", "/handed/502").await;
            let record = world.decision(&answer);
            if what == In::Nothing {
                assert_eq!(answer.status, 404, "{status}");
            } else {
                assert_eq!(answer.status, told, "{status} {what:?}");
                assert_eq!(
                    (record.outcome, is_told(&record)),
                    (Outcome::WouldDeny, Some(true)),
                    "{status} {what:?}"
                );
            }
        }
    }
}
