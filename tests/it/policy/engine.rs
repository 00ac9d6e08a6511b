//! The engine, asked in words.

use std::sync::Arc;

use headgate::{
    ids::{TeamId, TenantId, Timestamp, UserId},
    policy::{
        Actor, Allowed, Decision, Facts, FieldNo, Keys, Member, Place, Policy, Problem, Question, RoleNo,
        Source, Symbol, TeamKey, UserKey, Via, decide,
    },
};

use super::world::{Ask, Person, Teams, Thing, above, is_within};

/// A compiled policy with the keys of its people.
pub(crate) struct Engine {
    pub(crate) policy: Arc<Policy>,
    keys: Keys,
    teams: Teams,
}

/// What the engine says.
pub(crate) struct Answer {
    actor: Arc<Actor>,
    pub(crate) decision: Decision,
    /// How often it took memory to decide.
    pub(crate) allocations: u64,
    resource: String,
    policy: Arc<Policy>,
}

impl Engine {
    pub(crate) fn new(source: &Source, tenant: &str, teams: &Teams) -> Result<Self, Vec<Problem>> {
        let keys = Keys::default();
        let policy = Arc::new(Policy::compile(source, &TenantId::new(tenant), &keys)?);
        Ok(Self { policy, keys, teams: teams.clone() })
    }

    /// The person as an actor, with all roles that assignments and the directory give.
    pub(crate) fn actor(&self, person: &Person, now: Timestamp) -> Arc<Actor> {
        fn texts(list: &[String]) -> Vec<&str> {
            list.iter().map(String::as_str).collect()
        }
        let ancestors = above(&self.teams, &person.teams);
        let member = Member {
            user: &person.user,
            teams: &texts(&person.teams),
            ancestors: &texts(&ancestors),
            traits: &texts(&person.traits),
            direct: &texts(&person.roles),
        };
        let (roles, _next) = self.policy.roles_of(&member, now);
        let tenant = TenantId::new(person.tenant.as_str());
        let tree =
            self.teams.keys().filter(|team| person.teams.iter().any(|top| is_within(&self.teams, team, top)));
        let tree: Vec<String> = tree.chain(&person.teams).cloned().collect();
        Arc::new(Actor {
            user: UserId::new(person.user.as_str()),
            teams: person.teams.iter().map(|team| TeamId::new(team.as_str())).collect(),
            team_keys: self.teams_of(&tenant, &person.teams),
            tree_keys: self.teams_of(&tenant, &tree),
            queue_keys: self.teams_of(&tenant, &person.queues),
            user_key: self.keys.user(&tenant, &person.user).unwrap(),
            tenant_key: self.keys.tenant(&tenant),
            apps: self.policy.apps_of(&member),
            active: person.active,
            grants: Arc::new(self.policy.grants(&roles).unwrap()),
            tenant,
        })
    }

    fn teams_of(&self, tenant: &TenantId, teams: &[String]) -> Box<[TeamKey]> {
        let mut keys: Vec<_> = teams.iter().filter_map(|team| self.keys.team(tenant, team)).collect();
        keys.sort_unstable();
        keys.dedup();
        keys.into()
    }

    pub(crate) fn ask(&self, actor: &Arc<Actor>, ask: &Ask) -> Option<Answer> {
        let resource = self.policy.resource(&ask.resource)?;
        let action = self.policy.action(&ask.action)?;
        let writes: Vec<FieldNo> =
            ask.writes.iter().map(|field| self.policy.field(resource, field)).collect();
        let answer = |object: Option<&Facts<'_>>| {
            let question = Question { resource, action, object, writes: &writes };
            let mut decided = None;
            let counted = allocation_counter::measure(|| decided = Some(decide(actor, question)));
            Answer {
                actor: Arc::clone(actor),
                decision: decided.unwrap(),
                allocations: counted.count_total,
                resource: ask.resource.clone(),
                policy: Arc::clone(&self.policy),
            }
        };
        Some(match &ask.object {
            None => answer(None),
            Some(thing) => self.with_facts(thing, &mut |facts| answer(Some(facts))),
        })
    }

    /// Calls `ask` with what is known of the object, as keys and numbers.
    fn with_facts<T>(&self, thing: &Thing, ask: &mut dyn FnMut(&Facts<'_>) -> T) -> T {
        let tenant = TenantId::new(thing.tenant.as_str());
        let user = |name: &Option<String>| name.as_deref().and_then(|name| self.keys.user(&tenant, name));
        let symbol = |name: &Option<String>| -> Option<Symbol> {
            name.as_deref().map(|name| self.policy.symbol(name))
        };
        let teams: Vec<TeamKey> =
            thing.teams.iter().filter_map(|team| self.keys.team(&tenant, team)).collect();
        let participants: Vec<UserKey> =
            thing.participants.iter().filter_map(|name| self.keys.user(&tenant, name)).collect();
        let facts = Facts {
            tenant: self.keys.tenant(&tenant),
            responsible: user(&thing.responsible),
            unassigned: thing.unassigned,
            teams: &teams,
            own_team: thing.own_team,
            participants: &participants,
            creator: user(&thing.creator),
            queue: thing.queue.as_deref().and_then(|team| self.keys.team(&tenant, team)),
            open: thing.open,
            place: Place {
                pipeline: symbol(&thing.pipeline),
                stage: symbol(&thing.stage),
                channel: symbol(&thing.channel),
                account: symbol(&thing.account),
            },
            kind: symbol(&thing.kind),
            role: thing.role.as_deref().map(|role| self.policy.role(role).unwrap_or(RoleNo::OTHER)),
            via: None,
        };
        match &thing.via {
            None => ask(&facts),
            Some(via) => {
                let (resource, outer) = &**via;
                match self.policy.resource(resource) {
                    // Through an object of a kind that the policy does not know, nothing follows.
                    None => ask(&facts),
                    Some(resource) => self.with_facts(outer, &mut |outer| {
                        let via = Via { resource, facts: *outer };
                        ask(&Facts { via: Some(&via), ..facts })
                    }),
                }
            }
        }
    }
}

impl Answer {
    fn allowed(&self) -> Option<&Allowed> {
        match &self.decision {
            Decision::Allow(allowed) => Some(allowed),
            Decision::Deny(_) => None,
        }
    }

    pub(crate) fn is_allowed(&self) -> bool {
        self.allowed().is_some()
    }

    pub(crate) fn sees(&self, field: &str) -> bool {
        let (Some(allowed), Some(resource)) = (self.allowed(), self.policy.resource(&self.resource)) else {
            return false;
        };
        self.actor.grants.sees(allowed, self.policy.field(resource, field))
    }

    pub(crate) fn writes(&self, field: &str) -> bool {
        let (Some(allowed), Some(resource)) = (self.allowed(), self.policy.resource(&self.resource)) else {
            return false;
        };
        self.actor.grants.writes(allowed, self.policy.field(resource, field))
    }
}
