//! Keys in the forms that providers show them.

use data_encoding::{BASE64, BASE64_NOPAD};
use x509_parser::{oid_registry, prelude::FromDer, x509::SubjectPublicKeyInfo};

use crate::{channel::standard::Key, secret::Secret};

/// A shared Standard Webhooks key: `whsec_` and base64 of 24 to 64 bytes (`providers.md` section 13).
pub(super) fn whsec(text: &str) -> Option<Secret> {
    let bytes = base64(text.strip_prefix("whsec_")?)?;
    (24..=64).contains(&bytes.len()).then(|| Secret::new(bytes))
}

/// A Standard Webhooks key to verify with: shared, or `whpk_` and base64 of an Ed25519 public key.
pub(super) fn verification(text: &str) -> Option<Key> {
    match text.strip_prefix("whpk_") {
        Some(public) => Some(Key::Ed25519(base64(public)?.try_into().ok()?)),
        None => whsec(text).map(Key::Hmac),
    }
}

/// SendGrid's verification key: base64 of a DER `SubjectPublicKeyInfo` with an ECDSA P-256 key.
pub(super) fn sendgrid(text: &str) -> Option<Vec<u8>> {
    let der = base64(text.trim())?;
    let (rest, key) = SubjectPublicKeyInfo::from_der(&der).ok()?;
    let curve = key.algorithm.parameters.as_ref().and_then(|p| p.as_oid().ok());
    let fits = rest.is_empty()
        && key.algorithm.algorithm == oid_registry::OID_KEY_TYPE_EC_PUBLIC_KEY
        && curve == Some(oid_registry::OID_EC_P256);
    drop(key);
    fits.then_some(der)
}

/// Standard base64, with or without the padding, which gets lost when keys are copied.
fn base64(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text.as_bytes()).or_else(|_padded| BASE64_NOPAD.decode(text.as_bytes())).ok()
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::{
        encoding::AsDer,
        signature::{ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, KeyPair},
    };

    use super::*;

    #[test]
    fn a_shared_key_is_24_to_64_bytes_of_base64() {
        let of = |n: usize| format!("whsec_{}", BASE64.encode(&vec![7; n]));
        assert_eq!(whsec(&of(24)).unwrap().expose(), [7; 24]);
        assert!(whsec(of(25).trim_end_matches('=')).is_some(), "the padding may be lost");
        assert!(whsec(&of(64)).is_some());
        for text in [of(23), of(65), BASE64.encode(&[7; 24]), "whsec_!".to_owned(), String::new()] {
            assert!(whsec(&text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_public_key_is_32_bytes() {
        let of = |n: usize| format!("whpk_{}", BASE64.encode(&vec![7; n]));
        assert!(matches!(verification(&of(32)), Some(Key::Ed25519(key)) if key == [7; 32]));
        assert!(verification(&of(31)).is_none());
    }

    #[test]
    fn sendgrid_signs_with_p256_alone() {
        let der = |algorithm| {
            let pair = EcdsaKeyPair::generate(algorithm).unwrap();
            pair.public_key().as_der().unwrap().as_ref().to_vec()
        };
        let p256 = der(&ECDSA_P256_SHA256_ASN1_SIGNING);
        assert_eq!(sendgrid(&BASE64.encode(&p256)), Some(p256.clone()));
        assert_eq!(sendgrid(&BASE64.encode(&der(&ECDSA_P384_SHA384_ASN1_SIGNING))), None);
        assert_eq!(sendgrid(&BASE64.encode(&p256[1..])), None);
        assert_eq!(sendgrid("MFkw"), None);
    }
}
