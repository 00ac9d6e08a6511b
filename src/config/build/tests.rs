//! `tests.toml`: the policy's own tests, asked at every load.

use std::{collections::BTreeSet, sync::Arc};

use super::Check;
use crate::{
    config::{
        mistake::{KeyPath, Place, Report, Wrong, nearest},
        raw::{self, Case, Expect, Object, OfObject, RoleName, Who, Word},
        rights::{Failure, Trial},
        text::Moment,
    },
    directory::{Casting, Directory, Member, Uncast},
    ids::{TeamId, TenantId, Timestamp, UserId},
    policy::{
        Actor, Decision, Facts, FieldNo, Keys, Policy, Question, ResourceNo, RoleNo, decide, explain,
        words::{self, Lexicon},
    },
};

/// When a case is asked that does not say when: after any `until`, since a file that is right today should be so
/// tomorrow, and nobody should be told that they may what they soon may not.
const FOR_GOOD: Timestamp = Timestamp(i64::MAX);

/// What the cases of a tenant are asked of: the same as the gate decides by.
#[derive(Clone, Copy, Debug)]
pub(in crate::config) struct UnderTest<'a> {
    pub(in crate::config) tenant: &'a TenantId,
    pub(in crate::config) directory: &'a Directory,
    /// Users come from elsewhere: who is not in the directory may be there all the same.
    pub(in crate::config) people_elsewhere: bool,
    pub(in crate::config) queues: &'a BTreeSet<TeamId>,
    pub(in crate::config) policy: &'a Arc<Policy>,
    pub(in crate::config) keys: &'a Keys,
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

/// A case whose names the policy knows.
struct Names<'a> {
    user: &'a str,
    resource: ResourceNo,
    action: crate::policy::ActionNo,
}

impl UnderTest<'_> {
    /// Asks every case. Names that nothing knows are noted; what is answered otherwise than expected is in the answer.
    pub(in crate::config) fn ask_all(&self, check: &mut Check<'_>, tests: &raw::Tests) -> Vec<Trial> {
        let tree = self.directory.tree();
        let casting = Casting {
            tenant: self.tenant,
            policy: self.policy,
            keys: self.keys,
            tree: &tree,
            queues: self.queues,
        };
        let mut trials = Vec::new();
        for (Word(name), case) in &tests.case {
            let at = KeyPath::default().key("case").key(name);
            self.check_people(check, &at, case);
            if let Some(names) = self.names(check, &at, case) {
                trials.push(self.ask(case, &names, &casting, check.document.at(&at)));
            }
        }
        trials
    }

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
        let number = self.resource(check, &at.key("resource"), resource)?;
        let mut actions = self.policy.actions_of(number);
        let Some(action) = actions.find(|known| self.policy.action_name(*known) == action) else {
            let known = self.policy.actions_of(number).map(|known| self.policy.action_name(known));
            let near = nearest(action, known);
            let wrong = Wrong::Unknown { what: "action", name: action.clone(), nearest: near };
            check.wrong(&at.key("action"), wrong);
            return None;
        };
        if let Some(object) = &case.object {
            let at = at.key("object");
            self.role(check, &at, object.role.as_ref());
            if let Some(via) = &object.via {
                let at = at.key("via");
                self.role(check, &at, via.role.as_ref());
                self.resource(check, &at.key("resource"), &via.resource.as_ref()?.0)?;
            }
        }
        Some(Names { user, resource: number, action })
    }

    fn resource(&self, check: &mut Check<'_>, at: &KeyPath, name: &str) -> Option<ResourceNo> {
        let found = self.policy.resource(name);
        if found.is_none() {
            let near = nearest(name, self.policy.resources().map(|of| self.policy.resource_name(of)));
            check.wrong(at, Wrong::Unknown { what: "resource", name: name.to_owned(), nearest: near });
        }
        found
    }

    fn role(&self, check: &mut Check<'_>, at: &KeyPath, role: Option<&RoleName>) {
        let Some(RoleName(name)) = role.filter(|RoleName(name)| self.policy.role(name).is_none()) else {
            return;
        };
        let near = nearest(name, self.policy.roles().map(|role| self.policy.role_name(role)));
        check.wrong(&at.key("role"), Wrong::Unknown { what: "role", name: name.clone(), nearest: near });
    }

    /// Notes users and teams that the directory does not have, but for those whom the case makes up.
    fn check_people(&self, check: &mut Check<'_>, at: &KeyPath, case: &Case) {
        if self.people_elsewhere {
            return;
        }
        let made_up = case.user.as_ref().filter(|_| case.roles.is_some() || case.teams.is_some());
        let mut user = |at: &KeyPath, Who(name): &Who| {
            let known = self.directory.users.keys().map(UserId::as_str);
            if made_up.is_none_or(|Who(made_up)| made_up != name) && !known.clone().any(|known| known == name)
            {
                let near = nearest(name, known);
                check.wrong(at, Wrong::Unknown { what: "user", name: name.clone(), nearest: near });
            }
        };
        let objects = case.object.iter().map(|object| (at.key("object"), object.of()));
        let vias = case.object.iter().filter_map(|object| object.via.as_ref());
        let vias = vias.map(|via| (at.key("object").key("via"), via.of()));
        let objects: Vec<_> = objects.chain(vias).collect();
        case.user.iter().for_each(|name| user(&at.key("user"), name));
        for (at, object) in &objects {
            object.responsible.into_iter().for_each(|name| user(&at.key("responsible"), name));
            object.creator.into_iter().for_each(|name| user(&at.key("creator"), name));
            for (index, name) in object.participants.iter().enumerate() {
                user(&at.key("participants").index(index), name);
            }
        }
        let mut team = |at: &KeyPath, Who(name): &Who| {
            let known = self.directory.teams.keys().map(TeamId::as_str);
            if !known.clone().any(|known| known == name) {
                let near = nearest(name, known);
                check.wrong(at, Wrong::Unknown { what: "team", name: name.clone(), nearest: near });
            }
        };
        let mut teams = |at: &KeyPath, names: &[Who]| {
            names.iter().enumerate().for_each(|(index, name)| team(&at.index(index), name));
        };
        teams(&at.key("teams"), case.teams.as_deref().unwrap_or_default());
        teams(&at.key("queues"), case.queues.as_deref().unwrap_or_default());
        for (at, object) in &objects {
            teams(&at.key("teams"), object.teams.unwrap_or_default());
        }
        for (at, object) in &objects {
            object.team.into_iter().for_each(|name| team(&at.key("team"), name));
            object.queue.into_iter().for_each(|name| team(&at.key("queue"), name));
        }
    }

    /// Asks a case.
    fn ask(&self, case: &Case, names: &Names<'_>, casting: &Casting<'_>, place: Place) -> Trial {
        let member = self.member(case, names.user);
        let object = case.object.as_ref().map(|object| {
            in_words(object).with_teams_of(&|responsible| {
                if responsible == names.user {
                    return member.teams.iter().map(ToString::to_string).collect();
                }
                self.directory.teams_of(responsible)
            })
        });
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
        let (roles, failure) = match self.actor(case, names.user, &member, casting) {
            Ok(actor) => {
                let roles = actor.grants.roles().iter().map(|role| self.policy.role_name(*role).to_owned());
                (roles.collect(), self.failure(case, names, &actor, object.as_ref()))
            }
            Err(uncast) => (Vec::new(), Some(("deny", uncast.to_string()))),
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
        let fields = |name: &String| self.policy.fields_on_the_way(names.resource, name);
        let writes: Vec<FieldNo> = case.writes.iter().flat_map(fields).collect();
        let judge = |object: Option<&Facts<'_>>| {
            let question =
                Question { resource: names.resource, action: names.action, object, writes: &writes };
            let decision = decide(actor, question);
            let why = || explain(self.policy, &question, &decision).to_string();
            let allowed = match &decision {
                Decision::Allow(allowed) => allowed,
                Decision::Deny(_) => return (case.expect != Some(Expect::Deny)).then(|| ("deny", why())),
            };
            if case.expect == Some(Expect::Deny) {
                return Some(("allow", why()));
            }
            let sees =
                |name: &String| fields(name).into_iter().all(|field| actor.grants.sees(allowed, field));
            if let Some(hidden) = case.fields.iter().chain(&case.visible).find(|name| !sees(name)) {
                return Some(("allow", format!("`{hidden}` is not shown")));
            }
            let shown = case.hidden.iter().find(|name| sees(name));
            shown.map(|shown| ("allow", format!("`{shown}` is shown")))
        };
        let lexicon = Lexicon { tenant: self.tenant, policy: self.policy, keys: self.keys };
        match object {
            None => judge(None),
            Some(object) => object.with_facts(lexicon, &mut |facts| judge(Some(facts))),
        }
    }

    /// What the directory says of who asks, or the case in its place.
    fn member(&self, case: &Case, user: &str) -> Member {
        let known = self.directory.member(&UserId::new(user));
        let known = known.unwrap_or_else(|| Member { active: true, ..Member::default() });
        let teams = case.teams.as_deref().map(team_ids);
        let roles =
            case.roles.as_ref().map(|roles| roles.iter().map(|RoleName(role)| role.clone()).collect());
        Member {
            teams: teams.unwrap_or(known.teams),
            roles: roles.unwrap_or(known.roles),
            traits: case.traits.iter().chain(&known.traits).cloned().collect(),
            ..known
        }
    }

    fn actor(
        &self,
        case: &Case,
        user: &str,
        member: &Member,
        casting: &Casting<'_>,
    ) -> Result<Actor, Uncast> {
        let at = case.at.map_or(FOR_GOOD, |Moment(at)| at);
        let grants = |roles: &[RoleNo]| self.policy.grants(roles).map(Arc::new);
        let (mut actor, _until) = casting.actor(&UserId::new(user), member, at, grants)?;
        if let Some(queues) = &case.queues {
            actor.queue_keys = casting.team_keys(&team_ids(queues));
        }
        Ok(actor)
    }
}

fn team_ids(names: &[Who]) -> Vec<TeamId> {
    names.iter().map(|Who(name)| TeamId::new(name.as_str())).collect()
}

/// An object as the file says it.
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
    words::Object {
        responsible: text(of.responsible),
        unassigned: of.unassigned,
        own_teams: text(of.team).into_iter().collect(),
        teams: of.teams.map(texts),
        participants: texts(of.participants),
        creator: text(of.creator),
        queue: text(of.queue),
        open: of.open,
        pipeline: of.pipeline.clone(),
        stage: of.stage.clone(),
        channel: of.channel.clone(),
        account: of.account.clone(),
        kind: of.kind.clone(),
        role: of.role.map(|RoleName(role)| role.clone()),
        unknown: of.unknown.clone(),
        via: None,
    }
}
