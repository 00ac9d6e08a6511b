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

/// The header's name.
pub const ASSERTION: &str = "headgate-assertion";

/// How long an assertion may be used, in seconds. Enough for a request on its way.
const LIFETIME: i64 = 60;

/// Bytes of a shared key: an HS256 key has as many as the hash at least (RFC 7518 section 3.2).
const SHARED_KEY_BYTES_MIN: usize = 32;

/// The key of a backend's assertions. The algorithm is the key's own.
pub enum AssertionKey {
    /// HS256.
    Shared(hmac::Key),
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
        Ok(Self::Shared(hmac::Key::new(hmac::HMAC_SHA256, text)))
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
