//! Identity: from a request's credentials to who is calling, and nothing of what they may do.
//!
//! ```text
//! head ──shown──► one credential ──api_key──────► Identity (tenant, user, until when, by what)
//!                    │           ──jwt──────────►   keys fetched by `key_set`
//!                    │           ──introspection►   asked of the issuer
//!                    │           ──certificate──►   of the connection
//!                    └ two: refused
//! head ──strip──► the same without any credential, neither ours nor the backend's own
//! ```
//!
//! A credential names its tenant itself (issuer and audience, hash of a key, name in a certificate); the
//! configuration refuses two tenants whose credentials could not be told apart. No error, log or `Debug` holds
//! a credential. Verifying a signature is the crypto library's; which key, algorithm and claims count is decided
//! here. What users may do is `policy`'s, and how a refusal is worded `gate`'s.

mod api_key;
mod authenticator;
mod certificate;
pub mod fuzzing;
mod introspection;
mod jwk;
mod jws;
mod jwt;
mod key_set;
mod metrics;
pub mod settings;
mod shown;
mod strip;

use std::time::Duration;

pub use self::{
    api_key::{NewKey, PREFIX as API_KEY_PREFIX, hash as api_key_hash},
    authenticator::Authenticator,
    introspection::{ANSWERS_MAX, QUESTIONS_MAX},
    jwk::{Algorithm, KEYS_MAX, Keys, KeysError},
    jws::TOKEN_BYTES_MAX,
    jwt::TOKENS_MAX,
    metrics::Metrics,
    settings::Sources,
};
use crate::{
    backend::Client,
    clock::SharedClock,
    ids::{TenantId, Timestamp, UserId},
};

/// Who a request's credentials say is calling; nothing of what they may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Whose user it is.
    pub tenant: TenantId,
    /// The user.
    pub user: UserId,
    /// When the credential ends, on the wall clock; a stream that it opened ends with it. `None`: never.
    pub until: Option<Timestamp>,
    /// What proved it.
    pub by: Method,
}

/// What proves who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// A signed token.
    Jwt,
    /// A token that its issuer was asked about.
    Introspection,
    /// An API key.
    ApiKey,
    /// The certificate of the connection.
    Certificate,
    /// A trusted proxy's word.
    Proxy,
}

impl Method {
    /// As a metric's label.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Jwt => "jwt",
            Self::Introspection => "introspection",
            Self::ApiKey => "api_key",
            Self::Certificate => "certificate",
            Self::Proxy => "proxy",
        }
    }
}

/// Why nobody knows who is calling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// No credential: 401.
    #[error("no credential was shown")]
    Missing,
    /// One that proves nothing: 401. The reason is for logs and metrics, not for who shows it.
    #[error("the credential was refused: {}", .0.label())]
    Invalid(#[from] Invalid),
    /// More than one, so that others might look at another one: 400.
    #[error("more than one credential was shown")]
    Ambiguous,
    /// It cannot be told now, since the issuer cannot be reached: 503.
    #[error("who is calling cannot be told now")]
    Unavailable {
        /// When to come again.
        retry_after: Duration,
    },
}

impl AuthError {
    /// As a metric's label.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Invalid(invalid) => invalid.label(),
            Self::Ambiguous => "ambiguous",
            Self::Unavailable { .. } => "unavailable",
        }
    }
}

/// Why a credential proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.label())]
pub enum Invalid {
    /// Not written as a credential is.
    Malformed,
    /// More than [`TOKEN_BYTES_MAX`].
    TooLarge,
    /// `Authorization` is not `Bearer`.
    Scheme,
    /// No key, issuer or name that is known here.
    Unknown,
    /// An encrypted token.
    Encrypted,
    /// Another algorithm than its key's, or one that is never believed.
    Algorithm,
    /// It asks to be read in a special way (`crit`, `b64`).
    Critical,
    /// Another `typ` than an access token of this issuer has.
    Type,
    /// Another issuer, or none.
    Issuer,
    /// For somebody else, for nobody, or for two tenants.
    Audience,
    /// A key that its issuer does not publish.
    Key,
    /// The signature is wrong.
    Signature,
    /// It has ended.
    Expired,
    /// It has not begun.
    NotYet,
    /// It would never end.
    NoExpiry,
    /// It names no user, or as no user can be named.
    User,
    /// Its issuer says no.
    Inactive,
    /// It lacks a scope.
    Scope,
    /// It counts only with a proof of another key, which nobody checks here (`cnf`, RFC 7800): whoever stole it
    /// could show it as well.
    Bound,
    /// An API key where none may stand.
    Place,
    /// A certificate without exactly one known name.
    Certificate,
}

impl Invalid {
    /// As a metric's label.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
            Self::Scheme => "scheme",
            Self::Unknown => "unknown",
            Self::Encrypted => "encrypted",
            Self::Algorithm => "algorithm",
            Self::Critical => "critical",
            Self::Type => "type",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Key => "key",
            Self::Signature => "signature",
            Self::Expired => "expired",
            Self::NotYet => "not_yet",
            Self::NoExpiry => "no_expiry",
            Self::User => "user",
            Self::Inactive => "inactive",
            Self::Scope => "scope",
            Self::Bound => "bound",
            Self::Place => "place",
            Self::Certificate => "certificate",
        }
    }
}

/// What the methods need of the world outside.
#[derive(Clone, Debug)]
struct Outside {
    client: Client,
    clock: SharedClock,
    metrics: Metrics,
}

/// The longest name of a user, in bytes: as long as the directory takes.
const USER_BYTES_MAX: usize = 127;

/// Words of the headers in which users are named: nobody, and Headgate itself, which backends may let see everything.
const NO_USERS: [&str; 2] = ["none", "headgate"];

/// A user by the name that a credential or the configuration gives, if it can stand in headers such as
/// `headgate-actor` and means nobody else there, in upper or lower case.
#[must_use]
pub fn user(name: &str) -> Option<UserId> {
    let fits = |byte: u8| byte.is_ascii_graphic() && !b",;=\"\\".contains(&byte);
    let is_name = !name.is_empty() && name.len() <= USER_BYTES_MAX && name.bytes().all(fits);
    let is_word = NO_USERS.iter().any(|word| word.eq_ignore_ascii_case(name));
    (is_name && !is_word).then(|| UserId::new(name))
}
