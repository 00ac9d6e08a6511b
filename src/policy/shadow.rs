//! Roles in shadow mode: what their users' roles would refuse passes, and is told.
//!
//! A role in shadow is opened: the same question is asked once more as if it granted everything that the policy
//! declares, at every place and with every field. What holds for all roles alike goes on: other tenants,
//! users who are not active, forbids, and conditions that no grant can fulfil. So does what a role that is not in
//! shadow closes for others ([`Combine::SpecificThenMax`](super::source::Combine::SpecificThenMax)). Whatever the
//! roles allow, the opened roles allow too.

use std::sync::Arc;

use super::{
    Actor, Grants, Policy, RoleNo, Scope,
    compiled::{Access, PlacedScope, RoleTable},
    source::Mode,
};

impl Actor {
    /// The same user as if their roles in shadow granted everything; `None` if none of them is in shadow.
    #[must_use]
    pub fn opened(&self) -> Option<Self> {
        let grants = self.grants.opened.as_ref()?;
        Some(Self { grants: Arc::clone(grants), ..self.clone() })
    }
}

impl Policy {
    /// Whether a role is in shadow mode.
    #[must_use]
    pub fn is_in_shadow(&self, role: RoleNo) -> bool {
        self.roles.get(usize::from(role.0)).is_some_and(|table| table.shadow)
    }
}

impl Grants {
    /// The roles in shadow mode.
    pub fn in_shadow(&self) -> impl Iterator<Item = RoleNo> {
        self.roles.iter().copied().filter(|role| self.policy.is_in_shadow(*role))
    }

    /// The same roles with those in shadow opened; `None` if none of them is.
    pub(super) fn opened(policy: &Arc<Policy>, roles: &[RoleNo], tables: &[&RoleTable]) -> Option<Arc<Self>> {
        if !tables.iter().any(|table| table.shadow) {
            return None;
        }
        let opened: Vec<RoleTable> = tables.iter().map(|table| table.opened()).collect();
        let opened: Vec<&RoleTable> = opened.iter().collect();
        Some(Arc::new(Self::of(Arc::clone(policy), roles.into(), &opened)))
    }
}

impl RoleTable {
    /// Itself, or if it is in shadow a role that grants everything.
    fn opened(&self) -> Self {
        if !self.shadow {
            return self.clone();
        }
        // Where it has a scope for a place it has one still, so that it counts beside other roles' there.
        let open = |change: &PlacedScope| PlacedScope { mode: Mode::Replace, scope: Scope::All, ..*change };
        let mut scopes = vec![Scope::All; self.scopes.len()];
        // The first is the pair that does not exist: what is not declared stays refused.
        if let Some(undeclared) = scopes.first_mut() {
            *undeclared = Scope::None;
        }
        Self {
            scopes: scopes.into(),
            overrides: self.overrides.iter().map(open).collect(),
            access: vec![Access::Editable; self.access.len()].into(),
            ..self.clone()
        }
    }
}
