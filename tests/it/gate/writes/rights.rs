//! Section G: the right to a write, and what a refusal of it tells.

use headgate::gate::decisions::Outcome;
use serde_json::{Value, json};

use super::{super::world::Setup, FORM, JSON, MERGE, PATCH, setup, world};

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
async fn g20_what_a_patch_has_elsewhere_makes_no_note_of_a_reply() {
    let route = r#"
[[route]]
match = "PATCH /api/v1/accounts/{account}/wrapped/conversations/{id}"
entity = "conversation"
action = "send"
object = "tag"
accepts = ["json", "json-patch"]
body = "/message"
instead = { field = "private", is = { true = "note", false = "send" } }
"#;
    let world = setup().routes(route).start().await;
    let private = |path: &str| json!([{"op": "add", "path": path, "value": true}]).to_string();
    for (media, body, allowed) in [
        (JSON, json!({"message": {"private": true}}).to_string(), true),
        (JSON, json!({"message": {"content": "x"}, "private": true}).to_string(), false),
        (PATCH, private("/message/private"), true),
        (PATCH, private("/private"), false),
        (PATCH, private("/message/0/private"), false),
    ] {
        let (answer, reached) = world.typed("PATCH /wrapped/conversations/101", media, &body).await;
        assert_eq!(reached, allowed, "{body}: {answer:?}");
        assert!(allowed || answer.status == 403, "{body}: {answer:?}");
    }
}

#[tokio::test]
async fn an_id_and_what_it_is_of_stand_in_one_object_whatever_they_are_written_in() {
    let route = r#"
[[route]]
match = "PATCH /api/v1/accounts/{account}/about/contacts/{id}"
entity = "contact"
action = "edit"
object = "prefetch"
prefetch = "GET /api/v1/accounts/{account}/contacts/{id}"
accepts = ["json", "merge-patch", "json-patch", "form"]

[route.refers.about_id]
kind = "about_type"

[route.refers.about_id.is]
lead = { entity = "lead", request = "GET /api/v1/accounts/{account}/leads/{id}", action = "edit" }
contact = { entity = "contact", request = "GET /api/v1/accounts/{account}/contacts/{id}", action = "edit" }
"#;
    let world = setup().routes(route).start().await;
    let add = |path: &str, value: Value| json!({"op": "add", "path": path, "value": value});
    let (id, kind) = (add("/about_id", json!(501)), add("/about_type", json!("contact")));
    for (media, query, body, allowed) in [
        (JSON, "", json!({"about_id": 501, "about_type": "contact"}), true),
        (JSON, "", json!({"about_id": 502, "about_type": "contact"}), false),
        (JSON, "", json!({"about_id": 501, "about_type": "lead"}), true),
        (JSON, "", json!({"about_id": 302, "about_type": "lead"}), false),
        (JSON, "", json!({"about_id": 501, "x": {"about_type": "contact"}}), false),
        (JSON, "", json!({"about_type": "contact", "x": [{"about_id": 501}]}), false),
        (JSON, "", json!({"x": [{"about_id": 501}, {"about_type": "contact"}]}), false),
        (JSON, "", json!({"about_id": 501, "about_type": "contact", "x": {"about_type": "lead"}}), false),
        (JSON, "", json!({"about_id": 501, "about_type": "contact", "x": [[{"about_id": 502}]]}), false),
        (JSON, "", json!({"about_id": [501, 502], "about_type": "contact"}), false),
        (JSON, "", json!({"about_id": [[]], "about_type": "contact"}), false),
        (JSON, "", json!({"about_id": 501, "about_type": []}), false),
        (JSON, "", json!({"about_id": null, "about_type": "contact"}), false),
        (JSON, "", json!({"about_id": 501, "about_type": "Contact"}), false),
        (JSON, "", json!({"about_id": 501, "about_type": "contact", "aboutId": 502}), false),
        (JSON, "about_id=501&about_type=contact", json!({}), false),
        (JSON, "about_type=lead", json!({"about_id": 501, "about_type": "contact"}), false),
        (JSON, "about_type=contact", json!({"about_id": 501}), false),
        (MERGE, "", json!({"about_id": 501, "about_type": "contact"}), true),
        (MERGE, "", json!({"about_id": 501, "about_type": null}), false),
        (FORM, "", json!("about_id=501&about_type=contact"), true),
        (FORM, "", json!("about_id=502&about_type=contact"), false),
        (FORM, "", json!("about_id=501&x[about_type]=contact"), false),
        (FORM, "", json!("about_id=501&about_type=contact&x[0][about_id]=502"), false),
        (FORM, "", json!("about_id[]=501&about_type[]=contact"), false),
        (PATCH, "", json!([id, kind]), true),
        (PATCH, "", json!([id, kind, add("/about_id", json!(502))]), false),
        (PATCH, "", json!([id, kind, add("/about_type", json!("lead"))]), false),
        (PATCH, "", json!([id, kind, {"op": "copy", "from": "/version", "path": "/about_id"}]), false),
        (PATCH, "", json!([id, kind, {"op": "remove", "path": "/about_type"}]), false),
        (
            PATCH,
            "",
            json!([add("/x/-", json!({"about_id": 501})), add("/x/-", json!({"about_type": "contact"}))]),
            false,
        ),
        (PATCH, "", json!([add("/x", json!([{"about_id": 501, "about_type": "contact"}]))]), false),
    ] {
        let body = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
        let line = format!("PATCH /about/contacts/501?{query}");
        let (answer, reached) = world.typed(line.trim_end_matches('?'), media, &body).await;
        assert_eq!(reached, allowed, "{query} {body}: {answer:?}");
        assert!(allowed || answer.status == 403, "{query} {body}: {answer:?}");
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

super::super::obeying::once_more!(
    g17_a_write_of_what_is_hidden_and_of_what_is_missing_answer_alike,
    g18_an_export_needs_its_own_right,
    g19_a_denied_write_stays_denied_whatever_key_it_has,
    g20_a_reply_and_a_note_are_two_rights,
    g20_what_a_patch_has_elsewhere_makes_no_note_of_a_reply,
    an_id_and_what_it_is_of_stand_in_one_object_whatever_they_are_written_in,
    i11_in_shadow_mode_what_would_be_refused_passes_and_is_told,
);
