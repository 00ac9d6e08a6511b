//! Invalidations: from which moment on what is cached about whom counts no more.
//!
//! Every invalidation is a *tick*. What was asked for before a tick that concerns it must be asked for
//! again, also if the answer is still on its way. An invalidation makes state fresher and never installs
//! any, so one that is repeated or comes from nowhere does no harm (`I06`), and it costs one number however
//! many users it concerns (`I07`).
//!
//! An answer that is *named*, such as the one of a member of a team that is pushed, is not used again. All others of
//! the tenant are in *doubt* then, since whoever joined the team is not known to be in it: they are asked about
//! again before they are used, and used as they are only if the directory cannot be asked.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use super::Member;
use crate::ids::{TeamId, TenantId, UserId};

/// Names that are remembered at most. Above it everything is invalidated once: fresher than asked for,
/// never staler.
pub(super) const INVALIDATIONS_MAX: usize = 65_536;

/// What is to be asked for again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One user.
    User(TenantId, UserId),
    /// Everybody with this role, and whoever may have gained it.
    Role(TenantId, String),
    /// Everybody in this team, whoever may have joined it, and which teams there are.
    Team(TenantId, TeamId),
    /// Everybody of a tenant.
    Tenant(TenantId),
    /// Everybody.
    All,
}

/// The last ticks that concern an answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Last {
    /// One names it: it is used no more.
    pub(super) named: u64,
    /// One may have changed it: it is asked for again before it is used. Never before `named`.
    pub(super) doubt: u64,
}

#[derive(Debug, Default)]
pub(super) struct Invalidations {
    tick: AtomicU64,
    marks: Mutex<Marks>,
}

#[derive(Debug, Default)]
struct Marks {
    all: u64,
    tenants: HashMap<TenantId, u64>,
    /// The last one of anything of a tenant's.
    any: HashMap<TenantId, u64>,
    /// The last one of any role or team of a tenant.
    groups: HashMap<TenantId, u64>,
    /// The last one that concerns a tenant's tree of teams.
    trees: HashMap<TenantId, u64>,
    users: HashMap<(TenantId, UserId), u64>,
    roles: HashMap<(TenantId, String), u64>,
    teams: HashMap<(TenantId, TeamId), u64>,
}

impl Invalidations {
    /// The last tick.
    pub(super) fn now(&self) -> u64 {
        self.tick.load(Ordering::Acquire)
    }

    /// Notes one.
    pub(super) fn note(&self, scope: Scope) {
        let mut marks = self.marks();
        // INVARIANT: the mark is set before the tick can be seen, both under the lock.
        let tick = self.tick.load(Ordering::Relaxed) + 1;
        if marks.len() >= INVALIDATIONS_MAX {
            *marks = Marks { all: tick, ..Marks::default() };
        }
        match &scope {
            Scope::User(tenant, _)
            | Scope::Role(tenant, _)
            | Scope::Team(tenant, _)
            | Scope::Tenant(tenant) => {
                set(&mut marks.any, tenant.clone(), tick);
            }
            Scope::All => {}
        }
        match scope {
            Scope::User(tenant, user) => set(&mut marks.users, (tenant, user), tick),
            Scope::Role(tenant, role) => {
                set(&mut marks.groups, tenant.clone(), tick);
                set(&mut marks.roles, (tenant, role), tick);
            }
            Scope::Team(tenant, team) => {
                set(&mut marks.groups, tenant.clone(), tick);
                set(&mut marks.trees, tenant.clone(), tick);
                set(&mut marks.teams, (tenant, team), tick);
            }
            Scope::Tenant(tenant) => set(&mut marks.tenants, tenant, tick),
            Scope::All => marks.all = tick,
        }
        self.tick.store(tick, Ordering::Release);
    }

    /// The last ticks that concern what is known of a user. `None` knows of the user only that there is none.
    pub(super) fn of_member(&self, tenant: &TenantId, user: &UserId, member: Option<&Member>) -> Last {
        let marks = self.marks();
        let mut named = marks.of_tenant(tenant).max(at(&marks.users, &(tenant.clone(), user.clone())));
        for role in member.into_iter().flat_map(|member| &member.roles) {
            named = named.max(at(&marks.roles, &(tenant.clone(), role.clone())));
        }
        for team in member.into_iter().flat_map(|member| &member.teams) {
            named = named.max(at(&marks.teams, &(tenant.clone(), team.clone())));
        }
        Last { named, doubt: named.max(at(&marks.groups, tenant)) }
    }

    /// The last tick that concerns anything of a tenant's.
    pub(super) fn of_anything(&self, tenant: &TenantId) -> u64 {
        let marks = self.marks();
        marks.all.max(at(&marks.any, tenant))
    }

    /// The last ticks that concern a tenant's tree of teams.
    pub(super) fn of_tree(&self, tenant: &TenantId) -> Last {
        let marks = self.marks();
        let named = marks.of_tenant(tenant).max(at(&marks.trees, tenant));
        Last { named, doubt: named }
    }

    fn marks(&self) -> MutexGuard<'_, Marks> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Marks {
    fn len(&self) -> usize {
        let tenants = self.tenants.len() + self.groups.len() + self.trees.len();
        tenants + self.users.len() + self.roles.len() + self.teams.len()
    }

    fn of_tenant(&self, tenant: &TenantId) -> u64 {
        self.all.max(at(&self.tenants, tenant))
    }
}

fn set<K: Eq + Hash>(marks: &mut HashMap<K, u64>, key: K, tick: u64) {
    marks.insert(key, tick);
}

fn at<K: Eq + Hash>(marks: &HashMap<K, u64>, key: &K) -> u64 {
    marks.get(key).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant() -> TenantId {
        TenantId::new("acme")
    }

    fn member() -> Member {
        Member { roles: vec!["seller".into()], teams: vec![TeamId::new("sales")], ..Member::default() }
    }

    #[test]
    fn each_concerns_those_it_names_and_puts_in_doubt_who_may_have_joined() {
        let other = TenantId::new("globex");
        for (scope, named, doubt) in [
            (Scope::All, true, true),
            (Scope::Tenant(tenant()), true, true),
            (Scope::Tenant(other.clone()), false, false),
            (Scope::User(tenant(), UserId::new("ana")), true, true),
            (Scope::User(tenant(), UserId::new("ben")), false, false),
            (Scope::User(other.clone(), UserId::new("ana")), false, false),
            (Scope::Role(tenant(), "seller".into()), true, true),
            (Scope::Role(tenant(), "boss".into()), false, true),
            (Scope::Role(other.clone(), "seller".into()), false, false),
            (Scope::Team(tenant(), TeamId::new("sales")), true, true),
            (Scope::Team(tenant(), TeamId::new("support")), false, true),
            (Scope::Team(other, TeamId::new("sales")), false, false),
        ] {
            let invalidations = Invalidations::default();
            let before = invalidations.now();
            invalidations.note(scope.clone());
            let last = invalidations.of_member(&tenant(), &UserId::new("ana"), Some(&member()));
            assert_eq!((last.named > before, last.doubt > before), (named, doubt), "{scope:?}");
        }
    }

    #[test]
    fn too_many_invalidate_everybody_and_are_forgotten() {
        let invalidations = Invalidations::default();
        for n in 0..=INVALIDATIONS_MAX {
            invalidations.note(Scope::User(tenant(), UserId::new(n.to_string())));
        }
        assert!(invalidations.marks().len() <= 1);
        assert!(invalidations.of_member(&tenant(), &UserId::new("ana"), None).named > 0);
    }
}
