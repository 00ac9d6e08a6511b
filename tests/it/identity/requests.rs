//! What is read from a request, and what is left of it.

use headgate::identity::NewKey;
use http::request::Parts;

use super::{World, peer, request};

fn world(key: &NewKey, more: &str) -> World {
    World::new(&[("acme", &format!("[api_key.one]\nhash = '{}'\nuser = 'ana'\n{more}", key.hash))])
}

fn fields(head: &Parts) -> Vec<String> {
    head.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect()
}

#[tokio::test]
async fn c05_two_credentials_are_one_too_many() {
    let key = NewKey::make().unwrap();
    let world = world(&key, "[api_key_in]\nquery = ['api_key']\nheaders = ['authorization', 'x-api-key']\n");
    let (bearer, plain) = (format!("Bearer {}", key.key), key.key.as_str());
    let target = format!("/?api_key={plain}");
    for (target, fields) in [
        ("/", &[("authorization", bearer.as_str()), ("authorization", bearer.as_str())][..]),
        ("/", &[("authorization", &bearer), ("authorization", "Basic YTpi")]),
        ("/", &[("authorization", &format!("{bearer}, Bearer B"))]),
        ("/", &[("authorization", &format!("Bearer A,{bearer}"))]),
        ("/", &[("authorization", &bearer), ("x-api-key", plain)]),
        ("/", &[("x-api-key", plain), ("x-api-key", plain)]),
        ("/", &[("x-api-key", &format!("{plain},x"))]),
        (&target, &[("authorization", &bearer)]),
        (&target, &[("x-api-key", plain)]),
    ] {
        assert_eq!(world.who(request(target, fields)).await, "ambiguous", "{target} {fields:?}");
    }
    assert_eq!(world.metric(r#"headgate_authentications_total{method="none",outcome="ambiguous"}"#), 9);
}

#[tokio::test]
async fn what_is_no_bearer_token_is_refused() {
    let key = NewKey::make().unwrap();
    let world = world(&key, "");
    for (value, told) in [
        ("Basic YTpi", "scheme"),
        ("Bearer", "scheme"),
        ("", "malformed"),
        ("Bearer ", "scheme"),
        ("Bearer a b", "malformed"),
        ("Bearer \"a\"", "malformed"),
        (&format!("Token {}", key.key), "scheme"),
        (&key.key, "scheme"),
        (&format!("bearer  {}", key.key), "acme/ana by api_key"),
    ] {
        let value = http::HeaderValue::from_bytes(value.trim_end().as_bytes()).unwrap();
        let mut head = request("/", &[]);
        head.headers.insert("authorization", value.clone());
        assert_eq!(world.who(head).await, told, "{value:?}");
    }
    let mut head = request("/", &[]);
    head.headers.insert("authorization", http::HeaderValue::from_bytes(b"Bearer \xff").unwrap());
    assert_eq!(world.who(head).await, "malformed");
    assert_eq!(world.who(request("/", &[])).await, "missing");
}

#[tokio::test]
async fn c06_no_credential_of_the_backend_goes_on_beside_ours() {
    let key = NewKey::make().unwrap();
    let world = world(&key, "");
    let bearer = format!("Bearer {}", key.key);
    let mut head = request(
        "/api/v1/accounts/1/conversations?api_access_token=adm&page=2",
        &[
            ("authorization", &bearer),
            ("api_access_token", "adm"),
            ("Access-Token", "adm"),
            ("client", "adm"),
            ("uid", "adm"),
            ("cookie", "theme=dark; _chatwoot_session=adm; cw_d_session_info=adm"),
            ("x-forwarded-for", "198.51.100.1"),
        ],
    );
    assert_eq!(world.of(&mut head, &peer("192.0.2.1")).await, "acme/ana by api_key");
    assert_eq!(head.uri, "/api/v1/accounts/1/conversations?page=2");
    assert_eq!(fields(&head), ["host: chat.test", "x-forwarded-for: 198.51.100.1", "cookie: theme=dark"]);
}

#[tokio::test]
async fn no_credential_is_left_where_a_request_is_refused_or_in_what_is_printed() {
    let key = NewKey::make().unwrap();
    let more = "[introspection.a]\nurl = 'http://127.0.0.1:1/'\nclient_id = 'c'\nclient_secret = 'CANARY'\n";
    let world = world(&key, more);
    let mut head = request("/", &[("authorization", "Bearer CANARY-token"), ("x-api-key", "CANARY-key")]);
    let error = world.authenticator.authenticate(&mut head, &peer("192.0.2.1")).await.unwrap_err();
    assert_eq!(fields(&head), ["host: chat.test"]);
    assert_eq!(error.to_string(), "more than one credential was shown");
    assert_eq!(world.bearer("CANARY-token").await, "unavailable");
    let printed = format!("{:?}", world.authenticator);
    assert!(!printed.contains("CANARY") && !printed.contains(&key.key), "{printed}");
}

#[tokio::test]
async fn a_proxy_is_believed_from_its_addresses_alone_and_says_it_once() {
    let key = NewKey::make().unwrap();
    let proxy = "[proxy.sso]\npeers = ['10.0.0.0/8', '2001:db8::1']\nheader = 'X-Forwarded-User'\n";
    let world = world(&key, proxy);
    const ANA: &str = "acme/ana by proxy";
    let saying = |user: &str| request("/", &[("x-forwarded-user", user)]);
    for (address, told) in [
        ("10.1.2.3", ANA),
        ("::ffff:10.1.2.3", ANA),
        ("2001:db8::1", ANA),
        ("2001:db8::2", "missing"),
        ("11.0.0.1", "missing"),
        ("127.0.0.1", "missing"),
    ] {
        let mut head = saying("ana");
        assert_eq!(world.of(&mut head, &peer(address)).await, told, "{address}");
        assert_eq!(fields(&head), ["host: chat.test"], "{address}");
    }
    let inside = peer("10.1.2.3");
    for (user, told) in [("", "malformed"), ("a b", "user"), ("none", "user"), ("ana,adm", "ambiguous")] {
        assert_eq!(world.of(&mut saying(user), &inside).await, told, "{user}");
    }
    let mut twice = request("/", &[("x-forwarded-user", "ana"), ("x-forwarded-user", "adm")]);
    assert_eq!(world.of(&mut twice, &inside).await, "ambiguous");
    let bearer = format!("Bearer {}", key.key);
    let mut both = request("/", &[("x-forwarded-user", "adm"), ("authorization", &bearer)]);
    assert_eq!(world.of(&mut both, &inside).await, "ambiguous");
    let mut from_outside = request("/", &[("x-forwarded-user", "adm"), ("authorization", &bearer)]);
    assert_eq!(world.of(&mut from_outside, &peer("192.0.2.1")).await, "acme/ana by api_key");
    assert_eq!(fields(&from_outside), ["host: chat.test"]);
}

#[tokio::test]
async fn without_a_configured_proxy_nobody_is_believed_by_a_header() {
    let key = NewKey::make().unwrap();
    let world = world(&key, "");
    let mut head = request("/", &[("x-forwarded-user", "adm"), ("remote-user", "adm")]);
    assert_eq!(world.of(&mut head, &peer("127.0.0.1")).await, "missing");
}
