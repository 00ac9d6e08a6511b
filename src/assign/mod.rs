//! Assignment: who becomes responsible for a new conversation. Pure: load and turn are looked up by the
//! caller, and the same answers give the same user.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::{TeamId, UserId};

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

/// Teams whose members are in a queue: they are assigned conversations.
#[must_use]
pub fn with_queue(queues: &BTreeMap<TeamId, Queue>) -> BTreeSet<TeamId> {
    let assigned = queues.iter().filter(|(_, queue)| queue.strategy != Strategy::Manual);
    assigned.map(|(team, _)| team.clone()).collect()
}

/// A member of the team, as a strategy sees them.
#[derive(Clone, Copy, Debug)]
pub struct Member<'a> {
    /// Who.
    pub user: &'a UserId,
    /// Takes no new conversations now.
    pub away: bool,
    /// Open conversations that the user is responsible for. Only [`Strategy::LeastLoaded`] looks at it.
    pub load: u64,
}

/// Chooses who becomes responsible. `None`: the conversation waits in the team's queue.
///
/// `members` are the team's, in the order of the configuration; `last` is whom a strategy chose last for
/// the team. The turn goes round the members, from the one behind `last`; a `last` who is no member any
/// more begins the round anew. Of members with the same load, the one whose turn comes first is chosen.
#[must_use]
pub fn choose(queue: &Queue, members: &[Member<'_>], last: Option<&UserId>) -> Option<UserId> {
    let next = last.and_then(|last| members.iter().position(|member| member.user == last));
    let from = next.map_or(0, |at| at + 1);
    let mut in_turn = members.iter().cycle().skip(from).take(members.len()).filter(|member| !member.away);
    let chosen = match queue.strategy {
        Strategy::Manual => None,
        Strategy::RoundRobin => in_turn.next(),
        // The first of the least.
        Strategy::LeastLoaded => in_turn.min_by_key(|member| member.load),
    };
    chosen.map(|member| member.user.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who is chosen among `members` (`name:load`, one who is away in brackets).
    fn chosen(strategy: Strategy, members: &str, last: &str) -> String {
        let parsed: Vec<(UserId, bool, u64)> = members
            .split_whitespace()
            .map(|member| {
                let (name, load) = member.trim_matches(['(', ')']).split_once(':').unwrap();
                (UserId::new(name), member.starts_with('('), load.parse().unwrap())
            })
            .collect();
        let members: Vec<_> =
            parsed.iter().map(|(user, away, load)| Member { user, away: *away, load: *load }).collect();
        let queue = Queue { strategy, closed_stages: vec![] };
        let last = UserId::new(last);
        choose(&queue, &members, Some(&last)).map_or_else(|| "nobody".to_owned(), |user| user.to_string())
    }

    #[test]
    fn a_manual_queue_chooses_nobody() {
        assert_eq!(chosen(Strategy::Manual, "ana:0 bo:0", ""), "nobody");
    }

    #[test]
    fn round_robin_goes_round_the_members_who_are_there() {
        for (members, last, want) in [
            ("ana:0 bo:0 cy:0", "", "ana"),
            ("ana:0 bo:0 cy:0", "ana", "bo"),
            ("ana:0 bo:0 cy:0", "bo", "cy"),
            ("ana:0 bo:0 cy:0", "cy", "ana"),
            ("ana:0 (bo:0) cy:0", "ana", "cy"),
            ("ana:0 bo:0 (cy:0)", "bo", "ana"),
            ("(ana:0) bo:0 (cy:0)", "bo", "bo"),
            ("(ana:0) bo:0 cy:0", "ana", "bo"),
            ("ana:0 bo:0 cy:0", "gone", "ana"),
            ("ana:0", "ana", "ana"),
            ("(ana:0) (bo:0)", "ana", "nobody"),
            ("", "ana", "nobody"),
        ] {
            assert_eq!(chosen(Strategy::RoundRobin, members, last), want, "{members} after {last}");
        }
    }

    #[test]
    fn round_robin_gives_everybody_the_same_number() {
        let members = "ana:0 bo:0 (cy:0) dee:0";
        let mut last = String::new();
        let mut order = Vec::new();
        for _ in 0..6 {
            last = chosen(Strategy::RoundRobin, members, &last);
            order.push(last.clone());
        }
        assert_eq!(order, ["ana", "bo", "dee", "ana", "bo", "dee"]);
    }

    #[test]
    fn least_loaded_takes_the_fewest_and_the_turn_breaks_ties() {
        for (members, last, want) in [
            ("ana:3 bo:1 cy:2", "", "bo"),
            ("ana:3 (bo:1) cy:2", "", "cy"),
            ("ana:2 bo:2 cy:2", "", "ana"),
            ("ana:2 bo:2 cy:2", "ana", "bo"),
            ("ana:2 bo:9 cy:2", "ana", "cy"),
            ("ana:2 bo:9 cy:2", "cy", "ana"),
            ("ana:0 bo:9 cy:2", "ana", "ana"),
            ("(ana:0) (bo:0)", "", "nobody"),
            ("", "", "nobody"),
        ] {
            assert_eq!(chosen(Strategy::LeastLoaded, members, last), want, "{members} after {last}");
        }
    }
}
