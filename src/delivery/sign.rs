//! Standard Webhooks signatures (`providers.md` section 13). Pure.

use aws_lc_rs::hmac;
use data_encoding::BASE64;
use http::HeaderName;

use crate::secret::Secret;

pub(super) const ID: HeaderName = HeaderName::from_static("webhook-id");
pub(super) const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
pub(super) const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// The `webhook-signature` of a body: `v1,<base64>` for each key, so that the backend can rotate.
/// What is signed is `<id>.<timestamp>.<body>`.
pub(super) fn signature(keys: &[Secret], id: &str, timestamp_seconds: i64, body: &[u8]) -> String {
    let head = format!("{id}.{timestamp_seconds}.");
    let signatures: Vec<String> = keys
        .iter()
        .map(|key| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose());
            let mut context = hmac::Context::with_key(&key);
            context.update(head.as_bytes());
            context.update(body);
            format!("v1,{}", BASE64.encode(context.sign().as_ref()))
        })
        .collect();
    signatures.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The official vector (`providers.md` section 13).
    #[test]
    fn the_official_vector_is_met_by_each_key() {
        let key = || Secret::new(BASE64.decode(b"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap());
        let one = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        let sign = |keys: &[Secret]| {
            signature(keys, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#)
        };
        assert_eq!(sign(&[key()]), one);
        assert_eq!(sign(&[key(), key()]), format!("{one} {one}"));
    }
}
