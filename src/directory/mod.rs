//! The directory: who the users and teams are, and what their roles grant at this moment.
//!
//! ```text
//! directory.toml ─┐
//!                 ├─► Source ─► cache (Slot, Invalidations) ─► Member + Tree ─► Actor with Grants ─► gate
//! HTTP directory ─┘                  ▲
//!                    ops: invalidate user, role, team, tenant, all
//! ```
//!
//! It decides nothing: `policy` does. It knows no requests: `gate` asks it for [`Actors::actor`].

mod actors;
mod cached;
mod casting;
pub mod fuzzing;
pub mod http;
mod invalidation;
mod source;
mod world;

use std::collections::{BTreeMap, BTreeSet};

pub use self::{
    actors::{Actors, Granted, Metrics, NoActor},
    cached::{Rules, Version},
    casting::{Casting, Uncast},
    invalidation::Scope as Invalidate,
    source::{Answer, FileSource, Source, SourceError, Validator},
    world::{TenantWorld, World},
};
use crate::ids::{TeamId, UserId};

/// The longest name of a user or team, in bytes.
pub const NAME_BYTES_MAX: usize = 127;

/// Whether a text can be the name of a user or team: short, and one item of a list such as `headgate-teams`.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let fits = |byte: u8| (b' '..=b'~').contains(&byte) && byte != b',';
    !text.is_empty() && text.len() <= NAME_BYTES_MAX && text.trim() == text && text.bytes().all(fits)
}

/// Users and teams of one tenant, as the configuration lists them.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    /// Teams by name.
    pub teams: BTreeMap<TeamId, Team>,
    /// Users by name.
    pub users: BTreeMap<UserId, User>,
    /// The teams of each member of one, by name.
    teams_of: BTreeMap<UserId, Vec<TeamId>>,
}

/// A team.
#[derive(Clone, Debug, Default)]
pub struct Team {
    /// The team above it.
    pub parent: Option<TeamId>,
    /// Its members, in the order of the configuration; each is a user of the directory.
    pub members: Vec<UserId>,
}

/// A user.
#[derive(Clone, Debug)]
pub struct User {
    /// Shown to people.
    pub name: Option<String>,
    /// Takes no new conversations (on leave); keeps those it has.
    pub away: bool,
    /// Neither deactivated nor deleted; one who is not may nothing (`G5`).
    pub active: bool,
    /// Roles by name, beside those that the policy's assignments give.
    pub roles: Vec<String>,
    /// What policies may ask of a user besides (`first-user`).
    pub traits: Vec<String>,
}

impl Default for User {
    fn default() -> Self {
        Self { name: None, away: false, active: true, roles: Vec::new(), traits: Vec::new() }
    }
}

/// What a directory says of one user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// Neither deactivated nor deleted.
    pub active: bool,
    /// On leave.
    pub away: bool,
    /// Teams.
    pub teams: Vec<TeamId>,
    /// Roles by name.
    pub roles: Vec<String>,
    /// Traits.
    pub traits: Vec<String>,
}

/// The teams and which is above which.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    parents: BTreeMap<TeamId, Option<TeamId>>,
    children: BTreeMap<TeamId, Vec<TeamId>>,
}

impl Tree {
    /// From each team and the one above it.
    #[must_use]
    pub fn new(teams: impl IntoIterator<Item = (TeamId, Option<TeamId>)>) -> Self {
        let parents: BTreeMap<_, _> = teams.into_iter().collect();
        let mut children: BTreeMap<TeamId, Vec<TeamId>> = BTreeMap::new();
        for (team, parent) in &parents {
            if let Some(parent) = parent {
                children.entry(parent.clone()).or_default().push(team.clone());
            }
        }
        Self { parents, children }
    }

    /// These teams and all below them. A circle, which a foreign directory may hold, ends where it began.
    #[must_use]
    pub fn below(&self, teams: &[TeamId]) -> BTreeSet<TeamId> {
        let mut found = BTreeSet::new();
        let mut open: Vec<&TeamId> = teams.iter().collect();
        while let Some(team) = open.pop() {
            if found.insert(team.clone()) {
                open.extend(self.children.get(team).into_iter().flatten());
            }
        }
        found
    }

    /// These teams and all above them.
    #[must_use]
    pub fn above(&self, teams: &[TeamId]) -> BTreeSet<TeamId> {
        let mut found = BTreeSet::new();
        for mut team in teams {
            while found.insert(team.clone()) {
                let Some(Some(parent)) = self.parents.get(team) else { break };
                team = parent;
            }
        }
        found
    }
}

impl Directory {
    /// From its teams and users.
    #[must_use]
    pub fn new(teams: BTreeMap<TeamId, Team>, users: BTreeMap<UserId, User>) -> Self {
        let mut teams_of: BTreeMap<UserId, Vec<TeamId>> = BTreeMap::new();
        for (name, team) in &teams {
            for member in &team.members {
                teams_of.entry(member.clone()).or_default().push(name.clone());
            }
        }
        Self { teams, users, teams_of }
    }

    /// What it says of a user; `None` if it does not know them.
    #[must_use]
    pub fn member(&self, user: &UserId) -> Option<Member> {
        let found = self.users.get(user)?;
        Some(Member {
            active: found.active,
            away: found.away,
            teams: self.teams_of.get(user).cloned().unwrap_or_default(),
            roles: found.roles.clone(),
            traits: found.traits.clone(),
        })
    }

    /// The names of a user's teams; of one whom it does not know none.
    #[must_use]
    pub fn teams_of(&self, user: &str) -> Vec<String> {
        let member = self.member(&UserId::new(user));
        member.into_iter().flat_map(|member| member.teams).map(|team| team.to_string()).collect()
    }

    /// Its teams.
    #[must_use]
    pub fn tree(&self) -> Tree {
        Tree::new(self.teams.iter().map(|(name, team)| (name.clone(), team.parent.clone())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(teams: &[(&str, &str)]) -> Tree {
        let id = |name: &str| (!name.is_empty()).then(|| TeamId::new(name));
        Tree::new(teams.iter().map(|(team, parent)| (TeamId::new(*team), id(parent))))
    }

    fn names(teams: &BTreeSet<TeamId>) -> Vec<&str> {
        teams.iter().map(TeamId::as_str).collect()
    }

    #[test]
    fn a_name_is_one_item_of_a_list() {
        for name in ["ana", "42", "auth0|7", "Customer care", "a;b"] {
            assert!(is_name(name), "{name}");
        }
        for text in ["", " ", " ana", "ana ", "sales,admin", "a\nb", "a\tb", "büro", &"a".repeat(128)] {
            assert!(!is_name(text), "{text:?}");
        }
    }

    #[test]
    fn below_and_above_go_through_the_whole_tree() {
        let tree = tree(&[("company", ""), ("sales", "company"), ("north", "sales"), ("support", "company")]);
        let sales = [TeamId::new("sales")];
        assert_eq!(names(&tree.below(&sales)), ["north", "sales"]);
        assert_eq!(names(&tree.above(&sales)), ["company", "sales"]);
    }

    #[test]
    fn a_circle_ends_and_an_unknown_team_is_itself() {
        let tree = tree(&[("a", "b"), ("b", "a")]);
        assert_eq!(names(&tree.below(&[TeamId::new("a")])), ["a", "b"]);
        assert_eq!(names(&tree.above(&[TeamId::new("a")])), ["a", "b"]);
        assert_eq!(names(&tree.below(&[TeamId::new("x")])), ["x"]);
    }
}
