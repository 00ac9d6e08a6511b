//! `headgate api-key`.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use crate::identity::NewKey;

/// Makes an API key; prints it, and its hash for `identity.toml`.
pub(super) fn run(out: &mut dyn Write, err: &mut dyn Write) -> io::Result<ExitCode> {
    let Ok(made) = NewKey::make() else {
        writeln!(err, "the operating system gives no random bytes")?;
        return Ok(ExitCode::FAILURE);
    };
    writeln!(out, "key:  {}", made.key)?;
    writeln!(out, "hash: {}", made.hash)?;
    writeln!(
        err,
        "give the key to who is to use it, and put the hash into identity.toml: the key is not shown again"
    )?;
    Ok(ExitCode::SUCCESS)
}
