//! Rules, forbids and apps.

use std::collections::{BTreeMap, BTreeSet};

use super::{ANY_DEPTH_MAX, BITS, Compiler, RULE_DEPTH_MAX};
use crate::{
    ids::TenantId,
    policy::{
        AsAllowed, ForbidNo, Keys, Noun, PairNo, ProblemKind, RoleNo, RuleNo, Symbol,
        rule::{Asked, CompiledEffect, CompiledForbid, CompiledRule, Holds},
        source::{ANY, Condition, Effect, Forbid, Of, On, Rule},
    },
};

impl Compiler<'_> {
    pub(super) fn rules(&mut self) {
        let source = self.source;
        self.apps();
        let mut compiled = Vec::new();
        let mut asks: BTreeMap<PairNo, BTreeSet<PairNo>> = BTreeMap::new();
        let mut as_allowed: Vec<(Vec<PairNo>, &Rule, BTreeSet<PairNo>)> = Vec::new();
        for (rule, number) in source.rules.iter().zip(0..) {
            let at = ["rule", &rule.name];
            if source.rules.iter().filter(|other| other.name == rule.name).count() > 1 {
                self.problem(&at, ProblemKind::Duplicate(Noun::Rule, rule.name.clone()));
            }
            let of = self.pairs_of_rule(&at, rule);
            let (table, asked) = self.rule(&at, rule);
            for pair in &of {
                asks.entry(*pair).or_default().extend(&asked.of_object);
                if let Some(info) = self.policy.pairs.get_mut(usize::from(pair.0)) {
                    let rules =
                        if rule.effect == Effect::Require { &mut info.requires } else { &mut info.grants };
                    *rules = rules.iter().copied().chain([RuleNo(number)]).collect();
                }
            }
            if rule.effect == Effect::GrantAsAllowed {
                as_allowed.push((of, rule, asked.first));
            }
            compiled.push(table);
        }
        if source.rules.len() > usize::from(u16::MAX) {
            let limit = usize::from(u16::MAX);
            self.problem(&["rule"], ProblemKind::TooMany { what: Noun::Rule, limit });
        }
        self.policy.rules = compiled.into();
        self.bound_asking(&asks);
        self.check_as_allowed(&as_allowed);
    }

    fn apps(&mut self) {
        let source = self.source;
        if source.apps.len() > BITS {
            self.problem(&["app"], ProblemKind::TooMany { what: Noun::App, limit: BITS });
        }
        self.policy.apps = source.apps.values().take(BITS).cloned().collect();
    }

    fn pairs_of_rule(&mut self, at: &[&str], rule: &Rule) -> Vec<PairNo> {
        if rule.actions.is_empty() {
            self.problem(at, ProblemKind::Empty("actions"));
        }
        let mut pairs = BTreeSet::new();
        for action in &rule.actions {
            pairs.extend(self.pairs(&[at, &["actions"]].concat(), &rule.resource, action));
        }
        pairs.into_iter().collect()
    }

    fn rule(&mut self, at: &[&str], rule: &Rule) -> (CompiledRule, AskedRights) {
        let via = rule.via.as_deref().and_then(|via| self.known_resource(&[at, &["via"]].concat(), via));
        let kinds = self.kinds_of_rule(at, rule);
        let effect = match &rule.effect {
            Effect::Grant { profile } => self.profile_of_rule(at, rule, profile),
            Effect::GrantAsAllowed => CompiledEffect::GrantAsAllowed,
            Effect::Require => CompiledEffect::Require,
        };
        let mut asked = AskedRights::default();
        let conditions = self.conditions(at, rule, &rule.conditions, &mut asked, 0);
        if rule.effect == Effect::GrantAsAllowed
            && !conditions.iter().any(|condition| matches!(condition, Holds::Allowed { .. }))
        {
            self.problem(at, ProblemKind::AsAllowed(AsAllowed::NoCondition));
        }
        let table = CompiledRule {
            name: rule.name.as_str().into(),
            via,
            kinds,
            effect,
            conditions: conditions.into(),
        };
        (table, asked)
    }

    /// The symbols of a rule's kinds; a resource stands for its aliases too.
    fn kinds_of_rule(&mut self, at: &[&str], rule: &Rule) -> Box<[Symbol]> {
        let mut kinds = BTreeSet::new();
        for kind in &rule.kinds {
            let Some(symbol) = self.symbol(&[at, &["kinds"]].concat(), kind) else {
                continue;
            };
            kinds.insert(symbol);
            if let Some(resource) = self.policy.resource(kind) {
                let same = self.policy.kinds.iter().zip(0..).filter(|(of, _)| **of == Some(resource));
                kinds.extend(same.map(|(_, number)| Symbol(number)));
            }
        }
        kinds.into_iter().collect()
    }

    fn profile_of_rule(&mut self, at: &[&str], rule: &Rule, profile: &str) -> CompiledEffect {
        let at = [at, &["profile"]].concat();
        let Some(number) = self.known_profile(&at, profile) else {
            return CompiledEffect::Require;
        };
        let says = self.policy.resource(&rule.resource).is_none_or(|of| self.profile_says(number, of));
        if !says {
            let (profile, resource) = (profile.to_owned(), rule.resource.clone());
            self.problem(&at, ProblemKind::ProfileWithout { profile, resource });
        }
        CompiledEffect::Grant(number)
    }

    fn conditions(
        &mut self,
        at: &[&str],
        rule: &Rule,
        conditions: &[Condition],
        asked: &mut AskedRights,
        depth: usize,
    ) -> Vec<Holds> {
        if depth > ANY_DEPTH_MAX {
            self.problem(at, ProblemKind::TooDeep { limit: ANY_DEPTH_MAX });
            return Vec::new();
        }
        let mut compiled = Vec::new();
        for (position, condition) in conditions.iter().enumerate() {
            let position = position.to_string();
            let at = [at, &["conditions", &position]].concat();
            compiled.extend(match condition {
                Condition::Any(conditions) => {
                    let any = self.conditions(&at, rule, conditions, asked, depth + 1);
                    Some(Holds::Any(any.into()))
                }
                Condition::Allowed { on, resource, action } => {
                    self.asked(&at, rule, (*on, resource, action), asked, depth)
                }
                Condition::Held { resource, action, scope } => {
                    if resource == ANY || action == ANY {
                        self.problem(&at, ProblemKind::Wildcard);
                    }
                    let pair = self.pairs(&at, resource, action).first().copied();
                    pair.map(|pair| Holds::Held(pair, *scope))
                }
                Condition::Responsible(on) => Some(Holds::Responsible(*on)),
                Condition::Related(on, relation) => Some(Holds::Related(*on, *relation)),
                Condition::App(name) => {
                    let names = self.source.apps.keys();
                    match names.clone().position(|app| app == name) {
                        Some(bit) if bit < BITS => Some(Holds::App(1 << bit)),
                        _ => {
                            self.unknown(&at, Noun::App, name, names.map(String::as_str));
                            None
                        }
                    }
                }
            });
        }
        compiled
    }

    /// A condition that asks another right, and all the rights that it may ask.
    fn asked(
        &mut self,
        at: &[&str],
        rule: &Rule,
        (on, of, action): (On, &Of, &str),
        asked: &mut AskedRights,
        depth: usize,
    ) -> Option<Holds> {
        if action == ANY {
            self.problem(at, ProblemKind::Wildcard);
            return None;
        }
        let (right, rights) = match of {
            Of::Resource(resource) if resource == ANY => {
                self.problem(at, ProblemKind::Wildcard);
                return None;
            }
            Of::Resource(resource) => {
                let pair = self.pairs(at, resource, action).first().copied()?;
                (Asked::Of(pair), vec![pair])
            }
            Of::Kind => {
                let number = self.policy.action(action);
                // The kind is the object's, and of the object itself the rule may name the kinds.
                let kinds: Vec<_> = rule.kinds.iter().filter_map(|kind| self.policy.resource(kind)).collect();
                let rights =
                    self.rights(at, action, (on == On::Object && !rule.kinds.is_empty()).then_some(kinds));
                (Asked::OfKind(number?), rights)
            }
            Of::Via if on == On::Object => {
                self.problem(at, ProblemKind::ViaOfObject);
                return None;
            }
            Of::Via => {
                let number = self.policy.action(action);
                let via = rule.via.as_deref().and_then(|via| self.policy.resource(via));
                let rights = self.rights(at, action, via.map(|via| vec![via]));
                (Asked::OfVia(number?), rights)
            }
        };
        if on == On::Object {
            asked.of_object.extend(&rights);
        }
        if depth == 0 && asked.first.is_empty() {
            asked.first.extend(&rights);
        }
        Some(Holds::Allowed { on, right })
    }

    /// This action's rights on these resources, or on all.
    fn rights(
        &mut self,
        at: &[&str],
        action: &str,
        resources: Option<Vec<crate::policy::ResourceNo>>,
    ) -> Vec<PairNo> {
        let Some(resources) = resources else {
            return self.pairs(at, ANY, action);
        };
        let mut rights = Vec::new();
        for resource in resources {
            let name = self.policy.resource_name(resource).to_owned();
            rights.extend(self.pairs(at, &name, action));
        }
        rights
    }

    /// Conditions that ask rights whose rules have conditions: not in a circle, and not too often in a row.
    fn bound_asking(&mut self, asks: &BTreeMap<PairNo, BTreeSet<PairNo>>) {
        let asked = |pair: PairNo| -> Vec<PairNo> {
            let asked = asks.get(&pair).into_iter().flatten();
            asked.copied().filter(|pair| asks.contains_key(pair)).collect()
        };
        let (levels, circle) = levels(asks.keys().copied().collect(), asked);
        let right = |pair: &PairNo| {
            let info = self.policy.pair_info(*pair)?;
            let resource = self.policy.resource_name(info.resource);
            Some(format!("{resource}.{}", self.policy.action_name(info.action)))
        };
        let circle: Vec<String> = circle.iter().filter_map(right).collect();
        if !circle.is_empty() {
            self.problem(&["rule"], ProblemKind::RuleCycle(circle));
        } else if levels.len() > RULE_DEPTH_MAX {
            self.problem(&["rule"], ProblemKind::TooDeep { limit: RULE_DEPTH_MAX });
        }
    }

    /// An answer carries the fields of one other right, so for one object there can be one such rule, and the
    /// right that it asks can have none.
    fn check_as_allowed(&mut self, rules: &[(Vec<PairNo>, &Rule, BTreeSet<PairNo>)]) {
        for (position, (of, rule, asked)) in rules.iter().enumerate() {
            let at = ["rule", rule.name.as_str()];
            if rules.iter().any(|(others, ..)| others.iter().any(|other| asked.contains(other))) {
                self.problem(&at, ProblemKind::AsAllowed(AsAllowed::Chained));
            }
            let ambiguous = rules.iter().take(position).any(|(others, other, _)| {
                others.iter().any(|pair| of.contains(pair)) && self.may_meet(rule, other)
            });
            if ambiguous {
                self.problem(&at, ProblemKind::AsAllowed(AsAllowed::Ambiguous));
            }
        }
    }

    /// Whether both rules can be about one object.
    fn may_meet(&self, one: &Rule, other: &Rule) -> bool {
        let via = match (&one.via, &other.via) {
            (Some(one), Some(other)) => self.policy.resource(one) == self.policy.resource(other),
            _ => true,
        };
        let same = |kind: &String, other: &String| {
            kind == other
                || (self.policy.resource(kind).is_some()
                    && self.policy.resource(kind) == self.policy.resource(other))
        };
        let kinds = one.kinds.is_empty()
            || other.kinds.is_empty()
            || one.kinds.iter().any(|kind| other.kinds.iter().any(|other| same(kind, other)));
        via && kinds
    }

    pub(super) fn forbids(&mut self, tenant: &TenantId, keys: &Keys) {
        let source = self.source;
        if source.forbids.len() > usize::from(u16::MAX) {
            let limit = usize::from(u16::MAX);
            self.problem(&["forbid"], ProblemKind::TooMany { what: Noun::Forbid, limit });
        }
        let mut compiled = Vec::new();
        let mut bits = 0..BITS;
        for (forbid, number) in source.forbids.iter().zip(0..) {
            let number = ForbidNo(number);
            let at = ["forbid", forbid.name.as_str()];
            if source.forbids.iter().filter(|other| other.name == forbid.name).count() > 1 {
                self.problem(&at, ProblemKind::Duplicate(Noun::Forbid, forbid.name.clone()));
            }
            let pairs = self.pairs_of_forbid(&at, forbid);
            let table = self.forbid(&at, forbid, tenant, keys);
            if forbid.fields.is_empty() {
                self.forbid_rights(number, &pairs);
                if table.is_of_any_object() && self.is_needed(&pairs) {
                    self.withhold(number, &pairs, &mut bits);
                }
            } else if let Some(bit) = self.bit(&at, &mut bits) {
                for field in &forbid.fields {
                    self.each_field(&forbid.resource, field, |field| field.hidden_by |= bit);
                }
                self.add_hider(number, bit, |_, pair| pairs.contains(&pair));
            }
            compiled.push(table);
        }
        self.policy.forbids = compiled.into();
    }

    fn pairs_of_forbid(&mut self, at: &[&str], forbid: &Forbid) -> Vec<PairNo> {
        let at = [at, &["actions"]].concat();
        if forbid.actions.is_empty() {
            return self.pairs(&at, &forbid.resource, ANY);
        }
        let mut pairs = Vec::new();
        for action in &forbid.actions {
            pairs.extend(self.pairs(&at, &forbid.resource, action));
        }
        pairs
    }

    fn forbid(&mut self, at: &[&str], forbid: &Forbid, tenant: &TenantId, keys: &Keys) -> CompiledForbid {
        for (list, names) in [("users", &forbid.users), ("teams", &forbid.teams)] {
            // Without the name that is nobody's the forbid would have an empty list, and match everybody.
            if names.iter().any(String::is_empty) {
                self.problem(&[at, &[list]].concat(), ProblemKind::Empty("name"));
            }
        }
        let stage = [at, &["stage"]].concat();
        CompiledForbid {
            name: forbid.name.as_str().into(),
            users: forbid.users.iter().filter_map(|user| keys.user(tenant, user)).collect(),
            teams: forbid.teams.iter().filter_map(|team| keys.team(tenant, team)).collect(),
            pipeline: self.part(&[at, &["pipeline"]].concat(), forbid.pipeline.as_deref()),
            stages: forbid.stage.iter().filter_map(|name| self.symbol(&stage, name)).collect(),
            channel: self.part(&[at, &["channel"]].concat(), forbid.channel.as_deref()),
            account: self.part(&[at, &["account"]].concat(), forbid.account.as_deref()),
            role: forbid.role.as_deref().and_then(|role| self.known_role(&[at, &["role"]].concat(), role)),
        }
    }

    fn known_role(&mut self, at: &[&str], name: &str) -> Option<RoleNo> {
        let found = self.policy.role(name);
        if found.is_none() {
            let source = self.source;
            self.unknown(at, Noun::Role, name, source.roles.keys().map(String::as_str));
        }
        found
    }

    fn forbid_rights(&mut self, number: ForbidNo, pairs: &[PairNo]) {
        for pair in pairs {
            if let Some(info) = self.policy.pairs.get_mut(usize::from(pair.0)) {
                info.forbids = info.forbids.iter().copied().chain([number]).collect();
            }
        }
    }

    fn bit(&mut self, at: &[&str], bits: &mut std::ops::Range<usize>) -> Option<u64> {
        let bit = bits.next();
        if bit.is_none() {
            self.problem(at, ProblemKind::TooMany { what: Noun::FieldForbid, limit: BITS });
        }
        bit.map(|bit| 1 << bit)
    }

    fn is_needed(&self, pairs: &[PairNo]) -> bool {
        self.policy.fields.iter().filter_map(|field| field.needs).any(|needed| pairs.contains(&needed))
    }

    /// Who is forbidden a right does not hold it, and does not see the fields that need it.
    fn withhold(&mut self, number: ForbidNo, pairs: &[PairNo], bits: &mut std::ops::Range<usize>) {
        let name = self.source.forbids.get(usize::from(number.0)).map_or("?", |forbid| &forbid.name);
        let Some(bit) = self.bit(&["forbid", name], bits) else {
            return;
        };
        for field in &mut self.policy.fields {
            if field.needs.is_some_and(|needed| pairs.contains(&needed)) {
                field.hidden_by |= bit;
            }
        }
        let with_needs: BTreeSet<_> = self
            .policy
            .resources()
            .filter(|resource| {
                self.policy.fields_of(*resource).any(|field| {
                    let at = self.policy.field_at(*resource, field);
                    let field = at.and_then(|at| self.policy.fields.get(at));
                    field.is_some_and(|field| field.hidden_by & bit != 0)
                })
            })
            .collect();
        self.add_hider(number, bit, |resource, _| with_needs.contains(&resource));
    }

    fn add_hider(
        &mut self,
        number: ForbidNo,
        bit: u64,
        of: impl Fn(crate::policy::ResourceNo, PairNo) -> bool,
    ) {
        for (info, pair) in self.policy.pairs.iter_mut().zip(0..).skip(1) {
            if of(info.resource, PairNo(pair)) {
                info.hiders = info.hiders.iter().copied().chain([(bit, number)]).collect();
            }
        }
    }
}

/// The rights that a rule's conditions may ask.
#[derive(Default)]
struct AskedRights {
    /// Of the same object. Those of the object through which it is reached need no bound here, since objects
    /// are reached through at most [`crate::policy::VIA_DEPTH_MAX`] others.
    of_object: BTreeSet<PairNo>,
    /// Of the object and of others, by the first condition.
    first: BTreeSet<PairNo>,
}

/// Puts things on levels, each above all that it stands on. Second: things that stand on each other in a
/// circle, if there are any.
pub(super) fn levels<T: Copy + Ord>(
    things: BTreeSet<T>,
    stands_on: impl Fn(T) -> Vec<T>,
) -> (Vec<Vec<T>>, Vec<T>) {
    let mut left = things;
    let mut levels = Vec::new();
    while !left.is_empty() {
        let level: Vec<T> = left
            .iter()
            .copied()
            .filter(|thing| !stands_on(*thing).iter().any(|base| left.contains(base)))
            .collect();
        if level.is_empty() {
            return (levels, circle(&left, stands_on));
        }
        left.retain(|thing| !level.contains(thing));
        levels.push(level);
    }
    (levels, Vec::new())
}

/// A circle among things each of which stands on another of them.
fn circle<T: Copy + Ord>(left: &BTreeSet<T>, stands_on: impl Fn(T) -> Vec<T>) -> Vec<T> {
    let mut path: Vec<T> = left.first().copied().into_iter().collect();
    while let Some(last) = path.last() {
        let Some(next) = stands_on(*last).into_iter().find(|base| left.contains(base)) else {
            break;
        };
        if let Some(begin) = path.iter().position(|thing| *thing == next) {
            return path.split_off(begin);
        }
        path.push(next);
    }
    path
}
