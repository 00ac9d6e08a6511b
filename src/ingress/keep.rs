//! From what a channel read to what the spool keeps: account names, digests, headers.

use bytes::Bytes;
use http::{HeaderMap, header};
use tracing::error;

use crate::{
    channel::{
        Item, Kind, Split,
        event::{self, AccountRef, Raw},
    },
    config::{Account, Endpoint},
    ids::{ConversationKey, EventId, Timestamp},
    spool::{Event, Format, Reached, Thread, Webhook},
};

/// Headers that a raw delivery never repeats: those of the connection, and credentials that belong to
/// Headgate alone (Basic authentication of an endpoint).
const NOT_REPEATED: [header::HeaderName; 12] = [
    header::AUTHORIZATION,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::COOKIE,
    header::EXPECT,
    header::HOST,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::VIA,
];

/// The webhook to keep. Items that are no events are left out; they are counted elsewhere.
pub(super) fn webhook(
    endpoint: &Endpoint,
    split: Split,
    target: &str,
    headers: &HeaderMap,
    body: Bytes,
    received: Timestamp,
) -> Webhook {
    let nonce =
        split.nonce.map(|nonce| EventId::derive(&endpoint.tenant, "nonce", endpoint.id.as_str(), &nonce));
    let events = split
        .items
        .into_iter()
        .filter_map(|item| match item {
            Item::Event(event) => Some(kept(endpoint, *event)),
            Item::Ignored(_) => None,
        })
        .collect();
    Webhook {
        tenant: endpoint.tenant.clone(),
        endpoint: endpoint.id.clone(),
        received,
        format: endpoint.format,
        nonce,
        malformed: false,
        target: target.to_owned(),
        headers: repeated(endpoint.format, headers),
        events,
        body,
    }
}

/// A verified body that cannot be read, as one event without an account. Its id is the body's digest,
/// so that a provider's retries are kept once.
pub(super) fn unreadable(
    endpoint: &Endpoint,
    target: &str,
    headers: &HeaderMap,
    body: Bytes,
    received: Timestamp,
) -> Webhook {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &body);
    let digest = data_encoding::HEXLOWER.encode(digest.as_ref());
    let label = endpoint.provider.label();
    Webhook {
        tenant: endpoint.tenant.clone(),
        endpoint: endpoint.id.clone(),
        received,
        format: endpoint.format,
        nonce: None,
        malformed: true,
        target: target.to_owned(),
        headers: repeated(endpoint.format, headers),
        events: vec![Event {
            id: EventId::derive(&endpoint.tenant, label, endpoint.id.as_str(), &digest),
            also: smallvec::SmallVec::new(),
            channel: endpoint.provider.channel(),
            account: None,
            provider_account: String::new(),
            kind: Kind::Unknown,
            time: None,
            thread: None,
            reached: None,
            superseded: None,
            data: "{}".into(),
            raw: Raw::Whole,
        }],
        body,
    }
}

fn kept(endpoint: &Endpoint, event: event::Event) -> Event {
    let account = account(endpoint, &event);
    let provider_account = match (account, event.account) {
        (Some(account), _) => account.provider_id.clone(),
        (None, AccountRef::Id(id) | AccountRef::Mailbox(id)) => id,
        (None, AccountRef::Endpoint | AccountRef::Unknown) => String::new(),
    };
    let channel = event.channel.as_str();
    let id = |id: &str| EventId::derive(&endpoint.tenant, channel, &provider_account, id);
    let key = |thread: &str| ConversationKey::derive(&endpoint.tenant, channel, &provider_account, thread);

    let mut marks = event.dedupe.iter().map(|dedupe| id(dedupe));
    // INVARIANT: `dedupe` is never empty (`channel::fuzzing` states the law). Were it broken, the body's
    // place in the batch would still tell events apart, but redeliveries would not be recognised.
    let first = marks.next().unwrap_or_else(|| id(""));
    Event {
        id: first,
        also: marks.collect(),
        channel: event.channel,
        account: account.map(|account| account.id.clone()),
        kind: event.kind,
        time: event.time,
        thread: event.thread.map(|thread| Thread {
            keys: thread.keys.iter().map(|name| (key(&name.text), name.lasting)).collect(),
            join: thread.join,
            retired: thread.retired.iter().map(|name| key(name)).collect(),
            domain: thread.domain.map(String::into_boxed_str),
        }),
        reached: event.reached.map(|reached| Reached {
            rungs: reached.rungs().map(|(state, mark)| (state, id(&mark))).collect(),
            up_to: reached.up_to,
        }),
        superseded: None,
        data: data(&event.message),
        raw: event.raw,
        provider_account,
    }
}

/// Our account that an event happened to.
fn account<'a>(endpoint: &'a Endpoint, event: &event::Event) -> Option<&'a Account> {
    let named = |id: &str| endpoint.accounts.get(&(event.channel, id.to_owned()));
    let account = match &event.account {
        AccountRef::Id(id) => named(id),
        // Of several, none can be told to be meant: an operator says which.
        AccountRef::Endpoint if endpoint.accounts.len() > 1 => None,
        AccountRef::Endpoint => endpoint.accounts.values().next(),
        AccountRef::Mailbox(address) => {
            named(address).or_else(|| named(address.rsplit_once('@').map_or("", |(_local, domain)| domain)))
        }
        AccountRef::Unknown => None,
    };
    account.map(AsRef::as_ref)
}

fn data(message: &event::Message) -> Box<str> {
    match serde_json::to_string(message) {
        Ok(json) => json.into_boxed_str(),
        // Cannot happen: the type has text keys alone. The raw fragment would still be delivered.
        Err(error) => {
            error!(%error, "a normalised message could not be written");
            "{}".into()
        }
    }
}

/// The headers that go with the body: all that the provider sent for [`Format::Raw`], the content type
/// alone for [`Format::Event`], so that no token lies on disk without need.
fn repeated(format: Format, headers: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    headers
        .iter()
        .filter(|(name, _value)| match format {
            Format::Event => *name == header::CONTENT_TYPE,
            Format::Raw => !NOT_REPEATED.contains(name) && !name.as_str().starts_with("headgate-"),
        })
        .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
        .collect()
}
