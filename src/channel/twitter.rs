//! X, Account Activity and X Activity: `providers.md` section 7.
//!
//! Both products share the webhook: the CRC handshake and the signature are here. Account Activity
//! (deprecated) posts arrays of events, X Activity one event in an envelope; each has its file.

mod account_activity;
mod activity;
mod direct_message;
mod people;
mod post;

use aws_lc_rs::hmac;
use data_encoding::BASE64;
use http::StatusCode;

use self::activity::Activity;
use super::{
    Answer, Channel, Malformed, Refusal, Request, Split, Verified,
    event::{AccountRef, Event, Kind, Message, Raw, Reached, Thread},
    json::{Members, Number, fingerprint},
    signature::{self, Matched},
};
use crate::{ids::Timestamp, secret::Secret};

/// An X app's webhook.
#[derive(Clone, Debug)]
pub struct Twitter {
    /// The app's consumer secrets; the first answers the CRC. Never empty.
    pub consumer_secrets: Vec<Secret>,
}

impl Twitter {
    /// The CRC: X sends a token and wants its MAC, made with the same secret that signs bodies. Whoever
    /// may choose the token gets it signed, so a token that could be a body is refused ([`may_be_body`]).
    pub(super) fn handshake(&self, request: &Request<'_>) -> Answer {
        let mut tokens = form_urlencoded::parse(request.query.unwrap_or_default().as_bytes())
            .filter(|(name, _)| name == "crc_token")
            .map(|(_, token)| token);
        let refused = Answer::text(StatusCode::BAD_REQUEST, "one crc_token is expected\n");
        let (Some(token), None, Some(secret)) = (tokens.next(), tokens.next(), self.consumer_secrets.first())
        else {
            return refused;
        };
        if token.is_empty() || may_be_body(token.as_bytes()) {
            return refused;
        }
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose());
        let mac = BASE64.encode(hmac::sign(&key, token.as_bytes()).as_ref());
        Answer {
            status: StatusCode::OK,
            content_type: Some("application/json"),
            body: format!(r#"{{"response_token":"sha256={mac}"}}"#),
        }
    }

    /// `x-twitter-webhooks-signature` is `sha256=` and the base64 HMAC of the body.
    pub(super) fn verify(&self, request: &Request<'_>) -> Result<Matched, Refusal> {
        let mac = mac(request.headers)?;
        if !may_be_body(request.body) {
            return Err(Refusal::Wrong);
        }
        signature::hmac_sha256(&self.consumer_secrets, &[request.body], &mac)
    }

    /// One item for each event of the body, whichever product sent it.
    pub(super) fn split(&self, verified: &Verified<'_>) -> Result<Split, Malformed> {
        const EXPECTED: Malformed = Malformed { expected: "a webhook of X", limit: None };
        let text = std::str::from_utf8(verified.body()).map_err(|_not_text| EXPECTED)?;
        let body: Members<'_> = serde_json::from_str(text).map_err(|_no_object| EXPECTED)?;
        let activity = body.value("data").map_or(Ok(None), Activity::of).map_err(|_no_envelope| EXPECTED)?;
        let items = match activity {
            Some(activity) => activity.items(verified.body()),
            None => account_activity::items(text, &body),
        };
        Ok(Split { items, ..Split::default() })
    }
}

/// The MAC that the head claims for the body.
pub(super) fn mac(headers: &http::HeaderMap) -> Result<Vec<u8>, Refusal> {
    let header = signature::header(headers, "x-twitter-webhooks-signature")?;
    signature::base64(header.strip_prefix("sha256=").ok_or(Refusal::Malformed)?)
}

/// Whether a text can be a webhook's body, which is a JSON object, and so can be no challenge. Nothing is
/// both: the answer to a challenge never is the signature of a body.
fn may_be_body(text: &[u8]) -> bool {
    text.contains(&b'{')
}

/// What an event says, beside its account and the envelope's id.
struct Happened {
    kind: Kind,
    thread: Option<Thread>,
    time: Option<Timestamp>,
    message: Message,
    /// The id of what happened, the same in every subscription that tells of it.
    id: Option<String>,
}

impl Happened {
    /// A receipt is about everything up to the message that it names, and each side of a conversation reads
    /// for itself. Ids of X rise.
    fn reached(&self) -> Option<Reached> {
        let state = self.message.status.as_ref()?.state;
        let conversation = &self.thread.as_ref()?.keys.first()?.text;
        let reader = &self.message.sender.as_ref()?.id;
        let up_to = self.message.id.as_ref()?.parse().ok()?;
        Some(Reached { of: format!("watermark:{conversation}:{reader}"), state, up_to })
    }

    /// Kept under X's own name of it.
    fn unknown(name: &str) -> Self {
        let message = Message { subtype: Some(name.to_owned().into()), ..Message::default() };
        Self { kind: Kind::Unknown, thread: None, time: None, message, id: None }
    }
}

/// The event with the id that X Activity gave it (`uuid`) and its own; without either, its bytes are its
/// identity.
fn event(account: AccountRef, uuid: Option<String>, fragment: &str, raw: Raw, happened: Happened) -> Event {
    let reached = happened.reached();
    let mut dedupe: Vec<String> = uuid.into_iter().chain(happened.id).collect();
    if dedupe.is_empty() {
        dedupe.push(fingerprint(fragment.as_bytes()));
    }
    Event {
        channel: Channel::Twitter,
        account,
        thread: happened.thread,
        dedupe,
        time: happened.time,
        kind: happened.kind,
        message: happened.message,
        raw,
        reached,
    }
}

/// A time in milliseconds, written as a string; what is none says nothing.
fn milliseconds(event: &Members<'_>, key: &str) -> Option<Timestamp> {
    event.read(key).ok().flatten().map(|Number(ms)| Timestamp(ms))
}

/// A time in RFC 3339; what is none says nothing.
fn rfc3339(event: &Members<'_>, key: &str) -> Option<Timestamp> {
    let text: String = event.read(key).ok().flatten()?;
    text.parse::<jiff::Timestamp>().ok().map(|at| Timestamp(at.as_millisecond()))
}

#[cfg(test)]
mod tests;
