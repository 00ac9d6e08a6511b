//! Tags: what Headgate knows of each conversation.
//!
//! This file is the seam: the [`Tag`] and the [`TagStore`] trait that the embedded store implements now
//! and a cluster store will. Every change is a compare-and-set on the tag's version.

pub mod embedded;
mod names;
#[cfg(test)]
mod suite;

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    ids::{AccountId, ConversationId, ConversationKey, TeamId, TenantId, Timestamp, UserId},
    spool::{Later, Thread},
};

/// What is known of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    /// The conversation.
    pub conversation: ConversationId,
    /// Counts changes, from 1; the compare in compare-and-set.
    pub version: u64,
    /// Whose it is.
    pub tenant: TenantId,
    /// The account it runs on.
    pub account: AccountId,
    /// Who is responsible; `None` while it waits in the team's queue.
    pub responsible: Option<UserId>,
    /// The responsible team.
    pub team: Option<TeamId>,
    /// Users who take part besides the responsible one, sorted.
    pub participants: Vec<UserId>,
    /// `pipeline/stage`, as the backend sets it.
    pub stage: Option<String>,
    /// The backend's own id of the conversation.
    pub alias: Option<String>,
    /// The names the conversation is known by; the flag says whether a name is lasting.
    pub keys: Vec<(ConversationKey, bool)>,
    /// The contact's email domain, where the channel is email.
    pub domain: Option<String>,
    /// When it was made.
    pub created: Timestamp,
    /// When a strategy last chose the responsible user.
    pub assigned: Option<Timestamp>,
}

/// What a thread's names lead to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The conversation's tag, as now stored.
    pub tag: Arc<Tag>,
    /// It was found through a reference of a sender from another domain than the contact's (email). A
    /// domain that is not known is another one.
    pub weak: bool,
}

/// Why a change of a tag was not made.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TagError {
    /// Somebody else changed the tag first; here is what it is now.
    #[error("the tag was changed by somebody else")]
    Conflict(Arc<Tag>),
    /// There is no such conversation.
    #[error("no such conversation")]
    Missing,
    /// The store could not keep it now.
    #[error("the tag store could not keep the change")]
    Store(#[source] Arc<std::io::Error>),
    /// The store's disk failed: no change is kept any more until a new start.
    #[error("the tag store's disk failed")]
    Failed(#[source] Arc<std::io::Error>),
}

/// Durable storage of tags.
pub trait TagStore: fmt::Debug + Send + Sync + crate::spool::Known {
    /// The tag of a conversation; follows a merge to the conversation that remains.
    fn tag(&self, conversation: ConversationId) -> Option<Arc<Tag>>;

    /// The tag by the backend's own id.
    fn by_alias(&self, tenant: &TenantId, account: &AccountId, alias: &str) -> Option<Arc<Tag>>;

    /// Finds the conversation that a thread's names mean, by the thread's [`crate::channel::event::Join`]
    /// rule, and makes it from `new` if none is known. Names are added, merged and retired in the same
    /// commit; ready when that is on stable storage (at once if nothing changed).
    ///
    /// The rule for passing names (phone numbers): if a passing name is known to mean conversation A, but
    /// the event also has a lasting name that A does not have while A has another lasting name of its own,
    /// then the number changed hands: the passing name leaves A, and A is not merged. A passing name that the event
    /// itself retires is the provider's word for who it was until now, and leads to A.
    ///
    /// Of conversations that merge, the older one stays: it takes over what only the younger one knew, and
    /// the younger one's id and alias keep leading to it.
    fn resolve(&self, thread: &Thread, new: NewTag) -> Later<'_, Result<Found, TagError>>;

    /// Replaces a tag if its stored version is `tag.version`; the stored one then has the next version.
    /// Whose it is and its names stay as they are. An alias that another conversation has leaves that one.
    /// It is a turn of the team ([`TagStore::last_assigned`]) if it changes [`Tag::assigned`].
    /// A tag that was merged into another gives [`TagError::Conflict`] with that one.
    fn put(&self, tag: Tag) -> Later<'_, Result<Arc<Tag>, TagError>>;

    /// How many open conversations each user of `users` is responsible for, in the same order.
    /// A conversation is open unless its stage is in `closed`.
    fn load(&self, tenant: &TenantId, users: &[UserId], closed: &[String]) -> Vec<u64>;

    /// Whom a strategy chose last for this team, by [`Tag::assigned`].
    fn last_assigned(&self, tenant: &TenantId, team: &TeamId) -> Option<UserId>;

    /// How many conversations there are.
    fn len(&self) -> usize;

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What a conversation starts with.
#[derive(Clone, Debug)]
pub struct NewTag {
    /// Whose it is.
    pub tenant: TenantId,
    /// The account it runs on.
    pub account: AccountId,
    /// When.
    pub now: Timestamp,
}
