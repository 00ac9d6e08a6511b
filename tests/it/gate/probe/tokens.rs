//! Forged tokens: each careless way to verify one is found by its row.

use aws_lc_rs::hmac;
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

use super::{HIDDEN, VISIBLE, probe, refused, rows, shown};
use crate::{
    gate::backend::{Asked, Backend},
    identity::tokens::unsigned,
};

const PEM: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----";

/// A token, as somebody careless takes it apart.
struct Token {
    header: Value,
    /// What is signed.
    text: String,
    signature: Vec<u8>,
}

impl Token {
    fn of(asked: &Asked) -> Option<Self> {
        let shown = asked.all("authorization").first()?.strip_prefix("Bearer ")?.to_owned();
        let (text, signature) = shown.rsplit_once('.')?;
        let header = BASE64URL_NOPAD.decode(text.split('.').next()?.as_bytes()).ok()?;
        Some(Self {
            header: serde_json::from_slice(&header).ok()?,
            text: text.to_owned(),
            signature: BASE64URL_NOPAD.decode(signature.as_bytes()).ok()?,
        })
    }

    fn is_by(&self, secret: &[u8]) -> bool {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        hmac::verify(&key, self.text.as_bytes(), &self.signature).is_ok()
    }

    fn is(&self, algorithm: &str) -> bool {
        self.header["alg"].as_str().unwrap().eq_ignore_ascii_case(algorithm)
    }
}

/// Believes what it must not.
type Believes = fn(&Token) -> bool;

const CARELESS: &[(&str, Believes)] = &[
    ("C07", |token| token.is("none")),
    ("C07", |token| token.signature.is_empty()),
    ("C08", |token| token.is_by(PEM.as_bytes())),
    ("C08", |token| token.is_by(format!("{PEM}\n").as_bytes())),
    ("C08", |token| token.is_by(&BASE64URL_NOPAD.decode(b"MCowBQYDK2VwAyEA").unwrap())),
    ("C09", |token| {
        token.header["kid"].as_str().is_some_and(|kid| kid.contains("dev/null")) && token.is_by(b"")
    }),
    ("C09", |token| {
        let own =
            token.header["jwk"]["k"].as_str().map(|own| BASE64URL_NOPAD.decode(own.as_bytes()).unwrap());
        own.is_some_and(|own| token.is_by(&own))
    }),
    ("C09", |token| token.header["kid"] == "headgate-probe" && token.is("EdDSA")),
    ("C09", |token| !token.header["jku"].is_null()),
    ("C09", |token| !token.header["x5u"].is_null()),
    ("C09", |token| !token.header["x5c"].is_null()),
    ("C09", |token| token.header["kid"].as_str().is_some_and(|kid| kid.contains("UNION"))),
];

#[tokio::test(flavor = "multi_thread")]
async fn each_token_that_is_believed_is_found_by_its_row() {
    let good = unsigned(&json!({"alg": "EdDSA", "kid": "one"}), &json!({"sub": "ana"})) + ".c2ln";
    let plan = format!(
        "token_keys = ['''{PEM}''']
        [pace]
        per_second = 1000
        quiet = '30ms'
        [actor.restricted]
        headers = {{ authorization = 'Bearer {good}' }}
        [[object]]
        visible = '{VISIBLE}'
        hidden = '{HIDDEN}'
        missing = '/api/v1/accounts/1/conversations/999'
        [[canary]]
        text = 'CANARY-102-title'\n"
    );
    let tokens = rows(&["C07", "C08", "C09"]);
    let verified = |believes: Believes| {
        let good = good.clone();
        move |asked: &Asked| {
            let is_good = asked.all("authorization") == [format!("Bearer {good}")];
            let is_known = is_good || Token::of(asked).is_some_and(|token| believes(&token));
            match (is_known, asked.target.as_str()) {
                (true, VISIBLE) => shown(asked, "", &json!({"id": "101"})),
                (true, _) => refused(404),
                (false, _) => refused(401),
            }
        }
    };
    let holding = Backend::start(verified(|_| false)).await;
    let probed = probe(holding.address, &plan, &["--format", "json"]).await;
    assert_eq!(&probed.rows("held") & &tokens, tokens, "{}", probed.out);
    assert!(!probed.out.contains(&good), "a credential is in the report");
    let usual = probed.breached();
    for (number, (row, believes)) in CARELESS.iter().enumerate() {
        let careless = Backend::start(verified(*believes)).await;
        let probed = probe(careless.address, &plan, &["--format", "json"]).await;
        assert_eq!(&probed.breached() - &usual, rows(&[row]), "{number}: {}", probed.out);
    }
}
