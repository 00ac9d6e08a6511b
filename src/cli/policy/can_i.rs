//! `headgate can-i`.

use std::io::Write;

use clap::Args;
use serde::Serialize;

use super::{
    Answer, Format, Unanswered, Where,
    people::{People, Subject},
    question::{Asked, ObjectFlags},
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
    /// How to print; JSON says why as well.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
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
    pub(super) fn run(
        &self,
        env: Env<'_>,
        out: &mut dyn Write,
        err: &mut dyn Write,
    ) -> Result<bool, Unanswered> {
        let people = People::read(&self.place, env)?;
        let who = self.who(&people)?;
        let (name, id) = match self.resource.split_once('/') {
            Some((name, id)) => (name, Some(id)),
            None => (self.resource.as_str(), None),
        };
        let (resource, action) = people.right(name, &self.action)?;
        let object = self.object.object(id.is_some(), &people, Some(&who), err)?;
        let writes: Vec<FieldNo> =
            self.write.iter().flat_map(|name| people.policy.fields_on_the_way(resource, name)).collect();
        let judge = |facts: Option<&Facts<'_>>| {
            let question = Question { resource, action, object: facts, writes: &writes };
            let decision = decide(&who.actor, question);
            let why = explain(&people.policy, &question, &decision).to_string();
            self.found(&people.policy, &who.actor.grants, resource, decision, why)
        };
        let found = match &object {
            None => judge(None),
            Some(object) => object.with_facts(people.lexicon(), &mut |facts| judge(Some(facts))),
        };
        if self.format == Format::Json {
            let object = object.as_ref().map(ToString::to_string);
            let said = Listed {
                user: &who.name,
                teams: teams(&who),
                roles: roles(&who, &people.policy),
                asked: Asked { resource: name, action: &self.action, id, object },
                why: &found.why,
                shows: found.fields.as_ref().map(|(shows, _)| shows),
                writes: found.fields.as_ref().map(|(_, writes)| writes),
            };
            return Answer { tenant: people.rights.tenant.to_string(), answer: found.allowed, said }
                .print(out);
        }
        writeln!(out, "{}", if found.allowed { "allow" } else { "deny" })?;
        if self.why {
            writeln!(out, "why     {}", found.why)?;
            writeln!(out, "who     {}", in_words(&who, &people.policy))?;
            let asked = id.map(|id| format!("{name} {id}, ")).unwrap_or_default();
            match &object {
                None => writeln!(out, "object  none: {name} as such")?,
                Some(object) => writeln!(out, "object  {asked}{object}")?,
            }
            if let Some((shows, writes)) = &found.fields {
                writeln!(out, "shows   {}", shows.text())?;
                writeln!(out, "writes  {}", writes.text())?;
            }
        }
        Ok(found.allowed)
    }

    fn who(&self, people: &People) -> Result<Subject, Unanswered> {
        if self.roles.is_none() && self.teams.is_none() {
            people.are_here("say `--roles ROLE,.. --teams TEAM,..`")?;
            return people.user(&self.user);
        }
        let known = people.rights.directory.member(&crate::ids::UserId::new(self.user.as_str()));
        let roles = self.roles.clone().or_else(|| known.map(|known| known.roles)).unwrap_or_default();
        let teams = self.teams.clone().unwrap_or_else(|| people.rights.directory.teams_of(&self.user));
        teams.iter().try_for_each(|team| people.team(team))?;
        people.user_with(&self.user, &roles, &teams)
    }

    fn found(
        &self,
        policy: &Policy,
        grants: &Grants,
        resource: ResourceNo,
        decision: Decision,
        why: String,
    ) -> Found {
        let Decision::Allow(allowed) = decision else {
            return Found { allowed: false, why, fields: None };
        };
        let sees = |name: &&String| {
            let mut fields = policy.fields_on_the_way(resource, name).into_iter();
            fields.all(|field| grants.sees(&allowed, field))
        };
        let hidden = self.field.iter().find(|name| !sees(name));
        if let Some(hidden) = hidden {
            let why = format!("{why}, and does not show `{hidden}`");
            return Found { allowed: false, why, fields: None };
        }
        let of = |opens: fn(&Grants, &Allowed, FieldNo) -> bool| {
            Fields::of(policy, resource, |field| opens(grants, &allowed, field))
        };
        Found { allowed: true, why, fields: Some((of(Grants::sees), of(Grants::writes))) }
    }
}

/// The answer for programs.
#[derive(Serialize)]
struct Listed<'a> {
    user: &'a str,
    teams: Vec<&'a str>,
    roles: Vec<&'a str>,
    #[serde(flatten)]
    asked: Asked<'a>,
    why: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    shows: Option<&'a Fields>,
    #[serde(skip_serializing_if = "Option::is_none")]
    writes: Option<&'a Fields>,
}

struct Found {
    allowed: bool,
    why: String,
    /// Those that are shown, and those that may be written.
    fields: Option<(Fields, Fields)>,
}

/// Which fields are open, of those that the policy names, and whether all others are.
#[derive(Serialize)]
struct Fields {
    open: Vec<String>,
    closed: Vec<String>,
    others: bool,
}

impl Fields {
    fn of(policy: &Policy, resource: ResourceNo, open: impl Fn(FieldNo) -> bool) -> Self {
        let (open, closed): (Vec<FieldNo>, Vec<FieldNo>) =
            policy.fields_of(resource).partition(|field| open(*field));
        let names = |fields: &[FieldNo]| -> Vec<String> {
            let named = fields.iter().filter(|field| **field != FieldNo::OTHER);
            named.map(|field| policy.field_name(resource, *field).to_owned()).collect()
        };
        Self { open: names(&open), closed: names(&closed), others: open.contains(&FieldNo::OTHER) }
    }

    /// As few words as may be.
    fn text(&self) -> String {
        match (self.others, self.open.is_empty(), self.closed.is_empty()) {
            (true, _, true) => "every field".to_owned(),
            (true, _, false) => format!("every field but {}", self.closed.join(", ")),
            (false, true, _) => "no field".to_owned(),
            (false, false, _) => format!("only {}", self.open.join(", ")),
        }
    }
}

fn teams(who: &Subject) -> Vec<&str> {
    who.actor.teams.iter().map(crate::ids::TeamId::as_str).collect()
}

fn roles<'p>(who: &Subject, policy: &'p Policy) -> Vec<&'p str> {
    who.actor.grants.roles().iter().map(|role| policy.role_name(*role)).collect()
}

/// Who asks, with teams and roles.
fn in_words(who: &Subject, policy: &Policy) -> String {
    let list = |names: Vec<&str>| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    format!("{}; teams: {}; roles: {}", who.name, list(teams(who)), list(roles(who, policy)))
}
