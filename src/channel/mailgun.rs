//! Mailgun routes and event webhooks: `providers.md` section 9.

use std::time::Duration;

use super::{Malformed, Refusal, Request, Split, Verified, signature::Matched};
use crate::secret::Secret;

/// A Mailgun route or event webhook.
#[derive(Clone, Debug)]
pub struct Mailgun {
    /// Webhook signing keys; several while rotating, never empty.
    pub signing_keys: Vec<Secret>,
    /// How old or how far ahead the signed `timestamp` may be.
    pub window: Duration,
}

impl Mailgun {
    pub(super) fn verify(&self, _request: &Request<'_>) -> Result<Matched, Refusal> {
        Err(Refusal::Missing)
    }

    pub(super) fn split(&self, _verified: &Verified<'_>) -> Result<Split, Malformed> {
        Err(Malformed { expected: "known yet" })
    }
}
