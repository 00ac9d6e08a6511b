//! `headgate policy diff`: who gains and who loses what.
//!
//! Both policies are asked about the same objects for every user and right; nothing is read off the files, so
//! that a role that is written otherwise and grants the same is no difference.

mod compare;
mod samples;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    path::PathBuf,
};

use clap::Args;
use serde::Serialize;

use self::compare::{Change, FieldChange, Rights};
use super::{
    Answer, Format, Unanswered, Who,
    people::{People, Subject},
};
use crate::{
    config::Env,
    policy::{Keys, source::ANY},
};

/// Arguments of `policy diff`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Diff {
    /// The configuration folder as it was.
    old: PathBuf,
    /// The configuration folder as it is to be.
    new: PathBuf,
    /// The tenant; by default the only one.
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
    /// Compare roles in place of users.
    #[arg(long)]
    roles: bool,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// How one user's or role's rights change.
struct Changed {
    name: String,
    /// `only in the old folder` or `only in the new one`.
    only: Option<&'static str>,
    changes: Vec<Change>,
}

/// The differences for programs.
#[derive(Serialize)]
struct Listed<'a> {
    changed: Vec<ListedChanged<'a>>,
}

#[derive(Serialize)]
struct ListedChanged<'a> {
    #[serde(flatten)]
    who: Who<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    only: Option<&'static str>,
    changes: &'a [Change],
}

impl Diff {
    /// Prints the differences. Yes if there is none.
    pub(super) fn run(&self, env: Env<'_>, out: &mut dyn Write) -> Result<bool, Unanswered> {
        let keys = Keys::default();
        let read = |folder: &PathBuf| People::of(folder, self.tenant.as_deref(), env, keys.clone());
        let sides = [read(&self.old)?, read(&self.new)?];
        let changed = self.changed(&sides)?;
        let answer = changed.is_empty();
        match self.format {
            Format::Json => {
                let [_, new] = &sides;
                let said = listed(&changed, self.roles);
                Answer { tenant: new.rights.tenant.to_string(), answer, said }.print(out)
            }
            Format::Text => {
                text(&changed, self.roles, out)?;
                Ok(answer)
            }
        }
    }

    fn changed(&self, sides: &[People; 2]) -> Result<Vec<Changed>, Unanswered> {
        let subjects = |side: &People| -> Result<BTreeMap<String, Subject>, Unanswered> {
            let subjects = if self.roles {
                side.roles("(theirs)", "(below theirs)")?
            } else {
                side.are_here("compare roles with `--roles`")?;
                side.users()?
            };
            Ok(subjects.into_iter().map(|subject| (subject.name.clone(), subject)).collect())
        };
        let [old, new] = sides;
        let (before, after) = (subjects(old)?, subjects(new)?);
        let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        let rights = Rights::of(sides);
        let changed = names.into_iter().filter_map(|name| {
            let both = [before.get(name), after.get(name)];
            let user = both.into_iter().flatten().map(|subject| subject.actor.user.to_string()).next()?;
            let changes = rights.changes(&user, sides, both);
            let only = match both {
                [Some(_), None] => Some("only in the old folder"),
                [None, Some(_)] => Some("only in the new folder"),
                _ => None,
            };
            let is_changed = !changes.is_empty() || only.is_some();
            is_changed.then(|| Changed { name: name.clone(), only, changes })
        });
        Ok(changed.collect())
    }
}

fn listed(changed: &[Changed], roles: bool) -> Listed<'_> {
    let changed = changed.iter().map(|one| ListedChanged {
        who: if roles { Who::Role(&one.name) } else { Who::User(&one.name) },
        only: one.only,
        changes: &one.changes,
    });
    Listed { changed: changed.collect() }
}

/// Those whose rights change alike stand together, and so do rights that change alike.
fn text(changed: &[Changed], roles: bool, out: &mut dyn Write) -> Result<(), Unanswered> {
    let mut groups: Vec<(&Changed, Vec<&str>)> = Vec::new();
    for one in changed {
        let alike =
            |other: &&mut (&Changed, Vec<&str>)| other.0.only == one.only && other.0.lines() == one.lines();
        match groups.iter_mut().find(alike) {
            Some((_, names)) => names.push(&one.name),
            None => groups.push((one, vec![&one.name])),
        }
    }
    for (one, names) in groups {
        let only = one.only.map(|only| format!(" ({only})")).unwrap_or_default();
        writeln!(out, "{}{only}", names.join(", "))?;
        for line in one.lines() {
            writeln!(out, "  {line}")?;
        }
        writeln!(out)?;
    }
    let what = if roles { "roles" } else { "users" };
    let gain = changed.iter().filter(|one| one.gains()).count();
    let lose = changed.iter().filter(|one| one.loses()).count();
    writeln!(out, "{what}: {gain} gain, {lose} lose")?;
    Ok(())
}

impl Changed {
    fn gains(&self) -> bool {
        self.changes.iter().any(|change| {
            !change.gains.is_empty() || change.fields.iter().any(|field| !field.what.starts_with("no longer"))
        })
    }

    fn loses(&self) -> bool {
        self.changes.iter().any(|change| {
            !change.loses.is_empty() || change.fields.iter().any(|field| field.what.starts_with("no longer"))
        })
    }

    /// One line for each way in which rights change, with all rights that change so.
    fn lines(&self) -> Vec<String> {
        let mut ways: Vec<(String, String, Vec<String>)> = Vec::new();
        let mut add = |verb: &str, how: String, right: &str| match ways
            .iter_mut()
            .find(|(other, same, _)| other == verb && *same == how)
        {
            Some((.., rights)) => rights.push(right.to_owned()),
            None => ways.push((verb.to_owned(), how, vec![right.to_owned()])),
        };
        for change in &self.changes {
            let right = format!("{}.{}", change.resource, change.action);
            let [before, after] = change.scope;
            let scopes = if before == after {
                String::new()
            } else {
                format!(" ({} → {})", before.label(), after.label())
            };
            for (verb, objects) in [("gains", &change.gains), ("loses", &change.loses)] {
                if !objects.is_empty() {
                    add(verb, format!("{}{scopes}", objects.text()), &right);
                }
            }
            for field in shown_and_written(&change.fields) {
                add("fields", field, &right);
            }
            if change.gains.is_empty() && change.loses.is_empty() && before != after {
                add("scope", format!("nothing that is theirs today{scopes}"), &right);
            }
        }
        ways.into_iter().map(|(verb, how, rights)| format!("{verb:6} {}: {how}", rights.join(", "))).collect()
    }
}

/// Changes of fields in words; what is shown and written alike is said once.
fn shown_and_written(changes: &[FieldChange]) -> Vec<String> {
    let same = |change: &FieldChange, what| {
        let mut others = changes.iter().filter(|other| other.what == what);
        others.any(|other| other.fields == change.fields && other.of == change.of)
    };
    let said = changes.iter().filter_map(|change| {
        let what = match change.what {
            "writes" if same(change, "shows") => return None,
            "no longer writes" if same(change, "no longer shows") => return None,
            "shows" if same(change, "writes") => "shows and writes",
            "no longer shows" if same(change, "no longer writes") => "no longer shows nor writes",
            what => what,
        };
        let fields: Vec<_> =
            change.fields.iter().map(|name| if name == ANY { "every other field" } else { name }).collect();
        Some(format!("{what} {} ({})", fields.join(", "), change.of.join(", ")))
    });
    said.collect()
}
