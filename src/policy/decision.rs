//! Questions, decisions and their reasons.

use super::{
    ActionNo, Actor, Facts, FieldNo, ForbidNo, ProfileNo, Relation, ResourceNo, RoleNo, RuleNo, Scope,
};

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Which resource.
    pub resource: ResourceNo,
    /// Which action.
    pub action: ActionNo,
    /// The object; `None` asks about the resource as such (a menu, a page, creating): any scope above
    /// `none` is enough.
    pub object: Option<&'a Facts<'a>>,
    /// The fields that would be written. One that may not be written refuses the whole (`G4`).
    pub writes: &'a [FieldNo],
}

/// The answer.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Yes, with these fields.
    Allow(Allowed),
    /// No.
    Deny(DenyReason),
}

/// A yes, with its reason, and from which its fields follow ([`super::Grants::sees`],
/// [`super::Grants::writes`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// The widest reason.
    pub by: Reason,
    /// Roles (by their place in the [`super::Grants`]) whose grant covers the object.
    pub granting: u64,
    /// Roles whose relation reaches the object, and with which profile: at most one for each relation.
    pub related: [Option<(Relation, u64, ProfileNo)>; 4],
    /// The profile that a rule allows.
    pub ruled: Option<ProfileNo>,
    /// Roles whose grant to edit covers the object too, where the resource has secret fields (`G9`).
    pub editing: u64,
    /// The resource.
    pub resource: ResourceNo,
}

/// Why yes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A role's scope covers the object.
    Grant {
        /// The role.
        role: RoleNo,
        /// Its scope, after its override.
        scope: Scope,
        /// An override made it so.
        overridden: bool,
    },
    /// A role's relation reaches it.
    Relation {
        /// The role.
        role: RoleNo,
        /// Which.
        relation: Relation,
    },
    /// It follows from other rights.
    Rule(RuleNo),
}

/// Why no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DenyReason {
    /// The object is another tenant's.
    OtherTenant,
    /// The user is not active.
    Inactive,
    /// Nobody may.
    Forbidden(ForbidNo),
    /// No role of the user grants it at all.
    NoGrant,
    /// The widest scope does not reach the object.
    OutOfScope {
        /// The role with that scope.
        role: RoleNo,
        /// The scope.
        scope: Scope,
    },
    /// An override closes the place where the object stands.
    Overridden {
        /// The role with the override.
        role: RoleNo,
    },
    /// A condition does not hold.
    Unmet(RuleNo),
    /// The field may not be written.
    Field(FieldNo),
}

/// The one decision. Asks nothing, allocates nothing, hashes nothing.
pub fn decide(actor: &Actor, question: Question<'_>) -> Decision {
    actor.grants.decide(actor, question)
}
