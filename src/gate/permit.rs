//! Asking for the one decision, and the permit that it leaves behind.

use std::fmt::Write as _;

use super::{facts::Keyed, routes::Matched};
use crate::policy::{
    self, ActionNo, Actor, Allowed, Decision, DenyReason, Facts, FieldNo, Policy, Question, Reason,
    ResourceNo, Scope, Via, decide,
};

/// What a request asks for, in the numbers of a policy.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// The resource.
    pub resource: ResourceNo,
    /// The action.
    pub action: ActionNo,
    /// The resource of the object through which the asked one is reached.
    pub via: Option<ResourceNo>,
    /// The object is that of which the asked resource is a part.
    part: bool,
    /// What each row must be allowed for besides being seen; `None` for the right to the list as such.
    pub of_rows: Option<ActionNo>,
    /// The right to see an object, if the policy has one.
    pub view: Option<ActionNo>,
}

/// The right to a list as such: it opens the list, and says nothing of a row. What a list shows, get allows, and
/// the other way round.
const LIST: &str = "list";

/// The right to see an object.
const VIEW: &str = "view";

impl Asked {
    /// What a route asks for; `None` if the policy does not know it, which refuses it.
    #[must_use]
    pub fn of(matched: &Matched, policy: &Policy) -> Option<Self> {
        let route = &matched.route;
        let via = match &route.via {
            None => None,
            Some(name) => Some(policy.resource(name)?),
        };
        let action = policy.action(&route.action)?;
        Some(Self {
            resource: policy.resource(&route.resource)?,
            action,
            via,
            part: route.part,
            of_rows: (route.action != LIST).then_some(action),
            view: policy.action(VIEW),
        })
    }
}

impl Asked {
    /// The same with another action.
    #[must_use]
    pub fn to(self, action: ActionNo) -> Self {
        Self { action, ..self }
    }

    /// The same with another resource.
    #[must_use]
    pub fn of_resource(self, resource: ResourceNo) -> Self {
        Self { resource, ..self }
    }

    /// A right on an object by itself.
    #[must_use]
    pub fn on(resource: ResourceNo, action: ActionNo) -> Self {
        Self { resource, action, via: None, part: false, of_rows: None, view: None }
    }

    /// A right on a part of the object that is asked about.
    #[must_use]
    pub fn as_part(self, resource: ResourceNo, action: ActionNo) -> Self {
        Self { via: Some(self.via.unwrap_or(self.resource)), part: true, ..Self::on(resource, action) }
    }

    /// The same of what need only be seen.
    #[must_use]
    pub fn to_be_seen(self) -> Self {
        Self { of_rows: None, ..self }
    }
}

/// A decision that was made, with its reason in words.
#[derive(Clone, Debug)]
pub struct Decided {
    /// What was decided.
    pub decision: Decision,
    /// Why.
    pub why: String,
}

/// That a request may be made. Made only by [`Decided::permit`]; nothing is sent to a backend for a user
/// without one, and nothing of an answer is shown.
#[derive(Clone, Copy, Debug)]
pub struct Permit {
    /// `None`: everything.
    allowed: Option<Allowed>,
    /// In shadow mode what the policy allowed, if it did.
    enforced: Option<Allowed>,
}

/// That a request may not be made.
#[derive(Clone, Copy, Debug)]
pub struct Denied(pub DenyReason);

impl Decided {
    /// Decides. `object` is what is known of the object; `None` asks for the resource as such.
    #[must_use]
    pub fn on(actor: &Actor, asked: Asked, object: Option<&Keyed>, writes: &[FieldNo]) -> Self {
        match object {
            None => Self::about(actor, asked, None, writes),
            Some(object) => object.with_facts(|facts| Self::about(actor, asked, Some(facts), writes)),
        }
    }

    fn about(actor: &Actor, asked: Asked, facts: Option<Facts<'_>>, writes: &[FieldNo]) -> Self {
        let via = facts.zip(asked.via).map(|(facts, resource)| Via { resource, facts });
        let own = match &via {
            None => facts,
            Some(via) if asked.part => Some(Facts { via: Some(via), ..via.facts }),
            Some(via) => Some(Facts { via: Some(via), ..Facts::unknown(actor.tenant_key) }),
        };
        let question =
            Question { resource: asked.resource, action: asked.action, object: own.as_ref(), writes };
        let decision = decide(actor, question);
        let mut why = String::new();
        let _infallible = write!(why, "{}", policy::explain(actor.grants.policy(), &question, &decision));
        Self { decision, why }
    }

    /// Why, as one word.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self.decision {
            Decision::Allow(allowed) => allowed.by.label(),
            Decision::Deny(reason) => reason.label(),
        }
    }

    /// The permit, or why there is none.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn permit(&self) -> Result<Permit, Denied> {
        match self.decision {
            Decision::Allow(allowed) => Ok(Permit { allowed: Some(allowed), enforced: None }),
            Decision::Deny(reason) => Err(Denied(reason)),
        }
    }
}

impl Permit {
    /// The permit of a route in shadow mode, on which the decision is told and nothing else.
    pub(super) const fn of_everything() -> Self {
        Self { allowed: None, enforced: None }
    }

    /// Whether it is that of a route in shadow mode.
    pub(super) const fn is_of_everything(&self) -> bool {
        self.allowed.is_none()
    }

    /// This permit in the place of another, which the policy gave: what that one would have withheld is told.
    pub(super) const fn in_place_of(self, enforced: Self) -> Self {
        Self { enforced: enforced.allowed, ..self }
    }

    /// In shadow mode the permit that the policy gave, if it gave one.
    pub(super) const fn without_shadow(&self) -> Option<Self> {
        match self.enforced {
            None => None,
            Some(_) => Some(Self { allowed: self.enforced, enforced: None }),
        }
    }

    /// Whether it opens what another one opens to the same user.
    pub(super) fn opens_like(&self, other: &Self) -> bool {
        self.allowed == other.allowed
    }

    /// Whether a field may be shown. In shadow mode every one is.
    #[must_use]
    pub fn shows(&self, actor: &Actor, field: FieldNo) -> bool {
        self.allowed.is_none_or(|allowed| actor.grants.sees(&allowed, field))
    }

    /// Whether a field may be written. In shadow mode every one may.
    #[must_use]
    pub fn writes(&self, actor: &Actor, field: FieldNo) -> bool {
        self.allowed.is_none_or(|allowed| actor.grants.writes(&allowed, field))
    }

    /// The scope by which it was given; [`Scope::Own`] where something else than a scope gave it.
    #[must_use]
    pub fn scope(&self) -> Scope {
        match self.allowed.map(|allowed| allowed.by) {
            None => Scope::All,
            Some(Reason::Grant { scope, .. }) => scope,
            Some(Reason::Relation { .. } | Reason::Rule(_)) => Scope::Own,
        }
    }

    /// Whether every field of a resource may be shown.
    #[must_use]
    pub fn shows_all(&self, actor: &Actor, resource: ResourceNo) -> bool {
        let mut fields = actor.grants.policy().fields_of(resource);
        self.shows(actor, FieldNo::OTHER) && fields.all(|field| self.shows(actor, field))
    }
}
