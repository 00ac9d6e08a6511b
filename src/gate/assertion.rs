//! The signed assertion of who asks: a JWT (RFC 7519) that lives for a minute.

use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use data_encoding::BASE64URL_NOPAD;
use serde::Serialize;

use crate::{backend::AssertionKey, ids::Timestamp};

/// How long an assertion is good for, in seconds: the way to the backend, and clocks that differ a little.
const LIFE_SECONDS: i64 = 60;

/// What an assertion says.
#[derive(Debug, Serialize)]
pub struct Claims<'a> {
    /// The user, or `headgate` where Headgate itself asks.
    pub sub: &'a str,
    /// The user's tenant.
    pub tenant: &'a str,
    /// The user's teams.
    pub teams: Vec<&'a str>,
    /// The version of the user's grants.
    pub grants: &'a str,
    /// The backend that it is for.
    pub aud: &'a str,
    /// The decision that it belongs to; unlike any other's.
    pub jti: &'a str,
}

/// Signs assertions.
#[derive(Debug)]
pub struct Signer {
    algorithm: Algorithm,
    random: SystemRandom,
}

#[derive(Debug)]
enum Algorithm {
    Hs256(Box<hmac::Key>),
    Es256(Box<EcdsaKeyPair>),
}

/// A claim set with what every assertion has.
#[derive(Serialize)]
struct Whole<'a> {
    iss: &'static str,
    iat: i64,
    exp: i64,
    #[serde(flatten)]
    claims: &'a Claims<'a>,
}

impl Signer {
    /// A signer with the backend's key; `None` if the key is none, which the configuration has checked.
    #[must_use]
    pub fn new(key: &AssertionKey) -> Option<Self> {
        let algorithm = match key {
            AssertionKey::Hs256(secret) => {
                Algorithm::Hs256(Box::new(hmac::Key::new(hmac::HMAC_SHA256, secret.expose())))
            }
            AssertionKey::Es256(der) => {
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.expose());
                Algorithm::Es256(Box::new(pair.ok()?))
            }
        };
        Some(Self { algorithm, random: SystemRandom::new() })
    }

    /// An assertion that is good from now on; `None` if there is no randomness to sign with.
    #[must_use]
    pub fn sign(&self, claims: &Claims<'_>, now: Timestamp) -> Option<String> {
        let header: &[u8] = match self.algorithm {
            Algorithm::Hs256(_) => br#"{"alg":"HS256","typ":"JWT"}"#,
            Algorithm::Es256(_) => br#"{"alg":"ES256","typ":"JWT"}"#,
        };
        let iat = now.as_secs();
        let whole = Whole { iss: "headgate", iat, exp: iat.saturating_add(LIFE_SECONDS), claims };
        let payload = serde_json::to_vec(&whole).ok()?;
        let signed = format!("{}.{}", BASE64URL_NOPAD.encode(header), BASE64URL_NOPAD.encode(&payload));
        let signature = match &self.algorithm {
            Algorithm::Hs256(key) => hmac::sign(key, signed.as_bytes()).as_ref().to_vec(),
            Algorithm::Es256(pair) => pair.sign(&self.random, signed.as_bytes()).ok()?.as_ref().to_vec(),
        };
        Some(format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature)))
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, EcdsaKeyPair, KeyPair, UnparsedPublicKey};

    use super::*;
    use crate::secret::Secret;

    const CLAIMS: Claims<'_> =
        Claims { sub: "ana", tenant: "acme", teams: Vec::new(), grants: "7", aud: "chat", jti: "dec_1" };

    #[test]
    fn a_shared_key_signs_what_the_backend_can_check() {
        let secret = Secret::new("a key that both know, of 32 bytes");
        let token = Signer::new(&AssertionKey::Hs256(secret.clone()))
            .unwrap()
            .sign(&CLAIMS, Timestamp(5000))
            .unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose());
        let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap();
        hmac::verify(&key, signed.as_bytes(), &signature).unwrap();
        let payload = BASE64URL_NOPAD.decode(signed.split_once('.').unwrap().1.as_bytes()).unwrap();
        let payload: serde_json::Value = serde_json::from_slice(&payload).unwrap();
        let expected = serde_json::json!({
            "iss": "headgate", "iat": 5, "exp": 65, "sub": "ana", "tenant": "acme", "teams": [], "grants": "7",
            "aud": "chat", "jti": "dec_1",
        });
        assert_eq!(payload, expected);
    }

    #[test]
    fn a_private_key_signs_what_its_public_key_verifies() {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let der = pair.to_pkcs8v1().unwrap();
        let signer = Signer::new(&AssertionKey::Es256(Secret::new(der.as_ref()))).unwrap();
        let token = signer.sign(&CLAIMS, Timestamp(0)).unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap();
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key().as_ref());
        public.verify(signed.as_bytes(), &signature).unwrap();
    }
}
