//! Section C: tokens that were made of the restricted actor's own, and that nobody signed who may.

use aws_lc_rs::hmac;
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Map, Value, json};

use crate::probe::{
    plan::{Objects, Shown},
    request::{Actor, Request},
    session::{Expected, Session},
};
use crate::secret::Secret;

/// A key that everybody knows.
const KNOWN: &[u8] = b"headgate-probe-headgate-probe-32";

/// A signed token (JWT), taken apart.
struct Token {
    header: Map<String, Value>,
    claims: String,
    signature: String,
}

pub(super) async fn tried(session: &mut Session<'_>, object: &Objects) {
    let plan = session.plan;
    let mut tried = false;
    for (name, value) in plan.restricted.in_headers() {
        let Some((before, token)) = token(value) else { continue };
        tried = true;
        let mut made: Vec<_> = token.unsigned().into_iter().map(|made| ("C07", made)).collect();
        made.extend(plan.token_keys.iter().flat_map(|key| token.confused(key)).map(|made| ("C08", made)));
        made.extend(token.led_astray().into_iter().map(|made| ("C09", made)));
        for (row, (what, text)) in made {
            let forged = Secret::new([before, text.as_bytes()].concat());
            let shown = Shown(vec![(name.to_owned(), forged)]);
            let request = Request::get(object.visible.as_str()).by(Actor::Nobody).showing(what, shown);
            session.expect(row, request, Expected::Refused).await;
        }
    }
    if !tried {
        for row in ["C07", "C08", "C09"] {
            session.not_tried(row, "no header of `[actor.restricted]` is a signed token (JWT)");
        }
    } else if plan.token_keys.is_empty() {
        session.not_tried("C08", "there are no `token_keys`");
    }
}

/// The token in a header's value, and what stands before it; `None` if there is none.
fn token(value: &Secret) -> Option<(&[u8], Token)> {
    let value = value.expose();
    let begin = value.iter().rposition(|byte| *byte == b' ').map_or(0, |space| space + 1);
    let (before, token) = value.split_at_checked(begin)?;
    let mut parts = std::str::from_utf8(token).ok()?.split('.');
    let (header, claims, signature) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let header = serde_json::from_slice(&BASE64URL_NOPAD.decode(header.as_bytes()).ok()?).ok()?;
    Some((before, Token { header, claims: claims.to_owned(), signature: signature.to_owned() }))
}

/// What it is, and the token.
type Forged = (&'static str, String);

impl Token {
    /// With these members of the header instead, and none of those that are `null`.
    fn headed(&self, other: &Value) -> String {
        let mut header = self.header.clone();
        for (name, value) in other.as_object().into_iter().flatten() {
            if value.is_null() {
                header.remove(name);
            } else {
                header.insert(name.clone(), value.clone());
            }
        }
        let header = BASE64URL_NOPAD.encode(Value::Object(header).to_string().as_bytes());
        format!("{header}.{}", self.claims)
    }

    /// The same, signed with this secret.
    fn signed(&self, other: &Value, secret: &[u8]) -> String {
        let text = self.headed(other);
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), text.as_bytes());
        format!("{text}.{}", BASE64URL_NOPAD.encode(tag.as_ref()))
    }

    /// C07: nobody signed it.
    fn unsigned(&self) -> Vec<Forged> {
        let none = |name: &str| format!("{}.", self.headed(&json!({"alg": name})));
        vec![
            ("a token with `alg: none`", none("none")),
            ("a token with `alg: None`", none("None")),
            ("a token with `alg: nOnE`", none("nOnE")),
            ("`alg: none` and the old signature", format!("{}{}", none("none"), self.signature)),
            ("a token with an empty signature", format!("{}.", self.headed(&json!({})))),
            ("a token without a signature", self.headed(&json!({}))),
        ]
    }

    /// C08: a public key is no secret.
    fn confused(&self, key: &str) -> Vec<Forged> {
        let own = json!({"alg": "HS256"});
        let trimmed = key.trim();
        let der: String =
            trimmed.lines().filter(|line| !line.starts_with('-')).flat_map(str::chars).collect();
        let der = data_encoding::BASE64.decode(der.as_bytes()).unwrap_or_default();
        vec![
            ("signed with the public key as it is", self.signed(&own, key.as_bytes())),
            ("signed with the public key, trimmed", self.signed(&own, trimmed.as_bytes())),
            (
                "signed with the public key and a line end",
                self.signed(&own, format!("{trimmed}\n").as_bytes()),
            ),
            ("signed with the public key's bytes", self.signed(&own, &der)),
        ]
    }

    /// C09: the header names a key of its maker's choice.
    fn led_astray(&self) -> Vec<Forged> {
        let encoded = BASE64URL_NOPAD.encode(KNOWN);
        let jwk = json!({"kty": "oct", "k": encoded, "alg": "HS256", "kid": "headgate-probe"});
        let sql = "headgate-probe' UNION SELECT 'headgate-probe-headgate-probe-32' -- ";
        let elsewhere = "https://headgate-probe.invalid/keys";
        let (of_file, of_table) = (json!("../../../../../../dev/null"), json!(sql));
        let mut made = vec![
            ("`kid` of an empty file", self.signed(&json!({"alg": "HS256", "kid": of_file}), b"")),
            ("`kid` with SQL", self.signed(&json!({"alg": "HS256", "kid": of_table}), KNOWN)),
            (
                "an unknown `kid`",
                format!("{}.{}", self.headed(&json!({"kid": "headgate-probe"})), self.signature),
            ),
        ];
        made.extend(
            [
                ("its own `jwk`", json!({"alg": "HS256", "kid": "headgate-probe", "jwk": jwk})),
                ("its own `jwk`, no `kid`", json!({"alg": "HS256", "kid": null, "jwk": jwk})),
                ("its own `jku`", json!({"alg": "HS256", "kid": null, "jku": elsewhere})),
                ("its own `x5u`", json!({"alg": "HS256", "kid": null, "x5u": elsewhere})),
                ("its own `x5c`", json!({"alg": "HS256", "kid": null, "x5c": [encoded]})),
            ]
            .map(|(what, header)| (what, self.signed(&header, KNOWN))),
        );
        made
    }
}
