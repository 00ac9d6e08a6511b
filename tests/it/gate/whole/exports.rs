//! How long the result of an export is its user's.

use serde_json::json;

use super::{ROLES, Whole, roles};

const ROUTES: &str = r#"
[[route]]
match = "POST /api/v1/accounts/{account}/begun/contacts/501"
resource = "contact"
action = "view"
question = true
keep = ["/id"]
export = { of = "contacts", id = "/id" }

[[route]]
match = "GET /api/v1/accounts/{account}/exported/contacts/{id}"
entity = "contact"
action = "view"
object = "export"
export = { of = "contacts" }
"#;

async fn started() -> Whole {
    let whole = Whole::start().await;
    let file = "tenants/acme/routes.toml";
    whole.reload(file, &(whole.read(file) + ROUTES)).unwrap();
    assert_eq!(fetch(&whole).await, 404, "nothing was started");
    let headers =
        format!("Authorization: Bearer {}\r\nContent-Type: application/json\r\n", whole.token("ana"));
    let begun = whole.send("POST /api/v1/accounts/1/begun/contacts/501", &headers, "{}").await;
    assert_eq!((begun.status, begun.json()), (200, json!({"id": "501"})));
    assert_eq!(fetch(&whole).await, 200);
    whole
}

async fn fetch(whole: &Whole) -> u16 {
    whole.get("ana", "/exported/contacts/501").await.status
}

#[tokio::test]
async fn an_export_ends_with_the_roles_of_who_asked() {
    let whole = started().await;
    // More is another right, too.
    whole.grant("ana", &["agent", "lead"]);
    assert_eq!(fetch(&whole).await, 200, "nobody told yet");
    whole.push(&json!({"tenant": "acme", "user": "ana"})).await;
    assert_eq!(fetch(&whole).await, 404);
}

#[tokio::test]
async fn an_export_ends_with_the_teams_of_who_asked() {
    let whole = started().await;
    whole.people.lock().unwrap().teams.insert("ana", vec!["support"]);
    whole.push(&json!({"tenant": "acme", "user": "ana"})).await;
    assert_eq!(fetch(&whole).await, 404);
}

#[tokio::test]
async fn an_export_ends_with_the_policy() {
    let whole = started().await;
    let stricter = ROLES.map(|part| part.replace("read-only = ['assignee']", "hidden = ['title']"));
    whole.reload("tenants/acme/roles.toml", &roles(stricter.iter().map(String::as_str))).unwrap();
    assert_eq!(fetch(&whole).await, 404);
}

#[tokio::test]
async fn an_export_ends_with_its_day() {
    let whole = started().await;
    whole.pass(24 * 60 * 60 - 60);
    assert_eq!(fetch(&whole).await, 200);
    whole.pass(60);
    assert_eq!(fetch(&whole).await, 404);
}
