//! `headgate policy matrix`: users or roles by rights, in Kommo's colours on a terminal.

use std::io::{self, IsTerminal, Write};

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::{
    Answer, Unanswered, Where, Who,
    people::{People, Subject},
};
use crate::{
    config::Env,
    policy::{ActionNo, Decision, DenyReason, Exceptions, Question, ResourceNo, Scope, decide},
};

/// Columns of text beyond which the next table begins.
const WIDTH_MAX: usize = 110;

/// Arguments of `policy matrix`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Matrix {
    #[command(flatten)]
    place: Where,
    /// Show roles in place of users.
    #[arg(long)]
    roles: bool,
    /// Show rights that nobody has, too.
    #[arg(long)]
    all: bool,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Whether text is in colour: by itself on a terminal, unless NO_COLOR is set.
    #[arg(long, value_enum, default_value_t = Colour::Auto)]
    color: Colour,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// One JSON object, every right of everybody.
    Json,
    /// A table.
    Markdown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Colour {
    Auto,
    Always,
    Never,
}

impl Matrix {
    pub(super) fn run(&self, env: Env<'_>, out: &mut dyn Write) -> Result<bool, Unanswered> {
        let people = People::read(&self.place, env)?;
        let subjects = if self.roles {
            people.roles("team", "team below")?
        } else {
            people.are_here("show roles with `--roles`")?;
            people.users()?
        };
        let mut rows = rows(&people, &subjects);
        if self.format == Format::Json {
            let said = listed(&subjects, &rows, self.roles);
            return Answer { tenant: people.rights.tenant.to_string(), answer: true, said }.print(out);
        }
        let before = rows.len();
        if !self.all {
            rows.retain(|row| row.cells.iter().any(|cell| *cell != Cell::default()));
        }
        let coloured = match self.color {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => io::stdout().is_terminal() && env("NO_COLOR").is_none_or(|set| set.is_empty()),
        };
        let names: Vec<&str> = subjects.iter().map(|subject| subject.name.as_str()).collect();
        if self.format == Format::Markdown {
            markdown(&names, &rows, out)?;
        } else {
            text(&names, &rows, coloured, out)?;
        }
        legend(&rows, before - rows.len(), out)?;
        Ok(true)
    }
}

/// A right and what everybody has of it.
struct Row {
    resource: String,
    action: String,
    cells: Vec<Cell>,
}

/// What one subject has of a right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Cell {
    scope: Scope,
    besides: Exceptions,
}

fn rows(people: &People, subjects: &[Subject]) -> Vec<Row> {
    let policy = &people.policy;
    let rights = policy.resources().flat_map(|of| policy.actions_of(of).map(move |action| (of, action)));
    let rows = rights.map(|(resource, action)| Row {
        resource: policy.resource_name(resource).to_owned(),
        action: policy.action_name(action).to_owned(),
        cells: subjects.iter().map(|subject| cell(subject, resource, action)).collect(),
    });
    rows.collect()
}

fn cell(subject: &Subject, resource: ResourceNo, action: ActionNo) -> Cell {
    let question = Question { resource, action, object: None, writes: &[] };
    let grants = &subject.actor.grants;
    let mut besides = subject.actor.exceptions(resource, action);
    match decide(&subject.actor, question) {
        Decision::Deny(DenyReason::Inactive) => Cell::default(),
        Decision::Deny(DenyReason::Forbidden(_)) => {
            let refusals = grants.widest(resource, action) > Scope::None;
            Cell { scope: Scope::None, besides: Exceptions { refusals, ..Exceptions::default() } }
        }
        Decision::Allow(_) | Decision::Deny(_) => {
            let scope = grants.widest(resource, action);
            // Beyond everything nothing is reached, and what is not granted need not be refused.
            let (most, least) = (scope == Scope::All, scope == Scope::None);
            besides.relations &= !most;
            besides.rules &= !most;
            besides.refusals &= !least || besides.relations || besides.rules || besides.overrides;
            Cell { scope, besides }
        }
    }
}

/// A sign of what may decide besides the scope.
struct Sign {
    sign: char,
    means: &'static str,
    stands: fn(&Exceptions) -> bool,
}

const SIGNS: [Sign; 4] = [
    Sign { sign: '*', means: "another scope at some place", stands: |besides| besides.overrides },
    Sign { sign: '+', means: "more by a relation", stands: |besides| besides.relations },
    Sign { sign: '^', means: "more by a rule", stands: |besides| besides.rules },
    Sign { sign: '!', means: "less by a forbid or a condition", stands: |besides| besides.refusals },
];

impl Cell {
    fn text(self) -> String {
        let signs = SIGNS.iter().filter(|sign| (sign.stands)(&self.besides)).map(|sign| sign.sign);
        self.scope.label().chars().chain(signs).collect()
    }

    /// Kommo's colours (`K17`): denied red, if responsible orange, team-wide blue, allowed green.
    const fn colour(self) -> &'static str {
        match self.scope {
            Scope::None => "\x1b[31m",
            Scope::Own => "\x1b[38;5;208m",
            Scope::Team | Scope::TeamTree => "\x1b[34m",
            Scope::Open | Scope::All => "\x1b[32m",
        }
    }
}

fn text(names: &[&str], rows: &[Row], coloured: bool, out: &mut dyn Write) -> io::Result<()> {
    let right = |row: &Row| format!("{}.{}", row.resource, row.action);
    let first = rows.iter().map(|row| right(row).len()).max().unwrap_or_default();
    let width_of = |at: usize, name: &str| {
        let cells = rows.iter().filter_map(|row| row.cells.get(at)).map(|cell| cell.text().len());
        cells.max().unwrap_or_default().max(name.len())
    };
    let columns: Vec<(usize, &str, usize)> =
        names.iter().enumerate().map(|(at, name)| (at, *name, width_of(at, name))).collect();
    let mut rest = columns.as_slice();
    while !rest.is_empty() {
        let mut width = first;
        let fitting = rest.iter().take_while(|(.., column)| {
            width += column + 2;
            width <= WIDTH_MAX
        });
        let (table, after) = rest.split_at(fitting.count().max(1));
        rest = after;
        let header: String = table.iter().map(|(_, name, width)| format!("  {name:width$}")).collect();
        writeln!(out, "{}", format!("{:first$}{header}", "").trim_end())?;
        for row in rows {
            write!(out, "{:first$}", right(row))?;
            for (place, (at, _, width)) in table.iter().enumerate() {
                let Some(cell) = row.cells.get(*at) else { continue };
                let said = cell.text();
                let pad = if place + 1 == table.len() { 0 } else { width.saturating_sub(said.len()) };
                let (colour, plain) = if coloured { (cell.colour(), "\x1b[0m") } else { ("", "") };
                write!(out, "  {colour}{said}{plain}{:pad$}", "")?;
            }
            writeln!(out)?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn markdown(names: &[&str], rows: &[Row], out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "| right | {} |", names.join(" | "))?;
    writeln!(out, "| --- |{}", " --- |".repeat(names.len()))?;
    for row in rows {
        let cells: Vec<_> = row.cells.iter().map(|cell| cell.text().replace('*', "\\*")).collect();
        writeln!(out, "| {}.{} | {} |", row.resource, row.action, cells.join(" | "))?;
    }
    writeln!(out)
}

fn legend(rows: &[Row], left_out: usize, out: &mut dyn Write) -> io::Result<()> {
    for Sign { sign, means, stands } in &SIGNS {
        if rows.iter().flat_map(|row| &row.cells).any(|cell| stands(&cell.besides)) {
            writeln!(out, "`{sign}` {means}")?;
        }
    }
    match left_out {
        0 => Ok(()),
        1 => writeln!(out, "1 right that nobody has is left out; `--all` shows it"),
        several => writeln!(out, "{several} rights that nobody has are left out; `--all` shows them"),
    }
}

/// The matrix for programs.
#[derive(Serialize)]
struct Listed<'a> {
    rights: Vec<ListedCell<'a>>,
}

#[derive(Serialize)]
struct ListedCell<'a> {
    #[serde(flatten)]
    who: Who<'a>,
    resource: &'a str,
    action: &'a str,
    scope: Scope,
    overrides: bool,
    relations: bool,
    rules: bool,
    refusals: bool,
}

fn listed<'a>(subjects: &'a [Subject], rows: &'a [Row], roles: bool) -> Listed<'a> {
    let cells = rows.iter().flat_map(|row| row.cells.iter().zip(subjects).map(move |at| (row, at)));
    let rights = cells.map(|(row, (cell, subject))| ListedCell {
        who: if roles { Who::Role(&subject.name) } else { Who::User(&subject.name) },
        resource: &row.resource,
        action: &row.action,
        scope: cell.scope,
        overrides: cell.besides.overrides,
        relations: cell.besides.relations,
        rules: cell.besides.rules,
        refusals: cell.besides.refusals,
    });
    Listed { rights: rights.collect() }
}
