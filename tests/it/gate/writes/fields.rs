//! Section G: the fields that a write may name, and those that a refusal does.

use serde_json::json;

use super::{FORM, JSON, MERGE, MULTIPART, PATCH, parts, world};

#[tokio::test]
async fn g01_a_refusal_names_the_field_and_those_that_may_be_written() {
    let world = world().await;
    let body = r#"{"name":"x","phone_number":"+1"}"#;
    let (answer, reached) = world.typed("PATCH /guarded/contacts/501", JSON, body).await;
    assert_eq!((answer.status, answer.problem().as_str(), reached), (403, "fields", false));
    // Neither the hidden one nor the one that is only read.
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
async fn e15_a_masked_value_is_not_saved_back() {
    let world = world().await;
    for line in ["PATCH /open/contacts/501", "PATCH /guarded/contacts/501"] {
        let (answer, reached) = world.typed(line, JSON, r#"{"name":"x","phone_number":"*****234"}"#).await;
        assert_eq!((answer.status, reached), (403, false), "{line}");
    }
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

super::super::obeying::once_more!(
    g01_a_refusal_names_the_field_and_those_that_may_be_written,
    a_hidden_field_is_refused_like_one_that_does_not_exist,
    g01_g02_g03_g06_g12_a_field_is_refused_however_it_is_written,
    g02_g06_what_a_route_does_not_list_is_not_written,
    e15_a_masked_value_is_not_saved_back,
    a_field_that_must_be_the_paths_is,
);
