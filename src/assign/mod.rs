//! Assignment: who becomes responsible for a new conversation.

/// How a team's new conversations find a responsible user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// The strategy.
    pub strategy: Strategy,
    /// Stages (`pipeline/stage`) in which a conversation no longer counts as load.
    pub closed_stages: Vec<String>,
}

/// Who becomes responsible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// Nobody, until somebody takes it.
    Manual,
    /// The members in turn.
    RoundRobin,
    /// The member with the fewest open conversations.
    LeastLoaded,
}
