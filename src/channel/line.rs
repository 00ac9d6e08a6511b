//! LINE Messaging API: `providers.md` section 6.

mod message;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    Channel, Malformed, Refusal, Request, Split, Verified,
    event::{AccountRef, Event, Kind, Member, Message, Party, Postback, Raw, Thread},
    json::{Id, Number, fingerprint},
    signature::{self, Matched},
};
use crate::{ids::Timestamp, secret::Secret};

/// A LINE channel's webhook.
#[derive(Clone, Debug)]
pub struct Line {
    /// Channel secrets (or the Switcher Secret); several while rotating, never empty.
    pub channel_secrets: Vec<Secret>,
}

impl Line {
    /// `x-line-signature` is the base64 HMAC of the body. The query is not signed and not looked at.
    pub(super) fn verify(&self, request: &Request<'_>) -> Result<Matched, Refusal> {
        let mac = signature::base64(signature::header(request.headers, "x-line-signature")?)?;
        signature::hmac_sha256(&self.channel_secrets, &[request.body], &mac)
    }

    /// One item for each of `events`. The console's Verify button sends none: no item.
    #[expect(clippy::unused_self, reason = "every provider splits by its own settings; LINE has none")]
    pub(super) fn split(&self, verified: &Verified<'_>) -> Result<Split, Malformed> {
        const EXPECTED: Malformed = Malformed { expected: "a LINE webhook: `destination` and `events`" };
        let body = verified.body();
        let text = std::str::from_utf8(body).map_err(|_not_text| EXPECTED)?;
        let envelope: Envelope<'_> = serde_json::from_str(text).map_err(|_not_an_envelope| EXPECTED)?;
        let account = account(envelope.destination);
        let events = envelope.events.and_then(|events| serde_json::from_str(events.get()).ok());
        let items = match events {
            Some(events) => {
                let events: Vec<&RawValue> = events;
                events.into_iter().map(|raw| event(body, &account, raw.get()).into()).collect()
            }
            // A body of a shape that is yet to come: kept whole.
            None => vec![unknown(account, fingerprint(body), Raw::Whole).into()],
        };
        Ok(Split { items, ..Split::default() })
    }
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    destination: Option<&'a RawValue>,
    #[serde(borrow)]
    events: Option<&'a RawValue>,
}

/// `destination` is the bot's user id.
fn account(destination: Option<&RawValue>) -> AccountRef {
    destination
        .and_then(|raw| serde_json::from_str::<Id<'_>>(raw.get()).ok()?.named())
        .map_or(AccountRef::Unknown, AccountRef::Id)
}

/// What every event has, whatever its type.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Frame<'a> {
    r#type: String,
    timestamp: Option<Number>,
    mode: Option<String>,
    #[serde(borrow)]
    webhook_event_id: Option<Id<'a>>,
    #[serde(borrow)]
    source: Option<&'a RawValue>,
}

/// Where it happened. May be absent, and `userId` may be missing in groups.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Source<'a> {
    r#type: String,
    #[serde(borrow)]
    user_id: Option<Id<'a>>,
    #[serde(borrow)]
    group_id: Option<Id<'a>>,
    #[serde(borrow)]
    room_id: Option<Id<'a>>,
}

/// The conversation, the sender and the group that a source names. The conversation is chosen by the
/// source's type alone: a group's event names a user too.
struct Place {
    thread: Option<Thread>,
    sender: Option<Party>,
    group: Option<Party>,
}

impl Place {
    fn of(source: Option<&RawValue>) -> Self {
        let Some(source) = source.and_then(|raw| serde_json::from_str::<Source<'_>>(raw.get()).ok()) else {
            return Self { thread: None, sender: None, group: None };
        };
        let party = |id| Party { id, ..Party::default() };
        let user = source.user_id.and_then(Id::named);
        let (thread, group) = match source.r#type.as_str() {
            "user" => (user.as_deref().map(|id| Thread::of("user", id)), None),
            "group" => place_in("group", source.group_id),
            "room" => place_in("room", source.room_id),
            _ => (None, None),
        };
        Self { thread, sender: user.map(party), group: group.map(party) }
    }
}

fn place_in(kind: &str, id: Option<Id<'_>>) -> (Option<Thread>, Option<String>) {
    let id = id.and_then(Id::named);
    (id.as_deref().map(|id| Thread::of(kind, id)), id)
}

/// An item of `events`. What cannot be read is kept as [`Kind::Unknown`], in its conversation if the
/// source can be read.
fn event(body: &[u8], account: &AccountRef, fragment: &str) -> Event {
    let raw = Raw::slice_of(body, fragment);
    let Ok(frame) = serde_json::from_str::<Frame<'_>>(fragment) else {
        return unknown(account.clone(), fingerprint(fragment.as_bytes()), raw);
    };
    // `webhookEventId` stays the same on a redelivery; bodies from before 2022 have none.
    let dedupe = frame
        .webhook_event_id
        .and_then(Id::named)
        .map_or_else(|| fingerprint(fragment.as_bytes()), |id| format!("event:{id}"));
    let place = Place::of(frame.source);
    let (kind, content) = what_happened(&frame.r#type, fragment, account)
        .unwrap_or_else(|_unreadable| (Kind::Unknown, Message::default()));
    Event {
        thread: place.thread,
        time: frame.timestamp.map(|Number(ms)| Timestamp(ms)),
        kind,
        message: Message {
            sender: place.sender,
            group: place.group,
            // Another module channel is in charge: do not reply.
            standby: frame.mode.as_deref() == Some("standby"),
            subtype: match kind {
                Kind::Unknown | Kind::Handover | Kind::AccountChanged => {
                    content.subtype.or_else(|| Some(frame.r#type.into()))
                }
                _ => None,
            },
            ..content
        },
        ..unknown(account.clone(), dedupe, raw)
    }
}

/// The kind and the message of an event, from the object that bears the type's name.
fn what_happened(
    r#type: &str,
    fragment: &str,
    account: &AccountRef,
) -> Result<(Kind, Message), serde_json::Error> {
    let said = |kind, message| Ok((kind, message));
    match r#type {
        "message" => {
            let Content { message } = serde_json::from_str(fragment)?;
            message::received(message)
        }
        "messageEdited" => {
            let Content { message } = serde_json::from_str(fragment)?;
            Ok((Kind::MessageEdited, message::edited(message)?))
        }
        "unsend" => {
            let Unsent { unsend } = serde_json::from_str(fragment)?;
            said(Kind::MessageDeleted, Message { id: unsend.message_id.named(), ..Message::default() })
        }
        "postback" => {
            let Pressed { postback } = serde_json::from_str(fragment)?;
            let postback = Postback { payload: postback.data, title: None };
            said(Kind::Postback, Message { postback: Some(postback), ..Message::default() })
        }
        "follow" => {
            let Followed { follow } = serde_json::from_str(fragment)?;
            let unblocked = follow.is_some_and(|follow| follow.is_unblocked == Some(true));
            said(Kind::MemberChanged, member(if unblocked { "unblocked" } else { "followed" }, Vec::new()))
        }
        "unfollow" => said(Kind::MemberChanged, member("blocked", Vec::new())),
        "join" => said(Kind::MemberChanged, member("joined", ourselves(account))),
        "leave" => said(Kind::MemberChanged, member("left", ourselves(account))),
        "memberJoined" => {
            let Joined { joined } = serde_json::from_str(fragment)?;
            said(Kind::MemberChanged, member("joined", joined.parties()))
        }
        "memberLeft" => {
            let Left { left } = serde_json::from_str(fragment)?;
            said(Kind::MemberChanged, member("left", left.parties()))
        }
        // A module channel took or gave back the control of the chat.
        "activated" | "deactivated" => said(Kind::Handover, Message::default()),
        "module" | "botSuspended" | "botResumed" => said(Kind::AccountChanged, Message::default()),
        _ => said(Kind::Unknown, Message::default()),
    }
}

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow)]
    message: &'a RawValue,
}

#[derive(Deserialize)]
struct Unsent<'a> {
    #[serde(borrow)]
    unsend: Unsend<'a>,
}

#[derive(Deserialize)]
struct Unsend<'a> {
    #[serde(borrow, rename = "messageId")]
    message_id: Id<'a>,
}

#[derive(Deserialize)]
struct Pressed {
    postback: Data,
}

#[derive(Deserialize)]
struct Data {
    data: Option<String>,
}

#[derive(Deserialize)]
struct Followed {
    follow: Option<Follow>,
}

#[derive(Deserialize)]
struct Follow {
    #[serde(rename = "isUnblocked")]
    is_unblocked: Option<bool>,
}

#[derive(Deserialize)]
struct Joined<'a> {
    #[serde(borrow)]
    joined: Members<'a>,
}

#[derive(Deserialize)]
struct Left<'a> {
    #[serde(borrow)]
    left: Members<'a>,
}

#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow)]
    members: Vec<User<'a>>,
}

#[derive(Deserialize)]
struct User<'a> {
    #[serde(borrow, rename = "userId")]
    user_id: Option<Id<'a>>,
}

impl Members<'_> {
    fn parties(self) -> Vec<Party> {
        let ids = self.members.into_iter().filter_map(|user| user.user_id?.named());
        ids.map(|id| Party { id, ..Party::default() }).collect()
    }
}

/// The bot itself: whom `join` and `leave` concern.
fn ourselves(account: &AccountRef) -> Vec<Party> {
    match account {
        AccountRef::Id(id) => vec![Party { id: id.clone(), ..Party::default() }],
        AccountRef::Endpoint | AccountRef::Mailbox(_) | AccountRef::Unknown => Vec::new(),
    }
}

fn member(change: &'static str, who: Vec<Party>) -> Message {
    Message { member: Some(Member { change: change.into(), who }), ..Message::default() }
}

fn unknown(account: AccountRef, dedupe: String, raw: Raw) -> Event {
    Event {
        channel: Channel::Line,
        account,
        thread: None,
        dedupe: vec![dedupe],
        time: None,
        kind: Kind::Unknown,
        message: Message::default(),
        raw,
        higher: Vec::new(),
    }
}

#[cfg(test)]
mod tests;
