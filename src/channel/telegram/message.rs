//! The Bot API's `Message`: what was written, shown or sent, or what a service message tells.

use serde::Deserialize;

use super::{
    Happened, date, member,
    place::{self, Place, User},
    seconds,
};
use crate::channel::{
    event::{Identity, Kind, Media, Message, Postback},
    json::{Id, Members, Number},
};

/// `message`: somebody wrote to the chat. A bot gets none of its own.
pub(super) fn received(message: &Members<'_>, place: &Place) -> serde_json::Result<Happened> {
    told(message, place, Kind::MessageReceived)
}

/// `channel_post`: published in a channel.
pub(super) fn posted(message: &Members<'_>, place: &Place) -> serde_json::Result<Happened> {
    told(message, place, Kind::Post)
}

/// `business_message`: both directions of a chat between a business account and its customer. The
/// private chat has the customer's id: whoever else writes is the owner, or a bot for the owner.
pub(super) fn of_business(message: &Members<'_>, place: &Place) -> serde_json::Result<Happened> {
    let from = message.read::<User>("from")?.map(|user| user.id.0);
    let by_owner = from.is_some_and(|from| Some(from) != place.chat_id());
    let by_bot = message.value("sender_business_bot").is_some();
    told(message, place, if by_owner || by_bot { Kind::MessageSent } else { Kind::MessageReceived })
}

/// `edited_…`: a message got a new text or new media.
pub(super) fn edited(message: &Members<'_>, place: &Place) -> serde_json::Result<Happened> {
    let edited = seconds(message, "edit_date")?;
    Ok(Happened {
        kind: Kind::MessageEdited,
        thread: place.thread(),
        time: edited.or(date(message)?),
        message: content(message, place)?,
    })
}

/// `deleted_business_messages`: a batch of deletions in one update.
pub(super) fn deleted(update: &Members<'_>, place: &Place) -> serde_json::Result<Happened> {
    let ids: Vec<Id<'_>> = update.need("message_ids")?;
    Ok(Happened {
        kind: Kind::MessageDeleted,
        thread: place.thread(),
        time: None,
        message: Message { ids: ids.into_iter().filter_map(Id::named).collect(), ..Message::default() },
    })
}

/// A message with content is of the kind `written`; a service message of the kind that it tells of.
fn told(message: &Members<'_>, place: &Place, written: Kind) -> serde_json::Result<Happened> {
    let mut content = content(message, place)?;
    let mut thread = place.thread();
    let kind = if let Some((old, new)) = upgrade(message, place)? {
        thread = Some(place::upgraded(old, new));
        content.identity = Some(Identity { previous: Some(old.to_string()), current: Some(new.to_string()) });
        Kind::ContactChanged
    } else if let Some(member) = member::told(message)? {
        content.member = Some(member);
        Kind::MemberChanged
    } else if let Some(data) = message.read::<Members<'_>>("web_app_data")? {
        content.postback = Some(Postback { payload: data.read("data")?, title: data.read("button_text")? });
        Kind::Postback
    } else if content.text.is_some() || !content.media.is_empty() {
        written
    } else {
        content.subtype = what(message);
        Kind::Unknown
    };
    Ok(Happened { kind, thread, time: date(message)?, message: content })
}

/// The old and new id of a group that became a supergroup: told once in the old chat, once in the new.
fn upgrade(message: &Members<'_>, place: &Place) -> serde_json::Result<Option<(i64, i64)>> {
    let here = place.chat_id();
    let to = message.read("migrate_to_chat_id")?.map(|Number(id)| id);
    let from = message.read("migrate_from_chat_id")?.map(|Number(id)| id);
    Ok(here.zip(to).or_else(|| from.zip(here)))
}

fn content(message: &Members<'_>, place: &Place) -> serde_json::Result<Message> {
    let text: Option<String> = message.read("text")?;
    Ok(Message {
        // An ephemeral message has 0, which names none.
        id: message.id("message_id")?.filter(|id| id != "0"),
        sender: place::sender(message, "sender_chat", "from")?,
        group: place.group(),
        text: match text {
            Some(text) => Some(text),
            None => message.read("caption")?,
        },
        media: media(message)?,
        reply_to: reply_to(message)?,
        album: message.id("media_group_id")?,
        ..Message::default()
    })
}

/// The message that this one answers. Every message of a topic "answers" the one that opened it: that
/// says where it stands, not what it answers.
fn reply_to(message: &Members<'_>) -> serde_json::Result<Option<String>> {
    let answered: Members<'_> = message.read("reply_to_message")?.unwrap_or_default();
    let id = answered.id("message_id")?;
    let in_topic = message.read("is_topic_message")? == Some(true);
    Ok(if in_topic && id == message.id("message_thread_id")? { None } else { id })
}

/// Members that hold a file, and our word for it.
const FILES: [(&str, &str); 8] = [
    ("animation", "animation"),
    ("document", "file"),
    ("voice", "voice"),
    ("audio", "audio"),
    ("video", "video"),
    ("video_note", "video"),
    ("live_photo", "live_photo"),
    ("sticker", "sticker"),
];

/// Members that hold something to show which is no file, and our word for it.
const SHOWN: [(&str, &str); 12] = [
    ("venue", "location"),
    ("location", "location"),
    ("contact", "contact"),
    ("poll", "poll"),
    ("dice", "dice"),
    ("game", "game"),
    ("invoice", "invoice"),
    ("story", "story"),
    ("paid_media", "paid_media"),
    ("checklist", "checklist"),
    ("giveaway", "giveaway"),
    ("rich_message", "rich_message"),
];

#[derive(Deserialize)]
struct File {
    file_id: String,
    mime_type: Option<String>,
    file_name: Option<String>,
    file_size: Option<u64>,
}

impl File {
    fn into_media(self, kind: &'static str) -> Media {
        Media {
            kind: kind.into(),
            id: Some(self.file_id),
            content_type: self.mime_type,
            name: self.file_name,
            size: self.file_size,
            ..Media::default()
        }
    }
}

fn media(message: &Members<'_>) -> serde_json::Result<Vec<Media>> {
    let mut media = Vec::new();
    // The sizes of one photo, the largest last.
    if let Some(largest) = message.read::<Vec<File>>("photo")?.and_then(|mut sizes| sizes.pop()) {
        media.push(largest.into_media("image"));
    }
    for (member, kind) in FILES {
        // An animation is repeated as a document for clients that do not know it.
        let repeated = member == "document" && message.value("animation").is_some();
        if let Some(file) = message.read::<File>(member)?.filter(|_| !repeated) {
            media.push(file.into_media(kind));
        }
    }
    for (member, kind) in SHOWN {
        // A venue's location is repeated beside it.
        let repeated = member == "location" && message.value("venue").is_some();
        if message.value(member).is_some() && !repeated {
            media.push(Media { kind: kind.into(), ..Media::default() });
        }
    }
    Ok(media)
}

/// Members that say who, where, when and how. Any other says what.
const FRAME: [&str; 47] = [
    "author_signature",
    "business_connection_id",
    "caption_entities",
    "chat",
    "date",
    "direct_messages_topic",
    "edit_date",
    "effect_id",
    "entities",
    "ephemeral_message_id",
    "external_reply",
    "forward_date",
    "forward_from",
    "forward_from_chat",
    "forward_from_message_id",
    "forward_origin",
    "forward_sender_name",
    "forward_signature",
    "from",
    "guest_bot_caller_chat",
    "guest_bot_caller_user",
    "guest_query_id",
    "has_media_spoiler",
    "has_protected_content",
    "is_automatic_forward",
    "is_from_offline",
    "is_paid_post",
    "is_topic_message",
    "link_preview_options",
    "media_group_id",
    "message_id",
    "message_thread_id",
    "paid_star_count",
    "quote",
    "receiver_user",
    "reply_markup",
    "reply_to_checklist_task_id",
    "reply_to_message",
    "reply_to_poll_option_id",
    "reply_to_story",
    "sender_boost_count",
    "sender_business_bot",
    "sender_chat",
    "sender_tag",
    "show_caption_above_media",
    "suggested_post_info",
    "via_bot",
];

/// The name of the member that a service message consists of, such as `pinned_message`.
fn what(message: &Members<'_>) -> Option<std::borrow::Cow<'static, str>> {
    let member = message.0.iter().find(|(name, _)| !FRAME.contains(&name.as_ref()));
    member.map(|(name, _)| name.to_string().into())
}
