//! What a channel's file makes of a webhook: items, of which most are events.

mod receipt;

use std::{borrow::Cow, ops::Range};

use serde::{Deserialize, Serialize};

pub use self::receipt::{Reached, State, Status};
use crate::ids::Timestamp;

/// Everything that one verified webhook held, in the order it stood there.
#[derive(Debug, Default)]
pub struct Split {
    /// One for each item of the batch, none lost: `items.len()` is what the provider sent.
    pub items: Vec<Item>,
    /// A subscription that waits for us to visit this URL (SNS, `providers.md` section 12). Its host
    /// and topic are already checked; the shell visits it before it answers.
    pub confirm: Option<String>,
    /// A value that may be used once per endpoint, signed by the provider in place of the content
    /// (Mailgun's `token`, section 9): a second webhook with it is a duplicate whatever it holds.
    pub nonce: Option<String>,
}

/// One item of a batch.
#[derive(Debug)]
pub enum Item {
    /// Something that happened: kept and delivered.
    Event(Box<Event>),
    /// Nothing that happened: counted and forgotten.
    Ignored(Ignored),
}

impl From<Event> for Item {
    fn from(event: Event) -> Self {
        Self::Event(Box::new(event))
    }
}

/// Why an item is no event. Only what a provider documents as having no meaning for a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ignored {
    /// A dashboard's test button sent a made-up sample.
    DashboardTest,
    /// The provider checks that the webhook works.
    Verification,
    /// A message of the provider's own plumbing (X replay job, SNS unsubscribe confirmation).
    Housekeeping,
}

impl Ignored {
    /// Every reason, for metrics.
    pub const ALL: [Self; 3] = [Self::DashboardTest, Self::Verification, Self::Housekeeping];

    /// The metric label.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::DashboardTest => "dashboard_test",
            Self::Verification => "verification",
            Self::Housekeeping => "housekeeping",
        }
    }
}

/// One thing that happened on a channel.
#[derive(Debug)]
pub struct Event {
    /// Which kind of provider.
    pub channel: super::Channel,
    /// Which of our identities it happened to, as the provider names it.
    pub account: AccountRef,
    /// The conversation; `None` for what concerns the account itself (quality, templates, revocation).
    pub thread: Option<Thread>,
    /// The provider's ids of the event, each made unique within (channel, account): the dedupe keys of
    /// `providers.md`, never empty. The same for every redelivery, different for every other event. If
    /// one was seen before, the event is a duplicate. The first one gives the [`crate::ids::EventId`].
    pub dedupe: Vec<String>,
    /// The provider's time of the event.
    pub time: Option<Timestamp>,
    /// What happened.
    pub kind: Kind,
    /// The normalised part of the event's `data`.
    pub message: Message,
    /// The provider's own fragment, delivered as `data.raw`.
    pub raw: Raw,
    /// For a receipt whose state others of the same messages can be compared with. If a further one was
    /// accepted earlier, this one came late, and what is delivered does not go back.
    pub reached: Option<Reached>,
}

/// Our identity, as found in the verified body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountRef {
    /// The provider's id: phone number id, page id, destination, …
    Id(String),
    /// The endpoint's only account, which the body does not name (Telegram, Standard Webhooks, some events
    /// of relays). Quarantined if the endpoint has several.
    Endpoint,
    /// A mailbox, lower-cased and without its plus token; found by whole address, then by domain.
    Mailbox(String),
    /// The body does not say: quarantined.
    Unknown,
}

/// The provider's thread with a contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thread {
    /// The names the event gives the conversation, strongest first, never empty.
    pub keys: Vec<ThreadKey>,
    /// What to do when the names are known already.
    pub join: Join,
    /// Names that no longer mean this conversation once the event happened (a given-up number).
    pub retired: Vec<String>,
    /// The sender's domain, for channels on which strangers choose the thread (email): a match by
    /// reference from another domain is flagged.
    pub domain: Option<String>,
}

/// One name of a conversation within an account, such as `user:US.1349…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadKey {
    /// `<kind>:<the provider's id>`; never shown to anyone.
    pub text: String,
    /// Whether the provider gives this id to nobody else, ever. A phone number is not lasting.
    pub lasting: bool,
}

/// How the names of an event find their conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Join {
    /// The provider says that all names mean one conversation: known ones are merged.
    Merge,
    /// The sender says so (email references): the first known name wins, and nothing is merged.
    FirstKnown,
    /// As [`Self::FirstKnown`], and the first name is a secret that we gave out (an email token): whoever
    /// comes with it was let in, wherever they come from.
    TokenFirst,
}

impl Thread {
    /// A thread with one lasting name.
    #[must_use]
    pub fn of(kind: &str, id: &str) -> Self {
        Self {
            keys: vec![ThreadKey::lasting(kind, id)],
            join: Join::Merge,
            retired: Vec::new(),
            domain: None,
        }
    }
}

impl ThreadKey {
    /// A name that the provider gives to nobody else.
    #[must_use]
    pub fn lasting(kind: &str, id: &str) -> Self {
        Self { text: format!("{kind}:{id}"), lasting: true }
    }

    /// A name that may mean somebody else later.
    #[must_use]
    pub fn passing(kind: &str, id: &str) -> Self {
        Self { text: format!("{kind}:{id}"), lasting: false }
    }
}

/// What happened; the CloudEvents `type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// The contact wrote.
    MessageReceived,
    /// We wrote, by this or another way (echo, phone app, page inbox).
    MessageSent,
    /// A message got a new text.
    MessageEdited,
    /// A message was taken back: stored content must be hidden.
    MessageDeleted,
    /// A receipt: sent, delivered, read, failed, …
    MessageStatus,
    /// A reaction was set or removed.
    MessageReaction,
    /// A button or menu was used.
    Postback,
    /// Somebody joined or left, followed or blocked us.
    MemberChanged,
    /// The contact's identity changed (number, user id, group upgrade).
    ContactChanged,
    /// Somebody types.
    Typing,
    /// Another app took or gave control of the thread.
    Handover,
    /// A call.
    Call,
    /// Public posts, comments, mentions.
    Post,
    /// The account itself: quality, templates, policy, revocation.
    AccountChanged,
    /// An email bounced.
    Bounced,
    /// A kind that this version does not know, kept as it came.
    Unknown,
}

impl Kind {
    /// Every kind, for metrics and documentation.
    pub const ALL: [Self; 16] = [
        Self::MessageReceived,
        Self::MessageSent,
        Self::MessageEdited,
        Self::MessageDeleted,
        Self::MessageStatus,
        Self::MessageReaction,
        Self::Postback,
        Self::MemberChanged,
        Self::ContactChanged,
        Self::Typing,
        Self::Handover,
        Self::Call,
        Self::Post,
        Self::AccountChanged,
        Self::Bounced,
        Self::Unknown,
    ];

    /// The CloudEvents `type`.
    #[must_use]
    pub fn cloud_event_type(self) -> &'static str {
        match self {
            Self::MessageReceived => "chat.message.received",
            Self::MessageSent => "chat.message.sent",
            Self::MessageEdited => "chat.message.edited",
            Self::MessageDeleted => "chat.message.deleted",
            Self::MessageStatus => "chat.message.status",
            Self::MessageReaction => "chat.message.reaction",
            Self::Postback => "chat.postback",
            Self::MemberChanged => "chat.member.changed",
            Self::ContactChanged => "chat.contact.changed",
            Self::Typing => "chat.typing",
            Self::Handover => "chat.handover",
            Self::Call => "chat.call",
            Self::Post => "chat.post",
            Self::AccountChanged => "chat.account.changed",
            Self::Bounced => "chat.email.bounced",
            Self::Unknown => "chat.unknown",
        }
    }
}

/// Where the provider's own fragment of an event is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Raw {
    /// JSON text at this range of the request body, byte for byte.
    Range(Range<u32>),
    /// JSON text that is no range of the body (it stood in a string inside it).
    Owned(Box<str>),
    /// The whole body: as JSON if it is JSON, otherwise `{"content_type", "base64"}`.
    Whole,
}

impl Raw {
    /// The range at which `part`, a slice of `whole`, stands in it. A part that is no slice of it is
    /// copied, so that the answer is right in any case.
    #[must_use]
    pub fn slice_of(whole: &[u8], part: &str) -> Self {
        let start = (part.as_ptr() as usize).checked_sub(whole.as_ptr() as usize);
        let range = start.and_then(|start| {
            let end = start.checked_add(part.len())?;
            whole.get(start..end)?;
            Some(u32::try_from(start).ok()?..u32::try_from(end).ok()?)
        });
        range.map_or_else(|| Self::Owned(part.into()), Self::Range)
    }
}

/// The normalised message: the same shape for every channel. What a kind does not have is absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Message {
    /// The provider's id of the message this is, or is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Who wrote or acted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender: Option<Party>,
    /// The group, room or channel, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<Party>,
    /// The text, or the caption of media.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// References to media; never the bytes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub media: Vec<Media>,
    /// The provider's id of the message that this one answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// The provider's id of the album that this message and others form together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub album: Option<String>,
    /// Further message ids that the event is about (a batch of deletions, a receipt for several).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<String>,
    /// A receipt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// A reaction; `id` is the message reacted to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reaction: Option<Reaction>,
    /// A button, quick reply, list choice or command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postback: Option<Postback>,
    /// Joins, leaves, follows, blocks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member: Option<Member>,
    /// An identity that changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
    /// What only email has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<Box<Email>>,
    /// Another app is in charge of the thread: show it, never answer it automatically.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub standby: bool,
    /// The provider's own name of what happened (`system`, `things`, `order`, …) where `kind` is coarser.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subtype: Option<Cow<'static, str>>,
}

/// A person, group or account, by the provider's id.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Party {
    /// The provider's id.
    pub id: String,
    /// The name the provider gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The handle, number or address, where it is another than the id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handle: Option<String>,
}

/// A reference to media. How its bytes are fetched is the provider's section of the documentation.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Media {
    /// `image`, `video`, `audio`, `voice`, `file`, `sticker`, `location`, `contact`, `link`, …: a
    /// short word, the provider's own where none of these fits.
    pub kind: Cow<'static, str>,
    /// The provider's id of the media, or the name of the part in `data.raw` that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// A URL, if the provider gave one. It may expire, and may itself grant access.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The media type, as declared by the sender.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// The file name, as declared by the sender: not safe as a path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Size in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// SHA-256, as the provider writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// A reaction to a message.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Reaction {
    /// The emoji now set by the sender; absent when it was removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub emoji: Option<String>,
    /// The reaction was taken away.
    pub removed: bool,
}

/// A button, quick reply, list choice.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Postback {
    /// What the button carries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
    /// What the button showed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

/// Who came or went.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Member {
    /// `joined`, `left`, `followed`, `blocked`, `unblocked`, or the provider's own word.
    pub change: Cow<'static, str>,
    /// Whom it concerns; empty where it is the sender.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub who: Vec<Party>,
}

/// An identity that changed: the conversation keeps its tag under the new names.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Identity {
    /// The name until now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<String>,
    /// The name from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current: Option<String>,
}

/// What only email has.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Email {
    /// The subject, decoded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// `To` addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<String>,
    /// `Cc` addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cc: Vec<String>,
    /// Envelope recipients: the only place that shows a Bcc.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub envelope_to: Vec<String>,
    /// Envelope sender.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub envelope_from: Option<String>,
    /// The RFC 5322 Message-ID, without angle brackets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// Ids of `In-Reply-To`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub in_reply_to: Vec<String>,
    /// Ids of `References`, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<String>,
    /// The plus-address token that the mail came with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The HTML body, as sent: unsafe to show as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    /// Not written by a person: never answer it automatically.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub automatic: Option<Automatic>,
    /// What makes the mail's reading doubtful (repeated `From`, nesting, broken MIME, …).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ambiguous: Vec<Cow<'static, str>>,
    /// SPF, DKIM and spam verdicts, as the provider gives them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub verdicts: Vec<(Cow<'static, str>, String)>,
    /// For a bounce: the Message-ID of the mail of ours that came back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bounced: Option<String>,
}

/// Why a mail is not a person's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Automatic {
    /// A delivery status notification.
    Bounce,
    /// An out-of-office note or the like.
    AutoReply,
    /// A mailing list or bulk mail.
    Bulk,
}
