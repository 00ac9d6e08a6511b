//! What a set of roles grants, as dense tables.

use super::{Actor, Decision, DenyReason, Question, RoleNo};

/// What a set of roles grants.
#[derive(Clone, Debug, Default)]
pub struct Grants {
    roles: Box<[RoleNo]>,
}

impl Grants {
    /// The roles, ascending.
    #[must_use]
    pub fn roles(&self) -> &[RoleNo] {
        &self.roles
    }

    pub(super) fn decide(&self, _actor: &Actor, _question: Question<'_>) -> Decision {
        // Without roles there is nothing to grant.
        Decision::Deny(DenyReason::NoGrant)
    }
}
