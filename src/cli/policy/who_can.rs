//! `headgate who-can`.

use std::io::Write;

use clap::Args;

use super::{Unanswered, Where, people::People, question::ObjectFlags};
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
    #[command(flatten)]
    object: ObjectFlags,
}

impl WhoCan {
    /// Prints who may, and why. Yes if anybody may.
    pub(super) fn run(&self, env: Env<'_>, out: &mut dyn Write) -> Result<bool, Unanswered> {
        let people = People::read(&self.place, env)?;
        people.are_here("ask `headgate can-i` about one user with `--roles ROLE,.. --teams TEAM,..`")?;
        let (name, id) = match self.resource.split_once('/') {
            Some((name, id)) => (name, Some(id)),
            None => (self.resource.as_str(), None),
        };
        let (resource, action) = people.right(name, &self.action)?;
        let object = self.object.object(id.is_some(), &people)?;
        let users = people.users()?;
        let ask = |facts: Option<&Facts<'_>>| -> Vec<(&str, String)> {
            let question = Question { resource, action, object: facts, writes: &[] };
            let asked = users.iter().map(|who| (who, decide(&who.actor, question)));
            let may = asked.filter(|(_, decision)| decision.is_allowed());
            may.map(|(who, decision)| {
                let why = explain(&people.policy, &question, &decision).to_string();
                (who.name.as_str(), why)
            })
            .collect()
        };
        let may = match &object {
            None => ask(None),
            Some(object) => object.with_facts(people.lexicon(), &mut |facts| ask(Some(facts))),
        };
        let width = may.iter().map(|(user, _)| user.len()).max().unwrap_or_default();
        for (user, why) in &may {
            writeln!(out, "{user:width$}  {why}")?;
        }
        writeln!(out, "{} of {} users may", may.len(), users.len())?;
        Ok(!may.is_empty())
    }
}
