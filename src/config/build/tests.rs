//! `tests.toml`: the policy's own tests, asked at every load.

use std::{collections::BTreeSet, sync::Arc};

use super::Check;
use crate::{
    config::{
        mistake::{KeyPath, Wrong, nearest},
        raw::{self, Case, Expect, Object, OfObject, RoleName, Who, Word},
    },
    ids::{TeamId, TenantId, Timestamp, UserId},
    policy::{
        Actor, Decision, Facts, FieldNo, Keys, Member, Place, Policy, Question, ResourceNo, TeamKey, UserKey,
        Via, decide, explain,
    },
};

/// When the tests are asked: before any `until`, since a file that is right today should be so tomorrow.
const MOMENT: Timestamp = Timestamp(0);

/// Asks every case; each that is answered otherwise is noted.
pub(in crate::config) fn ask_tests(
    check: &mut Check<'_>,
    raw: &raw::Tests,
    directory: &raw::Directory,
    tenant: &TenantId,
    policy: Policy,
    keys: &Keys,
) {
    let asking = Asking { directory, tenant, policy: Arc::new(policy), keys };
    for (Word(name), case) in &raw.case {
        let at = KeyPath::default().key("case").key(name);
        if let Some(got) = asking.names(check, &at, case).and_then(|names| asking.wrong(case, &names)) {
            let expected = match case.expect {
                Some(Expect::Allow) => "allow",
                Some(Expect::AllowRedacted) => "allow-redacted",
                Some(Expect::Deny) | None => "deny",
            };
            check.wrong(&at, Wrong::TestFails { expected, got });
        }
    }
}

struct Asking<'a> {
    directory: &'a raw::Directory,
    tenant: &'a TenantId,
    policy: Arc<Policy>,
    keys: &'a Keys,
}

/// A case whose names the policy knows.
struct Names<'a> {
    user: &'a str,
    resource: ResourceNo,
    action: crate::policy::ActionNo,
}

impl Asking<'_> {
    /// Looks the case's names up; one that the policy does not know is noted.
    fn names<'c>(&self, check: &mut Check<'_>, at: &KeyPath, case: &'c Case) -> Option<Names<'c>> {
        for (index, RoleName(role)) in case.roles.iter().flatten().enumerate() {
            if self.policy.role(role).is_none() {
                let near = nearest(role, self.policy.roles().map(|role| self.policy.role_name(role)));
                let wrong = Wrong::Unknown { what: "role", name: role.clone(), nearest: near };
                check.wrong(&at.key("roles").index(index), wrong);
            }
        }
        let (Who(user), Word(resource), action) =
            (case.user.as_ref()?, case.resource.as_ref()?, case.action.as_ref()?);
        let Some(number) = self.policy.resource(resource) else {
            let near = nearest(resource, self.policy.resources().map(|of| self.policy.resource_name(of)));
            let wrong = Wrong::Unknown { what: "resource", name: resource.clone(), nearest: near };
            check.wrong(&at.key("resource"), wrong);
            return None;
        };
        let mut actions = self.policy.actions_of(number);
        let Some(action) = actions.find(|known| self.policy.action_name(*known) == action) else {
            let known = self.policy.actions_of(number).map(|known| self.policy.action_name(known));
            let near = nearest(action, known);
            let wrong = Wrong::Unknown { what: "action", name: action.clone(), nearest: near };
            check.wrong(&at.key("action"), wrong);
            return None;
        };
        Some(Names { user, resource: number, action })
    }

    /// What the policy answers, if that is not what is expected.
    fn wrong(&self, case: &Case, names: &Names<'_>) -> Option<String> {
        let actor = match self.actor(case, names.user) {
            Ok(actor) => actor,
            Err(too_many) => return Some(too_many.to_string()),
        };
        let field = |name: &String| self.policy.field(names.resource, name);
        let writes: Vec<FieldNo> = case.writes.iter().map(field).collect();
        let judge = |object: Option<&Facts<'_>>| {
            let question =
                Question { resource: names.resource, action: names.action, object, writes: &writes };
            let decision = decide(&actor, question);
            let why = || explain(&self.policy, &question, &decision).to_string();
            let allowed = match &decision {
                Decision::Allow(allowed) => allowed,
                Decision::Deny(_) => return (case.expect != Some(Expect::Deny)).then(why),
            };
            if case.expect == Some(Expect::Deny) {
                return Some(why());
            }
            let sees = |name: &String| actor.grants.sees(allowed, field(name));
            if let Some(hidden) = case.fields.iter().chain(&case.visible).find(|name| !sees(name)) {
                return Some(format!("`{hidden}` is not shown"));
            }
            let shown = case.hidden.iter().find(|name| sees(name));
            shown.map(|shown| format!("`{shown}` is shown"))
        };
        match &case.object {
            None => judge(None),
            Some(object) => self.with_facts(object, &mut |facts| judge(Some(facts))),
        }
    }

    fn actor(&self, case: &Case, user: &str) -> Result<Arc<Actor>, crate::policy::TooManyRoles> {
        let of_directory = || {
            let teams = self.directory.team.iter();
            let mine = teams.filter(|(_, team)| team.members.iter().any(|Who(member)| member == user));
            mine.map(|(Who(team), _)| team.as_str()).collect()
        };
        let teams: Vec<&str> = match &case.teams {
            Some(teams) => teams.iter().map(AsRef::as_ref).collect(),
            None => of_directory(),
        };
        let ancestors: Vec<&str> = teams.iter().flat_map(|team| self.above(team)).collect();
        let tree = self.directory.team.keys().map(AsRef::as_ref);
        let tree = tree.filter(|team| self.above(team).iter().any(|above| teams.contains(above)));
        let tree: Vec<&str> = tree.chain(teams.iter().copied()).collect();
        let traits: Vec<&str> = case.traits.iter().map(String::as_str).collect();
        let direct: Vec<&str> = case.roles.iter().flatten().map(|RoleName(role)| role.as_str()).collect();
        let queues: Vec<&str> = case.queues.iter().map(AsRef::as_ref).collect();
        let member = Member { user, teams: &teams, ancestors: &ancestors, traits: &traits, direct: &direct };
        let (roles, _until) = self.policy.roles_of(&member, MOMENT);
        let nobody = self.keys.user(self.tenant, " ");
        Ok(Arc::new(Actor {
            tenant: self.tenant.clone(),
            user: UserId::new(user),
            teams: teams.iter().map(|team| TeamId::new(*team)).collect(),
            team_keys: self.keys_of(&teams),
            tree_keys: self.keys_of(&tree),
            queue_keys: self.keys_of(&queues),
            user_key: self
                .keys
                .user(self.tenant, user)
                .or(nobody)
                .ok_or(crate::policy::TooManyRoles { roles: 0 })?,
            tenant_key: self.keys.tenant(self.tenant),
            apps: self.policy.apps_of(&member),
            active: true,
            grants: Arc::new(self.policy.grants(&roles)?),
        }))
    }

    /// The teams above a team.
    fn above(&self, team: &str) -> Vec<&str> {
        let parent = |team: &str| self.directory.team.get(&Who(team.to_owned()))?.parent.as_ref();
        let mut above = Vec::new();
        let mut next = parent(team);
        // A circle is a mistake that is told elsewhere.
        let mut seen = BTreeSet::new();
        while let Some(Who(name)) = next.filter(|Who(name)| seen.insert(name.as_str())) {
            above.push(name.as_str());
            next = parent(name);
        }
        above
    }

    fn keys_of(&self, teams: &[&str]) -> Box<[TeamKey]> {
        let keys: BTreeSet<_> = teams.iter().filter_map(|team| self.keys.team(self.tenant, team)).collect();
        keys.into_iter().collect()
    }

    fn with_facts<T>(&self, object: &Object, ask: &mut dyn FnMut(&Facts<'_>) -> T) -> T {
        let of = object.of();
        self.with_parts(&of, &mut |facts| {
            let Some(via) = &object.via else {
                return ask(facts);
            };
            // Through an object of which it is not known what it is nothing follows.
            let Some(resource) = via.resource.as_ref().and_then(|Word(name)| self.policy.resource(name))
            else {
                return ask(facts);
            };
            self.with_parts(&via.of(), &mut |outer| {
                let via = Via { resource, facts: *outer };
                ask(&Facts { via: Some(&via), ..*facts })
            })
        })
    }

    fn with_parts<T>(&self, of: &OfObject<'_>, ask: &mut dyn FnMut(&Facts<'_>) -> T) -> T {
        let user = |name: &Who| self.keys.user(self.tenant, name.as_ref());
        let symbol = |name: &Option<String>| name.as_deref().map(|name| self.policy.symbol(name));
        let teams: Vec<&str> = of.teams.iter().chain(of.queue).map(AsRef::as_ref).collect();
        let participants: Vec<UserKey> = of.participants.iter().filter_map(user).collect();
        ask(&Facts {
            tenant: self.keys.tenant(self.tenant),
            responsible: of.responsible.and_then(user),
            unassigned: of.unassigned,
            teams: &self.keys_of(&teams),
            own_team: of.queue.is_some(),
            participants: &participants,
            creator: of.creator.and_then(user),
            queue: of.queue.and_then(|queue| self.keys.team(self.tenant, queue.as_ref())),
            open: of.open,
            place: Place {
                pipeline: symbol(of.pipeline),
                stage: symbol(of.stage),
                channel: symbol(of.channel),
                account: symbol(of.account),
            },
            kind: symbol(of.kind),
            role: of.role.and_then(|RoleName(role)| self.policy.role(role)),
            via: None,
        })
    }
}
