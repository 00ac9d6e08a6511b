//! The audit log: who changed what, without what it was changed to.

use super::auth::Who;

/// Tells the log target `audit` of a change; `outcome` begins with `asked` before it is made.
pub(super) fn note(who: &Who, action: &'static str, object: &str, outcome: &str) {
    tracing::info!(
        target: "audit",
        { actor.id = %who, audit.action = action, audit.object = object, audit.outcome = outcome },
        "an operator's change",
    );
}
