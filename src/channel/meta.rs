//! What WhatsApp, Messenger and Instagram have in common: `providers.md` section 1.

use super::{Answer, Channel, Malformed, Refusal, Request, Split, Verified, signature::Matched};
use crate::secret::Secret;

/// A Meta app's webhook.
#[derive(Clone, Debug)]
pub struct Meta {
    /// App secrets; several while rotating, or for an Instagram app beside the Facebook app. Never empty.
    pub app_secrets: Vec<Secret>,
    /// Our verify token, for the handshake.
    pub verify_token: Secret,
    /// The products this endpoint takes: `whatsapp`, `facebook`, `instagram`. A body of another one is
    /// quarantined.
    pub channels: Vec<Channel>,
}

impl Meta {
    pub(super) fn handshake(&self, _request: &Request<'_>) -> Answer {
        Answer::empty(http::StatusCode::NOT_IMPLEMENTED)
    }

    pub(super) fn verify(&self, _request: &Request<'_>) -> Result<Matched, Refusal> {
        Err(Refusal::Missing)
    }

    pub(super) fn split(&self, _verified: &Verified<'_>) -> Result<Split, Malformed> {
        Err(Malformed { expected: "known yet" })
    }
}
