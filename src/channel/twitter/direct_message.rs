//! Direct messages: written, typed, seen; and the encrypted ones, of which only the route can be read.

use super::{Happened, activity::named, milliseconds, people::People};
use crate::channel::{
    event::{Kind, Media, Member, Message, Postback, State, Status, Thread},
    json::Members,
};

/// `direct_message_events`: sent and received ones come alike, told apart by the sender.
pub(super) fn written(
    event: &Members<'_>,
    ours: Option<&str>,
    people: &People,
) -> serde_json::Result<Happened> {
    if event.need::<String>("type")? != "message_create" {
        return Ok(Happened::unknown("direct_message_events"));
    }
    let create: Members<'_> = event.need("message_create")?;
    let data: Members<'_> = create.need("message_data")?;
    let ends = Ends::of(&create)?;
    let thread = match event.id("dm_conversation_id")? {
        Some(conversation) => Some(conversation_of(&conversation, ours)),
        None => ends.thread(ours),
    };
    let reply: Members<'_> = data.read("quick_reply_response")?.unwrap_or_default();
    let payload: Option<String> = reply.read("metadata")?;
    let id = event.need_id("id")?;
    Ok(Happened {
        kind: ends.kind(ours),
        thread,
        time: milliseconds(event, "created_timestamp"),
        id: Some(format!("dm:{id}")),
        message: Message {
            id: Some(id),
            sender: ends.sender.map(|id| people.party(id)),
            text: data.read("text")?,
            media: attached(&data)?.into_iter().collect(),
            postback: payload.map(|payload| Postback { payload: Some(payload), title: None }),
            ..Message::default()
        },
    })
}

/// `direct_message_indicate_typing_events`: they have no id.
pub(super) fn typing(
    event: &Members<'_>,
    ours: Option<&str>,
    people: &People,
) -> serde_json::Result<Happened> {
    let ends = Ends::of(event)?;
    Ok(Happened {
        kind: Kind::Typing,
        thread: ends.thread(ours),
        time: milliseconds(event, "created_timestamp"),
        id: None,
        message: Message { sender: ends.sender.map(|id| people.party(id)), ..Message::default() },
    })
}

/// `direct_message_mark_read_events`: the sender has seen everything up to `last_read_event_id`.
pub(super) fn seen(event: &Members<'_>, ours: Option<&str>, people: &People) -> serde_json::Result<Happened> {
    let ends = Ends::of(event)?;
    let last = event.need_id("last_read_event_id")?;
    let reader = ends.sender.clone().unwrap_or_default();
    Ok(Happened {
        kind: Kind::MessageStatus,
        thread: ends.thread(ours),
        time: milliseconds(event, "created_timestamp"),
        id: Some(format!("read:{reader}:{last}")),
        message: Message {
            id: Some(last),
            sender: ends.sender.map(|id| people.party(id)),
            status: Some(Status::of(State::Read)),
            ..Message::default()
        },
    })
}

/// `chat.received`, `chat.sent`: end-to-end encrypted. There is no text; it is routed all the same.
pub(super) fn encrypted(
    name: &str,
    payload: &Members<'_>,
    ours: Option<&str>,
    people: &People,
) -> serde_json::Result<Happened> {
    let sender = payload.id("sender_id")?;
    let id = payload.id("id")?;
    Ok(Happened {
        kind: direction(sender.as_deref(), ours),
        thread: payload.id("conversation_id")?.map(|id| conversation_of(&id, ours)),
        time: milliseconds(payload, "created_at_msec"),
        id: id.as_ref().map(|id| format!("chat:{id}")),
        message: Message { id, sender: sender.map(|id| people.party(id)), ..named(name) },
    })
}

/// `chat.conversation_join`: somebody came into an encrypted conversation.
pub(super) fn joined(
    name: &str,
    payload: &Members<'_>,
    ours: Option<&str>,
    people: &People,
) -> serde_json::Result<Happened> {
    let member = Member { change: "joined".into(), who: Vec::new() };
    let told = encrypted(name, payload, ours, people)?;
    let message = Message { member: Some(member), ..told.message };
    Ok(Happened { kind: Kind::MemberChanged, message, ..told })
}

/// The two ends of a one-to-one message.
struct Ends {
    sender: Option<String>,
    recipient: Option<String>,
}

impl Ends {
    fn of(event: &Members<'_>) -> serde_json::Result<Self> {
        let target: Members<'_> = event.read("target")?.unwrap_or_default();
        Ok(Self { sender: event.id("sender_id")?, recipient: target.id("recipient_id")? })
    }

    fn kind(&self, ours: Option<&str>) -> Kind {
        direction(self.sender.as_deref(), ours)
    }

    /// The conversation with the other end.
    fn thread(&self, ours: Option<&str>) -> Option<Thread> {
        let other = if is_ours(self.sender.as_deref(), ours) { &self.recipient } else { &self.sender };
        other.as_deref().map(|id| Thread::of("user", id))
    }
}

fn direction(sender: Option<&str>, ours: Option<&str>) -> Kind {
    if is_ours(sender, ours) { Kind::MessageSent } else { Kind::MessageReceived }
}

/// An unknown user is not equal to an unknown user.
fn is_ours(user: Option<&str>, ours: Option<&str>) -> bool {
    user.is_some() && user == ours
}

/// `idA-idB` and `idA:idB`, in any order, are the conversation of two users, one of them us; any other
/// id is a group's.
fn conversation_of(id: &str, ours: Option<&str>) -> Thread {
    let is_user = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    match id.split_once([':', '-']) {
        Some((one, other)) if is_user(one) && is_user(other) => {
            if is_ours(Some(one), ours) {
                Thread::of("user", other)
            } else if is_ours(Some(other), ours) {
                Thread::of("user", one)
            } else {
                Thread::of("users", &format!("{}-{}", one.min(other), one.max(other)))
            }
        }
        _ => Thread::of("group", id),
    }
}

/// The one attachment that a message may have.
fn attached(data: &Members<'_>) -> serde_json::Result<Option<Media>> {
    let attachment: Members<'_> = data.read("attachment")?.unwrap_or_default();
    let kind: Option<String> = attachment.read("type")?;
    let Some(kind) = kind else { return Ok(None) };
    match attachment.read::<Members<'_>>("media")? {
        Some(media) => super::post::media(&media).map(Some),
        None => Ok(Some(Media { kind: kind.into(), ..Media::default() })),
    }
}
