//! The fields of a policy by every name that a backend has for them.

use smallvec::SmallVec;

use crate::{
    config::aliases::Aliases,
    policy::{FieldNo, Policy, ResourceNo},
    query::{folded, folded_field},
};

/// The fields of one resource that a policy names, under each of their names and those of what stands in them.
#[derive(Clone, Debug)]
pub(super) struct Spelt {
    names: Vec<(String, FieldNo)>,
    /// The same names without what readers fold.
    folded: Vec<(String, FieldNo)>,
}

impl Spelt {
    /// Those of a resource.
    pub(super) fn of(policy: &Policy, resource: ResourceNo, aliases: &Aliases) -> Self {
        let named = policy.fields_of(resource).filter(|field| *field != FieldNo::OTHER);
        let spelt = named.flat_map(|field| {
            let names = aliases.touching(policy.field_name(resource, field));
            names.into_iter().map(move |name| (name, field))
        });
        let names: Vec<(String, FieldNo)> = spelt.collect();
        let folded = names.iter().map(|(name, field)| (folded(name), *field)).collect();
        Self { names, folded }
    }

    /// The fields of this very name, else those of the longest `x.*` that covers it: none, if the policy names none so.
    pub(super) fn fields(&self, name: &str) -> SmallVec<[FieldNo; 2]> {
        let named_so = |name: &str| {
            self.names.iter().filter(move |(known, _)| known == name).map(|(_, no)| *no).collect()
        };
        let found: SmallVec<_> = named_so(name);
        if !found.is_empty() {
            return found;
        }
        let covering = self.names.iter().map(|(known, _)| known).filter(|known| covers(known, name));
        covering.max_by_key(|known| known.len()).map_or_else(SmallVec::new, |known| named_so(known))
    }

    /// The fields that some backend may take this name for: with other letter case, with or without what stands between words, and
    /// with what is read as a part of a value.
    pub(super) fn alike(&self, name: &str) -> impl Iterator<Item = FieldNo> {
        let name = folded_field(name);
        let named = self.folded.iter().filter(move |(known, _)| !name.is_empty() && *known == name);
        named.map(|(_, field)| *field)
    }

    /// The fields that stand in others of which each is named on the way to the last, in their order: what lies between may be a key
    /// that a backend looks through, as in `rows.first.price`.
    pub(super) fn strewn(&self, name: &str) -> impl Iterator<Item = FieldNo> {
        let steps: Vec<String> = name.split('.').map(folded_field).collect();
        let is_strewn = move |known: &str| {
            let mut steps = steps.iter();
            known.contains('.') && known.split('.').all(|name| steps.any(|step| *step == folded(name)))
        };
        self.names.iter().filter(move |(known, _)| is_strewn(known)).map(|(_, field)| *field)
    }

    /// The fields in one that some backend may take this name for.
    pub(super) fn inside_alike(&self, name: &str) -> impl Iterator<Item = FieldNo> {
        let steps: Vec<String> = name.split('.').map(folded_field).collect();
        let is_inside = move |known: &str| {
            let mut known = known.split('.').map(folded);
            steps.iter().all(|step| known.next().as_ref() == Some(step)) && known.next().is_some()
        };
        self.names.iter().filter(move |(known, _)| is_inside(known)).map(|(_, field)| *field)
    }

    /// The fields in one of this name.
    pub(super) fn inside(&self, name: &str) -> impl Iterator<Item = FieldNo> {
        let is_inside = move |known: &str| known.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
        self.names.iter().filter(move |(known, _)| is_inside(known)).map(|(_, field)| *field)
    }
}

/// Whether it is `x.*`, and the name one of something in `x`.
fn covers(known: &str, name: &str) -> bool {
    let outer = known.strip_suffix(".*").and_then(|stem| name.strip_prefix(stem));
    outer.is_some_and(|rest| rest.starts_with('.'))
}
