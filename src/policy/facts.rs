//! What a decision needs to know of the actor and the object, as numbers.
//!
//! Names of users and teams become keys of 64 bits by a keyed hash that is drawn at start ([`Keys`]): no
//! table that grows with the world, nothing to keep in step with the directory, and a stranger cannot
//! choose a name that collides. Tenant and name go into it together, so the same name in two tenants has
//! two keys.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hash},
    num::NonZeroU64,
    sync::Arc,
};

use super::{Apps, Grants, ResourceNo, RoleNo, Symbol};
use crate::ids::{TeamId, TenantId, UserId};

/// A user, to a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserKey(NonZeroU64);

/// A team, to a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TeamKey(NonZeroU64);

/// A tenant, to a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantKey(NonZeroU64);

/// Makes keys. One for each Headgate; keys of two are not comparable.
#[derive(Clone, Debug, Default)]
pub struct Keys(RandomState);

impl Keys {
    /// The key of a user. An empty name is nobody, and has none (`D17`: null never matches null).
    #[must_use]
    pub fn user(&self, tenant: &TenantId, name: &str) -> Option<UserKey> {
        (!name.is_empty()).then(|| UserKey(self.key(("user", tenant.as_str(), name))))
    }

    /// The key of a team; an empty name has none.
    #[must_use]
    pub fn team(&self, tenant: &TenantId, name: &str) -> Option<TeamKey> {
        (!name.is_empty()).then(|| TeamKey(self.key(("team", tenant.as_str(), name))))
    }

    /// The key of a tenant.
    #[must_use]
    pub fn tenant(&self, tenant: &TenantId) -> TenantKey {
        TenantKey(self.key(("tenant", tenant.as_str())))
    }

    /// Never zero, so that "no key" needs no room of its own.
    fn key(&self, name: impl Hash) -> NonZeroU64 {
        NonZeroU64::new(self.0.hash_one(name)).unwrap_or(NonZeroU64::MAX)
    }
}

/// Who asks: an authenticated caller with what the directory says of them.
#[derive(Clone, Debug)]
pub struct Actor {
    /// Whose user it is.
    pub tenant: TenantId,
    /// The user's name.
    pub user: UserId,
    /// The names of the user's teams, for the backend's headers.
    pub teams: Arc<[TeamId]>,
    /// The same as keys, sorted.
    pub team_keys: Box<[TeamKey]>,
    /// The user's teams and all teams below them, sorted.
    pub tree_keys: Box<[TeamKey]>,
    /// Teams whose queue the user is in, sorted (`BP11`).
    pub queue_keys: Box<[TeamKey]>,
    /// The user's key.
    pub user_key: UserKey,
    /// The tenant's key.
    pub tenant_key: TenantKey,
    /// The apps that the user may see ([`super::Policy::apps_of`]).
    pub apps: Apps,
    /// Whether the user is active; one who is not may nothing (`G5`).
    pub active: bool,
    /// What the user's roles grant.
    pub grants: Arc<Grants>,
}

/// Through how many objects in a row an object can be reached: media in a message in the conversation on a
/// lead's card are three. A longer row is refused.
pub const VIA_DEPTH_MAX: usize = 4;

/// What is known of an object. What is not known is `None` or empty: it opens nothing, and it may be what a forbid, a
/// condition or a narrower override names.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Whose it is.
    pub tenant: TenantKey,
    /// Who is responsible.
    pub responsible: Option<UserKey>,
    /// It is known that nobody is responsible. An absent [`Facts::responsible`] alone may also be one that is
    /// not known.
    pub unassigned: bool,
    /// Teams of the responsible user, and the object's own team.
    pub teams: &'a [TeamKey],
    /// Whether the object's own team is among [`Facts::teams`] (a conversation in a team's queue): they then count also
    /// while nobody is responsible (`G3`).
    pub own_team: bool,
    /// Who takes part.
    pub participants: &'a [UserKey],
    /// Who made it.
    pub creator: Option<UserKey>,
    /// The team whose queue serves it.
    pub queue: Option<TeamKey>,
    /// It is marked as available to everyone.
    pub open: bool,
    /// Where it stands.
    pub place: Place,
    /// A finer kind, if it is the name of a resource (`app.chatapp` on a card) or one that a rule names; else
    /// [`Symbol::OTHER`].
    pub kind: Option<Symbol>,
    /// The role that is acted on (user administration); [`RoleNo::OTHER`] if it is none of the policy's, or none.
    pub role: Option<RoleNo>,
    /// The object through which this one is reached; at most [`VIA_DEPTH_MAX`] in a row.
    pub via: Option<&'a Via<'a>>,
}

/// The object through which another one is reached: the lead on whose card a contact is shown.
#[derive(Clone, Copy, Debug)]
pub struct Via<'a> {
    /// What it is.
    pub resource: ResourceNo,
    /// What is known of it.
    pub facts: Facts<'a>,
}

/// Where an object stands, in the symbols of a policy ([`super::Policy::symbol`]). A name that no override,
/// rule or forbid mentions is [`Symbol::OTHER`], and so is nowhere; what is not known is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The pipeline.
    pub pipeline: Option<Symbol>,
    /// The stage.
    pub stage: Option<Symbol>,
    /// The channel.
    pub channel: Option<Symbol>,
    /// The account.
    pub account: Option<Symbol>,
}

impl Facts<'_> {
    /// An object of which nothing is known but whose it is: only `all` reaches it.
    #[must_use]
    pub const fn unknown(tenant: TenantKey) -> Self {
        Self {
            tenant,
            responsible: None,
            unassigned: false,
            teams: &[],
            own_team: false,
            participants: &[],
            creator: None,
            queue: None,
            open: false,
            place: Place { pipeline: None, stage: None, channel: None, account: None },
            kind: None,
            role: None,
            via: None,
        }
    }
}
