//! Signed tokens.

use std::{fs, time::Duration};

use aws_lc_rs::hmac;
use data_encoding::{BASE64, BASE64URL_NOPAD};
use proptest::{prelude::*, strategy::ValueTree};
use serde_json::{Value, json};

use super::{
    NOW, World,
    issuer::Issuer,
    tokens::{AUDIENCE, Signer, claims, claims_but, jwks, source, unsigned},
};

const ANA: &str = "acme/ana by jwt";

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A world with one issuer that publishes one key.
async fn world() -> (World, Issuer, Signer) {
    let signer = Signer::es256("one");
    let issuer = Issuer::start(&jwks(&[&signer])).await;
    (World::new(&[("acme", &source(&issuer.url()))]), issuer, signer)
}

#[tokio::test]
async fn a_token_of_each_algorithm_says_who_calls() {
    let signers = [
        Signer::ed25519("ed"),
        Signer::es256("p256"),
        Signer::es384("p384"),
        Signer::rs256("rsa"),
        Signer::ps256("pss"),
    ];
    let issuer = Issuer::start(&jwks(&signers.each_ref())).await;
    let world = World::new(&[("acme", &source(&issuer.url()))]);
    for signer in &signers {
        assert_eq!(world.bearer(&signer.token(&claims("ana"))).await, ANA, "{}", signer.algorithm);
    }
    assert_eq!(issuer.questions().len(), 1, "the keys were fetched more than once");
    assert_eq!(world.metric(r#"headgate_authentications_total{method="jwt",outcome="accepted"}"#), 5);
}

#[tokio::test]
async fn keys_without_a_stated_algorithm_are_for_the_one_of_their_type() {
    let signer = Signer::rs256("rsa");
    let mut key = signer.jwk();
    key.as_object_mut().unwrap().remove("alg");
    let issuer = Issuer::start(&json!({"keys": [key]})).await;
    let with = |more: &str| World::new(&[("acme", &format!("{}{more}", source(&issuer.url())))]);
    let token = signer.token(&claims("ana"));
    assert_eq!(with("").bearer(&token).await, ANA);
    assert_eq!(with("algorithms = ['RS256']").bearer(&token).await, ANA);
    assert_eq!(with("algorithms = ['PS256']").bearer(&token).await, "algorithm");
    assert_eq!(with("algorithms = ['ES256']").bearer(&token).await, "algorithm");
}

#[tokio::test]
async fn the_user_is_where_the_configuration_says() {
    let (_, issuer, signer) = world().await;
    let config = format!("{}user = '/ext/user_id'\n", source(&issuer.url()));
    let world = World::new(&[("acme", &config)]);
    for (user, told) in [
        (json!("ana"), "acme/ana by jwt"),
        (json!(42), "acme/42 by jwt"),
        (json!(18_446_744_073_709_551_615_u64), "acme/18446744073709551615 by jwt"),
        (json!(4.2), "user"),
        (json!(true), "user"),
        (json!(["ana"]), "user"),
        (json!(""), "user"),
        (json!("none"), "user"),
        (json!("headgate"), "user"),
        (json!("Headgate"), "user"),
        (json!("ana, adm"), "user"),
        (json!("ana\r\nx: y"), "user"),
        (json!("a".repeat(128)), "user"),
    ] {
        let token = signer.token(&claims_but(&json!({"ext": {"user_id": user}})));
        assert_eq!(world.bearer(&token).await, told, "{user}");
    }
    assert_eq!(world.bearer(&signer.token(&claims("ana"))).await, "user");
}

#[tokio::test]
async fn keys_are_fetched_over_tls_from_the_host_that_egress_names() {
    let made = rcgen::generate_simple_self_signed(["login.test".to_owned()]).unwrap();
    let signer = Signer::ed25519("one");
    let issuer =
        Issuer::start_tls(&jwks(&[&signer]), &made.cert.pem(), &made.signing_key.serialize_pem()).await;
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    fs::write(&ca, made.cert.pem()).unwrap();
    let resolve = format!("resolve = {{ 'login.test' = '{}' }}\n", issuer.address);
    let trusting = format!("[egress]\nca = '{}'\n{resolve}", ca.display());
    let tenants = source("https://login.test/jwks");
    let token = signer.token(&claims("ana"));
    let world = World::with_egress(&trusting, &[("acme", &tenants)]);
    assert_eq!(world.bearer(&token).await, ANA);
    let world = World::with_egress(&format!("[egress]\n{resolve}"), &[("acme", &tenants)]);
    assert_eq!(world.bearer(&token).await, "unavailable", "an unknown certificate was believed");
}

#[tokio::test]
async fn keys_may_be_in_a_file() {
    let signer = Signer::ed25519("one");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.json");
    fs::write(&file, jwks(&[&signer]).to_string()).unwrap();
    let config = source("x").replace("jwks = 'x'", &format!("jwks_file = '{}'", file.display()));
    let mut world = World::new(&[("acme", &config)]);
    let token = signer.token(&claims("ana"));
    assert_eq!(world.bearer(&token).await, ANA);
    assert_eq!(world.bearer(&Signer::ed25519("two").token(&claims("ana"))).await, "key");

    fs::write(&file, jwks(&[&Signer::ed25519("one")]).to_string()).unwrap();
    world.reload(&[("acme", &config)]);
    assert_eq!(world.bearer(&token).await, "signature", "a token outlived its key");
}

#[tokio::test]
async fn c07_a_token_without_a_signature_is_refused() {
    let (world, _issuer, signer) = world().await;
    for algorithm in ["none", "None", "nOnE", "NONE", ""] {
        let unsigned = unsigned(&json!({"alg": algorithm, "kid": "one", "typ": "JWT"}), &claims("adm"));
        let good = signer.token(&claims("ana"));
        let signature = good.rsplit('.').next().unwrap();
        assert_eq!(world.bearer(&format!("{unsigned}.")).await, "algorithm", "{algorithm}");
        assert_eq!(world.bearer(&format!("{unsigned}.{signature}")).await, "algorithm", "{algorithm}");
        assert_eq!(world.bearer(&unsigned).await, "malformed", "{algorithm}");
    }
    let empty = unsigned(&json!({"alg": "ES256", "kid": "one"}), &claims("adm"));
    assert_eq!(world.bearer(&format!("{empty}.")).await, "signature");
}

#[tokio::test]
async fn c08_the_algorithm_is_the_keys_and_not_the_tokens() {
    let (rsa, ec) = (Signer::rs256("rsa"), Signer::es256("ec"));
    let issuer = Issuer::start(&jwks(&[&rsa, &ec])).await;
    let world = World::new(&[("acme", &source(&issuer.url()))]);
    let der = rsa.public_der();
    let lines = BASE64.encode(&der);
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{lines}\n-----END PUBLIC KEY-----");
    let modulus = rsa.jwk()["n"].as_str().unwrap().to_owned();
    let secrets = [der, pem.clone().into_bytes(), format!("{pem}\n").into_bytes(), modulus.into_bytes()];
    for secret in &secrets {
        for algorithm in ["HS256", "RS256"] {
            let signed = unsigned(&json!({"alg": algorithm, "kid": "rsa"}), &claims("adm"));
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed.as_bytes());
            let told = world.bearer(&format!("{signed}.{}", BASE64URL_NOPAD.encode(tag.as_ref()))).await;
            assert!(matches!(told.as_str(), "algorithm" | "signature"), "{algorithm}: {told}");
        }
    }
    // One key's name with another key's algorithm, and the other padding of RSA.
    for (signer, kid, algorithm) in [(&ec, "rsa", "ES256"), (&rsa, "ec", "RS256"), (&rsa, "rsa", "PS256")] {
        let token = signer.token_with(&json!({"alg": algorithm, "kid": kid}), &claims("adm"));
        assert_eq!(world.bearer(&token).await, "algorithm", "{kid} {algorithm}");
    }
}

#[tokio::test]
async fn c09_a_token_cannot_bring_or_name_its_own_key() {
    let (world, issuer, signer) = world().await;
    let thief = Signer::es256("thief");
    let trap = Issuer::start(&jwks(&[&thief])).await;
    let url = trap.url();
    for kid in ["../../dev/null", "' OR '1'='1", "unknown", "", "one\u{0}"] {
        let header = json!({
            "alg": "ES256", "kid": kid, "jku": url, "x5u": url, "jwk": thief.jwk(), "x5c": ["MIIB"],
        });
        assert_eq!(world.bearer(&thief.token_with(&header, &claims("adm"))).await, "key", "{kid}");
    }
    let header = json!({"alg": "ES256", "kid": "one", "jku": url, "x5u": url, "jwk": thief.jwk()});
    assert_eq!(world.bearer(&thief.token_with(&header, &claims("adm"))).await, "signature");
    // They do not count either way.
    assert_eq!(world.bearer(&signer.token_with(&header, &claims("ana"))).await, ANA);
    assert_eq!(trap.questions().len(), 0);
    assert_eq!(issuer.questions().len(), 1);
}

#[tokio::test]
async fn c10_a_token_of_or_for_somebody_else_is_refused() {
    let (world, issuer, signer) = world().await;
    for (claims, told) in [
        (json!({"iss": "https://login.test"}), "issuer"),
        (json!({"iss": "https://evil.test/"}), "issuer"),
        (json!({"iss": null}), "issuer"),
        (json!({"aud": "other"}), "audience"),
        (json!({"aud": null}), "audience"),
        (json!({"aud": []}), "audience"),
        (json!({"aud": ["other", "Headgate"]}), "audience"),
        (json!({"aud": "headgate other"}), "audience"),
        (json!({"aud": {"headgate": true}}), "malformed"),
        (json!({"aud": ["other", AUDIENCE]}), ANA),
    ] {
        assert_eq!(world.bearer(&signer.token(&claims_but(&claims))).await, told, "{claims}");
    }
    let id_token = |kind: &str| {
        let header = json!({"alg": "ES256", "kid": "one", "typ": kind});
        signer.token_with(&header, &claims_but(&json!({"nonce": "n", "at_hash": "h"})))
    };
    assert_eq!(world.bearer(&id_token("JWT")).await, ANA);
    assert_eq!(world.bearer(&id_token("logout+jwt")).await, "type");
    let strict = World::new(&[("acme", &format!("{}types = ['at+jwt']\n", source(&issuer.url())))]);
    assert_eq!(strict.bearer(&id_token("JWT")).await, "type");
    let without = signer.token_with(&json!({"alg": "ES256", "kid": "one"}), &claims("ana"));
    assert_eq!(strict.bearer(&without).await, "type");
    assert_eq!(strict.bearer(&id_token("application/AT+JWT")).await, ANA);
}

#[tokio::test]
async fn c11_a_token_counts_between_its_times_and_always_ends() {
    let (world, _issuer, signer) = world().await;
    const LEEWAY: i64 = 30;
    for (claims, told) in [
        (json!({"exp": NOW - LEEWAY - 1}), "expired"),
        (json!({"exp": NOW - LEEWAY}), "expired"),
        (json!({"exp": NOW - LEEWAY + 1}), ANA),
        (json!({"nbf": NOW + LEEWAY + 1}), "not_yet"),
        (json!({"nbf": NOW + LEEWAY}), ANA),
        (json!({"exp": null}), "no_expiry"),
        (json!({"exp": i64::MAX}), ANA),
        (json!({"nbf": i64::MIN}), ANA),
        (json!({"exp": "1800000000"}), "malformed"),
        (json!({"exp": -1}), "expired"),
        (json!({"exp": 0}), "expired"),
        (json!({"exp": 1e300}), "malformed"),
        (json!({"exp": 1_700_000_600.5}), ANA),
    ] {
        assert_eq!(world.bearer(&signer.token(&claims_but(&claims))).await, told, "{claims}");
    }
}

#[tokio::test]
async fn c11_a_remembered_token_ends_too() {
    let (world, _issuer, signer) = world().await;
    let token = signer.token(&claims("ana"));
    assert_eq!(world.bearer(&token).await, ANA);
    world.pass(seconds(629));
    assert_eq!(world.bearer(&token).await, ANA);
    world.pass(seconds(1));
    assert_eq!(world.bearer(&token).await, "expired");
}

#[tokio::test]
async fn c12_a_token_that_wants_to_be_read_in_a_special_way_is_refused() {
    let (world, _issuer, signer) = world().await;
    for special in [
        json!({"crit": ["b64"], "b64": false}),
        json!({"crit": ["x"]}),
        json!({"crit": []}),
        json!({"crit": null}),
        json!({"b64": false}),
        json!({"b64": true}),
    ] {
        let mut header = json!({"alg": "ES256", "kid": "one"});
        header.as_object_mut().unwrap().extend(special.as_object().unwrap().clone());
        assert_eq!(world.bearer(&signer.token_with(&header, &claims("ana"))).await, "critical", "{special}");
    }
}

#[tokio::test]
async fn a_token_that_is_bound_to_a_key_is_not_taken_without_its_proof() {
    let (world, _issuer, signer) = world().await;
    for proof in [json!({"jkt": "x"}), json!({"x5t#S256": "x"}), json!({})] {
        let token = signer.token(&claims_but(&json!({ "cnf": proof })));
        assert_eq!(world.bearer(&token).await, "bound", "{proof}");
    }
}

#[tokio::test]
async fn c13_an_encrypted_token_is_refused_whatever_is_in_it() {
    let (world, _issuer, signer) = world().await;
    let header = BASE64URL_NOPAD.encode(br#"{"alg":"RSA-OAEP-256","enc":"A256GCM","cty":"JWT"}"#);
    assert_eq!(world.bearer(&format!("{header}.a2V5.aXY.dGV4dA.dGFn")).await, "encrypted");
    let header = json!({"alg": "ES256", "kid": "one", "enc": "A256GCM"});
    assert_eq!(world.bearer(&signer.token_with(&header, &claims("ana"))).await, "encrypted");
    let header = json!({"alg": "ES256", "kid": "one", "zip": "DEF"});
    assert_eq!(world.bearer(&signer.token_with(&header, &claims("ana"))).await, "encrypted");
}

#[tokio::test]
async fn c14_a_new_key_is_believed_after_one_fetch() {
    let (world, issuer, old) = world().await;
    assert_eq!(world.bearer(&old.token(&claims("ana"))).await, ANA);
    let new = Signer::es256("two");
    issuer.answers(&jwks(&[&old, &new]));
    world.pass(seconds(30));
    assert_eq!(world.bearer(&new.token(&claims("ana"))).await, ANA);
    assert_eq!(world.bearer(&old.token(&claims("ben"))).await, "acme/ben by jwt");
    assert_eq!(issuer.questions().len(), 2);
}

#[tokio::test]
async fn c14_ten_thousand_unknown_keys_cause_one_fetch_in_a_cool_down() {
    let (world, issuer, signer) = world().await;
    assert_eq!(world.bearer(&signer.token(&claims("ana"))).await, ANA);
    world.pass(seconds(30));
    let good = signer.token(&claims("adm"));
    let (_header, rest) = good.split_once('.').unwrap();
    for n in 0..10_000 {
        let header = json!({"alg": "ES256", "kid": format!("k{n}")}).to_string();
        let token = format!("{}.{rest}", BASE64URL_NOPAD.encode(header.as_bytes()));
        assert_eq!(world.bearer(&token).await, "key");
        world.pass(Duration::from_millis(1));
    }
    assert_eq!(issuer.questions().len(), 2);
    assert_eq!(world.bearer(&signer.token(&claims("ana"))).await, ANA);
}

#[tokio::test]
async fn c14_all_who_need_the_keys_wait_for_one_fetch_also_if_the_first_goes_away() {
    let (world, issuer, signer) = world().await;
    issuer.waits();
    let token = signer.token(&claims("ana"));
    let ask = || {
        let (authenticator, token) = (world.authenticator.clone(), token.clone());
        tokio::spawn(async move {
            let mut head = super::bearer(&token);
            super::told(authenticator.authenticate(&mut head, &super::peer("192.0.2.1")).await)
        })
    };
    let first = ask();
    issuer.asked(1).await;
    first.abort();
    let others: Vec<_> = (0..50).map(|_| ask()).collect();
    issuer.goes_on();
    for other in others {
        assert_eq!(other.await.unwrap(), ANA);
    }
    assert_eq!(issuer.questions().len(), 1);
}

#[tokio::test]
async fn c15_without_its_issuer_known_keys_serve_for_a_while_and_then_nobody_is_believed() {
    let (world, issuer, signer) = world().await;
    let lasting = |user: &str| signer.token(&claims_but(&json!({"sub": user, "exp": NOW + 1_000_000})));
    assert_eq!(world.bearer(&lasting("ana")).await, ANA);
    issuer.fails();
    world.pass(seconds(15 * 60));
    assert_eq!(world.bearer(&lasting("ben")).await, "acme/ben by jwt", "past `refresh`");
    world.fetched("failed", 1).await;
    world.pass(seconds(86_400 - 15 * 60 - 1));
    assert_eq!(world.bearer(&lasting("cem")).await, "acme/cem by jwt", "just before `max_stale`");
    world.fetched("failed", 2).await;
    world.pass(seconds(1));
    for user in ["ana", "ben", "dan"] {
        assert_eq!(world.bearer(&lasting(user)).await, "unavailable", "{user}");
    }
    let failed = world.metric(r#"headgate_issuer_key_fetches_total{outcome="failed"}"#);
    assert_eq!(failed, issuer.questions().len() as u64 - 1);

    issuer.answers(&jwks(&[&signer]));
    world.pass(seconds(30));
    assert_eq!(world.bearer(&lasting("ana")).await, ANA);
}

#[tokio::test]
async fn c15_an_issuer_that_never_answered_is_believed_in_nothing() {
    let (world, issuer, signer) = world().await;
    for answer in [json!({"keys": []}), json!([]), json!({"keys": [{"kty": "oct", "k": "c2VjcmV0"}]})] {
        issuer.answers(&answer);
        assert_eq!(world.bearer(&signer.token(&claims("ana"))).await, "unavailable", "{answer}");
        world.pass(seconds(30));
    }
}

#[tokio::test]
async fn a_token_is_no_longer_believed_when_its_key_is_withdrawn() {
    let (world, issuer, signer) = world().await;
    let token = signer.token(&claims_but(&json!({"exp": NOW + 10_000})));
    assert_eq!(world.bearer(&token).await, ANA);
    issuer.answers(&jwks(&[&Signer::es256("two")]));
    world.pass(seconds(15 * 60));
    // The first is told by what is known while new keys are fetched.
    assert_eq!(world.bearer(&token).await, ANA);
    world.fetched("answered", 2).await;
    assert_eq!(world.bearer(&token).await, "key");
}

#[tokio::test]
async fn tenants_are_told_apart_by_issuer_and_audience() {
    let signer = Signer::ed25519("one");
    let issuer = Issuer::start(&jwks(&[&signer])).await;
    let of = |audience: &str| source(&issuer.url()).replace(AUDIENCE, audience);
    let world = World::new(&[("acme", &of("acme")), ("globex", &of("globex"))]);
    let token = |audience: Value| signer.token(&claims_but(&json!({"aud": audience})));
    assert_eq!(world.bearer(&token(json!("acme"))).await, "acme/ana by jwt");
    assert_eq!(world.bearer(&token(json!("globex"))).await, "globex/ana by jwt");
    assert_eq!(world.bearer(&token(json!(["acme", "globex"]))).await, "audience", "a key to two tenants");
}

#[tokio::test]
async fn a_reload_keeps_the_keys_of_issuers_that_did_not_change() {
    let (mut world, issuer, signer) = world().await;
    let token = signer.token(&claims("ana"));
    assert_eq!(world.bearer(&token).await, ANA);
    world.reload(&[("acme", &source(&issuer.url())), ("globex", "")]);
    assert_eq!(world.bearer(&token).await, ANA);
    assert_eq!(issuer.questions().len(), 1);
    world.reload(&[("acme", &source(&issuer.url()).replace(AUDIENCE, "other"))]);
    assert_eq!(world.bearer(&token).await, "audience");
    world.reload(&[("globex", "")]);
    assert_eq!(world.bearer(&token).await, "issuer");
}

#[tokio::test]
async fn nothing_that_is_not_the_token_of_its_key_is_believed() {
    let (world, _issuer, signer) = world().await;
    let token = signer.token(&claims("ana"));
    assert_eq!(world.bearer(&token).await, ANA);
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let changed = (0..token.len(), "[A-Za-z0-9_.-]").prop_map(|(at, with)| {
        let mut changed = token.clone();
        changed.replace_range(at..=at, &with);
        changed
    });
    for _ in 0..500 {
        let changed = changed.new_tree(&mut runner).unwrap().current();
        if changed != token {
            assert_ne!(world.bearer(&changed).await, ANA, "{changed}");
        }
    }
    assert_eq!(world.bearer(&format!("{token}=")).await, "malformed");
    assert_eq!(world.bearer(&"a".repeat(16_385)).await, "too_large");
}
