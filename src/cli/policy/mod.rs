//! The commands that ask about a policy: `policy test`, `can-i`, `who-can`, `policy diff`, `policy matrix`.
//!
//! They read a tenant's files and decide as the gateway would; no gateway need run, and none of the channels'
//! secrets need be there. 0 is yes, 1 is no, 2 is a question or a configuration that is not understood.

mod can_i;
mod diff;
mod matrix;
mod named;
mod people;
mod question;
mod test;
mod who_can;

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Args, Subcommand};
use serde::Serialize;

pub(super) use self::{can_i::CanI, who_can::WhoCan};
use super::Format;
use crate::{
    config::{Env, rights::RightsError},
    directory::Uncast,
    policy::words::NoObject,
};

/// What `headgate policy` does.
#[derive(Debug, Subcommand)]
pub(super) enum PolicyCommand {
    /// Ask the cases of tests.toml: print every one that is answered otherwise than expected. Exits with 1 if there
    /// is one.
    Test(test::Test),
    /// Print who gains and who loses what between two configuration folders. Exits with 1 if anybody does.
    Diff(diff::Diff),
    /// Print who may do what, with the scope: users (or roles) by rights.
    Matrix(matrix::Matrix),
}

/// What every answer for programs has, and what one command says besides (`docs/policy.md`).
#[derive(Serialize)]
struct Answer<T> {
    tenant: String,
    /// Yes (the command exits with 0) or no (1).
    answer: bool,
    #[serde(flatten)]
    said: T,
}

/// Whom a part of such an answer is about: `"user": NAME` or `"role": NAME`.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Who<'a> {
    User(&'a str),
    Role(&'a str),
}

impl<T: Serialize> Answer<T> {
    fn print(self, out: &mut dyn Write) -> Result<bool, Unanswered> {
        serde_json::to_writer_pretty(&mut *out, &self)?;
        writeln!(out)?;
        Ok(self.answer)
    }
}

/// Which tenant's policy is asked about.
#[derive(Debug, Args)]
pub(super) struct Where {
    /// The configuration folder.
    #[arg(long, value_name = "DIR", default_value = "config")]
    config: PathBuf,
    /// The tenant; by default the only one.
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
}

/// Runs `headgate policy …`.
pub(super) fn run(
    command: &PolicyCommand,
    env: Env<'_>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<ExitCode> {
    let answer = match command {
        PolicyCommand::Test(test) => test.run(env, out),
        PolicyCommand::Diff(diff) => diff.run(env, out),
        PolicyCommand::Matrix(matrix) => matrix.run(env, out),
    };
    answered(answer, err)
}

/// Runs `headgate can-i …`.
pub(super) fn can_i(
    command: &CanI,
    env: Env<'_>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<ExitCode> {
    answered(command.run(env, out, err), err)
}

/// Runs `headgate who-can …`.
pub(super) fn who_can(
    command: &WhoCan,
    env: Env<'_>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<ExitCode> {
    answered(command.run(env, out, err), err)
}

/// Yes is 0, no is 1; a question that has no answer is told and is 2.
fn answered(answer: Result<bool, Unanswered>, err: &mut dyn Write) -> io::Result<ExitCode> {
    match answer {
        Ok(true) => Ok(ExitCode::SUCCESS),
        Ok(false) => Ok(ExitCode::FAILURE),
        Err(Unanswered::Output(error)) => Err(error),
        Err(unanswered) => {
            writeln!(err, "{unanswered}")?;
            Ok(ExitCode::from(2))
        }
    }
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
enum Unanswered {
    /// The files cannot be read.
    #[error(transparent)]
    Rights(#[from] RightsError),
    /// The policy does not compile, though its files were checked.
    #[error("the policy of tenant `{tenant}` does not compile")]
    Policy {
        /// Whose.
        tenant: String,
    },
    /// Users come from a directory that these commands do not ask.
    #[error(
        "the users of tenant `{tenant}` come from a directory over HTTP, which this command does not ask: {instead}"
    )]
    PeopleElsewhere {
        /// Whose.
        tenant: String,
        /// What to do.
        instead: &'static str,
    },
    /// A name is not known.
    #[error("there is no {what} `{name}`{}", did_you_mean(.nearest.as_deref()))]
    Unknown {
        /// Of what.
        what: &'static str,
        /// The name.
        name: String,
        /// One that is.
        nearest: Option<String>,
    },
    /// Nothing can be decided about a user.
    #[error("user `{user}`: {source}")]
    Uncast {
        /// Who.
        user: String,
        /// Why.
        source: Uncast,
    },
    /// The text says no object.
    #[error(transparent)]
    Object(#[from] NoObject),
    /// Nothing was said of the resource through which the object is reached.
    #[error("`--via {0}`: expected `RESOURCE:part,…`, such as `lead:responsible=ana`")]
    Via(String),
    /// The answer could not be written.
    #[error("the answer could not be written")]
    Output(#[from] io::Error),
    /// The answer is no JSON.
    #[error("the answer could not be written as JSON")]
    Json(#[from] serde_json::Error),
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map(|nearest| format!(" (did you mean `{nearest}`?)")).unwrap_or_default()
}
