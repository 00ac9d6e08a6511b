//! `headgate probe`: tries the bypass list on a running deployment.

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::Args;
use http::Uri;
use serde_json::json;

use super::Format;
use crate::{
    config::Env,
    probe::{self, Plan, PlanError, ProbeError, Report, Verdict},
};

/// Arguments of `probe`.
#[derive(Debug, Args)]
pub(super) struct Probe {
    /// The deployment's `agents` listener, such as `https://chat.example`.
    url: Uri,
    /// Who tries, on what, and what must not be seen.
    #[arg(long, value_name = "FILE", default_value = "probe.toml")]
    config: PathBuf,
    /// Try writes too that must be refused. Were one let through, it would change an object of the plan.
    #[arg(long)]
    writes: bool,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
enum NotProbed {
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error(transparent)]
    Probe(#[from] ProbeError),
}

impl Probe {
    /// Prints the report: 0 if nothing got through, 1 if something did, 2 if nothing could be tried.
    pub(super) fn run(&self, env: Env<'_>, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<ExitCode> {
        let report = match self.probe(env)? {
            Ok(report) => report,
            Err(error) => {
                writeln!(err, "{}", chain(&error))?;
                return Ok(ExitCode::from(2));
            }
        };
        match self.format {
            Format::Text => text(&report, out)?,
            Format::Json => {
                let counts = COUNTED
                    .into_iter()
                    .map(|(verdict, name)| (name.to_owned(), report.count(verdict).into()));
                let counts = serde_json::Value::Object(counts.collect());
                let breached = report.is_breached();
                let sections: serde_json::Map<_, _> = report
                    .sections()
                    .into_iter()
                    .map(|(letter, section)| (letter.to_string(), json!(section)))
                    .collect();
                let report = json!({
                    "breached": breached, "counts": counts, "sections": sections, "findings": report.findings,
                });
                writeln!(out, "{report:#}")?;
            }
        }
        Ok(if report.is_breached() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    fn probe(&self, env: Env<'_>) -> io::Result<Result<Report, NotProbed>> {
        let plan = match Plan::read(&self.config, &self.url, env) {
            Ok(plan) => plan,
            Err(error) => return Ok(Err(error.into())),
        };
        let plan = if self.writes { plan.with_writes() } else { plan };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(runtime.block_on(Box::pin(probe::run(&plan))).map_err(Into::into))
    }
}

/// The verdicts, the worst first, as they are counted.
const COUNTED: [(Verdict, &str); 5] = [
    (Verdict::Leak, "leak"),
    (Verdict::Bypass, "bypass"),
    (Verdict::Odd, "odd"),
    (Verdict::Held, "held"),
    (Verdict::NotTried, "not-tried"),
];

fn text(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    for finding in &report.findings {
        let verdict = finding.verdict.word();
        if finding.verdict == Verdict::NotTried && finding.sent == "-" {
            writeln!(out, "{} {verdict:9} {}", finding.row, finding.seen)?;
            continue;
        }
        writeln!(out, "{} {verdict:9} {}", finding.row, plain(&finding.sent))?;
        writeln!(out, "    {:9} expected: {}; seen: {}", "", finding.expected, plain(&finding.seen))?;
    }
    writeln!(out, "\nsection  rows  tried   held    odd  failed  not tried")?;
    for (letter, of) in report.sections() {
        writeln!(
            out,
            "{letter:7} {:5} {:6} {:6} {:6} {:7} {:10}",
            of.rows, of.tried, of.held, of.odd, of.failed, of.not_tried
        )?;
    }
    let counts = COUNTED.map(|(verdict, _)| format!("{} {}", report.count(verdict), verdict.word()));
    writeln!(out, "\ntries: {}", counts.join(", "))?;
    let mut rows: Vec<_> =
        report.findings.iter().filter(|f| f.verdict >= Verdict::Bypass).map(|f| f.row).collect();
    rows.dedup();
    if !rows.is_empty() {
        writeln!(out, "got through: {}", rows.join(", "))?;
    }
    Ok(())
}

/// Without characters that a terminal would act on: what is seen comes from the other side.
fn plain(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

/// The error and what caused it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
