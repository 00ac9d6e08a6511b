//! Standard Webhooks, for `webchat`, `livechat` and `crm`: `providers.md` section 13.

mod pointer;

use std::{collections::BTreeMap, time::Duration};

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use http::HeaderMap;
use serde_json::value::RawValue;

use super::{
    Channel, Kind, Limit, Malformed, Refusal, Request, Split, Verified,
    event::{AccountRef, Event, Message, Party, Raw, Thread},
    json::{Id, fingerprint},
    signature::{self, Matched},
};
use crate::{ids::Timestamp, secret::Secret};

/// Signatures of a known version that one request may list. Senders list one for each key in use; each
/// costs us a pass over the body. A longer list is refused.
pub const SIGNATURES_MAX: usize = 8;

/// A source of Standard Webhooks.
#[derive(Clone, Debug)]
pub struct Standard {
    /// `webchat`, `livechat` or `crm`.
    pub channel: Channel,
    /// Keys; several while rotating, never empty.
    pub keys: Vec<Key>,
    /// How far `webhook-timestamp` may be from now, both ways.
    pub tolerance: Duration,
    /// Also accept `svix-id`, `svix-timestamp`, `svix-signature`.
    pub svix: bool,
    /// Where in the body things are.
    pub pointers: Pointers,
    /// The body's `type` → what happened. A type that is not listed is [`Kind::Unknown`].
    pub kinds: BTreeMap<String, Kind>,
}

/// A verification key.
#[derive(Clone, Debug)]
pub enum Key {
    /// `whsec_…`, decoded: `v1` signatures.
    Hmac(Secret),
    /// `whpk_…`, decoded: `v1a` signatures.
    Ed25519([u8; 32]),
}

/// JSON pointers (RFC 6901) into the body.
#[derive(Clone, Debug)]
pub struct Pointers {
    /// The conversation, for example `/data/conversation_id`.
    pub conversation: String,
    /// The message's id.
    pub message_id: Option<String>,
    /// The text.
    pub text: Option<String>,
    /// The sender's id.
    pub sender: Option<String>,
    /// The sender's name.
    pub sender_name: Option<String>,
    /// The provider's time: RFC 3339 text, or seconds or milliseconds as a number.
    pub time: Option<String>,
}

/// The three headers, in one of their two spellings.
struct Names {
    id: &'static str,
    timestamp: &'static str,
    signature: &'static str,
}

const WEBHOOK: Names =
    Names { id: "webhook-id", timestamp: "webhook-timestamp", signature: "webhook-signature" };
const SVIX: Names = Names { id: "svix-id", timestamp: "svix-timestamp", signature: "svix-signature" };

impl Names {
    fn any_in(&self, headers: &HeaderMap) -> bool {
        [self.id, self.timestamp, self.signature].iter().any(|name| headers.contains_key(*name))
    }
}

impl Standard {
    /// `<id>.<timestamp>.<body>` is signed, by any of the listed signatures.
    pub(super) fn verify(&self, request: &Request<'_>) -> Result<Matched, Refusal> {
        let Signed { id, timestamp, at, signatures } = self.signed(request.headers)?;
        signature::fresh(at, request.now, self.tolerance)?;
        let content: [&[u8]; 5] = [id.as_bytes(), b".", timestamp.as_bytes(), b".", request.body];
        self.keys
            .iter()
            .position(|key| key.signed_any(&signatures, &content))
            .map(Matched)
            .ok_or(Refusal::Wrong)
    }

    /// What the head claims of the body.
    pub(super) fn signed<'a>(&self, headers: &'a HeaderMap) -> Result<Signed<'a>, Refusal> {
        let names = self.names(headers)?;
        let id = signature::header(headers, names.id)?;
        // A dot in the id would let parts of the signed content change places.
        if id.is_empty() || id.contains('.') {
            return Err(Refusal::Malformed);
        }
        let timestamp = signature::header(headers, names.timestamp)?;
        let at = seconds(timestamp).ok_or(Refusal::Malformed)?;
        let signatures = signatures(signature::header(headers, names.signature)?)?;
        Ok(Signed { id, timestamp, at, signatures })
    }

    /// The spelling of the headers. Both at once are refused: which of them a proxy in between looked
    /// at cannot be known.
    fn names(&self, headers: &HeaderMap) -> Result<&'static Names, Refusal> {
        match (WEBHOOK.any_in(headers), self.svix && SVIX.any_in(headers)) {
            (true, true) => Err(Refusal::Malformed),
            (false, true) => Ok(&SVIX),
            (true, false) | (false, false) => Ok(&WEBHOOK),
        }
    }

    /// One event per webhook.
    pub(super) fn split(&self, verified: &Verified<'_>) -> Result<Split, Malformed> {
        const EXPECTED: Malformed = Malformed { expected: "JSON", limit: None };
        let text = std::str::from_utf8(verified.body()).map_err(|_not_text| EXPECTED)?;
        let body: &RawValue = serde_json::from_str(text).map_err(|_not_json| EXPECTED)?;
        let event = self.event(body, self.dedupe(verified)).map_err(|_repeated| Malformed {
            expected: "JSON without a repeated key where the endpoint's pointers lead",
            limit: None,
        })?;
        Ok(Split { items: vec![event.into()], ..Split::default() })
    }

    /// `webhook-id` is signed, and the same on every retry.
    fn dedupe(&self, verified: &Verified<'_>) -> String {
        self.names(verified.headers())
            .and_then(|names| signature::header(verified.headers(), names.id))
            .map_or_else(|_unsigned| fingerprint(verified.body()), |id| format!("id:{id}"))
    }

    fn event(&self, body: &RawValue, dedupe: String) -> Result<Event, pointer::Repeated> {
        let at = |pointer: &Option<String>| match pointer {
            Some(pointer) => pointer::value(body, pointer),
            None => Ok(None),
        };
        let pointers = &self.pointers;
        let conversation = pointer::value(body, &pointers.conversation)?.and_then(id);
        let r#type = pointer::value(body, "/type")?.and_then(text);
        let kind = r#type.as_ref().and_then(|r#type| self.kinds.get(r#type));
        let name = at(&pointers.sender_name)?.and_then(text);
        let time = match at(&pointers.time)?.and_then(time) {
            Some(time) => Some(time),
            None => pointer::value(body, "/timestamp")?.and_then(time),
        };
        Ok(Event {
            channel: self.channel,
            account: AccountRef::Endpoint,
            thread: conversation.map(|id| Thread::of("conversation", &id)),
            dedupe: vec![dedupe],
            time,
            kind: kind.copied().unwrap_or(Kind::Unknown),
            message: Message {
                id: at(&pointers.message_id)?.and_then(id),
                sender: at(&pointers.sender)?.and_then(id).map(|id| Party { id, name, handle: None }),
                text: at(&pointers.text)?.and_then(text),
                subtype: r#type.map(Into::into),
                ..Message::default()
            },
            raw: Raw::Whole,
            reached: None,
        })
    }
}

/// What is signed beside the body, and the signatures.
pub(super) struct Signed<'a> {
    id: &'a str,
    timestamp: &'a str,
    at: Timestamp,
    signatures: Vec<Signature>,
}

/// A signature of a version that we know.
enum Signature {
    /// `v1`.
    Hmac(Vec<u8>),
    /// `v1a`.
    Ed25519(Vec<u8>),
}

/// The entries of the space-separated list whose version is known. What is not base64 matches nothing,
/// and is left out too.
fn signatures(list: &str) -> Result<Vec<Signature>, Refusal> {
    let known: Vec<Signature> = list
        .split(' ')
        .filter_map(|entry| match entry.split_once(',')? {
            ("v1", mac) => signature::base64(mac).ok().map(Signature::Hmac),
            ("v1a", signature) => signature::base64(signature).ok().map(Signature::Ed25519),
            _ => None,
        })
        .take(SIGNATURES_MAX + 1)
        .collect();
    match known.len() {
        0 => Err(Refusal::Malformed),
        1..=SIGNATURES_MAX => Ok(known),
        _ => Err(Refusal::TooMany(Limit::Signatures)),
    }
}

impl Key {
    /// Whether any of the signatures is this key's. The MAC is made once, however many are listed: a
    /// stranger's list must not cost us a pass over the body for each.
    fn signed_any(&self, listed: &[Signature], content: &[&[u8]]) -> bool {
        match self {
            Self::Hmac(secret) => {
                let mac = signature::mac(secret, content);
                listed.iter().any(|signature| match signature {
                    Signature::Hmac(given) => signature::same(mac.as_ref(), given),
                    Signature::Ed25519(_) => false,
                })
            }
            Self::Ed25519(key) => {
                let content = content.concat();
                listed.iter().any(|signature| match signature {
                    Signature::Ed25519(given) => {
                        UnparsedPublicKey::new(&ED25519, key).verify(&content, given).is_ok()
                    }
                    Signature::Hmac(_) => false,
                })
            }
        }
    }
}

/// Whole seconds since the epoch, in plain digits.
fn seconds(text: &str) -> Option<Timestamp> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok().map(Timestamp::from_secs) } else { None }
}

/// A non-empty id, written as text or as a whole number.
fn id(raw: &RawValue) -> Option<String> {
    serde_json::from_str::<Id<'_>>(raw.get()).ok()?.named()
}

fn text(raw: &RawValue) -> Option<String> {
    serde_json::from_str(raw.get()).ok()
}

/// RFC 3339 text, or a whole number of seconds or milliseconds.
fn time(raw: &RawValue) -> Option<Timestamp> {
    /// As milliseconds early in 1973, as seconds in the year 5138: nothing real lies between.
    const MILLISECONDS_FROM: u64 = 100_000_000_000;
    if let Ok(number) = serde_json::from_str::<i64>(raw.get()) {
        let milliseconds = number.unsigned_abs() >= MILLISECONDS_FROM;
        return Some(if milliseconds { Timestamp(number) } else { Timestamp::from_secs(number) });
    }
    let at: jiff::Timestamp = text(raw)?.parse().ok()?;
    Some(Timestamp(at.as_millisecond()))
}

#[cfg(test)]
mod tests;
