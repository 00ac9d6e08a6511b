//! `headgate can-i`.

use std::io::Write;

use clap::Args;

use super::{
    Unanswered, Where,
    people::{People, Subject},
    question::ObjectFlags,
};
use crate::{
    config::Env,
    policy::{Allowed, Decision, Facts, FieldNo, Grants, Policy, Question, ResourceNo, decide, explain},
};

/// Arguments of `can-i`.
#[derive(Debug, Args)]
pub(in crate::cli) struct CanI {
    /// Who asks: a user of directory.toml, or with --roles anybody.
    user: String,
    /// The action.
    action: String,
    /// The resource, or an object of it. What is known of the object is said by flags; without an id and without
    /// flags the question is about the resource as such: a menu, a page, creating.
    #[arg(value_name = "RESOURCE[/ID]")]
    resource: String,
    /// Say why: the role, rule, scope or relation, and the fields.
    #[arg(long)]
    why: bool,
    /// A field that the answer must show. May be repeated.
    #[arg(long, value_name = "NAME")]
    field: Vec<String>,
    /// A field that is written. May be repeated.
    #[arg(long, value_name = "NAME")]
    write: Vec<String>,
    /// The user's roles, in place of those that the directory gives; assignments of roles.toml add to them.
    #[arg(long, value_name = "ROLE,..", value_delimiter = ',')]
    roles: Option<Vec<String>>,
    /// The user's teams, in place of the directory's.
    #[arg(long, value_name = "TEAM,..", value_delimiter = ',')]
    teams: Option<Vec<String>>,
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    object: ObjectFlags,
}

impl CanI {
    pub(super) fn run(&self, env: Env<'_>, out: &mut dyn Write) -> Result<bool, Unanswered> {
        let people = People::read(&self.place, env)?;
        let who = self.who(&people)?;
        let (name, id) = match self.resource.split_once('/') {
            Some((name, id)) => (name, Some(id)),
            None => (self.resource.as_str(), None),
        };
        let (resource, action) = people.right(name, &self.action)?;
        let object = self.object.object(id.is_some(), &people)?;
        let writes: Vec<FieldNo> =
            self.write.iter().map(|name| people.policy.field(resource, name)).collect();
        let judge = |facts: Option<&Facts<'_>>| {
            let question = Question { resource, action, object: facts, writes: &writes };
            let decision = decide(&who.actor, question);
            let why = explain(&people.policy, &question, &decision).to_string();
            self.answer(&people.policy, &who.actor.grants, resource, decision, why)
        };
        let answer = match &object {
            None => judge(None),
            Some(object) => object.with_facts(people.lexicon(), &mut |facts| judge(Some(facts))),
        };
        writeln!(out, "{}", if answer.allowed { "allow" } else { "deny" })?;
        if self.why {
            writeln!(out, "why     {}", answer.why)?;
            writeln!(out, "who     {}", in_words(&who, &people.policy))?;
            let asked = id.map(|id| format!("{name} {id}, ")).unwrap_or_default();
            match &object {
                None => writeln!(out, "object  none: {name} as such")?,
                Some(object) => writeln!(out, "object  {asked}{object}")?,
            }
            for (what, fields) in answer.fields {
                writeln!(out, "{what:7} {fields}")?;
            }
        }
        Ok(answer.allowed)
    }

    fn who(&self, people: &People) -> Result<Subject, Unanswered> {
        if self.roles.is_none() && self.teams.is_none() {
            people.are_here("say `--roles ROLE,.. --teams TEAM,..`")?;
            return people.user(&self.user);
        }
        let known = people.rights.directory.member(&crate::ids::UserId::new(self.user.as_str()));
        let roles = self.roles.clone().or_else(|| known.map(|known| known.roles)).unwrap_or_default();
        let teams = self.teams.clone().unwrap_or_else(|| people.teams_of(&self.user));
        people.user_with(&self.user, &roles, &teams)
    }

    fn answer(
        &self,
        policy: &Policy,
        grants: &Grants,
        resource: ResourceNo,
        decision: Decision,
        why: String,
    ) -> Answer {
        let Decision::Allow(allowed) = decision else {
            return Answer { allowed: false, why, fields: Vec::new() };
        };
        let hidden = self.field.iter().find(|name| !grants.sees(&allowed, policy.field(resource, name)));
        if let Some(hidden) = hidden {
            let why = format!("{why}, and does not show `{hidden}`");
            return Answer { allowed: false, why, fields: Vec::new() };
        }
        let of = |opens: fn(&Grants, &Allowed, FieldNo) -> bool| {
            fields(policy, resource, |field| opens(grants, &allowed, field))
        };
        let fields = vec![("shows", of(Grants::sees)), ("writes", of(Grants::writes))];
        Answer { allowed: true, why, fields }
    }
}

struct Answer {
    allowed: bool,
    why: String,
    fields: Vec<(&'static str, String)>,
}

/// Which fields are open, as few words as may be.
fn fields(policy: &Policy, resource: ResourceNo, open: impl Fn(FieldNo) -> bool) -> String {
    let (open, closed): (Vec<FieldNo>, Vec<FieldNo>) =
        policy.fields_of(resource).partition(|field| open(*field));
    let names = |fields: &[FieldNo]| {
        let named = fields.iter().filter(|field| **field != FieldNo::OTHER);
        named.map(|field| policy.field_name(resource, *field)).collect::<Vec<_>>().join(", ")
    };
    match (open.contains(&FieldNo::OTHER), open.is_empty(), closed.is_empty()) {
        (_, _, true) => "every field".to_owned(),
        (_, true, _) => "no field".to_owned(),
        (true, ..) => format!("every field but {}", names(&closed)),
        (false, ..) => format!("only {}", names(&open)),
    }
}

/// Who asks, with teams and roles.
fn in_words(who: &Subject, policy: &Policy) -> String {
    let list = |names: Vec<&str>| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    let teams = who.actor.teams.iter().map(crate::ids::TeamId::as_str).collect();
    let roles = who.actor.grants.roles().iter().map(|role| policy.role_name(*role)).collect();
    format!("{}; teams: {}; roles: {}", who.name, list(teams), list(roles))
}
