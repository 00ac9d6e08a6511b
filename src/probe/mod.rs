//! `headgate probe`: tries on a running deployment what gets round gateways, with canaries that the operator planted
//! in what must stay hidden. The rows are those of the security checklist that can be tried from outside, without
//! harm; those that cannot are told with the reason.
//!
//! ```text
//! probe.toml ──► Plan ──► Probe ── Request ──► Wire ──► Heard
//!                           │                            │
//!                           └── rows/*: what is sent ────┴──► expected? any canary? ──► Finding ──► Report
//! ```
//!
//! It writes its requests byte by byte, for most of them are such as no client library sends. Whatever a row expects,
//! an answer in which a canary is found that its actor must not see is a leak.

mod answer;
pub mod canary;
mod plan;
mod report;
mod request;
mod rows;
mod session;
mod wire;

pub use self::{
    plan::{Plan, PlanError, keys},
    report::{Finding, Report, Section, Verdict},
    session::ProbeError,
    wire::NoConnection,
};

/// Runs all rows, one request at a time.
///
/// # Errors
/// If the deployment cannot be reached, or the actor does not see what the plan says it sees, at the beginning or in the
/// end: then no refusal would prove anything.
pub async fn run(plan: &Plan) -> Result<Report, ProbeError> {
    let mut session = session::Session::new(plan)?;
    session.sees_its_own().await?;
    rows::all(&mut session).await;
    // Credentials that ended meanwhile would have had everything refused.
    let in_the_end = session.sees_its_own().await;
    let report = session.report();
    if !report.is_breached() {
        in_the_end?;
    }
    Ok(report)
}
