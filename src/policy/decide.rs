//! The decision itself.

use super::{
    ActionNo, Actor, Allowed, Decision, DenyReason, Facts, FieldNo, ForbidNo, Grants, PairNo, Reason,
    ResourceNo, RuleNo, Scope, TeamKey, VIA_DEPTH_MAX,
    compiled::Pair,
    decision::Ways,
    grants::{Cell, Detail, Flags, RoleScopes},
    rule::{CompiledEffect, Stands, part, related},
    source::Combine,
};

/// One right of one actor, for asking about many objects: what does not depend on the object is looked up
/// once.
#[derive(Clone, Copy, Debug)]
pub struct Right<'a> {
    actor: &'a Actor,
    pair: PairNo,
    cell: Cell,
}

impl Actor {
    /// What this user's roles say of an action on a resource.
    #[inline]
    #[must_use]
    pub fn right(&self, resource: ResourceNo, action: ActionNo) -> Right<'_> {
        let pair = self.grants.policy.pair(resource, action);
        Right { actor: self, pair, cell: self.grants.cell(pair) }
    }
}

impl Right<'_> {
    /// Decides on an object; without one, on the resource as such.
    #[inline]
    pub fn decide(&self, object: Option<&Facts<'_>>) -> Decision {
        let Self { actor, pair, cell } = *self;
        if object.is_some_and(|object| !is_of(object, actor)) {
            return Decision::Deny(DenyReason::OtherTenant);
        }
        if !actor.active {
            return Decision::Deny(DenyReason::Inactive);
        }
        if cell.flags.may_hide() {
            actor.grants.right_with_fields(actor, pair, cell, object)
        } else {
            actor.grants.right_of(actor, pair, cell, object)
        }
    }

    /// The decision to write these fields of an object.
    pub(super) fn decide_writes(&self, object: Option<&Facts<'_>>, fields: &[FieldNo]) -> Decision {
        let decision = self.decide(object);
        if let Decision::Allow(allowed) = &decision
            && let Some(field) = fields.iter().find(|field| !self.actor.grants.writes(allowed, **field))
        {
            return Decision::Deny(DenyReason::Field(*field));
        }
        decision
    }
}

impl Grants {
    /// Whether the right is there, its secret and forbidden fields aside.
    pub(super) fn right(&self, actor: &Actor, pair: PairNo, object: Option<&Facts<'_>>) -> Decision {
        self.right_of(actor, pair, self.cell(pair), object)
    }

    #[inline]
    fn right_of(&self, actor: &Actor, pair: PairNo, cell: Cell, object: Option<&Facts<'_>>) -> Decision {
        if cell.flags.may_narrow() {
            return self.with_exceptions(actor, pair, cell, object);
        }
        let granting = self.granting(actor, cell, object);
        if cell.flags.may_widen() && (granting == 0 || cell.flags.has(Flags::FIELDS)) {
            // Most are refused here, and need no more than a look at the object's relations.
            if granting == 0 && !self.may_be_widened(actor, cell, object) {
                return Decision::Deny(out_of_scope(cell));
            }
            return self.with_exceptions(actor, pair, cell, object);
        }
        if granting == 0 {
            return Decision::Deny(out_of_scope(cell));
        }
        let ways = Ways { granting, ..Ways::default() };
        Decision::Allow(Allowed { by: by_grant(cell), pair, ways, as_other: None })
    }

    /// Whether a relation or a rule may allow what no scope covers.
    #[inline]
    fn may_be_widened(&self, actor: &Actor, cell: Cell, object: Option<&Facts<'_>>) -> bool {
        cell.flags.has(Flags::GRANT_RULES)
            || object
                .is_some_and(|facts| cell.relations.iter().any(|relation| related(actor, facts, relation)))
    }

    /// The right with its secret and forbidden fields. Out of line, to keep the common decision short.
    #[inline(never)]
    fn right_with_fields(
        &self,
        actor: &Actor,
        pair: PairNo,
        cell: Cell,
        object: Option<&Facts<'_>>,
    ) -> Decision {
        let mut decision = self.right_of(actor, pair, cell, object);
        if let Decision::Allow(allowed) = &mut decision {
            self.hide(pair, &mut allowed.ways, actor, object);
            if let Some((other, ways)) = &mut allowed.as_other {
                self.hide(*other, ways, actor, object);
            }
        }
        decision
    }

    /// The roles whose grant covers the object, overrides aside. Which they are matters to fields alone: where
    /// no role restricts any, it is the one with the widest scope or none.
    #[inline]
    fn granting(&self, actor: &Actor, cell: Cell, object: Option<&Facts<'_>>) -> u64 {
        if cell.flags.has(Flags::FIELDS) {
            self.reaching(cell, needed(actor, object))
        } else {
            u64::from(covers(cell.base, actor, object)) << cell.by
        }
    }

    /// The right where more than a scope decides. Out of line, to keep the common decision short.
    #[inline(never)]
    fn with_exceptions(
        &self,
        actor: &Actor,
        pair: PairNo,
        cell: Cell,
        object: Option<&Facts<'_>>,
    ) -> Decision {
        let Some(info) = self.policy.pair_info(pair) else {
            return Decision::Deny(DenyReason::NoGrant);
        };
        if cell.flags.has(Flags::FORBIDS)
            && let Some(forbid) = self.forbidden(pair, actor, object)
        {
            return Decision::Deny(DenyReason::Forbidden(forbid));
        }
        let mut weighed = self.weigh_grants(actor, cell, object);
        // Relations and rules only widen; where a role sees and writes every field there is nothing to widen.
        let sees_all =
            if cell.flags.has(Flags::FIELDS) { self.unrestricted(info.resource) } else { u64::MAX };
        if weighed.ways.granting & sees_all == 0 {
            if cell.flags.has(Flags::RELATIONS) {
                self.weigh_relations(&mut weighed, actor, cell, object);
            }
            if cell.flags.has(Flags::GRANT_RULES) {
                self.weigh_rules(&mut weighed, actor, info, object);
            }
        }
        let by = match weighed.verdict {
            Ok(by) => by,
            Err(reason) => return Decision::Deny(reason),
        };
        if cell.flags.has(Flags::REQUIREMENTS)
            && let Some(rule) = self.unmet(info, actor, object)
        {
            return Decision::Deny(DenyReason::Unmet(rule));
        }
        Decision::Allow(Allowed { by, pair, ways: weighed.ways, as_other: weighed.as_other })
    }

    /// The first condition that does not hold.
    fn unmet(&self, info: &Pair, actor: &Actor, object: Option<&Facts<'_>>) -> Option<RuleNo> {
        info.requires.iter().copied().find(|number| {
            let rule = self.policy.rules.get(usize::from(number.0));
            rule.is_none_or(|rule| rule.applies(object) && !self.all_hold(rule, actor, object))
        })
    }

    /// The forbid of this right, if there is one.
    pub(super) fn forbidden(
        &self,
        pair: PairNo,
        actor: &Actor,
        object: Option<&Facts<'_>>,
    ) -> Option<ForbidNo> {
        let forbids = &self.policy.pair_info(pair)?.forbids;
        forbids.iter().copied().find(|number| self.forbid_matches(*number, actor, object))
    }

    fn forbid_matches(&self, number: ForbidNo, actor: &Actor, object: Option<&Facts<'_>>) -> bool {
        self.policy.forbids.get(usize::from(number.0)).is_some_and(|forbid| forbid.matches(actor, object))
    }

    fn weigh_grants(&self, actor: &Actor, cell: Cell, object: Option<&Facts<'_>>) -> Weighed {
        let detail = self.details.get(usize::from(cell.detail));
        match (object, detail) {
            (Some(facts), Some(detail)) if cell.flags.has(Flags::OVERRIDES) => {
                self.weigh_overrides(actor, detail, facts)
            }
            _ => {
                let granting = self.granting(actor, cell, object);
                let verdict = if granting == 0 { Err(out_of_scope(cell)) } else { Ok(by_grant(cell)) };
                Weighed { ways: Ways { granting, ..Ways::default() }, verdict, as_other: None }
            }
        }
    }

    /// Each role's grant after its override, combined.
    fn weigh_overrides(&self, actor: &Actor, detail: &Detail, facts: &Facts<'_>) -> Weighed {
        let needed = needed(actor, Some(facts));
        // What a role must have by its place to count at all.
        let counts = match self.policy.combine {
            Combine::Max => Stands::Elsewhere,
            Combine::SpecificThenMax => {
                detail.roles.iter().map(|role| role.at(facts).0).max().unwrap_or(Stands::Elsewhere)
            }
        };
        let (mut granting, mut closed): (u64, u64) = (0, 0);
        let mut widest: Option<(Scope, u8, bool)> = None;
        let mut closing: Option<u8> = None;
        for role in &detail.roles {
            let (stands, scope) = role.at(facts);
            let bit = 1 << role.bit;
            if stands.is_possible() && scope < needed {
                closed |= bit;
                if closing.is_none() && scope < role.base {
                    closing = Some(role.bit);
                }
            }
            if stands < counts {
                continue;
            }
            if scope >= needed {
                granting |= bit;
            }
            if widest.is_none_or(|(other, ..)| scope > other) {
                widest = Some((scope, role.bit, stands.is_possible()));
            }
        }
        // Each of several roles may be the one whose override counts alone: none is sure.
        if counts == Stands::Perhaps
            && detail.roles.iter().filter(|role| role.at(facts).0 == counts).count() > 1
        {
            granting = 0;
        }
        let verdict = match (widest, closing) {
            (Some((scope, bit, overridden)), _) if granting != 0 => {
                Ok(Reason::Grant { role: self.role_at(bit), scope, overridden })
            }
            (_, Some(bit)) => Err(DenyReason::Overridden { role: self.role_at(bit) }),
            (Some((Scope::None, bit, true)), _) => Err(DenyReason::Overridden { role: self.role_at(bit) }),
            (Some((Scope::None, ..)) | None, _) => Err(DenyReason::NoGrant),
            (Some((scope, bit, _)), _) => Err(DenyReason::OutOfScope { role: self.role_at(bit), scope }),
        };
        let barred = if self.policy.relations_beat_overrides { 0 } else { closed };
        Weighed { ways: Ways { granting, barred, ..Ways::default() }, verdict, as_other: None }
    }

    fn weigh_relations(&self, weighed: &mut Weighed, actor: &Actor, cell: Cell, object: Option<&Facts<'_>>) {
        let (Some(facts), Some(detail)) = (object, self.details.get(usize::from(cell.detail))) else {
            return;
        };
        for (relation, _, roles) in &detail.relations {
            let reached = roles & !weighed.ways.barred;
            if reached == 0 || !related(actor, facts, *relation) {
                continue;
            }
            weighed.ways.related.insert(*relation);
            if weighed.verdict.is_err() {
                let first = u8::try_from(reached.trailing_zeros()).unwrap_or(u8::MAX);
                weighed.verdict = Ok(Reason::Relation { role: self.role_at(first), relation: *relation });
            }
        }
    }

    fn weigh_rules(&self, weighed: &mut Weighed, actor: &Actor, info: &Pair, object: Option<&Facts<'_>>) {
        for number in &info.grants {
            let Some(rule) = self.policy.rules.get(usize::from(number.0)) else {
                continue;
            };
            if !rule.applies(object) || !self.all_hold(rule, actor, object) {
                continue;
            }
            match rule.effect {
                CompiledEffect::Grant(profile) => weighed.ways.ruled |= 1 << profile.0,
                CompiledEffect::GrantAsAllowed => {
                    let Some(asked) = self.first_allowed(rule, actor, object) else {
                        continue;
                    };
                    weighed.as_other = Some((asked.pair, asked.ways));
                }
                CompiledEffect::Require => continue,
            }
            if weighed.verdict.is_err() {
                weighed.verdict = Ok(Reason::Rule(*number));
            }
        }
    }

    /// Finds out which fields are forbidden, and who may edit the secret ones.
    fn hide(&self, pair: PairNo, ways: &mut Ways, actor: &Actor, object: Option<&Facts<'_>>) {
        let Some(info) = self.policy.pair_info(pair) else {
            return;
        };
        for (bit, forbid) in &info.hiders {
            if self.forbid_matches(*forbid, actor, object) {
                ways.hiding |= bit;
            }
        }
        let edit = self.policy.shape(info.resource).and_then(|shape| shape.edit_of_secrets);
        if let Some(edit) = edit {
            ways.editing = match self.right(actor, edit, object) {
                Decision::Allow(edit) => edit.ways.granting,
                Decision::Deny(_) => 0,
            };
        }
    }
}

/// What is known so far.
struct Weighed {
    ways: Ways,
    verdict: Result<Reason, DenyReason>,
    as_other: Option<(PairNo, Ways)>,
}

impl RoleScopes {
    /// The scope that the role's most specific override makes of its grant, or the grant's own, and whether an
    /// override matches. Of two alike the narrower counts, and so it does of all that may be meant where it is not
    /// known where the object stands.
    fn at(&self, facts: &Facts<'_>) -> (Stands, Scope) {
        let place = &facts.place;
        let mut sure: Option<(u8, Scope)> = None;
        let mut doubtful: Option<Scope> = None;
        for change in &self.overrides {
            if sure.is_some_and(|(weight, _)| change.weight < weight) {
                break;
            }
            let at = &change.at;
            let stands = part(at.account, place.account)
                .min(part(at.channel, place.channel))
                .min(part(at.stage, place.stage))
                .min(part(at.pipeline, place.pipeline));
            let scope = change.apply(self.base);
            match stands {
                Stands::Elsewhere => {}
                Stands::Perhaps => doubtful = Some(doubtful.map_or(scope, |other| other.min(scope))),
                Stands::There => {
                    sure = Some((change.weight, sure.map_or(scope, |(_, other)| other.min(scope))));
                }
            }
        }
        let without_doubt = sure.map_or(self.base, |(_, scope)| scope);
        match (sure, doubtful) {
            (None, None) => (Stands::Elsewhere, self.base),
            (None, Some(doubtful)) => (Stands::Perhaps, without_doubt.min(doubtful)),
            (Some(_), doubtful) => {
                (Stands::There, doubtful.map_or(without_doubt, |other| without_doubt.min(other)))
            }
        }
    }
}

/// Whether the object, and all through which it is reached, are of the actor's tenant.
#[inline]
fn is_of(object: &Facts<'_>, actor: &Actor) -> bool {
    let mut facts = object;
    for _ in 0..=VIA_DEPTH_MAX {
        if facts.tenant != actor.tenant_key {
            return false;
        }
        match facts.via {
            Some(via) => facts = &via.facts,
            None => return true,
        }
    }
    false
}

fn by_grant(cell: Cell) -> Reason {
    Reason::Grant { role: cell.role, scope: cell.base, overridden: false }
}

fn out_of_scope(cell: Cell) -> DenyReason {
    match cell.base {
        Scope::None => DenyReason::NoGrant,
        scope => DenyReason::OutOfScope { role: cell.role, scope },
    }
}

/// Whether a scope covers the object (`G3`). About no object, any scope will do.
#[inline]
fn covers(scope: Scope, actor: &Actor, object: Option<&Facts<'_>>) -> bool {
    let Some(facts) = object else {
        return scope > Scope::None;
    };
    match scope {
        Scope::All => true,
        Scope::None => false,
        _ if facts.responsible == Some(actor.user_key) => true,
        Scope::Own => false,
        Scope::Open if facts.open => true,
        Scope::Team => counts_in(facts, &actor.team_keys),
        Scope::TeamTree | Scope::Open => counts_in(facts, &actor.tree_keys),
    }
}

/// The narrowest scope that [`covers`] the object.
#[inline]
fn needed(actor: &Actor, object: Option<&Facts<'_>>) -> Scope {
    let Some(facts) = object else {
        return Scope::Own;
    };
    if facts.responsible == Some(actor.user_key) {
        Scope::Own
    } else if counts_in(facts, &actor.team_keys) {
        Scope::Team
    } else if counts_in(facts, &actor.tree_keys) {
        Scope::TeamTree
    } else if facts.open {
        Scope::Open
    } else {
        Scope::All
    }
}

/// Whether one of the object's teams is among these, which are sorted. Teams of somebody who is not there do
/// not count; those of the object itself do.
#[inline]
fn counts_in(facts: &Facts<'_>, sorted: &[TeamKey]) -> bool {
    (facts.responsible.is_some() || facts.own_team) && facts.teams.iter().any(|team| contains(sorted, *team))
}

/// Looks at every key where they are few: that needs no branch, and so none is guessed wrong.
#[inline]
fn contains(sorted: &[TeamKey], team: TeamKey) -> bool {
    if sorted.len() <= 16 {
        sorted.iter().fold(false, |found, key| found | (*key == team))
    } else {
        sorted.binary_search(&team).is_ok()
    }
}
