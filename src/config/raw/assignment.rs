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
    /// The teams, by name: `[team.NAME]`. A team that is not here is `manual`.
    pub(crate) team: BTreeMap<Who, Queue>,
}

/// How a team's new conversations find a responsible user.
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
