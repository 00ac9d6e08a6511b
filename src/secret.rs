//! Secrets: never printed, wiped when dropped, compared in constant time.

use std::fmt;

use secrecy::{ExposeSecret, SecretSlice};

/// A key, token or password. `Debug` prints `<redacted>`, and there is no `Display`.
#[derive(Clone)]
pub struct Secret(SecretSlice<u8>);

impl Secret {
    /// Takes the secret's bytes.
    #[must_use]
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes: Vec<u8> = bytes.into();
        Self(bytes.into())
    }

    /// The bytes, for the one call that needs them.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.expose_secret()
    }

    /// Whether `given` is this secret, in a time that depends on `given`'s length alone: digests are
    /// compared, so neither the first differing byte nor the secret's length shows.
    #[must_use]
    pub fn matches(&self, given: &[u8]) -> bool {
        use aws_lc_rs::{constant_time, digest};
        let ours = digest::digest(&digest::SHA256, self.expose());
        let theirs = digest::digest(&digest::SHA256, given);
        constant_time::verify_slices_are_equal(ours.as_ref(), theirs.as_ref()).is_ok()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<redacted>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_printed() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "<redacted>");
    }

    #[test]
    fn only_the_same_bytes_match() {
        let secret = Secret::new("Tg_secret-1");
        assert!(secret.matches(b"Tg_secret-1"));
        for other in ["tg_secret-1", "Tg_secret-10", "Tg_secret-", ""] {
            assert!(!secret.matches(other.as_bytes()), "{other}");
        }
    }
}
