//! The teams of those who are responsible for an answer's objects: an object without a team of its own is its
//! responsible user's teams'.

use std::{collections::BTreeMap, collections::BTreeSet};

use super::{Passage, refusal::Refusal};
use crate::policy::TeamKey;

/// Most users whose teams are looked up for one answer: more than a page of any list has. The teams of one more are not
/// known, so that nobody sees their objects by a team, and `teams_max` is counted.
const TEAMS_MAX: usize = 500;

/// How many are looked up at a time for one answer: a directory is asked by many answers at once.
const TEAMS_AT_ONCE: usize = 4;

/// The teams of users, by name, as far as they were looked up for one answer.
#[derive(Debug, Default)]
pub struct Teams(BTreeMap<String, Vec<TeamKey>>);

impl Teams {
    /// The teams of a user; `None` if they were not looked up.
    #[must_use]
    pub fn of(&self, user: &str) -> Option<&[TeamKey]> {
        self.0.get(user).map(Vec::as_slice)
    }

    /// Whether those of one more can be looked up, beside so `many` that are to be.
    #[must_use]
    pub fn has_room(&self, many: usize) -> bool {
        self.0.len() + many < TEAMS_MAX
    }
}

impl Passage<'_> {
    /// Looks up the teams of these users, each once, some at a time.
    pub(super) async fn look_up_teams(
        &self,
        users: BTreeSet<String>,
        teams: &mut Teams,
    ) -> Result<(), Refusal> {
        let mut users = users.into_iter();
        loop {
            let at_once: [Option<String>; TEAMS_AT_ONCE] = std::array::from_fn(|_| users.next());
            let [one, two, three, four] = at_once.map(|user| self.of_one(user));
            let (one, two, three, four) = tokio::try_join!(one, two, three, four)?;
            let found = [one, two, three, four].into_iter().flatten();
            let before = teams.0.len();
            teams.0.extend(found);
            if teams.0.len() < before + TEAMS_AT_ONCE {
                return Ok(());
            }
        }
    }

    async fn of_one(&self, user: Option<String>) -> Result<Option<(String, Vec<TeamKey>)>, Refusal> {
        let Some(user) = user else { return Ok(None) };
        let teams = self.teams_of(&user).await?;
        Ok(Some((user, teams)))
    }
}
