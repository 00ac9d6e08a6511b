//! People, objects and questions in words: what both the engine and the reference are asked about.

use std::collections::BTreeMap;

/// Team → the team above it.
pub(super) type Teams = BTreeMap<String, Option<String>>;

/// Somebody who asks.
#[derive(Clone, Debug, Default)]
pub(super) struct Person {
    pub(super) tenant: String,
    pub(super) user: String,
    pub(super) teams: Vec<String>,
    pub(super) traits: Vec<String>,
    /// Roles that the directory gives.
    pub(super) roles: Vec<String>,
    /// Teams whose queue the person is in.
    pub(super) queues: Vec<String>,
    pub(super) active: bool,
}

/// What is asked.
#[derive(Clone, Debug, Default)]
pub(super) struct Ask {
    pub(super) resource: String,
    pub(super) action: String,
    pub(super) object: Option<Thing>,
    /// Fields that are written.
    pub(super) writes: Vec<String>,
}

/// An object.
#[derive(Clone, Debug, Default)]
pub(super) struct Thing {
    pub(super) tenant: String,
    pub(super) responsible: Option<String>,
    /// It is known that nobody is responsible.
    pub(super) unassigned: bool,
    pub(super) teams: Vec<String>,
    pub(super) own_team: bool,
    pub(super) participants: Vec<String>,
    pub(super) creator: Option<String>,
    pub(super) queue: Option<String>,
    pub(super) open: bool,
    pub(super) pipeline: Option<String>,
    pub(super) stage: Option<String>,
    pub(super) channel: Option<String>,
    pub(super) account: Option<String>,
    pub(super) kind: Option<String>,
    pub(super) role: Option<String>,
    pub(super) via: Option<Box<(String, Thing)>>,
}

/// The teams above these, without them.
pub(super) fn above(teams: &Teams, of: &[String]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for team in of {
        let mut next = teams.get(team).cloned().flatten();
        while let Some(parent) = next {
            next = teams.get(&parent).cloned().flatten();
            found.push(parent);
        }
    }
    found
}

/// Whether `team` is `top` or below it.
pub(super) fn is_within(teams: &Teams, team: &str, top: &str) -> bool {
    team == top || above(teams, &[team.to_owned()]).iter().any(|parent| parent == top)
}
