//! Shadow mode: what the policy refuses or withholds is told and passes, on a route in shadow for everybody, and
//! elsewhere for who has a role in shadow.
//!
//! Whose an object is and who may ask at all is no matter of rights: what is another tenant's, and who is not
//! active, is refused in shadow too, and so is what no route or policy names.

use super::{
    Passage,
    facts::Keyed,
    permit::{Decided, Permit},
};
use crate::policy::{Actor, DenyReason, FieldNo};

/// What passes in shadow mode.
#[derive(Debug)]
pub(super) struct Shadow {
    pub(super) permit: Permit,
    /// What is in shadow: `route`, or `role NAME`.
    pub(super) of: String,
}

impl Shadow {
    /// Whether it lets a refusal for this reason pass.
    pub(super) const fn passes(reason: DenyReason) -> bool {
        match reason {
            DenyReason::OtherTenant | DenyReason::Inactive => false,
            DenyReason::Forbidden(_)
            | DenyReason::NoGrant
            | DenyReason::OutOfScope { .. }
            | DenyReason::Overridden { .. }
            | DenyReason::Unmet(_)
            | DenyReason::Field(_) => true,
        }
    }
}

impl Passage<'_> {
    /// What passes although the policy may refuse it; `None` if nothing is in shadow, or the roles that are would
    /// not be enough if they granted everything.
    pub(super) fn shadow(&self, object: Option<&Keyed>, writes: &[FieldNo]) -> Option<Shadow> {
        if self.matched.route.shadow {
            return Some(Shadow { permit: Permit::of_everything(), of: "route".to_owned() });
        }
        let of = roles_in_shadow(&self.enforced.actor)?;
        let permit = Decided::on(&self.granted.actor, self.asked, object, writes).permit().ok()?;
        Some(Shadow { permit, of })
    }

    /// What is in shadow here, if anything is.
    pub(super) fn in_shadow(&self) -> Option<String> {
        if self.matched.route.shadow {
            Some("route".to_owned())
        } else {
            roles_in_shadow(&self.enforced.actor)
        }
    }
}

/// The names of a user's roles in shadow; `None` if there are none.
fn roles_in_shadow(actor: &Actor) -> Option<String> {
    let policy = actor.grants.policy();
    let names: Vec<_> = actor.grants.in_shadow().map(|role| policy.role_name(role)).collect();
    (!names.is_empty()).then(|| format!("role {}", names.join(", ")))
}
