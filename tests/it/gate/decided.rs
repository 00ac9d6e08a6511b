//! Facts, refusals, what is told of a decision, and what of an answer is shown.

use headgate::{
    gate::decisions::Outcome,
    ids::UserId,
    policy::{Source, source::Forbid},
};
use serde_json::json;

use super::{
    backend::{self, Asked},
    world::{Answer, Setup, conversation, world},
};

#[tokio::test]
async fn d02_what_is_hidden_and_what_is_missing_answer_alike() {
    let world = world().await;
    // Of whom the directory cannot tell now in which teams they are.
    world
        .change("104", |tag| (tag.responsible, tag.participants) = (Some(UserId::new("stale")), vec![]))
        .await;
    // Refused tags, an unknown tag, a hidden and a missing object of the answer and of a prefetch, and no route.
    let mut answers = Vec::new();
    for path in [
        "/conversations/102",
        "/conversations/104",
        "/conversations/999999",
        "/answered/102",
        "/answered/999999",
        "/contacts/502",
        "/contacts/999999",
        "/no-such-thing",
    ] {
        let mut answer = world.get("ana", path).await;
        assert_eq!(answer.status, 404, "{path}");
        let id = answer.header("headgate-decision").unwrap().to_owned();
        answer.body = answer.body.replace(&id, "ID");
        answer.headers.retain(|(name, _)| name != "date" && name != "headgate-decision");
        answers.push((answer.headers, answer.body));
    }
    assert!(answers.windows(2).all(|two| two[0] == two[1]), "{answers:#?}");
}

#[tokio::test]
async fn a_refusal_that_need_not_hide_is_403() {
    let world = world().await;
    let answer = world.get("ana", "/shown/102").await;
    assert_eq!((answer.status, answer.problem().as_str()), (403, "forbidden"));
    assert_eq!(world.get("ana", "/shown/999999").await.status, 403, "and tells nothing of what there is");
    assert_eq!(world.backend.lines(), [""; 0]);
}

#[tokio::test]
async fn who_sees_an_object_is_told_that_something_may_not_be_done_to_it() {
    let world = world().await;
    let edit = async |id: &str| {
        let answer =
            world.write("ana", "PATCH", &format!("/conversations/{id}"), &json!({"title": "x"})).await;
        (answer.status, answer.problem())
    };
    let forbidden = (403, "forbidden".to_owned());
    assert_eq!(edit("104").await, forbidden, "taking part in it is seeing it, not editing it");
    for unseen in ["102", "999999"] {
        assert_eq!(edit(unseen).await, (404, "not-found".to_owned()), "{unseen}");
    }
    assert_eq!(world.backend.lines(), [""; 0]);
}

#[tokio::test]
async fn a_tag_decides_from_the_moment_it_is_written() {
    let world = world().await;
    world.also_visible.lock().unwrap().push(("ana", "102"));
    let status = async |user: &str, id: &str| world.get(user, &format!("/conversations/{id}")).await.status;
    assert_eq!((status("ana", "102").await, status("ana", "101").await), (404, 200));
    world.change("102", |tag| tag.responsible = Some(UserId::new("ana"))).await;
    assert_eq!((status("ana", "102").await, status("ben", "102").await), (200, 404));
    world.change("102", |tag| tag.responsible = None).await;
    assert_eq!(status("ana", "102").await, 404);
    world.change("102", |tag| tag.participants = vec![UserId::new("ana")]).await;
    assert_eq!(status("ana", "102").await, 200);
    world.change("102", |tag| tag.participants.clear()).await;
    assert_eq!(status("ana", "102").await, 404);
}

#[tokio::test]
async fn an_answer_is_decided_on_before_a_byte_of_it_is_shown() {
    let world = world().await;
    for (user, id, status) in [
        ("ana", "101", 200),
        ("ana", "102", 404),
        ("ana", "104", 200),
        ("sue", "103", 200),
        ("ben", "101", 404),
    ] {
        let answer = world.get(user, &format!("/answered/{id}")).await;
        assert_eq!(answer.status, status, "{user} {id}: {answer:?}");
    }
}

#[tokio::test]
async fn an_object_that_is_not_the_one_asked_for_is_not_shown() {
    for object in [
        json!({"id": "102", "assignee": "ana"}),
        json!({"assignee": "ana"}),
        json!([{"id": "101", "assignee": "ana"}]),
        json!("101"),
    ] {
        let other = object.clone();
        let world = Setup::default().backend(move |_| Some(backend::json(200, &other))).start().await;
        let is_another = object["id"] == "102";
        let told = if is_another { (404, "not-found") } else { (502, "unreadable") };
        // By Headgate's own question, and by the answer itself.
        for path in ["/contacts/101", "/answered/101"] {
            let answer = world.get("adm", path).await;
            assert_eq!((answer.status, answer.problem().as_str()), told, "{path}");
        }
    }
    let twice = r#"{"id":"101","assignee":"ben","assignee":"ana"}"#;
    for (headers, body) in [
        ("content-type: application/json\r\n", twice),
        ("content-type: application/json; charset=utf-16\r\n", r#"{"id":"101","assignee":"ana"}"#),
        ("content-type: application/json\r\ncontent-encoding: gzip\r\n", r#"{"id":"101","assignee":"ana"}"#),
        ("content-type: application/json\r\n", "{"),
    ] {
        let world =
            Setup::default().backend(move |_| Some(backend::answer(200, headers, body))).start().await;
        assert_eq!(world.get("adm", "/answered/101").await.status, 502, "{headers} {body}");
    }
}

#[tokio::test]
async fn an_object_that_nobody_can_read_is_a_fault_to_everybody_and_by_its_tag_to_who_may_see_it() {
    let twice = r#"{"id":"101","assignee":"ana","owner":"ana","id":"101"}"#;
    let large = format!(r#"{{"id":"101","assignee":"ana","owner":"ana","more":"{}"}}"#, "x".repeat(3000));
    for body in [twice, "{", "[]", &large] {
        let (told, answer) = (format!("{body:.60}"), body.to_owned());
        let script =
            move |_: &Asked| Some(backend::answer(200, "content-type: application/json\r\n", &answer));
        let world =
            Setup::default().headgate("api_answer_bytes_max = \"2KiB\"\n").backend(script).start().await;
        let faults = async |users: &[&str], path: &str| {
            for user in users {
                let answer = world.get(user, path).await;
                assert_eq!(
                    (answer.status, answer.problem().as_str()),
                    (502, "unreadable"),
                    "{told}: {user} {path}"
                );
            }
        };
        // Whose it is stands in what cannot be read: by Headgate's own question, and by the answer itself.
        for path in ["/contacts/101", "/answered/101"] {
            faults(&["ana", "ben", "sue", "adm"], path).await;
        }
        let write = world.write("ana", "PUT", "/contacts/101", &json!({"contact": {"name": "x"}})).await;
        assert_eq!((write.status, write.problem().as_str()), (502, "unreadable"), "{told}");
        // Or in its tag, which is asked first.
        faults(&["ana"], "/conversations/101").await;
        let hidden = world.get("ben", "/conversations/101").await;
        assert_eq!(hidden.told(), world.get("ben", "/conversations/999").await.told(), "{told}");
        assert_eq!(hidden.status, 404, "{told}");
        assert!(!world.backend.lines().iter().any(|line| line.starts_with("PUT")), "{told}");
    }
}

#[tokio::test]
async fn a_prefetch_is_headgates_own_request_and_is_used_again() {
    let world = world().await;
    assert_eq!(world.get("adm", "/contacts/501").await.status, 200);
    let asked = world.backend.seen();
    assert_eq!((asked[0].line(), asked[1].line()), (asked[1].line(), asked[0].line()));
    assert_eq!(
        (asked[0].all("headgate-actor"), asked[1].all("headgate-actor")),
        (vec!["headgate"], vec!["adm"])
    );
    assert_eq!(world.get("ben", "/contacts/501").await.status, 404, "by the same facts");
    assert_eq!(world.backend.seen().len(), 2);
    // A write may change them.
    assert_eq!(
        world.write("adm", "PUT", "/contacts/501", &json!({"contact": {"name": "x"}})).await.status,
        200
    );
    assert_eq!(world.get("ben", "/contacts/501").await.status, 404);
    assert_eq!(world.backend.seen().len(), 4);
}

#[tokio::test]
async fn who_has_no_team_of_their_own_is_reached_by_the_teams_of_the_responsible() {
    let world = world().await;
    // The contact names no team; ana, who is responsible, is in sue's.
    assert_eq!(world.get("sue", "/contacts/501").await.status, 200);
    assert_eq!(world.get("sue", "/contacts/502").await.status, 404);
}

#[tokio::test]
async fn a_team_of_its_own_takes_nothing_from_the_teams_of_the_responsible() {
    let world = world().await;
    world.also_visible.lock().unwrap().extend([("sue", "102"), ("ana", "102")]);
    world.change("102", |tag| tag.responsible = Some(UserId::new("ana"))).await;
    // It waits in a team that sue is not in; ana, who is responsible now, is in sue's.
    assert_eq!(world.get("sue", "/conversations/102").await.status, 200);
    world.change("102", |tag| tag.responsible = None).await;
    assert_eq!(world.get("sue", "/conversations/102").await.status, 404);
}

#[tokio::test]
async fn what_is_not_known_may_be_what_a_forbid_names() {
    let boards = |source: &mut Source| {
        let actions = ["view", "edit", "delete"].map(str::to_owned).to_vec();
        source.forbids.push(Forbid {
            name: "board".to_owned(),
            resource: "conversation".to_owned(),
            actions,
            account: Some("wa-2".to_owned()),
            ..Forbid::default()
        });
    };
    let world = Setup::default().policy(boards).start().await;
    let status = async |id: &str| world.get("adm", &format!("/conversations/{id}")).await.status;
    assert_eq!(status("101").await, 200, "its tag says that it stands elsewhere");
    let asked = world.backend.seen().len();
    // Another spelling of an id has no tag: nobody knows where the conversation stands, and a backend might know it.
    for id in ["0101", "101x", "+101", "999999"] {
        assert_eq!(status(id).await, 404, "{id}");
        let line = format!("DELETE /api/v1/accounts/1/conversations/{id}");
        assert_eq!(world.send("adm", &line, "", "").await.status, 404, "{id}");
    }
    assert_eq!(world.backend.seen().len(), asked, "the backend was not asked");
}

#[tokio::test]
async fn an_object_is_shown_without_the_fields_that_are_hidden() {
    let world = world().await;
    for (user, phone) in [("ana", false), ("adm", true)] {
        let answer = world.get(user, "/contacts/501").await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
        let contact = answer.json();
        assert_eq!(contact["name"], "CANARY-501-name");
        assert_eq!(contact.get("phone_number").is_some(), phone, "{user}");
    }
}

/// Contacts, which stand in no team but their owner's: the backend can be asked for those of a team.
const CONTACTS: &str = r#"
[[route]]
match = "GET /api/v1/accounts/{account}/contacts"
entity = "contact"
action = "list"
items = "/payload"
push = { team = "team_of_assignee={team}" }
"#;

#[tokio::test]
async fn d01_d07_a_list_shows_each_row_to_who_may_get_it() {
    // What the backend has, and a conversation of kim's, who sees their own alone.
    let script = |asked: &backend::Asked| {
        let kims = json!({"id": "105", "title": "CANARY-105-title", "assignee": "kim", "team": "sales"});
        let rows = ["101", "102", "103", "104"].map(conversation).into_iter().chain([kims.clone()]);
        match asked.target.split('?').next()?.strip_prefix("/api/v1/accounts/1/")? {
            "conversations" => Some(backend::json(200, &json!({"payload": rows.collect::<Vec<_>>()}))),
            "answered/105" => Some(backend::json(200, &kims)),
            _ => None,
        }
    };
    let world = Setup::default().routes(CONTACTS).backend(script).start().await;
    world.also_visible.lock().unwrap().extend([
        ("kim", "105"),
        ("sue", "105"),
        ("adm", "105"),
        ("adm", "500"),
    ]);
    let ids = async |user: &str, list: &str| {
        let list = world.get(user, list).await.json();
        let id = |row: &serde_json::Value| row["id"].as_str().unwrap().to_owned();
        list["payload"].as_array().unwrap().iter().map(id).collect::<Vec<_>>()
    };
    for (user, expected) in [
        ("ana", &["101", "104"][..]),
        ("ben", &["102", "104"]),
        ("kim", &["105"]),
        ("sue", &["101", "103", "105"]),
        ("adm", &["101", "102", "103", "104", "105"]),
    ] {
        assert_eq!(ids(user, "/conversations").await, expected, "{user}");
        for id in ["101", "102", "103", "104", "105"] {
            let got = world.get(user, &format!("/answered/{id}")).await.status == 200;
            assert_eq!(got, expected.contains(&id), "{user} {id}");
        }
    }
    for (user, expected) in
        [("ana", &["501"][..]), ("ben", &["502"]), ("sue", &["501"]), ("adm", &["500", "501", "502"])]
    {
        assert_eq!(ids(user, "/contacts").await, expected, "{user}");
        for id in ["501", "502"] {
            let got = world.get(user, &format!("/contacts/{id}")).await.status == 200;
            assert_eq!(got, expected.contains(&id), "{user} {id}");
        }
    }
    let pushed = |name: &str| world.backend.lines().iter().filter(|line| line.contains(name)).count();
    assert_eq!(
        (pushed("assignee_type=me"), pushed("team_of_assignee=")),
        (1, 3),
        "the backend is told what it may leave out"
    );
}

#[tokio::test]
async fn a_write_is_decided_by_the_fields_that_it_names() {
    let world = world().await;
    for (user, path, body, status) in [
        ("ana", "/conversations/101", json!({"title": "x"}), 200),
        ("ana", "/conversations/101", json!({"assignee": "ana"}), 403),
        ("ana", "/conversations/101", json!({"title": "x", "assignee": "ana"}), 403),
        ("ana", "/conversations/102", json!({"title": "x"}), 404),
        ("ana", "/conversations/104", json!({"title": "x"}), 403),
        ("sue", "/conversations/101", json!({"assignee": "ana"}), 200),
        ("sue", "/conversations/102", json!({"assignee": "sue"}), 404),
        ("adm", "/conversations/102", json!({"assignee": "ana"}), 200),
    ] {
        let before = world.backend.seen().len();
        let answer = world.write(user, "PATCH", path, &body).await;
        assert_eq!(answer.status, status, "{user} {path} {body}");
        assert_eq!(world.backend.seen().len() - before, usize::from(status == 200), "{user} {path} {body}");
    }
}

#[tokio::test]
async fn a_write_below_a_pointer_is_decided_by_what_stands_there_and_beside() {
    let world = world().await;
    let put = async |body: &serde_json::Value| world.write("ana", "PUT", "/contacts/501", body).await.status;
    assert_eq!(put(&json!({"contact": {"phone_number": "1"}})).await, 403);
    assert_eq!(put(&json!({"contact": {"name": "x"}, "phone_number": "1"})).await, 403);
    assert_eq!(put(&json!({"name": "x"})).await, 400);
    assert!(world.backend.lines().iter().all(|line| line.starts_with("GET")));
    // The write is made; its echo is shown like the contact itself.
    let echo = world.write("ana", "PUT", "/contacts/501", &json!({"contact": {"name": "x"}})).await;
    assert_eq!((echo.status, echo.json().get("phone_number")), (200, None));
}

#[tokio::test]
async fn a_body_that_can_be_read_in_two_ways_is_not_forwarded() {
    let world = world().await;
    let line = "PATCH /api/v1/accounts/1/conversations/101";
    for (media, body, status) in [
        ("application/json", r#"{"title":"x","assignee":"y","assignee":"z"}"#, 400),
        ("application/json", r#"{"title":"x","title":"y"}"#, 400),
        ("application/json", "[]", 400),
        ("application/json", "{", 400),
        ("text/plain", "{}", 415),
        ("application/json; charset=utf-16", "{}", 415),
        ("multipart/form-data; boundary=x", "{}", 415),
    ] {
        let answer = world.send("ana", line, &format!("Content-Type: {media}\r\n"), body).await;
        assert_eq!(answer.status, status, "{media} {body}");
    }
    let large = json!({"title": "x".repeat(2000)});
    assert_eq!(world.write("ana", "PATCH", "/conversations/101", &large).await.status, 413);
    assert_eq!(world.backend.lines(), [""; 0]);
}

#[tokio::test]
async fn what_the_backend_says_of_its_own_troubles_is_not_shown() {
    for (status, told) in [
        (400, 400),
        (401, 502),
        (403, 404),
        (404, 404),
        (407, 502),
        (409, 409),
        (410, 404),
        (422, 422),
        (429, 429),
        (500, 500),
        (502, 502),
        (503, 503),
        (504, 504),
        (301, 502),
        (304, 502),
    ] {
        let script = move |_: &backend::Asked| {
            let headers = "location: /CANARY-102-x\r\ncontent-type: text/html\r\n";
            Some(match status {
                304 => b"HTTP/1.1 304 Same\r\netag: CANARY-102-x\r\n\r\n".to_vec(),
                status => backend::answer(status, headers, "CANARY-102-x"),
            })
        };
        let world = Setup::default().backend(script).start().await;
        let answer = world.get("ana", "/conversations/101").await;
        assert_eq!(answer.status, told, "{status}: {answer:?}");
        answer.problem();
        assert_eq!(answer.json()["decision"], answer.header("headgate-decision").unwrap());
    }
}

#[tokio::test]
async fn d11_e04_an_error_of_the_backend_is_told_without_what_it_quotes() {
    let script = |asked: &backend::Asked| {
        let quoted =
            json!({"errors": ["phone number already taken by CANARY-502-name"], "phone_number": "1"});
        let answer =
            backend::answer(422, "content-type: application/json\r\nretry-after: 7\r\n", &quoted.to_string());
        (asked.method == "PATCH").then_some(answer)
    };
    let errors = "[[route]]\nmatch = 'PATCH /api/v1/accounts/{account}/passing/contacts/{id}'\n\
                  entity = 'contact'\naction = 'edit'\nobject = 'prefetch'\nerrors = 'pass'\n\
                  prefetch = 'GET /api/v1/accounts/{account}/contacts/{id}'\n\
                  [[route]]\nmatch = 'PATCH /api/v1/accounts/{account}/passing/{id}'\nentity = 'conversation'\n\
                  action = 'edit'\nobject = 'tag'\nerrors = 'pass'\n";
    let world = Setup::default().backend(script).routes(errors).start().await;
    let answer = world.write("ana", "PATCH", "/conversations/101", &json!({"title": "x"})).await;
    assert_eq!((answer.status, answer.problem().as_str()), (422, "declined"));
    assert_eq!(answer.header("retry-after"), Some("7"), "when to come again is told");
    assert_eq!(world.decision(&answer).reason, "backend_objected");
    // A route may let them pass: to who may see whatever they could quote, and to nobody else.
    for user in ["ana", "sue"] {
        let answer = world.write(user, "PATCH", "/passing/101", &json!({"title": "x"})).await;
        assert_eq!((answer.status, answer.problem().as_str()), (422, "declined"), "{user}: another's");
    }
    let answer = world.write("adm", "PATCH", "/passing/101", &json!({"title": "x"})).await;
    assert_eq!((answer.status, answer.json()["phone_number"].as_str()), (422, Some("1")));
    let answer = world.write("ana", "PATCH", "/passing/contacts/501", &json!({"name": "x"})).await;
    assert_eq!((answer.status, answer.problem().as_str()), (422, "declined"), "a hidden field");
}

#[tokio::test]
async fn i11_a_route_in_shadow_refuses_nothing_and_tells_what_it_would_have() {
    let world = world().await;
    let passed = world.get("ana", "/shadowed/102").await;
    assert_eq!(passed.status, 200);
    assert_eq!(world.decision(&passed).outcome, Outcome::WouldDeny);
    assert_eq!(world.decision(&passed).reason, "out_of_scope");
    assert_eq!(world.get("ana", "/conversations/102").await.status, 404, "every other route still refuses");
    let metrics = world.metrics();
    // One of each tenant.
    assert!(metrics.contains("headgate_shadow_routes 2\n"), "{metrics}");
    let counted = r#"headgate_decisions_total{outcome="would_deny",reason="out_of_scope"} 1"#;
    assert!(metrics.contains(counted), "{metrics}");
}

#[tokio::test]
async fn i13_a_decision_is_told_without_what_was_said() {
    let world = world().await;
    let line = "PATCH /api/v1/accounts/1/conversations/102?secret=q-value";
    let headers = "Content-Type: application/json\r\nCookie: c-value\r\nUser-Agent: u-value\r\n";
    let answer = world.send("ana", line, headers, r#"{"assignee":"b-value"}"#).await;
    let record = world.decision(&answer);
    assert_eq!((record.outcome, record.status), (Outcome::Denied, 404));
    assert_eq!(record.user.as_ref().map(UserId::as_str), Some("ana"));
    assert_eq!(record.path.as_deref(), Some("/api/v1/accounts/1/conversations/102"));
    assert!(record.why.as_ref().unwrap().contains("conversation.edit"), "{record:?}");
    let told = serde_json::to_string(&*record).unwrap();
    assert!(!told.contains("-value") && !told.contains("Bearer"), "{told}");
}

#[tokio::test]
async fn every_answer_names_its_decision() {
    let world = world().await;
    for (path, outcome, reason) in [
        ("/conversations/101", Outcome::Allowed, "grant"),
        ("/conversations/104", Outcome::Allowed, "relation"),
        ("/conversations/102", Outcome::Denied, "out_of_scope"),
        ("/no-such-thing", Outcome::Refused, "no_route"),
        ("/conversations/%2e", Outcome::Refused, "target"),
    ] {
        let answer = world.get("ana", path).await;
        let record = world.decision(&answer);
        assert_eq!(
            (record.outcome, record.reason, record.status),
            (outcome, reason, answer.status),
            "{path}"
        );
    }
}

#[tokio::test]
async fn too_many_requests_are_told_when_to_come_again() {
    for (limit, user, other, spared) in [
        ("actor", "ana", "ben", true),
        ("tenant", "ana", "ben", false),
        ("address", "ana", "globex.ana", false),
    ] {
        let rate = format!("[gate.rate]\n{limit} = {{ per_second = 1, burst = 3 }}\n");
        let world = Setup::default().headgate(&rate).start().await;
        let health = async |user: &str| -> Answer { world.send(user, "GET /public/health", "", "").await };
        for _ in 0..3 {
            assert_eq!(health(user).await.status, 200, "{limit}");
        }
        let refused = health(user).await;
        assert_eq!((refused.status, refused.header("retry-after")), (429, Some("1")), "{limit}");
        assert_eq!(health(other).await.status == 200, spared, "{limit}");
        assert!(world.metrics().contains(&format!("headgate_limit_reached_total{{limit=\"rate.{limit}\"}}")));
    }
}

super::obeying::once_more!(
    d02_what_is_hidden_and_what_is_missing_answer_alike,
    a_refusal_that_need_not_hide_is_403,
    who_sees_an_object_is_told_that_something_may_not_be_done_to_it,
    a_tag_decides_from_the_moment_it_is_written,
    an_answer_is_decided_on_before_a_byte_of_it_is_shown,
    an_object_that_is_not_the_one_asked_for_is_not_shown,
    a_prefetch_is_headgates_own_request_and_is_used_again,
    who_has_no_team_of_their_own_is_reached_by_the_teams_of_the_responsible,
    a_team_of_its_own_takes_nothing_from_the_teams_of_the_responsible,
    what_is_not_known_may_be_what_a_forbid_names,
    an_object_that_nobody_can_read_is_a_fault_to_everybody_and_by_its_tag_to_who_may_see_it,
    an_object_is_shown_without_the_fields_that_are_hidden,
    d01_d07_a_list_shows_each_row_to_who_may_get_it: 4,
    a_write_is_decided_by_the_fields_that_it_names,
    a_write_below_a_pointer_is_decided_by_what_stands_there_and_beside,
    a_body_that_can_be_read_in_two_ways_is_not_forwarded,
    what_the_backend_says_of_its_own_troubles_is_not_shown,
    d11_e04_an_error_of_the_backend_is_told_without_what_it_quotes,
    i11_a_route_in_shadow_refuses_nothing_and_tells_what_it_would_have,
    i13_a_decision_is_told_without_what_was_said,
    every_answer_names_its_decision,
    too_many_requests_are_told_when_to_come_again,
);
