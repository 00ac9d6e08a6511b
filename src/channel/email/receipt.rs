//! What became of a mail that we sent: the relays' event webhooks.

use std::borrow::Cow;

use super::{mailbox, thread};
use crate::{
    channel::{
        Channel,
        event::{AccountRef, Event, Kind, Message, Party, Raw, Reached, State, Status},
    },
    ids::Timestamp,
};

/// How far the mail got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::channel) enum Outcome {
    /// The recipient's server took it.
    Delivered,
    /// The recipient opened it.
    Read,
    /// It was never sent, or given up.
    Failed,
    /// The recipient's server sent it back.
    Bounced,
    /// Something else (deferred, clicked, complained, …), told by the subtype alone.
    Other,
}

/// A relay's word about a mail of ours.
#[derive(Debug)]
pub(in crate::channel) struct Receipt {
    /// The address or domain that sent it; `None` where the relay does not name it: then the endpoint's
    /// only account is meant.
    pub(in crate::channel) sender: Option<String>,
    /// The relay's own id of the mail, the same in all its receipts; `None` where there is none, or where it
    /// does not say which one of several recipients the receipt is about.
    pub(in crate::channel) mail: Option<String>,
    /// Message-IDs of the mail, without brackets: the one that recipients see first.
    pub(in crate::channel) message_ids: Vec<String>,
    /// The relay's ids of this receipt, never empty.
    pub(in crate::channel) dedupe: Vec<String>,
    /// When.
    pub(in crate::channel) time: Option<Timestamp>,
    /// How far the mail got.
    pub(in crate::channel) outcome: Outcome,
    /// The relay's own word for it.
    pub(in crate::channel) subtype: String,
    /// Whom the mail was for.
    pub(in crate::channel) recipient: Option<String>,
    /// The relay's code or reason, if it failed.
    pub(in crate::channel) error: Option<String>,
}

impl Receipt {
    /// The event, in the conversation of the mail where the relay names the mail as recipients see it.
    pub(in crate::channel) fn event(self, raw: Raw) -> Event {
        let state = match self.outcome {
            Outcome::Delivered => Some(State::Delivered),
            Outcome::Read => Some(State::Read),
            Outcome::Failed | Outcome::Bounced => Some(State::Failed),
            Outcome::Other => None,
        };
        let kind = match self.outcome {
            Outcome::Delivered | Outcome::Read | Outcome::Failed => Kind::MessageStatus,
            Outcome::Bounced => Kind::Bounced,
            Outcome::Other => Kind::Unknown,
        };
        // Each recipient of a mail reads for themselves. Relays write some addresses in lower case.
        let of = self.mail.zip(self.recipient.as_deref());
        let of = of.map(|(mail, recipient)| format!("receipt:{mail}:{}", recipient.to_lowercase()));
        let reached = of.zip(state).and_then(|(of, state)| Reached::message(of, state));
        let place = thread::Place { in_reply_to: &self.message_ids, ..thread::Place::default() };
        Event {
            channel: Channel::Email,
            account: account(self.sender.as_deref()),
            thread: place.thread(),
            dedupe: self.dedupe,
            time: self.time,
            kind,
            message: Message {
                id: self.message_ids.into_iter().next(),
                sender: self.recipient.map(|id| Party { id, ..Party::default() }),
                status: state.map(|state| Status {
                    error: self.error.filter(|_| state == State::Failed),
                    ..Status::of(state)
                }),
                subtype: Some(Cow::Owned(self.subtype)),
                ..Message::default()
            },
            raw,
            reached,
        }
    }
}

/// Our identity by the address or domain that sent a mail.
fn account(sender: Option<&str>) -> AccountRef {
    sender.map_or(AccountRef::Endpoint, |sender| {
        AccountRef::Mailbox(mailbox(sender).unwrap_or_else(|| sender.to_lowercase()))
    })
}
