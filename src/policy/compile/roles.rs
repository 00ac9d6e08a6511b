//! Roles, with all that they begin with.
//!
//! A role is a layer over the roles that it extends, and these over what every role has. What a layer says
//! of a (resource, action), field or place, by name or by `*`, takes the place of what the layers below say
//! of it; within one layer the more exact name wins.

use std::collections::{BTreeMap, BTreeSet};

use super::Compiler;
use crate::policy::{
    Noun, PairNo, ProblemKind, ProfileNo, Relation, Scope,
    compiled::{Access, At, PlacedScope, RoleTable, covers},
    source::{ANY, Fields, Mode, Override, Role},
};

/// What a role says itself.
#[derive(Clone, Debug, Default)]
struct Layer {
    scopes: BTreeMap<PairNo, Scope>,
    overrides: BTreeMap<(PairNo, At), Vec<(Mode, Scope)>>,
    /// By place in the policy's fields.
    access: BTreeMap<usize, Access>,
    relations: BTreeMap<(PairNo, Relation), ProfileNo>,
}

impl Layer {
    /// Lays another over this one.
    fn cover_with(&mut self, upper: &Self) {
        self.scopes.extend(&upper.scopes);
        self.overrides.extend(upper.overrides.iter().map(|(place, scopes)| (*place, scopes.clone())));
        self.access.extend(&upper.access);
        self.relations.extend(&upper.relations);
    }
}

/// How exact a name is: a single resource before a single action before `*` twice.
fn exactness(resource: &str, action: &str) -> u8 {
    u8::from(resource != ANY) << 1 | u8::from(action != ANY)
}

impl<'a> Compiler<'a> {
    pub(super) fn roles(&mut self) {
        let source = self.source;
        let mut every = Layer::default();
        for (position, role) in source.every_role.iter().enumerate() {
            let at = ["every_role", &position.to_string()];
            every.cover_with(&self.layer(&at, role));
            if !role.extends.is_empty() {
                self.problem(&[&at[..], &["extends"]].concat(), ProblemKind::EveryRoleExtends);
            }
        }
        let mut whole: BTreeMap<&str, Layer> = BTreeMap::new();
        for name in self.in_order_of_extension() {
            let Some(role) = source.roles.get(name) else {
                continue;
            };
            let mut layer = Layer::default();
            for base in role.extends.iter().filter_map(|base| whole.get(base.as_str())) {
                layer.cover_with(base);
            }
            layer.cover_with(&self.layer(&["role", name], role));
            whole.insert(name, layer);
        }
        let tables = source.roles.iter().map(|(name, role)| {
            let mut layer = every.clone();
            if let Some(own) = whole.get(name.as_str()) {
                layer.cover_with(own);
            }
            self.table(role, &layer)
        });
        self.policy.roles = tables.collect();
    }

    /// Roles, each after those that it extends. Reports what cannot be extended.
    fn in_order_of_extension(&mut self) -> Vec<&'a str> {
        let source = self.source;
        for (name, role) in &source.roles {
            for (position, base) in role.extends.iter().enumerate() {
                let at = ["role", name, "extends", &position.to_string()];
                match source.roles.get(base) {
                    None => {
                        let names = source.roles.keys().map(String::as_str);
                        self.unknown(&at, Noun::Role, base, names);
                    }
                    Some(base_role) if base_role.draft && !role.draft => {
                        self.problem(&at, ProblemKind::ExtendsDraft(base.clone()));
                    }
                    Some(_) => {}
                }
            }
        }
        let bases = |name: &str| -> Vec<&str> {
            let extends = source.roles.get(name).into_iter().flat_map(|role| &role.extends);
            extends.map(String::as_str).filter(|base| source.roles.contains_key(*base)).collect()
        };
        let names = source.roles.keys().map(String::as_str).collect();
        let (levels, circle) = super::rules::levels(names, bases);
        if let Some(first) = circle.first() {
            let names = circle.iter().map(|name| (*name).to_owned()).collect();
            self.problem(&["role", first, "extends"], ProblemKind::ExtendsCycle(names));
        }
        levels.into_iter().flatten().collect()
    }

    fn layer(&mut self, at: &[&str], role: &Role) -> Layer {
        Layer {
            scopes: self.scopes(at, role),
            overrides: self.overrides(at, role),
            access: self.access(at, role),
            relations: self.relations(at, role),
        }
    }

    fn scopes(&mut self, at: &[&str], role: &Role) -> BTreeMap<PairNo, Scope> {
        let mut found: BTreeMap<PairNo, (u8, Scope)> = BTreeMap::new();
        for (resource, actions) in &role.grants {
            for (action, scope) in actions {
                let at = [at, &["grants", resource, action]].concat();
                let exact = exactness(resource, action);
                for pair in self.pairs(&at, resource, action) {
                    if self.says_more(&at, found.get(&pair).map(|(other, _)| *other), exact, resource) {
                        found.insert(pair, (exact, *scope));
                    }
                }
            }
        }
        found.into_iter().map(|(pair, (_, scope))| (pair, scope)).collect()
    }

    /// Whether what is said by a name of this exactness counts. An alias may say the same thing again, which
    /// is a mistake.
    fn says_more(&mut self, at: &[&str], before: Option<u8>, exact: u8, resource: &str) -> bool {
        if before == Some(exact) {
            self.problem(at, ProblemKind::Duplicate(Noun::Resource, resource.to_owned()));
        }
        before.is_none_or(|before| before < exact)
    }

    fn overrides(&mut self, at: &[&str], role: &Role) -> BTreeMap<(PairNo, At), Vec<(Mode, Scope)>> {
        let mut found: BTreeMap<(PairNo, At), Vec<(Mode, Scope)>> = BTreeMap::new();
        for (position, change) in role.overrides.iter().enumerate() {
            let position = position.to_string();
            let at = [at, &["overrides", &position]].concat();
            let places = self.places(&at, change);
            if change.scopes.is_empty() {
                self.problem(&at, ProblemKind::Empty("scopes"));
            }
            let mut scopes: BTreeMap<PairNo, (u8, Scope)> = BTreeMap::new();
            for (action, scope) in &change.scopes {
                let at = [at.as_slice(), &["scopes", action]].concat();
                if matches!((change.mode, scope), (Mode::Cap, Scope::All) | (Mode::Raise, Scope::None)) {
                    self.problem(&at, ProblemKind::Empty("effect"));
                }
                let exact = exactness(&change.resource, action);
                for pair in self.pairs(&at, &change.resource, action) {
                    if scopes.get(&pair).is_none_or(|(other, _)| *other < exact) {
                        scopes.insert(pair, (exact, *scope));
                    }
                }
            }
            for (pair, (_, scope)) in scopes {
                for place in &places {
                    found.entry((pair, *place)).or_default().push((change.mode, scope));
                }
            }
        }
        found
    }

    /// The places of an override: one for each of its stages.
    fn places(&mut self, at: &[&str], change: &Override) -> Vec<At> {
        let pipeline = self.part(&[at, &["pipeline"]].concat(), change.pipeline.as_deref());
        let channel = self.part(&[at, &["channel"]].concat(), change.channel.as_deref());
        let account = self.part(&[at, &["account"]].concat(), change.account.as_deref());
        let stages: Vec<Option<&str>> = if change.stage.is_empty() {
            vec![None]
        } else {
            change.stage.iter().map(|stage| Some(stage.as_str())).collect()
        };
        let mut places = Vec::new();
        for stage in stages {
            let stage = self.part(&[at, &["stage"]].concat(), stage);
            places.push(At { account, channel, stage, pipeline });
        }
        let parts = [&change.pipeline, &change.channel, &change.account];
        if parts.iter().all(|part| part.is_none()) && change.stage.is_empty() {
            self.problem(at, ProblemKind::NoPlace);
        }
        places
    }

    fn access(&mut self, at: &[&str], role: &Role) -> BTreeMap<usize, Access> {
        let mut found = BTreeMap::new();
        // What is said of every resource first, so that a single one has the last word.
        let (any, single): (Vec<_>, Vec<_>) = role.fields.iter().partition(|(name, _)| *name == ANY);
        let mut named = BTreeSet::new();
        for (resource, fields) in any.into_iter().chain(single) {
            let at = [at, &["fields", resource]].concat();
            if let Some(number) = self.policy.resource(resource)
                && !named.insert(number)
            {
                self.problem(&at, ProblemKind::Duplicate(Noun::Resource, resource.clone()));
            }
            self.contradictions(&at, fields);
            let numbers: Vec<_> = if resource == ANY {
                self.policy.resources().collect()
            } else {
                self.policy.resource(resource).into_iter().collect()
            };
            for number in numbers {
                for field in self.policy.fields_of(number) {
                    let access = access_of(fields, self.policy.field_name(number, field));
                    if let (Some(at), Some(access)) = (self.policy.field_at(number, field), access) {
                        found.insert(at, access);
                    }
                }
            }
        }
        found
    }

    fn contradictions(&mut self, at: &[&str], fields: &Fields) {
        let lists =
            [("hidden", &fields.hidden), ("read-only", &fields.read_only), ("editable", &fields.editable)];
        for (position, (one, names)) in lists.iter().enumerate() {
            for (other, others) in lists.iter().skip(position + 1) {
                for field in names.iter().filter(|field| others.contains(field)) {
                    let lists = [*one, *other];
                    self.problem(at, ProblemKind::Contradiction { field: field.clone(), lists });
                }
            }
        }
    }

    fn relations(&mut self, at: &[&str], role: &Role) -> BTreeMap<(PairNo, Relation), ProfileNo> {
        let source = self.source;
        let mut found: BTreeMap<(PairNo, Relation), (u8, ProfileNo)> = BTreeMap::new();
        for (relation, resources) in &role.relations {
            for (resource, actions) in resources {
                for (action, profile) in actions {
                    let at = [at, &["relations", relation.label(), resource, action]].concat();
                    let Some(number) = self.known_profile(&at, profile) else {
                        continue;
                    };
                    let exact = exactness(resource, action);
                    for pair in self.pairs(&at, resource, action) {
                        let of = self.policy.pair_info(pair).map(|pair| pair.resource);
                        let says = of.is_some_and(|of| self.profile_says(number, of));
                        if !says && resource == ANY && source.profiles.contains_key(profile) {
                            continue;
                        }
                        if !says {
                            let (profile, resource) = (profile.clone(), resource.clone());
                            self.problem(&at, ProblemKind::ProfileWithout { profile, resource });
                            break;
                        }
                        let key = (pair, *relation);
                        let before = found.get(&key).map(|(other, _)| *other);
                        if self.says_more(&at, before, exact, resource) {
                            found.insert(key, (exact, number));
                        }
                    }
                }
            }
        }
        found.into_iter().map(|(key, (_, profile))| (key, profile)).collect()
    }

    /// Whether a profile says which fields of a resource are seen.
    pub(super) fn profile_says(&self, profile: ProfileNo, resource: crate::policy::ResourceNo) -> bool {
        if profile == ProfileNo::FULL {
            return true;
        }
        let resources = self.source.profiles.get(self.policy.profile_name(profile));
        resources.is_some_and(|resources| {
            resources.keys().any(|name| name == ANY || self.policy.resource(name) == Some(resource))
        })
    }

    fn table(&self, role: &Role, layer: &Layer) -> RoleTable {
        let mut scopes = vec![Scope::None; self.policy.pairs.len()];
        for (pair, scope) in &layer.scopes {
            if let Some(cell) = scopes.get_mut(usize::from(pair.0)) {
                *cell = *scope;
            }
        }
        let mut overrides: Vec<PlacedScope> = layer
            .overrides
            .iter()
            .flat_map(|((pair, at), scopes)| {
                scopes.iter().map(|(mode, scope)| PlacedScope {
                    pair: *pair,
                    at: *at,
                    weight: at.weight(),
                    mode: *mode,
                    scope: *scope,
                })
            })
            .collect();
        overrides.sort_by_key(|change| (change.pair, std::cmp::Reverse(change.weight)));
        let mut access = vec![Access::Editable; self.policy.fields.len()];
        for (at, rule) in &layer.access {
            if let Some(field) = access.get_mut(*at) {
                *field = *rule;
            }
        }
        RoleTable {
            draft: role.draft,
            shadow: role.shadow,
            cites: role.cites.as_deref().map(Into::into),
            scopes: scopes.into(),
            overrides: overrides.into(),
            access: access.into(),
            relations: layer
                .relations
                .iter()
                .map(|((pair, relation), profile)| (*pair, *relation, *profile))
                .collect(),
        }
    }
}

/// What these lists say of a field: the most exact name counts, and of two alike the stricter list.
fn access_of(fields: &Fields, name: &str) -> Option<Access> {
    let lists = [
        (Access::Hidden, &fields.hidden),
        (Access::ReadOnly, &fields.read_only),
        (Access::Editable, &fields.editable),
    ];
    let said = lists.iter().flat_map(|(access, names)| {
        names.iter().filter(|pattern| covers(pattern, name)).map(|pattern| {
            let exact = if pattern == name { usize::MAX } else { pattern.len() };
            (exact, std::cmp::Reverse(*access))
        })
    });
    said.max().map(|(_, std::cmp::Reverse(access))| access)
}
