//! Questions, decisions and their reasons.

use super::{
    ActionNo, Actor, Facts, FieldNo, ForbidNo, Relation, ResourceNo, RoleNo, RuleNo, Scope, compiled::PairNo,
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
    pub(super) pair: PairNo,
    pub(super) ways: Ways,
    /// Fields are also seen as this other right allows them ([`super::source::Effect::GrantAsAllowed`]).
    pub(super) as_other: Option<(PairNo, Ways)>,
}

/// All the ways by which something is allowed: fields are as open as the most open of them. Roles are bits,
/// by their place in the [`super::Grants`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ways {
    /// Roles whose grant covers the object.
    pub(super) granting: u64,
    /// By relation: roles whose relation reaches the object.
    pub(super) related: [u64; 4],
    /// Profiles that rules allow.
    pub(super) ruled: u64,
    /// Roles whose grant to edit covers the object too, where the resource has secret fields (`G9`).
    pub(super) editing: u64,
    /// Forbids of fields that apply.
    pub(super) hiding: u64,
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
    /// The object is another tenant's, or reached through one that is, or through too many to tell.
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

impl Decision {
    /// Whether it is a yes.
    #[must_use]
    pub const fn is_allowed(&self) -> bool {
        matches!(self, Self::Allow(_))
    }
}

impl Reason {
    /// For metrics and logs.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Grant { .. } => "grant",
            Self::Relation { .. } => "relation",
            Self::Rule(_) => "rule",
        }
    }
}

impl DenyReason {
    /// For metrics and logs.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::OtherTenant => "other_tenant",
            Self::Inactive => "inactive",
            Self::Forbidden(_) => "forbidden",
            Self::NoGrant => "no_grant",
            Self::OutOfScope { .. } => "out_of_scope",
            Self::Overridden { .. } => "overridden",
            Self::Unmet(_) => "unmet",
            Self::Field(_) => "field",
        }
    }
}

/// The one decision. Asks nothing, allocates nothing, hashes nothing.
pub fn decide(actor: &Actor, question: Question<'_>) -> Decision {
    actor.grants.decide(actor, question)
}
