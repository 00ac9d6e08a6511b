//! SendGrid Inbound Parse and event webhook: `providers.md` section 10.

use std::time::Duration;

use super::{Malformed, Refusal, Request, Split, Verified, signature::Matched};
use crate::secret::Secret;

/// A SendGrid webhook. At least one of the two lists holds something, and every list that does must match.
#[derive(Clone, Debug)]
pub struct Sendgrid {
    /// ECDSA P-256 public keys, base64 SPKI DER as the dashboard shows them, decoded.
    pub public_keys: Vec<Vec<u8>>,
    /// `user:password` pairs of Basic authentication.
    pub basic: Vec<Secret>,
    /// How old or how far ahead the signed timestamp may be.
    pub window: Duration,
}

impl Sendgrid {
    pub(super) fn verify(&self, _request: &Request<'_>) -> Result<Matched, Refusal> {
        Err(Refusal::Missing)
    }

    pub(super) fn split(&self, _verified: &Verified<'_>) -> Result<Split, Malformed> {
        Err(Malformed { expected: "known yet" })
    }
}
