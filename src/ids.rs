//! Identifiers and times, each its own type, so that one cannot be passed for another.
//!
//! Names that operators write in the configuration (`TenantId`, `AccountId`, …) are cheap to clone
//! text. Identifiers that Headgate derives (`EventId`, `ConversationId`) are 128-bit hashes of what
//! they name: the same thing has the same id after a crash, on every node and in every retry.

use std::{fmt, sync::Arc};

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Wraps a name that the configuration has already checked.
            #[must_use]
            pub fn new(name: impl Into<Arc<str>>) -> Self {
                Self(name.into())
            }

            /// The name as the operator wrote it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "`{}`", self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name!(
    /// One company whose users, accounts and conversations never mix with another's.
    TenantId
);
name!(
    /// One webhook URL with its secrets: the `{endpoint}` of `/hooks/{endpoint}`.
    EndpointId
);
name!(
    /// One of our identities on a channel: the `[account.NAME]` of `channels.toml`.
    AccountId
);
name!(
    /// A chat backend: the `[backend.NAME]` of `headgate.toml`.
    BackendId
);
name!(
    /// A team of the directory.
    TeamId
);
name!(
    /// A user of the directory.
    UserId
);

/// A moment on the wall clock, in milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// From whole seconds; saturates far outside any date a provider sends.
    #[must_use]
    pub fn from_secs(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Whole seconds since the epoch, rounded down.
    #[must_use]
    pub fn as_secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// How much later `self` is than `earlier`; zero if it is not later.
    #[must_use]
    pub fn since(self, earlier: Self) -> std::time::Duration {
        std::time::Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// RFC 3339 with milliseconds in UTC, as CloudEvents wants it; `None` outside years -9999 to 9999.
    #[must_use]
    pub fn rfc3339(self) -> Option<String> {
        let at = jiff::Timestamp::from_millisecond(self.0).ok()?;
        Some(format!("{at:.3}"))
    }
}

/// 128 bits of SHA-256 over length-prefixed parts, so that no two lists of parts collide by
/// concatenation. The inputs are chosen by strangers (message ids), hence a cryptographic hash.
fn hash128(domain: &str, parts: &[&str]) -> u128 {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in std::iter::once(&domain).chain(parts) {
        context.update(&(part.len() as u64).to_le_bytes());
        context.update(part.as_bytes());
    }
    let hash = context.finish();
    let mut half = [0; 16];
    for (to, from) in half.iter_mut().zip(hash.as_ref()) {
        *to = *from;
    }
    u128::from_be_bytes(half)
}

macro_rules! digest {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u128);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{:032x}"), self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = BadId;

            fn from_str(text: &str) -> Result<Self, BadId> {
                text.strip_prefix($prefix)
                    .filter(|hex| hex.len() == 32 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
                    .and_then(|hex| u128::from_str_radix(hex, 16).ok())
                    .map(Self)
                    .ok_or(BadId { expected: concat!($prefix, "<32 hex digits>") })
            }
        }
    };
}

/// A text that is not the identifier that was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected `{expected}`")]
pub struct BadId {
    expected: &'static str,
}

impl BadId {
    /// With what was expected instead.
    pub(crate) const fn expected(expected: &'static str) -> Self {
        Self { expected }
    }
}

digest!(
    /// The `webhook-id` and CloudEvents `id` of an event, and its mark in the dedupe window: a digest of
    /// tenant, channel, our account and the provider's own id of the event (`providers.md` section 0).
    EventId,
    "evt_"
);
digest!(
    /// One name of a conversation: a digest of tenant, channel, our account and the provider's thread.
    /// A digest, because the thread is often a phone number or an address, which logs must not hold.
    ConversationKey,
    "key_"
);
digest!(
    /// A conversation, as backends and operators see it. It is the digest of the first
    /// [`ConversationKey`] that the conversation was known by, and stays when keys are added.
    ConversationId,
    "cv_"
);

digest!(
    /// A decision on one request, as its answer and the decision log name it. Random: who does not have it
    /// cannot guess it.
    DecisionId,
    "dec_"
);

impl EventId {
    /// `account` is our id as the provider writes it; `id` the provider's id of the event, made unique
    /// within the account by the channel's file.
    #[must_use]
    pub fn derive(tenant: &TenantId, channel: &str, account: &str, id: &str) -> Self {
        Self(hash128("event", &[tenant.as_str(), channel, account, id]))
    }
}

impl ConversationKey {
    /// `account` is our id as the provider writes it; `thread` the provider's thread within it.
    #[must_use]
    pub fn derive(tenant: &TenantId, channel: &str, account: &str, thread: &str) -> Self {
        Self(hash128("conversation", &[tenant.as_str(), channel, account, thread]))
    }
}

impl From<ConversationKey> for ConversationId {
    fn from(first: ConversationKey) -> Self {
        Self(first.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_never_collide_by_concatenation() {
        let tenant = TenantId::new("t");
        assert_ne!(EventId::derive(&tenant, "line", "ab", "c"), EventId::derive(&tenant, "line", "a", "bc"));
        assert_ne!(
            EventId::derive(&tenant, "line", "a", "b").0,
            ConversationKey::derive(&tenant, "line", "a", "b").0
        );
    }

    #[test]
    fn an_id_is_read_back_from_its_text_and_nothing_else() {
        let id = EventId(7);
        assert_eq!(id.to_string().parse(), Ok(id));
        for bad in [
            "",
            "evt_",
            "evt_7",
            "cv_00000000000000000000000000000007",
            "evt_+0000000000000000000000000000007",
        ] {
            assert!(bad.parse::<EventId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn times_are_written_in_utc_with_milliseconds() {
        assert_eq!(Timestamp(1_700_000_000_123).rfc3339().as_deref(), Some("2023-11-14T22:13:20.123Z"));
        assert_eq!(Timestamp(i64::MAX).rfc3339(), None);
    }
}
