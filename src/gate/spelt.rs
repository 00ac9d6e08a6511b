//! The fields of a policy by every name that a backend has for them.

use crate::{
    config::aliases::Aliases,
    policy::{FieldNo, Policy, ResourceNo},
};

/// The fields of one resource that a policy names, under each of their names and those of what stands in them.
#[derive(Clone, Debug)]
pub(super) struct Spelt(Vec<(String, FieldNo)>);

impl Spelt {
    /// Those of a resource.
    pub(super) fn of(policy: &Policy, resource: ResourceNo, aliases: &Aliases) -> Self {
        let named = policy.fields_of(resource).filter(|field| *field != FieldNo::OTHER);
        let spelt = named.flat_map(|field| {
            let names = aliases.touching(policy.field_name(resource, field));
            names.into_iter().map(move |name| (name, field))
        });
        Self(spelt.collect())
    }

    /// The fields of this very name: none, if the policy names none so.
    pub(super) fn fields(&self, name: &str) -> impl Iterator<Item = FieldNo> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, field)| *field)
    }

    /// The fields in one of this name.
    pub(super) fn inside(&self, name: &str) -> impl Iterator<Item = FieldNo> {
        let is_inside = move |known: &str| known.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
        self.0.iter().filter(move |(known, _)| is_inside(known)).map(|(_, field)| *field)
    }
}
