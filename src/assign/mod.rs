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
/// temporary
pub fn choose(
    queue: &Queue,
    team: &crate::directory::Team,
    directory: &crate::directory::Directory,
    load: &[u64],
    last: Option<&crate::ids::UserId>,
) -> Option<crate::ids::UserId> {
    let free = |user: &&crate::ids::UserId| directory.users.get(*user).is_some_and(|u| !u.away);
    match queue.strategy {
        Strategy::Manual => None,
        Strategy::RoundRobin => {
            let start = last.and_then(|l| team.members.iter().position(|m| m == l)).map_or(0, |at| at + 1);
            team.members.iter().cycle().skip(start).take(team.members.len()).find(free).cloned()
        }
        Strategy::LeastLoaded => team
            .members
            .iter()
            .zip(load)
            .filter(|(m, _)| free(m))
            .min_by_key(|(_, l)| **l)
            .map(|(m, _)| m.clone()),
    }
}
