//! All methods together.

use std::{collections::HashMap, sync::Arc};

use http::{header, request::Parts, uri::Authority};

use super::{
    AuthError, Identity, Invalid, Method, Metrics, Outside, Sources,
    api_key::{ApiKeys, PREFIX, Place},
    certificate::Names,
    introspection::Introspections,
    jwk::sha256,
    jws::{self, TOKEN_BYTES_MAX},
    jwt::Issuers,
    shown::{All, Places, Shown},
    strip, user,
};
use crate::{backend::Client, clock::SharedClock, ids::TenantId, server::Peer};

/// Finds out who calls. One is built for each configuration snapshot.
#[derive(Debug)]
pub struct Authenticator {
    tenants: HashMap<TenantId, Arc<Sources>>,
    places: Places,
    issuers: Issuers,
    introspections: Introspections,
    api_keys: ApiKeys,
    names: Names,
    outside: Outside,
}

impl Authenticator {
    /// An authenticator for these tenants. From `before`, the one of the snapshot that this one replaces, it
    /// takes over the keys of issuers whose settings did not change, the answers about tokens where what is
    /// asked did not change, and the verified tokens if no issuer of signed tokens changed. API keys,
    /// certificates and proxies are not remembered at all: what a reload takes away is refused at once.
    #[must_use]
    pub fn new(
        tenants: &[(TenantId, Arc<Sources>)],
        client: Client,
        clock: SharedClock,
        metrics: Metrics,
        before: Option<&Self>,
    ) -> Self {
        let outside = Outside { client, clock, metrics };
        Self {
            places: Places::new(tenants),
            issuers: Issuers::new(tenants, &outside, before.map(|before| &before.issuers)),
            introspections: Introspections::new(
                tenants,
                &outside,
                before.map(|before| &before.introspections),
            ),
            api_keys: ApiKeys::new(tenants),
            names: Names::new(tenants),
            tenants: tenants.iter().cloned().collect(),
            outside,
        }
    }

    /// Reads the credential of a request and takes all credentials out of its head: those of the tenant whose user
    /// calls, and those of its backend. Where the request is refused, whatever could be one of any tenant, so that
    /// what is logged of it holds none.
    ///
    /// # Errors
    /// [`AuthError`]: the request must go no further.
    pub async fn authenticate(&self, head: &mut Parts, peer: &Peer) -> Result<Identity, AuthError> {
        let (tried, outcome) = self.identify(head, peer).await;
        self.outside.metrics.authenticated(tried, &outcome);
        let tenant = outcome.as_ref().ok().and_then(|identity| self.tenants.get(&identity.tenant));
        let keys = tenant.map_or(self.places.keys(), |sources| &sources.api_key_places);
        strip::own(head, keys, self.places.proxy_headers());
        if let Some(sources) = tenant {
            strip::native(head, &sources.native);
        }
        outcome
    }

    /// Who calls; and by which method that was to be told.
    async fn identify(&self, head: &Parts, peer: &Peer) -> (Option<Method>, Result<Identity, AuthError>) {
        let All { one, rest } = match self.places.shown(head, peer, |text| self.api_keys.is_key(text)) {
            Ok(shown) => shown,
            Err(error) => return (None, Err(error)),
        };
        let (tried, identified) = match &one {
            None => self.of_connection(peer),
            Some(Shown::ApiKey(key, place)) => (Some(Method::ApiKey), self.of_api_key(key, *place)),
            Some(Shown::Proxied(tenant, name)) => (Some(Method::Proxy), proxied(tenant, name)),
            Some(Shown::Bearer(token)) => self.of_bearer(token, head).await,
        };
        let more = match &identified {
            Ok(identity) => rest.iter().filter(|place| self.looks_at(&identity.tenant, **place)).count(),
            Err(AuthError::Missing) => rest.len(),
            Err(_) => 0,
        };
        match (more, &one) {
            (0, _) => (tried, identified),
            (1, None) => (Some(Method::ApiKey), Err(Invalid::Unknown.into())),
            _ => (None, Err(AuthError::Ambiguous)),
        }
    }

    fn looks_at(&self, tenant: &TenantId, place: Place<'_>) -> bool {
        self.tenants.get(tenant).is_none_or(|sources| sources.api_key_places.allow(place))
    }

    fn of_connection(&self, peer: &Peer) -> (Option<Method>, Result<Identity, AuthError>) {
        let certificate = peer.tls.as_ref().and_then(|tls| tls.client.as_ref());
        let now = self.outside.clock.now();
        match certificate.and_then(|certificate| self.names.identify(certificate, now)) {
            Some(identified) => (Some(Method::Certificate), identified.map_err(AuthError::from)),
            None => (None, Err(AuthError::Missing)),
        }
    }

    fn of_api_key(&self, key: &[u8], place: Place<'_>) -> Result<Identity, AuthError> {
        if key.len() > TOKEN_BYTES_MAX {
            return Err(Invalid::TooLarge.into());
        }
        let now = self.outside.clock.now();
        let identified = self.api_keys.identify(&sha256(key), place, now);
        Ok(identified.unwrap_or(Err(Invalid::Unknown))?)
    }

    /// A bearer token is an API key, a signed token, or one that only its issuer can read.
    async fn of_bearer(&self, token: &str, head: &Parts) -> (Option<Method>, Result<Identity, AuthError>) {
        if token.len() > TOKEN_BYTES_MAX {
            return (None, Err(Invalid::TooLarge.into()));
        }
        let digest = sha256(token.as_bytes());
        let place = Place::Header(&header::AUTHORIZATION);
        let api_key = self.api_keys.identify(&digest, place, self.outside.clock.now());
        if api_key.is_some() || token.starts_with(PREFIX) {
            let identified = api_key.unwrap_or(Err(Invalid::Unknown));
            return (Some(Method::ApiKey), identified.map_err(AuthError::from));
        }
        // A signed token is judged by its signature wherever its issuer is known, and by nobody else then.
        let is_jose = jws::is_jose(token);
        if !is_jose || (jws::is_signed(token) && !self.issuers.know_issuer_of(token, &digest)) {
            let host = host(head);
            if let Some(asked) = self.introspections.identify(token, &digest, host.as_deref()).await {
                return (Some(Method::Introspection), asked);
            }
        }
        if is_jose {
            return (Some(Method::Jwt), self.issuers.identify(token, &digest).await);
        }
        (None, Err(Invalid::Unknown.into()))
    }
}

/// The user whom a trusted proxy names.
fn proxied(tenant: &TenantId, name: &str) -> Result<Identity, AuthError> {
    let user = user(name).ok_or(Invalid::User)?;
    Ok(Identity { tenant: tenant.clone(), user, until: None, by: Method::Proxy })
}

/// The host that a request is for.
fn host(head: &Parts) -> Option<String> {
    let of_header = || Authority::try_from(head.headers.get(header::HOST)?.as_bytes()).ok();
    head.uri.authority().cloned().or_else(of_header).map(|authority| authority.host().to_owned())
}
