//! SES through SNS: `providers.md` section 12.

use std::time::Duration;

use super::{Malformed, Refusal, Request, Split, Verified, signature::Matched};
use crate::secret::Secret;

/// An SNS subscription.
#[derive(Clone, Debug)]
pub struct Sns {
    /// The topics that may be confirmed and believed; never empty.
    pub topics: Vec<String>,
    /// How old or how far ahead the signed `Timestamp` may be.
    pub window: Duration,
    /// `user:password` pairs of Basic authentication. If there are any, they must match as well, and
    /// raw message delivery, which has no signature, is accepted on their strength.
    pub basic: Vec<Secret>,
}

impl Sns {
    pub(super) fn need(&self, _request: &Request<'_>) -> Result<super::Need, Refusal> {
        Ok(super::Need::Nothing)
    }

    pub(super) fn verify(
        &self,
        _request: &Request<'_>,
        _evidence: super::Evidence<'_>,
    ) -> Result<Matched, Refusal> {
        Err(Refusal::Missing)
    }

    pub(super) fn split(&self, _verified: &Verified<'_>) -> Result<Split, Malformed> {
        Err(Malformed { expected: "known yet" })
    }
}
