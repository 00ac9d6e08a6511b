//! The decision itself.

use super::{
    Actor, Allowed, Decision, DenyReason, Facts, ForbidNo, Grants, PairNo, Question, Reason, Scope, TeamKey,
    VIA_DEPTH_MAX,
    compiled::Pair,
    decision::Ways,
    grants::{Cell, Detail, Flags, RoleScopes},
    rule::{CompiledEffect, part, related},
    source::Combine,
};

impl Grants {
    pub(super) fn decide(&self, actor: &Actor, question: Question<'_>) -> Decision {
        if let Some(object) = question.object
            && !is_of(object, actor)
        {
            return Decision::Deny(DenyReason::OtherTenant);
        }
        if !actor.active {
            return Decision::Deny(DenyReason::Inactive);
        }
        let pair = self.policy.pair(question.resource, question.action);
        let mut decision = self.right(actor, pair, question.object);
        if let Decision::Allow(allowed) = &mut decision {
            self.hide(allowed, actor, question.object);
            for field in question.writes {
                if !self.writes(allowed, *field) {
                    return Decision::Deny(DenyReason::Field(*field));
                }
            }
        }
        decision
    }

    /// Whether the right is there, its secret and forbidden fields aside.
    #[inline]
    pub(super) fn right(&self, actor: &Actor, pair: PairNo, object: Option<&Facts<'_>>) -> Decision {
        let cell = self.cell(pair);
        if !cell.flags.is_plain() {
            return self.with_exceptions(actor, pair, cell, object);
        }
        let granting = self.granting(actor, cell, object);
        if granting == 0 {
            return Decision::Deny(out_of_scope(cell));
        }
        let ways = Ways { granting, ..Ways::default() };
        Decision::Allow(Allowed { by: by_grant(cell), pair, ways, as_other: None })
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
            self.weigh_relations(&mut weighed, actor, cell, object);
            self.weigh_rules(&mut weighed, actor, info, object);
        }
        let by = match weighed.verdict {
            Ok(by) => by,
            Err(reason) => return Decision::Deny(reason),
        };
        for number in &info.requires {
            let rule = self.policy.rules.get(usize::from(number.0));
            let met = rule.is_some_and(|rule| !rule.applies(object) || self.all_hold(rule, actor, object));
            if !met {
                return Decision::Deny(DenyReason::Unmet(*number));
            }
        }
        Decision::Allow(Allowed { by, pair, ways: weighed.ways, as_other: weighed.as_other })
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
                Weighed { ways: Ways { granting, ..Ways::default() }, closed: 0, verdict, as_other: None }
            }
        }
    }

    /// Each role's grant after its override, combined.
    fn weigh_overrides(&self, actor: &Actor, detail: &Detail, facts: &Facts<'_>) -> Weighed {
        let needed = needed(actor, Some(facts));
        let specific_wins = self.policy.combine == Combine::SpecificThenMax
            && detail.roles.iter().any(|role| role.at(facts).is_some());
        let (mut granting, mut closed) = (0, 0);
        let mut widest: Option<(Scope, u8, bool)> = None;
        let mut closing: Option<u8> = None;
        for role in &detail.roles {
            let placed = role.at(facts);
            let scope = placed.unwrap_or(role.base);
            let bit = 1 << role.bit;
            if placed.is_some() && scope < needed {
                closed |= bit;
                if closing.is_none() && scope < role.base {
                    closing = Some(role.bit);
                }
            }
            if specific_wins && placed.is_none() {
                continue;
            }
            if scope >= needed {
                granting |= bit;
            }
            if widest.is_none_or(|(other, ..)| scope > other) {
                widest = Some((scope, role.bit, placed.is_some()));
            }
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
        Weighed { ways: Ways { granting, ..Ways::default() }, closed, verdict, as_other: None }
    }

    fn weigh_relations(&self, weighed: &mut Weighed, actor: &Actor, cell: Cell, object: Option<&Facts<'_>>) {
        let (Some(facts), true) = (object, cell.flags.has(Flags::RELATIONS)) else {
            return;
        };
        let Some(detail) = self.details.get(usize::from(cell.detail)) else {
            return;
        };
        for (relation, _, roles) in &detail.relations {
            let barred = if self.policy.relations_beat_overrides { 0 } else { weighed.closed };
            let reached = roles & !barred;
            if reached == 0 || !related(actor, facts, *relation) {
                continue;
            }
            if let Some(mask) = weighed.ways.related.get_mut(*relation as usize) {
                *mask |= reached;
            }
            if weighed.verdict.is_err() {
                let first = u8::try_from(reached.trailing_zeros()).unwrap_or(u8::MAX);
                weighed.verdict = Ok(Reason::Relation { role: self.role_at(first), relation: *relation });
            }
        }
    }

    fn weigh_rules(&self, weighed: &mut Weighed, actor: &Actor, info: &Pair, object: Option<&Facts<'_>>) {
        if self.roles.is_empty() {
            return;
        }
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
    #[inline]
    fn hide(&self, allowed: &mut Allowed, actor: &Actor, object: Option<&Facts<'_>>) {
        if self.cell(allowed.pair).flags.has(Flags::HIDING) {
            self.hide_ways(allowed.pair, &mut allowed.ways, actor, object);
        }
        if let Some((pair, ways)) = &mut allowed.as_other {
            self.hide_ways(*pair, ways, actor, object);
        }
    }

    fn hide_ways(&self, pair: PairNo, ways: &mut Ways, actor: &Actor, object: Option<&Facts<'_>>) {
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
    /// Roles whose own override refused.
    closed: u64,
    verdict: Result<Reason, DenyReason>,
    as_other: Option<(PairNo, Ways)>,
}

impl RoleScopes {
    /// The scope that the role's most specific override makes of its grant; `None` if none matches. Of two
    /// alike the narrower.
    fn at(&self, facts: &Facts<'_>) -> Option<Scope> {
        let place = &facts.place;
        let mut found: Option<(u8, Scope)> = None;
        for change in &self.overrides {
            if found.is_some_and(|(weight, _)| change.weight < weight) {
                break;
            }
            let at = &change.at;
            if part(at.account, place.account)
                && part(at.channel, place.channel)
                && part(at.stage, place.stage)
                && part(at.pipeline, place.pipeline)
            {
                let scope = change.apply(self.base);
                found = Some((change.weight, found.map_or(scope, |(_, other)| other.min(scope))));
            }
        }
        found.map(|(_, scope)| scope)
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
        Scope::None => false,
        Scope::Own => facts.responsible == Some(actor.user_key),
        Scope::Team => facts.responsible == Some(actor.user_key) || counts_in(facts, &actor.team_keys),
        Scope::TeamTree => facts.responsible == Some(actor.user_key) || counts_in(facts, &actor.tree_keys),
        Scope::Open => {
            facts.open || facts.responsible == Some(actor.user_key) || counts_in(facts, &actor.tree_keys)
        }
        Scope::All => true,
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
