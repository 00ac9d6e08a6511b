//! Standard Webhooks, for `webchat`, `livechat` and `crm`: `providers.md` section 13.

use std::{collections::BTreeMap, time::Duration};

use super::{Channel, Kind, Malformed, Refusal, Request, Split, Verified, signature::Matched};
use crate::secret::Secret;

/// A source of Standard Webhooks.
#[derive(Clone, Debug)]
pub struct Standard {
    /// `webchat`, `livechat` or `crm`.
    pub channel: Channel,
    /// Keys; several while rotating, never empty.
    pub keys: Vec<Key>,
    /// How far `webhook-timestamp` may be from now, both ways.
    pub tolerance: Duration,
    /// Also accept `svix-id`, `svix-timestamp`, `svix-signature`.
    pub svix: bool,
    /// Where in the body things are.
    pub pointers: Pointers,
    /// The body's `type` → what happened. A type that is not listed is [`Kind::Unknown`].
    pub kinds: BTreeMap<String, Kind>,
}

/// A verification key.
#[derive(Clone, Debug)]
pub enum Key {
    /// `whsec_…`, decoded: `v1` signatures.
    Hmac(Secret),
    /// `whpk_…`, decoded: `v1a` signatures.
    Ed25519([u8; 32]),
}

/// JSON pointers (RFC 6901) into the body.
#[derive(Clone, Debug)]
pub struct Pointers {
    /// The conversation, for example `/data/conversation_id`.
    pub conversation: String,
    /// The message's id.
    pub message_id: Option<String>,
    /// The text.
    pub text: Option<String>,
    /// The sender's id.
    pub sender: Option<String>,
    /// The sender's name.
    pub sender_name: Option<String>,
    /// The provider's time: RFC 3339 text, or seconds or milliseconds as a number.
    pub time: Option<String>,
}

impl Standard {
    pub(super) fn verify(&self, _request: &Request<'_>) -> Result<Matched, Refusal> {
        Err(Refusal::Missing)
    }

    pub(super) fn split(&self, _verified: &Verified<'_>) -> Result<Split, Malformed> {
        Err(Malformed { expected: "known yet" })
    }
}
