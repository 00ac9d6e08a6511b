//! X, Account Activity and X Activity: `providers.md` section 7.

use super::{Malformed, Refusal, Request, Split, Verified, signature::Matched};
use crate::secret::Secret;

/// An X app's webhook.
#[derive(Clone, Debug)]
pub struct Twitter {
    /// The app's consumer secrets; the first answers the CRC. Never empty.
    pub consumer_secrets: Vec<Secret>,
}

impl Twitter {
    pub(super) fn handshake(&self, _request: &Request<'_>) -> super::Answer {
        super::Answer::empty(http::StatusCode::NOT_IMPLEMENTED)
    }

    pub(super) fn verify(&self, _request: &Request<'_>) -> Result<Matched, Refusal> {
        Err(Refusal::Missing)
    }

    pub(super) fn split(&self, _verified: &Verified<'_>) -> Result<Split, Malformed> {
        Err(Malformed { expected: "known yet" })
    }
}
