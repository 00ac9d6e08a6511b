//! The audit log: who changed what, without what it was changed to.

use super::auth::Who;

/// Tells the log target `audit` of a change; `outcome` is `asked` before it is made.
pub(super) fn note(who: &Who, action: &'static str, object: &str, outcome: &str) {
    tracing::info!(target: "audit", actor = %who, action, object, outcome);
}
