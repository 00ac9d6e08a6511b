//! The spool: accepted, not yet delivered. What it answers `Ok` for is on stable storage.
//!
//! This file is the seam: the records and the [`Spool`] trait that the embedded store implements now
//! and a cluster store will. It knows nothing of providers, backends or HTTP.
//!
//! A webhook enters in one commit with the dedupe marks of its events. Its events are then handed out
//! as [`Unit`]s, in the order of each conversation: a unit is handed out when it is the oldest in
//! every lane that it belongs to, and nothing else of these lanes is handed out until it is settled.

pub mod embedded;

use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

pub use crate::backend::Format;
use crate::{
    channel::{
        Channel, Kind,
        event::{Join, Raw, State},
    },
    ids::{AccountId, ConversationId, ConversationKey, EndpointId, EventId, TenantId, Timestamp},
};

/// The place of an event in the order of acceptance: strictly increasing over the whole store, never
/// used twice. It is the `headgate-sequence` of the delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sequence(pub u64);

/// A verified webhook on its way into the spool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Webhook {
    /// Whose it is.
    pub tenant: TenantId,
    /// Where it arrived.
    pub endpoint: EndpointId,
    /// When.
    pub received: Timestamp,
    /// How it will be delivered; fixed at acceptance, so that a changed configuration neither repeats
    /// nor loses what is already here.
    pub format: Format,
    /// A value that may be used once (see [`crate::channel::Split::nonce`]).
    pub nonce: Option<EventId>,
    /// The request line's path and query as received, for [`Format::Raw`]. Never holds a secret: the
    /// endpoint's name alone finds the endpoint.
    pub target: String,
    /// The request's headers that the raw delivery repeats: content type, signature and provider
    /// headers. `authorization` and `cookie` are never among them.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The events, in the order of the batch.
    pub events: Vec<Event>,
    /// The body was verified but could not be read: its events (one of [`Kind::Unknown`]) go to quarantine
    /// as [`DeathReason::Malformed`] and are not handed out.
    pub malformed: bool,
    /// The exact bytes of the body.
    pub body: Bytes,
}

/// An event of a webhook, as kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Its id; the first of its dedupe marks.
    pub id: EventId,
    /// Further marks: if one of all was seen before, the event is a duplicate.
    pub also: SmallVec<[EventId; 1]>,
    /// Which kind of provider.
    pub channel: Channel,
    /// Our identity; `None` if no account of the endpoint has the id: quarantined.
    pub account: Option<AccountId>,
    /// Our identity as the provider names it.
    pub provider_account: String,
    /// What happened.
    pub kind: Kind,
    /// The provider's time.
    pub time: Option<Timestamp>,
    /// The conversation's names; `None` for what concerns the account itself.
    pub thread: Option<Thread>,
    /// For a receipt: how far things got by it.
    pub reached: Option<Reached>,
    /// A further receipt that was accepted before this one. Set by the spool.
    pub superseded: Option<Further>,
    /// The normalised message: a JSON object without `raw`.
    pub data: Box<str>,
    /// Where the provider's own fragment is.
    pub raw: Raw,
}

/// What a receipt says ([`crate::channel::event::Reached`]), by marks. A mark of a state holds how far that state
/// got.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reached {
    /// The receipt's own state, then those above it, each with its mark.
    pub rungs: Vec<(State, EventId)>,
    /// Up to where; 0 for a receipt about one message.
    pub up_to: u64,
}

/// What was known before a receipt that says less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Further {
    /// The highest state of all that the receipt is about.
    pub state: State,
    /// Up to where things have that state; 0 for a receipt about one message.
    pub up_to: u64,
}

impl Reached {
    /// The mark that the receipt sets.
    #[must_use]
    pub fn own(&self) -> Option<EventId> {
        self.rungs.first().map(|(_state, mark)| *mark)
    }

    /// What says more than the receipt: a higher state of all that it is about, else its own state further
    /// up. `known` tells how far the state of a mark got.
    pub fn further(&self, known: impl Fn(EventId) -> Option<u64>) -> Option<Further> {
        let own = self.own();
        self.rungs.iter().rev().find_map(|(state, mark)| {
            let up_to = known(*mark)?;
            let says_more = if own == Some(*mark) { up_to > self.up_to } else { up_to >= self.up_to };
            says_more.then_some(Further { state: *state, up_to })
        })
    }
}

/// The names of a conversation, as digests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thread {
    /// Strongest first, never empty, each with whether it is lasting
    /// ([`crate::channel::event::ThreadKey`]).
    pub keys: SmallVec<[(ConversationKey, bool); 2]>,
    /// How the names find their conversation.
    pub join: Join,
    /// Names that no longer mean this conversation.
    pub retired: SmallVec<[ConversationKey; 1]>,
    /// The sender's domain (email).
    pub domain: Option<Box<str>>,
}

/// What became of a webhook's events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// Events that are now kept.
    pub kept: usize,
    /// Events that were kept before.
    pub duplicates: usize,
    /// Of the kept ones, those without an account, now in quarantine.
    pub quarantined: usize,
}

/// Why the spool could not keep a webhook, or note what became of it. Nothing was half-written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SpoolError {
    /// No space, or less than the reserve is left. Goes away when space is freed.
    #[error("the spool's disk is full or below its reserve")]
    Full,
    /// A named limit is reached (`what` is its name).
    #[error("the limit `{what}` is reached")]
    Limit {
        /// The limit's name in the configuration.
        what: &'static str,
    },
    /// The disk failed a write or a sync. What is on it is not known, so the spool takes nothing more
    /// until the process starts anew and reads what is truly there.
    #[error("the spool's disk failed and the spool takes nothing more until a restart")]
    Failed(#[source] Arc<std::io::Error>),
    /// The spool is closing.
    #[error("the spool is closing")]
    Closed,
}

/// What is handed out for delivery: one event, or all events of a webhook in [`Format::Raw`].
#[derive(Clone, Debug)]
pub struct Unit {
    /// The first event's place; identifies the unit.
    pub sequence: Sequence,
    /// Where in its webhook the unit's events are.
    pub events: SmallVec<[u16; 4]>,
    /// Attempts made in this process before this one.
    pub attempts: u32,
    /// The webhook.
    pub webhook: Arc<Webhook>,
}

impl Unit {
    /// The unit's events, each with its own sequence.
    pub fn events(&self) -> impl Iterator<Item = &Event> {
        self.events.iter().filter_map(|at| self.webhook.events.get(usize::from(*at)))
    }
}

/// What became of a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// A backend acknowledged it.
    Delivered,
    /// An attempt failed: hand it out again after this time.
    Retry(Duration),
    /// No attempt was made (the backend's queue was full, or the process drains): hand it out again
    /// after this time, with as many attempts behind it as before.
    Postponed(Duration),
    /// Nobody will try again by itself: keep it as a dead letter, and let its lanes go on.
    Dead(DeathReason),
}

/// Why a unit is a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum DeathReason {
    /// The webhook named an account that the endpoint does not have: quarantine.
    UnknownAccount,
    /// A verified body that could not be read: quarantine.
    Malformed,
    /// The configured attempts are used up.
    Attempts,
    /// It became older than the configured age.
    Age,
    /// The backend answered 410.
    Gone,
    /// The account or backend was removed from the configuration.
    NoBackend,
    /// The disk does not give back what was written. The letter holds the damaged bytes in place of the
    /// body, and neither tenant nor endpoint, since nothing in them can be believed.
    Unreadable,
}

impl DeathReason {
    /// Every reason, for metrics.
    pub const ALL: [Self; 7] = [
        Self::UnknownAccount,
        Self::Malformed,
        Self::Attempts,
        Self::Age,
        Self::Gone,
        Self::NoBackend,
        Self::Unreadable,
    ];

    /// The metric label.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::UnknownAccount => "unknown_account",
            Self::Malformed => "malformed",
            Self::Attempts => "attempts",
            Self::Age => "age",
            Self::Gone => "gone",
            Self::NoBackend => "no_backend",
            Self::Unreadable => "unreadable",
        }
    }
}

/// A dead letter, as listed.
#[derive(Clone, Debug, Serialize)]
pub struct DeadLetter {
    /// The place its first event was accepted at; identifies it.
    pub sequence: Sequence,
    /// Whose it is.
    pub tenant: TenantId,
    /// Where it arrived.
    pub endpoint: EndpointId,
    /// The account, if it was known.
    pub account: Option<AccountId>,
    /// The events' ids.
    pub events: Vec<String>,
    /// Why.
    pub reason: &'static str,
    /// When it was given up.
    pub since: Timestamp,
    /// Size of its body, in bytes.
    pub body_bytes: usize,
}

/// A boxed future, so that a store can be chosen at start.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Durable storage of accepted events. Shared by all rooms that need it behind an `Arc`.
pub trait Spool: fmt::Debug + Send + Sync {
    /// Keeps all events of a webhook that were not seen before, or none of them. Ready only when they
    /// are on stable storage; a duplicate of an event that is being written waits for that write.
    /// Dropping the future does not undo what was begun.
    fn accept(&self, webhook: Webhook) -> Later<'_, Result<Accepted, SpoolError>>;

    /// Waits for the next unit that is due. Each is handed out once, until it is settled.
    /// `None` when the spool closes.
    fn next(&self) -> Later<'_, Option<Unit>>;

    /// Notes what became of a unit; for anything but a retry or a postponement, ready when that is on stable storage.
    /// Only then do the unit's lanes go on, so that a crash repeats only what was under way.
    fn settle(&self, unit: &Unit, what: Settlement) -> Later<'_, Result<(), SpoolError>>;

    /// Dead letters, oldest first, at most `limit` from place `from` on.
    fn dead_letters(&self, from: Sequence, limit: usize) -> Vec<DeadLetter>;

    /// Puts a dead letter back into its lanes, behind what waits there, under a new sequence. `Ok(false)` if
    /// there is none. One in quarantine gets `account`; without one it stays there, which is `Ok(false)` too,
    /// as it is for one that is [`DeathReason::Unreadable`].
    fn revive(&self, sequence: Sequence, account: Option<AccountId>) -> Later<'_, Result<bool, SpoolError>>;

    /// What the spool holds now.
    fn depth(&self) -> Depth;
}

/// What a spool holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// Events accepted and not yet settled.
    pub events: u64,
    /// Conversations with such events.
    pub lanes: u64,
    /// When the oldest of them was accepted.
    pub oldest: Option<Timestamp>,
    /// Dead letters.
    pub dead: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// Whether the spool takes webhooks.
    pub writable: bool,
}

/// Which conversation a name is known to mean: asked by the spool so that two names of one
/// conversation share a lane after a restart. Answered by the tag store.
pub trait Known: fmt::Debug + Send + Sync {
    /// The conversation with this name.
    fn conversation(&self, key: ConversationKey) -> Option<ConversationId>;
}
