//! Policy: who may do what. Pure: no IO, no clock, no HTTP.
//!
//! ```text
//! Source (names, as written) ──compile──► Policy ──grants(roles)──► Grants (dense tables, one per set of roles)
//!                                                                      │
//! Actor (user, teams, Grants) + Question (resource, action, Facts) ──decide──► Decision with its reason
//! ```
//!
//! For a list, [`Actor::right`] looks up once what does not depend on the object, and [`Right::decide`] decides
//! on each.
//!
//! The order of a decision: other tenant → inactive → forbid → per role: the grant, then the most specific
//! override by its mode → the roles combined → does the scope cover actor and object → else a relation of
//! a role → else a rule that grants → else no. Conditions of rules that require are asked last, and so are
//! the fields of a write. What is not known never matches: an absent team is not equal to an absent team.
//!
//! This module leaves reading files to `config`, people to `directory` and requests to `gate`.

mod always;
mod compile;
mod compiled;
mod decide;
mod decision;
mod exceptions;
mod explain;
mod facts;
mod fields;
mod grants;
mod member;
mod problem;
mod rule;
mod scope;
mod shadow;
pub mod source;
#[cfg(test)]
mod tests;
pub mod words;

use self::compiled::PairNo;
pub use self::{
    always::ShownOf,
    compile::{ANY_DEPTH_MAX, RULE_DEPTH_MAX},
    compiled::Policy,
    decide::Right,
    decision::{Allowed, Decision, DenyReason, Question, Reason, decide},
    exceptions::Exceptions,
    explain::{Explained, explain},
    facts::{Actor, Facts, Keys, Place, TeamKey, TenantKey, UserKey, VIA_DEPTH_MAX, Via},
    grants::{Grants, ROLES_PER_USER_MAX, Reach, TooManyRoles},
    member::{Apps, Member},
    problem::{AsAllowed, Noun, Problem, ProblemKind},
    scope::Scope,
    source::{Relation, Source},
};

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub(crate) u16);
    };
}

number!(
    /// A resource of a [`Policy`].
    ResourceNo
);
number!(
    /// An action of a [`Policy`].
    ActionNo
);
number!(
    /// A field of a resource: one that some rule names, or the class of all that fall under one pattern, or
    /// [`FieldNo::OTHER`].
    FieldNo
);
number!(
    /// A role of a [`Policy`].
    RoleNo
);
number!(
    /// A rule of a [`Policy`].
    RuleNo
);
number!(
    /// A forbid of a [`Policy`].
    ForbidNo
);
number!(
    /// A field profile of a [`Policy`].
    ProfileNo
);
number!(
    /// The name of a pipeline, stage, channel, account or kind that a policy mentions.
    Symbol
);

impl FieldNo {
    /// A field that no rule names.
    pub const OTHER: Self = Self(0);
}

impl ProfileNo {
    /// Every field.
    pub const FULL: Self = Self(0);
}

impl RoleNo {
    /// A role that the policy does not have.
    pub const OTHER: Self = Self(u16::MAX);
}

impl Symbol {
    /// A name that the policy does not mention, and no name at all.
    pub const OTHER: Self = Self(0);
}
