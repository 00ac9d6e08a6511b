//! `directory.toml`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Who;

/// A tenant's users and teams.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "directory.toml")]
pub(crate) struct Directory {
    /// Teams, by name: `[team.NAME]`.
    pub(crate) team: BTreeMap<Who, Team>,
    /// Users, by the name that the backend knows: `[user.NAME]`.
    pub(crate) user: BTreeMap<Who, User>,
}

/// A team.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Team {
    /// The team above it.
    pub(crate) parent: Option<Who>,
    /// Its members, each a user of this file. `round_robin` goes through them in this order.
    pub(crate) members: Vec<Who>,
}

/// A user.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct User {
    /// The name shown to people.
    pub(crate) name: Option<String>,
    /// Takes no new conversations (on leave), and keeps those it has.
    pub(crate) away: bool,
}
