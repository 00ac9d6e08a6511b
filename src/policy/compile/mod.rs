//! From a [`Source`] to a [`Policy`]: names are checked and become numbers, roles get everything they begin
//! with, `*` is spelled out, and rules may not go in circles. Every mistake is reported at once.

mod fields;
mod names;
mod roles;
mod rules;

use super::{
    Keys, Noun, Policy, Problem, ProblemKind, Source,
    compiled::{PairNo, Shape},
    member::Assigned,
    problem::near,
};
use crate::ids::TenantId;

/// How often in a row a condition may ask a right whose rules have conditions that ask.
pub const RULE_DEPTH_MAX: usize = 8;

/// How deep alternatives may stand in alternatives.
pub const ANY_DEPTH_MAX: usize = 4;

/// Bits of the masks of profiles, apps and forbids of fields.
const BITS: usize = 64;

impl Policy {
    /// Checks a source and compiles it. `keys` turns the users and teams that it names into keys.
    ///
    /// # Errors
    ///
    /// Every mistake in the source.
    pub fn compile(source: &Source, tenant: &TenantId, keys: &Keys) -> Result<Self, Vec<Problem>> {
        let mut compiler = Compiler { source, policy: Self::empty(source), problems: Vec::new() };
        compiler.names();
        compiler.fields();
        compiler.roles();
        compiler.rules();
        compiler.forbids(tenant, keys);
        compiler.people();
        if compiler.problems.is_empty() { Ok(compiler.policy) } else { Err(compiler.problems) }
    }

    fn empty(source: &Source) -> Self {
        Self {
            resources: Default::default(),
            actions: Default::default(),
            symbols: Default::default(),
            places: Default::default(),
            profiles: Default::default(),
            role_names: Default::default(),
            shapes: Box::default(),
            pair_numbers: Box::default(),
            pairs: Box::default(),
            fields: Box::default(),
            roles: Box::default(),
            rules: Box::default(),
            forbids: Box::default(),
            apps: Box::default(),
            assigned: Box::default(),
            kinds: Box::default(),
            combine: source.combine,
            relations_beat_overrides: source.relations_beat_overrides,
        }
    }
}

struct Compiler<'a> {
    source: &'a Source,
    policy: Policy,
    problems: Vec<Problem>,
}

impl Compiler<'_> {
    fn problem(&mut self, at: &[&str], what: ProblemKind) {
        self.problems.push(Problem { at: at.iter().map(|&part| part.to_owned()).collect(), what });
    }

    fn unknown<'n>(&mut self, at: &[&str], what: Noun, name: &str, names: impl Iterator<Item = &'n str>) {
        let near = near(name, names);
        self.problem(at, ProblemKind::Unknown { what, name: name.to_owned(), near });
    }

    /// Who has which role, and who sees which app.
    fn people(&mut self) {
        let source = self.source;
        let mut assigned = Vec::new();
        for (at, assignment) in source.assignments.iter().enumerate() {
            let Some(role) = self.policy.role(&assignment.role) else {
                let path = ["assignment", &at.to_string(), "role"];
                self.unknown(&path, Noun::Role, &assignment.role, source.roles.keys().map(String::as_str));
                continue;
            };
            if !assignment.draft {
                assigned.push(Assigned { role, to: assignment.to.clone(), until: assignment.until });
            }
        }
        self.policy.assigned = assigned.into();
    }

    /// The pairs that a resource and an action stand for; either may be `*`. Reports what is not declared.
    fn pairs(&mut self, at: &[&str], resource: &str, action: &str) -> Vec<PairNo> {
        let source = self.source;
        let action_no = self.policy.action(action);
        let any_action = action == super::source::ANY;
        let resources: Vec<_> = if resource == super::source::ANY {
            if !any_action && action_no.is_none() {
                let names = source.resources.values().flatten().map(String::as_str);
                self.unknown(at, Noun::Action, action, names);
            }
            self.policy.resources().collect()
        } else {
            self.known_resource(at, resource).into_iter().collect()
        };
        let mut pairs = Vec::new();
        for number in resources {
            if any_action {
                let policy = &self.policy;
                pairs.extend(policy.actions_of(number).map(|action| policy.pair(number, action)));
                continue;
            }
            match action_no.map_or(PairNo::NONE, |action| self.policy.pair(number, action)) {
                PairNo::NONE if resource == super::source::ANY => {}
                PairNo::NONE => self.unknown_action(at, number, action),
                pair => pairs.push(pair),
            }
        }
        pairs
    }

    fn unknown_action(&mut self, at: &[&str], resource: super::ResourceNo, action: &str) {
        let resource = self.policy.resource_name(resource).to_owned();
        let names = self.source.resources.get(&resource).into_iter().flatten().map(String::as_str);
        let near = near(action, names);
        self.problem(at, ProblemKind::UnknownAction { resource, action: action.to_owned(), near });
    }

    fn known_resource(&mut self, at: &[&str], name: &str) -> Option<super::ResourceNo> {
        let found = self.policy.resource(name);
        if found.is_none() {
            let source = self.source;
            let names = source.resources.keys().chain(source.aliases.keys()).map(String::as_str);
            self.unknown(at, Noun::Resource, name, names);
        }
        found
    }

    fn known_profile(&mut self, at: &[&str], name: &str) -> Option<super::ProfileNo> {
        let found = self.policy.profiles.number(name).map(super::ProfileNo);
        if found.is_none() {
            let source = self.source;
            let names = source.profiles.keys().map(String::as_str).chain([names::FULL]);
            self.unknown(at, Noun::Profile, name, names);
        }
        found
    }

    fn shape_mut(&mut self, resource: super::ResourceNo) -> Option<&mut Shape> {
        self.policy.shapes.get_mut(usize::from(resource.0))
    }
}
