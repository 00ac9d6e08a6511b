//! `identity.toml`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Name, Who, seconds};
use crate::{
    config::text::{FilePath, HeaderText, Moment, Network, Pointer, SecretText, Span, Url},
    identity::{Algorithm, settings::San},
};

/// How a tenant's users prove who they are on the `agents` listener. Any number of each kind; two tenants
/// whose credentials could not be told apart are a mistake. Without this file nobody of the tenant gets in.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "identity.toml")]
pub(crate) struct Identity {
    /// Issuers of signed tokens (JWT), by name: `[jwt.NAME]`.
    pub(crate) jwt: BTreeMap<Name, Jwt>,
    /// Issuers of tokens that only they can read (RFC 7662), by name: `[introspection.NAME]`.
    pub(crate) introspection: BTreeMap<Name, Introspection>,
    /// API keys, by name: `[api_key.NAME]`. `headgate api-key` makes one.
    pub(crate) api_key: BTreeMap<Name, ApiKey>,
    /// Where API keys may stand in a request.
    pub(crate) api_key_in: ApiKeyIn,
    /// Client certificates, by name: `[certificate.NAME]`. The listener's `client_ca` says whose are good.
    pub(crate) certificate: BTreeMap<Name, Certificate>,
    /// Proxies that are believed when they say who calls, by name: `[proxy.NAME]`.
    pub(crate) proxy: BTreeMap<Name, Proxy>,
    /// The backend's own credentials. They are taken out of every request, so that nobody is somebody else
    /// there. Upper and lower case are the same, and so are `-`, `_` and `.` in a header's name.
    pub(crate) native: Native,
}

/// An issuer of signed tokens (JWT), and what they must be.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["issuer", "audience"]))]
pub(crate) struct Jwt {
    /// What `iss` must be, to the letter.
    pub(crate) issuer: Option<String>,
    /// What `aud` must be or hold: one of these, to the letter.
    #[schemars(length(min = 1))]
    pub(crate) audience: Option<Vec<String>>,
    /// URL of the issuer's key set (JWKS); `https`, or `http` on a loopback address. `jwks` or `jwks_file` is
    /// needed.
    pub(crate) jwks: Option<Url>,
    /// File with the issuer's key set, in place of `jwks`; read anew when it changes.
    pub(crate) jwks_file: Option<FilePath>,
    /// What the issuer's keys may be for. A key is for the algorithm that it names or that its type leaves, and
    /// an RSA key that names none for `RS256` if that is listed; a token has no say in it.
    #[schemars(length(min = 1))]
    pub(crate) algorithms: Vec<Algorithm>,
    /// What `typ` of a token may be; without one a token is a `JWT`. `["at+jwt"]` takes access tokens of
    /// RFC 9068 alone, so that no ID token passes for one.
    #[schemars(length(min = 1))]
    pub(crate) types: Vec<String>,
    /// Where the claims name the user, who is then looked up in the directory.
    pub(crate) user: Pointer,
    /// How far the issuer's clock and ours may differ; at most `5m`.
    pub(crate) leeway: Span,
    /// Age at which the keys are fetched anew. They go on being used meanwhile.
    pub(crate) refresh: Span,
    /// Least time between two fetches. A token with an unknown key causes a fetch, but not earlier.
    pub(crate) cool_down: Span,
    /// Age at which keys that cannot be fetched anew are used no more: 503.
    pub(crate) max_stale: Span,
}

impl Default for Jwt {
    fn default() -> Self {
        Self {
            issuer: None,
            audience: None,
            jwks: None,
            jwks_file: None,
            algorithms: Algorithm::ALL.to_vec(),
            types: vec!["at+jwt".to_owned(), "JWT".to_owned()],
            user: Pointer("/sub".to_owned()),
            leeway: seconds(30),
            refresh: seconds(15 * 60),
            cool_down: seconds(30),
            max_stale: seconds(86_400),
        }
    }
}

/// An issuer that is asked of each token (RFC 7662).
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["url", "client_id", "client_secret"]))]
pub(crate) struct Introspection {
    /// Where it is asked; `https`, or `http` on a loopback address.
    pub(crate) url: Option<Url>,
    /// Who Headgate is to the issuer.
    pub(crate) client_id: Option<String>,
    /// How Headgate proves that.
    pub(crate) client_secret: Option<SecretText>,
    /// If given, what `iss` of the answer must be, to the letter.
    pub(crate) issuer: Option<String>,
    /// If any are given, `aud` of the answer must be or hold one of these.
    pub(crate) audience: Vec<String>,
    /// Scopes that a token must have, all of them.
    pub(crate) scopes: Vec<String>,
    /// Hosts whose requests it is asked for; empty: all that no other names. A token tells nobody but its
    /// issuer whose it is, so with several issuers the hosts must tell.
    pub(crate) hosts: Vec<String>,
    /// Where the answer names the user, who is then looked up in the directory.
    pub(crate) user: Pointer,
    /// How long an answer is believed, at most until its `exp`. A token that is revoked works so long.
    pub(crate) ttl: Span,
    /// How long a no is believed.
    pub(crate) negative_ttl: Span,
}

impl Default for Introspection {
    fn default() -> Self {
        Self {
            url: None,
            client_id: None,
            client_secret: None,
            issuer: None,
            audience: Vec::new(),
            scopes: Vec::new(),
            hosts: Vec::new(),
            user: Pointer("/sub".to_owned()),
            ttl: seconds(60),
            negative_ttl: seconds(10),
        }
    }
}

/// An API key.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["hash", "user"]))]
pub(crate) struct ApiKey {
    /// The key's hash: `sha256:` and 64 hex digits, as `headgate api-key` prints it. The key itself is
    /// kept nowhere.
    pub(crate) hash: Option<String>,
    /// Whose it is. A key that is taken out of this file is refused from the reload on.
    pub(crate) user: Option<Who>,
    /// When it ends. Without it, never.
    pub(crate) until: Option<Moment>,
}

/// Where API keys may stand in a request.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ApiKeyIn {
    /// Headers: in `authorization` as `Bearer KEY`, in others the key alone.
    pub(crate) headers: Vec<HeaderText>,
    /// Parameters of the query. URLs are written down in many places, so better none. They are cut from what
    /// is forwarded and logged.
    pub(crate) query: Vec<String>,
}

impl Default for ApiKeyIn {
    fn default() -> Self {
        let headers = ["authorization", "x-api-key"].map(http::HeaderName::from_static);
        Self { headers: headers.map(HeaderText).to_vec(), query: Vec::new() }
    }
}

/// Client certificates that count by a name in them.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["san", "users"]))]
pub(crate) struct Certificate {
    /// Which kind of alternative name counts. A certificate must have exactly one of the kind; its common name
    /// is never looked at.
    pub(crate) san: Option<San>,
    /// Users by the whole name: `{ "spiffe://acme.example/agent/ana" = "ana" }`.
    pub(crate) users: Option<BTreeMap<String, Who>>,
}

/// A proxy that has found out who calls and says so in a header.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["peers", "header"]))]
pub(crate) struct Proxy {
    /// Networks it calls from. From anywhere else the header is not believed.
    #[schemars(length(min = 1))]
    pub(crate) peers: Option<Vec<Network>>,
    /// The header that names the user. It must be there once.
    pub(crate) header: Option<HeaderText>,
}

/// Names of the backend's own credentials.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Native {
    /// Headers.
    pub(crate) headers: Vec<String>,
    /// Parameters of the query.
    pub(crate) query: Vec<String>,
    /// Cookies.
    pub(crate) cookies: Vec<String>,
}

impl Default for Native {
    fn default() -> Self {
        // Those of Chatwoot, whose routes are shipped.
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self {
            headers: owned(&["api_access_token", "access-token", "client", "uid"]),
            query: owned(&["api_access_token"]),
            cookies: owned(&["_chatwoot_session", "cw_d_session_info"]),
        }
    }
}
