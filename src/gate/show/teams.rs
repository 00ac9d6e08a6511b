//! The teams of those who are responsible for an answer's objects: an object without a team of its own is its
//! responsible user's teams'.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use tokio::time::Instant;

use super::Passage;
use crate::policy::TeamKey;

/// Most users whose teams are looked up for one answer: more than a page of any list has. The teams of one more are not
/// known, so that nobody sees their objects by a team, and `teams_max` is counted.
const TEAMS_MAX: usize = 500;

/// How many are looked up at a time for one answer: a directory is asked by many answers at once.
const TEAMS_AT_ONCE: usize = 4;

/// How long they are looked up for one answer: a directory that hangs is waited for once, and not for each of them. Those of
/// the others are not known then, and `teams_time_max` is counted.
const TEAMS_TIME_MAX: Duration = Duration::from_secs(5);

/// The teams of users, by name, as far as they are known for one answer.
#[derive(Debug, Default)]
pub struct Teams {
    of: HashMap<String, Vec<TeamKey>>,
}

impl Teams {
    /// The teams of a user; `None` if they are not known.
    #[must_use]
    pub fn of(&self, user: &str) -> Option<&[TeamKey]> {
        self.of.get(user).map(Vec::as_slice)
    }

    /// From now on these are a user's teams.
    pub fn know(&mut self, user: &str, teams: Vec<TeamKey>) {
        self.of.insert(user.to_owned(), teams);
    }

    /// Whether those of one more can be looked up, beside so `many` that are to be.
    #[must_use]
    pub fn has_room(&self, many: usize) -> bool {
        self.of.len() + many < TEAMS_MAX
    }
}

impl Passage<'_> {
    /// Looks up the teams of these users, each once, some at a time. Those that are not found in time are not known.
    pub(in crate::gate) async fn look_up_teams(&self, users: BTreeSet<String>, teams: &mut Teams) {
        let by = Instant::now() + TEAMS_TIME_MAX;
        let mut users = users.into_iter();
        while users.len() > 0 {
            let at_once: [Option<String>; TEAMS_AT_ONCE] = std::array::from_fn(|_| users.next());
            let [one, two, three, four] = at_once.map(|user| self.of_one(user, by));
            let (one, two, three, four) = tokio::join!(one, two, three, four);
            teams.of.extend([one, two, three, four].into_iter().flatten());
        }
        if by <= Instant::now() {
            self.side.teams_late.inc();
        }
    }

    async fn of_one(&self, user: Option<String>, by: Instant) -> Option<(String, Vec<TeamKey>)> {
        let user = user?;
        let teams = tokio::time::timeout_at(by, self.teams_of(&user)).await;
        Some((user, teams.unwrap_or_default()))
    }
}
