//! Who is let in, as whom, and with what.

use serde_json::Value;

use super::{OPERATOR, Whole};

const CONVERSATION: &str = "GET /api/v1/accounts/1/conversations/101";

#[tokio::test]
async fn c01_without_credentials_nothing_is_reached() {
    let whole = Whole::start().await;
    for line in [
        CONVERSATION,
        "GET /api/v1/accounts/1/conversations",
        "POST /api/v1/accounts/1/conversations/filter",
        "PATCH /api/v1/accounts/1/conversations/101",
        "DELETE /api/v1/accounts/1/conversations/101",
        "GET /api/v1/accounts/1/answered/101",
        "GET /api/v1/accounts/1/shadowed/101",
        "PUT /api/v1/accounts/1/contacts/501",
        "GET /public/health",
        "GET /no-such-route",
    ] {
        assert_eq!(whole.send(line, "", "").await.status, 401, "{line}");
        assert_eq!(whole.send(line, "Authorization: Bearer a.b.c\r\n", "").await.status, 401, "{line}");
    }
    assert_eq!(whole.backend.lines(), [""; 0]);
    assert_eq!(whole.directory.lines(), [""; 0], "strangers make no calls");
}

#[tokio::test]
async fn a_token_and_an_api_key_are_the_same_user() {
    let whole = Whole::start().await;
    assert_eq!(whole.status("ana", "101").await, 200);
    let key = &whole.api_key;
    for (line, headers) in [
        (CONVERSATION.to_owned(), format!("Authorization: Bearer {key}\r\n")),
        (CONVERSATION.to_owned(), format!("X-Api-Key: {key}\r\n")),
        (format!("{CONVERSATION}?page=2&key={key}&x"), String::new()),
    ] {
        assert_eq!(whole.send(&line, &headers, "").await.status, 200, "{line} {headers}");
    }
    for asked in whole.backend.seen() {
        assert_eq!(asked.all("headgate-actor"), ["ana"]);
        assert!(!format!("{asked:?}").contains(key), "C18: a key went on: {asked:?}");
    }
    let last = whole.backend.lines().pop().unwrap();
    assert_eq!(last, format!("{CONVERSATION}?page=2&x"), "C18: the key is cut out, and nothing else");
}

#[tokio::test]
async fn c02_c03_c20_who_says_to_be_somebody_else_is_not_heard() {
    let whole = Whole::start().await;
    for name in [
        "X-Headgate-User",
        "X-Headgate-Roles",
        "X-Forwarded-User",
        "Remote-Groups",
        "X_Headgate_User",
        "X-Headgate_User",
        "x.headgate.user",
        "Headgate-Actor",
        "Headgate_Actor",
        "Headgate-Teams",
        "Headgate-Assertion",
        "X-Forwarded-Client-Cert",
        "X-SSL-Client-S-DN",
        "ssl-client-verify",
    ] {
        let answer = whole.get_with("ana", "/conversations/101", &format!("{name}: adm\r\n")).await;
        assert_eq!(answer.status, 200, "{name}");
        let answer = whole.get_with("ana", "/conversations/102", &format!("{name}: adm\r\n")).await;
        assert_eq!(answer.status, 404, "{name}");
    }
    for asked in whole.backend.seen() {
        assert_eq!(asked.all("headgate-actor"), ["ana"]);
        assert!(asked.headers.iter().all(|(_, value)| value != "adm"), "{asked:?}");
    }
}

#[tokio::test]
async fn c04_nobody_can_have_headgates_own_headers_taken_out() {
    let whole = Whole::start().await;
    let headers =
        "Connection: close, Headgate-Actor, Headgate-Assertion, api_access_token, Authorization\r\n";
    assert_eq!(whole.get_with("ana", "/conversations/101", headers).await.status, 200);
    let asked = &whole.backend.seen()[0];
    assert_eq!(asked.all("headgate-actor"), ["ana"]);
    assert_eq!(asked.all("headgate-assertion").len(), 1);
    assert_eq!(asked.all("api_access_token"), ["native-of-headgate"]);
}

#[tokio::test]
async fn c06_the_backends_own_credentials_go_nowhere() {
    let whole = Whole::start().await;
    let headers = "api_access_token: adm\r\nAccess-Token: adm\r\nclient: adm\r\nuid: adm\r\n\
                   Cookie: _chatwoot_session=adm\r\n";
    for query in [
        "api_access_token=adm",
        "api%5Faccess_token=adm",
        "a=1&API_ACCESS_TOKEN=adm",
        "a=1;api_access_token=adm",
    ] {
        let answer = whole.get_with("ana", &format!("/conversations/101?{query}"), headers).await;
        assert_eq!(answer.status, 200, "{query}");
    }
    for asked in whole.backend.seen() {
        assert_eq!(asked.all("headgate-actor"), ["ana"]);
        assert!(!format!("{asked:?}").contains("adm"), "{asked:?}");
    }
}

#[tokio::test]
async fn c24_the_same_name_in_two_tenants_is_two_users() {
    let whole = Whole::start().await;
    for _ in 0..3 {
        assert_eq!(whole.status("globex.ana", "201").await, 200);
        assert_eq!(whole.status("ana", "102").await, 404, "an agent here");
        assert_eq!(whole.status("ana", "101").await, 200);
    }
    let there = format!("Authorization: Bearer {}\r\n", whole.token("globex.ana"));
    assert_eq!(whole.send(CONVERSATION, &there, "").await.status, 404);
    let here = format!("Authorization: Bearer {}\r\n", whole.token("ana"));
    assert_eq!(whole.send("GET /api/v1/accounts/2/conversations/201", &here, "").await.status, 404);
}

#[tokio::test]
async fn c25_the_backends_cookies_stay_there() {
    let whole = Whole::start().await;
    let answer = whole.get("ana", "/conversations/101").await;
    assert_eq!(answer.header("set-cookie"), None);
    assert_eq!(answer.header("cache-control"), Some("private, no-store"));
}

#[tokio::test]
async fn i13_the_decision_log_tells_no_secret() {
    let whole = Whole::start().await;
    let token = whole.token("ana");
    let line = format!("{CONVERSATION}?key={}&q=said", whole.api_key);
    let headers = "Cookie: session=said\r\nUser-Agent: said\r\n";
    whole.send(&line, headers, "").await;
    whole.get_with("ana", "/conversations/101?q=said", headers).await;
    whole.send("GET /api/v1/accounts/1/x%0aforged?said", "", "").await;
    let (key, log) = (whole.api_key.clone(), whole.folder.path().join("decisions.jsonl"));
    whole.gateway.stop().await.unwrap();
    let told = std::fs::read_to_string(log).unwrap();
    assert_eq!(told.lines().count(), 2, "of whom nobody knows, there is no line");
    assert!(told.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()));
    for secret in [key.as_str(), &token, "said", "CANARY", "native-of-headgate", "forged"] {
        assert!(!told.contains(secret), "{secret} in {told}");
    }
}

#[tokio::test]
async fn i15_the_operators_paths_are_not_on_the_agents_listener() {
    let whole = Whole::start().await;
    let headers =
        [whole.token("adm"), OPERATOR.to_owned()].map(|token| format!("Authorization: Bearer {token}\r\n"));
    for line in [
        "GET /metrics",
        "GET /healthz",
        "POST /v1/reload",
        "POST /v1/grants/invalidate",
        "GET /v1/decisions/dec_00000000000000000000000000000000",
        "GET /v1/conversations",
        "GET /v1/config",
    ] {
        assert_eq!(whole.send(line, &headers[0], "").await.status, 404, "{line}");
        assert_eq!(whole.send(line, &headers[1], "").await.status, 401, "{line}");
    }
    assert_eq!(whole.backend.lines(), [""; 0]);
}

#[tokio::test]
async fn i16_a_decision_is_explained_to_its_own_tenant() {
    let whole = Whole::start().await;
    let answer = whole.get("ana", "/conversations/102").await;
    let line = format!("GET /v1/decisions/{}", answer.header("headgate-decision").unwrap());
    let (status, told) = whole.ops(&format!("{line}?tenant=acme"), OPERATOR, "").await;
    assert_eq!(status, 200);
    assert!(told.contains("conversation.view"), "{told}");
    assert_eq!(whole.ops(&format!("{line}?tenant=globex"), OPERATOR, "").await.0, 404);
    assert_eq!(whole.ops(&line, "", "").await.0, 401);
}

#[tokio::test]
async fn a_field_is_as_little_written_by_the_query_as_by_the_body() {
    let whole = Whole::start().await;
    let headers =
        format!("Authorization: Bearer {}\r\nContent-Type: application/json\r\n", whole.token("ana"));
    let line = "PATCH /api/v1/accounts/1/conversations/101";
    for (query, status) in [
        ("assignee=ben", 403),
        ("assignee[]=ben", 403),
        ("conversation[assignee]=ben", 403),
        ("title=x;assignee=ben", 400),
        ("%61ssignee=ben", 403),
    ] {
        let answer = whole.send(&format!("{line}?{query}"), &headers, r#"{"title":"x"}"#).await;
        assert_eq!(answer.status, status, "{query}");
        assert_eq!(whole.send(&format!("{line}?{query}"), &headers, "").await.status, status, "{query}");
    }
    assert_eq!(whole.backend.lines(), [""; 0]);
    assert_eq!(whole.send(&format!("{line}?title=x"), &headers, "").await.status, 200);
}
