//! The directory: who the users and teams are, as far as assignment needs it.

use std::collections::BTreeMap;

use crate::ids::{TeamId, UserId};

/// Users and teams of one tenant.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    /// Teams by name.
    pub teams: BTreeMap<TeamId, Team>,
    /// Users by name.
    pub users: BTreeMap<UserId, User>,
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
#[derive(Clone, Debug, Default)]
pub struct User {
    /// Shown to people.
    pub name: Option<String>,
    /// Takes no new conversations (on leave); keeps those it has.
    pub away: bool,
}
