//! SES through SNS: `providers.md` section 12.
//!
//! Any AWS account can send a message with a valid signature to our URL: the topic is on the endpoint's
//! list, or nothing else of the message is looked at, fetched or visited. The certificate is fetched by
//! the shell, which also checks its chain and dates; here it is only the key.

mod address;
mod ses;

use std::{borrow::Cow, time::Duration};

use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, RsaParameters,
    UnparsedPublicKey,
};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use serde::Deserialize;
use serde_json::value::RawValue;
use x509_parser::{certificate::X509Certificate, prelude::FromDer};

use self::address::Arn;
use super::{
    Evidence, Malformed, Need, Refusal, Request, Split, Verified, email,
    event::{Ignored, Item, Raw},
    signature::{self, Matched},
};
use crate::{ids::Timestamp, secret::Secret};

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
    pub(super) fn need(&self, request: &Request<'_>) -> Result<Need, Refusal> {
        match self.believable(request)? {
            Delivery::Signed { certificate, .. } => Ok(Need::Certificate(certificate)),
            Delivery::Raw(_) => Ok(Need::Nothing),
        }
    }

    pub(super) fn verify(&self, request: &Request<'_>, evidence: Evidence<'_>) -> Result<Matched, Refusal> {
        match (self.believable(request)?, evidence) {
            (Delivery::Signed { envelope, .. }, Evidence::Certificate(pem)) => {
                envelope.verify(pem)?;
                Ok(Matched(0))
            }
            (Delivery::Signed { .. }, Evidence::Nothing) => Err(Refusal::Missing),
            (Delivery::Raw(matched), _) => Ok(matched),
        }
    }

    /// Which password matched; `None` if the endpoint has none.
    pub(super) fn check_password(&self, headers: &http::HeaderMap) -> Result<Option<Matched>, Refusal> {
        (!self.basic.is_empty()).then(|| signature::basic(headers, &self.basic)).transpose()
    }

    /// All that can be checked of a request before anything is fetched for it.
    fn believable<'a>(&self, request: &Request<'a>) -> Result<Delivery<'a>, Refusal> {
        let basic = self.check_password(request.headers)?;
        match (Envelope::read(request.body), basic) {
            (Some(envelope), _) => {
                let topic = self.listed(&envelope.topic_arn)?;
                let time = envelope.time().ok_or(Refusal::Malformed)?;
                signature::fresh(time, request.now, self.window)?;
                envelope.signature.as_ref().ok_or(Refusal::Missing)?;
                let url = envelope.signing_cert_url.as_deref().ok_or(Refusal::Missing)?;
                let certificate = address::certificate(url, topic).ok_or(Refusal::NotListed)?.to_owned();
                Ok(Delivery::Signed { envelope: Box::new(envelope), certificate })
            }
            (None, Some(matched)) if is_raw_delivery(request.headers) => {
                self.listed(signature::header(request.headers, "x-amz-sns-topic-arn")?)?;
                Ok(Delivery::Raw(matched))
            }
            (None, _) => Err(Refusal::Missing),
        }
    }

    fn listed<'t>(&self, topic: &'t str) -> Result<Arn<'t>, Refusal> {
        let listed = self.topics.iter().any(|listed| listed == topic);
        Arn::read(topic).filter(|_| listed).ok_or(Refusal::NotListed)
    }

    pub(super) fn split(&self, verified: &Verified<'_>) -> Result<Split, Malformed> {
        let Some(envelope) = Envelope::read(verified.body()) else { return raw_delivery(verified) };
        let mut split = Split::default();
        match envelope.kind {
            Type::Notification => split.items = envelope.items(),
            Type::SubscriptionConfirmation => {
                split.confirm = Some(envelope.subscribe_url()?.to_owned());
                split.items.push(Item::Ignored(Ignored::Verification));
            }
            // Its URL would subscribe us again: never visited.
            Type::UnsubscribeConfirmation => split.items.push(Item::Ignored(Ignored::Housekeeping)),
        }
        Ok(split)
    }
}

/// A request that may be believed, if its signature is right.
enum Delivery<'a> {
    /// With an envelope, to be checked with the certificate at this URL.
    Signed { envelope: Box<Envelope<'a>>, certificate: String },
    /// Without one, believed for its password.
    Raw(Matched),
}

fn is_raw_delivery(headers: &http::HeaderMap) -> bool {
    signature::header(headers, "x-amz-sns-rawdelivery").is_ok_and(|value| value == "true")
}

/// Raw message delivery: the body is the message. The headers are as good as the password.
fn raw_delivery(verified: &Verified<'_>) -> Result<Split, Malformed> {
    let body = verified.body();
    let text = std::str::from_utf8(body).map_err(|_not_text| Malformed { expected: "text", limit: None })?;
    let header = |name| signature::header(verified.headers(), name).ok();
    let id = header("x-amz-sns-message-id").map_or_else(|| email::digest_of([body]), str::to_owned);
    let region = header("x-amz-sns-topic-arn").and_then(Arn::read).map_or("", |arn| arn.region);
    let items = ses::items(text, &ses::Context { sns_id: &id, region, time: None }, Raw::Whole);
    Ok(Split { items, ..Split::default() })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
enum Type {
    Notification,
    SubscriptionConfirmation,
    UnsubscribeConfirmation,
}

impl Type {
    fn as_str(self) -> &'static str {
        match self {
            Self::Notification => "Notification",
            Self::SubscriptionConfirmation => "SubscriptionConfirmation",
            Self::UnsubscribeConfirmation => "UnsubscribeConfirmation",
        }
    }
}

/// The envelope; its `Type` and `TopicArn` count, the headers that repeat them are not signed.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Envelope<'a> {
    #[serde(rename = "Type")]
    kind: Type,
    #[serde(borrow)]
    message_id: Cow<'a, str>,
    #[serde(borrow)]
    topic_arn: Cow<'a, str>,
    #[serde(borrow)]
    message: Cow<'a, str>,
    #[serde(borrow)]
    timestamp: Cow<'a, str>,
    #[serde(borrow)]
    subject: Option<Cow<'a, str>>,
    #[serde(borrow)]
    token: Option<Cow<'a, str>>,
    #[serde(rename = "SubscribeURL", borrow)]
    subscribe_url: Option<Cow<'a, str>>,
    #[serde(borrow)]
    signature_version: Option<Cow<'a, str>>,
    #[serde(borrow)]
    signature: Option<Cow<'a, str>>,
    #[serde(rename = "SigningCertURL", borrow)]
    signing_cert_url: Option<Cow<'a, str>>,
}

impl<'a> Envelope<'a> {
    fn read(body: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }

    fn time(&self) -> Option<Timestamp> {
        self.timestamp.parse::<jiff::Timestamp>().ok().map(|time| Timestamp(time.as_millisecond()))
    }

    fn subscribe_url(&self) -> Result<&str, Malformed> {
        let topic = Arn::read(&self.topic_arn);
        let url = self.subscribe_url.as_deref();
        let checked = topic.zip(url).and_then(|(topic, url)| address::confirmation(url, topic));
        checked.ok_or(Malformed { expected: "a confirmation by a URL of SNS", limit: None })
    }

    /// Checks the signature with the certificate's key.
    fn verify(&self, pem: &[u8]) -> Result<(), Refusal> {
        let algorithm: &RsaParameters = match self.signature_version.as_deref() {
            Some("1") => &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
            Some("2") => &RSA_PKCS1_2048_8192_SHA256,
            Some(_) | None => return Err(Refusal::Malformed),
        };
        let signature = signature::base64(self.signature.as_deref().unwrap_or_default())?;
        let certificate = CertificateDer::from_pem_slice(pem).map_err(|_not_pem| Refusal::Malformed)?;
        let (_, certificate) =
            X509Certificate::from_der(&certificate).map_err(|_not_a_certificate| Refusal::Malformed)?;
        let key = certificate.public_key().subject_public_key.data.as_ref();
        UnparsedPublicKey::new(algorithm, key)
            .verify(self.signed().as_bytes(), &signature)
            .map_err(|_no_match| Refusal::Wrong)
    }

    /// What is signed: these keys, where they exist, in this order.
    fn signed(&self) -> String {
        let message = [("Message", Some(&*self.message)), ("MessageId", Some(&*self.message_id))];
        let special = match self.kind {
            Type::Notification => [("Subject", self.subject.as_deref()), ("", None)],
            Type::SubscriptionConfirmation | Type::UnsubscribeConfirmation => {
                [("SubscribeURL", self.subscribe_url.as_deref()), ("", None)]
            }
        };
        let time = [("Timestamp", Some(&*self.timestamp))];
        let token = match self.kind {
            Type::Notification => None,
            Type::SubscriptionConfirmation | Type::UnsubscribeConfirmation => self.token.as_deref(),
        };
        let rest =
            [("Token", token), ("TopicArn", Some(&*self.topic_arn)), ("Type", Some(self.kind.as_str()))];
        let all = message.into_iter().chain(special).chain(time).chain(rest);
        all.filter_map(|(key, value)| Some(format!("{key}\n{}\n", value?))).collect()
    }

    fn items(&self) -> Vec<Item> {
        let raw = match serde_json::from_str::<&RawValue>(&self.message) {
            Ok(json) => Raw::Owned(json.get().into()),
            Err(_not_json) => Raw::Whole,
        };
        let region = Arn::read(&self.topic_arn).map_or("", |arn| arn.region);
        let context = ses::Context { sns_id: &self.message_id, region, time: self.time() };
        ses::items(&self.message, &context, raw)
    }
}

#[cfg(test)]
mod tests;
