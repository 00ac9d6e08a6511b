//! LINE Messaging API: `providers.md` section 6.

mod message;

use serde_json::value::RawValue;

use super::{
    Channel, Malformed, Refusal, Request, Split, Verified,
    event::{AccountRef, Event, Kind, Member, Message, Party, Postback, Raw, Thread},
    json::{Members, Number, fingerprint},
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
        signature::hmac_sha256(&self.channel_secrets, &[request.body], &mac(request.headers)?)
    }

    /// One item for each of `events`. The console's Verify button sends none: no item.
    pub(super) fn split(&self, verified: &Verified<'_>) -> Result<Split, Malformed> {
        const EXPECTED: Malformed =
            Malformed { expected: "a LINE webhook: `destination` and `events`", limit: None };
        let body = verified.body();
        let text = std::str::from_utf8(body).map_err(|_not_text| EXPECTED)?;
        let envelope: Members<'_> = serde_json::from_str(text).map_err(|_no_object| EXPECTED)?;
        let account = match envelope.id("destination") {
            Ok(Some(id)) => AccountRef::Id(id),
            Ok(None) | Err(_) => AccountRef::Unknown,
        };
        let items = match envelope.need::<Vec<&RawValue>>("events") {
            Ok(events) => events.into_iter().map(|raw| event(body, &account, raw.get()).into()).collect(),
            // A body of a shape that is yet to come: kept whole.
            Err(_no_list) => vec![unknown(account, fingerprint(body), Raw::Whole).into()],
        };
        Ok(Split { items, ..Split::default() })
    }
}

/// The MAC that the head claims for the body.
pub(super) fn mac(headers: &http::HeaderMap) -> Result<Vec<u8>, Refusal> {
    signature::base64(signature::header(headers, "x-line-signature")?)
}

/// An item of `events`. What cannot be read is kept as [`Kind::Unknown`], in its conversation if the
/// source can be read.
fn event(body: &[u8], account: &AccountRef, fragment: &str) -> Event {
    let event: Members<'_> = serde_json::from_str(fragment).unwrap_or_default();
    // `webhookEventId` stays the same on a redelivery; bodies from before 2022 have none.
    let dedupe = match event.id("webhookEventId") {
        Ok(Some(id)) => format!("event:{id}"),
        Ok(None) | Err(_) => fingerprint(fragment.as_bytes()),
    };
    let name: Option<String> = event.read("type").ok().flatten();
    let (kind, mut message) = name
        .as_deref()
        .and_then(|name| what_happened(name, &event, account).ok())
        .unwrap_or_else(|| (Kind::Unknown, Message::default()));
    let coarse = matches!(kind, Kind::Unknown | Kind::Handover | Kind::AccountChanged);
    if coarse && message.subtype.is_none() {
        message.subtype = name.map(Into::into);
    }
    let place = Place::of(&event).unwrap_or_default();
    message.sender = place.sender;
    message.group = place.group;
    // Another module channel is in charge: do not reply.
    message.standby = event.read::<String>("mode").ok().flatten().as_deref() == Some("standby");
    Event {
        thread: place.thread,
        time: event.read("timestamp").ok().flatten().map(|Number(ms)| Timestamp(ms)),
        kind,
        message,
        ..unknown(account.clone(), dedupe, Raw::slice_of(body, fragment))
    }
}

/// The conversation, the sender and the group. Which id names the conversation depends on the source's
/// type alone: a group's event may name a user too, and may not. The source may be absent.
#[derive(Default)]
struct Place {
    thread: Option<Thread>,
    sender: Option<Party>,
    group: Option<Party>,
}

impl Place {
    fn of(event: &Members<'_>) -> serde_json::Result<Self> {
        let source: Members<'_> = event.read("source")?.unwrap_or_default();
        let r#type: Option<String> = source.read("type")?;
        let user = source.id("userId")?;
        let (kind, id) = match r#type.as_deref() {
            Some("user") => ("user", user.clone()),
            Some("group") => ("group", source.id("groupId")?),
            Some("room") => ("room", source.id("roomId")?),
            Some(_) | None => ("", None),
        };
        Ok(Self {
            thread: id.as_deref().map(|id| Thread::of(kind, id)),
            group: if kind == "user" { None } else { id.map(party) },
            sender: user.map(party),
        })
    }
}

/// The kind and the message of an event, from the object that bears the type's name.
fn what_happened(
    name: &str,
    event: &Members<'_>,
    account: &AccountRef,
) -> serde_json::Result<(Kind, Message)> {
    let object = |key| event.need::<Members<'_>>(key);
    Ok(match name {
        "message" => message::received(&object("message")?)?,
        "messageEdited" => (Kind::MessageEdited, message::written(&object("message")?)?),
        "unsend" => {
            let id = Some(object("unsend")?.need_id("messageId")?);
            (Kind::MessageDeleted, Message { id, ..Message::default() })
        }
        "postback" => {
            let postback = Postback { payload: object("postback")?.read("data")?, title: None };
            (Kind::Postback, Message { postback: Some(postback), ..Message::default() })
        }
        "follow" => {
            let follow: Members<'_> = event.read("follow")?.unwrap_or_default();
            let unblocked = follow.read("isUnblocked")? == Some(true);
            member(if unblocked { "unblocked" } else { "followed" }, Vec::new())
        }
        "unfollow" => member("blocked", Vec::new()),
        "join" => member("joined", ourselves(account)),
        "leave" => member("left", ourselves(account)),
        "memberJoined" => member("joined", members(&object("joined")?)?),
        "memberLeft" => member("left", members(&object("left")?)?),
        // A module channel took or gave back the control of the chat.
        "activated" | "deactivated" => (Kind::Handover, Message::default()),
        "module" | "botSuspended" | "botResumed" => (Kind::AccountChanged, Message::default()),
        _ => (Kind::Unknown, Message::default()),
    })
}

fn members(of: &Members<'_>) -> serde_json::Result<Vec<Party>> {
    let users: Vec<Members<'_>> = of.need("members")?;
    let ids = users.iter().map(|user| user.id("userId")).collect::<Result<Vec<_>, _>>()?;
    Ok(ids.into_iter().flatten().map(party).collect())
}

/// The bot itself: whom `join` and `leave` concern.
fn ourselves(account: &AccountRef) -> Vec<Party> {
    match account {
        AccountRef::Id(id) => vec![party(id.clone())],
        AccountRef::Endpoint | AccountRef::Mailbox(_) | AccountRef::Unknown => Vec::new(),
    }
}

fn party(id: String) -> Party {
    Party { id, ..Party::default() }
}

fn member(change: &'static str, who: Vec<Party>) -> (Kind, Message) {
    let member = Member { change: change.into(), who };
    (Kind::MemberChanged, Message { member: Some(member), ..Message::default() })
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
        reached: None,
    }
}

#[cfg(test)]
mod tests;
