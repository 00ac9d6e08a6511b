//! The laws of reading tokens, keys, issuers' answers and credentials, whatever is shown: fuzz targets feed them, and the
//! stable test suite replays the saved corpora.

use std::{collections::BTreeSet, time::Duration};

use data_encoding::BASE64URL_NOPAD;
use http::{HeaderName, Request, Uri, header};
use serde_json::Value;

use super::{
    introspection,
    jwk::{Algorithm, Found, Keys},
    jws,
    settings::{Introspection, Native},
    strip,
};
use crate::{
    channel::fuzzing::head,
    ids::{TenantId, Timestamp},
    secret::Secret,
};

/// Public keys whose private halves nobody has used for a token of the corpus: an Ed25519 key without a name
/// (RFC 8037 appendix A.2).
const KEYS: &str =
    r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

/// A bearer token. What is read is exactly what was shown, in the one way of writing it; and nothing is true
/// without its key.
///
/// # Panics
/// If a law is broken; this is what a fuzzer looks for.
pub fn token(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let issuer = jws::issuer(text);
    let Ok(jws) = jws::read(text) else { return };
    assert!(jws::is_jose(text) && jws::is_signed(text), "read, and no signed token: {text}");
    let signature = BASE64URL_NOPAD.encode(&jws.signature);
    assert_eq!(format!("{}.{signature}", jws.signed), text, "two ways of writing one token");
    let payload = jws.signed.split('.').nth(1).unwrap_or_default();
    assert_eq!(BASE64URL_NOPAD.encode(&jws.payload), payload);
    assert_eq!(jws.claims.issuer, issuer, "two issuers in {text}");
    let keys = Keys::read(KEYS.as_bytes(), &Algorithm::ALL);
    let Ok(Found::Key(key)) = keys.as_ref().map(|keys| keys.find(jws.key_id.as_deref(), jws.algorithm))
    else {
        return;
    };
    assert!(!key.verifies(jws.signed.as_bytes(), &jws.signature), "believed without its key: {text}");
}

/// The keys that an issuer publishes. What is taken is for one of the allowed algorithms, whatever it says of itself.
///
/// # Panics
/// If a law is broken; this is what a fuzzer looks for.
pub fn keys(bytes: &[u8]) {
    for allowed in [&Algorithm::ALL[..], &[Algorithm::Es256, Algorithm::Ps256]] {
        let Ok(keys) = Keys::read(bytes, allowed) else { continue };
        for algorithm in Algorithm::ALL {
            for id in [None, Some("a")] {
                if let Found::Key(key) = keys.find(id, algorithm) {
                    assert!(allowed.contains(&algorithm), "a key for {algorithm:?}");
                    let _no_signature = key.verifies(b"", &[0; 64]);
                }
            }
        }
    }
}

/// An issuer's answer about a token. Who is believed is named in it, and it says in so many words that the token is
/// active, of this issuer, for this audience, in this scope and at this time.
///
/// # Panics
/// If a law is broken; this is what a fuzzer looks for.
pub fn introspected(body: &[u8]) {
    let now = Timestamp::from_secs(1_700_000_000);
    let Ok(told) = serde_json::from_slice(body) else { return };
    let Ok(identity) = introspection::identity(&asked(), &TenantId::new("default"), &told, body, now) else {
        return;
    };
    let said: Value = serde_json::from_slice(body).unwrap_or_default();
    let one_of = |name: &str, wanted: &str| match said.get(name) {
        Some(Value::Array(items)) => items.iter().any(|item| item == wanted),
        one => one.is_some_and(|one| one == wanted),
    };
    assert_eq!(said.get("active"), Some(&Value::Bool(true)), "{said}");
    assert!(one_of("iss", "https://id.test") && one_of("aud", "headgate"), "{said}");
    let scope = said.get("scope").and_then(Value::as_str).unwrap_or_default();
    assert!(scope.split(' ').any(|one| one == "chat"), "{said}");
    assert!(said.get("cnf").is_none(), "bound to a key that nobody has shown: {said}");
    let user = match said.get("sub") {
        Some(Value::String(text)) => text.clone(),
        other => other.map(Value::to_string).unwrap_or_default(),
    };
    assert_eq!(identity.user.as_str(), user, "{said}");
    assert!(identity.until.is_none_or(|end| end > now), "{said}");
}

fn asked() -> Introspection {
    Introspection {
        name: "id".to_owned(),
        url: Uri::from_static("https://id.test/introspect"),
        client_id: "headgate".to_owned(),
        client_secret: Secret::new("secret"),
        issuer: Some("https://id.test".to_owned()),
        audience: vec!["headgate".to_owned()],
        scopes: vec!["chat".to_owned()],
        hosts: Vec::new(),
        user: "/sub".to_owned(),
        ttl: Duration::from_secs(60),
        negative_ttl: Duration::from_secs(5),
    }
}

/// A request's target, and header lines. After the backend's own credentials were taken out, no backend finds one in the
/// query or among the cookies, however it reads them, and what is left was there before.
///
/// # Panics
/// If a law is broken; this is what a fuzzer looks for.
pub fn credentials(bytes: &[u8]) {
    const NAME: &str = "api_token";
    let line = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (target, lines) = bytes.split_at_checked(line).unwrap_or_default();
    let Ok(uri) = Uri::try_from(target) else { return };
    let (headers, _rest) = head(lines.get(1..).unwrap_or_default());
    let mut request = Request::new(()).into_parts().0;
    (request.uri, request.headers) = (uri.clone(), headers.clone());
    let names = || vec![NAME.to_owned()];
    strip::native(&mut request, &Native { headers: names(), query: names(), cookies: names() });

    let query = request.uri.query().unwrap_or_default().as_bytes();
    let cookies = request.headers.get_all(header::COOKIE).iter().map(|value| (value.as_bytes(), b";,"));
    for (list, separators) in cookies.chain([(query, b"&;")]) {
        for piece in list.split(|byte| separators.contains(byte)) {
            let is_it = |name: &String| name.eq_ignore_ascii_case(NAME);
            let left = read_by_backends(piece).iter().any(is_it);
            assert!(!left, "left in {:?}", String::from_utf8_lossy(list));
        }
    }
    let pieces = |query: &[u8]| -> BTreeSet<Vec<u8>> {
        query.split(|byte| b"&;".contains(byte)).filter(|one| !one.is_empty()).map(<[u8]>::to_vec).collect()
    };
    let before = pieces(uri.query().unwrap_or_default().as_bytes());
    assert!(pieces(query).is_subset(&before), "what was not sent");
    assert_eq!(request.uri.path(), uri.path(), "another path");
    let as_written = |name: &HeaderName| name.as_str().replace(['-', '.'], "_") == NAME;
    assert!(!request.headers.keys().any(as_written), "a header is left");
}

/// What Rack, PHP and the rest make of the name in `name=value`.
fn read_by_backends(piece: &[u8]) -> [String; 3] {
    let name = piece.split(|byte| *byte == b'=').next().unwrap_or_default();
    let name: Vec<u8> = name.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    let name = percent_encoding::percent_decode(&name).decode_utf8_lossy();
    let rack = name.trim_start_matches(['[', ']']);
    let rack = rack.split(['[', ']']).next().unwrap_or_default();
    let php = name.trim_start_matches(' ').split('\0').next().unwrap_or_default();
    let php = php.split('[').next().unwrap_or_default().replace(['.', ' '], "_");
    [rack.to_owned(), php, name.into_owned()]
}
