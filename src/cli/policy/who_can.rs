//! `headgate who-can`.

use std::io::Write;

use clap::Args;
use serde::Serialize;

use super::{
    Answer, Format, Unanswered, Where,
    people::People,
    question::{Asked, ObjectFlags},
};
use crate::{
    config::Env,
    policy::{Facts, Question, decide, explain},
};

/// Arguments of `who-can`.
#[derive(Debug, Args)]
pub(in crate::cli) struct WhoCan {
    /// The action.
    action: String,
    /// The resource, or an object of it; as in `can-i`.
    #[arg(value_name = "RESOURCE[/ID]")]
    resource: String,
    #[command(flatten)]
    place: Where,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    object: ObjectFlags,
}

impl WhoCan {
    /// Prints who may, and why. Yes if anybody may.
    pub(super) fn run(
        &self,
        env: Env<'_>,
        out: &mut dyn Write,
        err: &mut dyn Write,
    ) -> Result<bool, Unanswered> {
        let people = People::read(&self.place, env)?;
        people.are_here("ask `headgate can-i` about one user with `--roles ROLE,.. --teams TEAM,..`")?;
        let (name, id) = match self.resource.split_once('/') {
            Some((name, id)) => (name, Some(id)),
            None => (self.resource.as_str(), None),
        };
        let (resource, action) = people.right(name, &self.action)?;
        let object = self.object.object(id.is_some(), &people, None, err)?;
        let users = people.users()?;
        let ask = |facts: Option<&Facts<'_>>| -> Vec<May<'_>> {
            let question = Question { resource, action, object: facts, writes: &[] };
            let asked = users.iter().map(|who| (who, decide(&who.actor, question)));
            let may = asked.filter(|(_, decision)| decision.is_allowed());
            may.map(|(who, decision)| {
                let why = explain(&people.policy, &question, &decision).to_string();
                May { user: &who.name, why }
            })
            .collect()
        };
        let may = match &object {
            None => ask(None),
            Some(object) => object.with_facts(people.lexicon(), &mut |facts| ask(Some(facts))),
        };
        let answer = !may.is_empty();
        if self.format == Format::Json {
            let asked = Asked {
                resource: name,
                action: &self.action,
                id,
                object: object.as_ref().map(ToString::to_string),
            };
            let said = Listed { asked, users: may, of: users.len() };
            return Answer { tenant: people.rights.tenant.to_string(), answer, said }.print(out);
        }
        let width = may.iter().map(|one| one.user.len()).max().unwrap_or_default();
        for May { user, why } in &may {
            writeln!(out, "{user:width$}  {why}")?;
        }
        writeln!(out, "{} of {} users may", may.len(), users.len())?;
        Ok(answer)
    }
}

/// The answer for programs.
#[derive(Serialize)]
struct Listed<'a> {
    #[serde(flatten)]
    asked: Asked<'a>,
    users: Vec<May<'a>>,
    /// How many users there are.
    of: usize,
}

/// Somebody who may, and why.
#[derive(Serialize)]
struct May<'a> {
    user: &'a str,
    why: String,
}
