//! The command line: reads arguments and environment, calls the rooms, prints.

pub mod log;
pub mod signal;

mod api_key;
mod check;
mod explain;
mod learn;
mod policy;
mod probe;
mod schema;
mod serve;

use std::{
    ffi::OsString,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
};

use clap::{Parser, Subcommand, ValueEnum};

use crate::config::{
    Env, FileKind,
    presets::{Preset, RoutePreset},
};

/// A permission-aware channel gateway for chat backends.
#[derive(Debug, Parser)]
#[command(name = "headgate", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make an API key: print it once, and its hash for `identity.toml`.
    ApiKey,
    /// Check a configuration folder: print every mistake in it, one line each, with file, line and what was expected.
    Check {
        /// The configuration folder.
        #[arg(long, value_name = "DIR", default_value = "config")]
        config: PathBuf,
        /// How to print.
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Test, compare and show the policy.
    Policy {
        #[command(subcommand)]
        command: policy::PolicyCommand,
    },
    /// Print a shipped preset of roles, in the syntax of roles.toml.
    Preset {
        /// Which.
        name: Preset,
    },
    /// Print a shipped route map, in the syntax of routes.toml.
    RouteMap {
        /// Which.
        name: RoutePreset,
    },
    /// Ask whether a user may do something; exits with 0 for yes, 1 for no.
    CanI(policy::CanI),
    /// Ask who may do something, and why; exits with 1 if nobody may.
    WhoCan(policy::WhoCan),
    /// Explain a decision of a running gateway, by the id that its answer bears.
    Explain(explain::Explain),
    /// Draft an entity for `routes.toml` from recorded answers: its fields, what they look like, which to think about.
    /// No value is printed.
    Learn(learn::Learn),
    /// Try the security checklist's bypasses on a running deployment, with canaries that you planted; exits with 1 if
    /// something gets through.
    Probe(probe::Probe),
    /// Run the gateway until it is asked to stop: SIGTERM and SIGINT drain it, SIGHUP reads its
    /// configuration anew.
    Serve {
        /// The configuration folder.
        #[arg(long, value_name = "DIR", default_value = "config")]
        config: PathBuf,
    },
    /// Print the JSON Schema of the configuration files, for editors, or their documentation.
    Schema {
        /// One kind of file; without it, all.
        file: Option<FileKind>,
        /// How to print.
        #[arg(long, value_enum, default_value_t = SchemaFormat::Json)]
        format: SchemaFormat,
    },
}

/// How a command prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Lines, for people.
    Text,
    /// One JSON object, for programs.
    Json,
}

/// How `schema` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SchemaFormat {
    /// JSON Schema, draft 2020-12. Several files: one object with the files' names as keys.
    Json,
    /// Markdown, as in `docs/config.md`.
    Markdown,
}

/// Runs the command that `arguments` give, the program's name first.
///
/// The answer is 0 if all is well, 1 if the command says that something is wrong, 2 if the arguments
/// are not understood, or the configuration about which a policy command is asked. `variable` looks an environment
/// variable up; a thread of its own may ask it.
pub fn run(
    arguments: impl IntoIterator<Item = OsString>,
    variable: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> ExitCode {
    let env: Env<'_> = &variable;
    let code = match Arguments::try_parse_from(arguments) {
        Ok(Arguments { command: Command::ApiKey }) => api_key::run(out, err),
        Ok(Arguments { command: Command::Check { config, format } }) => {
            check::run(&config, format, env, out, err)
        }
        Ok(Arguments { command: Command::Policy { command } }) => policy::run(&command, env, out, err),
        Ok(Arguments { command: Command::Preset { name } }) => print(name.text(), out),
        Ok(Arguments { command: Command::RouteMap { name } }) => print(name.text(), out),
        Ok(Arguments { command: Command::CanI(command) }) => policy::can_i(&command, env, out, err),
        Ok(Arguments { command: Command::WhoCan(command) }) => policy::who_can(&command, env, out, err),
        Ok(Arguments { command: Command::Explain(command) }) => command.run(out, err),
        Ok(Arguments { command: Command::Learn(command) }) => command.run(env, out, err),
        Ok(Arguments { command: Command::Probe(command) }) => command.run(env, out, err),
        Ok(Arguments { command: Command::Serve { config } }) => serve::run(config, Arc::new(variable), err),
        Ok(Arguments { command: Command::Schema { file, format } }) => schema::run(file, format, out),
        Err(not_understood) => usage(&not_understood, out, err),
    };
    // A reader that went away (`headgate schema | head`) is no failure of ours.
    code.unwrap_or(ExitCode::SUCCESS)
}

fn print(text: &str, out: &mut dyn Write) -> io::Result<ExitCode> {
    out.write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// Prints help and versions to `out` with 0, mistakes in the arguments to `err` with 2.
fn usage(error: &clap::Error, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<ExitCode> {
    let text = error.render();
    if error.use_stderr() {
        write!(err, "{text}")?;
    } else {
        write!(out, "{text}")?;
    }
    Ok(u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from))
}
