//! The headers of a delivery: Headgate's own, the signature, and in format `raw` the provider's. Pure.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{cloud_event, sign};
use crate::{
    backend::USER_AGENT,
    ids::{EventId, Timestamp},
    secret::Secret,
    spool::{Sequence, Webhook},
    tag::Tag,
};

/// What stands for nobody and no team in a list, where leaving the place empty would shift the others.
const NONE: &str = "none";

/// All that is encoded in a name: everything but what neither a header's list nor a URL's path
/// segment gives a meaning to.
const UNSAFE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'@')
    .remove(b'+')
    .remove(b':');

/// A name as text that is safe in a header and in a URL's path segment.
pub(super) fn encoded(name: &str) -> Cow<'_, str> {
    utf8_percent_encode(name, UNSAFE).into()
}

/// A sequence as 20 digits, so that comparing the texts compares the numbers.
pub(super) fn sequence_text(sequence: Sequence) -> String {
    format!("{:020}", sequence.0)
}

/// What every delivery tells in its headers.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    /// The first event's id.
    pub(super) id: EventId,
    /// The unit's place.
    pub(super) sequence: Sequence,
    /// Which attempt this is, from 1.
    pub(super) attempt: u32,
    /// When it is made.
    pub(super) at: Timestamp,
    /// The tags of the unit's conversations, in the order of their first events.
    pub(super) tags: &'a [&'a Tag],
}

/// Headers of a CloudEvents delivery.
pub(super) fn of_event(facts: &Facts<'_>, keys: &[Secret], body: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(cloud_event::CONTENT_TYPE));
    headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    sign_with(&mut headers, facts, keys, body);
    tell(&mut headers, facts);
    headers
}

/// Headers of a raw delivery: the provider's as it sent them, then Headgate's. Where the provider
/// itself sent a Standard Webhook, its `webhook-*` headers stay and Headgate does not sign: two
/// signatures under one name would make the provider's fail.
pub(super) fn of_raw(facts: &Facts<'_>, webhook: &Webhook, keys: &[Secret]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in &webhook.headers {
        let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value))
        else {
            continue;
        };
        if !belongs_to_the_connection(&name) && !claims_to_be_ours(&name) {
            headers.append(name, value);
        }
    }
    if !headers.contains_key(sign::ID) {
        sign_with(&mut headers, facts, keys, &webhook.body);
    }
    if let Ok(target) = HeaderValue::from_str(&webhook.target) {
        headers.insert(HeaderName::from_static("headgate-target"), target);
    }
    tell(&mut headers, facts);
    headers
}

fn sign_with(headers: &mut HeaderMap, facts: &Facts<'_>, keys: &[Secret], body: &[u8]) {
    let (id, seconds) = (facts.id.to_string(), facts.at.as_secs());
    if !keys.is_empty() {
        put(headers, sign::SIGNATURE, &sign::signature(keys, &id, seconds, body));
    }
    put(headers, sign::ID, &id);
    put(headers, sign::TIMESTAMP, &seconds.to_string());
}

fn tell(headers: &mut HeaderMap, facts: &Facts<'_>) {
    let list = |of: fn(&Tag) -> Option<&str>| -> Option<String> {
        match facts.tags {
            [] => None,
            [tag] => of(tag).map(|name| encoded(name).into_owned()),
            tags => {
                let names: Vec<_> =
                    tags.iter().map(|tag| of(tag).map_or(Cow::Borrowed(NONE), encoded)).collect();
                Some(names.join(", "))
            }
        }
    };
    let conversations: Vec<String> = facts.tags.iter().map(|tag| tag.conversation.to_string()).collect();
    if !conversations.is_empty() {
        put(headers, HeaderName::from_static("headgate-conversation"), &conversations.join(", "));
    }
    if let Some(users) = list(|tag| tag.responsible.as_ref().map(|user| user.as_str())) {
        put(headers, HeaderName::from_static("headgate-responsible"), &users);
    }
    if let Some(teams) = list(|tag| tag.team.as_ref().map(|team| team.as_str())) {
        put(headers, HeaderName::from_static("headgate-team"), &teams);
    }
    put(headers, HeaderName::from_static("headgate-sequence"), &sequence_text(facts.sequence));
    put(headers, HeaderName::from_static("headgate-attempt"), &facts.attempt.to_string());
}

/// Sets a header whose value is made of encoded names and digits, which every header can hold.
fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// Headers that are about the provider's connection and body framing (RFC 9110 section 7.6.1), not
/// about what it said.
fn belongs_to_the_connection(name: &HeaderName) -> bool {
    const CONNECTION: [HeaderName; 9] = [
        header::CONNECTION,
        header::CONTENT_LENGTH,
        header::EXPECT,
        header::HOST,
        header::PROXY_AUTHORIZATION,
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
    ];
    CONNECTION.contains(name) || name.as_str() == "keep-alive" || name.as_str() == "proxy-connection"
}

/// A provider, or who plays one, must not speak in Headgate's name; some servers read `_` as `-`.
fn claims_to_be_ours(name: &HeaderName) -> bool {
    name.as_str().starts_with("headgate-") || name.as_str().starts_with("headgate_")
}
