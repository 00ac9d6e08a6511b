//! Fields and media, row by row of section E of the checklist: what of a contact, a message, a note and an attachment
//! is in an answer, wherever it stands there.

use std::collections::BTreeMap;

use headgate::policy::{Scope, Source};
use serde_json::{Value, json};

use super::{
    backend::{self, Asked},
    world::{Answer, Setup, World},
};

/// Conversations with what is nested in them, and contacts, with a list of the fields that may pass.
pub(super) const ROUTES: &str = r#"
[entity.person]
resource = "contact"
id = "/id"
responsible = "/owner"
fields = ["id", "owner", "name", "phone_number", "extra"]
nested = { "/thumbnail" = "picture" }

[entity.picture]
resource = "media"
part = true
value = true

[entity.chat]
resource = "conversation"
id = "/id"
responsible = "/assignee"
team = "/team"
fields = ["id"]
nested = { "/meta/sender" = "person", "/messages/*" = "message", "/last_message" = "message" }

[entity.message]
part = true
kinds = [{ at = "/private", is = true, resource = "note" }]
fields = ["id", "content", "content_attributes.preview.title"]
nested = { "/attachments/*" = "attachment", "/content_attributes/preview/image" = "picture", "/content_attributes/preview/icon" = "picture" }
none = { "/attachments" = "absent", "/content_attributes/preview/image" = "null" }

[entity.attachment]
resource = "media"
part = true
fields = ["id", "file_type", "data_url", "thumb_url"]
placeholder = ["id", "file_type"]

[[route]]
match = "GET /api/v1/accounts/{account}/persons"
entity = "person"
action = "list"
items = "/payload"
push = { team = "team_of_assignee={team}" }

[[route]]
match = "GET /api/v1/accounts/{account}/persons/{id}"
entity = "person"
action = "view"
object = "answer"

[[route]]
match = "PATCH /api/v1/accounts/{account}/persons/{id}"
entity = "person"
action = "edit"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/persons/{id}"

[[route]]
match = "POST /api/v1/accounts/{account}/persons"
entity = "person"
action = "edit"

[[route]]
match = "GET /api/v1/accounts/{account}/chats/{id}"
entity = "chat"
action = "view"
object = "answer"

[[route]]
match = "GET /api/v1/accounts/{account}/chats/{id}/attachments/{file}"
resource = "media"
entity = "chat"
action = "view"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/chats/{id}"
part = true
format = "whole"

[entity.said]
resource = "message"
id = "/id"
part = true
kinds = [{ at = "/private", is = true, resource = "note" }]

[[route]]
match = "GET /api/v1/accounts/{account}/chats/{id}/messages/{message}/attachments/{file}"
resource = "media"
entity = "chat"
action = "view"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/chats/{id}"
part = true
format = "whole"
[route.stands_in]
entity = "said"
parameter = "message"
request = "GET /api/v1/accounts/{account}/chats/{id}/messages/{message}"
"#;

/// A contact of `owner`'s, with everything that hides a number of it.
fn person(id: &str, owner: &str) -> Value {
    json!({
        "id": id,
        "owner": owner,
        "name": format!("CANARY-{id}-name"),
        "phone_number": format!("CANARY-{id}-phone_number"),
        "phoneNumber": "CANARY-hidden-alias",
        "identifier": "CANARY-hidden-identifier",
        "contact_inbox": {"source_id": "CANARY-hidden-source"},
        "additional_attributes": {"whatsapp": "CANARY-hidden-whatsapp"},
        "extra": {"deep": [{"phone_number": format!("CANARY-{id}-phone_deep"), "city": "Solo"}]},
        "thumbnail": format!("https://files/CANARY-{id}-thumbnail"),
    })
}

fn message(private: bool, content: &str) -> Value {
    let attachment = json!({
        "id": "att-1", "file_type": "image", "size": 7,
        "data_url": "https://files/CANARY-101-data", "thumb_url": "data:image/png;base64,CANARY-101-thumb",
        "file_url": "CANARY-hidden-file",
    });
    let preview = json!({
        "title": "A shop", "image": "https://files/CANARY-101-preview", "icon": "data:image/png;base64,CANARY-101-icon",
        "url": "https://CANARY-hidden-link", "image_url": "CANARY-hidden-image",
    });
    json!({
        "id": "9001", "private": private, "content": content, "attachments": [attachment],
        "content_attributes": {"preview": preview, "image_url": "CANARY-hidden-image"},
    })
}

fn chat() -> Value {
    json!({
        "id": "101", "assignee": "ana", "team": "sales", "avatar_url": "CANARY-hidden-avatar",
        "meta": {"sender": person("501", "ana"), "hmac": "CANARY-hidden-hmac"},
        "messages": [message(false, "hello"), message(true, "CANARY-101-note")],
        "last_message": message(true, "CANARY-101-note"),
    })
}

fn told(asked: &Asked) -> Option<Vec<u8>> {
    let path = asked.target.strip_prefix("/api/v1/accounts/1")?;
    Some(match path.split('?').next()? {
        "/persons" => backend::json(200, &json!({"payload": [person("501", "ana"), person("502", "ben")]})),
        "/persons/501" => backend::json(200, &person("501", "ana")),
        "/persons/502" => backend::json(200, &person("502", "ben")),
        "/chats/101" => backend::json(200, &chat()),
        "/chats/101/messages/9001" => backend::json(200, &json!({"id": 9001, "private": false})),
        "/chats/101/messages/9002" => backend::json(200, &json!({"id": 9002, "private": true})),
        "/chats/101/messages/9003" => backend::json(200, &json!({"id": 9001, "private": false})),
        "/chats/101/messages/9004" => backend::json(200, &json!({"id": 9004})),
        "/chats/101/attachments/att-1"
        | "/chats/101/messages/9001/attachments/att-1"
        | "/chats/101/messages/9002/attachments/att-1"
        | "/chats/101/messages/9003/attachments/att-1"
        | "/chats/101/messages/9004/attachments/att-1" => {
            backend::answer(200, "content-type: image/png\r\n", "CANARY-101-bytes")
        }
        _ => return None,
    })
}

async fn world() -> World {
    Setup::default().routes(ROUTES).backend(told).start().await
}

/// A world whose backend answers every request for `person` 501 so.
async fn answering(headers: &'static str, body: impl Into<String>) -> World {
    let body = body.into();
    let script = move |_: &Asked| Some(backend::answer(200, headers, &body));
    Setup::default().routes(ROUTES).backend(script).start().await
}

const JSON: &str = "content-type: application/json\r\n";

async fn ask(world: &World) -> Answer {
    world.get("ana", "/persons/501").await
}

/// `persons/501` as somebody sees it for whom `phone_number` is hidden, and media.
fn without_number() -> Value {
    json!({"id": "501", "owner": "ana", "name": "CANARY-501-name", "extra": {"deep": [{"city": "Solo"}]}})
}

#[tokio::test]
async fn e01_a_hidden_field_is_absent_at_every_depth_and_in_every_list() {
    let world = world().await;
    assert_eq!(ask(&world).await.json(), without_number());
    assert_eq!(world.get("ana", "/persons").await.json(), json!({"payload": [without_number()]}));
    assert_eq!(world.get("ana", "/chats/101").await.json()["meta"], json!({"sender": without_number()}));
    let sue = world.get("sue", "/persons/501").await.json();
    assert_eq!(sue["phone_number"], "CANARY-501-phone_number");
    assert_eq!(sue["extra"]["deep"][0]["phone_number"], "CANARY-501-phone_deep");
}

#[tokio::test]
async fn e02_the_same_value_by_another_name_is_not_declared_and_does_not_pass() {
    let world = world().await;
    for (user, path) in
        [("ana", "/persons/501"), ("adm", "/persons/501"), ("adm", "/persons"), ("adm", "/chats/101")]
    {
        let answer = world.get(user, path).await;
        assert_eq!(answer.status, 200, "{user} {path}");
        assert!(!answer.body.contains("CANARY-hidden"), "{user} {path}: {}", answer.body);
    }
}

#[tokio::test]
async fn e03_the_echo_of_a_write_is_filtered_like_a_get() {
    let script = |asked: &Asked| match asked.method.as_str() {
        "PATCH" => Some(backend::json(200, &person("501", "ana"))),
        _ => told(asked),
    };
    let world = Setup::default().routes(ROUTES).backend(script).start().await;
    let echo = world.write("ana", "PATCH", "/persons/501", &json!({"name": "x"})).await;
    assert_eq!((echo.status, echo.json()), (200, without_number()));
}

#[tokio::test]
async fn e04_an_error_that_quotes_what_there_is_tells_its_status_alone() {
    let script = |asked: &Asked| match asked.method.as_str() {
        "PATCH" => Some(backend::json(422, &json!({"error": "already taken by CANARY-502-name"}))),
        _ => told(asked),
    };
    let world = Setup::default().routes(ROUTES).backend(script).start().await;
    let refused = world.write("ana", "PATCH", "/persons/501", &json!({"name": "x"})).await;
    assert_eq!((refused.status, refused.problem().as_str()), (422, "declined"));
}

#[tokio::test]
async fn e04_a_number_that_a_hidden_contact_has_is_refused_like_one_that_is_none() {
    let script = |asked: &Asked| {
        if asked.method != "POST" {
            return told(asked);
        }
        let number = serde_json::from_str::<Value>(&asked.body).unwrap()["phone_number"].clone();
        Some(match number.as_str() {
            // 502 has it, which is ben's.
            Some("+6281") => backend::answer(
                422,
                "content-type: application/json\r\nx-taken-by: 502\r\nlocation: /persons/502\r\netag: \"502\"\r\n",
                &json!({"message": "already taken by CANARY-502-name", "attributes": ["phone_number"]})
                    .to_string(),
            ),
            Some("+6282") => backend::json(200, &person("503", "ana")),
            _ => backend::answer(422, "content-type: text/plain\r\ncontent-language: en\r\n", "invalid"),
        })
    };
    let world = Setup::default().routes(ROUTES).backend(script).start().await;
    world.also_visible.lock().unwrap().push(("sue", "503"));
    assert_eq!(world.get("sue", "/persons/502").await.status, 404, "she may not see it");
    let create =
        async |number: &str| world.write("sue", "POST", "/persons", &json!({"phone_number": number})).await;
    let (taken, invalid) = (create("+6281").await, create("12").await);
    assert_eq!((taken.status, taken.problem().as_str()), (422, "declined"));
    assert_eq!(taken.told(), invalid.told());
    assert_eq!(world.decision(&taken).reason, world.decision(&invalid).reason);
    assert_eq!(create("+6282").await.status, 200, "one that is free");
    assert_eq!(world.backend.lines().iter().filter(|line| line.starts_with("POST")).count(), 3);
}

#[tokio::test]
async fn e05_a_preview_is_a_message_and_a_private_one_is_a_note() {
    let world = world().await;
    let seen = world.get("ana", "/chats/101").await.json();
    assert_eq!(seen.get("last_message"), None);
    let contents: Vec<_> =
        seen["messages"].as_array().unwrap().iter().map(|message| &message["content"]).collect();
    assert_eq!(contents, ["hello"]);
    let seen = world.get("sue", "/chats/101").await.json();
    assert_eq!(seen["last_message"]["content"], "CANARY-101-note");
    assert_eq!(seen["messages"].as_array().unwrap().len(), 2);
    // Whether it is private must be said.
    for private in [json!(null), json!("yes"), json!(1), json!({})] {
        let mut said = chat();
        said["messages"][0]["private"] = private.clone();
        said["messages"][1].as_object_mut().unwrap().remove("private");
        let script = move |_: &Asked| Some(backend::json(200, &said));
        let world = Setup::default().routes(ROUTES).backend(script).start().await;
        let seen = world.get("ana", "/chats/101").await.json();
        assert_eq!(seen["messages"], json!([]), "{private}");
    }
}

#[tokio::test]
async fn e06_media_are_absent_but_for_what_is_declared_to_be_left() {
    let world = world().await;
    let seen = world.get("ana", "/chats/101").await;
    assert_eq!(seen.json()["messages"][0]["attachments"], json!([{"id": "att-1", "file_type": "image"}]));
    let preview = &seen.json()["messages"][0]["content_attributes"];
    assert_eq!(*preview, json!({"preview": {"title": "A shop", "image": null}}));
    for address in [
        "CANARY-101-data",
        "CANARY-101-thumb",
        "CANARY-501-thumbnail",
        "CANARY-101-preview",
        "CANARY-101-icon",
    ] {
        assert!(!seen.body.contains(address), "{address} in {}", seen.body);
    }
    let seen = world.get("sue", "/chats/101").await.json();
    let preview = &seen["messages"][0]["content_attributes"]["preview"];
    assert_eq!(preview["image"], "https://files/CANARY-101-preview");
    assert_eq!(preview["icon"], "data:image/png;base64,CANARY-101-icon");
    assert_eq!(seen["messages"][0]["attachments"][0]["data_url"], "https://files/CANARY-101-data");
    assert_eq!(seen["meta"]["sender"]["thumbnail"], "https://files/CANARY-501-thumbnail");
}

#[tokio::test]
async fn e06_hidden_media_and_notes_look_like_none() {
    let routes = ROUTES.replace("placeholder = [\"id\", \"file_type\"]\n", "").replace(
        "\"/last_message\" = \"message\" }\n",
        "\"/last_message\" = \"message\" }\nnone = { \"/last_message\" = \"null\" }\n",
    );
    // The backend's own none, in each way to write it.
    let bare = |none: Option<Value>| {
        let mut bare = chat();
        bare["last_message"] = Value::Null;
        bare["meta"]["sender"].as_object_mut().unwrap().remove("thumbnail");
        bare["messages"] = json!([message(false, "hello")]);
        let message = bare["messages"][0].as_object_mut().unwrap();
        match none {
            Some(none) => message.insert("attachments".to_owned(), none),
            None => message.remove("attachments"),
        };
        let preview = message["content_attributes"]["preview"].as_object_mut().unwrap();
        preview.remove("icon");
        preview.insert("image".to_owned(), Value::Null);
        bare
    };
    let mut told = Vec::new();
    for said in [chat(), bare(None), bare(Some(json!(null))), bare(Some(json!([])))] {
        let script = move |_: &Asked| Some(backend::json(200, &said));
        let world = Setup::default().routes(&routes).backend(script).start().await;
        told.push(world.get("ana", "/chats/101").await.body);
    }
    assert!(told.iter().all(|body| *body == told[1]), "{told:#?}");
    assert!(told[0].contains("\"last_message\":null") && !told[0].contains("attachments"), "{}", told[0]);
}

#[tokio::test]
async fn e07_a_file_is_decided_on_by_the_conversation_in_which_it_stands() {
    let world = world().await;
    let path = "/api/v1/accounts/1/chats/101/attachments/att-1";
    for (method, headers) in [("GET", ""), ("HEAD", ""), ("GET", "Range: bytes=0-10\r\n")] {
        for target in [path.to_owned(), format!("{path}?signature=old")] {
            let answer = world.send("ana", &format!("{method} {target}"), headers, "").await;
            assert_eq!(answer.status, 404, "{method} {target} {headers}");
        }
    }
    assert!(world.backend.lines().iter().all(|line| !line.contains("att-1")));
    let answer = world.get("sue", "/chats/101/attachments/att-1").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "CANARY-101-bytes"));

    let script = |asked: &Asked| match asked.target.ends_with("att-1") {
        true => Some(backend::answer(
            302,
            "location: https://storage/CANARY-hidden-signed\r\n",
            "CANARY-hidden-signed",
        )),
        false => told(asked),
    };
    let world = Setup::default().routes(ROUTES).backend(script).start().await;
    let answer = world.get("sue", "/chats/101/attachments/att-1").await;
    assert_eq!((answer.status, answer.header("location")), (502, None));
}

#[tokio::test]
async fn e07_a_file_of_a_private_message_is_shown_to_who_sees_that_message() {
    // ana sees media and messages, and no notes.
    let rights = |source: &mut Source| {
        let media = BTreeMap::from([("view".to_owned(), Scope::Own)]);
        source.roles.get_mut("agent").unwrap().grants.insert("media".to_owned(), media);
    };
    let world = Setup::default().routes(ROUTES).backend(told).policy(rights).start().await;
    world.also_visible.lock().unwrap().push(("ana", "101-bytes"));
    let path = |message: u64| format!("/api/v1/accounts/1/chats/101/messages/{message}/attachments/att-1");
    for (method, headers) in [("GET", ""), ("HEAD", ""), ("GET", "Range: bytes=0-10\r\n")] {
        for (user, message, status) in [
            ("ana", 9001, 200),
            ("ana", 9002, 404),
            ("sue", 9001, 200),
            ("sue", 9002, 200),
            ("ben", 9001, 404),
            // Not the message that was asked for, none, and one of which nobody knows whether it is private.
            ("adm", 9003, 404),
            ("adm", 9999, 404),
            ("ana", 9004, 404),
        ] {
            let answer = world.send(user, &format!("{method} {}", path(message)), headers, "").await;
            assert_eq!(answer.status, status, "{user} {method} {message} {headers}");
        }
    }
    let hidden = world.send("ana", &format!("GET {}", path(9002)), "", "").await;
    let missing = world.send("ana", &format!("GET {}", path(9999)), "", "").await;
    assert_eq!((hidden.status, hidden.problem()), (missing.status, missing.problem()));
}

#[tokio::test]
async fn e08_a_key_that_stands_twice_shows_neither_value() {
    for body in [
        r#"{"id":"501","owner":"ana","phone_number":"CANARY-hidden-1","phone_number":1}"#,
        r#"{"id":"501","owner":"ana","phone_number":1,"phone_number":"CANARY-hidden-2"}"#,
        r#"{"id":"501","owner":"ben","owner":"ana","name":"CANARY-hidden-3"}"#,
        r#"{"id":"501","owner":"ana","name":"a","name":"CANARY-hidden-4"}"#,
        r#"{"id":"501","owner":"ana","name":"CANARY-hidden-5","n\u0061me":"a"}"#,
    ] {
        let world = answering(JSON, body).await;
        let answer = ask(&world).await;
        assert!(!answer.body.contains("CANARY"), "{body}: {answer:?}");
        assert!([200, 502].contains(&answer.status), "{body}: {answer:?}");
    }
}

#[tokio::test]
async fn e09_a_key_is_read_without_its_escapes_and_in_its_one_spelling() {
    let body = r#"{"id":"501","owner":"ana","phone\u005fnumber":"CANARY-hidden-1","Phone_Number":"CANARY-hidden-2",
        "PHONE_NUMBER":"CANARY-hidden-3","phone_number ":"CANARY-hidden-4","n\u0061me":"A"}"#;
    let world = answering(JSON, body).await;
    let answer = ask(&world).await;
    assert_eq!((answer.status, answer.json()), (200, json!({"id": "501", "owner": "ana", "name": "A"})));
    assert!(answer.body.contains(r#""n\u0061me":"A""#), "what passes is not written anew: {}", answer.body);
}

#[tokio::test]
async fn e10_what_passes_is_copied_byte_for_byte() {
    let extra = r#"{"n":[12345678901234567890, 1.10 ,1E400,-0,1e-7],"t":"\u00e9\/😀\ud83d\ude00\t","half":["\ud800","\udc00x"],"o":{ "p" : 1 }}"#;
    let body = format!(r#"{{"id":"501","owner":"ana","extra":{extra},"phone_number":1}}"#);
    let world = answering(JSON, body).await;
    let answer = ask(&world).await;
    assert_eq!(
        (answer.status, answer.body),
        (200, format!(r#"{{"id":"501","owner":"ana","extra":{extra}}}"#))
    );
}

#[tokio::test]
async fn e01_an_object_of_which_a_field_is_hidden_looks_like_an_empty_one() {
    for extra in ["{}", "{ }", r#"{"phone_number":1}"#, r#"{ "phone_number" : 1 }"#] {
        let world = answering(JSON, format!(r#"{{"id":"501","owner":"ana","extra":{extra}}}"#)).await;
        let answer = ask(&world).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (200, r#"{"id":"501","owner":"ana","extra":{}}"#),
            "{extra}"
        );
    }
}

#[tokio::test]
async fn e10_what_is_no_text_names_nobody() {
    for (id, owner, status) in [
        ("501", r"ana\ud800", 404),
        ("501", r"\udc00ana", 404),
        // Not the object that was asked for.
        (r"501\ud800", "ana", 502),
        (r"\ud835\u0061", "ana", 502),
    ] {
        let body = format!(r#"{{"id":"{id}","owner":"{owner}","name":"CANARY-hidden"}}"#);
        let world = answering(JSON, body.clone()).await;
        let answer = ask(&world).await;
        assert_eq!((answer.status, answer.body.contains("CANARY")), (status, false), "{body}: {answer:?}");
    }
}

#[tokio::test]
async fn e11_what_is_too_deep_or_too_large_is_refused() {
    let deep =
        format!(r#"{{"id":"501","owner":"ana","extra":{}1{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
    let world = answering(JSON, deep).await;
    assert_eq!(ask(&world).await.status, 502);
    assert_eq!(world.reached("answer_nesting_max"), 1);
    // 128 levels, the object among them.
    for (levels, status) in [(127, 200), (128, 502)] {
        let lists = "[".repeat(levels) + &"]".repeat(levels);
        let body = format!(r#"{{"id":"501","owner":"ana","extra":{lists}}}"#);
        let world = answering(JSON, body).await;
        assert_eq!(ask(&world).await.status, status, "{levels}");
        assert_eq!(world.reached("answer_nesting_max"), u64::from(status == 502), "{levels}");
    }
    // A string of 200 MB is not even read.
    let script =
        |_: &Asked| Some(b"HTTP/1.1 200 OK\r\ncontent-length: 200000000\r\n\r\n{\"id\":\"501\"".to_vec());
    let world = Setup::default().routes(ROUTES).backend(script).start().await;
    assert_eq!(ask(&world).await.status, 502);
    // Nor is one of which nobody says how long it is.
    let long = format!(r#"{{"id":"501","owner":"ana","name":"{}"}}"#, "x".repeat(17 << 20));
    let chunked = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{long}\r\n0\r\n\r\n",
        long.len()
    );
    let script = move |_: &Asked| Some(chunked.clone().into_bytes());
    let world = Setup::default().routes(ROUTES).backend(script).start().await;
    assert_eq!(ask(&world).await.status, 502);
}

#[tokio::test]
async fn e11_keys_are_bounded_by_the_bytes_of_an_answer_and_not_by_their_number() {
    let answering_keys = async |keys: u32| {
        let keys: Vec<_> = (0..keys).map(|key| format!(r#""k{key}":0"#)).collect();
        answering(JSON, format!(r#"{{"id":"501","owner":"ana",{}}}"#, keys.join(","))).await
    };
    // 12 MB.
    let world = answering_keys(1_000_000).await;
    assert_eq!(ask(&world).await.json(), json!({"id": "501", "owner": "ana"}));
    // 25 MB.
    let world = answering_keys(2_000_000).await;
    let refused = ask(&world).await;
    assert_eq!((refused.status, refused.problem().as_str()), (502, "unreadable"));
    assert_eq!(world.decision(&refused).reason, "answer_too_large");
    let oversize = world.metrics().lines().any(|line| {
        line.starts_with("headgate_backend_requests_total")
            && line.contains(r#"outcome="oversize""#)
            && line.ends_with(" 1")
    });
    assert!(oversize, "{}", world.metrics());
}

#[tokio::test]
async fn e12_what_is_no_json_is_refused() {
    let sound = r#"{"id":"501","owner":"ana","name":"A"}"#;
    for body in [
        r#"{"id":"501","owner":"ana","extra":NaN}"#,
        r#"{"id":"501","owner":"ana",}"#,
        "{'id':'501','owner':'ana'}",
        &format!("{sound}{sound}"),
        &format!("{sound}x"),
        &format!("\u{feff}{sound}"),
        sound.trim_end_matches('}'),
        "",
        "null",
    ] {
        let world = answering(JSON, body).await;
        let answer = ask(&world).await;
        assert_eq!((answer.status, answer.problem().as_str()), (502, "unreadable"), "{body}");
    }
}

#[tokio::test]
async fn e13_the_route_says_what_an_answer_is_and_not_the_backend() {
    let body = person("501", "ana").to_string();
    for headers in [
        "content-type: text/plain\r\n",
        "content-type: text/html; charset=UTF-8\r\n",
        "content-type: application/vnd.api+json\r\n",
        "content-type: application/octet-stream\r\n",
        "",
    ] {
        let world = answering(headers, body.clone()).await;
        let answer = ask(&world).await;
        assert_eq!((answer.status, answer.json()), (200, without_number()), "{headers}");
        assert_eq!(answer.header("content-type"), Some("application/json"), "{headers}");
    }
    for headers in [
        "content-type: application/json; charset=utf-16\r\n",
        "content-type: text/plain; charset=iso-8859-1\r\n",
        "content-type: application/json\r\ncontent-type: application/json; charset=utf-7\r\n",
    ] {
        let world = answering(headers, body.clone()).await;
        assert_eq!(ask(&world).await.status, 502, "{headers}");
    }
}

#[tokio::test]
async fn e14_a_header_does_not_tell_what_the_content_does_not() {
    let headers = "content-type: application/json\r\nx-contact-phone: CANARY-hidden-phone\r\n\
                   link: </CANARY-hidden-next>; rel=next\r\nx-total-count: 12\r\nserver: CANARY-hidden-server\r\n\
                   content-disposition: attachment; filename=\"CANARY-hidden-phone.json\"\r\n";
    let world = answering(headers, person("501", "ana").to_string()).await;
    let answer = ask(&world).await;
    assert_eq!(answer.status, 200);
    for name in ["x-contact-phone", "link", "x-total-count", "server"] {
        assert_eq!(answer.header(name), None, "{name}");
    }
    assert_eq!(answer.header("content-disposition"), Some("attachment"));
}

#[tokio::test]
async fn e15_what_stands_in_place_of_a_hidden_value_is_not_written_back() {
    let world = world().await;
    for number in [json!("*****234"), json!(""), Value::Null] {
        let answer =
            world.write("ana", "PATCH", "/persons/501", &json!({"name": "x", "phone_number": number})).await;
        assert!(answer.status >= 400, "{answer:?}");
    }
    assert!(world.backend.lines().iter().all(|line| line.starts_with("GET")));
}

#[tokio::test]
async fn d10_a_list_that_stands_elsewhere_is_not_shown() {
    let row = person("501", "ana");
    for answer in
        [json!({"data": [row]}), json!([row]), json!({"payload": row}), json!({"payload": 0}), json!({})]
    {
        let world = answering(JSON, answer.to_string()).await;
        assert_eq!(world.get("adm", "/persons").await.status, 502, "{answer}");
    }
}

#[tokio::test]
async fn d08_a_row_that_cannot_be_judged_is_dropped() {
    let rows = json!({"payload": [null, "501", 7, [], {"name": "CANARY-hidden-1"}, person("501", "ana")]});
    let world = answering(JSON, rows.to_string()).await;
    assert_eq!(world.get("ana", "/persons").await.json(), json!({"payload": [without_number()]}));
}

/// A backend that tells and takes a contact's number under several names, and its owner under two.
const ALIASES: &str = r#"
[entity.named]
resource = "contact"
id = "/id"
responsible = "/owner"
fields = ["id", "name", "tel", "details", "address.line"]
aliases = { phone_number = ["tel", "details.number", "address.line.phone"], owner = ["owner_id"] }

[[route]]
match = "GET /api/v1/accounts/{account}/named/{id}"
entity = "named"
action = "view"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/named/{id}"
fields_in = ["sort", "filter"]
searches = { q = ["details.number"] }

[[route]]
match = "PATCH /api/v1/accounts/{account}/named/{id}"
entity = "named"
action = "edit"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/named/{id}"
accepts = ["json", "json-patch", "form"]

[[route]]
match = "PATCH /api/v1/accounts/{account}/given/{id}"
entity = "named"
action = "edit"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/named/{id}"
assign = { user = "owner", action = "edit" }

[[route]]
match = "PATCH /api/v1/accounts/{account}/listed/{id}"
entity = "named"
action = "edit"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/named/{id}"
writes = ["name", "tel", "address.*"]

[[route]]
match = "POST /api/v1/accounts/{account}/named/filter"
entity = "named"
action = "list"
items = "/rows"
question = true
fields_at = ["/by/*"]

[[route]]
match = "GET /api/v1/accounts/{account}/named_table"
entity = "named"
action = "export"
format = "csv"
"#;

fn named(asked: &Asked) -> Option<Vec<u8>> {
    let object = json!({
        "id": "501", "owner": "ana", "name": "CANARY-501-name", "tel": "CANARY-hidden-tel",
        "details": {"number": "CANARY-hidden-number", "city": "Solo", "numbers": 2, "tel": "CANARY-hidden-inner"},
        "address": {"line": {"phone": "CANARY-hidden-line", "street": "Main"}, "zip": "CANARY-hidden-zip"},
    });
    let table =
        "id,owner,name,tel,details.number,details.city\n501,ana,Ann,CANARY-hidden-t,CANARY-hidden-n,Solo\n";
    Some(match asked.target.split('?').next()?.rsplit('/').next()? {
        "501" => backend::json(200, &object),
        "filter" => backend::json(200, &json!({"rows": [object]})),
        "named_table" => backend::answer(200, "content-type: text/csv\r\n", table),
        _ => return None,
    })
}

#[tokio::test]
async fn e02_what_is_hidden_is_hidden_under_each_of_its_names() {
    let world = Setup::default().routes(ALIASES).backend(named).start().await;
    let expected = json!({
        "id": "501", "name": "CANARY-501-name", "details": {"city": "Solo", "numbers": 2},
        "address": {"line": {"street": "Main"}},
    });
    assert_eq!(world.get("ana", "/named/501").await.json(), expected);
    let filtered = world.write("ana", "POST", "/named/filter", &json!({"by": ["name"]})).await;
    assert_eq!(filtered.json(), json!({"rows": [expected]}));
    assert_eq!(world.get("ana", "/named_table").await.body, "id,name,details.city\n501,Ann,Solo\n");
    world.also_visible.lock().unwrap().push(("sue", "hidden"));
    let all = world.get("sue", "/named/501").await.json();
    assert_eq!(
        (&all["tel"], &all["details"]["number"]),
        (&json!("CANARY-hidden-tel"), &json!("CANARY-hidden-number"))
    );
    assert_eq!(all["address"], json!({"line": {"phone": "CANARY-hidden-line", "street": "Main"}}));
}

#[tokio::test]
async fn g02_what_may_not_be_written_may_not_under_any_of_its_names() {
    let world = Setup::default().routes(ALIASES).backend(named).start().await;
    for (body, allowed) in [
        (json!({"name": "x"}), true),
        (json!({"details": {"city": "x"}}), true),
        (json!({"phone_number": "x"}), false),
        (json!({"tel": "x"}), false),
        (json!({"tel": null}), false),
        (json!({"contact": {"tel": "x"}}), false),
        (json!({"contact[tel]": "x"}), false),
        (json!({"details": {"number": "x"}}), false),
        (json!({"contact": {"details": {"number": "x"}}}), false),
        (json!({"details": null}), false),
        (json!({"address": {"line": {"phone": "x"}}}), false),
        (json!({"address": {"line": "x"}}), false),
        (json!({"number": "x"}), true),
    ] {
        for path in ["/named/501", "/listed/501"] {
            let answer = world.write("ana", "PATCH", path, &body).await;
            let allowed = allowed && (path == "/named/501" || body.get("name").is_some());
            assert_eq!(answer.status == 200, allowed, "{path} {body}: {answer:?}");
            assert!(allowed || answer.status == 403, "{path} {body}: {answer:?}");
        }
    }
    let refused = world.write("ana", "PATCH", "/listed/501", &json!({"tel": "x"})).await.json();
    assert_eq!((&refused["fields"], &refused["expected"]), (&json!(["tel"]), &json!(["name", "address.*"])));
    for (media, body) in [
        ("application/json-patch+json", r#"[{"op":"test","path":"/tel","value":"1"}]"#),
        ("application/json-patch+json", r#"[{"op":"copy","from":"/details/number","path":"/name"}]"#),
        ("application/x-www-form-urlencoded", "details[number]=1"),
    ] {
        let line = "PATCH /api/v1/accounts/1/named/501";
        let answer = world.send("ana", line, &format!("Content-Type: {media}\r\n"), body).await;
        assert_eq!(answer.status, 403, "{body}");
    }
    // Whose it will be, too.
    for (body, status) in
        [(json!({"owner_id": "ben"}), 403), (json!({"owner": "ben"}), 403), (json!({"owner_id": "sue"}), 200)]
    {
        assert_eq!(world.write("ana", "PATCH", "/given/501", &body).await.status, status, "{body}");
    }
}

#[tokio::test]
async fn what_is_hidden_cannot_be_asked_about_under_any_of_its_names() {
    let world = Setup::default().routes(ALIASES).backend(named).start().await;
    for (query, taken) in [
        ("sort=name", true),
        ("sort=-tel", false),
        ("sort=details.number", false),
        ("filter[details][number]=1", false),
        ("filter[tel][eq]=1", false),
        ("tel=1", false),
        ("q=1", false),
        ("number=1", false),
    ] {
        let answer = world.get("ana", &format!("/named/501?{query}")).await;
        assert_eq!(answer.status == 200, taken, "{query}: {answer:?}");
    }
    for by in ["tel", "-details.number", "address.line.phone"] {
        let answer = world.write("ana", "POST", "/named/filter", &json!({"by": [by]})).await;
        assert_eq!(answer.status, 400, "{by}");
    }
}

super::obeying::once_more!(
    e01_a_hidden_field_is_absent_at_every_depth_and_in_every_list: 1,
    e01_an_object_of_which_a_field_is_hidden_looks_like_an_empty_one,
    e02_the_same_value_by_another_name_is_not_declared_and_does_not_pass,
    e03_the_echo_of_a_write_is_filtered_like_a_get,
    e04_an_error_that_quotes_what_there_is_tells_its_status_alone,
    e04_a_number_that_a_hidden_contact_has_is_refused_like_one_that_is_none,
    e05_a_preview_is_a_message_and_a_private_one_is_a_note,
    e06_media_are_absent_but_for_what_is_declared_to_be_left,
    e06_hidden_media_and_notes_look_like_none,
    e07_a_file_is_decided_on_by_the_conversation_in_which_it_stands,
    e07_a_file_of_a_private_message_is_shown_to_who_sees_that_message,
    e08_a_key_that_stands_twice_shows_neither_value,
    e09_a_key_is_read_without_its_escapes_and_in_its_one_spelling,
    e10_what_passes_is_copied_byte_for_byte,
    e10_what_is_no_text_names_nobody,
    e11_what_is_too_deep_or_too_large_is_refused,
    e11_keys_are_bounded_by_the_bytes_of_an_answer_and_not_by_their_number,
    e12_what_is_no_json_is_refused,
    e13_the_route_says_what_an_answer_is_and_not_the_backend,
    e14_a_header_does_not_tell_what_the_content_does_not,
    e15_what_stands_in_place_of_a_hidden_value_is_not_written_back,
    d10_a_list_that_stands_elsewhere_is_not_shown,
    d08_a_row_that_cannot_be_judged_is_dropped,
    e02_what_is_hidden_is_hidden_under_each_of_its_names,
    g02_what_may_not_be_written_may_not_under_any_of_its_names,
    what_is_hidden_cannot_be_asked_about_under_any_of_its_names,
);
