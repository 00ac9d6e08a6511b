//! `assignment.toml`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Who;
use crate::assign::Strategy;

/// How new conversations of a tenant's teams find a responsible user.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "assignment.toml")]
pub(crate) struct Assignment {
    /// The queue of each team, by the team's name: `[queue.TEAM]`. A team that is not here is `manual`.
    pub(crate) queue: BTreeMap<Who, Queue>,
}

/// The queue of a team.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Queue {
    /// Who becomes responsible.
    pub(crate) strategy: Strategy,
    /// Stages, as `pipeline/stage`, in which a conversation no longer counts as load for `least_loaded`.
    pub(crate) closed_stages: Vec<String>,
}

impl Default for Queue {
    fn default() -> Self {
        Self { strategy: Strategy::Manual, closed_stages: Vec::new() }
    }
}
