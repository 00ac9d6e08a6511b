//! Writes as the backends of many frameworks read them: files that are text to some, ids and fields under names that are almost
//! theirs, and what a patch replaces or reads.

use headgate::policy::source::Source;
use serde_json::json;

use super::{
    world::Setup,
    writes::{FORM, JSON, MERGE, MULTIPART, PATCH, ROUTES, lead, parts, rights, setup, world},
};

const MORE: &str = r#"
[entity.chat]
resource = "conversation"
id = "/id"
responsible = "/assignee"
team = "/team"
fields = ["*"]
nested = { "/meta/sender" = "person" }

[entity.person]
resource = "contact"
part = true
fields = ["*"]

[[route]]
match = "PATCH /api/v1/accounts/{account}/nested/conversations/{id}"
entity = "chat"
action = "edit"
object = "tag"
accepts = ["json", "json-patch"]

[[route]]
match = "PATCH /api/v1/accounts/{account}/multi/conversations/{id}"
entity = "conversation"
action = "edit"
object = "tag"
accepts = ["json", "multipart"]
assign = { user = "assignee_id", team = "team_id" }
only = { message_type = ["outgoing"] }
needs = { files = { resource = "conversation", action = "edit" } }

[[route]]
match = "PATCH /api/v1/accounts/{account}/toggled/contacts/{id}"
entity = "contact"
action = "edit"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/contacts/{id}"
writes = ["name"]
changes = ["phone_number", "owner"]

[[route]]
match = "PATCH /api/v1/accounts/{account}/wrapped/contacts/{id}"
entity = "contact"
action = "edit"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/contacts/{id}"
accepts = ["json", "json-patch"]
body = "/contact"

[[route]]
match = "PATCH /api/v1/accounts/{account}/assigned/conversations/{id}"
entity = "conversation"
action = "edit"
object = "tag"
accepts = ["json", "json-patch"]
assign = { user = "assignee.id" }

[[route]]
match = "POST /api/v1/accounts/{account}/starred/conversations"
entity = "conversation"
action = "edit"
object = "tag"
ids = "/ids"
writes = ["*"]

[[route]]
match = "PATCH /api/v1/accounts/{account}/starred/contacts/{id}"
entity = "contact"
action = "edit"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/contacts/{id}"
body = "/contact"
writes = ["*"]

[[route]]
match = "PATCH /api/v1/accounts/{account}/tied/rows"
entity = "contact"
action = "edit"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/contacts/{id}"
ids = "/*/id"
[route.refers.lead_id]
entity = "lead"
request = "GET /api/v1/accounts/{account}/leads/{id}"
action = "edit"
required = true

[[route]]
match = "PATCH /api/v1/accounts/{account}/linked/contacts/{id}"
entity = "contact"
action = "edit"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/contacts/{id}"
[route.refers."links.of"]
kind = "links.kind"
[route.refers."links.of".is]
leads = { entity = "lead", request = "GET /api/v1/accounts/{account}/leads/{id}", action = "edit" }

[[route]]
match = "POST /api/v1/accounts/{account}/tied/contacts"
entity = "contact"
action = "edit"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/contacts/{id}"
ids_in = "ids"
body = "/add/*"
accepts = ["json"]
[route.refers.lead_id]
entity = "lead"
request = "GET /api/v1/accounts/{account}/leads/{id}"
action = "edit"
required = true
"#;

/// A multipart form with one part.
fn part(name: &str, file: &str, text: &str) -> String {
    let disposition = format!("Content-Disposition: form-data; name=\"{name}\"; {file}");
    format!("--xYz\r\n{disposition}\r\n\r\n{text}\r\n--xYz--\r\n")
}

#[tokio::test]
async fn what_a_file_says_is_not_known() {
    let world = setup().routes(MORE).start().await;
    for file in ["filename=\"\"", "filename*=UTF-8''a.png", "filename=\"a.png\""] {
        for (name, text, taken) in [
            ("assignee_id", "ben", false),
            ("assignee_id", "", false),
            ("team_id", "support", false),
            ("message_type", "incoming", false),
            ("files", "x", true),
            ("files[]", "x", true),
        ] {
            let body = part(name, file, text);
            let (answer, reached) = world.typed("PATCH /multi/conversations/101", MULTIPART, &body).await;
            assert_eq!((answer.status == 200, reached), (taken, taken), "{name} {file}: {answer:?}");
            assert!(taken || answer.status == 403, "{name} {file}: {answer:?}");
        }
        let body = part("order_by", file, "phone_number");
        let (answer, reached) = world.typed("POST /ask/contacts/501", MULTIPART, &body).await;
        assert_eq!((answer.status, answer.problem().as_str(), reached), (400, "body", false), "{file}");
    }
    assert!(world.typed("POST /ask/contacts/501", MULTIPART, &parts(&["name"])).await.1);
}

#[tokio::test]
async fn ids_under_a_name_that_is_almost_theirs_are_none() {
    let world = world().await;
    for (line, body) in [
        ("POST /bulk/conversations", json!({"ids": ["101"], "IDS": ["102"]})),
        ("POST /bulk/conversations", json!({"ids": ["101"], "Ids": {"a": "102"}})),
        ("POST /bulk/conversations", json!({"ids": ["101"], "ids[]": ["102"]})),
        ("POST /bulk/conversations", json!({"ids": ["101"], "id\u{17f}": ["102"]})),
        ("POST /bulk/conversations", json!({"ids": ["101"], "conversation": {"ids": ["102"]}})),
        ("POST /bulk/conversations?ID=102", json!({"ids": ["101"]})),
        ("POST /bulk/conversations?i-d[]=102", json!({"ids": ["101"]})),
        ("PATCH /bulk/contacts", json!([{"id": "501", "ID": "502", "name": "x"}])),
        ("PATCH /bulk/contacts?Id=502", json!([{"id": "501", "name": "x"}])),
        ("PATCH /bulk/contacts", json!({"*": {"id": "501"}, "a": {"id": "502", "name": "x"}})),
    ] {
        assert_eq!(world.json_as("ana", line, &body).await, (400, false), "{line} {body}");
    }
    let world = setup().routes(MORE).start().await;
    for (body, status) in [
        (json!({"ids": ["101"], "IDS": ["102"]}), 400),
        (json!({"ids": ["101"], "conversation": {"ids": ["102"]}}), 400),
        (json!({"ids": ["101"], "title": "x"}), 200),
    ] {
        let found = world.json_as("ana", "POST /starred/conversations", &body).await;
        assert_eq!(found.1, status == 200, "{body}: {found:?}");
        assert!(status == 200 || found.0 == status, "{body}: {found:?}");
    }
    let delete = "DELETE /api/v1/accounts/1/bulk/conversations?ids=101&IDS=102";
    assert_eq!(world.send("adm", delete, "", "").await.status, 400);
    for (line, body) in [
        ("POST /bulk/conversations", json!({"ids": ["101"], "labels": ["ids"], "kids": [1]})),
        ("PATCH /bulk/contacts", json!([{"id": "501", "tags": [{"id": 7}]}])),
    ] {
        assert!(world.json_as("ana", line, &body).await.1, "{line} {body}");
    }
}

#[tokio::test]
async fn a_patch_that_replaces_an_object_writes_all_that_was_in_it() {
    let world = setup().routes(MORE).start().await;
    for op in ["add", "replace"] {
        let body = json!([{"op": op, "path": "/custom_attributes", "value": {}}]).to_string();
        let (answer, reached) = world.typed("PATCH /guarded/contacts/501", PATCH, &body).await;
        assert_eq!((answer.status, reached), (403, false), "{body}: {answer:?}");
    }
    for operation in [
        json!({"op": "add", "path": "/contact", "value": {}}),
        json!({"op": "replace", "path": "/contact", "value": {"name": "x"}}),
        json!({"op": "remove", "path": "/contact"}),
        json!({"op": "test", "path": "/contact", "value": {"phone_number": "1"}}),
        json!({"op": "copy", "from": "/contact", "path": "/contact/name"}),
        // Some readers pass over what is empty, others over letter case.
        json!({"op": "copy", "from": "/contact/", "path": "/contact/name"}),
        json!({"op": "replace", "path": "//contact", "value": {}}),
        json!({"op": "copy", "from": "/", "path": "/contact/name"}),
        json!({"op": "replace", "path": "/Contact", "value": {"name": "x"}}),
        json!({"op": "copy", "from": "/CONTACT", "path": "/contact/name"}),
    ] {
        let body = json!([operation]).to_string();
        let (answer, reached) = world.typed("PATCH /wrapped/contacts/501", PATCH, &body).await;
        assert_eq!((answer.status, reached), (400, false), "{body}: {answer:?}");
    }
    for body in [r#"{"contact":{"name":"x"},"Contact":null}"#, r#"{"contact":{"name":"x"},"CONTACT":[]}"#] {
        for line in ["PATCH /wrapped/contacts/501", "PATCH /starred/contacts/501"] {
            let (answer, reached) = world.typed(line, JSON, body).await;
            assert_eq!((answer.status, reached), (400, false), "{line} {body}: {answer:?}");
        }
    }
    let body = json!([{"op": "add", "path": "/contact/name", "value": "x"}]).to_string();
    assert!(world.typed("PATCH /wrapped/contacts/501", PATCH, &body).await.1);
    let body = json!({"contact": {"name": "x"}, "contacts": null}).to_string();
    assert!(world.typed("PATCH /wrapped/contacts/501", JSON, &body).await.1);
}

#[tokio::test]
async fn a_field_is_refused_whatever_lies_between_it_and_what_it_stands_in() {
    let locked = |source: &mut Source| {
        rights(source);
        let of_contact = source.roles.get_mut("agent").unwrap().fields.get_mut("contact").unwrap();
        of_contact.read_only.extend(["company.size", "rows.price"].map(str::to_owned));
        of_contact.hidden.push("lines.cost".to_owned());
    };
    let world = Setup::default().routes(ROUTES).policy(locked).backend(lead).start().await;
    for (media, body, taken) in [
        (JSON, r#"{"company":{"size":1}}"#, false),
        (JSON, r#"{"company_attributes":{"size":1}}"#, false),
        (JSON, r#"{"contact":{"company_attributes":{"size":1}}}"#, false),
        (JSON, r#"{"rows_attributes":{"new_1":{"price":1}}}"#, false),
        (JSON, r#"{"rows":{"first":{"price":1}}}"#, false),
        (FORM, "rows[first][price]=1", false),
        (FORM, "rows[-1][Price]=1", false),
        (FORM, "company_attributes[size]=1", false),
        (PATCH, r#"[{"op":"add","path":"/rows/first/price","value":1}]"#, false),
        // All that stands in it.
        (JSON, r#"{"rows":null}"#, false),
        (JSON, r#"{"Rows":null}"#, false),
        (JSON, r#"{"contact":{"rows":[]}}"#, false),
        (JSON, r#"{"rows_attributes":[{"id":1,"_destroy":true}]}"#, false),
        (JSON, r#"{"company_attributes":{"_destroy":"1"}}"#, false),
        (FORM, "ROWS=", false),
        (FORM, "rows_attributes[0][_destroy]=1", false),
        (PATCH, r#"[{"op":"remove","path":"/contact/rows"}]"#, false),
        (PATCH, r#"[{"op":"copy","from":"/lines","path":"/title"}]"#, false),
        (PATCH, r#"[{"op":"copy","from":"/Lines","path":"/title"}]"#, false),
        (PATCH, r#"[{"op":"test","path":"/contact/lines","value":[]}]"#, false),
        (PATCH, r#"[{"op":"copy","from":"/rows","path":"/title"}]"#, true),
        (MERGE, r#"{"rows":[{"name":"x"}]}"#, false),
        (MERGE, r#"{"contact":{"rows":[{"name":"x"}]}}"#, false),
        (MERGE, r#"{"tags":[{"name":"x"}],"rows":{"first":{"name":"x"}}}"#, true),
        (JSON, r#"{"tags_attributes":[{"id":1,"_destroy":true}]}"#, true),
        (JSON, r#"{"rows":{"first":{"name":1}}}"#, true),
        (JSON, r#"{"company_attributes":{"city":1},"price":1,"size":2}"#, true),
    ] {
        let (answer, reached) = world.typed("PATCH /open/contacts/501", media, body).await;
        assert_eq!((answer.status == 200, reached), (taken, taken), "{body}: {answer:?}");
    }
}

#[tokio::test]
async fn a_patch_reads_no_hidden_field_of_what_is_nested() {
    let world = setup().routes(MORE).start().await;
    for (operation, taken) in [
        (json!({"op": "test", "path": "/meta/sender/phone_number", "value": "1"}), false),
        (json!({"op": "test", "path": "/meta/sender/phoneNumber", "value": "1"}), false),
        (json!({"op": "copy", "from": "/meta/sender/phone_number", "path": "/title"}), false),
        (json!({"op": "copy", "from": "/meta/sender", "path": "/custom"}), false),
        (json!({"op": "test", "path": "/title", "value": "x"}), true),
        (json!({"op": "test", "path": "/meta/sender/name", "value": "x"}), true),
        (json!({"op": "copy", "from": "/title", "path": "/custom"}), true),
    ] {
        let body = json!([operation]).to_string();
        let (answer, reached) = world.typed("PATCH /nested/conversations/101", PATCH, &body).await;
        assert_eq!((answer.status == 200, reached), (taken, taken), "{body}: {answer:?}");
        assert!(taken || answer.status == 403, "{body}: {answer:?}");
    }
}

#[tokio::test]
async fn nothing_is_written_into_another_object_that_nobody_listed() {
    let world = setup().routes(MORE).start().await;
    for (media, body, taken) in [
        (JSON, r#"{"meta":{"sender":{"phone_number":"1"}}}"#, false),
        (JSON, r#"{"meta":{"sender":{"id":"501","name":"x"}}}"#, false),
        (JSON, r#"{"conversation":{"Meta":{"Sender":{"Name":"x"}}}}"#, false),
        (JSON, r#"{"meta.sender.name":"x"}"#, false),
        (PATCH, r#"[{"op":"replace","path":"/meta/sender/name","value":"x"}]"#, false),
        (PATCH, r#"[{"op":"remove","path":"/meta/sender/name"}]"#, false),
        (PATCH, r#"[{"op":"add","path":"/meta","value":{"sender":{"name":"x"}}}]"#, false),
        (JSON, r#"{"meta":{"sender":{}}}"#, false),
        (PATCH, r#"[{"op":"replace","path":"/meta/sender","value":{}}]"#, false),
        (PATCH, r#"[{"op":"copy","from":"/title","path":"/meta/sender"}]"#, false),
        // Which one it is to be, and what only lies beside it.
        (PATCH, r#"[{"op":"remove","path":"/meta/sender"}]"#, true),
        (JSON, r#"{"meta":{"sender":{"id":"501"}}}"#, true),
        (JSON, r#"{"meta":{"channel":"x"},"sender":{"name":"x"}}"#, true),
    ] {
        let (answer, reached) = world.typed("PATCH /nested/conversations/101", media, body).await;
        assert_eq!((answer.status == 200, reached), (taken, taken), "{body}: {answer:?}");
    }
}

#[tokio::test]
async fn a_hidden_field_that_a_request_changes_is_not_named() {
    let world = setup().routes(MORE).start().await;
    let (answer, reached) = world.typed("PATCH /toggled/contacts/501", JSON, r#"{"name":"x"}"#).await;
    assert_eq!((answer.status, &answer.json()["fields"], reached), (403, &json!(["owner"]), false));
    assert_eq!(world.json_as("adm", "PATCH /toggled/contacts/501", &json!({"name": "x"})).await, (200, true));
}

#[tokio::test]
async fn a_hidden_field_that_a_request_does_not_say_is_not_named() {
    let hidden = |source: &mut Source| {
        rights(source);
        let agent = source.roles.get_mut("agent").unwrap();
        agent.fields.get_mut("contact").unwrap().hidden.push("lead_id".to_owned());
    };
    let world = Setup::default().routes(ROUTES).routes(MORE).policy(hidden).backend(lead).start().await;
    let line = "POST /tied/contacts?ids=501";
    for (user, fields) in [("ana", json!([])), ("adm", json!(["lead_id"]))] {
        let answer =
            world.write(user, "POST", "/tied/contacts?ids=501", &json!({"add": [{"name": "x"}]})).await;
        assert_eq!((answer.status, &answer.json()["fields"]), (403, &fields), "{user} {line}");
    }
    let answer =
        world.write("ana", "POST", "/tied/contacts?ids=501", &json!({"add": [{"lead_id": 1}]})).await;
    assert_eq!((answer.status, &answer.json()["fields"]), (403, &json!(["lead_id"])));
}

#[tokio::test]
async fn whose_an_object_is_is_told_in_any_spelling() {
    let world = setup().routes(MORE).start().await;
    for (media, body, taken) in [
        (JSON, r#"{"assignee":{"id":"ben"}}"#, false),
        (JSON, r#"{"Assignee":null}"#, false),
        (JSON, r#"{"Assignee":{}}"#, false),
        (JSON, r#"{"conversation":{"ASSIGNEE":"ben"}}"#, false),
        (JSON, r#"{"assignee_attributes":{"id":"sue","_destroy":true}}"#, false),
        (JSON, r#"{"assignee_attributes":{"_destroy":true}}"#, false),
        (PATCH, r#"[{"op":"remove","path":"/Assignee"}]"#, false),
        (JSON, r#"{"assignee":null}"#, true),
        (JSON, r#"{"assignee":{"id":"sue"}}"#, true),
        (JSON, r#"{"assignees":null}"#, true),
    ] {
        let (answer, reached) = world.typed("PATCH /assigned/conversations/101", media, body).await;
        assert_eq!((answer.status == 200, reached), (taken, taken), "{body}: {answer:?}");
        assert!(taken || answer.status == 403, "{body}: {answer:?}");
    }
}

#[tokio::test]
async fn a_boundary_that_holds_another_one_is_none() {
    let world = world().await;
    // Who looks for the last `boundary=` finds the second part alone.
    let smuggled = "--y\r\nContent-Disposition: form-data; name=\"phone_number\"\r\n\r\n1\r\n--y--\r\n";
    for boundary in ["xYzboundary=y", "\"xYzboundary=y\"", "xYzBOUNDARY=y", "x:y", "x(y", "x?y", "x/y"] {
        let plain = boundary.trim_matches('"');
        let body =
            parts(&["name"]).replace("xYz", plain).replace("\r\n1\r\n", &format!("\r\n{smuggled}\r\n"));
        let media = format!("multipart/form-data; boundary={boundary}");
        let (answer, reached) = world.typed("PATCH /guarded/contacts/501", &media, &body).await;
        assert_eq!((answer.status, reached), (415, false), "{boundary}");
    }
}

#[tokio::test]
async fn an_object_that_must_be_named_is_named_by_each_in_its_own_place() {
    let world = setup().routes(MORE).start().await;
    for (query, add, taken) in [
        ("", json!([{"lead_id": "301"}]), true),
        ("", json!([{"lead_id": "301"}, {"lead_id": 301}]), true),
        ("", json!([{"lead_id": "301"}, {"name": "x"}]), false),
        ("", json!([{"custom": {"lead_id": "301"}}]), false),
        ("&lead_id=301", json!([{"name": "x"}]), false),
        ("", json!([{"lead_id": "0301"}]), false),
        ("", json!([{"lead_id": "302"}]), false),
    ] {
        let line = format!("POST /tied/contacts?ids=501{query}");
        let (status, reached) = world.json_as("ana", &line, &json!({"add": add})).await;
        assert_eq!(reached, taken, "{query} {add}: {status}");
        assert!(taken || status == 403, "{query} {add}: {status}");
    }
    for (rows, taken) in [
        (json!([{"id": "501", "lead_id": "301"}]), true),
        (json!([{"id": "501", "lead_id": "301"}, {"id": "501", "name": "x"}]), false),
    ] {
        let (status, reached) = world.json_as("ana", "PATCH /tied/rows", &rows).await;
        assert_eq!(reached, taken, "{rows}: {status}");
        assert!(taken || status == 403, "{rows}: {status}");
    }
    for (query, links, taken) in [
        ("", json!([{"kind": "leads", "of": "301"}]), true),
        ("", json!([{"kind": "leads", "of": "302"}]), false),
        ("", json!([{"kind": "leads"}, {"of": "301"}]), false),
        ("?links[kind]=leads", json!([{"of": "301"}]), false),
    ] {
        let line = format!("PATCH /linked/contacts/501{query}");
        let (status, reached) = world.json_as("ana", &line, &json!({"links": links})).await;
        assert_eq!(reached, taken, "{query} {links}: {status}");
        assert!(taken || status == 403, "{query} {links}: {status}");
    }
}

#[tokio::test]
async fn an_object_that_a_field_names_and_one_that_is_not_there_answer_alike() {
    let leads = |asked: &super::backend::Asked| match asked.target.rsplit('/').next()? {
        "303" => Some(super::backend::json(200, &json!({"id": "303", "owner": "ben", "stage": "new"}))),
        "304" => Some(super::backend::json(403, &json!({"error": "archived"}))),
        "305" => Some(super::backend::json(410, &json!({"error": "gone"}))),
        _ => lead(asked),
    };
    let world = Setup::default().routes(ROUTES).policy(rights).backend(leads).start().await;
    let mut answers = Vec::new();
    for id in ["303", "304", "305", "302"] {
        let answer = world.write("ana", "PATCH", "/tied/contacts/501", &json!({"lead_id": id})).await;
        assert_eq!(answer.status, 403, "{id}: {answer:?}");
        answers.push(answer.told());
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
}

super::obeying::once_more!(
    what_a_file_says_is_not_known,
    ids_under_a_name_that_is_almost_theirs_are_none,
    a_patch_that_replaces_an_object_writes_all_that_was_in_it,
    a_field_is_refused_whatever_lies_between_it_and_what_it_stands_in,
    a_patch_reads_no_hidden_field_of_what_is_nested,
    nothing_is_written_into_another_object_that_nobody_listed,
    a_hidden_field_that_a_request_changes_is_not_named,
    a_hidden_field_that_a_request_does_not_say_is_not_named,
    whose_an_object_is_is_told_in_any_spelling,
    a_boundary_that_holds_another_one_is_none,
    an_object_that_must_be_named_is_named_by_each_in_its_own_place,
    an_object_that_a_field_names_and_one_that_is_not_there_answer_alike,
);
