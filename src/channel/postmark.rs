//! Postmark inbound and event webhooks: `providers.md` section 11.

use super::{Malformed, Refusal, Request, Split, Verified, signature::Matched};
use crate::secret::Secret;

/// A Postmark webhook. Postmark signs nothing: a password is all there is.
#[derive(Clone, Debug)]
pub struct Postmark {
    /// `user:password` pairs of Basic authentication; never empty.
    pub basic: Vec<Secret>,
}

impl Postmark {
    pub(super) fn verify(&self, _request: &Request<'_>) -> Result<Matched, Refusal> {
        Err(Refusal::Missing)
    }

    pub(super) fn split(&self, _verified: &Verified<'_>) -> Result<Split, Malformed> {
        Err(Malformed { expected: "known yet" })
    }
}
