//! Roles in shadow mode.

use serde_json::{Value, json};

use super::{ROLES, Whole, roles};

const FILE: &str = "tenants/acme/roles.toml";

/// `trial` grants next to nothing and is in shadow; nobody may delete.
const TRIAL: &str = "[role.trial]\nshadow = true\n[role.trial.grants]\nconversation = { view = 'own' }\n\
                     [role.trial.fields.conversation]\nhidden = ['title']\n\
                     [[forbid]]\nname = 'no-deletion'\nresource = 'conversation'\nactions = ['delete']\n";

async fn start() -> Whole {
    let whole = Whole::start().await;
    whole.reload(FILE, &roles(ROLES.into_iter().chain([TRIAL]))).unwrap();
    whole
}

/// What the operators are told of a decision.
async fn told(whole: &Whole, decision: &str) -> Value {
    let (status, told) = whole.ops(&format!("GET /v1/decisions/{decision}"), super::OPERATOR, "").await;
    assert_eq!(status, 200, "{told}");
    serde_json::from_str(&told).unwrap()
}

#[tokio::test]
async fn i11_what_a_role_in_shadow_would_refuse_passes_and_is_told() {
    let whole = start().await;
    whole.lets("new", &["101", "102", "103", "104", "502", "502-phone_number"]);
    whole.grant("new", &["trial"]);
    for (path, reason) in [
        ("/conversations/102", "out_of_scope"),
        ("/contacts/502", "no_grant"),
        ("/conversations", "no_grant"),
    ] {
        let passed = whole.get("new", path).await;
        assert_eq!(passed.status, 200, "{path}: {passed:?}");
        let told = told(&whole, passed.header("headgate-decision").unwrap()).await;
        assert_eq!(
            (&told["outcome"], &told["reason"], &told["shadow"]),
            (&json!("would-deny"), &json!(reason), &json!("role trial")),
            "{path}"
        );
    }
    let (_, metrics) = whole.ops("GET /metrics", super::OPERATOR, "").await;
    assert!(metrics.contains("headgate_shadow_roles 1\n"), "{metrics}");
    let counted = r#"headgate_decisions_total{outcome="would_deny",reason="out_of_scope"} 1"#;
    assert!(metrics.contains(counted), "{metrics}");
}

#[tokio::test]
async fn what_a_role_in_shadow_would_hide_is_shown_and_told() {
    let whole = start().await;
    whole.lets("new", &["101"]);
    whole.grant("new", &["trial"]);
    whole.change("101", &json!({"responsible": "new"})).await;
    let passed = whole.get("new", "/conversations/101").await;
    assert!(passed.body.contains("CANARY-101-title"), "{passed:?}");
    let told = told(&whole, passed.header("headgate-decision").unwrap()).await;
    assert_eq!((&told["outcome"], &told["shadow"]), (&json!("allowed"), &json!("role trial")));
    assert_eq!(told["removed"]["fields"], json!({"conversation.title": 1}));
}

#[tokio::test]
async fn what_a_route_in_shadow_would_hide_is_shown_and_told() {
    let whole = Whole::start().await;
    let hidden = ROLES.map(|part| part.replace("read-only = ['assignee']", "hidden = ['title']"));
    whole.reload(FILE, &roles(hidden.iter().map(String::as_str))).unwrap();
    let passed = whole.get("ana", "/shadowed/101").await;
    assert!(passed.body.contains("CANARY-101-title"), "{passed:?}");
    let told = told(&whole, passed.header("headgate-decision").unwrap()).await;
    assert_eq!((&told["outcome"], &told["shadow"]), (&json!("allowed"), &json!("route")));
    assert_eq!(told["removed"]["fields"], json!({"conversation.title": 1}));
}

#[tokio::test]
async fn who_is_not_active_passes_no_shadow() {
    let whole = start().await;
    whole.grant("gone", &["trial"]);
    assert_eq!(whole.status("gone", "101").await, 404);
    assert_eq!(whole.get("gone", "/shadowed/101").await.status, 404);
    assert_eq!(whole.backend.lines(), [""; 0]);
}

#[tokio::test]
async fn a_role_in_shadow_lets_nothing_pass_that_no_role_could_allow() {
    let whole = start().await;
    whole.grant("new", &["trial"]);
    whole.grant("globex.new", &["trial"]);
    let token = format!("Authorization: Bearer {}\r\n", whole.token("new"));
    let delete = "DELETE /api/v1/accounts/1/conversations/102";
    assert_eq!(whole.send(delete, &token, "").await.status, 404, "nobody may");
    let other = "GET /api/v1/accounts/2/conversations/201";
    assert_eq!(whole.send(other, &token, "").await.status, 404, "another tenant's");
    assert_eq!(whole.get("new", "/no-such-route").await.status, 404);
    assert_eq!(whole.status("globex.new", "201").await, 404, "the other tenant's role of this name is none");
    assert_eq!(whole.backend.lines(), [""; 0]);
}

#[tokio::test]
async fn a_role_in_shadow_opens_to_its_own_users_alone() {
    let whole = start().await;
    whole.lets("ana", &["102"]);
    assert_eq!(whole.status("ana", "102").await, 404);
    whole.grant("ana", &["agent", "trial"]);
    whole.push(&json!({"tenant": "acme", "user": "ana"})).await;
    assert_eq!(whole.status("ana", "102").await, 200, "beside a role that is enforced too");
    let enforced = TRIAL.replace("shadow = true", "");
    whole.reload(FILE, &roles(ROLES.into_iter().chain([enforced.as_str()]))).unwrap();
    assert_eq!(whole.status("ana", "102").await, 404, "the next request after the reload is refused");
}
