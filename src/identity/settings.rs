//! What the configuration says of a tenant's callers and how they prove who they are.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use http::{HeaderName, Uri};
use ipnet::IpNet;

use super::jwk::{Algorithm, Keys};
use crate::{
    ids::{Timestamp, UserId},
    secret::Secret,
};

/// The largest `leeway` of a token's times. More than clocks differ would be a longer life for every token.
pub const LEEWAY_MAX: Duration = Duration::from_mins(5);

/// How the callers of one tenant are known; any number of each kind.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// Issuers of signed tokens.
    pub jwt: Vec<Jwt>,
    /// Issuers of tokens that only they can read.
    pub introspection: Vec<Introspection>,
    /// API keys.
    pub api_keys: Vec<ApiKey>,
    /// Where API keys may stand.
    pub api_key_places: Places,
    /// Client certificates.
    pub certificates: Vec<Certificates>,
    /// Proxies that are believed.
    pub proxies: Vec<Proxy>,
    /// The backend's own credentials, which never pass.
    pub native: Native,
}

/// An issuer of signed tokens (JWT), and what they must be.
#[derive(Clone, Debug, PartialEq)]
pub struct Jwt {
    /// Its name in the configuration.
    pub name: String,
    /// `iss`, whole.
    pub issuer: String,
    /// One of them must be in `aud`.
    pub audience: Vec<String>,
    /// Where its keys are.
    pub keys: KeySource,
    /// What its keys may be for.
    pub algorithms: Vec<Algorithm>,
    /// What `typ` may be, in lower case, without `application/`. A token without one is a `jwt`.
    pub types: Vec<String>,
    /// Where the claims name the user: a JSON pointer.
    pub user: String,
    /// How far clocks may differ; at most [`LEEWAY_MAX`].
    pub leeway: Duration,
    /// Age at which fetched keys are fetched anew, while they go on being used.
    pub refresh: Duration,
    /// Least time between two fetches, whatever asks for them.
    pub cool_down: Duration,
    /// Age at which fetched keys are used no more.
    pub max_stale: Duration,
}

/// Where an issuer's keys are.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// Read with the configuration from a file.
    File(Arc<Keys>),
    /// Fetched.
    Url(Uri),
}

impl PartialEq for KeySource {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::File(one), Self::File(two)) => one.digest() == two.digest(),
            (Self::Url(one), Self::Url(two)) => one == two,
            (Self::File(_), Self::Url(_)) | (Self::Url(_), Self::File(_)) => false,
        }
    }
}

/// An issuer that is asked of each token (RFC 7662).
#[derive(Clone, Debug)]
pub struct Introspection {
    /// Its name in the configuration.
    pub name: String,
    /// Where it is asked.
    pub url: Uri,
    /// Who we are to it.
    pub client_id: String,
    /// How we prove that.
    pub client_secret: Secret,
    /// What its answers' `iss` must be, if anything.
    pub issuer: Option<String>,
    /// If any are given, one must be in the answer's `aud`.
    pub audience: Vec<String>,
    /// All must be in the answer's `scope`.
    pub scopes: Vec<String>,
    /// The hosts whose requests it is asked for, in lower case; empty: all.
    pub hosts: Vec<String>,
    /// Where the answer names the user: a JSON pointer.
    pub user: String,
    /// How long an answer is believed, at most until its `exp`.
    pub ttl: Duration,
    /// How long a no is believed.
    pub negative_ttl: Duration,
}

impl Introspection {
    /// Whether an answer to the one is an answer to the other: all but how we prove who we are.
    pub(super) fn asks_the_same(&self, other: &Self) -> bool {
        self.url == other.url
            && self.client_id == other.client_id
            && self.issuer == other.issuer
            && self.audience == other.audience
            && self.scopes == other.scopes
            && self.hosts == other.hosts
            && self.user == other.user
            && self.ttl == other.ttl
            && self.negative_ttl == other.negative_ttl
    }
}

/// An API key, of which only the hash is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its name in the configuration.
    pub name: String,
    /// SHA-256 of the key.
    pub hash: [u8; 32],
    /// Whose it is.
    pub user: UserId,
    /// When it ends.
    pub until: Option<Timestamp>,
}

/// Where API keys may stand in a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// Headers; in `authorization` as `Bearer`, in others alone.
    pub headers: Vec<HeaderName>,
    /// Parameters of the query.
    pub query: Vec<String>,
}

/// Client certificates by a name in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificates {
    /// Which kind of name counts.
    pub san: San,
    /// Users by the whole name.
    pub users: BTreeMap<String, UserId>,
}

/// A kind of subject alternative name. The common name is none: anything may stand there.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum San {
    /// A URI, such as a SPIFFE id.
    Uri,
    /// A DNS name.
    Dns,
    /// An email address.
    Email,
}

/// A proxy that has found out who calls and says so in a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// Where it calls from.
    pub peers: Vec<IpNet>,
    /// The header that names the user.
    pub header: HeaderName,
}

/// Names of the backend's own credentials. `-`, `_` and `.` are the same in a header's name, and upper and
/// lower case everywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Native {
    /// Headers.
    pub headers: Vec<String>,
    /// Parameters of the query.
    pub query: Vec<String>,
    /// Cookies.
    pub cookies: Vec<String>,
}
