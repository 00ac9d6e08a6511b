//! One company to ask about: users, roles with overrides, conversations, questions and their right answers.
//! Shared with `benches/peers/policy`, so that every engine is asked the same.

use std::ops::Range;

pub(crate) const USERS: usize = 10_000;
pub(crate) const ROLES: usize = 200;
pub(crate) const TEAMS: usize = 500;
pub(crate) const CONVERSATIONS: usize = 1_000_000;
pub(crate) const OVERRIDES: usize = 561;
pub(crate) const STAGES: usize = 20;
pub(crate) const CHANNELS: usize = 10;
pub(crate) const LIST: usize = 500;
pub(crate) const RESOURCES: [&str; 8] =
    ["conversation", "lead", "contact", "company", "task", "deal", "note", "report"];
pub(crate) const ACTIONS: [&str; 5] = ["view", "edit", "delete", "export", "send"];
pub(crate) const LEVELS: [&str; 4] = ["none", "own", "team", "all"];

/// What one role grants of one (resource, action), as places in [`LEVELS`].
#[derive(Clone, Default)]
pub(crate) struct Grant {
    pub(crate) base: usize,
    pub(crate) stages: Vec<(usize, usize)>,
    pub(crate) channels: Vec<(usize, usize)>,
}

impl Grant {
    /// A channel's level before a stage's before the base.
    pub(crate) fn level(&self, conversation: &Conversation) -> usize {
        let at = |places: &[(usize, usize)], place| {
            places.iter().find(|(at, _)| *at == place).map(|(_, level)| *level)
        };
        at(&self.channels, conversation.channel)
            .or_else(|| at(&self.stages, conversation.stage))
            .unwrap_or(self.base)
    }
}

pub(crate) struct User {
    pub(crate) roles: Vec<usize>,
    pub(crate) teams: Vec<usize>,
}

pub(crate) struct Conversation {
    pub(crate) responsible: usize,
    pub(crate) team: usize,
    pub(crate) stage: usize,
    pub(crate) channel: usize,
    pub(crate) participants: Vec<usize>,
}

#[derive(Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) user: usize,
    pub(crate) resource: usize,
    pub(crate) action: usize,
    pub(crate) conversation: usize,
}

pub(crate) struct World {
    pub(crate) users: Vec<User>,
    /// By role; then by resource and action.
    pub(crate) roles: Vec<Vec<Grant>>,
    pub(crate) conversations: Vec<Conversation>,
    pub(crate) questions: Vec<Asked>,
    /// Lists of conversations that one user asks for.
    pub(crate) lists: Vec<(usize, Vec<usize>)>,
}

impl World {
    pub(crate) fn new() -> Self {
        let mut random = fastrand::Rng::with_seed(3);
        let roles = roles(&mut random);
        let some = |random: &mut fastrand::Rng, many: Range<usize>, of: usize| {
            let mut picked: Vec<usize> = (0..random.usize(many)).map(|_| random.usize(..of)).collect();
            picked.sort_unstable();
            picked.dedup();
            picked
        };
        let users: Vec<User> = (0..USERS)
            .map(|_| {
                let teams = if random.u8(..20) == 0 { 12..13 } else { 1..5 };
                User { roles: some(&mut random, 1..4, ROLES), teams: some(&mut random, teams, TEAMS) }
            })
            .collect();
        let conversations: Vec<Conversation> = (0..CONVERSATIONS)
            .map(|_| Conversation {
                responsible: random.usize(..USERS),
                team: random.usize(..TEAMS),
                stage: random.usize(..STAGES),
                channel: random.usize(..CHANNELS),
                participants: some(&mut random, 0..4, USERS),
            })
            .collect();
        let mut pick = Picks::new(&users, &conversations);
        let questions = (0..100_000)
            .map(|_| {
                let user = random.usize(..USERS);
                Asked {
                    user,
                    resource: if random.u8(..10) < 7 { 0 } else { random.usize(..RESOURCES.len()) },
                    action: if random.u8(..10) < 7 { 0 } else { random.usize(..ACTIONS.len()) },
                    conversation: pick.one(&mut random, user),
                }
            })
            .collect();
        let lists = (0..200)
            .map(|_| {
                let user = random.usize(..USERS);
                (user, (0..LIST).map(|_| pick.one(&mut random, user)).collect())
            })
            .collect();
        Self { users, roles, conversations, questions, lists }
    }

    /// The right answer, the slow way.
    pub(crate) fn answer(&self, asked: Asked) -> bool {
        let (user, conversation) = (&self.users[asked.user], &self.conversations[asked.conversation]);
        let participates = conversation.participants.contains(&asked.user);
        let own = conversation.responsible == asked.user;
        let team = own || user.teams.contains(&conversation.team);
        (asked.resource == 0 && asked.action == 0 && participates)
            || match self.level(asked) {
                0 => false,
                1 => own,
                2 => team,
                _ => true,
            }
    }

    /// The widest level of the user's roles.
    pub(crate) fn level(&self, asked: Asked) -> usize {
        let right = asked.resource * ACTIONS.len() + asked.action;
        let conversation = &self.conversations[asked.conversation];
        let roles = self.users[asked.user].roles.iter();
        roles.map(|role| self.roles[*role][right].level(conversation)).max().unwrap_or(0)
    }
}

fn roles(random: &mut fastrand::Rng) -> Vec<Vec<Grant>> {
    let rights = RESOURCES.len() * ACTIONS.len();
    let mut roles: Vec<Vec<Grant>> = (0..ROLES)
        .map(|_| {
            let base = |random: &mut fastrand::Rng| match random.u8(..100) {
                0..35 => 0,
                35..60 => 1,
                60..90 => 2,
                _ => 3,
            };
            (0..rights).map(|_| Grant { base: base(random), ..Grant::default() }).collect()
        })
        .collect();
    let mut left = OVERRIDES;
    while left > 0 {
        let grant = &mut roles[random.usize(..ROLES)][random.usize(..rights)];
        let level = random.usize(..LEVELS.len());
        let (places, place) = if random.bool() {
            (&mut grant.stages, random.usize(..STAGES))
        } else {
            (&mut grant.channels, random.usize(..CHANNELS))
        };
        if places.iter().all(|(at, _)| *at != place) {
            places.push((place, level));
            left -= 1;
        }
    }
    roles
}

/// Picks conversations that a user is likely to ask for: half of the user's teams, some of their own.
struct Picks {
    teams: Vec<Vec<usize>>,
    of_team: Vec<Vec<usize>>,
    of_user: Vec<Vec<usize>>,
}

impl Picks {
    fn new(users: &[User], conversations: &[Conversation]) -> Self {
        let mut of_team = vec![Vec::new(); TEAMS];
        let mut of_user = vec![Vec::new(); USERS];
        for (number, conversation) in conversations.iter().enumerate() {
            of_team[conversation.team].push(number);
            of_user[conversation.responsible].push(number);
            for participant in &conversation.participants {
                of_user[*participant].push(number);
            }
        }
        Self { teams: users.iter().map(|user| user.teams.clone()).collect(), of_team, of_user }
    }

    fn one(&mut self, random: &mut fastrand::Rng, user: usize) -> usize {
        let among = match random.u8(..100) {
            0..50 => random.choice(&self.teams[user]).map(|team| &self.of_team[*team]),
            50..72 => Some(&self.of_user[user]),
            _ => None,
        };
        let picked = among.and_then(|among| random.choice(among));
        picked.copied().unwrap_or_else(|| random.usize(..CONVERSATIONS))
    }
}
