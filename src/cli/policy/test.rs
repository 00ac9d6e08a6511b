//! `headgate policy test`.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
};

use clap::Args;
use serde::Serialize;

use super::{Answer, Format, Unanswered, Where, people::People};
use crate::{
    config::{
        Env,
        rights::{Failure, Trial},
    },
    policy::{Scope, source::Principal},
};

/// Arguments of `policy test`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Test {
    #[command(flatten)]
    place: Where,
    /// Print too which grants no test asks about: of the roles that somebody has or a test names.
    #[arg(long)]
    coverage: bool,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

impl Test {
    pub(super) fn run(&self, env: Env<'_>, out: &mut dyn Write) -> Result<bool, Unanswered> {
        let people = People::read(&self.place, env)?;
        let mut trials: Vec<_> = people.rights.trials.iter().collect();
        trials.sort_by_key(|trial| trial.place.line);
        if self.format == Format::Json {
            return self.listed(&people, &trials, out);
        }
        let mut failed = 0;
        for trial in &trials {
            if let Some(Failure { expected, answer, got }) = &trial.failure {
                failed += 1;
                writeln!(out, "{}", trial.place)?;
                writeln!(out, "  question  {}", trial.question)?;
                writeln!(out, "  expected  {expected}")?;
                writeln!(out, "  got       {answer}: {got}\n")?;
            }
        }
        if self.coverage {
            coverage(&people, out)?;
        }
        writeln!(out, "{} passed, {failed} failed", trials.len() - failed)?;
        Ok(failed == 0)
    }

    fn listed(&self, people: &People, trials: &[&Trial], out: &mut dyn Write) -> Result<bool, Unanswered> {
        let failed = trials.iter().filter(|trial| trial.failure.is_some()).count();
        let of_role = |(role, grants): (String, Grants)| Coverage {
            grants: grants.len(),
            not_asked: grants.into_iter().filter(|(_, asked)| !asked).map(|(right, _)| right).collect(),
            role,
        };
        let coverage =
            if self.coverage { Some(grants(people)?.into_iter().map(of_role).collect()) } else { None };
        let cases = trials.iter().map(|trial| Case::of(trial)).collect();
        let said = Listed { passed: trials.len() - failed, failed, cases, coverage };
        Answer { tenant: people.rights.tenant.to_string(), answer: failed == 0, said }.print(out)
    }
}

/// The answer for programs.
#[derive(Serialize)]
struct Listed<'a> {
    passed: usize,
    failed: usize,
    cases: Vec<Case<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    coverage: Option<Vec<Coverage>>,
}

#[derive(Serialize)]
struct Case<'a> {
    file: &'a str,
    line: Option<usize>,
    key: String,
    question: &'a str,
    resource: &'a str,
    action: &'a str,
    roles: &'a [String],
    passed: bool,
    /// If it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    got: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a str>,
}

impl<'a> Case<'a> {
    fn of(trial: &'a Trial) -> Self {
        let failure = trial.failure.as_ref();
        Self {
            file: &trial.place.file,
            line: trial.place.line,
            key: trial.place.path.to_string(),
            question: &trial.question,
            resource: &trial.resource,
            action: &trial.action,
            roles: &trial.roles,
            passed: failure.is_none(),
            expected: failure.map(|failure| failure.expected),
            got: failure.map(|failure| failure.answer),
            why: failure.map(|failure| failure.got.as_str()),
        }
    }
}

/// What of a role's grants no case asks about.
#[derive(Serialize)]
struct Coverage {
    role: String,
    /// How many it has.
    grants: usize,
    not_asked: Vec<String>,
}

/// Grants of one role: rights by whether a test asks about them.
type Grants = BTreeMap<String, bool>;

fn coverage(people: &People, out: &mut dyn Write) -> Result<(), Unanswered> {
    let mut all = 0;
    let mut asked = 0;
    for (role, grants) in grants(people)? {
        all += grants.len();
        let missing: Vec<&str> =
            grants.iter().filter(|(_, asked)| !**asked).map(|(right, _)| right.as_str()).collect();
        asked += grants.len() - missing.len();
        if !missing.is_empty() {
            writeln!(out, "not asked about, role {role} ({} of {}):", missing.len(), grants.len())?;
            writeln!(out, "  {}\n", missing.join(", "))?;
        }
    }
    writeln!(out, "{asked} of {all} grants are asked about")?;
    Ok(())
}

fn grants(people: &People) -> Result<BTreeMap<String, Grants>, Unanswered> {
    let policy = &people.policy;
    let trials = &people.rights.trials;
    let asked: BTreeSet<(&str, &str, &str)> = trials
        .iter()
        .flat_map(|trial| {
            let right = (trial.resource.as_str(), trial.action.as_str());
            trial.roles.iter().map(move |role| (role.as_str(), right.0, right.1))
        })
        .collect();
    let in_use = in_use(people);
    let mut grants = BTreeMap::new();
    for subject in people.roles("team", "team below")? {
        if !in_use.contains(subject.name.as_str()) {
            continue;
        }
        let role: &mut Grants = grants.entry(subject.name.clone()).or_default();
        for resource in policy.resources() {
            for action in policy.actions_of(resource) {
                let exceptions = subject.actor.grants.exceptions(resource, action);
                let granted = subject.actor.grants.widest(resource, action) > Scope::None
                    || exceptions.relations
                    || exceptions.overrides;
                if granted {
                    let (resource, action) = (policy.resource_name(resource), policy.action_name(action));
                    let is_asked = asked.contains(&(subject.name.as_str(), resource, action));
                    role.insert(format!("{resource}.{action}"), is_asked);
                }
            }
        }
    }
    Ok(grants)
}

/// Roles that an assignment or the directory gives to somebody, or a test to who asks; every role where people
/// come from elsewhere.
fn in_use(people: &People) -> BTreeSet<&str> {
    let rights = &people.rights;
    let assigned = rights.policy.assignments.iter();
    let assigned = assigned.filter(|assignment| !assignment.draft && reaches(people, &assignment.to));
    let mut roles: BTreeSet<&str> = assigned.map(|assignment| assignment.role.as_str()).collect();
    roles.extend(rights.directory.users.values().flat_map(|user| user.roles.iter().map(String::as_str)));
    roles.extend(rights.trials.iter().flat_map(|trial| trial.roles.iter().map(String::as_str)));
    if rights.people_elsewhere {
        roles.extend(rights.policy.roles.keys().map(String::as_str));
    }
    roles
}

/// Whether the directory has anybody of whom this is true: a trait that nobody has gives its role to nobody.
fn reaches(people: &People, to: &Principal) -> bool {
    let mut users = people.rights.directory.users.values();
    match to {
        Principal::Trait(name) => users.any(|user| user.traits.contains(name)),
        Principal::User(_) | Principal::Team(_) | Principal::TeamTree(_) | Principal::Everyone => true,
    }
}
