//! Who calls the admin API.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

use http::{HeaderMap, Method, Request, StatusCode, header, uri::Authority};

use super::answer::Refusal;
use crate::{
    secret::Secret,
    server::{LimitedBody, Peer, Problem},
};

/// An operator, as far as it is known; written to the audit log.
#[derive(Clone, Debug)]
pub(super) struct Who {
    /// Which of the configured tokens, from 1.
    token: Option<usize>,
    /// The first name of the client certificate.
    certificate: Option<String>,
    address: Option<SocketAddr>,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.token, &self.certificate) {
            (Some(token), _) => write!(f, "token:{token}")?,
            (None, Some(name)) => write!(f, "certificate:{}", name.escape_debug())?,
            (None, None) => f.write_str("anonymous")?,
        }
        self.address.map_or(Ok(()), |address| write!(f, "@{address}"))
    }
}

/// Finds out who calls. Where tokens are configured, one of them must be shown.
pub(super) fn authenticate(request: &Request<LimitedBody>, tokens: &[Secret]) -> Result<Who, Refusal> {
    check_host(request, tokens)?;
    // No page in a browser is a client of this API, whatever it can reach on the operator's machine.
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD);
    if changes && request.headers().contains_key(header::ORIGIN) {
        let detail = "changes are not taken from a page in a browser";
        return Err(Problem::new(StatusCode::FORBIDDEN, "browser", detail).into());
    }
    let token = shown(request.headers()).and_then(|shown| position(shown, tokens));
    if token.is_none() && !tokens.is_empty() {
        return Err(Refusal::Unauthorized);
    }
    let peer = request.extensions().get::<Peer>();
    let tls = peer.and_then(|peer| peer.tls.as_ref());
    Ok(Who {
        token,
        certificate: tls.and_then(|tls| tls.client_names.first().cloned()),
        address: peer.map(|peer| peer.address),
    })
}

/// Who may read the metrics: whoever has a token, and programs on the same machine, which no page in a browser is.
pub(super) fn of_metrics(request: &Request<LimitedBody>, tokens: &[Secret]) -> Result<(), Refusal> {
    if authenticate(request, tokens).is_ok() {
        return Ok(());
    }
    let peer = request.extensions().get::<Peer>();
    let is_here = peer.is_some_and(|peer| peer.address.ip().to_canonical().is_loopback());
    check_host(request, if is_here { &[] } else { tokens })?;
    if is_here { Ok(()) } else { Err(Refusal::Unauthorized) }
}

/// Refuses a request for another host than this machine, where neither a token nor a certificate says who
/// calls. A page of another site can have its own name point at this listener and then read the answers as
/// its own; it cannot do so with an address or with `localhost`.
pub(super) fn check_host(request: &Request<LimitedBody>, tokens: &[Secret]) -> Result<(), Refusal> {
    let certified = request
        .extensions()
        .get::<Peer>()
        .and_then(|peer| peer.tls.as_ref())
        .is_some_and(|tls| !tls.client_names.is_empty());
    let of_header = || {
        let host = request.headers().get(header::HOST)?;
        Authority::try_from(host.as_bytes()).ok()
    };
    let authority = request.uri().authority().cloned().or_else(of_header);
    let local = authority.as_ref().is_some_and(|authority| {
        let host = authority.host();
        let address = host.trim_start_matches('[').trim_end_matches(']');
        host.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok()
    });
    if certified || local || !tokens.is_empty() {
        return Ok(());
    }
    let detail = "without a token, the host of the request must be `localhost` or an address";
    Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, "host", detail).into())
}

/// The one bearer token of a request.
fn shown(headers: &HeaderMap) -> Option<&[u8]> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(one), None) = (all.next(), all.next()) else { return None };
    let (scheme, token) = one.as_bytes().split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

/// Which token it is, from 1. All are compared, so that the time does not tell which one is near.
fn position(shown: &[u8], tokens: &[Secret]) -> Option<usize> {
    tokens.iter().zip(1..).fold(None, |found, (token, number)| {
        let matches = token.matches(shown);
        if matches { Some(number) } else { found }
    })
}
