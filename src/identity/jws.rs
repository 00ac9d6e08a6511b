//! A signed token as it is written (RFC 7515 compact form, RFC 7519): taken apart, and believed in nothing.
//!
//! Of the header only `alg`, `kid` and `typ` are read. `jku`, `x5u`, `jwk` and `x5c` would let a token choose
//! its own key: they are neither read nor fetched (C09). What would change how a token is to be read (`crit`,
//! `b64`, `enc`, `zip`) refuses it (C12, C13).

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Deserializer, de::IgnoredAny};
use serde_json::{Number, Value};

use super::{Invalid, jwk::Algorithm};
use crate::ids::Timestamp;

/// The longest token that is looked at, in bytes: as much as the head of a request may have by default.
pub const TOKEN_BYTES_MAX: usize = 16 << 10;

/// A token taken apart.
#[derive(Debug)]
pub(super) struct Jws<'t> {
    pub(super) algorithm: Algorithm,
    pub(super) key_id: Option<String>,
    /// `typ` in lower case, without `application/`; `jwt` if it is not there.
    pub(super) kind: String,
    pub(super) claims: Claims,
    pub(super) payload: Vec<u8>,
    /// What the signature is over.
    pub(super) signed: &'t str,
    pub(super) signature: Vec<u8>,
}

/// The claims that every token must or may have.
#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    #[serde(rename = "iss")]
    pub(super) issuer: Option<String>,
    #[serde(rename = "aud", default, deserialize_with = "one_or_many")]
    pub(super) audience: Vec<String>,
    #[serde(rename = "exp", default, deserialize_with = "date")]
    pub(super) expires: Option<Timestamp>,
    #[serde(rename = "nbf", default, deserialize_with = "date")]
    pub(super) not_before: Option<Timestamp>,
    #[serde(rename = "cnf", default, deserialize_with = "is_there")]
    pub(super) bound: bool,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    #[serde(default, deserialize_with = "is_there")]
    crit: bool,
    #[serde(default, deserialize_with = "is_there")]
    b64: bool,
    #[serde(default, deserialize_with = "is_there")]
    enc: bool,
    #[serde(default, deserialize_with = "is_there")]
    zip: bool,
}

/// Whether a token is JOSE, so that it is judged here and by nobody else: its first part is a JSON object.
pub(super) fn is_jose(token: &str) -> bool {
    token.split_once('.').is_some_and(|(header, _)| {
        let header = BASE64URL_NOPAD.decode(header.as_bytes()).unwrap_or_default();
        header.trim_ascii_start().first() == Some(&b'{')
    })
}

/// Whether a token has the three parts of a signed one; an encrypted one has five.
pub(super) fn is_signed(token: &str) -> bool {
    token.matches('.').count() == 2
}

/// The issuer that a token names, whatever else is wrong with it.
pub(super) fn issuer(token: &str) -> Option<String> {
    let payload = decode(token.split('.').nth(1)?).ok()?;
    text_at(&payload, "/iss")
}

/// Takes a token apart.
///
/// # Errors
/// If it is none that could be believed, whoever signed it.
pub(super) fn read(token: &str) -> Result<Jws<'_>, Invalid> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(Invalid::TooLarge);
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(Invalid::Malformed)?;
    let (header, payload) = signed.split_once('.').ok_or(Invalid::Malformed)?;
    if payload.contains('.') {
        // Four dots are an encrypted token, whatever is in it.
        return Err(if payload.matches('.').count() == 2 { Invalid::Encrypted } else { Invalid::Malformed });
    }
    let header: Header = json(&decode(header)?)?;
    if header.enc || header.zip {
        return Err(Invalid::Encrypted);
    }
    if header.crit || header.b64 {
        return Err(Invalid::Critical);
    }
    let algorithm = Algorithm::named(&header.alg).ok_or(Invalid::Algorithm)?;
    let payload = decode(payload)?;
    let claims = json(&payload)?;
    // Other claims are read when they are looked at: what cannot be read then (a number beyond all bounds) is wrong now.
    let _readable: Value = json(&payload)?;
    let kind = header.typ.unwrap_or_else(|| "jwt".to_owned()).to_ascii_lowercase();
    let kind = kind.strip_prefix("application/").map_or_else(|| kind.clone(), str::to_owned);
    Ok(Jws { algorithm, key_id: header.kid, kind, claims, payload, signed, signature: decode(signature)? })
}

/// What the claims name at a JSON pointer, as text; an id may be a whole number.
pub(super) fn text_at(payload: &[u8], pointer: &str) -> Option<String> {
    match serde_json::from_slice::<Value>(payload).ok()?.pointer(pointer)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) if number.is_i64() || number.is_u64() => Some(number.to_string()),
        _ => None,
    }
}

/// Unpadded base64url, in the one way of writing it.
fn decode(part: &str) -> Result<Vec<u8>, Invalid> {
    BASE64URL_NOPAD.decode(part.as_bytes()).map_err(|_malformed| Invalid::Malformed)
}

/// Reads a JSON object; in a struct's place serde would take a list too.
fn json<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Result<T, Invalid> {
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(Invalid::Malformed);
    }
    serde_json::from_slice(bytes).map_err(|_malformed| Invalid::Malformed)
}

pub(super) fn is_there<'de, D: Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(value).map(|_anything| true)
}

/// `aud`: a text or a list of them; `null` as if it were not there.
pub(super) fn one_or_many<'de, D: Deserializer<'de>>(value: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }
    Ok(match Option::deserialize(value)? {
        None => Vec::new(),
        Some(OneOrMany::One(one)) => vec![one],
        Some(OneOrMany::Many(many)) => many,
    })
}

/// Seconds since the epoch, which may have a fraction; `null` as if it were not there.
pub(super) fn date<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Timestamp>, D::Error> {
    let Some(number) = Option::<Number>::deserialize(value)? else { return Ok(None) };
    let whole = number.as_i64().map(Timestamp::from_secs);
    let with_fraction = || {
        let since = std::time::Duration::try_from_secs_f64(number.as_f64()?).ok()?;
        i64::try_from(since.as_millis()).ok().map(Timestamp)
    };
    let date = whole.or_else(with_fraction);
    date.map(Some).ok_or_else(|| serde::de::Error::custom("no date"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_with_a_claim_that_cannot_be_read_is_malformed() {
        let token = |claims: &str| {
            let parts = [r#"{"alg":"EdDSA"}"#, claims, "signature"];
            parts.map(|part| BASE64URL_NOPAD.encode(part.as_bytes())).join(".")
        };
        for (claims, issuer) in [(r#"{"iss":"a","n":1e300}"#, Some("a")), (r#"{"iss":"a","n":1e400}"#, None)]
        {
            let token = token(claims);
            let read = read(&token).ok().and_then(|jws| jws.claims.issuer);
            assert_eq!(read.as_deref(), issuer, "{claims}");
            assert_eq!(super::issuer(&token).as_deref(), issuer, "{claims}");
        }
    }
}
