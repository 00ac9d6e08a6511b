//! The `headgate` command.

use std::{env, io, process::ExitCode};

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    headgate::cli::run(env::args_os(), variable, &mut io::stdout().lock(), &mut io::stderr())
}

#[expect(clippy::disallowed_methods, reason = "the environment enters here and is passed down")]
fn variable(name: &str) -> Option<String> {
    env::var(name).ok()
}
