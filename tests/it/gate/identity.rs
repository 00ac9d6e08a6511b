//! Section C, as far as it is the gate's: nobody passes without an identity, and only Headgate's own reaches the
//! backend.

use serde_json::json;

use super::{
    backend::answer,
    world::{Answer, Setup, world},
};

const ALLOWED: &str = "GET /api/v1/accounts/1/conversations/101";

#[tokio::test]
async fn c01_without_credentials_no_route_is_passed() {
    let world = world().await;
    for (method, path) in [
        ("GET", "/api/v1/accounts/1/conversations"),
        ("POST", "/api/v1/accounts/1/conversations/filter"),
        ("GET", "/api/v1/accounts/1/conversations/101"),
        ("PATCH", "/api/v1/accounts/1/conversations/101"),
        ("GET", "/api/v1/accounts/1/contacts/501"),
        ("GET", "/public/health"),
        ("GET", "/no-such-thing"),
    ] {
        let answer = world.send("", &format!("{method} {path}"), "", "").await;
        assert_eq!((answer.status, answer.problem().as_str()), (401, "unauthorized"), "{path}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
    assert_eq!(world.backend.lines(), [""; 0]);
}

#[tokio::test]
async fn who_cannot_be_known_is_refused_each_in_its_way() {
    let world = world().await;
    for (user, status) in [("nobody", 401), ("later", 503), ("stranger", 401), ("stale", 503)] {
        assert_eq!(world.send(user, ALLOWED, "", "").await.status, status, "{user}");
    }
    assert_eq!(world.backend.lines(), [""; 0]);
}

#[tokio::test]
async fn c02_c03_c20_no_header_from_outside_says_who_asks() {
    let world = world().await;
    for header in [
        "X-Headgate-User",
        "X-Headgate-Roles",
        "Headgate-Actor",
        "headgate-teams",
        "headgate-tenant",
        "Headgate-Grants",
        "Headgate-Assertion",
        "X_Headgate_User",
        "X-Headgate_User",
        "x.headgate.user",
        "headgate_actor",
        "X-Forwarded-User",
        "Remote-Groups",
        "X-Forwarded-Client-Cert",
        "X-SSL-Client-S-DN",
        "ssl-client-verify",
    ] {
        let answer = world.send("ana", ALLOWED, &format!("{header}: adm\r\n"), "").await;
        assert_eq!(answer.status, 200, "{header}");
        let asked = world.backend.seen().pop().unwrap();
        assert!(asked.headers.iter().all(|(_, value)| value != "adm"), "{header}: {asked:?}");
        assert_eq!(asked.all("headgate-actor"), ["ana"], "{header}");
        let denied =
            world.send("ana", &ALLOWED.replace("101", "102"), &format!("{header}: adm\r\n"), "").await;
        assert_eq!(denied.status, 404, "{header}");
    }
}

#[tokio::test]
async fn c04_nothing_takes_headgates_own_headers_away() {
    let world = world().await;
    let line = format!("{ALLOWED} HTTP/1.1\r\nHost: acme\r\nAuthorization: Bearer ana\r\n");
    let connection = "Connection: close, Headgate-Actor, Headgate-Assertion, Authorization, X-Forwarded-For, Api_access_token\r\n\r\n";
    let answer = Answer::of(&world.raw(line + connection).await);
    assert_eq!(answer.status, 200);
    assert_eq!(world.backend.seen()[0].all("headgate-actor"), ["ana"]);
}

#[tokio::test]
async fn c05_two_credentials_are_none() {
    let world = world().await;
    for headers in [
        "Authorization: Bearer ana\r\nAuthorization: Bearer adm\r\n",
        "Authorization: Bearer ana, Bearer adm\r\n",
    ] {
        assert_eq!(world.send("", ALLOWED, headers, "").await.status, 400, "{headers}");
    }
    assert_eq!(world.backend.lines(), [""; 0]);
}

#[tokio::test]
async fn c06_the_backends_own_credentials_do_not_pass() {
    let world = world().await;
    let headers = "api_access_token: native-of-adm\r\naccess-token: x\r\nclient: y\r\nuid: adm\r\nCookie: session=adm\r\n";
    assert_eq!(world.send("ana", ALLOWED, headers, "").await.status, 200);
    let asked = &world.backend.seen()[0];
    for name in ["access-token", "client", "uid", "cookie"] {
        assert_eq!(asked.all(name), [""; 0], "{name}");
    }
    assert_eq!(asked.all("api_access_token"), ["native-of-headgate"]);
}

#[tokio::test]
async fn c25_the_backends_session_does_not_reach_the_client_unless_listed() {
    let script = |asked: &super::backend::Asked| {
        let headers = "content-type: application/json\r\nset-cookie: backend_session=1\r\netag: \"1\"\r\nx-page: 7\r\ncache-control: public\r\n";
        asked.target.ends_with("101").then(|| answer(200, headers, r#"{"id":"101"}"#))
    };
    let world = Setup::default().backend(script).start().await;
    let shown = world.send("ana", ALLOWED, "", "").await;
    for name in ["set-cookie", "etag", "x-page"] {
        assert_eq!(shown.header(name), None, "{name}");
    }
    assert_eq!(shown.header("cache-control"), Some("private, no-store"));
    let listed = "[[route]]\nmatch = \"GET /api/v1/accounts/{account}/unused\"\nresource = \"health\"\naction = \"view\"\nkeep = [\"\"]\n";
    let world = Setup::default().backend(script).listing("x-page").routes(listed).start().await;
    assert_eq!(world.send("ana", ALLOWED, "", "").await.header("x-page"), Some("7"));
}

#[tokio::test]
async fn a_user_of_two_tenants_has_two_identities() {
    let world = world().await;
    let line = |account: &str, id: &str| format!("GET /api/v1/accounts/{account}/conversations/{id}");
    assert_eq!(world.send("globex.ana", &line("2", "201"), "", "").await.status, 200);
    for (user, account, id) in
        [("ana", "2", "201"), ("globex.ana", "1", "101"), ("globex.ana", "1", "201"), ("adm", "2", "201")]
    {
        assert_eq!(world.send(user, &line(account, id), "", "").await.status, 404, "{user} {account} {id}");
    }
    assert_eq!(world.backend.lines(), [line("2", "201")]);
}

#[tokio::test]
async fn the_assertion_names_the_user_and_the_decision() {
    let world = world().await;
    let answer = world.send("ana", ALLOWED, "", "").await;
    let asked = &world.backend.seen()[0];
    let token = asked.all("headgate-assertion")[0];
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, b"the-key-that-the-backend-knows-too");
    let base64 = data_encoding::BASE64URL_NOPAD;
    aws_lc_rs::hmac::verify(&key, signed.as_bytes(), &base64.decode(signature.as_bytes()).unwrap()).unwrap();
    let claims = base64.decode(signed.split_once('.').unwrap().1.as_bytes()).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(
        (&claims["sub"], &claims["tenant"], &claims["aud"]),
        (&json!("ana"), &json!("acme"), &json!("chat"))
    );
    assert_eq!(claims["teams"], json!(["sales"]));
    assert_eq!(claims["jti"], answer.header("headgate-decision").unwrap());
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 60);
}
