//! Public keys of an issuer (RFC 7517, RFC 7518, RFC 8037): which there are, and what each is for.
//!
//! **Invariant:** a key verifies by one algorithm, found out when the key is read and never from a token
//! (checklist C08).

use aws_lc_rs::{
    digest,
    encoding::{AsDer, PublicKeyX509Der},
    rsa::PublicKeyComponents,
    signature::{self, ParsedPublicKey, VerificationAlgorithm},
};
use data_encoding::BASE64URL_NOPAD;
use serde::Deserialize;
use serde_json::Value;

/// Keys that one set may have. Large issuers have a handful; a set with more is refused.
pub const KEYS_MAX: usize = 100;

/// Least bytes of an RSA modulus: 2048 bits.
const RSA_MODULUS_BYTES_MIN: usize = 256;

/// A signature algorithm of JWS, as written in keys and tokens. There is none with a shared key, and no `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub enum Algorithm {
    /// RSA PKCS #1 1.5 with SHA-256.
    #[serde(rename = "RS256")]
    Rs256,
    /// RSA PSS with SHA-256.
    #[serde(rename = "PS256")]
    Ps256,
    /// ECDSA over P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256,
    /// ECDSA over P-384 with SHA-384.
    #[serde(rename = "ES384")]
    Es384,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl Algorithm {
    /// Every one.
    pub const ALL: [Self; 5] = [Self::Rs256, Self::Ps256, Self::Es256, Self::Es384, Self::EdDsa];

    /// The algorithm of a name in a key or token, to the letter.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "RS256" => Some(Self::Rs256),
            "PS256" => Some(Self::Ps256),
            "ES256" => Some(Self::Es256),
            "ES384" => Some(Self::Es384),
            // RFC 9864 gives Ed25519 a name of its own beside the older one.
            "EdDSA" | "Ed25519" => Some(Self::EdDsa),
            _ => None,
        }
    }

    fn verification(self) -> &'static dyn VerificationAlgorithm {
        match self {
            Self::Rs256 => &signature::RSA_PKCS1_2048_8192_SHA256,
            Self::Ps256 => &signature::RSA_PSS_2048_8192_SHA256,
            Self::Es256 => &signature::ECDSA_P256_SHA256_FIXED,
            Self::Es384 => &signature::ECDSA_P384_SHA384_FIXED,
            Self::EdDsa => &signature::ED25519,
        }
    }
}

/// A key set as read.
#[derive(Debug)]
pub struct Keys {
    keys: Vec<Key>,
    digest: [u8; 32],
}

/// A public key with its one algorithm.
#[derive(Debug)]
pub(super) struct Key {
    id: Option<String>,
    algorithm: Algorithm,
    public: ParsedPublicKey,
}

/// Why a key set cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// It is no JSON object with a list `keys`.
    #[error("is no JSON Web Key Set")]
    Shape,
    /// It has more than [`KEYS_MAX`].
    #[error("has more than {KEYS_MAX} keys")]
    TooMany,
    /// None of its keys can be used.
    #[error("has no key for a signature of the allowed algorithms")]
    None,
}

impl Keys {
    /// Reads a JSON Web Key Set. Keys for anything but signatures of `allowed` are left out.
    ///
    /// # Errors
    /// [`KeysError`].
    pub fn read(json: &[u8], allowed: &[Algorithm]) -> Result<Self, KeysError> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<Value>,
        }
        let set: Set = serde_json::from_slice(json).map_err(|_shape| KeysError::Shape)?;
        if set.keys.len() > KEYS_MAX {
            return Err(KeysError::TooMany);
        }
        let keys: Vec<_> = set.keys.into_iter().filter_map(|key| Key::read(key, allowed)).collect();
        if keys.is_empty() {
            return Err(KeysError::None);
        }
        Ok(Self { keys, digest: sha256(json) })
    }

    /// Names the content.
    pub(super) fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// The key that a token means: by its `kid`, or without one the only key for `algorithm`.
    pub(super) fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Found<'_> {
        let meant = |key: &&Key| id.is_none_or(|id| key.id.as_deref() == Some(id));
        let mut meant = self.keys.iter().filter(meant).peekable();
        if meant.peek().is_none() {
            return Found::Nothing;
        }
        let mut fit = meant.filter(|key| key.algorithm == algorithm);
        match (fit.next(), id, fit.next()) {
            (Some(key), Some(_), _) | (Some(key), None, None) => Found::Key(key),
            (None, Some(_), _) => Found::OtherAlgorithm,
            (_, None, _) => Found::Nothing,
        }
    }
}

/// What a token's header leads to.
#[derive(Debug)]
pub(super) enum Found<'k> {
    Key(&'k Key),
    /// The key is for another algorithm than the token says.
    OtherAlgorithm,
    /// No key, or several without a name to choose by.
    Nothing,
}

impl Key {
    /// Whether `signature` is this key's over `message`.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.public.verify_sig(message, signature).is_ok()
    }

    fn read(jwk: Value, allowed: &[Algorithm]) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(jwk).ok()?;
        let for_signatures = jwk.usage.as_deref().is_none_or(|usage| usage == "sig")
            && jwk.operations.as_ref().is_none_or(|all| all.iter().any(|one| one == "verify"));
        let algorithm = jwk.algorithm(allowed)?;
        if !for_signatures || !allowed.contains(&algorithm) {
            return None;
        }
        let bytes = jwk.public_key(algorithm)?;
        let public = ParsedPublicKey::new(algorithm.verification(), bytes).ok()?;
        Some(Self { id: jwk.kid, algorithm, public })
    }
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    #[serde(rename = "key_ops")]
    operations: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl Jwk {
    /// The one algorithm of the key: what it says, or what its type leaves. An RSA key that says nothing is
    /// for RS256, which is what such keys are for nearly everywhere, unless only PS256 is allowed.
    fn algorithm(&self, allowed: &[Algorithm]) -> Option<Algorithm> {
        let by_type = match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) if allowed.contains(&Algorithm::Rs256) => Algorithm::Rs256,
            ("RSA", _) => Algorithm::Ps256,
            ("EC", Some("P-256")) => Algorithm::Es256,
            ("EC", Some("P-384")) => Algorithm::Es384,
            ("OKP", Some("Ed25519")) => Algorithm::EdDsa,
            _ => return None,
        };
        let Some(said) = &self.alg else { return Some(by_type) };
        let said = Algorithm::named(said)?;
        let is_rsa = |algorithm| matches!(algorithm, Algorithm::Rs256 | Algorithm::Ps256);
        (said == by_type || is_rsa(said) && is_rsa(by_type)).then_some(said)
    }

    /// The key in the form that the library reads.
    fn public_key(&self, algorithm: Algorithm) -> Option<Vec<u8>> {
        match algorithm {
            Algorithm::Rs256 | Algorithm::Ps256 => {
                let (n, e) = (bytes(self.n.as_ref())?, bytes(self.e.as_ref())?);
                if n.len() < RSA_MODULUS_BYTES_MIN {
                    return None;
                }
                let der: PublicKeyX509Der<'_> = PublicKeyComponents { n, e }.as_der().ok()?;
                Some(der.as_ref().to_vec())
            }
            Algorithm::Es256 => self.point(32),
            Algorithm::Es384 => self.point(48),
            Algorithm::EdDsa => bytes(self.x.as_ref()).filter(|x| x.len() == 32),
        }
    }

    /// An uncompressed point of a curve with coordinates of `size` bytes.
    fn point(&self, size: usize) -> Option<Vec<u8>> {
        let (x, y) = (bytes(self.x.as_ref())?, bytes(self.y.as_ref())?);
        (x.len() == size && y.len() == size).then(|| [&[4], x.as_slice(), y.as_slice()].concat())
    }
}

fn bytes(text: Option<&String>) -> Option<Vec<u8>> {
    BASE64URL_NOPAD.decode(text?.as_bytes()).ok()
}

/// SHA-256, as an array.
pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut array = [0; 32];
    for (to, from) in array.iter_mut().zip(digest::digest(&digest::SHA256, bytes).as_ref()) {
        *to = *from;
    }
    array
}
