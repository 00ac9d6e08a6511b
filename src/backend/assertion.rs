//! What Headgate asserts of an actor to a backend that wants proof: a JWT that lives for a minute, in the
//! header `headgate-assertion`. A pure function of key, claims and time.

use aws_lc_rs::{
    error::KeyRejected,
    hmac,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use data_encoding::BASE64URL_NOPAD;
use http::HeaderValue;
use rustls_pki_types::{PrivateKeyDer, pem::PemObject};
use serde::Serialize;

use crate::ids::Timestamp;

/// How long an assertion may be used, in seconds. Enough for a request on its way.
const LIFETIME: i64 = 60;

/// Bytes of a shared key: an HS256 key has as many as the hash at least (RFC 7518 section 3.2).
const SHARED_KEY_BYTES_MIN: usize = 32;

/// The key of a backend's assertions. The algorithm is the key's own.
pub enum AssertionKey {
    /// HS256.
    Shared(Box<hmac::Key>),
    /// ES256; the backend needs no more than the public key.
    P256(Box<EcdsaKeyPair>),
}

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// PEM, but no private key of a kind that is known here.
    #[error("the PEM holds no private key")]
    Pem(#[source] rustls_pki_types::pem::Error),
    /// Not an ECDSA key on P-256.
    #[error("the private key is not an ECDSA key on P-256")]
    Curve(#[source] KeyRejected),
    /// A shared key that can be guessed.
    #[error("the shared key has {bytes} bytes, fewer than {SHARED_KEY_BYTES_MIN}")]
    Short {
        /// How many it has.
        bytes: usize,
    },
}

/// Why an assertion could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The claims cannot be written.
    #[error("the claims could not be written as JSON")]
    Claims(#[from] serde_json::Error),
    /// The library refused to sign.
    #[error("the assertion could not be signed")]
    Sign,
    /// The token does not fit into a header.
    #[error("the assertion is not a header's value")]
    Header(#[from] http::header::InvalidHeaderValue),
}

/// What is asserted.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Claims<'a> {
    /// The backend that it is meant for.
    #[serde(rename = "aud")]
    pub backend: &'a str,
    /// The actor.
    #[serde(rename = "sub")]
    pub actor: &'a str,
    /// The actor's tenant.
    pub tenant: &'a str,
    /// The actor's teams.
    pub teams: &'a [&'a str],
    /// The version of the grants that decided.
    pub grants: &'a str,
    /// The decision, by which `headgate explain` finds it.
    #[serde(rename = "jti")]
    pub decision: &'a str,
}

#[derive(Serialize)]
struct Whole<'a> {
    iss: &'static str,
    iat: i64,
    exp: i64,
    #[serde(flatten)]
    claims: &'a Claims<'a>,
}

impl AssertionKey {
    /// Reads a key as it is configured: the PEM of an ECDSA private key on P-256 (PKCS #8 or SEC 1), or any
    /// other text of 32 bytes or more, which both sides know.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn read(text: &[u8]) -> Result<Self, KeyError> {
        let text = text.trim_ascii();
        if text.starts_with(b"-----BEGIN") {
            let der = PrivateKeyDer::from_pem_slice(text).map_err(KeyError::Pem)?;
            let pair = EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, der.secret_der());
            return Ok(Self::P256(Box::new(pair.map_err(KeyError::Curve)?)));
        }
        if text.len() < SHARED_KEY_BYTES_MIN {
            return Err(KeyError::Short { bytes: text.len() });
        }
        Ok(Self::Shared(Box::new(hmac::Key::new(hmac::HMAC_SHA256, text))))
    }

    /// An assertion of `claims`, valid for 60 s from `now`: the value of `headgate-assertion`.
    ///
    /// # Errors
    /// [`SignError`]; the request must then not be forwarded.
    pub fn assert(&self, claims: &Claims<'_>, now: Timestamp) -> Result<HeaderValue, SignError> {
        let iat = now.0.div_euclid(1000);
        let whole = Whole { iss: "headgate", iat, exp: iat.saturating_add(LIFETIME), claims };
        let header = match self {
            Self::Shared(_) => br#"{"alg":"HS256","typ":"JWT"}"#,
            Self::P256(_) => br#"{"alg":"ES256","typ":"JWT"}"#,
        };
        let mut token = BASE64URL_NOPAD.encode(header);
        token.push('.');
        BASE64URL_NOPAD.encode_append(&serde_json::to_vec(&whole)?, &mut token);
        let signature = self.sign(token.as_bytes())?;
        token.push('.');
        BASE64URL_NOPAD.encode_append(&signature, &mut token);
        let mut value = HeaderValue::try_from(token)?;
        value.set_sensitive(true);
        Ok(value)
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        match self {
            Self::Shared(key) => Ok(hmac::sign(key, message).as_ref().to_vec()),
            Self::P256(pair) => {
                let signature = pair.sign(&SystemRandom::new(), message);
                signature.map(|signature| signature.as_ref().to_vec()).map_err(|_unspecified| SignError::Sign)
            }
        }
    }
}

impl std::fmt::Debug for AssertionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Shared(_) => "Shared(<redacted>)",
            Self::P256(_) => "P256(<redacted>)",
        })
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::{
        encoding::AsDer,
        signature::{ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED_SIGNING, KeyPair, UnparsedPublicKey},
    };
    use serde_json::{Value, json};

    use super::*;

    const CLAIMS: Claims<'static> = Claims {
        backend: "chat",
        actor: "ana",
        tenant: "default",
        teams: &["sales", "support"],
        grants: "v42",
        decision: "d-1",
    };

    fn assert(key: &AssertionKey) -> (Value, Value, String, Vec<u8>) {
        let value = key.assert(&CLAIMS, Timestamp(1_700_000_000_999)).unwrap();
        assert!(value.is_sensitive());
        let token = value.to_str().unwrap();
        let parts: Vec<&str> = token.split('.').collect();
        let decoded: Vec<Vec<u8>> =
            parts.iter().map(|part| BASE64URL_NOPAD.decode(part.as_bytes()).unwrap()).collect();
        let json = |bytes: &[u8]| serde_json::from_slice(bytes).unwrap();
        let signed = format!("{}.{}", parts[0], parts[1]);
        (json(&decoded[0]), json(&decoded[1]), signed, decoded[2].clone())
    }

    fn pem(der: &[u8]) -> String {
        format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            data_encoding::BASE64.encode(der)
        )
    }

    #[test]
    fn an_assertion_says_who_asks_whom_for_a_minute() {
        let shared = AssertionKey::read(&[b'k'; 32]).unwrap();
        let (header, claims, signed, signature) = assert(&shared);
        assert_eq!(header, json!({ "alg": "HS256", "typ": "JWT" }));
        assert_eq!(
            claims,
            json!({
                "iss": "headgate", "aud": "chat", "sub": "ana", "tenant": "default",
                "teams": ["sales", "support"], "grants": "v42", "jti": "d-1",
                "iat": 1_700_000_000, "exp": 1_700_000_060,
            })
        );
        let key = hmac::Key::new(hmac::HMAC_SHA256, &[b'k'; 32]);
        hmac::verify(&key, signed.as_bytes(), &signature).unwrap();
    }

    #[test]
    fn a_backend_needs_only_the_public_key_of_a_p256_pair() {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let key = AssertionKey::read(pem(pair.to_pkcs8v1().unwrap().as_ref()).as_bytes()).unwrap();
        let (header, _, signed, signature) = assert(&key);
        assert_eq!(header["alg"], "ES256");
        assert_eq!(signature.len(), 64, "r and s, not DER");
        let public = UnparsedPublicKey::new(
            &ECDSA_P256_SHA256_FIXED,
            pair.public_key().as_der().unwrap().as_ref().to_vec(),
        );
        public.verify(signed.as_bytes(), &signature).unwrap();
        public.verify(b"something else", &signature).unwrap_err();
        assert_eq!(format!("{key:?}"), "P256(<redacted>)");
    }

    #[test]
    fn a_key_that_could_be_guessed_or_is_of_another_kind_is_refused() {
        let p384 = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
        let p384 = pem(p384.to_pkcs8v1().unwrap().as_ref());
        assert!(matches!(AssertionKey::read(&[b'k'; 31]), Err(KeyError::Short { bytes: 31 })));
        assert!(matches!(AssertionKey::read(b"  \n"), Err(KeyError::Short { bytes: 0 })));
        assert!(matches!(AssertionKey::read(p384.as_bytes()), Err(KeyError::Curve(_))));
        assert!(matches!(AssertionKey::read(b"-----BEGIN NOTHING-----"), Err(KeyError::Pem(_))));
    }
}
