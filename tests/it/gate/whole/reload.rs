//! The configuration changes under way.

use super::{ROLES, Whole, roles};

const FILE: &str = "tenants/acme/roles.toml";

#[tokio::test]
async fn i08_a_configuration_with_a_mistake_changes_nothing() {
    let whole = Whole::start().await;
    let good = whole.read(FILE);
    let routes = whole.read("tenants/acme/routes.toml");
    for (file, before, after, told) in [
        (FILE, "view = 'own', edit", "view = 'mine', edit", "mine"),
        (FILE, "conversation = { list", "converzation = { list", "converzation"),
        (FILE, "list = 'own'", "lisst = 'own'", "lisst"),
        (FILE, "read-only", "readonly", "readonly"),
        (FILE, "[role.agent.grants]", "[role.agent.grant]", "grant"),
        (FILE, "use = ['kommo']", "use = ['komo']", "komo"),
        ("tenants/acme/routes.toml", "action = \"delete\"", "acton = \"delete\"", "acton"),
        ("tenants/acme/routes.toml", "entity = \"contact\"", "entity = \"contakt\"", "contakt"),
    ] {
        let text = if file == FILE { &good } else { &routes };
        assert!(text.contains(before), "{before}");
        let refused = whole.reload(file, &text.replacen(before, after, 1)).expect_err(after);
        let line = 1 + text.lines().position(|line| line.contains(before)).unwrap();
        assert!(refused.contains(told), "{after}: {refused}");
        assert!(refused.contains(&format!("{file}:{line}")), "{after} at {line}: {refused}");
        assert_eq!((whole.status("ana", "101").await, whole.status("ana", "102").await), (200, 404));
        std::fs::write(whole.folder.path().join(file), text).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn i09_one_request_is_decided_by_one_configuration() {
    let whole = Whole::start().await;
    let go = whole.hold();
    let before = whole.get("ana", "/conversations/101");
    let change = async {
        while whole.held.lock().unwrap().is_some() {
            tokio::task::yield_now().await;
        }
        let hidden = ROLES.map(|part| part.replace("read-only = ['assignee']", "hidden = ['title']"));
        whole.reload(FILE, &roles(hidden.iter().map(String::as_str))).unwrap();
        go.send(()).unwrap();
    };
    let (before, ()) = tokio::join!(before, change);
    assert_eq!(before.status, 200, "it began before: {before:?}");
    assert!(before.body.contains("CANARY-101-title"));
    let after = whole.get("ana", "/conversations/101").await;
    assert_eq!((after.status, after.json().get("title")), (200, None));
}

#[tokio::test]
async fn i10_the_order_of_rules_means_nothing() {
    let whole = Whole::start().await;
    let all = async || {
        let mut told = Vec::new();
        for user in ["ana", "ben", "sue", "adm", "nil"] {
            for conversation in ["101", "102", "103", "104"] {
                told.push(whole.status(user, conversation).await);
            }
        }
        told
    };
    let before = all().await;
    whole.reload(FILE, &roles(ROLES.into_iter().rev())).unwrap();
    assert_eq!(all().await, before);
}

#[tokio::test]
async fn a_key_that_a_reload_takes_away_opens_nothing() {
    let whole = Whole::start().await;
    let header = format!("X-Api-Key: {}\r\n", whole.api_key);
    let line = "GET /api/v1/accounts/1/conversations/101";
    assert_eq!(whole.send(line, &header, "").await.status, 200);
    let file = "tenants/acme/identity.toml";
    let without =
        whole.read(file).replace("user = \"ana\"", "user = \"ana\"\nuntil = \"2020-01-01T00:00:00Z\"");
    whole.reload(file, &without).unwrap();
    assert_eq!(whole.send(line, &header, "").await.status, 401, "C19");
}
