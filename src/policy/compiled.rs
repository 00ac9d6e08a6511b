//! A compiled policy: numbers for names, and what each role says as tables.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::{
    ActionNo, FieldNo, ForbidNo, ProfileNo, ResourceNo, RoleNo, RuleNo, Scope, Symbol,
    member::Assigned,
    rule::{CompiledForbid, CompiledRule},
    source::{App, Combine, Mode, Relation},
};

/// A tenant's policy, checked and compiled. Shared by all [`super::Grants`] made from it.
#[derive(Debug)]
pub struct Policy {
    pub(super) resources: Interner,
    pub(super) actions: Interner,
    pub(super) symbols: Interner,
    /// Names of the pipelines and stages that it tells apart.
    pub(super) places: Box<[String]>,
    pub(super) profiles: Interner,
    pub(super) role_names: Interner,
    /// By resource.
    pub(super) shapes: Box<[Shape]>,
    /// The number of a pair, by resource and action; 0 where the resource has no such action.
    pub(super) pair_numbers: Box<[u16]>,
    /// By pair. The first is of pairs that do not exist.
    pub(super) pairs: Box<[Pair]>,
    /// All resources' fields, each resource's in one piece ([`Shape::fields`]).
    pub(super) fields: Box<[Field]>,
    pub(super) roles: Box<[RoleTable]>,
    pub(super) rules: Box<[CompiledRule]>,
    pub(super) forbids: Box<[CompiledForbid]>,
    pub(super) apps: Box<[App]>,
    pub(super) assigned: Box<[Assigned]>,
    /// The resource that a symbol names, by symbol.
    pub(super) kinds: Box<[Option<ResourceNo>]>,
    pub(super) combine: Combine,
    pub(super) relations_beat_overrides: bool,
}

/// Names and their numbers, in the order in which they came.
#[derive(Clone, Debug, Default)]
pub(super) struct Interner {
    names: Vec<Box<str>>,
    numbers: HashMap<Box<str>, u16, RandomState>,
}

impl Interner {
    /// The number of a name, a new one if need be; `None` if the table is full.
    pub(super) fn intern(&mut self, name: &str) -> Option<u16> {
        if let Some(number) = self.number(name) {
            return Some(number);
        }
        // The last number is kept for "no name" ([`NO_PART`]).
        let number = u16::try_from(self.names.len()).ok().filter(|number| *number < u16::MAX)?;
        self.names.push(name.into());
        self.numbers.insert(name.into(), number);
        Some(number)
    }

    /// Another name for a number.
    pub(super) fn alias(&mut self, name: &str, number: u16) {
        self.numbers.insert(name.into(), number);
    }

    pub(super) fn number(&self, name: &str) -> Option<u16> {
        self.numbers.get(name).copied()
    }

    pub(super) fn name(&self, number: u16) -> &str {
        self.names.get(usize::from(number)).map_or("?", |name| name)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(AsRef::as_ref)
    }

    pub(super) fn len(&self) -> u16 {
        u16::try_from(self.names.len()).unwrap_or(u16::MAX)
    }
}

/// A resource's place in the tables.
#[derive(Clone, Debug, Default)]
pub(super) struct Shape {
    /// Where its fields begin in [`Policy::fields`]; the first is [`FieldNo::OTHER`].
    pub(super) first_field: usize,
    /// Names of its fields without the first, sorted; the number of a field is its place here and one.
    pub(super) fields: Box<[Box<str>]>,
    /// Its right to edit, if some of its fields are secret.
    pub(super) edit_of_secrets: Option<PairNo>,
}

/// Resource and action.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct PairNo(pub(super) u16);

impl PairNo {
    /// A pair that does not exist; nobody has it.
    pub(super) const NONE: Self = Self(0);
}

/// What holds of a pair for all roles.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    pub(super) resource: ResourceNo,
    pub(super) action: ActionNo,
    /// Rules that grant it.
    pub(super) grants: Box<[RuleNo]>,
    /// Rules with conditions for it.
    pub(super) requires: Box<[RuleNo]>,
    /// Forbids of the whole.
    pub(super) forbids: Box<[ForbidNo]>,
    /// Forbids of fields, each with its bit in [`Field::hidden_by`].
    pub(super) hiders: Box<[(u64, ForbidNo)]>,
}

/// What holds of a field for all roles.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Field {
    /// Seen only by who may edit it.
    pub(super) secret: bool,
    /// The right without which it is not seen.
    pub(super) needs: Option<PairNo>,
    /// Bits of [`Pair::hiders`].
    pub(super) hidden_by: u64,
    /// Profiles that have it, by number.
    pub(super) profiles: u64,
}

/// What a role says, with everything it begins with.
#[derive(Clone, Debug, Default)]
pub(super) struct RoleTable {
    pub(super) draft: bool,
    pub(super) shadow: bool,
    pub(super) cites: Option<Box<str>>,
    /// By pair.
    pub(super) scopes: Box<[Scope]>,
    /// Sorted by pair and, in a pair, most specific first.
    pub(super) overrides: Box<[PlacedScope]>,
    /// By field, all resources'.
    pub(super) access: Box<[Access]>,
    pub(super) relations: Box<[(PairNo, Relation, ProfileNo)]>,
}

/// What a role says of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Access {
    Hidden,
    ReadOnly,
    Editable,
}

/// In place of a [`Symbol`]: any.
pub(super) const NO_PART: u16 = u16::MAX;

/// Where an override applies; parts are symbols or [`NO_PART`]. Declared in the order of their weight, so
/// that of two the one with the greater [`At::weight`] is the more specific.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct At {
    pub(super) account: u16,
    pub(super) channel: u16,
    pub(super) stage: u16,
    pub(super) pipeline: u16,
}

impl At {
    /// How specific: `account` before `channel` before `stage` before `pipeline`.
    pub(super) fn weight(self) -> u8 {
        let bit = |part: u16, weight: u8| if part == NO_PART { 0 } else { weight };
        bit(self.account, 8) | bit(self.channel, 4) | bit(self.stage, 2) | bit(self.pipeline, 1)
    }
}

/// An override of one role for one pair at one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PlacedScope {
    pub(super) pair: PairNo,
    pub(super) at: At,
    pub(super) weight: u8,
    pub(super) mode: Mode,
    pub(super) scope: Scope,
}

impl Policy {
    /// The resource of this name or alias.
    #[must_use]
    pub fn resource(&self, name: &str) -> Option<ResourceNo> {
        self.resources.number(name).map(ResourceNo)
    }

    /// The action of this name, whatever resource has it.
    #[must_use]
    pub fn action(&self, name: &str) -> Option<ActionNo> {
        self.actions.number(name).map(ActionNo)
    }

    /// The role of this name.
    #[must_use]
    pub fn role(&self, name: &str) -> Option<RoleNo> {
        self.role_names.number(name).map(RoleNo)
    }

    /// The pipelines and stages that it tells apart.
    #[must_use]
    pub fn places(&self) -> &[String] {
        &self.places
    }

    /// The symbol of a name, [`Symbol::OTHER`] if the policy does not mention it.
    #[must_use]
    pub fn symbol(&self, name: &str) -> Symbol {
        self.symbols.number(name).map_or(Symbol::OTHER, Symbol)
    }

    /// The fields of a resource that must be open for the one of this name to be, as in an answer: that one, and every other that
    /// rules name on the way to it or by the bare name of a step.
    #[must_use]
    pub fn fields_on_the_way(&self, resource: ResourceNo, name: &str) -> Vec<FieldNo> {
        let ends = name.match_indices('.').map(|(end, _)| end).chain([name.len()]);
        let named = |name: &str| Some(self.field(resource, name)).filter(|field| *field != FieldNo::OTHER);
        let mut fields: Vec<_> = ends.filter_map(|end| named(name.get(..end)?)).collect();
        if fields.is_empty() {
            fields.push(FieldNo::OTHER);
        }
        fields.extend(name.split('.').filter_map(named));
        fields.sort_unstable();
        fields.dedup();
        fields
    }

    /// A field of a resource: the name itself, else the longest `x.*` that covers it, else
    /// [`FieldNo::OTHER`].
    #[must_use]
    pub fn field(&self, resource: ResourceNo, name: &str) -> FieldNo {
        let Some(shape) = self.shape(resource) else {
            return FieldNo::OTHER;
        };
        let find = |wanted: &str| {
            let at = shape.fields.binary_search_by(|field| field.as_ref().cmp(wanted)).ok()?;
            u16::try_from(at + 1).ok().map(FieldNo)
        };
        if let Some(found) = find(name) {
            return found;
        }
        shape
            .fields
            .iter()
            .enumerate()
            .filter(|(_, field)| covers(field, name))
            .max_by_key(|(_, field)| field.len())
            .and_then(|(at, _)| u16::try_from(at + 1).ok())
            .map_or(FieldNo::OTHER, FieldNo)
    }

    /// The name of a resource.
    #[must_use]
    pub fn resource_name(&self, no: ResourceNo) -> &str {
        self.resources.name(no.0)
    }

    /// The name of an action.
    #[must_use]
    pub fn action_name(&self, no: ActionNo) -> &str {
        self.actions.name(no.0)
    }

    /// The name of a field, or of the pattern under which it falls; `*` for [`FieldNo::OTHER`].
    #[must_use]
    pub fn field_name(&self, resource: ResourceNo, no: FieldNo) -> &str {
        let named = usize::from(no.0).checked_sub(1);
        named.and_then(|at| self.shape(resource)?.fields.get(at)).map_or(super::source::ANY, |name| name)
    }

    /// The name of a role.
    #[must_use]
    pub fn role_name(&self, no: RoleNo) -> &str {
        self.role_names.name(no.0)
    }

    /// What a role cites as its origin.
    #[must_use]
    pub fn role_cites(&self, no: RoleNo) -> Option<&str> {
        self.roles.get(usize::from(no.0))?.cites.as_deref()
    }

    /// The name of a rule.
    #[must_use]
    pub fn rule_name(&self, no: RuleNo) -> &str {
        self.rules.get(usize::from(no.0)).map_or("?", |rule| &rule.name)
    }

    /// The name of a forbid.
    #[must_use]
    pub fn forbid_name(&self, no: ForbidNo) -> &str {
        self.forbids.get(usize::from(no.0)).map_or("?", |forbid| &forbid.name)
    }

    /// The name of a field profile.
    #[must_use]
    pub fn profile_name(&self, no: ProfileNo) -> &str {
        self.profiles.name(no.0)
    }

    /// All resources.
    pub fn resources(&self) -> impl Iterator<Item = ResourceNo> {
        (0..self.resources.len()).map(ResourceNo)
    }

    /// The actions of a resource.
    pub fn actions_of(&self, resource: ResourceNo) -> impl Iterator<Item = ActionNo> {
        (0..self.actions.len())
            .map(ActionNo)
            .filter(move |action| self.pair(resource, *action) != PairNo::NONE)
    }

    /// The fields of a resource that the policy names, and [`FieldNo::OTHER`] first.
    pub fn fields_of(&self, resource: ResourceNo) -> impl Iterator<Item = FieldNo> {
        let named = self.shape(resource).map_or(0, |shape| shape.fields.len());
        (0..=u16::try_from(named).unwrap_or(u16::MAX)).map(FieldNo)
    }

    /// All roles.
    pub fn roles(&self) -> impl Iterator<Item = RoleNo> {
        (0..self.role_names.len()).map(RoleNo)
    }

    /// Whether a role is written and not in force (`BR6`).
    #[must_use]
    pub fn is_draft(&self, role: RoleNo) -> bool {
        self.roles.get(usize::from(role.0)).is_none_or(|table| table.draft)
    }

    pub(super) fn shape(&self, resource: ResourceNo) -> Option<&Shape> {
        self.shapes.get(usize::from(resource.0))
    }

    pub(super) fn pair(&self, resource: ResourceNo, action: ActionNo) -> PairNo {
        let actions = self.actions.len();
        if action.0 >= actions {
            return PairNo::NONE;
        }
        let at = usize::from(resource.0) * usize::from(actions) + usize::from(action.0);
        self.pair_numbers.get(at).copied().map_or(PairNo::NONE, PairNo)
    }

    pub(super) fn pair_info(&self, pair: PairNo) -> Option<&Pair> {
        self.pairs.get(usize::from(pair.0))
    }

    /// Where a field of a resource stands in [`Policy::fields`].
    pub(super) fn field_at(&self, resource: ResourceNo, field: FieldNo) -> Option<usize> {
        let shape = self.shape(resource)?;
        (usize::from(field.0) <= shape.fields.len()).then(|| shape.first_field + usize::from(field.0))
    }
}

/// Whether the pattern covers the name: `*` every name, `x.*` what begins with `x.`, anything else itself.
pub(super) fn covers(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some("") => true,
        Some(prefix) if prefix.ends_with('.') => name.len() > prefix.len() && name.starts_with(prefix),
        _ => pattern == name,
    }
}
