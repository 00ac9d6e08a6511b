//! People, objects and questions in words: what both the engine and the reference are asked about.

use std::collections::BTreeMap;

/// Team → the team above it.
pub(crate) type Teams = BTreeMap<String, Option<String>>;

/// Somebody who asks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Person {
    pub(crate) tenant: String,
    pub(crate) user: String,
    pub(crate) teams: Vec<String>,
    pub(crate) traits: Vec<String>,
    /// Roles that the directory gives.
    pub(crate) roles: Vec<String>,
    /// Teams whose queue the person is in.
    pub(crate) queues: Vec<String>,
    pub(crate) active: bool,
}

/// What is asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ask {
    pub(crate) resource: String,
    pub(crate) action: String,
    pub(crate) object: Option<Thing>,
    /// Fields that are written.
    pub(crate) writes: Vec<String>,
}

/// An object.
#[derive(Clone, Debug, Default)]
pub(crate) struct Thing {
    pub(crate) tenant: String,
    pub(crate) responsible: Option<String>,
    /// It is known that nobody is responsible.
    pub(crate) unassigned: bool,
    pub(crate) teams: Vec<String>,
    pub(crate) own_team: bool,
    pub(crate) participants: Vec<String>,
    pub(crate) creator: Option<String>,
    pub(crate) queue: Option<String>,
    pub(crate) open: bool,
    /// Not known, as all that follow, if `None`; an empty name is none.
    pub(crate) pipeline: Option<String>,
    pub(crate) stage: Option<String>,
    pub(crate) channel: Option<String>,
    pub(crate) account: Option<String>,
    pub(crate) kind: Option<String>,
    pub(crate) role: Option<String>,
    pub(crate) via: Option<Box<(String, Thing)>>,
}

impl Thing {
    /// The same, known to stand nowhere, to be of no finer kind and no role, as far as nothing else is said.
    pub(crate) fn or_nowhere(mut self) -> Self {
        let parts = [
            &mut self.pipeline,
            &mut self.stage,
            &mut self.channel,
            &mut self.account,
            &mut self.kind,
            &mut self.role,
        ];
        for part in parts {
            part.get_or_insert_default();
        }
        self
    }
}

/// The teams above these, without them.
pub(crate) fn above(teams: &Teams, of: &[String]) -> Vec<String> {
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
pub(crate) fn is_within(teams: &Teams, team: &str, top: &str) -> bool {
    team == top || above(teams, &[team.to_owned()]).iter().any(|parent| parent == top)
}
