//! What a configuration says of each tenant's rights: its policy, its directory, and the tables of the sets
//! of roles that were met. One world for each configuration; a request keeps the one it began with.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use super::{Casting, Member, NoActor, Rules, Source, Tree, Uncast};
use crate::{
    ids::{TeamId, TenantId, Timestamp, UserId},
    policy::{Actor, Grants, Keys, Policy, RoleNo, TooManyRoles},
};

/// Sets of roles whose tables are kept at most. Above it all are dropped and made again as they are met.
const ROLE_SETS_MAX: usize = 10_000;

/// All tenants.
#[derive(Debug, Default)]
pub struct World {
    tenants: HashMap<TenantId, Arc<TenantWorld>>,
}

/// One tenant.
#[derive(Debug)]
pub struct TenantWorld {
    /// Whose.
    pub tenant: TenantId,
    /// Who may do what.
    pub policy: Arc<Policy>,
    /// Where users and teams come from.
    pub source: Arc<dyn Source>,
    /// Which source it is: answers of another one are not used.
    pub source_id: u64,
    /// How long answers of the source may be used.
    pub rules: Rules,
    /// Teams whose members are in a queue: they are assigned conversations, or take them.
    pub queues: BTreeSet<TeamId>,
    keys: Keys,
    grants: Mutex<HashMap<Box<[RoleNo]>, Arc<Grants>>>,
}

impl World {
    /// From its tenants.
    #[must_use]
    pub fn new(tenants: impl IntoIterator<Item = TenantWorld>) -> Self {
        let tenants = tenants.into_iter().map(|one| (one.tenant.clone(), Arc::new(one)));
        Self { tenants: tenants.collect() }
    }

    /// One of them.
    #[must_use]
    pub fn tenant(&self, tenant: &TenantId) -> Option<&Arc<TenantWorld>> {
        self.tenants.get(tenant)
    }

    /// All of them.
    pub fn tenants(&self) -> impl Iterator<Item = &Arc<TenantWorld>> {
        self.tenants.values()
    }
}

impl TenantWorld {
    /// A tenant with no tables yet.
    #[must_use]
    pub fn new(
        tenant: TenantId,
        policy: Arc<Policy>,
        (source, source_id): (Arc<dyn Source>, u64),
        rules: Rules,
        queues: BTreeSet<TeamId>,
        keys: Keys,
    ) -> Self {
        Self { tenant, policy, source, source_id, rules, queues, keys, grants: Mutex::default() }
    }

    /// The keys that this Headgate's decisions compare.
    #[must_use]
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// A user as an actor, and when that changes by itself (a role that ends).
    ///
    /// # Errors
    /// If the user has more roles than an actor can have, or no name.
    pub fn actor(
        &self,
        user: &UserId,
        member: &Member,
        tree: &Tree,
        now: Timestamp,
    ) -> Result<(Actor, Option<Timestamp>), NoActor> {
        let casting = Casting {
            tenant: &self.tenant,
            policy: &self.policy,
            keys: &self.keys,
            tree,
            queues: &self.queues,
        };
        casting.actor(user, member, now, |roles| self.grants(roles)).map_err(|uncast| match uncast {
            Uncast::Nameless => NoActor::Unknown,
            Uncast::TooManyRoles(_) => NoActor::TooManyRoles,
        })
    }

    /// The tables of a set of roles.
    fn grants(&self, roles: &[RoleNo]) -> Result<Arc<Grants>, TooManyRoles> {
        let mut all = self.grants.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(grants) = all.get(roles) {
            return Ok(Arc::clone(grants));
        }
        let grants = Arc::new(self.policy.grants(roles)?);
        if all.len() >= ROLE_SETS_MAX {
            all.clear();
        }
        all.insert(roles.into(), Arc::clone(&grants));
        Ok(grants)
    }
}
