//! Rules and forbids, compiled, and whether they hold.

use super::{
    ActionNo, Actor, Allowed, Decision, Facts, Grants, PairNo, ProfileNo, Relation, ResourceNo, RoleNo,
    Scope, Symbol, TeamKey, UserKey, compiled::NO_PART, source::On,
};

/// A rule.
#[derive(Clone, Debug)]
pub(super) struct CompiledRule {
    pub(super) name: Box<str>,
    pub(super) via: Option<ResourceNo>,
    /// Empty: any or none.
    pub(super) kinds: Box<[Symbol]>,
    pub(super) effect: CompiledEffect,
    pub(super) conditions: Box<[Holds]>,
}

/// What a rule does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CompiledEffect {
    Grant(ProfileNo),
    GrantAsAllowed,
    Require,
}

/// A condition.
#[derive(Clone, Debug)]
pub(super) enum Holds {
    Any(Box<[Holds]>),
    Allowed {
        on: On,
        right: Asked,
    },
    Held(PairNo, Scope),
    Responsible(On),
    Related(On, Relation),
    /// The app's bit.
    App(u64),
}

/// Which right a condition asks.
#[derive(Clone, Copy, Debug)]
pub(super) enum Asked {
    Of(PairNo),
    /// Of the resource that the object's kind names.
    OfKind(ActionNo),
    /// Of the resource through which the object is reached.
    OfVia(ActionNo),
}

/// A forbid.
#[derive(Clone, Debug)]
pub(super) struct CompiledForbid {
    pub(super) name: Box<str>,
    pub(super) users: Box<[UserKey]>,
    pub(super) teams: Box<[TeamKey]>,
    pub(super) pipeline: u16,
    pub(super) stages: Box<[Symbol]>,
    pub(super) channel: u16,
    pub(super) account: u16,
    pub(super) role: Option<RoleNo>,
}

impl CompiledForbid {
    /// Whether it forbids this actor this object. What is not known of the object may be what the forbid names:
    /// doubt forbids.
    pub(super) fn matches(&self, actor: &Actor, object: Option<&Facts<'_>>) -> bool {
        let users = self.users.is_empty() || self.users.contains(&actor.user_key);
        let teams = self.teams.is_empty() || self.teams.iter().any(|team| actor.team_keys.contains(team));
        users && teams && self.matches_object(object)
    }

    fn matches_object(&self, object: Option<&Facts<'_>>) -> bool {
        if self.is_of_any_object() {
            return true;
        }
        let Some(facts) = object else {
            return false;
        };
        let place = &facts.place;
        part(self.pipeline, place.pipeline).is_possible()
            && part(self.channel, place.channel).is_possible()
            && part(self.account, place.account).is_possible()
            && (self.stages.is_empty() || place.stage.is_none_or(|stage| self.stages.contains(&stage)))
            && self.role.is_none_or(|role| facts.role.is_none_or(|of| of == role))
    }

    /// Whether it looks at the actor alone.
    pub(super) fn is_of_any_object(&self) -> bool {
        self.pipeline == NO_PART
            && self.channel == NO_PART
            && self.account == NO_PART
            && self.stages.is_empty()
            && self.role.is_none()
    }
}

/// Whether an object stands at a place, as far as is known of it. Of two parts the lesser counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stands {
    Elsewhere,
    /// It is not known where the object stands.
    Perhaps,
    There,
}

impl Stands {
    pub(super) fn is_possible(self) -> bool {
        self != Self::Elsewhere
    }
}

/// Whether one part of a place is the object's.
#[inline]
pub(super) fn part(wanted: u16, known: Option<Symbol>) -> Stands {
    match known {
        _ if wanted == NO_PART => Stands::There,
        None => Stands::Perhaps,
        Some(Symbol(known)) if known == wanted => Stands::There,
        Some(_) => Stands::Elsewhere,
    }
}

/// Some relations, each a bit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Relations(u8);

impl Relations {
    pub(super) const NONE: Self = Self(0);

    pub(super) const fn insert(&mut self, relation: Relation) {
        self.0 |= 1 << relation as u8;
    }

    pub(super) const fn contains(self, relation: Relation) -> bool {
        self.0 & 1 << relation as u8 != 0
    }

    pub(super) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) fn iter(self) -> impl Iterator<Item = Relation> {
        Relation::ALL.into_iter().filter(move |relation| self.contains(*relation))
    }
}

impl FromIterator<Relation> for Relations {
    fn from_iter<I: IntoIterator<Item = Relation>>(relations: I) -> Self {
        let mut some = Self::default();
        relations.into_iter().for_each(|relation| some.insert(relation));
        some
    }
}

/// Whether the actor stands in this relation to the object.
#[inline]
pub(super) fn related(actor: &Actor, facts: &Facts<'_>, relation: Relation) -> bool {
    match relation {
        Relation::Participant => facts.participants.contains(&actor.user_key),
        Relation::Creator => facts.creator == Some(actor.user_key),
        Relation::Unassigned => facts.unassigned && facts.responsible.is_none(),
        Relation::Queue => facts.queue.is_some_and(|queue| actor.queue_keys.contains(&queue)),
    }
}

impl CompiledRule {
    /// Whether it is about this object at all. A condition is also about one of a kind that is not known: doubt
    /// asks for more.
    pub(super) fn applies(&self, object: Option<&Facts<'_>>) -> bool {
        let via = self.via.is_none_or(|wanted| {
            object.and_then(|facts| facts.via).is_some_and(|via| via.resource == wanted)
        });
        let in_doubt = object.is_some() && self.effect == CompiledEffect::Require;
        let kind = self.kinds.is_empty()
            || object.and_then(|facts| facts.kind).map_or(in_doubt, |kind| self.kinds.contains(&kind));
        via && kind
    }
}

impl Grants {
    /// Whether all conditions of a rule hold.
    pub(super) fn all_hold(&self, rule: &CompiledRule, actor: &Actor, object: Option<&Facts<'_>>) -> bool {
        rule.conditions.iter().all(|condition| self.holds(condition, actor, object))
    }

    /// What the first condition of kind `Allowed` allows, and of which right.
    pub(super) fn first_allowed(
        &self,
        rule: &CompiledRule,
        actor: &Actor,
        object: Option<&Facts<'_>>,
    ) -> Option<Allowed> {
        let (on, right) = rule.conditions.iter().find_map(|condition| match condition {
            Holds::Allowed { on, right } => Some((*on, *right)),
            _ => None,
        })?;
        self.allowed(on, right, actor, object)
    }

    /// Ends: compiling bounds how deep alternatives stand in alternatives and how often rights ask rights of
    /// one object, and objects are reached through at most `VIA_DEPTH_MAX` others.
    fn holds(&self, condition: &Holds, actor: &Actor, object: Option<&Facts<'_>>) -> bool {
        match condition {
            Holds::Any(conditions) => conditions.iter().any(|condition| self.holds(condition, actor, object)),
            Holds::Allowed { on, right } => self.allowed(*on, *right, actor, object).is_some(),
            Holds::Held(pair, scope) => self.held(*pair, actor) >= *scope,
            Holds::Responsible(on) => {
                on.of(object).flatten().is_some_and(|facts| facts.responsible == Some(actor.user_key))
            }
            Holds::Related(on, relation) => {
                on.of(object).flatten().is_some_and(|facts| related(actor, facts, *relation))
            }
            Holds::App(bit) => actor.apps.0 & bit != 0,
        }
    }

    fn allowed(&self, on: On, right: Asked, actor: &Actor, object: Option<&Facts<'_>>) -> Option<Allowed> {
        let asked = on.of(object)?;
        let pair = match right {
            Asked::Of(pair) => pair,
            Asked::OfKind(action) => {
                let kind = asked?.kind?;
                let resource = (*self.policy.kinds.get(usize::from(kind.0))?)?;
                self.policy.pair(resource, action)
            }
            Asked::OfVia(action) => self.policy.pair(object?.via?.resource, action),
        };
        match self.right(actor, pair, asked) {
            Decision::Allow(allowed) => Some(allowed),
            Decision::Deny(_) => None,
        }
    }

    /// The widest scope of a right, whatever the object; `none` where the actor is forbidden it whatever the
    /// object.
    pub(super) fn held(&self, pair: PairNo, actor: &Actor) -> Scope {
        if self.forbidden(pair, actor, None).is_some() { Scope::None } else { self.base(pair) }
    }
}

impl On {
    /// The object that is meant: `Some(None)` asks about the resource as such, `None` is not there.
    fn of<'a>(self, object: Option<&'a Facts<'a>>) -> Option<Option<&'a Facts<'a>>> {
        match self {
            Self::Object => Some(object),
            Self::Via => Some(Some(&object?.via?.facts)),
        }
    }
}
