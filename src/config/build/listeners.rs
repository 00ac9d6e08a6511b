//! `[listener.*]`.

use std::net::SocketAddr;

use super::{Check, pem};
use crate::{
    config::{
        Listeners, OpsListener,
        mistake::{KeyPath, Wrong},
        raw,
        text::SecretText,
    },
    server::{Limits, Listener, Tls},
};

/// Shortest bearer token of an operator, in characters: 64 bits, if it is random hex.
const TOKEN_CHARS_MIN: usize = 16;

/// The listeners.
pub(in crate::config) fn listeners(check: &mut Check<'_>, raw: raw::Listeners) -> Listeners {
    let at = KeyPath::default().key("listener");
    let hooks = raw.hooks.and_then(|raw| listener(check, &at.key("hooks"), raw));
    let agents = raw.agents.and_then(|raw| listener(check, &at.key("agents"), raw));
    let ops = raw.ops.and_then(|raw| ops(check, &at.key("ops"), raw));
    let addresses = [
        ("hooks", hooks.as_ref().map(|listener| listener.address)),
        ("agents", agents.as_ref().map(|listener| listener.address)),
        ("ops", ops.as_ref().map(|ops| ops.listener.address)),
    ];
    for (later, (name, address)) in addresses.iter().enumerate() {
        let same = |(_, other): &&(&str, Option<SocketAddr>)| {
            other == address && address.is_some_and(|address| address.port() != 0)
        };
        if let Some((other, _)) = addresses.iter().take(later).find(same) {
            let other = format!("listener.{other}");
            check.wrong(&at.key(*name).key("address"), Wrong::AddressTwice { other });
        }
    }
    Listeners { hooks, agents, ops }
}

fn listener(check: &mut Check<'_>, at: &KeyPath, raw: raw::Listener) -> Option<Listener> {
    let clear_text = raw.insecure_clear_text;
    let has_tls = raw.tls.is_some();
    let tls = raw.tls.map(|raw| tls(check, &at.key("tls"), raw));
    let limits = limits(check, &at.key("limits"), &raw.limits);
    let address = raw.address?.0;
    if has_tls && clear_text {
        check.wrong(&at.key("insecure_clear_text"), Wrong::ClearTextWithTls);
    }
    if !has_tls && !clear_text && !address.ip().is_loopback() {
        check.lacks(&at.key("address"), Wrong::ClearText { address: address.to_string() });
    }
    Some(Listener { address, tls, limits })
}

fn ops(check: &mut Check<'_>, at: &KeyPath, raw: raw::OpsListener) -> Option<OpsListener> {
    let raw::OpsListener { address, tokens, insecure_clear_text, tls, limits } = raw;
    for (index, token) in tokens.iter().enumerate() {
        if token.text().chars().count() < TOKEN_CHARS_MIN {
            check.wrong(&at.key("tokens").index(index), Wrong::ShortToken);
        }
    }
    let has_tokens = !tokens.is_empty();
    let tokens = tokens.into_iter().map(|SecretText(secret)| secret).collect();
    let listener = listener(check, at, raw::Listener { address, insecure_clear_text, tls, limits })?;
    let client_required = listener.tls.as_ref().is_some_and(|tls| tls.client_required);
    if !listener.address.ip().is_loopback() && !has_tokens && !client_required {
        check.lacks(&at.key("tokens"), Wrong::OpenOps { address: listener.address.to_string() });
    }
    Some(OpsListener { listener, tokens })
}

fn tls(check: &mut Check<'_>, at: &KeyPath, raw: raw::Tls) -> Tls {
    let certificates = raw.certificates.unwrap_or_default().into_iter().enumerate();
    let at_certificates = at.key("certificates");
    let certificates =
        certificates.filter_map(|(index, raw)| pem::certificate(check, &at_certificates.index(index), raw));
    let certificates = certificates.collect();
    if raw.client_ca.is_none() {
        if raw.client_required {
            check.lacks(&at.key("client_required"), Wrong::NeedsClientCa);
        }
        if !raw.client_names.is_empty() {
            check.lacks(&at.key("client_names"), Wrong::NeedsClientCa);
        }
    }
    let client_ca = raw.client_ca.map(|file| {
        pem::certificates(check, &at.key("client_ca"), &file.0);
        check.resolved(&file.0)
    });
    Tls { certificates, client_ca, client_required: raw.client_required, client_names: raw.client_names }
}

fn limits(check: &mut Check<'_>, at: &KeyPath, raw: &raw::Limits) -> Limits {
    if raw.body_bytes_max.0 > raw.bodies_in_memory_max.0 {
        check.wrong(&at.key("body_bytes_max"), Wrong::MoreThan { larger: "bodies_in_memory_max" });
    }
    if raw.connections_per_address_max > raw.connections_max
        && check.document.has(&at.key("connections_per_address_max"))
    {
        check.wrong(&at.key("connections_per_address_max"), Wrong::MoreThan { larger: "connections_max" });
    }
    Limits {
        connections_max: raw.connections_max,
        connections_per_address_max: raw.connections_per_address_max,
        tls_handshake_timeout: raw.tls_handshake_timeout.0,
        header_read_timeout: raw.header_read_timeout.0,
        header_bytes_max: raw.header_bytes_max.in_memory(),
        headers_max: raw.headers_max,
        body_read_timeout: raw.body_read_timeout.0,
        body_rate_min: raw.body_rate_min.0,
        body_rate_grace: raw.body_rate_grace.0,
        body_bytes_max: raw.body_bytes_max.in_memory(),
        bodies_in_memory_max: raw.bodies_in_memory_max.in_memory(),
        requests_max: raw.requests_max,
        streams_max: raw.streams_max,
        idle_timeout: raw.idle_timeout.0,
        drain_timeout: raw.drain_timeout.0,
    }
}
