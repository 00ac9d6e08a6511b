//! Names in a question that nothing of the configuration mentions: one that is mistyped answers as if it stood elsewhere.

use std::{collections::BTreeSet, io::Write};

use super::{Unanswered, did_you_mean, people::People};
use crate::{config::nearest, policy::words::Object};

/// Most known names that are told.
const TOLD_MAX: usize = 10;

/// Tells `err` of each pipeline, stage, channel, account and kind that nothing mentions. `made_up` is a user whom the
/// directory need not have.
///
/// # Errors
/// If the directory is here and has no such user or team, or the policy has no such role.
pub(super) fn check(
    object: &Object,
    people: &People,
    made_up: Option<&str>,
    err: &mut dyn Write,
) -> Result<(), Unanswered> {
    let users = object.responsible.iter().chain(&object.participants).chain(&object.creator);
    users.filter(|user| made_up != Some(user)).try_for_each(|user| people.somebody(user))?;
    let teams = object.own_teams.iter().chain(object.teams.iter().flatten()).chain(&object.queue);
    teams.into_iter().try_for_each(|team| people.team(team))?;
    if let Some(role) = &object.role {
        people.role(role)?;
    }
    let named = &people.rights.named;
    for (what, name, known) in [
        ("pipeline", &object.pipeline, &named.pipelines),
        ("stage", &object.stage, &named.stages),
        ("channel", &object.channel, &named.channels),
        ("account", &object.account, &named.accounts),
        ("kind", &object.kind, &named.kinds),
    ] {
        if let Some(name) = name.as_ref().filter(|name| !known.contains(*name)) {
            warn(what, name, known, err)?;
        }
    }
    match object.via.as_deref() {
        Some((_, outer)) => check(outer, people, made_up, err),
        None => Ok(()),
    }
}

/// What nothing is said of by name decides nothing, whatever its name: that is worth a word only beside names that do.
fn warn(what: &str, name: &str, known: &BTreeSet<String>, err: &mut dyn Write) -> Result<(), Unanswered> {
    if known.is_empty() {
        return Ok(());
    }
    let near = did_you_mean(nearest(name, known.iter().map(String::as_str)).as_deref());
    let told: Vec<&str> = known.iter().map(String::as_str).take(TOLD_MAX).collect();
    let more = if known.len() > TOLD_MAX { ", …" } else { "" };
    writeln!(
        err,
        "warning: the configuration mentions no {what} `{name}`{near}; it mentions: {}{more}",
        told.join(", ")
    )?;
    Ok(())
}
