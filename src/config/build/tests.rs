//! `tests.toml`: the policy's own tests, asked at every load.

use std::{collections::BTreeSet, sync::Arc};

use super::Check;
use crate::{
    config::{
        mistake::{KeyPath, Place, Report, Wrong, nearest},
        raw::{self, Case, Expect, Object, OfObject, RoleName, Who, Word},
        rights::{Failure, Trial},
    },
    ids::{TeamId, TenantId, Timestamp, UserId},
    policy::{
        Actor, Decision, Facts, FieldNo, Keys, Member, Policy, Question, ResourceNo, TeamKey, decide,
        explain,
        words::{self, Lexicon},
    },
};

/// When the tests are asked: before any `until`, since a file that is right today should be so tomorrow.
const MOMENT: Timestamp = Timestamp(0);

/// Asks every case. Names that the policy does not know are noted; what is answered otherwise than expected is
/// in the answer.
pub(in crate::config) fn ask_tests(
    check: &mut Check<'_>,
    raw: &raw::Tests,
    directory: &raw::Directory,
    tenant: &TenantId,
    policy: Policy,
    keys: &Keys,
) -> Vec<Trial> {
    let asking = Asking { directory, tenant, policy: Arc::new(policy), keys };
    let mut trials = Vec::new();
    for (Word(name), case) in &raw.case {
        let at = KeyPath::default().key("case").key(name);
        if let Some(names) = asking.names(check, &at, case) {
            trials.push(asking.ask(case, &names, check.document.at(&at)));
        }
    }
    trials
}

/// Notes every case that was answered otherwise than expected.
pub(in crate::config) fn note_failures(report: &mut Report, trials: &[Trial]) {
    for trial in trials {
        if let Some(Failure { expected, got, .. }) = &trial.failure {
            let wrong = Wrong::TestFails { expected, got: got.clone() };
            report.add(trial.place.clone(), wrong);
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

    /// Asks a case.
    fn ask(&self, case: &Case, names: &Names<'_>, place: Place) -> Trial {
        let object = case.object.as_ref().map(in_words);
        let right = (
            self.policy.resource_name(names.resource).to_owned(),
            self.policy.action_name(names.action).to_owned(),
        );
        let mut question = format!("{}: {}.{}", names.user, right.0, right.1);
        if let Some(object) = &object {
            question.push_str(&format!(" on {object}"));
        }
        if !case.writes.is_empty() {
            question.push_str(&format!(", writing {}", case.writes.join(", ")));
        }
        let expected = case.expect.unwrap_or(Expect::Deny);
        let (roles, failure) = match self.actor(case, names.user) {
            Ok(actor) => {
                let roles = actor.grants.roles().iter().map(|role| self.policy.role_name(*role).to_owned());
                (roles.collect(), self.failure(case, names, &actor, object.as_ref()))
            }
            Err(too_many) => (Vec::new(), Some(("deny", too_many.to_string()))),
        };
        let expected = match expected {
            Expect::Allow => "allow",
            Expect::AllowRedacted => "allow-redacted",
            Expect::Deny => "deny",
        };
        let failure = failure.map(|(answer, got)| Failure { expected, answer, got });
        Trial { place, question, resource: right.0, action: right.1, roles, failure }
    }

    /// What the policy answers and why, if that is not what is expected.
    fn failure(
        &self,
        case: &Case,
        names: &Names<'_>,
        actor: &Actor,
        object: Option<&words::Object>,
    ) -> Option<(&'static str, String)> {
        let field = |name: &String| self.policy.field(names.resource, name);
        let writes: Vec<FieldNo> = case.writes.iter().map(field).collect();
        let judge = |object: Option<&Facts<'_>>| {
            let question =
                Question { resource: names.resource, action: names.action, object, writes: &writes };
            let decision = decide(actor, question);
            let why = || explain(&self.policy, &question, &decision).to_string();
            let allowed = match &decision {
                Decision::Allow(allowed) => allowed,
                Decision::Deny(_) => return (case.expect != Some(Expect::Deny)).then(|| ("deny", why())),
            };
            if case.expect == Some(Expect::Deny) {
                return Some(("allow", why()));
            }
            let sees = |name: &String| actor.grants.sees(allowed, field(name));
            if let Some(hidden) = case.fields.iter().chain(&case.visible).find(|name| !sees(name)) {
                return Some(("allow", format!("`{hidden}` is not shown")));
            }
            let shown = case.hidden.iter().find(|name| sees(name));
            shown.map(|shown| ("allow", format!("`{shown}` is shown")))
        };
        let lexicon = Lexicon { tenant: self.tenant, policy: &self.policy, keys: self.keys };
        match object {
            None => judge(None),
            Some(object) => object.with_facts(lexicon, &mut |facts| judge(Some(facts))),
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
        let known = self.directory.user.get(&Who(user.to_owned()));
        let traits = case.traits.iter().chain(known.iter().flat_map(|known| &known.traits));
        let traits: Vec<&str> = traits.map(String::as_str).collect();
        let direct: Vec<&str> = match &case.roles {
            Some(roles) => roles.iter().map(|RoleName(role)| role.as_str()).collect(),
            None => known.iter().flat_map(|known| &known.roles).map(String::as_str).collect(),
        };
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
            active: known.is_none_or(|known| known.active),
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
}

/// An object as the file says it. The team in whose queue it waits is its own.
fn in_words(object: &Object) -> words::Object {
    let via = object.via.as_ref().and_then(|via| {
        // Through an object of which it is not known what it is nothing follows.
        let Word(resource) = via.resource.as_ref()?;
        Some(Box::new((resource.clone(), of_in_words(&via.of()))))
    });
    words::Object { via, ..of_in_words(&object.of()) }
}

fn of_in_words(of: &OfObject<'_>) -> words::Object {
    let texts = |names: &[Who]| names.iter().map(|Who(name)| name.clone()).collect::<Vec<_>>();
    let text = |name: Option<&Who>| name.map(|Who(name)| name.clone());
    let queue = text(of.queue);
    words::Object {
        responsible: text(of.responsible),
        unassigned: of.unassigned,
        teams: texts(of.teams).into_iter().chain(queue.clone()).collect(),
        own_team: of.queue.is_some(),
        participants: texts(of.participants),
        creator: text(of.creator),
        queue,
        open: of.open,
        pipeline: of.pipeline.clone(),
        stage: of.stage.clone(),
        channel: of.channel.clone(),
        account: of.account.clone(),
        kind: of.kind.clone(),
        role: of.role.map(|RoleName(role)| role.clone()),
        via: None,
    }
}
