//! Names become numbers.

use super::{BITS, Compiler};
use crate::policy::{
    ActionNo, Noun, ProblemKind, ResourceNo, Symbol,
    compiled::{NO_PART, Pair, Shape},
    source::{ANY, Override, Role},
};

/// The profile of every field.
pub(super) const FULL: &str = "full";

impl Compiler<'_> {
    pub(super) fn names(&mut self) {
        self.resources();
        self.pairs_of_resources();
        self.profiles();
        self.role_names();
        self.symbols();
    }

    fn resources(&mut self) {
        let source = self.source;
        for (name, actions) in &source.resources {
            if name == ANY || name.is_empty() {
                self.problem(&["resource", name], ProblemKind::Wildcard);
            }
            if self.policy.resources.intern(name).is_none() {
                let limit = usize::from(u16::MAX);
                self.problem(&["resource", name], ProblemKind::TooMany { what: Noun::Resource, limit });
                return;
            }
            for (at, action) in actions.iter().enumerate() {
                let path = ["resource", name, &at.to_string()];
                if action == ANY || action.is_empty() {
                    self.problem(&path, ProblemKind::Wildcard);
                }
                if actions.iter().take(at).any(|other| other == action) {
                    self.problem(&path, ProblemKind::Duplicate(Noun::Action, action.clone()));
                }
                if self.policy.actions.intern(action).is_none() {
                    let limit = usize::from(u16::MAX);
                    self.problem(&path, ProblemKind::TooMany { what: Noun::Action, limit });
                }
            }
        }
        for (alias, name) in &source.aliases {
            let path = ["alias", alias];
            if alias == ANY || alias.is_empty() {
                self.problem(&path, ProblemKind::Wildcard);
            } else if source.resources.contains_key(alias) {
                self.problem(&path, ProblemKind::Duplicate(Noun::Resource, alias.clone()));
            } else if source.resources.contains_key(name) {
                if let Some(number) = self.policy.resources.number(name) {
                    self.policy.resources.alias(alias, number);
                }
            } else {
                self.unknown(&path, Noun::Resource, name, source.resources.keys().map(String::as_str));
            }
        }
        self.policy.shapes = vec![Shape::default(); source.resources.len()].into();
    }

    fn pairs_of_resources(&mut self) {
        let source = self.source;
        let no_pair = |resource, action| Pair {
            resource,
            action,
            grants: Box::default(),
            requires: Box::default(),
            forbids: Box::default(),
            hiders: Box::default(),
        };
        let actions = usize::from(self.policy.actions.len());
        let mut numbers = vec![0; source.resources.len() * actions];
        let mut pairs = vec![no_pair(ResourceNo(u16::MAX), ActionNo(u16::MAX))];
        for (name, names) in &source.resources {
            let Some(resource) = self.policy.resource(name) else {
                continue;
            };
            for action in names.iter().filter_map(|action| self.policy.action(action)) {
                let at = usize::from(resource.0) * actions + usize::from(action.0);
                let Ok(number) = u16::try_from(pairs.len()) else {
                    let limit = usize::from(u16::MAX);
                    self.problem(&["resource", name], ProblemKind::TooMany { what: Noun::Right, limit });
                    return;
                };
                if let Some(free) = numbers.get_mut(at).filter(|number| **number == 0) {
                    *free = number;
                    pairs.push(no_pair(resource, action));
                }
            }
        }
        self.policy.pair_numbers = numbers.into();
        self.policy.pairs = pairs.into();
    }

    fn profiles(&mut self) {
        let source = self.source;
        self.policy.profiles.intern(FULL);
        for name in source.profiles.keys() {
            if name == FULL {
                self.problem(&["profile", name], ProblemKind::Duplicate(Noun::Profile, name.clone()));
            }
            self.policy.profiles.intern(name);
        }
        if source.profiles.len() >= BITS {
            self.problem(&["profile"], ProblemKind::TooMany { what: Noun::Profile, limit: BITS - 1 });
        }
    }

    fn role_names(&mut self) {
        let source = self.source;
        for name in source.roles.keys() {
            if self.policy.role_names.intern(name).is_none() {
                let limit = usize::from(u16::MAX);
                self.problem(&["role", name], ProblemKind::TooMany { what: Noun::Role, limit });
                return;
            }
        }
    }

    /// Symbols of all names by which objects are told apart. The first is [`Symbol::OTHER`].
    fn symbols(&mut self) {
        let source = self.source;
        self.policy.symbols.intern("");
        let overrides =
            source.roles.values().chain(&source.every_role).flat_map(|role: &Role| &role.overrides);
        let of_override = |change: &Override| {
            let single = [&change.pipeline, &change.channel, &change.account];
            single.into_iter().flatten().chain(&change.stage).cloned().collect::<Vec<_>>()
        };
        let of_overrides = overrides.flat_map(of_override);
        let of_forbids = source.forbids.iter().flat_map(|forbid| {
            let single = [&forbid.pipeline, &forbid.channel, &forbid.account];
            single.into_iter().flatten().chain(&forbid.stage).cloned()
        });
        let of_rules = source.rules.iter().flat_map(|rule| rule.kinds.iter().cloned());
        let of_resources = source.resources.keys().chain(source.aliases.keys()).cloned();
        let mut full = false;
        for name in of_resources.chain(of_overrides).chain(of_forbids).chain(of_rules) {
            full |= self.policy.symbols.intern(&name).is_none();
        }
        if full {
            let limit = usize::from(u16::MAX);
            self.problem(&["resource"], ProblemKind::TooMany { what: Noun::Symbol, limit });
        }
        let places = |pipeline: &Option<String>, stage: &[String]| {
            pipeline.iter().chain(stage).cloned().collect::<Vec<_>>()
        };
        let overrides = source.roles.values().chain(&source.every_role).flat_map(|role| &role.overrides);
        let of_overrides = overrides.flat_map(|change| places(&change.pipeline, &change.stage));
        let of_forbids = source.forbids.iter().flat_map(|forbid| places(&forbid.pipeline, &forbid.stage));
        self.policy.places = of_overrides.chain(of_forbids).collect();
        self.policy.kinds = self.policy.symbols.names().map(|name| self.policy.resource(name)).collect();
    }

    /// The symbol of one part of a place.
    pub(super) fn part(&mut self, at: &[&str], name: Option<&str>) -> u16 {
        let Some(name) = name else {
            return NO_PART;
        };
        self.symbol(at, name).map_or(NO_PART, |symbol| symbol.0)
    }

    /// The symbol of a name that must be one. A wildcard taken for a name would match nothing, and silently
    /// open what was to be closed.
    pub(super) fn symbol(&mut self, at: &[&str], name: &str) -> Option<Symbol> {
        if name == ANY || name.is_empty() {
            self.problem(at, ProblemKind::Wildcard);
            return None;
        }
        self.policy.symbols.number(name).map(Symbol)
    }
}
