//! `[backend.*]`, `[store]`, `[delivery]`, `[egress]`, `[telemetry]`.

use std::{collections::BTreeMap, sync::Arc};

use http::{
    HeaderName, HeaderValue, Uri,
    header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING},
    uri::{Authority, PathAndQuery},
};

use super::{Check, keys, pem};
use crate::{
    backend::{Api, AssertionKey, Backend, Egress, Format, Health, StreamBounds},
    config::{
        Delivery, Telemetry,
        mistake::{KeyPath, Wrong},
        raw,
        text::{SecretText, Url},
    },
    ids::BackendId,
    secret::Secret,
    spool::embedded::Store,
};

/// Smallest journal file, in bytes.
const SEGMENT_BYTES_MIN: u64 = 1 << 20;

/// The backends.
pub(in crate::config) fn backends(
    check: &mut Check<'_>,
    raw: BTreeMap<raw::Name, raw::Backend>,
) -> BTreeMap<BackendId, Backend> {
    let at = KeyPath::default().key("backend");
    let backends = raw.into_iter().filter_map(|(raw::Name(name), raw)| {
        let id = BackendId::new(name.as_str());
        Some((id.clone(), backend(check, &at.key(name), id, raw)?))
    });
    backends.collect()
}

fn backend(check: &mut Check<'_>, at: &KeyPath, id: BackendId, raw: raw::Backend) -> Option<Backend> {
    let mut signing = Vec::new();
    for (index, key) in raw.keys.iter().enumerate() {
        match keys::whsec(key.text()) {
            Some(key) => signing.push(key),
            None => {
                let expected = "`whsec_` and base64 of 24 to 64 bytes";
                check.wrong(&at.key("keys").index(index), Wrong::WebhookKey { expected });
            }
        }
    }
    if raw.keys.is_empty() && raw.format == Format::Event {
        check.lacks(&at.key("keys"), Wrong::NoSigningKey);
    }
    if raw.backoff_min.0 > raw.backoff_max.0 {
        check.wrong(&at.key("backoff_min"), Wrong::MoreThan { larger: "backoff_max" });
    }
    let api = api(check, at, &raw);
    Some(Backend {
        id,
        api,
        health: raw.health.and_then(|raw| health(check, &at.key("health"), raw)),
        format: raw.format,
        keys: signing,
        ca: raw.ca.map(|file| ca(check, &at.key("ca"), &file.0)),
        concurrency_max: raw.concurrency_max,
        timeout: raw.timeout.0,
        attempts_max: raw.attempts_max,
        age_max: raw.age_max.0,
        backoff_min: raw.backoff_min.0,
        backoff_max: raw.backoff_max.0,
        breaker_failures: raw.breaker_failures,
        breaker_pause: raw.breaker_pause.0,
        urls: raw.urls?.into_iter().map(|url| url.0).collect(),
    })
}

/// Where the gate forwards to.
fn api(check: &mut Check<'_>, at: &KeyPath, raw: &raw::Backend) -> Option<Api> {
    let host = raw.api_host.as_ref().and_then(|host| {
        let plain = host.parse::<Authority>().is_ok_and(|host| !host.as_str().contains('@'));
        let value = HeaderValue::try_from(host).ok().filter(|_| plain);
        if value.is_none() {
            expected(check, &at.key("api_host"), "a host, or host and port, such as \"chat.example\"");
        }
        value
    });
    let headers = api_headers(check, &at.key("api_headers"), &raw.api_headers);
    let assertion_key = raw.assertion_key.as_ref().and_then(|key| {
        let key = AssertionKey::read(key.text().as_bytes());
        key.map_err(|_reason| check.wrong(&at.key("assertion_key"), Wrong::AssertionKey)).ok()
    });
    let mut origins: Vec<Uri> = Vec::new();
    for (index, Url(origin)) in raw.api.as_ref()?.iter().enumerate() {
        let at = at.key("api").index(index);
        if origin.path() != "/" || origin.query().is_some() {
            expected(check, &at, "an origin, without path and query, such as \"http://chat:3000\"");
        } else if origins.contains(origin) {
            check.wrong(&at, Wrong::Twice { name: origin.to_string() });
        }
        origins.push(origin.clone());
    }
    Some(Api {
        origins,
        host,
        headers,
        concurrency_max: raw.api_concurrency_max,
        bounds: StreamBounds {
            timeout: raw.api_timeout.0,
            idle_timeout: raw.api_idle_timeout.0,
            answer_bytes_max: raw.api_answer_bytes_max.in_memory(),
        },
        assertion_key: assertion_key.map(Arc::new),
    })
}

/// Probes of the endpoints.
fn health(check: &mut Check<'_>, at: &KeyPath, raw: raw::Health) -> Option<Health> {
    let path = raw.path?;
    let read = PathAndQuery::try_from(path.as_str()).ok().filter(|_| path.starts_with('/'));
    if read.is_none() {
        expected(check, &at.key("path"), "a path that begins with `/`, such as \"/health\"");
    }
    Some(Health {
        path: read?,
        interval: raw.interval.0,
        timeout: raw.timeout.0,
        healthy_after: raw.healthy_after,
        unhealthy_after: raw.unhealthy_after,
    })
}

fn expected(check: &mut Check<'_>, at: &KeyPath, what: &str) {
    check.wrong(at, Wrong::Expected { expected: what.to_owned() });
}

/// The headers of every request to the API. What frames a request or names its host is not among them:
/// a pool says that itself.
fn api_headers(
    check: &mut Check<'_>,
    at: &KeyPath,
    raw: &BTreeMap<String, SecretText>,
) -> Vec<(HeaderName, Secret)> {
    let mut headers = Vec::new();
    for (name, SecretText(value)) in raw {
        let sendable = HeaderValue::from_bytes(value.expose()).is_ok();
        match api_header(name).filter(|_| sendable) {
            Some(header) => headers.push((header, value.clone())),
            None => check.wrong(&at.key(name), Wrong::ApiHeader),
        }
    }
    headers
}

/// The name of a header that requests to the API may bear.
pub(super) fn api_header(name: &str) -> Option<HeaderName> {
    let header = HeaderName::try_from(name.to_ascii_lowercase()).ok()?;
    let own = header.as_str().starts_with("headgate-")
        || [HOST, CONTENT_LENGTH, TRANSFER_ENCODING].contains(&header);
    (!own).then_some(header)
}

/// A file with CAs.
fn ca(check: &mut Check<'_>, at: &KeyPath, file: &std::path::Path) -> std::path::PathBuf {
    pem::certificates(check, at, file);
    check.resolved(file)
}

/// The least reserve: with none, webhooks could fill the disk so that no delivery can be noted any more,
/// and so nothing be given back.
const DISK_FREE_LEAST: u64 = 1 << 20;

/// Where events are kept.
pub(in crate::config) fn store(check: &mut Check<'_>, raw: raw::Store) -> Option<Store> {
    for (key, value, least) in [
        ("segment_bytes", raw.segment_bytes.0, SEGMENT_BYTES_MIN),
        ("disk_free_min", raw.disk_free_min.0, DISK_FREE_LEAST),
    ] {
        if value < least {
            check.wrong(&KeyPath::default().key("store").key(key), Wrong::LessThan { least: "1MiB" });
        }
    }
    Some(Store {
        path: check.resolved(&raw.path?.0),
        segment_bytes: raw.segment_bytes.0,
        disk_free_min: raw.disk_free_min.0,
        backlog_events_max: raw.backlog_events_max,
        dedupe_window: raw.dedupe_window.0,
        dedupe_marks_max: raw.dedupe_marks_max,
        cache_bytes: raw.cache_bytes.in_memory(),
        dead_letter_age_max: raw.dead_letter_age_max.0,
    })
}

/// Handing events to backends.
pub(in crate::config) fn delivery(raw: &raw::Delivery) -> Delivery {
    Delivery { answer_bytes_max: raw.answer_bytes_max.in_memory(), json_nesting_max: raw.json_nesting_max }
}

/// How Headgate calls out.
pub(in crate::config) fn egress(check: &mut Check<'_>, raw: raw::Egress) -> Egress {
    let at = KeyPath::default().key("egress").key("ca");
    Egress {
        ca: raw.ca.map(|file| ca(check, &at, &file.0)),
        resolve: raw.resolve.into_iter().map(|(host, address)| (host.to_lowercase(), address.0)).collect(),
        timeout: raw.timeout.0,
    }
}

/// The log.
pub(in crate::config) fn telemetry(raw: raw::Telemetry) -> Telemetry {
    Telemetry { log: raw.log.0, json: raw.format == raw::LogFormat::Json }
}
