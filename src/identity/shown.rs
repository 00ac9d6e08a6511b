//! Which credential a request shows: one, where credentials are looked for, or it is refused.
//!
//! Whose request it is, is not known yet. What stands where one tenant takes API keys may be a parameter of
//! another tenant's backend: it is a credential if it is a key, or if the tenant whose user calls looks there.

use std::{borrow::Cow, sync::Arc};

use http::{HeaderMap, HeaderName, HeaderValue, header, request::Parts};
use ipnet::IpNet;

use super::{
    AuthError, Invalid,
    api_key::Place,
    settings::{self, Sources},
};
use crate::{ids::TenantId, server::Peer};

/// Where credentials are looked for: wherever one of the tenants takes one.
#[derive(Debug)]
pub(super) struct Places {
    /// Of all tenants. `authorization` is not among the headers: it is always looked at.
    keys: settings::Places,
    tenants: Vec<Arc<Sources>>,
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
    ApiKey(Cow<'h, [u8]>, Place<'h>),
    /// A user whom a trusted proxy names.
    Proxied(&'h TenantId, &'h str),
}

/// What a request shows.
pub(super) struct All<'h> {
    /// The one credential, if there is one.
    pub(super) one: Option<Shown<'h>>,
    /// Where else something stands that is no known key, and is a credential to whoever looks there.
    pub(super) rest: Vec<Place<'h>>,
}

impl Places {
    pub(super) fn new(tenants: &[(TenantId, Arc<Sources>)]) -> Self {
        let mut places = Self { keys: settings::Places::default(), tenants: Vec::new(), proxies: Vec::new() };
        for (tenant, sources) in tenants {
            let (all, own) = (&mut places.keys, &sources.api_key_places);
            all.headers.extend(own.headers.iter().filter(|name| *name != header::AUTHORIZATION).cloned());
            all.query.extend(own.query.iter().cloned());
            places.tenants.push(Arc::clone(sources));
            places.proxies.extend(sources.proxies.iter().map(|proxy| Trusted {
                tenant: tenant.clone(),
                header: proxy.header.clone(),
                peers: proxy.peers.clone(),
            }));
        }
        let keys = &mut places.keys;
        keys.headers.sort_by(|one, two| one.as_str().cmp(two.as_str()));
        keys.headers.dedup();
        keys.query.sort();
        keys.query.dedup();
        places
    }

    /// The places of all tenants' keys.
    pub(super) fn keys(&self) -> &settings::Places {
        &self.keys
    }

    /// The headers that are believed to say who calls.
    pub(super) fn proxy_headers(&self) -> impl Iterator<Item = &HeaderName> {
        self.proxies.iter().map(|proxy| &proxy.header)
    }

    /// The one credential of a request, and what may be more of them.
    ///
    /// # Errors
    /// [`AuthError::Ambiguous`] if there are two, whosever it is, in one place or in several: others might look at
    /// the other one (C05). [`AuthError::Invalid`] if it is written as none can be.
    pub(super) fn shown<'h>(
        &'h self,
        head: &'h Parts,
        peer: &Peer,
        is_key: impl Fn(&[u8]) -> bool,
    ) -> Result<All<'h>, AuthError> {
        let (mut all, mut rest) = (Vec::new(), Vec::new());
        if let Some(value) = only(&head.headers, &header::AUTHORIZATION)? {
            all.push(Shown::Bearer(bearer(value)?));
        }
        for (value, place) in self.in_headers(head).chain(self.in_query(head)) {
            if is_key(&value) {
                all.push(Shown::ApiKey(value, place));
            } else {
                rest.push(place);
            }
        }
        for proxy in self.proxies.iter().filter(|proxy| proxy.trusts(peer)) {
            if let Some(value) = only(&head.headers, &proxy.header)? {
                all.push(Shown::Proxied(&proxy.tenant, text(value)?));
            }
        }
        // Nobody need be asked whose request it is, if each of them looks there.
        let is_everybodys = |place: &Place| self.tenants.iter().all(|one| one.api_key_places.allow(*place));
        if all.len() > 1 || (all.len() == 1 && rest.iter().any(is_everybodys)) {
            return Err(AuthError::Ambiguous);
        }
        Ok(All { one: all.pop(), rest })
    }

    /// What stands in headers where a tenant takes keys, each item of a list by itself.
    fn in_headers<'h>(&'h self, head: &'h Parts) -> impl Iterator<Item = (Cow<'h, [u8]>, Place<'h>)> {
        self.keys.headers.iter().flat_map(|name| {
            let values = head.headers.get_all(name).iter();
            let items = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
            items.map(move |item| (Cow::Borrowed(item.trim_ascii()), Place::Header(name)))
        })
    }

    /// The same of the query.
    fn in_query<'h>(&'h self, head: &'h Parts) -> impl Iterator<Item = (Cow<'h, [u8]>, Place<'h>)> {
        let query = head.uri.query().unwrap_or_default();
        form_urlencoded::parse(query.as_bytes()).filter_map(|(name, value)| {
            let name = self.keys.query.iter().find(|one| **one == name)?;
            let value = match value {
                Cow::Borrowed(value) => Cow::Borrowed(value.as_bytes()),
                Cow::Owned(value) => Cow::Owned(value.into_bytes()),
            };
            Some((value, Place::Query(name)))
        })
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
