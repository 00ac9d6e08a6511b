//! Decisions in words, for `can-i --why`, the decision log and `headgate explain`.

use std::fmt;

use super::{Decision, DenyReason, Policy, Question, Reason, RoleNo};

/// A decision in one line for people. Made by [`explain`].
#[derive(Clone, Copy, Debug)]
pub struct Explained<'a> {
    policy: &'a Policy,
    question: &'a Question<'a>,
    decision: &'a Decision,
}

/// Says a decision in words: which role, rule or forbid, with which scope or relation, and what it cites.
#[must_use]
pub const fn explain<'a>(
    policy: &'a Policy,
    question: &'a Question<'a>,
    decision: &'a Decision,
) -> Explained<'a> {
    Explained { policy, question, decision }
}

impl fmt::Display for Explained<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.decision {
            Decision::Allow(allowed) => self.allowed(allowed.by, f),
            Decision::Deny(reason) => self.denied(*reason, f),
        }
    }
}

impl Explained<'_> {
    fn allowed(&self, by: Reason, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let right = self.right();
        match by {
            Reason::Grant { role, scope, overridden } => {
                let by = if overridden { ", by its override for this place" } else { "" };
                let role = self.role(role);
                write!(f, "{role} grants {right} with scope {}{by}", scope.label())
            }
            Reason::Relation { role, relation } => {
                write!(f, "{} grants {right} by the relation {}", self.role(role), relation.label())
            }
            Reason::Rule(rule) => write!(f, "rule {} grants {right}", self.policy.rule_name(rule)),
        }
    }

    fn denied(&self, reason: DenyReason, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let right = self.right();
        match reason {
            DenyReason::OtherTenant => f.write_str("the object is another tenant's"),
            DenyReason::Inactive => f.write_str("the user is not active"),
            DenyReason::Forbidden(forbid) => {
                write!(f, "forbid {} forbids {right}", self.policy.forbid_name(forbid))
            }
            DenyReason::NoGrant => write!(f, "no role grants {right}"),
            DenyReason::OutOfScope { role, scope } => {
                let role = self.role(role);
                write!(f, "{role} grants {right} with scope {}{}", scope.label(), self.whose())
            }
            DenyReason::Overridden { role } => {
                write!(f, "{} closes {right} by its override for this place", self.role(role))
            }
            DenyReason::Unmet(rule) => {
                write!(f, "{right} needs what rule {} asks", self.policy.rule_name(rule))
            }
            DenyReason::Field(field) => {
                let name = self.policy.field_name(self.question.resource, field);
                write!(f, "the field {name} may not be written by {right}")
            }
        }
    }

    fn right(&self) -> String {
        let resource = self.policy.resource_name(self.question.resource);
        format!("{resource}.{}", self.policy.action_name(self.question.action))
    }

    fn role(&self, role: RoleNo) -> String {
        let name = self.policy.role_name(role);
        match self.policy.role_cites(role) {
            Some(cites) => format!("role {name} ({cites})"),
            None => format!("role {name}"),
        }
    }

    /// What is known of who is responsible, after a scope that does not reach.
    fn whose(&self) -> &'static str {
        match self.question.object {
            Some(facts) if facts.responsible.is_some() => "; somebody else is responsible",
            Some(facts) if facts.unassigned => "; nobody is responsible",
            Some(_) => "; who is responsible is not known",
            None => "",
        }
    }
}
