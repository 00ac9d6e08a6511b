//! The laws of reading what a foreign directory answers: a fuzz target feeds them, and the stable test suite replays
//! the saved corpus.

use std::slice::from_ref;

use serde_json::Value;

use super::{http, is_name};
use crate::ids::{TeamId, UserId};

/// Teams of a tree that are looked at: above and below them it may be as large as it likes.
const TEAMS_LOOKED_AT: usize = 20;

/// An answer about a user, or about the teams. What is believed of the user was said of that user, all names are names, and
/// whatever is above what: a team is below another if that one is above it.
///
/// # Panics
/// If a law is broken; this is what a fuzzer looks for.
pub fn answer(bytes: &[u8]) {
    if let Ok(member) = http::member(bytes, &UserId::new("ana")) {
        // What is not looked at need not be a text that the other reader takes.
        let said: Option<Value> = serde_json::from_slice(bytes).ok();
        let is_ana =
            |said: &Value| said.get("user").or_else(|| said.get(0)).is_some_and(|user| user == "ana");
        assert!(said.as_ref().is_none_or(is_ana), "believed of another: {said:?}");
        assert!(member.teams.iter().all(|team| is_name(team.as_str())), "{:?}", member.teams);
    }
    let Ok(tree) = http::tree(bytes) else { return };
    for team in tree.parents.keys().take(TEAMS_LOOKED_AT) {
        assert!(is_name(team.as_str()), "{team}");
        let (above, below) = (tree.above(from_ref(team)), tree.below(from_ref(team)));
        assert!(above.contains(team) && below.contains(team), "`{team}` is not its own");
        let above_those = |other: &TeamId| tree.above(from_ref(other));
        assert!(below.iter().take(TEAMS_LOOKED_AT).all(|other| above_those(other).contains(team)));
        let below_those = |other: &TeamId| tree.below(from_ref(other));
        assert!(above.iter().take(TEAMS_LOOKED_AT).all(|other| below_those(other).contains(team)));
    }
}
