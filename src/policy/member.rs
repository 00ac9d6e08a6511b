//! Who has which roles and sees which apps.

use super::{Policy, RoleNo, source::Principal};
use crate::ids::Timestamp;

/// What the directory says of a user, by name.
#[derive(Clone, Copy, Debug, Default)]
pub struct Member<'a> {
    /// The user.
    pub user: &'a str,
    /// The user's teams.
    pub teams: &'a [&'a str],
    /// All teams above these.
    pub ancestors: &'a [&'a str],
    /// What else is known of the user (`first-user`).
    pub traits: &'a [&'a str],
    /// Roles that the directory gives directly. One that the policy does not have grants nothing.
    pub direct: &'a [&'a str],
}

impl Member<'_> {
    fn is(&self, principal: &Principal) -> bool {
        match principal {
            Principal::User(name) => !name.is_empty() && self.user == name,
            Principal::Team(name) => self.teams.contains(&name.as_str()),
            Principal::TeamTree(name) => {
                self.teams.contains(&name.as_str()) || self.ancestors.contains(&name.as_str())
            }
            Principal::Trait(name) => self.traits.contains(&name.as_str()),
            Principal::Everyone => true,
        }
    }
}

/// The apps that a user may see, as bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Apps(pub(super) u64);

/// Who has a role, with the role's number.
#[derive(Clone, Debug)]
pub(super) struct Assigned {
    pub(super) role: RoleNo,
    pub(super) to: Principal,
    pub(super) until: Option<Timestamp>,
}

impl Policy {
    /// The roles of a user, ascending: those that an assignment gives and those that the directory gives by
    /// name. Drafts, and assignments that have ended, are left out. Second: when this changes next, because
    /// an assignment ends.
    #[must_use]
    pub fn roles_of(&self, who: &Member<'_>, now: Timestamp) -> (Vec<RoleNo>, Option<Timestamp>) {
        let mut next: Option<Timestamp> = None;
        let mut roles: Vec<RoleNo> = who.direct.iter().filter_map(|name| self.role(name)).collect();
        for assigned in self.assigned.iter().filter(|assigned| who.is(&assigned.to)) {
            match assigned.until {
                Some(until) if until <= now => continue,
                Some(until) => next = Some(next.map_or(until, |next| next.min(until))),
                None => {}
            }
            roles.push(assigned.role);
        }
        roles.retain(|role| !self.is_draft(*role));
        roles.sort_unstable();
        roles.dedup();
        (roles, next)
    }

    /// The apps that a user may see: installed, and on the access list is nobody or the user (`B3` to `B5`).
    #[must_use]
    pub fn apps_of(&self, who: &Member<'_>) -> Apps {
        let mut seen = 0;
        for (bit, app) in self.apps.iter().enumerate() {
            if app.installed && (app.access.is_empty() || app.access.iter().any(|to| who.is(to))) {
                seen |= 1 << bit;
            }
        }
        Apps(seen)
    }
}
