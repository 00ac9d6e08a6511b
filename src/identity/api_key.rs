//! API keys: 256 random bits, of which Headgate knows the hash alone.

use std::{collections::HashMap, fmt, sync::Arc};

use aws_lc_rs::{constant_time, error::Unspecified, rand};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER, HEXLOWER_PERMISSIVE};
use http::HeaderName;

use super::{
    Identity, Invalid, Method,
    jwk::sha256,
    jws::TOKEN_BYTES_MAX,
    settings::{ApiKey, Places, Sources},
};
use crate::ids::{TenantId, Timestamp};

/// What keys made by [`NewKey::make`] begin with, so that people and scanners for leaked secrets know one.
pub const PREFIX: &str = "hgk_";

/// What a hash is written with in the configuration.
const HASH_PREFIX: &str = "sha256:";

/// A key that was just made.
pub struct NewKey {
    /// The key: shown once, and kept nowhere.
    pub key: String,
    /// Its hash, for the configuration.
    pub hash: String,
}

impl NewKey {
    /// Makes a key.
    ///
    /// # Errors
    /// If the operating system gives no random bytes.
    pub fn make() -> Result<Self, Unspecified> {
        let mut random = [0; 32];
        rand::fill(&mut random)?;
        let key = format!("{PREFIX}{}", BASE64URL_NOPAD.encode(&random));
        let hash = format!("{HASH_PREFIX}{}", HEXLOWER.encode(&sha256(key.as_bytes())));
        Ok(Self { key, hash })
    }
}

impl fmt::Debug for NewKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewKey").field("hash", &self.hash).finish_non_exhaustive()
    }
}

/// Reads a hash as it is written in the configuration: `sha256:` and 64 hex digits.
#[must_use]
pub fn hash(text: &str) -> Option<[u8; 32]> {
    HEXLOWER_PERMISSIVE.decode(text.strip_prefix(HASH_PREFIX)?.as_bytes()).ok()?.try_into().ok()
}

/// Where a key stood in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place<'p> {
    Header(&'p HeaderName),
    Query(&'p str),
}

/// All keys of all tenants.
#[derive(Debug, Default)]
pub(super) struct ApiKeys {
    /// By the first bytes of their hashes. Those are no secret: nobody can choose a key by its hash. The whole
    /// hash is compared in constant time.
    by_hash: HashMap<[u8; 8], Vec<Entry>>,
}

#[derive(Debug)]
struct Entry {
    tenant: TenantId,
    sources: Arc<Sources>,
    key: ApiKey,
}

impl ApiKeys {
    pub(super) fn new(tenants: &[(TenantId, Arc<Sources>)]) -> Self {
        let mut by_hash: HashMap<_, Vec<_>> = HashMap::new();
        for (tenant, sources) in tenants {
            for key in &sources.api_keys {
                let entry = Entry { tenant: tenant.clone(), sources: Arc::clone(sources), key: key.clone() };
                by_hash.entry(first(&key.hash)).or_default().push(entry);
            }
        }
        Self { by_hash }
    }

    /// Whether a text is a key, of any tenant, or looks like one.
    pub(super) fn is_key(&self, text: &[u8]) -> bool {
        let is_known = || self.find(&sha256(text)).is_some();
        text.starts_with(PREFIX.as_bytes()) || (text.len() <= TOKEN_BYTES_MAX && is_known())
    }

    /// Whose the key of this hash is; `None` if it is none.
    pub(super) fn identify(
        &self,
        hash: &[u8; 32],
        place: Place<'_>,
        now: Timestamp,
    ) -> Option<Result<Identity, Invalid>> {
        let entry = self.find(hash)?;
        if !entry.sources.api_key_places.allow(place) {
            return Some(Err(Invalid::Place));
        }
        if entry.key.until.is_some_and(|end| now >= end) {
            return Some(Err(Invalid::Expired));
        }
        Some(Ok(Identity {
            tenant: entry.tenant.clone(),
            user: entry.key.user.clone(),
            until: entry.key.until,
            by: Method::ApiKey,
        }))
    }

    fn find(&self, hash: &[u8; 32]) -> Option<&Entry> {
        let near = self.by_hash.get(&first(hash))?;
        let same = |entry: &&Entry| constant_time::verify_slices_are_equal(&entry.key.hash, hash).is_ok();
        near.iter().find(same)
    }
}

impl Places {
    /// Whether keys are looked for there.
    pub(super) fn allow(&self, place: Place<'_>) -> bool {
        match place {
            Place::Header(name) => self.headers.contains(name),
            Place::Query(name) => self.query.iter().any(|one| one == name),
        }
    }
}

fn first(hash: &[u8; 32]) -> [u8; 8] {
    let mut first = [0; 8];
    for (to, from) in first.iter_mut().zip(hash) {
        *to = *from;
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_is_random_and_its_hash_is_read_back() {
        let (one, two) = (NewKey::make().unwrap(), NewKey::make().unwrap());
        assert_ne!(one.key, two.key);
        assert_eq!(one.key.len(), PREFIX.len() + 43);
        assert_eq!(hash(&one.hash), Some(sha256(one.key.as_bytes())));
        assert!(!format!("{one:?}").contains(&one.key));
    }

    #[test]
    fn a_hash_is_sha256_and_64_hex_digits() {
        let digits = "0".repeat(64);
        assert_eq!(hash(&format!("sha256:{digits}")), Some([0; 32]));
        for text in
            ["", "sha256:", "sha256:00", &digits, &format!("md5:{digits}"), &format!("sha256:{digits}0")]
        {
            assert_eq!(hash(text), None, "{text}");
        }
    }
}
