//! The fields that some rule names, by resource.

use std::collections::BTreeSet;

use super::Compiler;
use crate::policy::{
    Noun, PairNo, ProblemKind, ResourceNo,
    compiled::{Field, covers},
    source::{ANY, Condition, Effect, Fields, Of, Role},
};

impl Compiler<'_> {
    pub(super) fn fields(&mut self) {
        let names = self.field_names();
        let mut fields = Vec::new();
        for (names, number) in names.into_iter().zip(0..) {
            let limit = usize::from(u16::MAX) - 1;
            if names.len() > limit {
                self.problem(&["resource"], ProblemKind::TooMany { what: Noun::Field, limit });
                return;
            }
            if let Some(shape) = self.shape_mut(ResourceNo(number)) {
                shape.first_field = fields.len();
                shape.fields = names.into_iter().map(Into::into).collect();
                let count = 1 + shape.fields.len();
                fields.extend(vec![Field { profiles: 1, ..Field::default() }; count]);
            }
        }
        self.policy.fields = fields.into();
        self.fields_of_profiles();
        self.secrets();
        self.needs();
    }

    /// The names of each resource's fields: those that rules name, and those that another right's fields are
    /// taken from.
    fn field_names(&mut self) -> Vec<BTreeSet<String>> {
        let source = self.source;
        let mut names = vec![BTreeSet::new(); source.resources.len()];
        for (role_name, role) in &source.roles {
            self.names_of_role(&mut names, &["role", role_name], role);
        }
        for (position, role) in source.every_role.iter().enumerate() {
            self.names_of_role(&mut names, &["every_role", &position.to_string()], role);
        }
        for (profile, resources) in &source.profiles {
            for (resource, fields) in resources {
                let at = ["profile", profile, resource];
                self.add_names(&mut names, &at, resource, fields);
            }
        }
        for (resource, fields) in &source.secrets {
            self.add_names(&mut names, &["secret", resource], resource, fields);
        }
        for (resource, fields) in &source.needs {
            self.add_names(&mut names, &["need", resource], resource, fields.keys());
        }
        for forbid in &source.forbids {
            self.add_names(&mut names, &["forbid", &forbid.name, "fields"], &forbid.resource, &forbid.fields);
        }
        self.names_of_asked(&mut names);
        names
    }

    fn names_of_role(&mut self, names: &mut [BTreeSet<String>], at: &[&str], role: &Role) {
        for (resource, Fields { hidden, read_only, editable }) in &role.fields {
            let at: Vec<&str> = at.iter().copied().chain(["fields", resource]).collect();
            self.add_names(names, &at, resource, hidden.iter().chain(read_only).chain(editable));
        }
    }

    fn add_names<'n>(
        &mut self,
        names: &mut [BTreeSet<String>],
        at: &[&str],
        resource: &str,
        fields: impl IntoIterator<Item = &'n String>,
    ) {
        let fields: Vec<&String> = fields.into_iter().collect();
        for field in &fields {
            let stem = field.strip_suffix(".*").unwrap_or(field);
            if field.as_str() != ANY && (stem.contains('*') || stem.is_empty()) {
                self.problem(at, ProblemKind::Pattern((*field).clone()));
            }
        }
        let named = || fields.iter().filter(|field| field.as_str() != ANY).map(|field| (*field).clone());
        if resource == ANY {
            for of_resource in names {
                of_resource.extend(named());
            }
        } else if let Some(number) = self.known_resource(at, resource)
            && let Some(of_resource) = names.get_mut(usize::from(number.0))
        {
            of_resource.extend(named());
        }
    }

    /// A right whose fields are those of another has to know them by the same names, also those that only
    /// the other names.
    fn names_of_asked(&mut self, names: &mut [BTreeSet<String>]) {
        let source = self.source;
        for rule in source.rules.iter().filter(|rule| rule.effect == Effect::GrantAsAllowed) {
            let asked = rule.conditions.iter().find_map(|condition| match condition {
                Condition::Allowed { resource, .. } => Some(resource),
                _ => None,
            });
            let of = |name: &String| self.policy.resource(name);
            let of_others: Vec<ResourceNo> = match asked {
                None => continue,
                Some(Of::Resource(name)) => of(name).into_iter().collect(),
                Some(Of::Kind) if !rule.kinds.is_empty() => rule.kinds.iter().filter_map(of).collect(),
                Some(Of::Via) if rule.via.is_some() => rule.via.iter().filter_map(of).collect(),
                Some(Of::Kind | Of::Via) => self.policy.resources().collect(),
            };
            let theirs: BTreeSet<String> = of_others
                .iter()
                .filter_map(|other| names.get(usize::from(other.0)))
                .flatten()
                .cloned()
                .collect();
            if let Some(own) = of(&rule.resource).and_then(|own| names.get_mut(usize::from(own.0))) {
                own.extend(theirs);
            }
        }
    }

    /// Changes the fields of a resource (or of all, for `*`) that a name or pattern covers.
    pub(super) fn each_field(&mut self, resource: &str, pattern: &str, mut change: impl FnMut(&mut Field)) {
        let resources: Vec<ResourceNo> = if resource == ANY {
            self.policy.resources().collect()
        } else {
            self.policy.resource(resource).into_iter().collect()
        };
        for number in resources {
            let covered: Vec<usize> = self
                .policy
                .fields_of(number)
                .filter(|field| covers(pattern, self.policy.field_name(number, *field)))
                .filter_map(|field| self.policy.field_at(number, field))
                .collect();
            for at in covered {
                if let Some(field) = self.policy.fields.get_mut(at) {
                    change(field);
                }
            }
        }
    }

    fn fields_of_profiles(&mut self) {
        let source = self.source;
        for (profile, resources) in &source.profiles {
            let Some(number) = self.policy.profiles.number(profile).filter(|number| *number < 64) else {
                continue;
            };
            for (resource, fields) in resources {
                for pattern in fields {
                    self.each_field(resource, pattern, |field| field.profiles |= 1 << number);
                }
            }
        }
    }

    fn secrets(&mut self) {
        let source = self.source;
        for (resource, fields) in &source.secrets {
            for pattern in fields {
                self.each_field(resource, pattern, |field| field.secret = true);
            }
        }
        for number in self.policy.resources().collect::<Vec<_>>() {
            let secret = self.policy.fields_of(number).any(|field| {
                let at = self.policy.field_at(number, field);
                at.and_then(|at| self.policy.fields.get(at)).is_some_and(|field| field.secret)
            });
            let edit = self.policy.action("edit").map_or(PairNo::NONE, |edit| self.policy.pair(number, edit));
            if let Some(shape) = self.shape_mut(number) {
                shape.edit_of_secrets = secret.then_some(edit);
            }
        }
    }

    /// Broad patterns first, so that the more exact name has the last word.
    fn needs(&mut self) {
        let source = self.source;
        for (resource, fields) in &source.needs {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(field, _)| (field.as_str() != ANY, !field.ends_with(".*"), field.len()));
            for (field, (needed, action)) in fields {
                let at = ["need", resource, field];
                if needed == ANY || action == ANY {
                    self.problem(&at, ProblemKind::Wildcard);
                } else if let Some(pair) = self.pairs(&at, needed, action).first().copied() {
                    self.each_field(resource, field, |field| field.needs = Some(pair));
                }
            }
        }
    }
}
