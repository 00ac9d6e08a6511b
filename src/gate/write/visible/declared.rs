//! What may stand in an answer, as the routes declare it: rows or an object, what is nested in them, and the names of their fields.

use std::collections::BTreeMap;

use super::{ByRow, Field, Kind, NameSpan, Seen, Visible};
use crate::{
    config::{aliases::Aliases, routes::Entity},
    filter::EntityNo,
    gate::{
        show::{
            must_show::MustShow,
            shape::{Shape, Shapes, fields_of},
        },
        spelt::Spelt,
    },
    policy::{ActionNo, FieldNo, ResourceNo, Scope},
    query::folded,
};

/// How deep nested objects are followed. What stands deeper counts as hidden.
const NESTED_MAX: usize = 8;

/// What the routes declare, as an answer is looked through.
pub(super) struct Declared<'a> {
    pub(super) shapes: &'a Shapes,
    pub(super) entities: &'a [Entity],
    /// The resource through which the rows are reached.
    pub(super) via: Vec<ResourceNo>,
    /// The places of nested entities that were found, by what decides whether they are sure to be seen: whether each is a part of the
    /// row, how far rows are seen, and whether that in which it stands is sure to be.
    pub(super) nested: BTreeMap<(EntityNo, bool, Scope, Seen), usize>,
}

impl<'a> Declared<'a> {
    fn entity(&self, number: EntityNo) -> Option<(&'a Entity, &'a Shape)> {
        Some((self.entities.get(usize::from(number.0))?, self.shapes.entity(number)?))
    }
}

/// In what something stands.
pub(super) struct Outer {
    /// The resources of that, and of all in which it stands.
    pub(super) through: Vec<ResourceNo>,
    /// How far the user sees the rows.
    pub(super) within: Scope,
    /// Its facts are the row's.
    pub(super) is_part: bool,
    /// Where the user sees it.
    pub(super) sure: Seen,
    /// It may stand in the answer.
    pub(super) shown: bool,
    /// In how many others it stands.
    pub(super) depth: usize,
}

impl Visible<'_> {
    /// Rows, or an object, and all that is nested in them. `also` is what each row must be allowed for besides.
    pub(super) fn add_rows(&mut self, declared: &mut Declared<'_>, entity: EntityNo, also: Option<ActionNo>) {
        let Some((of, shape)) = declared.entity(entity) else { return };
        let rights: Vec<_> =
            shape.rights.iter().flatten().map(|right| (right.resource, right.action)).collect();
        let reach =
            |(resource, action): &(ResourceNo, ActionNo)| self.actor.grants.reach(*resource, *action).within;
        let within = rights.iter().map(reach).max().unwrap_or_default();
        // What cannot be seen at all is no row.
        let rights = rights.iter().filter(|right| reach(right) > Scope::None);
        let rights = rights.map(|(of, action)| (*of, [*action].into_iter().chain(also).collect())).collect();
        let kind = Kind {
            nested: false,
            by_row: if self.leaves_out { ByRow::Itself } else { ByRow::No },
            rights,
            through: declared.via.clone(),
            sure: Some(MustShow::default()),
            any: is_open(of),
            shown: true,
        };
        let sure = kind.sure.clone();
        let outer = Outer { through: kind.inside(), within, is_part: true, sure, shown: true, depth: 0 };
        self.add(kind, (&of.fields, &of.aliases));
        self.add_nested(declared, of, &outer);
    }

    fn add_nested(&mut self, declared: &mut Declared<'_>, entity: &Entity, outer: &Outer) {
        for (place, number) in &entity.nested {
            let last = place.rsplit('/').find(|step| *step != "*").unwrap_or_default();
            self.add_inner(declared, last, *number, outer);
        }
    }

    /// An entity that stands in another one, under `name`.
    pub(super) fn add_inner(
        &mut self,
        declared: &mut Declared<'_>,
        name: &str,
        number: EntityNo,
        outer: &Outer,
    ) {
        let Some((of, shape)) = declared.entity(number) else { return };
        let is_part = outer.is_part && of.part;
        let context = (number, is_part, outer.within, outer.sure.clone());
        let known = declared.nested.get(&context).copied();
        let at = known.unwrap_or(self.kinds.len());
        for call in [name, &of.name, &of.resource].map(folded) {
            self.name_bytes_max = self.name_bytes_max.max(call.len());
            let kinds = self.called.entry(call).or_default();
            if !kinds.contains(&at) {
                kinds.push(at);
            }
        }
        if known.is_some() {
            return;
        }
        declared.nested.insert(context, at);
        let by_row = if self.leaves_out && is_part { ByRow::Part } else { ByRow::No };
        let needed = if is_part { outer.within } else { Scope::All };
        let reached = shape.rights.iter().map(|right| {
            let (of, action) = right.as_ref().map(|right| (right.resource, right.action))?;
            let reach = self.actor.grants.reach(of, action);
            match by_row {
                _ if reach.certain >= needed => Some(MustShow::default()),
                ByRow::Part if reach.within > Scope::None => Some(MustShow::of_part(of, action, None)),
                ByRow::Itself | ByRow::Part | ByRow::No => None,
            }
        });
        let sure = std::iter::once(outer.sure.clone()).chain(reached).collect::<Seen>();
        let sure = sure.filter(|_| outer.depth < NESTED_MAX);
        let rights = shape.rights.iter().flatten();
        let rights = rights.map(|right| (right.resource, vec![right.action])).collect();
        let kind = Kind {
            nested: true,
            by_row,
            rights,
            through: outer.through.clone(),
            sure: sure.clone(),
            any: is_open(of),
            shown: outer.shown,
        };
        let (through, within, depth) = (kind.inside(), outer.within, outer.depth + 1);
        self.add(kind, (&of.fields, &of.aliases));
        if depth <= NESTED_MAX {
            self.add_nested(
                declared,
                of,
                &Outer { through, within, is_part, sure, shown: outer.shown, depth },
            );
        }
    }

    /// A kind of objects with the names of its fields: those that its entity declares, and those that the policy knows.
    pub(super) fn add(&mut self, kind: Kind, (declared, aliases): (&[String], &Aliases)) {
        let policy = self.actor.grants.policy();
        let mut seen: BTreeMap<String, Vec<Seen>> = BTreeMap::new();
        for right in &kind.rights {
            let of_policy = policy.fields_of(right.0).filter(|field| *field != FieldNo::OTHER);
            let of_policy = of_policy.flat_map(|field| {
                let is_seen = self.sees(&kind, right, field);
                let names = aliases.touching(policy.field_name(right.0, field)).into_iter();
                names.map(move |name| (name.strip_suffix(".*").unwrap_or(&name).to_owned(), is_seen.clone()))
            });
            let spelt = Spelt::of(policy, right.0, aliases);
            let of_entity = declared.iter().filter(|name| *name != "*").chain(aliases.names()).map(|name| {
                let fields = fields_of(&spelt, name);
                (name.clone(), fields.into_iter().map(|field| self.sees(&kind, right, field)).collect())
            });
            for (name, is_seen) in of_policy.chain(of_entity) {
                seen.entry(name).or_default().push(is_seen);
            }
        }
        for (name, seen) in seen {
            let seen: Seen = seen.into_iter().chain([kind.sure.clone()]).collect();
            let steps: Vec<String> = name.split('.').map(folded).collect();
            self.name_bytes_max = self.name_bytes_max.max(steps.concat().len());
            let mut note = |steps: &[String], span| {
                let field = Field { kind: self.kinds.len(), span, seen: seen.clone() };
                self.fields.entry(steps.concat()).or_default().push(field);
            };
            note(&steps, NameSpan::Whole);
            for at in 1..steps.len() {
                note(steps.get(at..).unwrap_or_default(), NameSpan::End);
                note(steps.get(..at).unwrap_or_default(), NameSpan::Beginning);
            }
        }
        self.kinds.push(kind);
    }
}

impl Kind {
    /// The resources in which what is nested in these stands.
    fn inside(&self) -> Vec<ResourceNo> {
        self.through.iter().copied().chain(self.rights.iter().map(|(resource, _)| *resource)).collect()
    }
}

fn is_open(entity: &Entity) -> bool {
    entity.fields.iter().any(|name| name == "*")
}
