//! Which fields are shown of every object that a right shows at all, of some or of none: what a question may name. Whoever could
//! filter by a field that some of the objects hide would read it off those that come, unless those are left out.

use super::{
    ActionNo, Actor, FieldNo, PairNo, ResourceNo, Scope,
    compiled::Field,
    grants::{Cell, Flags},
    rule::{CompiledEffect, CompiledRule, Holds},
};

/// Of which of the objects that a right shows a field is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShownOf {
    /// Of none of them.
    None,
    /// Of those whose own decision says so, if there are any.
    Some,
    /// Of every one.
    Every,
}

impl Actor {
    /// Of which objects a field is shown, of those that this user could be shown by a right, whatever makes it visible: each
    /// role's scope, each relation, each rule. `through` are the resources through which the objects may be reached. Where
    /// nothing is visible at all, of every one. In doubt, of some.
    #[must_use]
    pub fn shown_of(
        &self,
        resource: ResourceNo,
        action: ActionNo,
        through: &[ResourceNo],
        field: FieldNo,
    ) -> ShownOf {
        let policy = &self.grants.policy;
        let pair = policy.pair(resource, action);
        let Some(info) = policy.field_at(resource, field).and_then(|at| policy.fields.get(at)) else {
            return ShownOf::None;
        };
        if self.always_sees(resource, pair, through, field, info) {
            ShownOf::Every
        } else if self.could_see(resource, pair, field, info) {
            ShownOf::Some
        } else {
            ShownOf::None
        }
    }

    /// Doubt is a no.
    fn always_sees(
        &self,
        resource: ResourceNo,
        pair: PairNo,
        through: &[ResourceNo],
        field: FieldNo,
        info: &Field,
    ) -> bool {
        let grants = &self.grants;
        let cell = grants.cell(pair);
        let seen = grants.field_masks(resource, field).seen;
        if self.could_withhold(pair, resource, field, info) || !self.every_grant_sees(cell, seen) {
            return false;
        }
        let everything = cell.base == Scope::All && !cell.flags.has(Flags::OVERRIDES);
        everything
            || self.every_relation_sees(cell, seen, info) && self.every_rule_sees(pair, through, seen, info)
    }

    /// Whether some object could show it. Doubt is a yes.
    fn could_see(&self, resource: ResourceNo, pair: PairNo, field: FieldNo, info: &Field) -> bool {
        let grants = &self.grants;
        let policy = &grants.policy;
        let (cell, masks) = (grants.cell(pair), grants.field_masks(resource, field));
        let pair = policy.pair_info(pair);
        let forbidden = pair.is_none_or(|pair| {
            pair.hiders.iter().any(|(bit, forbid)| {
                let forbid = policy.forbids.get(usize::from(forbid.0));
                let always = forbid.is_none_or(|forbid| forbid.is_of(self) && forbid.is_of_any_object());
                info.hidden_by & bit != 0 && always
            })
        });
        let unheld = info.needs.is_some_and(|needs| grants.base(needs) == Scope::None);
        let edits_some = || {
            let edit = policy.shape(resource).and_then(|shape| shape.edit_of_secrets);
            let cell = grants.cell(edit.unwrap_or(PairNo::NONE));
            cell.flags.has(Flags::OVERRIDES) || grants.reaching(cell, Scope::Own) & masks.editable != 0
        };
        if forbidden || unheld || (info.secret && !edits_some()) {
            return false;
        }
        let granted = cell.flags.has(Flags::OVERRIDES) || grants.reaching(cell, Scope::Own) & masks.seen != 0;
        let of_profile = |profile: u16| info.profiles & (1 << profile) != 0;
        let details =
            grants.details.get(usize::from(cell.detail)).filter(|_| cell.flags.has(Flags::RELATIONS));
        let related = details.is_some_and(|detail| {
            let mut relations = detail.relations.iter();
            relations.any(|(_, profile, of)| of & masks.seen != 0 && of_profile(profile.0))
        });
        let rules = pair.map(|pair| &*pair.grants).unwrap_or_default();
        let mut rules = rules.iter().filter_map(|number| policy.rules.get(usize::from(number.0)));
        let ruled = rules.any(|rule| {
            self.could_hold(rule)
                && match rule.effect {
                    CompiledEffect::Grant(profile) => masks.seen != 0 && of_profile(profile.0),
                    CompiledEffect::GrantAsAllowed => true,
                    CompiledEffect::Require => false,
                }
        });
        (masks.seen != 0 && granted) || related || ruled
    }

    /// Whether it could be kept back from who is granted it.
    fn could_withhold(&self, pair: PairNo, resource: ResourceNo, field: FieldNo, info: &Field) -> bool {
        let grants = &self.grants;
        let policy = &grants.policy;
        let hiders = policy.pair_info(pair).map(|pair| &*pair.hiders).unwrap_or_default();
        let forbidden = hiders.iter().any(|(bit, forbid)| {
            let forbid = policy.forbids.get(usize::from(forbid.0));
            info.hidden_by & bit != 0 && forbid.is_none_or(|forbid| forbid.is_of(self))
        });
        let unheld = info.needs.is_some_and(|needs| grants.base(needs) == Scope::None);
        // A secret is shown to who may edit the object: certainly so only to who may edit every one.
        let edits_all = || {
            let edit = policy.shape(resource).and_then(|shape| shape.edit_of_secrets);
            let cell = grants.cell(edit.unwrap_or(PairNo::NONE));
            let editing = grants.reaching(cell, Scope::All) & grants.field_masks(resource, field).editable;
            !cell.flags.may_narrow() && editing != 0
        };
        forbidden || unheld || (info.secret && !edits_all())
    }

    /// Whether each scope that covers an object is that of a role which sees the field, too.
    fn every_grant_sees(&self, cell: Cell, seen: u64) -> bool {
        let grants = &self.grants;
        if !cell.flags.has(Flags::OVERRIDES) {
            return cell.base == Scope::None || grants.reaching(cell, cell.base) & seen != 0;
        }
        let detail = grants.details.get(usize::from(cell.detail));
        detail.is_some_and(|detail| {
            detail.roles.iter().all(|role| {
                let places = role.overrides.iter().map(|change| change.apply(role.base));
                let widest = places.fold(role.base, Scope::max);
                widest == Scope::None || seen & (1 << role.bit) != 0
            })
        })
    }

    fn every_relation_sees(&self, cell: Cell, seen: u64, info: &Field) -> bool {
        if !cell.flags.has(Flags::RELATIONS) {
            return true;
        }
        let Some(detail) = self.grants.details.get(usize::from(cell.detail)) else { return false };
        // An override may bar any of the roles.
        let opens = |profile: u16, of: u64| {
            let of_roles = if cell.flags.has(Flags::OVERRIDES) { of & !seen == 0 } else { of & seen != 0 };
            of_roles && info.profiles & (1 << profile) != 0
        };
        let entries = &detail.relations;
        if cell.flags.has(Flags::OVERRIDES) {
            return entries.iter().all(|(_, profile, of)| opens(profile.0, *of));
        }
        entries.iter().all(|(relation, ..)| {
            entries.iter().any(|(other, profile, of)| other == relation && opens(profile.0, *of))
        })
    }

    fn every_rule_sees(&self, pair: PairNo, through: &[ResourceNo], seen: u64, info: &Field) -> bool {
        let policy = &self.grants.policy;
        let rules = policy.pair_info(pair).map(|pair| &*pair.grants).unwrap_or_default();
        rules.iter().filter_map(|number| policy.rules.get(usize::from(number.0))).all(|rule| {
            let of_these = rule.via.is_none_or(|via| through.contains(&via));
            !of_these
                || !self.could_hold(rule)
                || match rule.effect {
                    CompiledEffect::Grant(profile) => seen != 0 && info.profiles & (1 << profile.0) != 0,
                    CompiledEffect::GrantAsAllowed => false,
                    CompiledEffect::Require => true,
                }
        })
    }

    /// Whether a rule could hold for this user, whatever the object.
    fn could_hold(&self, rule: &CompiledRule) -> bool {
        !self.grants.roles.is_empty()
            && rule.conditions.iter().all(|condition| match condition {
                Holds::Held(pair, scope) => self.grants.held(*pair, self) >= *scope,
                Holds::App(bit) => self.apps.0 & bit != 0,
                Holds::Any(_) | Holds::Allowed { .. } | Holds::Responsible(_) | Holds::Related(..) => true,
            })
    }
}
