//! What besides a scope may decide about a right: for people who look at scopes alone.

use super::{ActionNo, Actor, Grants, Relation, ResourceNo, grants::Flags};

/// What besides the scope may decide. Whether it does depends on the object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exceptions {
    /// A role has another scope at some place.
    pub overrides: bool,
    /// A role reaches objects by a relation.
    pub relations: bool,
    /// A rule may allow it.
    pub rules: bool,
    /// A forbid or the condition of a rule may refuse it.
    pub refusals: bool,
}

impl Actor {
    /// What besides the scope may decide about a right of this user. Who is in no queue reaches nothing by one.
    #[must_use]
    pub fn exceptions(&self, resource: ResourceNo, action: ActionNo) -> Exceptions {
        let grants = &self.grants;
        let cell = grants.cell(grants.policy.pair(resource, action));
        let stands = |relation| relation != Relation::Queue || !self.queue_keys.is_empty();
        let relations = cell.relations.iter().any(stands);
        Exceptions { relations, ..grants.exceptions(resource, action) }
    }
}

impl Grants {
    /// What besides the scope may decide about a right.
    #[must_use]
    pub fn exceptions(&self, resource: ResourceNo, action: ActionNo) -> Exceptions {
        let flags = self.cell(self.policy.pair(resource, action)).flags;
        Exceptions {
            overrides: flags.has(Flags::OVERRIDES),
            relations: flags.has(Flags::RELATIONS),
            rules: flags.has(Flags::GRANT_RULES),
            refusals: flags.has(Flags::FORBIDS) || flags.has(Flags::REQUIREMENTS),
        }
    }
}
