//! Scopes: how far a grant reaches.

use serde::{Deserialize, Serialize};

/// How far a grant reaches, narrowest first (`G3`).
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Scope {
    /// Nothing.
    #[default]
    None,
    /// What the actor is responsible for.
    Own,
    /// `own`, what somebody of the actor's teams is responsible for, and what waits in one of these teams.
    Team,
    /// `team`, and the same of the teams below.
    TeamTree,
    /// `team-tree`, and what is marked as available to everyone.
    Open,
    /// Everything.
    All,
}

impl Scope {
    /// Every scope, narrowest first.
    pub const ALL: [Self; 6] = [Self::None, Self::Own, Self::Team, Self::TeamTree, Self::Open, Self::All];

    /// As it is written in the configuration.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Own => "own",
            Self::Team => "team",
            Self::TeamTree => "team-tree",
            Self::Open => "open",
            Self::All => "all",
        }
    }
}
