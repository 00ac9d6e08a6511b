//! Cursors as users have them: sealed, since the backend's own may be the id of a hidden row, or say how many stand before.
//!
//! A cursor is good for one user and one list. What it holds is encrypted and authenticated (AES-256-GCM, NIST SP 800-38D), and
//! as long as many others.

use std::fmt;

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    hkdf::{HKDF_SHA256, Salt},
};
use data_encoding::BASE64URL_NOPAD;

use super::List;
use crate::secret::Secret;

/// Bytes of a backend's cursor. One that is longer is not taken.
pub(super) const CURSOR_BYTES_MAX: usize = 4096;

/// What is sealed is filled up to a multiple of this, in bytes: cursors that are shorter are as long as each other.
const BLOCK: usize = 256;

/// Where a list goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sealed {
    /// The backend's cursor; `None`: with its first page.
    pub(super) cursor: Option<String>,
    /// Rows of that page that the user sees and has been given.
    pub(super) given: u32,
}

/// Seals cursors and opens them.
pub(super) struct Sealing(Option<RandomizedNonceKey>);

impl Sealing {
    /// With a key made of this secret, or with one of its own.
    pub(super) fn new(secret: Option<&Secret>) -> Self {
        let mut key = [0; 32];
        let made = match secret {
            Some(secret) => {
                let secret = Salt::new(HKDF_SHA256, b"headgate cursors").extract(secret.expose());
                secret.expand(&[b"key"], &AES_256_GCM).and_then(|made| made.fill(&mut key))
            }
            None => aws_lc_rs::rand::fill(&mut key),
        };
        Self(made.and_then(|()| RandomizedNonceKey::new(&AES_256_GCM, &key)).ok())
    }

    /// A cursor for this list; `None` if it would be too long.
    pub(super) fn seal(&self, list: &List, sealed: &Sealed) -> Option<String> {
        let cursor = sealed.cursor.as_deref().unwrap_or_default();
        let length = u16::try_from(cursor.len()).ok().filter(|_| cursor.len() <= CURSOR_BYTES_MAX)?;
        let mut text = sealed.given.to_be_bytes().to_vec();
        text.push(u8::from(sealed.cursor.is_some()));
        text.extend_from_slice(&length.to_be_bytes());
        text.extend_from_slice(cursor.as_bytes());
        text.resize(text.len().next_multiple_of(BLOCK), 0);
        let nonce = self.0.as_ref()?.seal_in_place_append_tag(Aad::from(list), &mut text).ok()?;
        Some(BASE64URL_NOPAD.encode(&[nonce.as_ref(), &text[..]].concat()))
    }

    /// What a cursor for this list says; `None` if it is none.
    pub(super) fn open(&self, list: &List, cursor: &str) -> Option<Sealed> {
        let mut text = BASE64URL_NOPAD.decode(cursor.as_bytes()).ok()?;
        let (nonce, text) = text.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let text = self.0.as_ref()?.open_in_place(nonce, Aad::from(list), text).ok()?;
        let (given, text) = text.split_first_chunk()?;
        let (is_there, text) = text.split_first()?;
        let (length, text) = text.split_first_chunk()?;
        let cursor = text.get(..usize::from(u16::from_be_bytes(*length)))?;
        let cursor = std::str::from_utf8(cursor).ok()?.to_owned();
        Some(Sealed { cursor: (*is_there == 1).then_some(cursor), given: u32::from_be_bytes(*given) })
    }
}

impl fmt::Debug for Sealing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealing(<redacted>)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_opened_for_its_list_with_its_key_and_unchanged() {
        let (one, other) = ([1; 32], [2; 32]);
        let secret = Secret::new("0123456789abcdef0123456789abcdef");
        let sealing = Sealing::new(Some(&secret));
        for cursor in [None, Some(String::new()), Some("row-102".to_owned()), Some("ö".repeat(2048))] {
            let sealed = Sealed { cursor, given: 7 };
            let text = sealing.seal(&one, &sealed).unwrap();
            assert_eq!(sealing.open(&one, &text), Some(sealed.clone()));
            assert_eq!(Sealing::new(Some(&secret)).open(&one, &text), Some(sealed), "another instance");
            assert_eq!(sealing.open(&other, &text), None, "another list");
            assert_eq!(Sealing::new(None).open(&one, &text), None, "another key");
            for at in [0, 20, text.len() - 1] {
                let mut changed = text.clone().into_bytes();
                changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
                assert_eq!(sealing.open(&one, std::str::from_utf8(&changed).unwrap()), None, "{at}");
            }
        }
        for text in ["", "A", "row-102", "AAAAAAAAAAAAAAAA", "é"] {
            assert_eq!(sealing.open(&one, text), None, "{text}");
        }
        let long = Sealed { cursor: Some("x".repeat(CURSOR_BYTES_MAX + 1)), given: 0 };
        assert_eq!(sealing.seal(&one, &long), None);
    }

    #[test]
    fn a_cursor_does_not_tell_how_long_the_backends_is() {
        let sealing = Sealing::new(None);
        let text = |cursor: &str| {
            sealing.seal(&[0; 32], &Sealed { cursor: Some(cursor.to_owned()), given: 0 }).unwrap()
        };
        assert_eq!(text("9").len(), text("10000").len());
        assert_ne!(text("9"), text("9"));
    }
}
