//! Receipts: how far a message of ours got.

use serde::{Deserialize, Serialize};

/// A receipt.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Status {
    /// The furthest state known of the message; never goes back.
    pub state: State,
    /// What the provider reported now, where something further is known already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reported: Option<State>,
    /// Everything up to this time (milliseconds) has at least the state (Messenger); never goes back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watermark: Option<i64>,
    /// Our own string that came back with the receipt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opaque: Option<String>,
    /// The provider's error code, if it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Status {
    /// A receipt with a state and nothing else.
    #[must_use]
    pub fn of(state: State) -> Self {
        Self { state, reported: None, watermark: None, opaque: None, error: None }
    }
}

/// How far a message of ours got. Later states are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Handed to the network.
    Sent,
    /// On the contact's device.
    Delivered,
    /// Seen.
    Read,
    /// Listened to (voice).
    Played,
    /// Not delivered; stands apart from the ladder.
    Failed,
}

impl State {
    /// The states that follow each other, lowest first.
    const LADDER: [Self; 4] = [Self::Sent, Self::Delivered, Self::Read, Self::Played];

    /// As in a delivery.
    fn label(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Played => "played",
            Self::Failed => "failed",
        }
    }
}

/// What a receipt says: how far a message got, or all messages up to one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    /// What the receipt is about, unique within (channel, account): a message and its recipient, or a
    /// conversation. Receipts that are about the same are compared.
    pub of: String,
    /// How far it got; never [`State::Failed`], which stands apart.
    pub state: State,
    /// For a receipt about all messages up to one: that one's time or id, in any unit that rises. 0 for a
    /// receipt about one message.
    pub up_to: u64,
}

impl Reached {
    /// What a receipt says of one message; `None` where its state stands apart.
    #[must_use]
    pub fn message(of: String, state: State) -> Option<Self> {
        (state != State::Failed).then_some(Self { of, state, up_to: 0 })
    }

    /// The marks of this state and of those above it, lowest first. The first one is set when the receipt is
    /// accepted. It is no other event's dedupe id; where it is one of the receipt's own, it takes no room
    /// beside it.
    pub fn rungs(&self) -> impl Iterator<Item = (State, String)> + '_ {
        let above = State::LADDER.into_iter().filter(|state| *state >= self.state);
        above.map(|state| (state, format!("{}:{}", self.of, state.label())))
    }
}
