//! Section A: the request's target, method and route.

use serde_json::json;

use super::world::{Answer, world};

/// What ana is told of conversation 102, which she may not see, in any writing.
const HIDDEN: u16 = 404;

#[tokio::test]
async fn a_path_that_can_be_read_in_two_ways_is_refused_and_one_that_cannot_is_decided() {
    let world = world().await;
    let api = "/api/v1/accounts/1";
    for (row, path, status) in [
        ("A01", format!("{api}/public/../conversations/102"), HIDDEN),
        ("A01", format!("/public/health/../..{api}/conversations/102"), HIDDEN),
        ("A02", format!("{api}/public/%2e%2e/conversations/102"), 400),
        ("A02", format!("{api}/public/.%2E/conversations/102"), 400),
        ("A02", format!("{api}/public/%2e./conversations/102"), 400),
        ("A03", format!("{api}/conversations/%252e%252e%252f102"), 400),
        ("A03", format!("{api}/conversations/%25%32e%25%32e"), 400),
        ("A04", format!("{api}/conversations%2F102"), 400),
        ("A04", format!("{api}/conversations%2f102"), 400),
        ("A04", format!("{api}/conversations\\102"), 400),
        ("A04", format!("{api}/conversations%5C102"), 400),
        ("A05", format!("/{api}/conversations/102"), HIDDEN),
        ("A05", "/api//v1///accounts/1/conversations/102".to_owned(), HIDDEN),
        ("A06", format!("{api}/conversations;x=1/102"), 400),
        ("A06", format!("{api}/conversations/102;a=b"), 400),
        ("A06", format!("{api}/public/..;/conversations/102"), 400),
        ("A07", format!("{api}/conversations/101#/../102"), 400),
        ("A07", format!("{api}/conversations/101%23"), 404),
        ("A08", format!("{api}/conversations/102%00"), 400),
        ("A08", format!("{api}/conversations/102%0a"), 400),
        ("A08", format!("{api}/conversations/102%0d"), 400),
        ("A08", format!("{api}/conversations/102\t"), 400),
        ("A08", format!("{api}/conversations/102\x01"), 400),
        ("A08", format!("{api}/conversations/102\x1f"), 400),
        ("A08", format!("{api}/conversations/102\x7f"), 400),
        ("A09", format!("{api}/conversations/%c0%af"), 400),
        ("A09", format!("{api}/conversations/%zz"), 400),
        ("A09", format!("{api}/conversations/%"), 400),
        ("A10", format!("{api}/conversations/102/"), 404),
        ("A10", format!("{api}/Conversations/102"), 404),
        ("A10", format!("{api}/conversations/102.json"), 404),
        ("A10", format!("{api}/conversations/102.csv"), 404),
        ("A10", format!("{api}/conversations/102."), 404),
        ("A12", format!("{api}/conversations/102?next=/public/health"), HIDDEN),
        ("A13", format!("{api}/no-such-thing"), 404),
        ("A13", "/api/v0/accounts/1/conversations/101".to_owned(), 404),
        ("A13", "/platform/api/v1/users".to_owned(), 404),
        ("A13", "/graphql".to_owned(), 404),
        ("A13", "/batch".to_owned(), 404),
        ("A13", "/".to_owned(), 404),
        ("D15", "/api/v1/accounts/2/conversations/201".to_owned(), 404),
        ("D15", "/api/v1/accounts/01/conversations/101".to_owned(), 404),
    ] {
        let answer = world.send("ana", &format!("GET {path}"), "", "").await;
        assert_eq!(answer.status, status, "{row} {path:?}: {answer:?}");
        assert_eq!(world.backend.lines(), [""; 0], "{row} {path:?}");
    }
}

#[tokio::test]
async fn a09_bytes_that_are_no_text_are_refused() {
    let world = world().await;
    let wire = b"GET /api/v1/accounts/1/conversations/\xff HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer adm\r\nConnection: close\r\n\r\n";
    let answer = Answer::of(&world.raw(wire).await);
    assert_eq!((answer.status, world.backend.lines().len()), (400, 0));
}

#[tokio::test]
async fn a01_a05_what_is_decided_is_what_is_forwarded() {
    let world = world().await;
    for path in [
        "/api/v1/accounts/1/conversations/101",
        "//api//v1/accounts/1/public/../conversations/./101",
        "/api/v1/accounts/%31/c%6fnversations/101",
    ] {
        let answer = world.send("ana", &format!("GET {path}?a=1&b[]=%20"), "", "").await;
        assert_eq!(answer.status, 200, "{path}");
    }
    let forwarded = "GET /api/v1/accounts/1/conversations/101?a=1&b[]=%20";
    assert_eq!(world.backend.lines(), [forwarded; 3]);
}

#[tokio::test]
async fn a11_the_authority_of_an_absolute_target_is_the_host() {
    let world = world().await;
    for (host, status) in [("acme.example", 200), ("other.example", 400)] {
        let line = format!("GET http://{host}/api/v1/accounts/1/conversations/101");
        assert_eq!(world.send("ana", &line, "", "").await.status, status, "{host}");
    }
    assert_eq!(world.backend.lines(), ["GET /api/v1/accounts/1/conversations/101"]);
}

#[tokio::test]
async fn a14_only_known_methods_are_taken() {
    let world = world().await;
    for method in ["get", "GeT", "FOO", "TRACE", "PROPFIND", "QUERY", "PUT"] {
        let answer =
            world.send("adm", &format!("{method} /api/v1/accounts/1/conversations/101"), "", "").await;
        assert!(matches!(answer.status, 400 | 405), "{method}: {answer:?}");
    }
    let connect = "CONNECT acme.example:80 HTTP/1.1\r\nHost: acme.example:80\r\nConnection: close\r\n\r\n";
    assert_eq!(Answer::of(&world.raw(connect).await).status, 405);
    assert_eq!(world.backend.lines(), [""; 0]);
}

#[tokio::test]
async fn a15_no_header_and_no_parameter_makes_another_method_of_it() {
    let world = world().await;
    let line = "PATCH /api/v1/accounts/1/conversations/101";
    let json = "Content-Type: application/json\r\n";
    for header in ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"] {
        let answer = world.send("ana", line, &format!("{json}{header}: DELETE\r\n"), "{}").await;
        assert_eq!(answer.status, 200, "{header}");
        let asked = world.backend.seen().pop().unwrap();
        assert_eq!((asked.method.as_str(), asked.all(header).len()), ("PATCH", 0), "{header}");
    }
    let before = world.backend.seen().len();
    for query in ["?_method=delete", "?a=1&%5Fmethod=delete", "?_method[]=delete"] {
        assert_eq!(world.send("ana", &format!("{line}{query}"), json, "{}").await.status, 400, "{query}");
    }
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    assert_eq!(world.send("ana", line, form, "_method=delete").await.status, 415);
    assert_eq!(world.backend.seen().len(), before);
}

#[tokio::test]
async fn a16_head_is_decided_as_get() {
    let world = world().await;
    let line = "HEAD /api/v1/accounts/1/conversations";
    let shown = world.send("ana", &format!("{line}/101"), "", "").await;
    let length = world.get("ana", "/conversations/101").await.body.len().to_string();
    assert_eq!((shown.status, shown.header("content-length")), (200, Some(length.as_str())));
    let hidden = world.send("ana", &format!("{line}/102"), "", "").await;
    assert_eq!((hidden.status, hidden.body.as_str()), (404, ""));
    let list = world.send("ana", line, "", "").await;
    let length = world.get("ana", "/conversations").await.body.len().to_string();
    assert_eq!((list.status, list.header("content-length")), (200, Some(length.as_str())), "as filtered");
}

#[tokio::test]
async fn a17_options_tells_nothing() {
    let world = world().await;
    let cors = "Origin: https://panel.example\r\nAccess-Control-Request-Method: DELETE\r\n";
    let mut answers = Vec::new();
    for path in ["/conversations/101", "/conversations/999999", "/no-such-thing"] {
        for headers in ["", cors] {
            let line = format!("OPTIONS /api/v1/accounts/1{path}");
            let mut answer = world.send("", &line, headers, "").await;
            assert_eq!(answer.status, 204, "{path}");
            answer.headers.retain(|(name, _)| name != "date" && name != "headgate-decision");
            answers.push(answer.headers);
        }
    }
    assert!(answers.windows(2).all(|two| two[0] == two[1]), "{answers:?}");
    assert!(!answers[0].iter().any(|(name, _)| name == "allow" || name.starts_with("access-control")));
    assert_eq!(world.backend.lines(), [""; 0]);
}

#[tokio::test]
async fn a18_a_search_is_a_list() {
    let world = world().await;
    let body = json!({"payload": [{"attribute_key": "status"}]});
    let answer = world.write("ana", "POST", "/conversations/filter", &body).await;
    assert_eq!(answer.json(), world.get("ana", "/conversations").await.json());
    assert_eq!(answer.json()["payload"].as_array().unwrap().len(), 2);
    let all = world.write("adm", "POST", "/conversations/filter", &body).await.json();
    assert_eq!(all["payload"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn a19_headers_that_name_another_path_have_no_effect() {
    let world = world().await;
    for header in [
        "X-Original-URL",
        "X-Rewrite-URL",
        "X-Forwarded-Uri",
        "X-Forwarded-Prefix",
        "X-Forwarded-Path",
        "X-Envoy-Original-Path",
        "X-Forwarded-Method",
    ] {
        let headers = format!("{header}: /public/health\r\n");
        let refused = world.send("ana", "GET /api/v1/accounts/1/conversations/102", &headers, "").await;
        assert_eq!(refused.status, HIDDEN, "{header}");
        world.send("ana", "GET /api/v1/accounts/1/conversations/101", &headers, "").await;
        assert_eq!(world.backend.seen().pop().unwrap().all(header), [""; 0], "{header}");
    }
}

#[tokio::test]
async fn a21_c06_a_parameter_that_is_never_taken_is_known_in_any_writing() {
    let world = world().await;
    for query in [
        "api_access_token=x",
        "a=1&api%5Faccess_token=x",
        "api_access_token[]=x",
        "api_access_token",
        "a=1&api_access_token=x&api_access_token=y",
    ] {
        let answer = world.get("ana", &format!("/conversations/101?{query}")).await;
        assert_eq!((answer.status, world.backend.lines().len()), (400, 0), "{query}");
    }
}

#[tokio::test]
async fn a22_a_target_has_limits() {
    let world = world().await;
    let long = world.get("adm", &format!("/conversations/{}", "1".repeat(9000))).await;
    assert_eq!((long.status, long.problem().as_str()), (414, "target"));
    // So long that the listener does not even read it.
    let longer = world.get("adm", &format!("/conversations/{}", "1".repeat(20_000))).await;
    assert!(matches!(longer.status, 414 | 431), "{longer:?}");
    let many: String = (0..2000).map(|n| format!("{n}&")).collect();
    assert!(matches!(world.get("adm", &format!("/conversations/101?{many}")).await.status, 400 | 414));
    let many: String = (0..300).map(|n| format!("{n}&")).collect();
    assert_eq!(world.get("adm", &format!("/conversations/101?{many}")).await.status, 400);
    assert_eq!(world.backend.lines(), [""; 0]);
}
