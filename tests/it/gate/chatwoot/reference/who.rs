//! Who sees what, as an operator would tell it: written from what the users are there for, without the policy's words.

use super::super::{
    backend::Conversation,
    house::{Setting, USERS},
};

/// Of which conversations somebody has something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    No,
    /// Those that they themselves have.
    Own,
    /// These, and those that they follow.
    OrFollowed,
    /// These, and those that no agent has.
    OrNobodys,
    /// Those of their team, and those that an agent of it has.
    Team,
    All,
}

use Which::{All, No, OrFollowed, OrNobodys, Own, Team};

/// What each user sees: conversations, what is said in them, private notes, media, notices of them, and the contacts on them. Who sees the contacts
/// of all sees them by themselves, too.
const WHO: [(&str, [Which; 6]); 9] = [
    // ---- conversations, messages, notes, media, notices, contacts
    ("1", [Own, Own, Own, Own, Own, All]),
    ("2", [OrFollowed, Own, Own, Own, Own, All]),
    ("3", [Own, Own, Own, Own, Own, All]),
    ("4", [Team, Team, Team, Team, Team, All]),
    ("5", [All, All, All, All, All, All]),
    ("6", [All, All, No, No, No, No]),
    ("7", [Team, Team, No, Team, Team, All]),
    ("8", [OrNobodys, Own, Own, Own, Own, Own]),
    ("9", [All, All, No, No, All, All]),
];

/// What of each contact is hidden from whom.
const HIDDEN_OF_CONTACTS: [(&str, &[&str]); 2] = [
    ("2", &["additional_attributes"]),
    (
        "3",
        &["email", "phone_number", "identifier", "source_id", "additional_attributes", "custom_attributes"],
    ),
];

/// What of each conversation is hidden from whom.
const HIDDEN_OF_CONVERSATIONS: [(&str, &[&str]); 1] =
    [("6", &["labels", "additional_attributes", "priority"])];

/// A user who reads.
pub(in crate::gate::chatwoot) struct Reader {
    user: u32,
    team: u32,
    /// Whether it is known who follows a conversation.
    follows: bool,
    has: [Which; 6],
    pub(super) hidden_of_contacts: &'static [&'static str],
    pub(super) hidden_of_conversations: &'static [&'static str],
}

impl Reader {
    pub(in crate::gate::chatwoot) fn new(user: &str, setting: Setting) -> Self {
        let hidden = |of: &[(&str, &'static [&'static str])]| {
            of.iter().find(|(known, _)| *known == user).map_or(&[][..], |(_, names)| *names)
        };
        Self {
            user: user.parse().unwrap(),
            team: USERS.iter().find(|(known, ..)| *known == user).unwrap().1.parse().unwrap(),
            follows: user == "2" && setting == Setting::Adapted,
            has: WHO.iter().find(|(known, _)| *known == user).unwrap().1,
            hidden_of_contacts: hidden(&HIDDEN_OF_CONTACTS),
            hidden_of_conversations: hidden(&HIDDEN_OF_CONVERSATIONS),
        }
    }

    pub(in crate::gate::chatwoot) fn conversation(&self, of: Conversation) -> bool {
        self.is_among(self.has[0], of)
    }

    pub(in crate::gate::chatwoot) fn messages(&self, of: Conversation) -> bool {
        self.is_among(self.has[1], of)
    }

    pub(in crate::gate::chatwoot) fn notes(&self, of: Conversation) -> bool {
        self.is_among(self.has[2], of)
    }

    pub(in crate::gate::chatwoot) fn media(&self, of: Conversation) -> bool {
        self.is_among(self.has[3], of)
    }

    pub(super) fn notice(&self, of: Conversation) -> bool {
        self.is_among(self.has[4], of)
    }

    /// Whether a contact is seen on this conversation, or by itself.
    pub(in crate::gate::chatwoot) fn contact(&self, on: Option<Conversation>) -> bool {
        on.map_or(self.has[5] == All, |on| self.is_among(self.has[5], on))
    }

    /// Whether a contact is seen so with how it is reached.
    pub(super) fn number(&self, on: Conversation) -> bool {
        self.contact(Some(on)) && !self.hidden_of_contacts.contains(&"phone_number")
    }

    /// Whether no conversation is hidden.
    pub(super) fn has_every_conversation(&self) -> bool {
        self.has[0] == All
    }

    /// Whether no text of a conversation is hidden.
    pub(super) fn has_every_text(&self) -> bool {
        self.has[..3] == [All; 3]
    }

    pub(super) fn has_every_notice(&self) -> bool {
        self.has[4] == All
    }

    fn is_among(&self, which: Which, of: Conversation) -> bool {
        let is_own = of.agent() == Some(self.user);
        match which {
            No => false,
            Own => is_own,
            OrFollowed => is_own || of.watched && self.follows,
            OrNobodys => is_own || of.agent().is_none(),
            Team => of.team == Some(self.team) || of.agent().and_then(team_of) == Some(self.team),
            All => true,
        }
    }
}

/// The team of an agent.
fn team_of(agent: u32) -> Option<u32> {
    USERS.iter().find(|(user, ..)| *user == agent.to_string()).map(|(_, team, _)| team.parse().unwrap())
}
