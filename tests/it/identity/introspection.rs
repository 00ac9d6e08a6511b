//! Tokens that only their issuer can read.

use std::time::Duration;

use data_encoding::BASE64;
use serde_json::{Value, json};

use super::{
    NOW, World,
    issuer::Issuer,
    request,
    tokens::{Signer, claims, jwks, source},
};

const ANA: &str = "acme/ana by introspection";

/// `[introspection.NAME]` for an issuer.
fn asking(name: &str, issuer: &Issuer, more: &str) -> String {
    let url = issuer.url();
    format!(
        "[introspection.{name}]\nurl = '{url}'\nclient_id = 'head gate'\nclient_secret = 's:cret'\n{more}\n"
    )
}

fn active(user: &str) -> Value {
    json!({"active": true, "sub": user, "scope": "chat profile", "iss": "https://a.test/", "aud": "headgate"})
}

fn with(mut answer: Value, but: &Value) -> Value {
    answer.as_object_mut().unwrap().extend(but.as_object().unwrap().clone());
    answer
}

#[tokio::test]
async fn the_issuer_is_asked_once_and_only_it_learns_the_token() {
    let issuer = Issuer::start(&active("ana")).await;
    let world = World::new(&[("acme", &asking("a", &issuer, ""))]);
    for _ in 0..3 {
        assert_eq!(world.bearer("opaque~token/1+2=").await, ANA);
    }
    let (authorization, body) = issuer.questions().pop().unwrap();
    assert_eq!(authorization, format!("Basic {}", BASE64.encode(b"head+gate:s%3Acret")));
    assert_eq!(body, "token=opaque%7Etoken%2F1%2B2%3D&token_type_hint=access_token");
    assert_eq!(issuer.questions().len(), 1);
}

#[tokio::test]
async fn an_answer_must_say_what_the_configuration_wants() {
    let issuer = Issuer::start(&json!({})).await;
    let more =
        "issuer = 'https://a.test/'\naudience = ['headgate', 'x']\nscopes = ['chat']\nuser = '/username'";
    let world = World::new(&[("acme", &asking("a", &issuer, more))]);
    let good = with(active("1"), &json!({"username": "ana"}));
    for (n, (but, told)) in [
        (json!({}), ANA),
        (json!({"active": false}), "inactive"),
        (json!({"active": "true"}), "unavailable"),
        (json!({"iss": "https://b.test/"}), "issuer"),
        (json!({"aud": ["y"]}), "audience"),
        (json!({"aud": ["y", "x"]}), ANA),
        (json!({"scope": "chats chat:read"}), "scope"),
        (json!({"exp": NOW}), "expired"),
        (json!({"nbf": NOW + 1}), "not_yet"),
        (json!({"username": null}), "user"),
        (json!({"username": "a b"}), "user"),
        (json!({"username": "none"}), "user"),
        (json!({"username": "headgate"}), "user"),
        // What says nothing says no more if it says so.
        (json!({"exp": null, "nbf": null, "token_type": null, "token_use": null}), ANA),
        (json!({"aud": null}), "audience"),
        (json!({"scope": null}), "scope"),
        (json!({"active": false, "iss": null, "aud": null, "scope": null}), "inactive"),
        (json!({"token_type": "bearer", "token_use": "access_token"}), ANA),
        (json!({"token_use": "refresh_token"}), "type"),
        (json!({"token_type": "DPoP", "cnf": {"jkt": "x"}}), "type"),
        (json!({"cnf": {"x5t#S256": "x"}}), "bound"),
    ]
    .into_iter()
    .enumerate()
    {
        issuer.answers(&with(good.clone(), &but));
        assert_eq!(world.bearer(&format!("t{n}")).await, told, "{but}");
    }
    issuer.answers(&json!({"active": true}));
    assert_eq!(world.bearer("bare").await, "issuer");
}

#[tokio::test]
async fn c16_an_answer_counts_for_its_own_issuer_audience_and_scopes_alone() {
    let (a, b) = (Issuer::start(&active("ana")).await, Issuer::start(&json!({"active": false})).await);
    let of = |scopes: &str| {
        let one = asking("a", &a, &format!("hosts = ['a.test']\nscopes = {scopes}"));
        one + &asking("b", &b, "hosts = ['B.test']")
    };
    let mut world = World::new(&[("acme", &of("['chat']"))]);
    let on = |host: &str| {
        let mut head = request("/", &[("authorization", "Bearer token")]);
        head.headers.insert("host", host.parse().unwrap());
        head
    };
    assert_eq!(world.who(on("a.test:8443")).await, ANA);
    assert_eq!(world.who(on("b.test")).await, "inactive", "primed through another issuer");
    assert_eq!(world.who(on("c.test")).await, "unknown");
    assert_eq!((a.questions().len(), b.questions().len()), (1, 1));

    world.reload(&[("acme", &of("['chat']"))]);
    assert_eq!(world.who(on("a.test")).await, ANA);
    assert_eq!(a.questions().len(), 1, "the same question was asked again after a reload");
    world.reload(&[("acme", &of("['chat', 'admin']"))]);
    assert_eq!(world.who(on("a.test")).await, "scope", "primed with fewer scopes");
}

#[tokio::test]
async fn c17_an_answer_dies_with_its_token() {
    let issuer = Issuer::start(&with(active("ana"), &json!({"exp": NOW + 2}))).await;
    let world = World::new(&[("acme", &asking("a", &issuer, ""))]);
    assert_eq!(world.bearer("token").await, ANA);
    world.pass(Duration::from_millis(1999));
    assert_eq!(world.bearer("token").await, ANA);
    world.pass(Duration::from_millis(1));
    issuer.answers(&json!({"active": false}));
    assert_eq!(world.bearer("token").await, "inactive");
    assert_eq!(issuer.questions().len(), 2);
}

#[tokio::test]
async fn an_answer_is_believed_for_its_time_and_a_no_for_less() {
    let issuer = Issuer::start(&active("ana")).await;
    let world = World::new(&[("acme", &asking("a", &issuer, ""))]);
    assert_eq!(world.bearer("token").await, ANA);
    issuer.answers(&json!({"active": false}));
    world.pass(Duration::from_millis(59_999));
    assert_eq!(world.bearer("token").await, ANA);
    world.pass(Duration::from_millis(1));
    assert_eq!(world.bearer("token").await, "inactive");
    issuer.answers(&active("ana"));
    world.pass(Duration::from_millis(9_999));
    assert_eq!(world.bearer("token").await, "inactive");
    world.pass(Duration::from_millis(1));
    assert_eq!(world.bearer("token").await, ANA);
}

#[tokio::test]
async fn c17_five_hundred_requests_with_one_token_ask_once() {
    let issuer = Issuer::start(&active("ana")).await;
    issuer.waits();
    let world = World::new(&[("acme", &asking("a", &issuer, ""))]);
    let asking: Vec<_> = (0..500)
        .map(|_| {
            let authenticator = world.authenticator.clone();
            tokio::spawn(async move {
                let mut head = super::bearer("token");
                super::told(authenticator.authenticate(&mut head, &super::peer("192.0.2.1")).await)
            })
        })
        .collect();
    issuer.asked(1).await;
    issuer.goes_on();
    for answer in asking {
        assert_eq!(answer.await.unwrap(), ANA);
    }
    assert_eq!(issuer.questions().len(), 1);
}

#[tokio::test]
async fn an_issuer_that_does_not_answer_is_no_yes_and_is_not_pressed() {
    let issuer = Issuer::start(&active("ana")).await;
    issuer.fails();
    let world = World::new(&[("acme", &asking("a", &issuer, ""))]);
    for _ in 0..5 {
        assert_eq!(world.bearer("token").await, "unavailable");
    }
    assert_eq!(issuer.questions().len(), 1);
    assert_eq!(world.metric(r#"headgate_introspections_total{outcome="failed"}"#), 1);
    issuer.answers(&active("ana"));
    world.pass(Duration::from_secs(1));
    assert_eq!(world.bearer("token").await, ANA);
}

#[tokio::test]
async fn a_flood_of_invented_tokens_is_not_handed_on() {
    let issuer = Issuer::start(&json!({"active": false})).await;
    issuer.waits();
    let world = World::new(&[("acme", &asking("a", &issuer, ""))]);
    let asking: Vec<_> = (0..100)
        .map(|n| {
            let authenticator = world.authenticator.clone();
            tokio::spawn(async move {
                let mut head = super::bearer(&format!("invented{n}"));
                super::told(authenticator.authenticate(&mut head, &super::peer("192.0.2.1")).await)
            })
        })
        .collect();
    issuer.asked(64).await;
    issuer.goes_on();
    let mut told = Vec::new();
    for answer in asking {
        told.push(answer.await.unwrap());
    }
    assert_eq!(told.iter().filter(|told| *told == "unavailable").count(), 36);
    assert_eq!(issuer.questions().len(), 64);
    assert_eq!(world.metric(r#"headgate_limit_reached_total{limit="introspections_max"}"#), 36);
}

#[tokio::test]
async fn a_signed_token_is_judged_by_its_signature_where_its_issuer_is_known() {
    let signer = Signer::ed25519("one");
    let publisher = Issuer::start(&jwks(&[&signer])).await;
    let issuer = Issuer::start(&active("adm")).await;
    let config = source(&publisher.url()) + &asking("a", &issuer, "");
    let world = World::new(&[("acme", &config)]);
    assert_eq!(world.bearer(&signer.token(&claims("ana"))).await, "acme/ana by jwt");
    assert_eq!(world.bearer(&Signer::ed25519("one").token(&claims("ana"))).await, "signature");
    assert_eq!(issuer.questions().len(), 0);
    let foreign = super::tokens::claims_but(&json!({"iss": "https://other.test/"}));
    assert_eq!(world.bearer(&signer.token(&foreign)).await, "acme/adm by introspection");
}
