//! Exports: rows of comma-separated values, and results that belong to who asked for them.

use serde_json::json;

use super::{
    backend::{self, Asked},
    world::{Setup, World},
};

const ROUTES: &str = r#"
[entity.line]
resource = "contact"
responsible = "/owner"
fields = ["id", "name", "phone_number", "note"]
action = "view"

[[route]]
match = "GET /api/v1/accounts/{account}/contacts_export"
entity = "line"
action = "export"
format = "csv"

[[route]]
match = "POST /api/v1/accounts/{account}/contacts_export"
resource = "contact"
action = "export"
keep = ["/id"]
question = true
export = { of = "contacts", id = "/id" }

[[route]]
match = "POST /api/v1/accounts/{account}/archives"
resource = "contact"
action = "export"
keep = ["/id"]
question = true
export = { of = "archives", id = "/id" }

[[route]]
match = "GET /api/v1/accounts/{account}/exports/{id}"
entity = "line"
action = "export"
object = "export"
export = { of = "contacts" }
format = "csv"

[[route]]
match = "GET /api/v1/accounts/{account}/archives/{id}"
resource = "contact"
action = "export"
object = "export"
export = { of = "archives" }
format = "whole"
"#;

const TABLE: &str = "id,owner,name,phone_number,secret\r\n\
    501,ana,\"CANARY-501-name, \"\"A\"\"\",CANARY-501-phone,CANARY-hidden-1\r\n\
    502,ben,CANARY-502-name,CANARY-502-phone,CANARY-hidden-2\r\n\
    503,,CANARY-hidden-3,CANARY-hidden-4,CANARY-hidden-5\r\n";

fn table(asked: &Asked) -> Option<Vec<u8>> {
    let path = asked.target.split('?').next()?.strip_prefix("/api/v1/accounts/1/")?;
    match (asked.method.as_str(), path) {
        ("POST", "contacts_export" | "archives") => {
            Some(backend::json(202, &json!({"id": 7, "queue": "CANARY-hidden-q"})))
        }
        ("GET", "contacts_export" | "exports/7" | "exports/8" | "archives/7") => Some(backend::answer(
            200,
            "content-type: text/csv\r\ncontent-disposition: attachment; filename=\"CANARY-102-of-3.csv\"\r\n",
            TABLE,
        )),
        _ => None,
    }
}

async fn world() -> World {
    Setup::default().routes(ROUTES).backend(table).start().await
}

#[tokio::test]
async fn an_export_has_the_rows_and_columns_of_who_asks() {
    let world = world().await;
    for (user, expected) in [
        ("ana", "id,name\r\n501,\"CANARY-501-name, \"\"A\"\"\"\r\n"),
        ("sue", "id,name,phone_number\r\n501,\"CANARY-501-name, \"\"A\"\"\",CANARY-501-phone\r\n"),
        ("ben", "id,name\r\n502,CANARY-502-name\r\n"),
    ] {
        let answer = world.get(user, "/contacts_export").await;
        assert_eq!((answer.status, answer.body.as_str()), (200, expected), "{user}");
        assert_eq!(answer.header("content-type"), Some("text/csv; charset=utf-8"));
        assert_eq!(answer.header("content-disposition"), Some("attachment"));
    }
    let asked = world.backend.seen();
    assert!(asked.iter().all(|asked| asked.all("accept") == ["text/csv"]), "{asked:?}");
    let answer = world.get("ana", "/contacts_export").await;
    let removed = world.decision(&answer).removed.clone().unwrap();
    assert_eq!(removed.rows, 2);
    assert_eq!(world.get("temp", "/contacts_export").await.status, 403);
}

#[tokio::test]
async fn an_export_that_is_no_sound_table_is_refused() {
    for (headers, body) in [
        ("content-type: text/csv\r\n", "id;owner;phone_number\n501;ana;CANARY-hidden-1\n"),
        ("content-type: text/csv\r\n", "id,owner,id\n501,ana,CANARY-hidden-1\n"),
        ("content-type: text/csv\r\n", "id,owner\n501,ana,CANARY-hidden-1\n"),
        ("content-type: text/csv\r\n", "id,owner\n501,\"ana"),
        ("content-type: text/csv; charset=windows-1252\r\n", "id,owner\n501,ana\n"),
        ("content-type: text/csv\r\n", ""),
    ] {
        let script = move |_: &Asked| Some(backend::answer(200, headers, body));
        let world = Setup::default().routes(ROUTES).backend(script).start().await;
        for user in ["ana", "adm"] {
            let answer = world.get(user, "/contacts_export").await;
            assert_eq!((answer.status, answer.problem().as_str()), (502, "unreadable"), "{user} {body:?}");
        }
    }
    // A page of HTML, as of a login, is a table of one column that nobody declared, without a row that can be seen.
    let script =
        |_: &Asked| Some(backend::answer(200, "content-type: text/html\r\n", "<p>CANARY-hidden-1</p>\n"));
    let world = Setup::default().routes(ROUTES).backend(script).start().await;
    let answer = world.get("adm", "/contacts_export").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
}

#[tokio::test]
async fn the_result_of_an_export_belongs_to_who_asked() {
    let world = world().await;
    let fetch = async |user: &str, path: &str| world.get(user, path).await;
    assert_eq!(fetch("ana", "/exports/7").await.status, 404, "nobody asked yet");
    assert_eq!(world.backend.lines(), [""; 0]);

    let started = world.write("ana", "POST", "/contacts_export", &json!({"since": "2026"})).await;
    assert_eq!((started.status, started.json()), (202, json!({"id": 7})));
    let result = fetch("ana", "/exports/7").await;
    assert_eq!(
        (result.status, result.body.as_str()),
        (200, "id,name\r\n501,\"CANARY-501-name, \"\"A\"\"\"\r\n")
    );
    let head = world.send("ana", "HEAD /api/v1/accounts/1/exports/7", "", "").await;
    assert_eq!(head.status, 200);

    let before = world.backend.seen().len();
    for (user, path) in [
        ("sue", "/exports/7"),
        ("adm", "/exports/7"),
        ("ana", "/exports/8"),
        // Another kind of export with the same id.
        ("ana", "/archives/7"),
    ] {
        assert_eq!(fetch(user, path).await.status, 404, "{user} {path}");
    }
    let foreign = world.send("globex.ana", "GET /api/v1/accounts/2/exports/7", "", "").await;
    assert_eq!(foreign.status, 404);
    assert_eq!(world.backend.seen().len(), before, "and nobody asks the backend for it");
}

#[tokio::test]
async fn an_archive_passes_whole_to_who_may_see_every_row() {
    let world = world().await;
    for (user, status) in [("sue", 501), ("ana", 501)] {
        world.write(user, "POST", "/archives", &json!({})).await;
        assert_eq!(world.get(user, "/archives/7").await.status, status, "{user}");
    }
    world.also_visible.lock().unwrap().extend([("adm", "503"), ("adm", "hidden")]);
    world.write("adm", "POST", "/archives", &json!({})).await;
    let archive = world.get("adm", "/archives/7").await;
    assert_eq!((archive.status, archive.body.as_str()), (200, TABLE));
}

#[tokio::test]
async fn an_export_that_was_not_shown_is_not_remembered() {
    let script = |asked: &Asked| match asked.method.as_str() {
        "POST" => Some(backend::json(422, &json!({"id": 7}))),
        _ => table(asked),
    };
    let world = Setup::default().routes(ROUTES).backend(script).start().await;
    assert_eq!(world.write("ana", "POST", "/contacts_export", &json!({})).await.status, 422);
    assert_eq!(world.get("ana", "/exports/7").await.status, 404);
}

#[tokio::test]
async fn an_export_that_begins_with_an_answer_of_which_nothing_is_taken_out_is_remembered() {
    let routes = ROUTES.replace("keep = [\"/id\"]\nquestion", "keep = [\"\"]\nquestion");
    let world = Setup::default().routes(&routes).backend(table).start().await;
    world.also_visible.lock().unwrap().extend([("adm", "503"), ("adm", "hidden")]);
    for of in ["contacts_export", "archives"] {
        let started = world.write("adm", "POST", &format!("/{of}"), &json!({})).await;
        assert_eq!((started.status, &started.json()["id"]), (202, &json!(7)), "{of}");
    }
    for path in ["/exports/7", "/archives/7"] {
        let fetched = world.get("adm", path).await;
        assert_eq!(fetched.status, 200, "{path}: {fetched:?}");
        assert!(fetched.body.contains("502"), "{path}: {fetched:?}");
        assert_eq!(world.get("sue", path).await.status, 404, "{path}");
    }
}

super::obeying::once_more!(
    an_export_that_begins_with_an_answer_of_which_nothing_is_taken_out_is_remembered,
    an_export_has_the_rows_and_columns_of_who_asks,
    an_export_that_is_no_sound_table_is_refused,
    the_result_of_an_export_belongs_to_who_asked,
    an_archive_passes_whole_to_who_may_see_every_row,
    an_export_that_was_not_shown_is_not_remembered,
);
