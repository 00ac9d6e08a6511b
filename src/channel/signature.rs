//! Signatures over raw bytes: HMAC in constant time, with several secrets valid at once.

use aws_lc_rs::hmac;
use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};

use super::Refusal;
use crate::secret::Secret;

/// Which of an endpoint's secrets matched: its place in the configured list, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Matched(pub(super) usize);

impl Matched {
    /// The place in the list, from 0.
    #[must_use]
    pub fn index(self) -> usize {
        self.0
    }
}

/// Which secret makes `mac` the HMAC-SHA256 of `parts` put one after the other.
///
/// # Errors
/// [`Refusal::Wrong`] if none does.
pub(super) fn hmac_sha256(secrets: &[Secret], parts: &[&[u8]], mac: &[u8]) -> Result<Matched, Refusal> {
    secrets
        .iter()
        .position(|secret| same(self::mac(secret, parts).as_ref(), mac))
        .map(Matched)
        .ok_or(Refusal::Wrong)
}

/// The HMAC-SHA256 of `parts` put one after the other.
pub(super) fn mac(secret: &Secret, parts: &[&[u8]]) -> hmac::Tag {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose());
    let mut context = hmac::Context::with_key(&key);
    for part in parts {
        context.update(part);
    }
    context.sign()
}

/// Whether two MACs are the same, in a time that tells nothing of where they differ.
pub(super) fn same(ours: &[u8], given: &[u8]) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(ours, given).is_ok()
}

/// The bytes of a hex signature; upper and lower case are the same.
///
/// # Errors
/// [`Refusal::Malformed`] if it is not hex.
pub(super) fn hex(text: &str) -> Result<Vec<u8>, Refusal> {
    HEXLOWER_PERMISSIVE.decode(text.as_bytes()).map_err(|_not_hex| Refusal::Malformed)
}

/// The bytes of a standard, padded base64 signature; case matters.
///
/// # Errors
/// [`Refusal::Malformed`] if it is not base64.
pub(super) fn base64(text: &str) -> Result<Vec<u8>, Refusal> {
    BASE64.decode(text.as_bytes()).map_err(|_not_base64| Refusal::Malformed)
}

/// The one value of a header. Two copies are refused, also equal ones: which of them a proxy in
/// between looked at cannot be known.
///
/// # Errors
/// [`Refusal::Missing`] or [`Refusal::Malformed`].
pub(super) fn header<'a>(headers: &'a http::HeaderMap, name: &str) -> Result<&'a str, Refusal> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().ok_or(Refusal::Missing)?;
    if values.next().is_some() {
        return Err(Refusal::Malformed);
    }
    value.to_str().map_err(|_not_ascii| Refusal::Malformed)
}

/// Which `user:password` pair the `Authorization: Basic` header carries.
///
/// # Errors
/// [`Refusal::Missing`], [`Refusal::Malformed`] or [`Refusal::Wrong`].
pub(super) fn basic(headers: &http::HeaderMap, pairs: &[Secret]) -> Result<Matched, Refusal> {
    let value = header(headers, http::header::AUTHORIZATION.as_str())?;
    let (scheme, credentials) = value.split_once(' ').ok_or(Refusal::Malformed)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(Refusal::Malformed);
    }
    let given = base64(credentials.trim())?;
    pairs.iter().position(|pair| pair.matches(&given)).map(Matched).ok_or(Refusal::Wrong)
}

/// Whether a signed time is within `window` of now, both ways.
///
/// # Errors
/// [`Refusal::Stale`].
pub(super) fn fresh(
    signed: crate::ids::Timestamp,
    now: crate::ids::Timestamp,
    window: std::time::Duration,
) -> Result<(), Refusal> {
    if signed.0.abs_diff(now.0) <= u64::try_from(window.as_millis()).unwrap_or(u64::MAX) {
        Ok(())
    } else {
        Err(Refusal::Stale)
    }
}
