//! What a set of roles grants, as dense tables.

use std::{collections::HashMap, ops::Range, sync::Arc};

use super::{
    ActionNo, FieldNo, PairNo, Policy, ProfileNo, Relation, ResourceNo, RoleNo, Scope,
    compiled::{Access, Pair, PlacedScope, RoleTable},
    rule::Relations,
    source::{Combine, Mode},
};

/// The most roles that one user can have: one bit of a mask each.
pub const ROLES_PER_USER_MAX: usize = 64;

/// A user has more roles than [`ROLES_PER_USER_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{roles} roles are more than the {ROLES_PER_USER_MAX} that a user can have")]
pub struct TooManyRoles {
    /// How many there are.
    pub roles: usize,
}

/// What a set of roles grants. One for each set of roles, not for each user.
///
/// A role is a bit of a mask: its place in [`Grants::roles`].
#[derive(Clone, Debug)]
pub struct Grants {
    pub(super) policy: Arc<Policy>,
    pub(super) roles: Box<[RoleNo]>,
    /// By pair.
    pub(super) cells: Box<[Cell]>,
    /// Which roles grant at least a scope, for [`Cell::reaching`]. Few are different, so cells share them.
    pub(super) reaching: Box<[Reaching]>,
    /// Of the cells that say so ([`Cell::detail`]).
    pub(super) details: Box<[Detail]>,
    /// By field, all resources'.
    pub(super) fields: Box<[FieldMasks]>,
    /// By resource: the roles that restrict none of its fields.
    pub(super) unrestricted: Box<[u64]>,
    /// What would be granted if the roles in shadow granted everything; `None` if none is.
    pub(super) opened: Option<Arc<Self>>,
}

/// Roles by the scope that they grant at least: `own`, `team`, `team-tree`, `open`, `all`.
pub(super) type Reaching = [u64; 5];

/// What the roles grant of one pair; all that the common decision reads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    /// The widest scope.
    pub(super) base: Scope,
    /// A role that grants it, and its bit.
    pub(super) role: RoleNo,
    pub(super) by: u8,
    /// What else is to be asked.
    pub(super) flags: Flags,
    /// Relations that reach an object for some of the roles.
    pub(super) relations: Relations,
    /// Place in [`Grants::reaching`].
    pub(super) reaching: u16,
    /// Place in [`Grants::details`], if a flag says that there is one.
    pub(super) detail: u16,
}

impl Cell {
    /// Nothing.
    const EMPTY: Self = Self {
        base: Scope::None,
        role: RoleNo(u16::MAX),
        by: 0,
        flags: Flags(0),
        relations: Relations::NONE,
        reaching: 0,
        detail: 0,
    };
}

/// What else a decision has to ask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Flags(u8);

impl Flags {
    /// Some role restricts fields of the resource.
    pub(super) const FIELDS: Self = Self(1);
    pub(super) const FORBIDS: Self = Self(2);
    pub(super) const OVERRIDES: Self = Self(4);
    pub(super) const RELATIONS: Self = Self(8);
    pub(super) const GRANT_RULES: Self = Self(16);
    pub(super) const REQUIREMENTS: Self = Self(32);
    /// Secret fields, or fields that are forbidden.
    pub(super) const HIDING: Self = Self(64);

    pub(super) const fn has(self, flag: Self) -> bool {
        self.0 & flag.0 != 0
    }

    /// Whether something may refuse what a scope covers.
    pub(super) const fn may_narrow(self) -> bool {
        self.0 & (Self::FORBIDS.0 | Self::OVERRIDES.0 | Self::REQUIREMENTS.0) != 0
    }

    /// Whether something may allow what no scope covers, or more of its fields.
    pub(super) const fn may_widen(self) -> bool {
        self.0 & (Self::RELATIONS.0 | Self::GRANT_RULES.0) != 0
    }

    /// Whether fields may be withheld: its own, or those of another right that a rule brings along.
    pub(super) const fn may_hide(self) -> bool {
        self.0 & (Self::HIDING.0 | Self::GRANT_RULES.0) != 0
    }

    fn set_if(&mut self, flag: Self, condition: bool) {
        if condition {
            self.0 |= flag.0;
        }
    }
}

/// The roles' overrides and relations of one pair.
#[derive(Clone, Debug, Default)]
pub(super) struct Detail {
    /// Roles with a scope or overrides.
    pub(super) roles: Box<[RoleScopes]>,
    /// Which roles are reached by which relation, with which profile.
    pub(super) relations: Box<[(Relation, ProfileNo, u64)]>,
}

/// One role's scope of one pair, with its overrides.
#[derive(Clone, Debug)]
pub(super) struct RoleScopes {
    /// The role's place.
    pub(super) bit: u8,
    pub(super) base: Scope,
    /// Most specific first.
    pub(super) overrides: Box<[PlacedScope]>,
}

/// Roles by what their rules say of a field.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FieldMasks {
    pub(super) seen: u64,
    pub(super) editable: u64,
}

/// How far a right reaches, whatever the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Every object that can be reached lies within this scope. `none`: no object can.
    pub within: Scope,
    /// Every object within this scope is reached. `all`: no object need be looked at.
    pub certain: Scope,
}

impl Policy {
    /// The tables of a set of roles, in any order. Roles that the policy does not have, and drafts, grant
    /// nothing.
    ///
    /// # Errors
    ///
    /// If there are more roles than [`ROLES_PER_USER_MAX`].
    pub fn grants(self: &Arc<Self>, roles: &[RoleNo]) -> Result<Grants, TooManyRoles> {
        let mut roles = roles.to_vec();
        roles.retain(|role| !self.is_draft(*role));
        roles.sort_unstable();
        roles.dedup();
        if roles.len() > ROLES_PER_USER_MAX {
            return Err(TooManyRoles { roles: roles.len() });
        }
        let tables: Vec<&RoleTable> =
            roles.iter().filter_map(|role| self.roles.get(usize::from(role.0))).collect();
        let opened = Grants::opened(self, &roles, &tables);
        Ok(Grants { opened, ..Grants::of(self.clone(), roles.into(), &tables) })
    }
}

impl Grants {
    pub(super) fn of(policy: Arc<Policy>, roles: Box<[RoleNo]>, tables: &[&RoleTable]) -> Self {
        let mut seen_reaching = HashMap::new();
        let mut reaching = Vec::new();
        let mut details = Vec::new();
        let mut cells = Vec::with_capacity(policy.pairs.len());
        let mut grants = Self {
            fields: field_masks(&policy, tables),
            unrestricted: unrestricted(&policy, tables),
            cells: Box::default(),
            reaching: Box::default(),
            details: Box::default(),
            opened: None,
            roles,
            policy,
        };
        for (number, pair) in (0..).zip(&grants.policy.pairs) {
            let mut cell = base_cell(number, tables);
            cell.role = grants.role_at(cell.by);
            let masks = masks(number, tables);
            cell.reaching = *seen_reaching.entry(masks).or_insert_with(|| {
                reaching.push(masks);
                u16::try_from(reaching.len() - 1).unwrap_or(u16::MAX)
            });
            cell.flags = grants.flags_of_all_roles(PairNo(number), pair);
            let detail = Detail::of(PairNo(number), tables);
            cell.relations = detail.relations.iter().map(|(relation, ..)| *relation).collect();
            cell.flags.set_if(Flags::RELATIONS, !detail.relations.is_empty());
            cell.flags.set_if(Flags::OVERRIDES, detail.roles.iter().any(|role| !role.overrides.is_empty()));
            if cell.flags.has(Flags::RELATIONS) || cell.flags.has(Flags::OVERRIDES) {
                cell.detail = u16::try_from(details.len()).unwrap_or(u16::MAX);
                details.push(detail);
            }
            cells.push(cell);
        }
        grants.cells = cells.into();
        grants.reaching = reaching.into();
        grants.details = details.into();
        grants.withhold_what_needs_more();
        grants
    }

    fn flags_of_all_roles(&self, number: PairNo, pair: &Pair) -> Flags {
        let mut flags = Flags::default();
        if number == PairNo::NONE {
            return flags;
        }
        let everybody = everybody(self.roles.len());
        flags.set_if(Flags::FIELDS, self.unrestricted(pair.resource) != everybody);
        flags.set_if(Flags::FORBIDS, !pair.forbids.is_empty());
        flags.set_if(Flags::GRANT_RULES, !pair.grants.is_empty() && !self.roles.is_empty());
        flags.set_if(Flags::REQUIREMENTS, !pair.requires.is_empty());
        let secrets = self.policy.shape(pair.resource).is_some_and(|shape| shape.edit_of_secrets.is_some());
        flags.set_if(Flags::HIDING, secrets || !pair.hiders.is_empty());
        flags
    }

    /// Hides fields that need a right which no role has.
    fn withhold_what_needs_more(&mut self) {
        for at in 0..self.fields.len() {
            let needs = self.policy.fields.get(at).and_then(|field| field.needs);
            if let Some(needs) = needs
                && self.base(needs) == Scope::None
                && let Some(masks) = self.fields.get_mut(at)
            {
                *masks = FieldMasks::default();
            }
        }
    }

    /// The policy they are of.
    #[must_use]
    pub fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// The roles, ascending.
    #[must_use]
    pub fn roles(&self) -> &[RoleNo] {
        &self.roles
    }

    /// The widest scope that a role grants, overrides, relations, rules and forbids aside: what a condition
    /// of kind `Held` compares.
    #[must_use]
    pub fn widest(&self, resource: ResourceNo, action: ActionNo) -> Scope {
        self.base(self.policy.pair(resource, action))
    }

    /// How far a right reaches with all exceptions: to refuse without a call, to narrow a query, to skip
    /// looking at every object. Fields are another matter ([`Grants::sees`]).
    #[must_use]
    pub fn reach(&self, resource: ResourceNo, action: ActionNo) -> Reach {
        let pair = self.policy.pair(resource, action);
        let cell = self.cell(pair);
        let mut reach = Reach { within: cell.base, certain: cell.base };
        if cell.flags.has(Flags::OVERRIDES)
            && let Some(detail) = self.details.get(usize::from(cell.detail))
        {
            for role in &detail.roles {
                for change in &role.overrides {
                    reach.within = reach.within.max(change.apply(role.base));
                }
            }
            reach.certain = match self.policy.combine {
                Combine::Max => detail.roles.iter().map(RoleScopes::narrowest).max().unwrap_or_default(),
                Combine::SpecificThenMax => {
                    let mut placed = detail.roles.iter().filter(|role| !role.overrides.is_empty());
                    // Of two roles it is not certain which one counts where an object's place is not known.
                    match (placed.next(), placed.next()) {
                        (Some(role), None) => role.narrowest().min(cell.base),
                        _ => Scope::None,
                    }
                }
            };
        }
        if cell.flags.has(Flags::RELATIONS) || cell.flags.has(Flags::GRANT_RULES) {
            reach.within = Scope::All;
        }
        if cell.flags.has(Flags::FORBIDS) || cell.flags.has(Flags::REQUIREMENTS) {
            reach.certain = Scope::None;
        }
        reach
    }

    /// The names of roles by their bits.
    pub(super) fn role_at(&self, bit: u8) -> RoleNo {
        self.roles.get(usize::from(bit)).copied().unwrap_or(RoleNo::OTHER)
    }

    pub(super) fn cell(&self, pair: PairNo) -> Cell {
        self.cells.get(usize::from(pair.0)).copied().unwrap_or(Cell::EMPTY)
    }

    pub(super) fn base(&self, pair: PairNo) -> Scope {
        self.cell(pair).base
    }

    /// The roles whose grant has at least this scope.
    pub(super) fn reaching(&self, cell: Cell, scope: Scope) -> u64 {
        let masks = self.reaching.get(usize::from(cell.reaching));
        let at = (scope as usize).checked_sub(1);
        at.and_then(|at| masks?.get(at)).copied().unwrap_or_default()
    }

    /// The roles that restrict no field of a resource.
    pub(super) fn unrestricted(&self, resource: ResourceNo) -> u64 {
        self.unrestricted.get(usize::from(resource.0)).copied().unwrap_or_default()
    }

    /// What the masks of a field say.
    pub(super) fn field_masks(&self, resource: ResourceNo, field: FieldNo) -> FieldMasks {
        let at = self.policy.field_at(resource, field);
        at.and_then(|at| self.fields.get(at)).copied().unwrap_or_default()
    }

    /// Bytes of these tables on the heap; the policy, which all share, left out.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let details: usize = self
            .details
            .iter()
            .map(|detail| {
                size_of_val(&*detail.relations)
                    + size_of_val(&*detail.roles)
                    + detail.roles.iter().map(|role| size_of_val(&*role.overrides)).sum::<usize>()
            })
            .sum();
        size_of_val(&*self.roles)
            + size_of_val(&*self.cells)
            + size_of_val(&*self.reaching)
            + size_of_val(&*self.details)
            + size_of_val(&*self.fields)
            + size_of_val(&*self.unrestricted)
            + details
            + self.opened.as_ref().map_or(0, |opened| opened.bytes())
    }
}

impl PlacedScope {
    /// The scope that it makes of the grant's.
    pub(super) fn apply(&self, base: Scope) -> Scope {
        match self.mode {
            Mode::Replace => self.scope,
            Mode::Cap => base.min(self.scope),
            Mode::Raise => base.max(self.scope),
        }
    }
}

impl RoleScopes {
    /// The narrowest scope that it has anywhere.
    fn narrowest(&self) -> Scope {
        self.overrides.iter().map(|change| change.apply(self.base)).fold(self.base, Scope::min)
    }
}

impl Detail {
    fn of(pair: PairNo, tables: &[&RoleTable]) -> Self {
        let mut detail = Vec::new();
        let mut relations: Vec<(Relation, ProfileNo, u64)> = Vec::new();
        for (bit, table) in (0..).zip(tables) {
            let base = table.scopes.get(usize::from(pair.0)).copied().unwrap_or_default();
            let overrides: Box<[PlacedScope]> =
                table.overrides.get(of_pair(&table.overrides, pair)).unwrap_or_default().into();
            if base > Scope::None || !overrides.is_empty() {
                detail.push(RoleScopes { bit, base, overrides });
            }
            for (_, relation, profile) in table.relations.iter().filter(|(of, ..)| *of == pair) {
                let role = 1 << bit;
                match relations.iter_mut().find(|(r, p, _)| r == relation && p == profile) {
                    Some((.., roles)) => *roles |= role,
                    None => relations.push((*relation, *profile, role)),
                }
            }
        }
        Self { roles: detail.into(), relations: relations.into() }
    }
}

fn of_pair(overrides: &[PlacedScope], pair: PairNo) -> Range<usize> {
    let first = overrides.partition_point(|change| change.pair < pair);
    let end = overrides.partition_point(|change| change.pair <= pair);
    first..end
}

fn base_cell(pair: u16, tables: &[&RoleTable]) -> Cell {
    let mut cell = Cell::EMPTY;
    for (bit, table) in (0..).zip(tables) {
        let scope = table.scopes.get(usize::from(pair)).copied().unwrap_or_default();
        if scope > cell.base {
            cell.base = scope;
            cell.by = bit;
        }
    }
    cell
}

fn masks(pair: u16, tables: &[&RoleTable]) -> Reaching {
    let mut masks = [0; 5];
    for (bit, table) in tables.iter().enumerate() {
        let scope = table.scopes.get(usize::from(pair)).copied().unwrap_or_default();
        for mask in masks.iter_mut().take(scope as usize) {
            *mask |= 1 << bit;
        }
    }
    masks
}

fn field_masks(policy: &Policy, tables: &[&RoleTable]) -> Box<[FieldMasks]> {
    let mut fields = vec![FieldMasks::default(); policy.fields.len()];
    for (bit, table) in tables.iter().enumerate() {
        for (masks, access) in fields.iter_mut().zip(&table.access) {
            if *access > Access::Hidden {
                masks.seen |= 1 << bit;
            }
            if *access == Access::Editable {
                masks.editable |= 1 << bit;
            }
        }
    }
    fields.into()
}

/// By resource: the roles to which every field is editable.
fn unrestricted(policy: &Policy, tables: &[&RoleTable]) -> Box<[u64]> {
    let free = |first: usize, fields: usize, table: &RoleTable| {
        let access = table.access.get(first..=first + fields);
        access.is_some_and(|access| access.iter().all(|access| *access == Access::Editable))
    };
    policy
        .shapes
        .iter()
        .map(|shape| {
            tables
                .iter()
                .enumerate()
                .filter(|(_, table)| free(shape.first_field, shape.fields.len(), table))
                .fold(0, |mask, (bit, _)| mask | 1 << bit)
        })
        .collect()
}

fn everybody(roles: usize) -> u64 {
    if roles >= ROLES_PER_USER_MAX { u64::MAX } else { (1 << roles) - 1 }
}
