//! `headgate check`.

use std::{
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

use serde_json::json;

use super::Format;
use crate::config::{Config, Env, Loaded, Mistakes};

/// Prints every mistake of the folder to `out` and answers 1, or one line and 0.
pub(super) fn run(
    folder: &Path,
    format: Format,
    env: Env<'_>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<ExitCode> {
    let loaded = Config::load(folder, env);
    match (&loaded, format) {
        (Ok(loaded), Format::Text) => writeln!(out, "{}", summary(loaded))?,
        (Ok(loaded), Format::Json) => {
            writeln!(out, "{}", json!({ "valid": true, "version": loaded.version, "mistakes": [] }))?;
        }
        (Err(mistakes), Format::Text) => {
            writeln!(out, "{mistakes}")?;
            writeln!(err, "{} in {}", count(mistakes.iter().len(), "mistake"), folder.display())?;
        }
        (Err(mistakes), Format::Json) => {
            writeln!(out, "{}", json!({ "valid": false, "mistakes": listed(mistakes) }))?;
        }
    }
    Ok(if loaded.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn listed(mistakes: &Mistakes) -> Vec<serde_json::Value> {
    mistakes.iter().filter_map(|mistake| serde_json::to_value(mistake).ok()).collect()
}

fn summary(loaded: &Loaded) -> String {
    let config = &loaded.config;
    let accounts = config.tenants.values().map(|tenant| tenant.accounts.len()).sum();
    format!(
        "valid: {}, {}, {}, {} (version {})",
        count(config.tenants.len(), "tenant"),
        count(config.endpoints.len(), "endpoint"),
        count(accounts, "account"),
        count(config.backends.len(), "backend"),
        loaded.version,
    )
}

fn count(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}
