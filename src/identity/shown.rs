//! Which credential a request shows: one, where credentials are looked for, or it is refused.

use std::{borrow::Cow, sync::Arc};

use http::{HeaderMap, HeaderName, HeaderValue, header, request::Parts};
use ipnet::IpNet;

use super::{AuthError, Invalid, Method, api_key::Place, settings::Sources};
use crate::{ids::TenantId, server::Peer};

/// Where credentials are looked for: wherever one of the tenants takes one.
#[derive(Debug)]
pub(super) struct Places {
    /// Beside `authorization`, which is always looked at.
    headers: Vec<HeaderName>,
    query: Vec<String>,
    proxies: Vec<Trusted>,
}

/// A header that is believed if it comes from one of these networks.
#[derive(Debug)]
struct Trusted {
    tenant: TenantId,
    header: HeaderName,
    peers: Vec<IpNet>,
}

/// A credential as it was shown.
pub(super) enum Shown<'h> {
    /// `Authorization: Bearer …`.
    Bearer(&'h str),
    /// Something that can only be an API key.
    ApiKey(Cow<'h, str>, Place<'h>),
    /// A user whom a trusted proxy names.
    Proxied(&'h TenantId, &'h str),
}

impl Shown<'_> {
    /// The method as far as the place tells.
    pub(super) fn method(&self) -> Option<Method> {
        match self {
            Self::Bearer(_) => None,
            Self::ApiKey(..) => Some(Method::ApiKey),
            Self::Proxied(..) => Some(Method::Proxy),
        }
    }
}

impl Places {
    pub(super) fn new(tenants: &[(TenantId, Arc<Sources>)]) -> Self {
        let mut places = Self { headers: Vec::new(), query: Vec::new(), proxies: Vec::new() };
        for (tenant, sources) in tenants {
            let keys = &sources.api_key_places;
            places.headers.extend(keys.headers.iter().filter(|name| *name != header::AUTHORIZATION).cloned());
            places.query.extend(keys.query.iter().cloned());
            places.proxies.extend(sources.proxies.iter().map(|proxy| Trusted {
                tenant: tenant.clone(),
                header: proxy.header.clone(),
                peers: proxy.peers.clone(),
            }));
        }
        places.headers.sort_by(|one, two| one.as_str().cmp(two.as_str()));
        places.headers.dedup();
        places.query.sort();
        places.query.dedup();
        places
    }

    /// The headers that hold credentials, or are believed to say who calls.
    pub(super) fn credential_headers(&self) -> impl Iterator<Item = &HeaderName> {
        let proxies = self.proxies.iter().map(|proxy| &proxy.header);
        std::iter::once(&header::AUTHORIZATION).chain(&self.headers).chain(proxies)
    }

    /// The parameters of the query that hold credentials.
    pub(super) fn credential_parameters(&self) -> &[String] {
        &self.query
    }

    /// The one credential of a request; `None` if it shows none.
    ///
    /// # Errors
    /// [`AuthError::Ambiguous`] if there are two, in one place or in several: others might look at the other
    /// one (C05). [`AuthError::Invalid`] if it is written as none can be.
    pub(super) fn shown<'h>(&'h self, head: &'h Parts, peer: &Peer) -> Result<Option<Shown<'h>>, AuthError> {
        let mut all = Vec::new();
        if let Some(value) = only(&head.headers, &header::AUTHORIZATION)? {
            all.push(Shown::Bearer(bearer(value)?));
        }
        for name in &self.headers {
            if let Some(value) = only(&head.headers, name)? {
                all.push(Shown::ApiKey(Cow::Borrowed(text(value)?), Place::Header(name)));
            }
        }
        let query = head.uri.query().unwrap_or_default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if let Some(name) = self.query.iter().find(|one| **one == name) {
                all.push(Shown::ApiKey(value, Place::Query(name)));
            }
        }
        for proxy in self.proxies.iter().filter(|proxy| proxy.trusts(peer)) {
            if let Some(value) = only(&head.headers, &proxy.header)? {
                all.push(Shown::Proxied(&proxy.tenant, text(value)?));
            }
        }
        if all.len() > 1 {
            return Err(AuthError::Ambiguous);
        }
        Ok(all.pop())
    }
}

impl Trusted {
    fn trusts(&self, peer: &Peer) -> bool {
        let address = peer.address.ip().to_canonical();
        self.peers.iter().any(|network| network.contains(&address))
    }
}

/// The header if it is there once, and no list.
fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h HeaderValue>, AuthError> {
    let mut all = headers.get_all(name).iter();
    let (first, second) = (all.next(), all.next());
    let is_list = first.is_some_and(|value| value.as_bytes().contains(&b','));
    if second.is_some() || is_list { Err(AuthError::Ambiguous) } else { Ok(first) }
}

fn text(value: &HeaderValue) -> Result<&str, Invalid> {
    value.to_str().ok().filter(|text| !text.is_empty()).ok_or(Invalid::Malformed)
}

/// The token of `Authorization: Bearer TOKEN` (RFC 6750 section 2.1).
fn bearer(value: &HeaderValue) -> Result<&str, Invalid> {
    let (scheme, token) = text(value)?.split_once(' ').ok_or(Invalid::Scheme)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Invalid::Scheme);
    }
    let token = token.trim_matches(' ');
    let in_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    if token.is_empty() || !token.bytes().all(in_token) { Err(Invalid::Malformed) } else { Ok(token) }
}
