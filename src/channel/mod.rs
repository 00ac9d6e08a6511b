//! Channels: one file per provider, each read beside its section of `providers.md`.
//!
//! A provider's file knows how its webhooks are verified, what they hold and how they are answered.
//! It does no IO, holds no state, takes time as an argument and knows nothing of tenants, accounts'
//! names or backends: those are the shell's (`ingress`).
//!
//! **Invariant:** [`Provider::split`] takes a [`Verified`], which only [`Provider::verify`] makes:
//! nothing is parsed for its meaning before its signature matched.

pub mod email;
pub mod event;
#[doc(hidden)]
pub mod fuzzing;
pub mod line;
pub mod mailgun;
pub mod messenger;
pub mod meta;
pub mod postmark;
pub mod sendgrid;
pub mod sns;
pub mod standard;
pub mod telegram;
pub mod twitter;
pub mod whatsapp;

pub mod instagram;
pub mod json;
mod limit;
pub mod signature;

use std::fmt;

use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};

pub use self::{
    event::{Event, Item, Kind, Message, Split, Thread},
    limit::Limit,
};
use crate::ids::Timestamp;

/// A kind of provider.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// WhatsApp Cloud API.
    Whatsapp,
    /// Telegram Bot API.
    Telegram,
    /// LINE Messaging API.
    Line,
    /// Facebook Messenger.
    Facebook,
    /// Instagram messaging.
    Instagram,
    /// X: Account Activity and X Activity.
    Twitter,
    /// Email through a relay.
    Email,
    /// A web chat that sends Standard Webhooks.
    Webchat,
    /// A live chat that sends Standard Webhooks.
    Livechat,
    /// A CRM that sends Standard Webhooks.
    Crm,
}

impl Channel {
    /// Every channel.
    pub const ALL: [Self; 10] = [
        Self::Whatsapp,
        Self::Telegram,
        Self::Line,
        Self::Facebook,
        Self::Instagram,
        Self::Twitter,
        Self::Email,
        Self::Webchat,
        Self::Livechat,
        Self::Crm,
    ];

    /// The word used in configuration, metrics, event sources and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Whatsapp => "whatsapp",
            Self::Telegram => "telegram",
            Self::Line => "line",
            Self::Facebook => "facebook",
            Self::Instagram => "instagram",
            Self::Twitter => "twitter",
            Self::Email => "email",
            Self::Webchat => "webchat",
            Self::Livechat => "livechat",
            Self::Crm => "crm",
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who posts to an endpoint, with what is needed to believe it.
#[derive(Clone, Debug)]
pub enum Provider {
    /// WhatsApp, Messenger and Instagram: one Meta app may send all three.
    Meta(meta::Meta),
    /// A Telegram bot.
    Telegram(telegram::Telegram),
    /// A LINE channel.
    Line(line::Line),
    /// An X app.
    Twitter(twitter::Twitter),
    /// Mailgun routes and event webhooks.
    Mailgun(mailgun::Mailgun),
    /// SendGrid Inbound Parse and event webhook.
    Sendgrid(sendgrid::Sendgrid),
    /// Postmark inbound and event webhooks.
    Postmark(postmark::Postmark),
    /// SES through SNS.
    Sns(sns::Sns),
    /// A Standard Webhooks source.
    Standard(standard::Standard),
}

/// The most items that one webhook may hold: ten times the 1000 that Meta documents, which is the most of
/// all providers (`providers.md` sections 1 and 10). A body with more is [`Malformed`].
pub const ITEMS_MAX: usize = 10_000;

const TOO_MANY: Malformed =
    Malformed { expected: "a batch of at most 10000 items", limit: Some(Limit::Items) };

/// One webhook call, as received. Nothing in it is believed.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The query string, without `?`.
    pub query: Option<&'a str>,
    /// All headers.
    pub headers: &'a HeaderMap,
    /// The exact bytes of the body.
    pub body: &'a [u8],
    /// When it arrived.
    pub now: Timestamp,
}

/// A request whose signature or token matched a secret of its endpoint. Made only by
/// [`Provider::verify`].
#[derive(Clone, Copy, Debug)]
pub struct Verified<'a> {
    request: Request<'a>,
    secret: signature::Matched,
}

impl<'a> Verified<'a> {
    /// The believed body.
    #[must_use]
    pub fn body(&self) -> &'a [u8] {
        self.request.body
    }

    /// The headers. Most providers sign the body alone: a header proves nothing unless its file says so.
    #[must_use]
    pub fn headers(&self) -> &'a HeaderMap {
        self.request.headers
    }

    /// When it arrived.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.request.now
    }

    /// Which of the endpoint's secrets matched, for the metric that tells when an old one is unused.
    #[must_use]
    pub fn secret(&self) -> signature::Matched {
        self.secret
    }
}

/// Why a request is not believed. Every variant is answered 401 with the same words; the difference
/// is for the operator's metrics and log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// The signature or token is absent.
    #[error("no signature")]
    Missing,
    /// It is there, but not in the shape that the provider documents.
    #[error("the signature is not in the provider's form")]
    Malformed,
    /// It matches no secret.
    #[error("the signature matches no secret of the endpoint")]
    Wrong,
    /// The signed time is outside the replay window.
    #[error("the signed time is outside the replay window")]
    Stale,
    /// It is signed by somebody whom the endpoint does not list (SNS topic, certificate host).
    #[error("the sender is not on the endpoint's list")]
    NotListed,
    /// It is over a limit on what is looked at to verify it.
    #[error("there is more to verify than is looked at")]
    TooMany(Limit),
}

impl Refusal {
    /// Every refusal, for metrics.
    pub const ALL: [Self; 6] = [
        Self::Missing,
        Self::Malformed,
        Self::Wrong,
        Self::Stale,
        Self::NotListed,
        Self::TooMany(Limit::Signatures),
    ];

    /// The metric label.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Wrong => "wrong",
            Self::Stale => "stale",
            Self::NotListed => "not_listed",
            Self::TooMany(_) => "too_many",
        }
    }

    /// The limit that the request is over, if that is why it is not believed.
    #[must_use]
    pub fn limit(self) -> Option<Limit> {
        if let Self::TooMany(limit) = self { Some(limit) } else { None }
    }
}

/// A verified body that cannot be read at all: not JSON, not a form, a repeated key that matters.
/// Anything that can be read but is not known becomes an event of [`Kind::Unknown`] instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body is not {expected}")]
pub struct Malformed {
    /// What was expected, in words that quote nothing of the body.
    pub expected: &'static str,
    /// The limit that it is over, if that is what is wrong.
    pub limit: Option<Limit>,
}

/// What the shell must fetch before a request can be verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing.
    Nothing,
    /// The PEM certificate at this URL, whose scheme, host and path were checked (SNS).
    Certificate(String),
}

/// What the shell fetched for a [`Need`].
#[derive(Clone, Copy, Debug)]
pub enum Evidence<'a> {
    /// Nothing was needed.
    Nothing,
    /// A PEM certificate whose chain and dates the shell checked.
    Certificate(&'a [u8]),
}

/// An answer to a provider. It is Headgate's own and inert: no text of a backend or a customer is in
/// it, and its body has no meaning to the provider, save for a handshake's challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status that makes this provider retry, stop or confirm.
    pub status: StatusCode,
    /// `content-type`, if there is a body.
    pub content_type: Option<&'static str>,
    /// The body.
    pub body: String,
}

impl Answer {
    /// An answer without a body.
    #[must_use]
    pub fn empty(status: StatusCode) -> Self {
        Self { status, content_type: None, body: String::new() }
    }

    /// A short plain text for people who read logs.
    #[must_use]
    pub fn text(status: StatusCode, body: impl Into<String>) -> Self {
        Self { status, content_type: Some("text/plain; charset=utf-8"), body: body.into() }
    }
}

impl Provider {
    /// The provider's word in metrics and logs.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Meta(_) => "meta",
            Self::Telegram(_) => "telegram",
            Self::Line(_) => "line",
            Self::Twitter(_) => "twitter",
            Self::Mailgun(_) => "mailgun",
            Self::Sendgrid(_) => "sendgrid",
            Self::Postmark(_) => "postmark",
            Self::Sns(_) => "sns",
            Self::Standard(_) => "standard",
        }
    }

    /// The channel of what it sends; of a Meta app, which may send three, the first that is taken.
    #[must_use]
    pub fn channel(&self) -> Channel {
        match self {
            Self::Meta(meta) => meta.channels.first().copied().unwrap_or(Channel::Whatsapp),
            Self::Telegram(_) => Channel::Telegram,
            Self::Line(_) => Channel::Line,
            Self::Twitter(_) => Channel::Twitter,
            Self::Mailgun(_) | Self::Sendgrid(_) | Self::Postmark(_) | Self::Sns(_) => Channel::Email,
            Self::Standard(standard) => standard.channel,
        }
    }

    /// Answers a `GET`: the handshake of Meta (section 1) and X (section 7). Others have none.
    #[must_use]
    pub fn handshake(&self, request: &Request<'_>) -> Answer {
        match self {
            Self::Meta(meta) => meta.handshake(request),
            Self::Twitter(twitter) => twitter.handshake(request),
            Self::Telegram(_)
            | Self::Line(_)
            | Self::Mailgun(_)
            | Self::Sendgrid(_)
            | Self::Postmark(_)
            | Self::Sns(_)
            | Self::Standard(_) => Answer::text(StatusCode::METHOD_NOT_ALLOWED, "this endpoint takes POST\n"),
        }
    }

    /// What must be fetched before [`Provider::verify`] can decide.
    ///
    /// # Errors
    /// If the request asks for something that is never fetched.
    pub fn need(&self, request: &Request<'_>) -> Result<Need, Refusal> {
        match self {
            Self::Sns(sns) => sns.need(request),
            Self::Meta(_)
            | Self::Telegram(_)
            | Self::Line(_)
            | Self::Twitter(_)
            | Self::Mailgun(_)
            | Self::Sendgrid(_)
            | Self::Postmark(_)
            | Self::Standard(_) => Ok(Need::Nothing),
        }
    }

    /// What the head tells against a request before its body is read: the credential is missing or not in
    /// the provider's form, or, where nothing is signed and the head holds all there is, it is wrong. So a
    /// stranger cannot make us read and hold a large body. [`Provider::verify`] decides.
    ///
    /// # Errors
    /// The [`Refusal`] that [`Provider::verify`] would give whatever the body is.
    pub fn check_head(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        match self {
            Self::Meta(_) => meta::mac(headers).map(drop),
            Self::Telegram(telegram) => telegram.check_token(headers).map(drop),
            Self::Line(_) => line::mac(headers).map(drop),
            Self::Twitter(_) => twitter::mac(headers).map(drop),
            // The signature is in the body.
            Self::Mailgun(_) => Ok(()),
            Self::Sendgrid(sendgrid) => sendgrid.check_head(headers),
            Self::Postmark(postmark) => postmark.check_password(headers).map(drop),
            Self::Sns(sns) => sns.check_password(headers).map(drop),
            Self::Standard(standard) => standard.signed(headers).map(drop),
        }
    }

    /// Decides whether the request is the provider's, over the exact bytes received.
    ///
    /// # Errors
    /// A [`Refusal`] with the reason for metrics; the sender is told none of it.
    pub fn verify<'a>(&self, request: Request<'a>, evidence: Evidence<'_>) -> Result<Verified<'a>, Refusal> {
        let secret = match self {
            Self::Meta(meta) => meta.verify(&request),
            Self::Telegram(telegram) => telegram.verify(&request),
            Self::Line(line) => line.verify(&request),
            Self::Twitter(twitter) => twitter.verify(&request),
            Self::Mailgun(mailgun) => mailgun.verify(&request),
            Self::Sendgrid(sendgrid) => sendgrid.verify(&request),
            Self::Postmark(postmark) => postmark.verify(&request),
            Self::Sns(sns) => sns.verify(&request, evidence),
            Self::Standard(standard) => standard.verify(&request),
        }?;
        Ok(Verified { request, secret })
    }

    /// The status for a verified body that cannot be read ([`Malformed`]; it is kept in quarantine), so that
    /// the provider does not send it again where it has a word for that.
    ///
    /// Telegram repeats the same update for up to 24 h and holds its chat until then (section 5): it is told
    /// that all is well, and so is SendGrid, which may repeat on 4xx too (section 10). Mailgun stops at 406
    /// (section 9) and Postmark at 403 (section 11), SNS at any 4xx (section 12). The others go on with the
    /// next webhook.
    #[must_use]
    pub fn malformed_status(&self) -> StatusCode {
        match self {
            Self::Telegram(_) | Self::Sendgrid(_) => StatusCode::OK,
            Self::Mailgun(_) => StatusCode::NOT_ACCEPTABLE,
            Self::Postmark(_) => StatusCode::FORBIDDEN,
            Self::Meta(_) | Self::Line(_) | Self::Twitter(_) | Self::Sns(_) | Self::Standard(_) => {
                StatusCode::BAD_REQUEST
            }
        }
    }

    /// Splits a verified body into its items.
    ///
    /// # Errors
    /// If the body cannot be read at all, or holds more than [`ITEMS_MAX`] items.
    pub fn split(&self, verified: &Verified<'_>) -> Result<Split, Malformed> {
        let split = match self {
            Self::Meta(meta) => meta.split(verified),
            Self::Telegram(telegram) => telegram.split(verified),
            Self::Line(line) => line.split(verified),
            Self::Twitter(twitter) => twitter.split(verified),
            Self::Mailgun(mailgun) => mailgun.split(verified),
            Self::Sendgrid(sendgrid) => sendgrid.split(verified),
            Self::Postmark(postmark) => postmark.split(verified),
            Self::Sns(sns) => sns.split(verified),
            Self::Standard(standard) => standard.split(verified),
        }?;
        if split.items.len() > ITEMS_MAX {
            return Err(TOO_MANY);
        }
        Ok(split)
    }
}
