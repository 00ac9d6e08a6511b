//! The laws of reading a token, whatever is shown: a fuzz target feeds them, and the stable test suite replays
//! the saved corpus.

use data_encoding::BASE64URL_NOPAD;

use super::{
    jwk::{Algorithm, Found, Keys},
    jws,
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
