//! Which conversation a thread's names mean, and what that changes. Pure: a store asks for a [`Plan`] and
//! keeps it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Found, NewTag, Tag};
use crate::{
    channel::event::Join,
    ids::{AccountId, ConversationId, ConversationKey, TeamId, TenantId, Timestamp, UserId},
    spool::Thread,
};

/// Names of one conversation. An email thread gains one with each mail, and strangers write mails: above
/// this, the older half stays and the newer half keeps the newest.
pub const TAG_KEYS_MAX: usize = 512;

/// What the plan is made from.
pub(super) trait Names {
    /// The conversation with this name.
    fn conversation(&self, key: ConversationKey) -> Option<ConversationId>;
    /// A conversation's tag.
    fn tag(&self, conversation: ConversationId) -> Option<Arc<Tag>>;
    /// Whether a conversation has, or had before a merge, this id.
    fn is_taken(&self, id: ConversationId) -> bool;
}

/// A step of a change. All steps of a change are kept together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Step {
    /// The tag is now this one.
    Set(Arc<Tag>),
    /// A conversation went into another; its id and its alias keep leading there.
    Merged {
        /// The conversation that is no more.
        from: ConversationId,
        /// The one that remains.
        into: ConversationId,
        /// The backend's id of `from`.
        alias: Option<Alias>,
    },
    /// A strategy chose this user of the team.
    Turn {
        /// Whose team.
        tenant: TenantId,
        /// The team.
        team: TeamId,
        /// The chosen one.
        user: UserId,
        /// When.
        at: Timestamp,
    },
}

/// A backend's own id of a conversation, unique within the account.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Alias(pub(super) TenantId, pub(super) AccountId, pub(super) String);

impl Tag {
    /// The alias with what it is unique within.
    pub(super) fn alias(&self) -> Option<Alias> {
        self.alias.clone().map(|alias| Alias(self.tenant.clone(), self.account.clone(), alias))
    }

    /// Whether this is one of its names.
    pub(super) fn has(&self, key: ConversationKey) -> bool {
        self.keys.iter().any(|(known, _)| *known == key)
    }
}

/// What a thread's names mean, and what must be kept for it to be so.
#[derive(Debug)]
pub(super) struct Plan {
    /// The answer once `steps` are kept.
    pub(super) found: Found,
    /// The change; nothing if all is so already. What gains a name comes before what loses it.
    pub(super) steps: Vec<Step>,
    /// Conversations that must stand still while the change is kept.
    pub(super) touched: Vec<ConversationId>,
    /// Names dropped because of [`TAG_KEYS_MAX`].
    pub(super) dropped: usize,
}

/// Finds the conversation of a thread, by the rules that [`super::TagStore::resolve`] states.
pub(super) fn plan(names: &impl Names, thread: &Thread, new: &NewTag) -> Plan {
    let mut means = Meaning::of(names, thread);
    let mut touched: Vec<_> = means.found.iter().chain(&means.deserted).map(|tag| tag.conversation).collect();
    // The older one stays; of two of the same age, the one with the stronger name.
    let (mut tag, before, weak) = match means.found.iter().min_by_key(|tag| tag.created) {
        Some(oldest) => (Tag::clone(oldest), Some(oldest.clone()), is_weak(oldest, thread)),
        None => (begin(names, thread, new), None, false),
    };
    let into = tag.conversation;
    let mut merged = Vec::new();
    for other in means.found.iter().filter(|other| other.conversation != into) {
        absorb(&mut tag, other);
        merged.push(Step::Merged { from: other.conversation, into, alias: other.alias() });
    }
    if weak && thread.join == Join::TokenFirst {
        // Anybody can write a token into an address: learnt from a stranger, it would let the stranger in.
        means.elsewhere.extend(thread.keys.first().map(|(token, _)| *token));
    }
    take_names(&mut tag, thread, &means.elsewhere);
    let dropped = drop_middle_names(&mut tag);
    if let Some(before) = before
        && *before == tag
        && merged.is_empty()
        && means.deserted.is_empty()
    {
        return Plan { found: Found { tag: before, weak }, steps: Vec::new(), touched, dropped };
    }
    tag.version += 1;
    touched.push(tag.conversation);
    let tag = Arc::new(tag);
    let mut steps = vec![Step::Set(tag.clone())];
    steps.append(&mut merged);
    for deserted in &means.deserted {
        let mut left = Tag::clone(deserted);
        left.version += 1;
        left.keys.retain(|(key, _)| thread.keys.iter().all(|(taken, _)| taken != key));
        steps.push(Step::Set(Arc::new(left)));
    }
    Plan { found: Found { tag, weak }, steps, touched, dropped }
}

/// Whether an event joins a conversation by the sender's word alone, and from another domain.
fn is_weak(tag: &Tag, thread: &Thread) -> bool {
    let first_is_known = thread.keys.first().is_some_and(|(key, _)| tag.has(*key));
    let believed = match thread.join {
        Join::Merge => true,
        Join::TokenFirst => first_is_known,
        Join::FirstKnown => false,
    };
    !believed && tag.domain.as_deref() != thread.domain.as_deref()
}

/// What the names of a thread mean before the event.
#[derive(Default)]
struct Meaning {
    /// The conversations they lead to, by the strongest name first: one becomes the thread's.
    found: Vec<Arc<Tag>>,
    /// Those whose passing name changed hands.
    deserted: Vec<Arc<Tag>>,
    /// Names that keep meaning another conversation.
    elsewhere: Vec<ConversationKey>,
}

impl Meaning {
    fn of(names: &impl Names, thread: &Thread) -> Self {
        let mut means = Self::default();
        for (key, lasting) in &thread.keys {
            let Some(tag) = names.conversation(*key).and_then(|id| names.tag(id)) else { continue };
            let known = means.found.iter().any(|found| found.conversation == tag.conversation);
            match thread.join {
                _ if known => {}
                Join::FirstKnown | Join::TokenFirst if !means.found.is_empty() => means.elsewhere.push(*key),
                // A name that the event itself retires is the provider's word for who it was.
                Join::Merge if !lasting && !thread.retired.contains(key) && changed_hands(thread, &tag) => {
                    push_new(&mut means.deserted, tag);
                }
                Join::FirstKnown | Join::TokenFirst | Join::Merge => means.found.push(tag),
            }
        }
        // A conversation that a lasting name leads to is found, whatever its passing names say.
        let Self { found, deserted, .. } = &mut means;
        deserted.retain(|tag| found.iter().all(|found| found.conversation != tag.conversation));
        means
    }
}

fn push_new(tags: &mut Vec<Arc<Tag>>, tag: Arc<Tag>) {
    if tags.iter().all(|known| known.conversation != tag.conversation) {
        tags.push(tag);
    }
}

/// A passing name (a phone number) means somebody else now: the event has a lasting name that the
/// conversation does not have, and the conversation has one of its own.
fn changed_hands(thread: &Thread, tag: &Tag) -> bool {
    let lasting = |key: &(ConversationKey, bool)| key.1.then_some(key.0);
    let another = thread.keys.iter().filter_map(lasting).any(|key| !tag.has(key));
    let own = tag.keys.iter().filter_map(lasting).any(|own| thread.keys.iter().all(|(key, _)| *key != own));
    another && own
}

/// A tag for a conversation that nobody knows yet; its version is that before the first one.
fn begin(names: &impl Names, thread: &Thread, new: &NewTag) -> Tag {
    Tag {
        conversation: free_id(names, thread, new),
        version: 0,
        tenant: new.tenant.clone(),
        account: new.account.clone(),
        responsible: None,
        team: None,
        participants: Vec::new(),
        stage: None,
        alias: None,
        keys: Vec::new(),
        domain: thread.domain.as_deref().map(str::to_owned),
        created: new.now,
        assigned: None,
    }
}

/// The id by the first name. A name that left another conversation may have given that one its id: then
/// the first free one of a fixed series, so that a repetition gives the same id.
fn free_id(names: &impl Names, thread: &Thread, new: &NewTag) -> ConversationId {
    let first = thread.keys.first().map_or(ConversationKey(0), |(key, _)| *key);
    let mut id = ConversationId::from(first);
    while names.is_taken(id) {
        let again = ConversationKey::derive(&new.tenant, "again", new.account.as_str(), &id.to_string());
        id = ConversationId::from(again);
    }
    id
}

/// Takes over what another tag of the same conversation knows and this one does not.
fn absorb(tag: &mut Tag, other: &Tag) {
    if tag.responsible.is_none() && other.responsible.is_some() {
        tag.responsible.clone_from(&other.responsible);
        tag.team.clone_from(&other.team);
        tag.assigned = other.assigned;
    }
    tag.team = tag.team.take().or_else(|| other.team.clone());
    tag.stage = tag.stage.take().or_else(|| other.stage.clone());
    tag.alias = tag.alias.take().or_else(|| other.alias.clone());
    tag.domain = tag.domain.take().or_else(|| other.domain.clone());
    tag.participants.extend_from_slice(&other.participants);
    tag.participants.sort_unstable();
    tag.participants.dedup();
    tag.keys.extend_from_slice(&other.keys);
}

/// Adds the event's names and removes those that it retires.
fn take_names(tag: &mut Tag, thread: &Thread, elsewhere: &[ConversationKey]) {
    for (key, lasting) in &thread.keys {
        if elsewhere.contains(key) {
            continue;
        }
        match tag.keys.iter_mut().find(|(known, _)| known == key) {
            Some((_, known)) => *known = *lasting,
            None => tag.keys.push((*key, *lasting)),
        }
    }
    tag.keys.retain(|(key, _)| !thread.retired.contains(key));
}

/// Keeps [`TAG_KEYS_MAX`] names; answers how many went.
fn drop_middle_names(tag: &mut Tag) -> usize {
    let over = tag.keys.len().saturating_sub(TAG_KEYS_MAX);
    let from = TAG_KEYS_MAX / 2;
    if over > 0 {
        tag.keys.drain(from..from + over);
    }
    over
}
