//! LINE Messaging API: `providers.md` section 6.

use super::{Malformed, Refusal, Request, Split, Verified, signature::Matched};
use crate::secret::Secret;

/// A LINE channel's webhook.
#[derive(Clone, Debug)]
pub struct Line {
    /// Channel secrets (or the Switcher Secret); several while rotating, never empty.
    pub channel_secrets: Vec<Secret>,
}

impl Line {
    pub(super) fn verify(&self, _request: &Request<'_>) -> Result<Matched, Refusal> {
        Err(Refusal::Missing)
    }

    pub(super) fn split(&self, _verified: &Verified<'_>) -> Result<Split, Malformed> {
        Err(Malformed { expected: "known yet" })
    }
}
