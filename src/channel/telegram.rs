//! Telegram Bot API: `providers.md` section 5.

use super::{Malformed, Refusal, Request, Split, Verified, signature::Matched};
use crate::secret::Secret;

/// A bot's webhook.
#[derive(Clone, Debug)]
pub struct Telegram {
    /// The `secret_token` of `setWebhook`; several while rotating, never empty.
    pub secret_tokens: Vec<Secret>,
}

impl Telegram {
    pub(super) fn verify(&self, _request: &Request<'_>) -> Result<Matched, Refusal> {
        Err(Refusal::Missing)
    }

    pub(super) fn split(&self, _verified: &Verified<'_>) -> Result<Split, Malformed> {
        Err(Malformed { expected: "known yet" })
    }
}
