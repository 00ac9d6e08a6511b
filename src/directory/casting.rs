//! From what a directory says of a user to the actor of a decision. The gate, the commands that ask about a policy and a
//! configuration's own tests make their actors here, so that all of them decide on the same one.

use std::{collections::BTreeSet, sync::Arc};

use super::{Member, Tree};
use crate::{
    ids::{TeamId, TenantId, Timestamp, UserId},
    policy::{self, Actor, Grants, Keys, Policy, RoleNo, TeamKey, TooManyRoles},
};

/// What of a tenant makes its users actors.
#[derive(Clone, Copy, Debug)]
pub struct Casting<'a> {
    /// Whose users.
    pub tenant: &'a TenantId,
    /// Who may do what.
    pub policy: &'a Policy,
    /// The keys with which it was compiled.
    pub keys: &'a Keys,
    /// Which team is above which.
    pub tree: &'a Tree,
    /// Teams whose members are in a queue.
    pub queues: &'a BTreeSet<TeamId>,
}

/// Why a user is no actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Uncast {
    /// An empty name is nobody's.
    #[error("the user has no name")]
    Nameless,
    /// The user has more roles than can be decided on.
    #[error(transparent)]
    TooManyRoles(#[from] TooManyRoles),
}

impl Casting<'_> {
    /// A user as an actor at this moment, and when that changes by itself (a role that ends). `grants` are the tables of
    /// a set of roles.
    ///
    /// # Errors
    /// If there is no such actor.
    pub fn actor(
        &self,
        user: &UserId,
        member: &Member,
        now: Timestamp,
        grants: impl FnOnce(&[RoleNo]) -> Result<Arc<Grants>, TooManyRoles>,
    ) -> Result<(Actor, Option<Timestamp>), Uncast> {
        let above = self.tree.above(&member.teams);
        let who = policy::Member {
            user: user.as_str(),
            teams: &texts(&member.teams),
            ancestors: &texts(&above),
            traits: &member.traits.iter().map(String::as_str).collect::<Vec<_>>(),
            direct: &member.roles.iter().map(String::as_str).collect::<Vec<_>>(),
        };
        let (roles, until) = self.policy.roles_of(&who, now);
        // Who is away takes nothing, and so is in no queue.
        let queues = member.teams.iter().filter(|team| !member.away && self.queues.contains(*team));
        let actor = Actor {
            tenant: self.tenant.clone(),
            user: user.clone(),
            teams: member.teams.clone().into(),
            team_keys: self.team_keys(&member.teams),
            tree_keys: self.team_keys(&self.tree.below(&member.teams)),
            queue_keys: self.team_keys(queues),
            user_key: self.keys.user(self.tenant, user.as_str()).ok_or(Uncast::Nameless)?,
            tenant_key: self.keys.tenant(self.tenant),
            apps: self.policy.apps_of(&who),
            active: member.active,
            grants: grants(&roles)?,
        };
        Ok((actor, until))
    }

    /// The keys of teams, sorted.
    pub fn team_keys<'t>(&self, teams: impl IntoIterator<Item = &'t TeamId>) -> Box<[TeamKey]> {
        let keys = teams.into_iter().filter_map(|team| self.keys.team(self.tenant, team.as_str()));
        let sorted: BTreeSet<_> = keys.collect();
        sorted.into_iter().collect()
    }
}

fn texts<'a>(teams: impl IntoIterator<Item = &'a TeamId>) -> Vec<&'a str> {
    teams.into_iter().map(TeamId::as_str).collect()
}
