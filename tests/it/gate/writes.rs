//! Section G and E15: writes; and the questions by which a hidden field could be read off.

use headgate::{
    gate::decisions::Outcome,
    policy::{
        Scope,
        source::{Override, Source},
    },
};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::world::{Answer, Setup, World};

pub(super) const ROUTES: &str = r#"
[entity.lead]
id = "/id"
responsible = "/owner"
pipeline = "/pipeline"
stage = "/stage"

[[route]]
match = "PATCH /api/v1/accounts/{account}/guarded/contacts/{id}"
entity = "contact"
action = "edit"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/contacts/{id}"
accepts = ["json", "merge-patch", "json-patch", "form", "multipart"]
writes = ["name", "phone_number", "custom_attributes.plan", "id", "account_id", "version"]
same = { id = "id", account_id = "account" }

[[route]]
match = "PATCH /api/v1/accounts/{account}/open/contacts/{id}"
entity = "contact"
action = "edit"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/contacts/{id}"
accepts = ["json", "merge-patch", "json-patch", "form", "multipart"]

[[route]]
match = "PATCH /api/v1/accounts/{account}/json/contacts/{id}"
entity = "contact"
action = "edit"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/contacts/{id}"
body_bytes_max = "1KiB"

[[route]]
match = "PATCH /api/v1/accounts/{account}/owned/conversations/{id}"
entity = "conversation"
action = "edit"
object = "tag"
accepts = ["json", "form", "json-patch"]
assign = { user = "assignee_id", team = "team_id", nobody = ["0"] }

[[route]]
match = "POST /api/v1/accounts/{account}/made/conversations"
resource = "conversation"
action = "create"
assign = { user = "assignee_id", team = "team_id", creator = "created_by" }
writes = ["title", "assignee_id", "team_id", "created_by", "account_id"]
same = { account_id = "account" }

[[route]]
match = "PATCH /api/v1/accounts/{account}/leads/{id}"
entity = "lead"
action = "edit"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/leads/{id}"
place = { pipeline = "pipeline", stage = "stage" }

[[route]]
match = "POST /api/v1/accounts/{account}/bulk/conversations"
entity = "conversation"
action = "edit"
object = "tag"
accepts = ["json", "form"]
ids = "/ids"
ids_in = "id"
ids_max = 3

[[route]]
match = "PATCH /api/v1/accounts/{account}/bulk/contacts"
entity = "contact"
action = "edit"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/contacts/{id}"
ids = "/*/id"

[entity.stub]
resource = "contact"
id = "/id"
look_up = { id = "/id", entity = "contact", request = "GET /api/v1/accounts/{account}/contacts/{id}" }
fields = ["*"]

[[route]]
match = "POST /api/v1/accounts/{account}/stubs"
resource = "contact"
action = "edit"
shows = "stub"
items = "/rows"

[[route]]
match = "PATCH /api/v1/accounts/{account}/tied/contacts/{id}"
entity = "contact"
action = "edit"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/contacts/{id}"
refers = { lead_id = { entity = "lead", request = "GET /api/v1/accounts/{account}/leads/{id}", action = "edit" } }

[[route]]
match = "POST /api/v1/accounts/{account}/bulk/made"
resource = "conversation"
action = "create"
accepts = ["json", "form"]
body = "/add/*"
objects_max = 3

[[route]]
match = "DELETE /api/v1/accounts/{account}/bulk/conversations"
entity = "conversation"
action = "delete"
object = "tag"
ids_in = "ids"

[[route]]
match = "POST /api/v1/accounts/{account}/conversations/{id}/messages"
entity = "conversation"
action = "send"
object = "tag"
instead = { field = "private", is = { true = "note", false = "send" } }

[[route]]
match = "GET /api/v1/accounts/{account}/contacts/export"
entity = "contact"
action = "export"
items = "/payload"

[[route]]
match = "POST /api/v1/accounts/{account}/contacts/export"
resource = "contact"
action = "export"

[[route]]
match = "GET /api/v1/accounts/{account}/ask/contacts/{id}"
entity = "contact"
action = "view"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/contacts/{id}"
fields_in = ["sort", "group_by", "filter"]
searches = { q = ["name", "phone_number"], name = ["name"] }

[[route]]
match = "GET /api/v1/accounts/{account}/listed/contacts/{id}"
entity = "contact"
action = "view"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/contacts/{id}"
fields_in = ["sort", "filter"]
asks = ["name", "owner", "phone_number"]

[[route]]
match = "POST /api/v1/accounts/{account}/ask/contacts/{id}"
entity = "contact"
action = "view"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/contacts/{id}"
question = true
accepts = ["json", "form", "multipart"]
fields_at = ["/payload/*/attribute_key", "/order_by"]
"#;

/// Ana may assign what is hers, sue what is her team's; leads in the stage `legal` are closed to agents.
pub(super) fn rights(source: &mut Source) {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    source.resources.get_mut("conversation").unwrap().extend(words(&["assign", "create", "send", "note"]));
    source.roles.get_mut("agent").unwrap().grants.get_mut("contact").unwrap().remove("export");
    source.resources.insert("lead".to_owned(), words(&["view", "edit"]));
    for (role, scope) in [("agent", Scope::Own), ("lead", Scope::Team)] {
        let role = source.roles.get_mut(role).unwrap();
        let of = role.grants.get_mut("conversation").unwrap();
        of.extend(["assign", "create", "note"].map(|action| (action.to_owned(), scope)));
        role.grants.insert("lead".to_owned(), [("edit".to_owned(), scope)].into());
        // The rows about fields ask about the contact's.
        role.fields.remove("conversation");
    }
    let agent = source.roles.get_mut("agent").unwrap();
    agent.fields.get_mut("contact").unwrap().read_only.push("owner".to_owned());
    agent.overrides.push(Override {
        resource: "lead".to_owned(),
        stage: words(&["legal"]),
        scopes: [("edit".to_owned(), Scope::None)].into(),
        ..Override::default()
    });
}

pub(super) fn lead(asked: &super::backend::Asked) -> Option<Vec<u8>> {
    let id = asked.target.split('?').next()?.strip_prefix("/api/v1/accounts/1/leads/")?;
    let stage = if id == "302" { "legal" } else { "new" };
    Some(super::backend::json(200, &json!({"id": id, "owner": "ana", "pipeline": "sales", "stage": stage})))
}

pub(super) async fn world() -> World {
    setup().start().await
}

pub(super) fn setup() -> Setup {
    Setup::default().routes(ROUTES).policy(rights).backend(lead)
}

impl World {
    /// A request of ana's below the account with a body of this media type, and whether it reached the backend.
    pub(super) async fn typed(&self, line: &str, media: &str, body: &str) -> (Answer, bool) {
        let (method, path) = line.split_once(' ').unwrap();
        let before = self.writes();
        let headers = if media.is_empty() { String::new() } else { format!("Content-Type: {media}\r\n") };
        let answer = self.send("ana", &format!("{method} /api/v1/accounts/1{path}"), &headers, body).await;
        (answer, self.writes() > before)
    }

    /// How many users' requests reached the backend; Headgate's own aside.
    fn writes(&self) -> usize {
        self.backend.seen().iter().filter(|asked| asked.all("headgate-actor") != ["headgate"]).count()
    }

    /// As [`Self::typed`] with JSON: the status, and whether it reached the backend.
    pub(super) async fn json_as(&self, user: &str, line: &str, body: &Value) -> (u16, bool) {
        let (method, path) = line.split_once(' ').unwrap();
        let before = self.writes();
        let answer = self.write(user, method, path, body).await;
        (answer.status, self.writes() > before)
    }
}

pub(super) const JSON: &str = "application/json";
pub(super) const FORM: &str = "application/x-www-form-urlencoded";
pub(super) const MERGE: &str = "application/merge-patch+json";
pub(super) const PATCH: &str = "application/json-patch+json";
pub(super) const MULTIPART: &str = "multipart/form-data; boundary=xYz";

/// A multipart form with one text of each name.
pub(super) fn parts(names: &[&str]) -> String {
    let part = |name: &&str| format!("--xYz\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n1\r\n");
    names.iter().map(part).collect::<String>() + "--xYz--\r\n"
}

#[tokio::test]
async fn g01_a_refusal_names_the_field_and_those_that_may_be_written() {
    let world = world().await;
    let body = r#"{"name":"x","phone_number":"+1"}"#;
    let (answer, reached) = world.typed("PATCH /guarded/contacts/501", JSON, body).await;
    assert_eq!((answer.status, answer.problem().as_str(), reached), (403, "fields", false));
    let expected = ["name", "custom_attributes.plan", "id", "account_id", "version"];
    assert_eq!(
        (&answer.json()["fields"], &answer.json()["expected"]),
        (&json!(["phone_number"]), &json!(expected))
    );
    let (answer, reached) = world.typed("PATCH /guarded/contacts/501", JSON, r#"{"name":"x"}"#).await;
    assert_eq!((answer.status, reached), (200, true));
    assert_eq!(answer.json().get("phone_number"), None, "the echo is shown like the contact itself");
}

#[tokio::test]
async fn a_hidden_field_is_refused_like_one_that_does_not_exist() {
    let world = world().await;
    let mut answers = Vec::new();
    for name in ["phone_number", "phone_numbe2"] {
        let (mut answer, _) =
            world.typed("PATCH /guarded/contacts/501", JSON, &json!({name: "x"}).to_string()).await;
        let id = answer.header("headgate-decision").unwrap().to_owned();
        answer.headers.retain(|(name, _)| name != "date" && name != "headgate-decision");
        answers.push((answer.headers, answer.body.replace(&id, "ID").replace(name, "NAME")));
    }
    assert_eq!(answers[0], answers[1]);
}

#[tokio::test]
async fn g01_g02_g03_g06_g12_a_field_is_refused_however_it_is_written() {
    let world = world().await;
    for (row, media, body) in [
        ("G01", JSON, r#"{"phone_number":"+1"}"#.to_owned()),
        ("G02", JSON, r#"{"contact":{"phone_number":"+1"}}"#.to_owned()),
        ("G02", JSON, r#"{"contact[phone_number]":"+1"}"#.to_owned()),
        ("G02", JSON, r#"{"custom_attributes":{"phone_number":true}}"#.to_owned()),
        ("G02", JSON, r#"[{"phone_number":1}]"#.to_owned()),
        ("G03", FORM, "phone_number=1".to_owned()),
        ("G03", FORM, "contact[phone_number]=1".to_owned()),
        ("G03", FORM, "a[b][phone_number]=1".to_owned()),
        ("G03", FORM, "contact%5Bphone%5Fnumber%5D=1".to_owned()),
        ("G03", FORM, "contacts[][phone_number]=1".to_owned()),
        ("G03", FORM, "phone_number[0]=1".to_owned()),
        ("G03", MULTIPART, parts(&["phone_number"])),
        ("G03", MULTIPART, parts(&["name", "contact[phone_number]"])),
        ("G06", JSON, r#"{"phone\u005fnumber":1}"#.to_owned()),
        ("G06", JSON, r#"{"Phone_Number":1}"#.to_owned()),
        ("G06", JSON, r#"{"phoneNumber":1}"#.to_owned()),
        ("G06", JSON, r#"{"phone_number ":1}"#.to_owned()),
        ("G06", JSON, r#"{"phone.number":1}"#.to_owned()),
        ("G06", JSON, r#"{"phone_number\u0000":1}"#.to_owned()),
        ("G06", JSON, r#"{"contact":{"PHONE_NUMBER":null}}"#.to_owned()),
        ("G06", JSON, r#"{"phone_number(1i)":1}"#.to_owned()),
        ("G06", FORM, "contact[PhoneNumber]=1".to_owned()),
        ("G06", PATCH, r#"[{"op":"add","path":"/phoneNumber","value":1}]"#.to_owned()),
        ("G12", MERGE, r#"{"phone_number":null}"#.to_owned()),
        ("patch", PATCH, r#"[{"op":"replace","path":"/phone_number","value":1}]"#.to_owned()),
        ("patch", PATCH, r#"[{"op":"remove","path":"/phone_number"}]"#.to_owned()),
        ("patch", PATCH, r#"[{"op":"test","path":"/phone_number","value":"+1"}]"#.to_owned()),
        ("patch", PATCH, r#"[{"op":"copy","from":"/phone_number","path":"/name"}]"#.to_owned()),
        ("patch", PATCH, r#"[{"op":"move","from":"/phone_number","path":"/name"}]"#.to_owned()),
        ("patch", PATCH, r#"[{"op":"move","from":"/name","path":"/phone_number"}]"#.to_owned()),
        ("patch", PATCH, r#"[{"op":"add","path":"/contact","value":{"phone_number":1}}]"#.to_owned()),
        ("patch", PATCH, r#"[{"op":"test","path":"/phone_number/-","value":1}]"#.to_owned()),
    ] {
        for path in ["/guarded/contacts/501", "/open/contacts/501"] {
            let (answer, reached) = world.typed(&format!("PATCH {path}"), media, &body).await;
            let expected = if body.starts_with("[{\"phone") { 400 } else { 403 };
            assert_eq!((answer.status, reached), (expected, false), "{row} {path} {body}: {answer:?}");
        }
    }
    for query in ["phone_number=1", "contact[phone_number]=1", "phone%5Fnumber=1"] {
        let (answer, reached) = world.typed(&format!("PATCH /open/contacts/501?{query}"), JSON, "{}").await;
        assert_eq!((answer.status, reached), (403, false), "{query}");
    }
}

#[tokio::test]
async fn g02_g06_what_a_route_does_not_list_is_not_written() {
    let world = world().await;
    for (media, body) in [
        (JSON, r#"{"custom_attributes":{"vip":true}}"#),
        (JSON, r#"{"custom_attributes":null}"#),
        (JSON, r#"{"Name":"x"}"#),
        (JSON, r#"{"name ":"x"}"#),
        (JSON, r#"{"name":{"first":"x"}}"#),
        (JSON, r#"{"contact":{"name":"x"}}"#),
        (FORM, "contact[name]=x"),
        (PATCH, r#"[{"op":"add","path":"/custom_attributes","value":{"plan":1}}]"#),
        (PATCH, r#"[{"op":"test","path":"/name2","value":1}]"#),
    ] {
        let (answer, reached) = world.typed("PATCH /guarded/contacts/501", media, body).await;
        assert_eq!((answer.status, answer.problem().as_str(), reached), (403, "fields", false), "{body}");
    }
    let (answer, _) = world.typed("PATCH /guarded/contacts/501?locale=en", JSON, r#"{"name":"x"}"#).await;
    assert_eq!((answer.status, &answer.json()["fields"]), (403, &json!(["locale"])));
    for (media, body) in [
        (JSON, r#"{"custom_attributes":{"plan":"b"}}"#.to_owned()),
        (MERGE, r#"{"name":null}"#.to_owned()),
        (FORM, "name=x&custom_attributes[plan]=b".to_owned()),
        (MULTIPART, parts(&["name", "custom_attributes[plan]"])),
        (PATCH, r#"[{"op":"test","path":"/version","value":1},{"op":"copy","from":"/name","path":"/custom_attributes/plan"}]"#.to_owned()),
    ] {
        let (answer, reached) = world.typed("PATCH /guarded/contacts/501", media, &body).await;
        assert_eq!((answer.status, reached), (200, true), "{body}: {answer:?}");
        assert_eq!(world.backend.seen().pop().unwrap().body, body, "as it was sent");
    }
}

#[tokio::test]
async fn g04_g09_g11_another_media_type_charset_or_coding_is_not_read() {
    let world = world().await;
    let body = r#"{"name":"x"}"#;
    for media in [
        "text/plain",
        "",
        "application/json; charset=utf-7",
        "application/xml",
        "application/msgpack",
        "application/protobuf",
        "application/graphql",
        "application/vnd.api+json",
        FORM,
        MULTIPART,
        MERGE,
        PATCH,
    ] {
        let (answer, reached) = world.typed("PATCH /json/contacts/501", media, body).await;
        assert_eq!(
            (answer.status, answer.problem().as_str(), reached),
            (415, "media-type", false),
            "{media}"
        );
    }
    for coding in ["gzip", "identity"] {
        let media = format!("{JSON}\r\nContent-Encoding: {coding}");
        let (answer, reached) = world.typed("PATCH /guarded/contacts/501", &media, body).await;
        assert_eq!((answer.status, reached), (415, false), "{coding}");
    }
}

#[tokio::test]
async fn g05_a_name_that_stands_twice_is_no_name() {
    let world = world().await;
    for (media, body) in [
        (JSON, r#"{"assignee_id":1,"assignee_id":7}"#.to_owned()),
        (FORM, "name=1&name=2".to_owned()),
        (FORM, "name=1&name[a]=2".to_owned()),
        (FORM, "_method=delete&name=1".to_owned()),
        (FORM, "name;phone_number=1".to_owned()),
        (FORM, "phone.number=1".to_owned()),
        (MULTIPART, parts(&["name", "name"])),
        (MULTIPART, parts(&["_charset_"])),
        (MULTIPART, parts(&["name"]).replace("\r\n", "\n")),
        (PATCH, r#"[{"op":"replace","path":"","value":{}}]"#.to_owned()),
        (PATCH, r#"{"name":"x"}"#.to_owned()),
        (JSON, r#"{"_method":"delete"}"#.to_owned()),
        (JSON, "7".to_owned()),
    ] {
        let (answer, reached) = world.typed("PATCH /open/contacts/501", media, &body).await;
        assert_eq!((answer.status, reached), (400, false), "{body}");
    }
    let (answer, reached) = world.typed("PATCH /open/contacts/501?name=1&name=2", JSON, "{}").await;
    assert_eq!((answer.status, reached), (400, false), "in the query");
}

#[tokio::test]
async fn g07_g08_a_body_over_the_limit_is_not_decided_on() {
    let world = world().await;
    let large = json!({"name": "x".repeat(2000)}).to_string();
    let (answer, reached) = world.typed("PATCH /json/contacts/501", JSON, &large).await;
    assert_eq!((answer.status, reached), (413, false), "G07");
    let head = "PATCH /api/v1/accounts/1/json/contacts/501 HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer ana\r\nContent-Type: application/json\r\n";
    for (row, rest, status) in [
        (
            "G08 chunked",
            format!("Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{large}\r\n0\r\n\r\n", large.len()),
            413,
        ),
        ("G08 long", "Content-Length: 5\r\n\r\n{\"name\":\"x\"}".to_owned(), 400),
    ] {
        let before = world.writes();
        let answer = Answer::of(&world.raw(format!("{head}{rest}")).await);
        assert_eq!((answer.status, world.writes() - before), (status, 0), "{row}");
    }
}

#[tokio::test]
async fn g08_a_body_that_ends_before_its_length_is_not_decided_on() {
    let world = world().await;
    let head = "PATCH /api/v1/accounts/1/json/contacts/501 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ana\r\nContent-Type: application/json\r\n";
    for rest in [
        "Content-Length: 20\r\n\r\n{\"name\":\"x\"}",
        "Content-Length: 20\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\nc\r\n{\"name\":\"x\"}\r\n",
        "Transfer-Encoding: chunked\r\n\r\n14\r\n{\"name\":\"x\"}",
    ] {
        let mut stream = world.connect().await;
        stream.write_all(format!("{head}{rest}").as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{rest}: {answer}");
    }
    assert_eq!(world.writes(), 0);
}

#[tokio::test]
async fn g10_what_takes_no_body_takes_none() {
    let world = world().await;
    for line in [
        "GET /conversations/101",
        "GET /answered/101",
        "DELETE /conversations/101",
        "DELETE /bulk/conversations?ids=101",
    ] {
        let (answer, reached) = world.typed(line, JSON, "{}").await;
        assert_eq!((answer.status, reached), (400, false), "{line}");
    }
}

#[tokio::test]
async fn e15_a_masked_value_is_not_saved_back() {
    let world = world().await;
    for line in ["PATCH /open/contacts/501", "PATCH /guarded/contacts/501"] {
        let (answer, reached) = world.typed(line, JSON, r#"{"name":"x","phone_number":"*****234"}"#).await;
        assert_eq!((answer.status, reached), (403, false), "{line}");
    }
}

#[tokio::test]
async fn g13_assigning_is_decided_on_the_object_as_it_is_and_on_who_gets_it() {
    let world = world().await;
    for (user, id, body, status) in [
        ("ana", "103", json!({"assignee_id": "ana"}), 404),
        ("ana", "102", json!({"assignee_id": "ana"}), 404),
        // zoe is there, in the other tenant.
        ("ana", "101", json!({"assignee_id": "zoe"}), 403),
        ("adm", "101", json!({"assignee_id": "zoe"}), 403),
        ("ana", "101", json!({"assignee_id": "ben"}), 403),
        ("ana", "101", json!({"assignee_id": "sue"}), 200),
        ("ana", "101", json!({"assignee_id": null}), 200),
        ("ana", "101", json!({"assignee_id": 0}), 200),
        ("ana", "101", json!({"team_id": "support"}), 403),
        ("ana", "101", json!({"team_id": "sales"}), 200),
        ("ana", "101", json!({"conversation": {"assignee_id": "ben"}}), 403),
        ("ana", "101", json!({"Assignee_Id": "ben"}), 403),
        ("ana", "101", json!({"a\u{17f}\u{17f}ignee_id": "ben"}), 403),
        ("ana", "101", json!({"assignee_id(1i)": "ben"}), 403),
        ("ana", "101", json!({"assignee_id": {"id": "sue"}}), 403),
        ("ana", "101", json!({"assignee_id": ["sue"]}), 403),
        ("adm", "101", json!({"assignee_id": null, "team_id": 9_007_199_254_740_993_u64}), 403),
        ("sue", "103", json!({"assignee_id": "sue"}), 200),
        ("sue", "103", json!({"assignee_id": "ben"}), 403),
        ("sue", "103", json!({"assignee_id": "sue", "title": "x"}), 200),
        ("sue", "102", json!({"assignee_id": "sue"}), 404),
        ("adm", "102", json!({"assignee_id": "ana"}), 200),
        ("adm", "102", json!({"assignee_id": "nobody-known"}), 403),
    ] {
        let found = world.json_as(user, &format!("PATCH /owned/conversations/{id}"), &body).await;
        assert_eq!(found, (status, status == 200), "{user} {id} {body}");
    }
    for (media, body, status) in [
        (FORM, "assignee_id=ben", 403),
        (FORM, "assignee_id=", 200),
        (PATCH, r#"[{"op":"replace","path":"/assignee_id","value":"ben"}]"#, 403),
        (PATCH, r#"[{"op":"copy","from":"/title","path":"/assignee_id"}]"#, 403),
        (PATCH, r#"[{"op":"replace","path":"/assignee_id","value":"sue"}]"#, 200),
    ] {
        let (answer, reached) = world.typed("PATCH /owned/conversations/101", media, body).await;
        assert_eq!((answer.status, reached), (status, status == 200), "{body}");
    }
    let (answer, reached) = world.typed("PATCH /owned/conversations/101?assignee_id=ben", JSON, "{}").await;
    assert_eq!((answer.status, reached), (403, false), "in the query");
    assert_eq!(answer.json()["fields"], json!(["assignee_id"]));
}

#[tokio::test]
async fn g14_moving_is_decided_on_both_places() {
    let world = world().await;
    for (id, body, status) in [
        ("301", json!({"stage": "won"}), 204),
        ("301", json!({"stage": "legal"}), 403),
        ("301", json!({"stage": "legal", "pipeline": "sales"}), 403),
        ("301", json!({"lead": {"stage": "legal"}}), 403),
        ("301", json!({"stage": "Legal"}), 403),
        ("301", json!({"stage": "legal "}), 403),
        ("301", json!({"pipeline": "other"}), 403),
        ("301", json!({"pipeline": "other", "stage": "new"}), 204),
        ("302", json!({"stage": "new"}), 404),
        ("302", json!({"name": "x"}), 404),
    ] {
        let (answer, reached) = world.typed(&format!("PATCH /leads/{id}"), JSON, &body.to_string()).await;
        let passed = matches!(answer.status, 200 | 204);
        assert_eq!((passed, reached), (status == 204, status == 204), "{id} {body}: {answer:?}");
        assert!(passed || answer.status == status, "{id} {body}: {answer:?}");
    }
}

#[tokio::test]
async fn g15_what_is_created_is_decided_on_as_if_it_were_there() {
    let world = world().await;
    for (user, body, allowed) in [
        ("ana", json!({"title": "x"}), true),
        ("ana", json!({"title": "x", "assignee_id": "ana"}), true),
        ("ana", json!({"title": "x", "assignee_id": "ben"}), false),
        ("ana", json!({"title": "x", "assignee_id": "sue"}), false),
        ("ana", json!({"title": "x", "team_id": "support"}), false),
        ("ana", json!({"title": "x", "created_by": "ana"}), true),
        ("ana", json!({"title": "x", "created_by": "ben"}), false),
        ("ana", json!({"title": "x", "created_by": null}), false),
        ("ana", json!({"title": "x", "created_by": ""}), false),
        ("adm", json!({"title": "x", "created_by": null}), true),
        ("ana", json!({"title": "x", "id": 7}), false),
        ("ana", json!({"title": "x", "account_id": "2"}), false),
        ("ana", json!({"title": "x", "account_id": 1}), true),
        ("sue", json!({"title": "x", "assignee_id": "ana"}), true),
        ("sue", json!({"title": "x", "assignee_id": "ben"}), false),
        ("adm", json!({"title": "x", "assignee_id": "ben", "created_by": "ana", "team_id": "support"}), true),
    ] {
        let (status, reached) = world.json_as(user, "POST /made/conversations", &body).await;
        assert_eq!(reached, allowed, "{user} {body}: {status}");
        assert!(allowed || status == 403, "{user} {body}: {status}");
    }
}

/// Sue's team may have leads wherever they stand, in `legal` each their own alone; whoever is in sales may put one into
/// `inbox`, and nobody gives one away that is `closed`. Kim makes them, and none that is `vip`.
fn rights_by_place(source: &mut Source) {
    rights(source);
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    source.resources.get_mut("lead").unwrap().extend(words(&["assign", "create"]));
    for (role, scope) in [("agent", Scope::Own), ("lead", Scope::Team)] {
        let role = source.roles.get_mut(role).unwrap();
        let scopes = |actions: &[(&str, Scope)]| {
            actions.iter().map(|(action, scope)| ((*action).to_owned(), *scope)).collect()
        };
        role.grants
            .insert("lead".to_owned(), scopes(&[("edit", scope), ("assign", scope), ("create", scope)]));
        let at = |stage: &str, of: &[(&str, Scope)]| Override {
            resource: "lead".to_owned(),
            stage: words(&[stage]),
            scopes: scopes(of),
            ..Override::default()
        };
        role.overrides = vec![
            at("legal", &[("edit", Scope::Own), ("create", Scope::Own)]),
            at("inbox", &[("create", Scope::Team)]),
            at("closed", &[("assign", Scope::None)]),
            Override { pipeline: Some("sales".to_owned()), ..at("vip", &[("edit", Scope::None)]) },
            Override { pipeline: Some("0".to_owned()), ..at("new", &[("edit", Scope::None)]) },
        ];
    }
    let clerk = source.roles.get_mut("clerk").unwrap();
    clerk.grants.insert("lead".to_owned(), [("create".to_owned(), Scope::Own)].into());
    clerk.overrides.push(Override {
        resource: "lead".to_owned(),
        stage: words(&["vip"]),
        scopes: [("create".to_owned(), Scope::None)].into(),
        ..Override::default()
    });
}

const LEADS: &str = r#"
[[route]]
match = "POST /api/v1/accounts/{account}/made/leads"
resource = "lead"
action = "create"
assign = { user = "owner", team = "team" }
place = { pipeline = "pipeline", stage = "stage" }

[[route]]
match = "POST /api/v1/accounts/{account}/listed/leads"
resource = "lead"
action = "create"
body = "/*"
assign = { user = "owner", team = "team" }
place = { pipeline = "pipeline", stage = "stage" }

[[route]]
match = "PATCH /api/v1/accounts/{account}/given/leads/{id}"
entity = "lead"
action = "edit"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/leads/{id}"
assign = { user = "owner", team = "team", nobody = ["0"] }
place = { pipeline = "pipeline", stage = "stage" }

[[route]]
match = "PATCH /api/v1/accounts/{account}/given/leads"
entity = "lead"
action = "edit"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/leads/{id}"
ids = "/*/id"
assign = { user = "owner", team = "team" }
place = { pipeline = "pipeline", stage = "stage" }

[[route]]
match = "PATCH /api/v1/accounts/{account}/named/leads"
entity = "lead"
action = "edit"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/leads/{id}"
ids = "/leads/*/id"
assign = { user = "leads.owner", team = "leads.team" }
place = { pipeline = "leads.pipeline", stage = "leads.stage" }

[[route]]
match = "PATCH /api/v1/accounts/{account}/piped/leads/{id}"
entity = "lead"
action = "edit"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/leads/{id}"
place = { pipeline = "pipeline" }
"#;

/// A lead of sue's beside ana's.
fn lead_of_sue(asked: &super::backend::Asked) -> Option<Vec<u8>> {
    let is_hers = asked.target.ends_with("/leads/303");
    let lead = json!({"id": "303", "owner": "sue", "pipeline": "sales", "stage": "new"});
    if is_hers { Some(super::backend::json(200, &lead)) } else { self::lead(asked) }
}

#[tokio::test]
async fn g14_g15_whose_and_where_are_decided_together() {
    let world = Setup::default().routes(ROUTES).routes(LEADS).policy(rights_by_place).backend(lead_of_sue);
    let world = world.start().await;
    for (user, line, body, allowed) in [
        ("sue", "POST /made/leads", json!({"owner": "ana", "stage": "new"}), true),
        ("sue", "POST /made/leads", json!({"stage": "legal"}), true),
        ("sue", "POST /made/leads", json!({"owner": "sue", "stage": "legal"}), true),
        ("sue", "POST /made/leads", json!({"owner": "ana", "stage": "legal"}), false),
        ("sue", "POST /made/leads", json!({"owner": null, "team": "sales", "stage": "new"}), true),
        ("sue", "POST /made/leads", json!({"owner": null, "team": "sales", "stage": "legal"}), false),
        (
            "sue",
            "POST /made/leads",
            json!({"leads": [{"owner": "sue", "stage": "legal"}, {"owner": "ana"}]}),
            false,
        ),
        ("sue", "POST /made/leads", json!({"owner": "ana", "stage": "closed"}), false),
        ("sue", "POST /made/leads", json!({"leads": [{"stage": "legal"}, {"name": "x"}]}), true),
        // Where it will stand, and so whether kim may, is the backend's choice.
        ("kim", "POST /made/leads", json!({"stage": "new"}), true),
        ("kim", "POST /made/leads", json!({"stage": "new", "items": [{"id": 1}, {"id": 2}]}), true),
        ("kim", "POST /made/leads", json!({"stage": "vip"}), false),
        ("kim", "POST /made/leads", json!({"name": "x"}), false),
        ("kim", "POST /made/leads", json!({}), false),
        ("kim", "POST /made/leads", json!({"name": "x", "custom": {"stage": "new"}}), false),
        ("kim", "POST /listed/leads", json!([{"stage": "new"}, {"stage": "new"}]), true),
        ("kim", "POST /listed/leads", json!([{"stage": "new"}, {"name": "x"}]), false),
        ("kim", "POST /listed/leads", json!([{"stage": "new", "*": {"stage": "new"}}, {"name": "x"}]), false),
        (
            "kim",
            "POST /listed/leads",
            json!([{"stage": "new", "custom": [{"stage": "new"}, {"stage": "new"}]}, {"name": "x"}]),
            false,
        ),
        ("kim", "POST /listed/leads?stage=new", json!([{"stage": "new"}, {"name": "x"}]), false),
        ("kim", "POST /made/leads?stage=new", json!({"name": "x"}), false),
        ("ana", "POST /made/leads", json!({"owner": "sue", "stage": "new"}), false),
        ("ana", "POST /made/leads", json!({"owner": "sue", "stage": "inbox"}), true),
        ("sue", "PATCH /given/leads/303", json!({"owner": "kim"}), true),
        ("sue", "PATCH /given/leads/303", json!({"stage": "legal"}), true),
        ("sue", "PATCH /given/leads/303", json!({"owner": "kim", "stage": "legal"}), false),
        ("sue", "PATCH /given/leads/303", json!({"owner": null, "stage": "legal"}), false),
        ("sue", "PATCH /given/leads/303", json!({"owner": "kim", "stage": "won"}), true),
        ("sue", "PATCH /given/leads/303", json!({"owner": "kim", "stage": "closed"}), false),
        // Ana's: it becomes sue's where only she may have it.
        ("sue", "PATCH /given/leads/301", json!({"stage": "legal"}), false),
        ("sue", "PATCH /given/leads/301", json!({"owner": "sue", "stage": "legal"}), true),
    ] {
        let (status, reached) = world.json_as(user, line, &body).await;
        assert_eq!(reached, allowed, "{user} {line} {body}: {status}");
        assert!(allowed || status == 403, "{user} {line} {body}: {status}");
    }
}

#[tokio::test]
async fn g14_g15_what_one_object_says_is_not_said_of_another() {
    let world = Setup::default().routes(ROUTES).routes(LEADS).policy(rights_by_place).backend(lead_of_sue);
    let world = world.start().await;
    for (line, body, allowed) in [
        // 301 stays ana's, and only her own may sue have where it goes.
        (
            "PATCH /given/leads",
            json!([{"id": "303", "owner": "sue"}, {"id": "301", "stage": "legal"}]),
            false,
        ),
        (
            "PATCH /given/leads",
            json!([{"id": "303", "owner": "sue"}, {"id": "301", "owner": "sue", "stage": "legal"}]),
            true,
        ),
        // 303 stays in `sales`, where nobody goes to `vip`.
        (
            "PATCH /given/leads",
            json!([{"id": "301", "pipeline": "other", "stage": "won"}, {"id": "303", "stage": "vip"}]),
            false,
        ),
        (
            "PATCH /given/leads",
            json!([{"id": "301", "pipeline": "other", "stage": "won"}, {"id": "303", "stage": "won"}]),
            true,
        ),
        (
            "PATCH /given/leads",
            json!([{"id": "301", "pipeline": "other"}, {"id": "303", "stage": "won"}]),
            false,
        ),
        (
            "PATCH /named/leads",
            json!({"leads": [{"id": "303", "owner": "sue"}, {"id": "301", "stage": "legal"}]}),
            false,
        ),
        (
            "PATCH /named/leads",
            json!({"leads": [{"id": "301", "pipeline": "other"}, {"id": "303", "stage": "won"}]}),
            false,
        ),
        (
            "PATCH /named/leads",
            json!({"leads": [{"id": "301", "pipeline": "other", "stage": "won"}, {"id": "303", "stage": "won"}]}),
            true,
        ),
        ("PATCH /given/leads/303?pipeline=other", json!({"stage": "vip"}), false),
        ("PATCH /given/leads/303?stage=won", json!({"pipeline": "other"}), false),
        ("PATCH /given/leads/303", json!({"pipeline": "other", "lead": {"stage": "vip"}}), false),
        ("PATCH /given/leads/303", json!({"stage": "won", "lead": {"pipeline": "other"}}), false),
        ("PATCH /given/leads/303", json!({"pipeline": "other", "stage": "vip"}), true),
        // Where there is none, the backend chooses.
        ("PATCH /given/leads/303", json!({"pipeline": null, "stage": "vip"}), false),
        ("PATCH /given/leads/303", json!({"pipeline": null, "stage": "new"}), false),
        ("PATCH /given/leads/303", json!({"pipeline": "0", "stage": "new"}), false),
        ("PATCH /given/leads/303", json!({"pipeline": null, "stage": "won"}), true),
        ("PATCH /piped/leads/303", json!({"pipeline": "other"}), true),
        ("PATCH /piped/leads/303", json!({"pipeline": null}), false),
        (
            "POST /listed/leads",
            json!([{"owner": null, "team": "sales", "stage": "new"}, {"owner": null, "stage": "new"}]),
            false,
        ),
        ("POST /listed/leads", json!([{"owner": null, "stage": "new"}]), false),
        ("POST /listed/leads", json!([{"owner": null, "team": "sales", "stage": "new"}]), true),
    ] {
        let (status, reached) = world.json_as("sue", line, &body).await;
        assert_eq!(reached, allowed, "{line} {body}: {status}");
        assert!(allowed || status == 403, "{line} {body}: {status}");
    }
}

#[tokio::test]
async fn a_request_that_could_be_read_in_too_many_ways_is_refused() {
    let world = Setup::default().routes(ROUTES).routes(LEADS).policy(rights_by_place).backend(lead);
    let world = world.start().await;
    let rows: Vec<_> =
        (0..200).map(|n| json!({"pipeline": format!("p{n}"), "stage": format!("s{n}")})).collect();
    assert_eq!(world.json_as("sue", "POST /made/leads", &json!({"leads": rows})).await, (403, false));
}

#[tokio::test]
async fn a_field_that_must_be_the_paths_is() {
    let world = world().await;
    for (body, status) in [
        (json!({"id": "501"}), 200),
        (json!({"id": 501}), 200),
        (json!({"id": "502"}), 403),
        (json!({"account_id": "2"}), 403),
        (json!({"id": null}), 403),
        (json!({"id": [501]}), 403),
    ] {
        let (answer, reached) = world.typed("PATCH /guarded/contacts/501", JSON, &body.to_string()).await;
        assert_eq!((answer.status, reached), (status, status == 200), "{body}");
    }
}

#[tokio::test]
async fn g16_a_write_is_decided_on_the_facts_at_that_moment() {
    let world = world().await;
    let write = async || world.json_as("ana", "PATCH /owned/conversations/101", &json!({"title": "x"})).await;
    assert_eq!(write().await, (200, true));
    world.change("101", |tag| tag.responsible = Some(headgate::ids::UserId::new("ben"))).await;
    assert_eq!(write().await, (404, false));
}

const UNLESS_CHANGED: &str = r#"
[[route]]
match = "PATCH /api/v1/accounts/{account}/conditioned/leads/{id}"
entity = "lead"
action = "edit"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/leads/{id}"
unless_changed = true
"#;

/// A lead whose state has a name, and which somebody changes between Headgate's question and the write as often as
/// `changed` says.
fn changing(etag: &'static str, changed: u32) -> impl Fn(&super::backend::Asked) -> Option<Vec<u8>> {
    let changes = std::sync::atomic::AtomicU32::new(0);
    let version = move |n: u32| etag.replace("N", &n.to_string());
    move |asked| {
        let now = changes.load(std::sync::atomic::Ordering::Relaxed);
        let lead = json!({"id": "301", "owner": "ana", "pipeline": "sales", "stage": "new"}).to_string();
        if asked.method == "GET" {
            let headers = format!("content-type: application/json\r\netag: {}\r\n", version(now));
            changes.store((now + 1).min(changed), std::sync::atomic::Ordering::Relaxed);
            return Some(super::backend::answer(200, &headers, &lead));
        }
        let wanted = asked.all("if-match");
        let is_it = wanted.is_empty() || wanted == [version(now)];
        Some(super::backend::answer(if is_it { 204 } else { 412 }, "x-conflict: CANARY-102-changed\r\n", ""))
    }
}

#[tokio::test]
async fn g16_a_write_is_made_only_if_the_object_is_as_it_was_decided_on() {
    let start = async |etag, changed| {
        // Long enough for one request not to ask twice.
        let routes = Setup::default().headgate("[gate]\nprefetch_age_max = \"1m\"\n");
        let routes = routes.routes(ROUTES).routes(UNLESS_CHANGED);
        routes.policy(rights).backend(changing(etag, changed)).start().await
    };
    let world = start("\"vN\"", 1).await;
    let write = async || world.typed("PATCH /conditioned/leads/301", JSON, r#"{"name":"x"}"#).await.0;
    let refused = write().await;
    assert_eq!((refused.status, refused.problem().as_str()), (409, "changed"));
    assert_eq!(world.decision(&refused).reason, "changed");
    assert_eq!(write().await.status, 204, "what was known of it is forgotten, and it is decided on anew");
    assert_eq!(world.backend.seen().pop().unwrap().all("if-match"), ["\"v1\""]);

    // Without a condition there is a window, which is on record.
    let made = write().await;
    assert_eq!(world.decision(&made).facts_age, None);
    let (made, _) = world.typed("PATCH /leads/301", JSON, r#"{"name":"x"}"#).await;
    assert_eq!(made.status, 204, "{made:?}");
    assert!(world.decision(&made).facts_age.is_some_and(|age| age < 60_000));

    // A weak one says nothing of what matters; the user's own is not the one that was decided on.
    let world = start("W/\"vN\"", 0).await;
    let (refused, reached) = world.typed("PATCH /conditioned/leads/301", JSON, r#"{"name":"x"}"#).await;
    assert_eq!((refused.status, reached), (502, false));
    let world = start("\"vN\"", 0).await;
    let media = format!("{JSON}\r\nIf-Match: *");
    assert_eq!(world.typed("PATCH /conditioned/leads/301", &media, r#"{"name":"x"}"#).await.0.status, 204);
    assert_eq!(world.backend.seen().pop().unwrap().all("if-match"), ["\"v0\""]);
}

#[tokio::test]
async fn g17_a_write_of_what_is_hidden_and_of_what_is_missing_answer_alike() {
    let world = world().await;
    let mut answers = Vec::new();
    for path in ["/contacts/502", "/contacts/999999"] {
        let mut answer = world.write("ana", "PUT", path, &json!({"contact": {"phone_number": "x"}})).await;
        assert_eq!(answer.status, 404);
        let id = answer.header("headgate-decision").unwrap().to_owned();
        answer.headers.retain(|(name, _)| name != "date" && name != "headgate-decision");
        answers.push((answer.headers, answer.body.replace(&id, "ID")));
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(world.writes(), 0);
}

#[tokio::test]
async fn g18_an_export_needs_its_own_right() {
    let world = world().await;
    for method in ["GET", "POST"] {
        let answer = world.send("ana", &format!("{method} /api/v1/accounts/1/contacts/export"), "", "").await;
        assert_eq!((answer.status, world.writes()), (403, 0), "{method}");
    }
}

#[tokio::test]
async fn g19_a_denied_write_stays_denied_whatever_key_it_has() {
    let world = world().await;
    let headers = "Content-Type: application/json\r\nIdempotency-Key: same\r\n";
    for _ in 0..100 {
        let line = "PATCH /api/v1/accounts/1/open/contacts/501";
        let answer = world.send("ana", line, headers, r#"{"phone_number":"x"}"#).await;
        assert_eq!((answer.status, world.writes()), (403, 0));
    }
}

#[tokio::test]
async fn g20_a_reply_and_a_note_are_two_rights() {
    let world = world().await;
    let body = |private: Value| json!({"content": "x", "private": private});
    for (user, id, body, status) in [
        ("ana", "102", body(json!(true)), 404),
        ("ana", "101", body(json!(true)), 200),
        ("ana", "101", body(json!("true")), 200),
        ("ana", "101", body(json!(false)), 403),
        ("ana", "101", json!({"content": "x"}), 403),
        ("ana", "101", body(json!(1)), 400),
        // Who looks for it at the top finds none, and sends an answer.
        ("ana", "101", json!({"message": {"private": false}}), 403),
        ("ana", "101", json!({"content": "x", "message": {"private": true}}), 403),
        ("ana", "101?private=true", json!({"content": "x"}), 403),
        ("adm", "101?private=true", json!({"content": "x"}), 200),
        ("adm", "102", body(json!(true)), 200),
        ("adm", "102", json!({"content": "x"}), 200),
    ] {
        let (id, query) = id.split_once('?').unwrap_or((id, ""));
        let line = format!("POST /conversations/{id}/messages?{query}");
        let (found, reached) = world.json_as(user, &line, &body).await;
        assert_eq!(reached, status == 200, "{user} {id} {body}: {found}");
        assert!(status == 200 || found == status, "{user} {id} {body}: {found}");
    }
}

#[tokio::test]
async fn a_bulk_write_is_decided_by_every_id() {
    let world = world().await;
    for (user, query, body, status) in [
        ("adm", "", json!({"ids": ["101", "102", 103], "title": "x"}), 200),
        ("ana", "", json!({"ids": ["101"], "title": "x"}), 200),
        ("ana", "", json!({"ids": ["101", "102"], "title": "x"}), 404),
        ("ana", "", json!({"ids": ["101", "999999"], "title": "x"}), 404),
        ("ana", "?id=101", json!({"title": "x"}), 200),
        ("ana", "?id=101,102", json!({"title": "x"}), 404),
        ("ana", "?id[]=102", json!({"ids": ["101"]}), 404),
        ("ana", "?ids[]=102", json!({"ids": ["101"]}), 404),
        ("ana", "", json!({"title": "x"}), 400),
        ("ana", "", json!({"ids": []}), 400),
        ("ana", "", json!({"ids": [{"id": "101"}]}), 400),
        ("ana", "", json!({"ids": {"a": "102"}}), 400),
        ("ana", "", json!({"ids": ["101/../102"]}), 400),
        ("adm", "", json!({"ids": ["101", "102", "103", "104"]}), 400),
    ] {
        let (found, reached) = world.json_as(user, &format!("POST /bulk/conversations{query}"), &body).await;
        assert_eq!(reached, status == 200, "{user} {query} {body}: {found}");
        assert!(status == 200 || found == status, "{user} {query} {body}: {found}");
    }
    assert!(world.metrics().contains("headgate_limit_reached_total{limit=\"ids_max\"} 1\n"));
    let (answer, reached) =
        world.typed("POST /bulk/conversations", FORM, "ids[]=101&ids[]=102&title=x").await;
    assert_eq!((answer.status, reached), (404, false));
    let (status, reached) =
        world.json_as("adm", "DELETE /bulk/conversations?ids=101,102", &Value::Null).await;
    assert_eq!((status, reached), (400, false), "a body");
    let answer = world.send("ana", "DELETE /api/v1/accounts/1/bulk/conversations?ids=101", "", "").await;
    assert_eq!(answer.status, 404, "she may delete none");
}

#[tokio::test]
async fn an_id_that_is_spelt_almost_like_another_is_none() {
    // Of this entity nobody is told where its id stands, and this backend reads an id as it likes.
    let routes = r#"
[entity.loose]
resource = "contact"
responsible = "/owner"

[[route]]
match = "PATCH /api/v1/accounts/{account}/loose/contacts"
entity = "loose"
action = "edit"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/loose/{id}"
accepts = ["json", "form"]
ids = "/ids"
"#;
    let script = |asked: &super::backend::Asked| {
        let is_one = asked.target.contains("/loose/");
        is_one.then(|| super::backend::json(200, &json!({"owner": "ana"})))
    };
    let world = Setup::default().routes(routes).policy(rights).backend(script).start().await;
    for id in [
        "\" 12\"",
        "\"12 \"",
        "\"012\"",
        "\"00\"",
        "12.0",
        "\"12.0\"",
        "\"+12\"",
        "1e1",
        "\"1e1\"",
        "\"1E1\"",
        "\"12e-0\"",
        "\"0x0c\"",
        "\"0b11\"",
        "\"0o14\"",
        "-0",
        "\"-0\"",
        "\"-012\"",
        "\"--12\"",
        "\"12,013\"",
        "\"\u{661}\u{662}\"",
        "\"\u{ff11}\u{ff12}\"",
        "\"12\\u0000\"",
        "\"12\\n\"",
        "\"\u{feff}12\"",
        "18446744073709551616",
        // Many read this as the number below it.
        "9007199254740993",
        "-9007199254740993",
        "true",
        "null",
    ] {
        let body = format!("{{\"ids\": [{id}], \"name\": \"x\"}}");
        let (answer, reached) = world.typed("PATCH /loose/contacts", JSON, &body).await;
        assert_eq!((answer.status, reached), (400, false), "{id}");
    }
    let (answer, reached) = world.typed("PATCH /loose/contacts", FORM, "ids[]=012&name=x").await;
    assert_eq!((answer.status, reached), (400, false), "in a form");
    for id in [
        "12",
        "\"12\"",
        "0",
        "\"-5\"",
        "\"12,13\"",
        "9007199254740991",
        "\"9007199254740993\"",
        "\"a1\"",
        "\"7e1c22b0-0d5b-4d5e-9f6e-0c2f5a1d9b77\"",
        "\"12ab\"",
    ] {
        let body = format!("{{\"ids\": [{id}], \"name\": \"x\"}}");
        let (_, reached) = world.typed("PATCH /loose/contacts", JSON, &body).await;
        assert!(reached, "{id}");
    }
}

#[tokio::test]
async fn a_bulk_write_of_rows_is_decided_by_every_row() {
    let world = world().await;
    for (body, status) in [
        (json!([{"id": "501", "name": "x"}]), 204),
        (json!([{"id": "501", "name": "x"}, {"id": "502", "name": "x"}]), 404),
        (json!([{"id": "501", "name": "x"}, {"id": "501", "phone_number": "x"}]), 403),
        (json!([{"id": "501"}, {"name": "x"}]), 400),
        (json!({"id": "501", "name": "x"}), 400),
    ] {
        let (answer, reached) = world.typed("PATCH /bulk/contacts", JSON, &body.to_string()).await;
        assert_eq!(reached, status == 204, "{body}: {answer:?}");
        assert!(status == 204 || answer.status == status, "{body}: {answer:?}");
    }
}

#[tokio::test]
async fn what_writes_many_objects_writes_no_more_than_the_route_takes() {
    let world = world().await;
    let objects = |count: usize| json!({"add": vec![json!({"title": "x"}); count]}).to_string();
    for (count, status) in [(1, 200), (3, 200), (4, 400), (1000, 400)] {
        let (answer, reached) = world.typed("POST /bulk/made?title=x", JSON, &objects(count)).await;
        assert_eq!(reached, status == 200, "{count}: {answer:?}");
        if status == 400 {
            assert_eq!(answer.problem(), "body", "{count}");
            assert_eq!(answer.json()["detail"], "too many objects in the body", "{count}");
        }
    }
    assert!(world.metrics().contains("headgate_limit_reached_total{limit=\"objects_max\"} 2\n"));
    let rows = |count: usize| json!(vec![json!({"id": "501", "name": "x"}); count]).to_string();
    assert!(world.typed("PATCH /bulk/contacts", JSON, &rows(1000)).await.1);
    let (answer, reached) = world.typed("PATCH /bulk/contacts", JSON, &rows(1001)).await;
    assert_eq!((answer.status, reached), (400, false), "more than the route takes if it does not say");
}

/// An answer to a write by the name that the write gives, and to whoever asks for the contact of a new row.
fn echoing(asked: &super::backend::Asked) -> Option<Vec<u8>> {
    use super::backend::{answer, json};
    const TYPE: &str = "content-type: application/json\r\n";
    if asked.target.ends_with("/contacts/777") {
        return Some(json(429, &json!({})));
    }
    if asked.method == "GET" {
        return None;
    }
    let name = asked.body.split('"').nth(3)?;
    Some(match name {
        "large" => format!("HTTP/1.1 200 Told\r\ncontent-length: 20000000\r\n{TYPE}\r\n{{").into_bytes(),
        "cut" => format!("HTTP/1.1 201 Told\r\ncontent-length: 20\r\n{TYPE}connection: close\r\n\r\n{{")
            .into_bytes(),
        "odd" => answer(200, TYPE, "no JSON"),
        "part" => answer(206, TYPE, "{}"),
        "packed" => answer(200, &format!("content-encoding: gzip\r\n{TYPE}"), "no gzip"),
        "unknown" => json(200, &json!({"rows": [{"id": "777"}]})),
        "none" => Vec::new(),
        "error" => format!("HTTP/1.1 500 Told\r\ncontent-length: 20000000\r\n{TYPE}\r\n{{").into_bytes(),
        "refused" => answer(422, TYPE, "{}"),
        _ => return None,
    })
}

#[tokio::test]
async fn what_was_written_is_never_told_as_failed() {
    let world = Setup::default().routes(ROUTES).policy(rights).backend(echoing).start().await;
    let patch = "PATCH /open/contacts/501";
    for (line, name) in [
        (patch, "large"),
        (patch, "cut"),
        (patch, "odd"),
        (patch, "part"),
        (patch, "packed"),
        ("POST /stubs", "unknown"),
    ] {
        let (answer, reached) = world.typed(line, JSON, &json!({"name": name}).to_string()).await;
        assert_eq!((answer.status, answer.body.as_str(), reached), (204, "", true), "{name}: {answer:?}");
        let record = world.decision(&answer);
        assert_eq!((record.outcome, record.reason), (Outcome::Allowed, "echo_withheld"), "{name}");
    }
    // What nothing tells of may have been made or not.
    for (name, status) in [("none", 502), ("error", 502), ("refused", 422)] {
        let (answer, _) = world.typed(patch, JSON, &json!({"name": name}).to_string()).await;
        assert_eq!(answer.status, status, "{name}: {answer:?}");
    }
}

#[tokio::test]
async fn how_old_the_facts_were_is_told_of_those_that_were_decided_by() {
    use std::{sync::Arc, time::Duration};
    let clock = Arc::new(headgate::clock::ManualClock::new(headgate::ids::Timestamp(1_700_000_000_000)));
    let (asked_for_lead, lead_is_asked_for) = tokio::sync::oneshot::channel();
    let asked_for_lead = std::sync::Mutex::new(Some(asked_for_lead));
    let (more, rest) = tokio::sync::mpsc::channel(1);
    let lead = json!({"id": "301", "owner": "ana", "pipeline": "sales", "stage": "new"}).to_string();
    let length = lead.len();
    let script = move |asked: &super::backend::Asked| {
        let is_lead = asked.target.contains("/leads/301");
        is_lead.then(|| {
            asked_for_lead.lock().unwrap().take().unwrap().send(()).unwrap();
            let head = format!("content-length: {length}\r\ncontent-type: application/json");
            format!("HTTP/1.1 200 Told\r\n{}{head}\r\n\r\n", super::backend::GOES_ON).into_bytes()
        })
    };
    let setup =
        Setup::default().headgate("[gate]\nprefetch_age_max = \"5s\"\n").routes(ROUTES).policy(rights);
    let world = setup.backend(script).rest(rest).clock(clock.clone()).start().await;
    let body = json!({"name": "x", "lead_id": "301"}).to_string();
    let (made, ()) = tokio::join!(world.typed("PATCH /tied/contacts/501", JSON, &body), async {
        // The contact was decided on, and the other object is asked for; meanwhile the contact is asked for again.
        lead_is_asked_for.await.unwrap();
        clock.advance(Duration::from_secs(7));
        assert_eq!(world.get("ana", "/contacts/501").await.status, 200);
        more.send(lead.into_bytes()).await.unwrap();
    });
    let (answer, reached) = made;
    assert!(reached, "{answer:?}");
    assert_eq!(world.decision(&answer).facts_age, Some(7000));
}

#[tokio::test]
async fn a15_no_field_of_a_question_makes_another_method_of_it() {
    let world = world().await;
    let multipart = "multipart/form-data; boundary=xYz";
    let part = "--xYz\r\nContent-Disposition: form-data; name=\"_method\"\r\n\r\ndelete\r\n--xYz--\r\n";
    for (media, body) in [
        (FORM, "_method=delete&order_by=name"),
        (FORM, "_METHOD=delete"),
        (FORM, "_charset_=utf-7&order_by=name"),
        (multipart, part),
        (JSON, r#"{"_method": "delete", "order_by": "name"}"#),
        (JSON, r#"{"order_by": "name", "_charset_": "utf-7"}"#),
    ] {
        let (answer, reached) = world.typed("POST /ask/contacts/501", media, body).await;
        assert_eq!((answer.status, answer.problem().as_str(), reached), (400, "body", false), "{body}");
    }
    assert!(world.typed("POST /ask/contacts/501", FORM, "order_by=name").await.1);
}

#[tokio::test]
async fn a_question_about_a_hidden_field_is_one_about_none() {
    let world = world().await;
    for (query, taken) in [
        ("sort=name", true),
        ("sort=-name,owner.desc", true),
        ("sort=phone_number", false),
        ("sort=-phone_number", false),
        ("sort=name,phone_number.desc", false),
        ("order=1&group_by=phone_number", false),
        ("sort[]=phone_number", false),
        ("sort[phone_number]=asc", false),
        ("filter[phone_number]=%2B1", false),
        ("filter[phone_number][eq]=1", false),
        ("filter[contact][phone_number]=1", false),
        ("filter%5Bphone%5Fnumber%5D=1", false),
        ("filter[name]=x", true),
        ("phone_number=%2B1", false),
        ("a=1;sort=phone_number", false),
        ("q=%2B62", false),
        // Whatever stands before or behind it.
        ("phone_number__startswith=62", false),
        ("phoneNumberGt=62", false),
        ("min_phone_number=62", false),
        ("s[phone_number_start]=62", false),
        ("s[name_or_phone_number_cont]=62", false),
        ("filter[phone_number_cont]=62", false),
        ("sort=phone_number_desc", false),
        ("sort=name_desc", true),
        ("filter[name_cont]=x", true),
        ("phone=62", true),
        ("numbers_of_phones=2", true),
        // Those who cut at `;`, and those who do not.
        ("filter=name!=x;phone_number%3E62", false),
        ("filter=name!=x;owner%3E62", true),
        // Where fields are named, also if the route does not say so.
        ("order=phone_number", false),
        ("order_by=-phoneNumber", false),
        ("$orderby=phone_number%20desc", false),
        ("where=phone_number%3E62", false),
        ("filters[0][field]=phone_number", false),
        ("options[sort]=phone_number", false),
        ("params[order][by]=phone_number", false),
        ("sort_column=phone_number", false),
        ("ordered_by=-phone_number", false),
        ("options[sort]=name", true),
        ("order=name", true),
        ("where=created_at%3E62", true),
        ("name=x", true),
        ("page=2", true),
    ] {
        let before = world.writes();
        let answer = world.get("ana", &format!("/ask/contacts/501?{query}")).await;
        assert_eq!(answer.status != 400, taken, "{query}: {answer:?}");
        assert_eq!(world.writes() > before, taken, "{query}");
        assert_ne!(world.get("sue", &format!("/ask/contacts/501?{query}")).await.status, 400, "{query}");
    }
}

#[tokio::test]
async fn where_a_route_lists_what_may_be_asked_a_hidden_field_is_like_an_unknown_one() {
    let world = world().await;
    let mut answers = Vec::new();
    for name in ["phone_number", "phone_numbe2"] {
        let mut answer = world.get("ana", &format!("/listed/contacts/501?sort={name}")).await;
        assert_eq!(answer.status, 400);
        let id = answer.header("headgate-decision").unwrap().to_owned();
        answer.headers.retain(|(name, _)| name != "date" && name != "headgate-decision");
        answers.push((answer.headers, answer.body.replace(&id, "ID").replace(name, "NAME")));
    }
    assert_eq!(answers[0], answers[1]);
    for query in ["filter=name;vip", "filter=name%3Bvip", "order=vip", "where[vip]=1"] {
        assert_eq!(world.get("ana", &format!("/listed/contacts/501?{query}")).await.status, 400, "{query}");
    }
    for query in ["sort=-name", "filter[owner]=anything", "filter[name][like]=x", "filter=name;owner"] {
        assert_ne!(world.get("ana", &format!("/listed/contacts/501?{query}")).await.status, 400, "{query}");
    }
}

#[tokio::test]
async fn a_filter_in_a_body_names_no_hidden_field() {
    let world = world().await;
    let key = |key: &str| json!({"payload": [{"attribute_key": "name"}, {"attribute_key": key}]});
    for (body, taken) in [
        (key("owner"), true),
        (key("phone_number"), false),
        (key("contact.phone_number"), false),
        (json!({"order_by": "-phone_number"}), false),
        (json!({"order_by": {"phone_number": "asc"}}), false),
        (json!({"where": {"phone_number": "1"}}), false),
        (key("phone_number_cont"), false),
        (json!({"sort": "phone_number"}), false),
        (json!({"sort": [{"phone_number": "desc"}]}), false),
        (json!({"filters": [{"field": "phone_number", "is": 1}]}), false),
        (json!({"filters": {"any": ["name", "phone_number_gt"]}}), false),
        (json!({"sort": "name"}), true),
        (json!({"filters": [{"field": "name", "is": 1}]}), true),
        (json!({"order_by": "name"}), true),
    ] {
        let (status, reached) = world.json_as("ana", "POST /ask/contacts/501", &body).await;
        assert_eq!((status != 400, reached), (taken, taken), "{body}: {status}");
    }
}

#[tokio::test]
async fn i11_in_shadow_mode_what_would_be_refused_passes_and_is_told() {
    let shadow = r#"
[[route]]
match = "PATCH /api/v1/accounts/{account}/shadow/contacts/{id}"
entity = "contact"
action = "edit"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/contacts/{id}"
writes = ["name"]
shadow = true

[[route]]
match = "POST /api/v1/accounts/{account}/shadow/upload"
entity = "conversation"
action = "edit"
object = "tag"
ids = "/ids"
shadow = true
"#;
    let world = Setup::default().routes(shadow).start().await;
    let shown = ["501-phone_number", "502", "502-phone_number"].map(|what| ("ana", what));
    world.also_visible.lock().unwrap().extend(shown);
    for (line, body, outcome, reason) in [
        ("PATCH /shadow/contacts/501", json!({"name": "x"}), Outcome::Allowed, "grant"),
        ("PATCH /shadow/contacts/501", json!({"phone_number": "x"}), Outcome::WouldDeny, "field"),
        ("PATCH /shadow/contacts/501", json!({"vip": true}), Outcome::WouldDeny, "undeclared_field"),
        ("PATCH /shadow/contacts/502", json!({"name": "x"}), Outcome::WouldDeny, "out_of_scope"),
        ("POST /shadow/upload", json!({"ids": ["102", "101"]}), Outcome::WouldDeny, "out_of_scope"),
        ("POST /shadow/upload", json!({"ids": ["101"]}), Outcome::Allowed, "grant"),
    ] {
        let (answer, reached) = world.typed(line, JSON, &body.to_string()).await;
        let record = world.decision(&answer);
        assert!(reached, "{line} {body}: {answer:?}");
        // That an echo is withheld is told in place of the reason.
        let reasons = [reason, "echo_withheld"];
        assert_eq!(record.outcome, outcome, "{line} {body}: {record:?}");
        assert!(reasons.contains(&record.reason), "{line} {body}: {record:?}");
    }
}

super::obeying::once_more!(
    how_old_the_facts_were_is_told_of_those_that_were_decided_by,
    g01_a_refusal_names_the_field_and_those_that_may_be_written,
    a_hidden_field_is_refused_like_one_that_does_not_exist,
    g01_g02_g03_g06_g12_a_field_is_refused_however_it_is_written,
    g02_g06_what_a_route_does_not_list_is_not_written,
    g04_g09_g11_another_media_type_charset_or_coding_is_not_read,
    g05_a_name_that_stands_twice_is_no_name,
    g07_g08_a_body_over_the_limit_is_not_decided_on,
    g08_a_body_that_ends_before_its_length_is_not_decided_on,
    g10_what_takes_no_body_takes_none,
    e15_a_masked_value_is_not_saved_back,
    g13_assigning_is_decided_on_the_object_as_it_is_and_on_who_gets_it,
    g14_moving_is_decided_on_both_places,
    g15_what_is_created_is_decided_on_as_if_it_were_there,
    g14_g15_whose_and_where_are_decided_together,
    g14_g15_what_one_object_says_is_not_said_of_another,
    a_request_that_could_be_read_in_too_many_ways_is_refused,
    a_field_that_must_be_the_paths_is,
    g16_a_write_is_decided_on_the_facts_at_that_moment,
    g16_a_write_is_made_only_if_the_object_is_as_it_was_decided_on,
    g17_a_write_of_what_is_hidden_and_of_what_is_missing_answer_alike,
    g18_an_export_needs_its_own_right,
    g19_a_denied_write_stays_denied_whatever_key_it_has,
    g20_a_reply_and_a_note_are_two_rights,
    a_bulk_write_is_decided_by_every_id,
    an_id_that_is_spelt_almost_like_another_is_none,
    a_bulk_write_of_rows_is_decided_by_every_row,
    what_writes_many_objects_writes_no_more_than_the_route_takes,
    what_was_written_is_never_told_as_failed,
    a15_no_field_of_a_question_makes_another_method_of_it,
    a_question_about_a_hidden_field_is_one_about_none,
    where_a_route_lists_what_may_be_asked_a_hidden_field_is_like_an_unknown_one,
    a_filter_in_a_body_names_no_hidden_field,
    i11_in_shadow_mode_what_would_be_refused_passes_and_is_told,
);
