//! Section G: writes of many objects at once.

use serde_json::{Value, json};

use super::{
    super::{backend, world::Setup},
    FORM, JSON, rights, world,
};

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
    let script = |asked: &backend::Asked| {
        let is_one = asked.target.contains("/loose/");
        is_one.then(|| backend::json(200, &json!({"owner": "ana"})))
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

#[tokio::test]
async fn what_names_other_objects_names_no_more_than_are_asked_for() {
    let world = world().await;
    let tied = |ids: std::ops::Range<u32>| {
        let rows: Vec<_> = ids.map(|id| json!({"lead_id": id})).collect();
        json!({"name": "x", "rows": rows}).to_string()
    };
    for (body, status) in [(tied(1000..1100), 200), (tied(1000..1101), 400), (tied(1000..3000), 400)] {
        let asked = world.backend.seen().len();
        let (answer, reached) = world.typed("PATCH /tied/contacts/501", JSON, &body).await;
        assert_eq!((answer.status, reached), (status, status == 200), "{answer:?}");
        if status == 400 {
            assert_eq!(answer.problem(), "body");
            assert_eq!(answer.json()["detail"], "a field names more than 100 other objects");
            let leads =
                world.backend.seen()[asked..].iter().filter(|asked| asked.target.contains("/leads/")).count();
            assert_eq!(leads, 0, "none of them is asked for");
        }
    }
    assert_eq!(world.reached("written_references_max"), 2);
    // One that is named a thousand times is one.
    let again = json!({"rows": vec![json!({"lead_id": 1000}); 1000]}).to_string();
    assert!(world.typed("PATCH /tied/contacts/501", JSON, &again).await.1);
}

super::super::obeying::once_more!(
    a_bulk_write_is_decided_by_every_id,
    an_id_that_is_spelt_almost_like_another_is_none,
    a_bulk_write_of_rows_is_decided_by_every_row,
    what_writes_many_objects_writes_no_more_than_the_route_takes,
    what_names_other_objects_names_no_more_than_are_asked_for,
);
