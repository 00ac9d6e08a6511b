//! Mailgun routes and event webhooks: `providers.md` section 9.
//!
//! The signature stands inside the form and covers `timestamp` and `token` alone, **not the content**: who
//! sees one webhook can send another body with it until the window closes. The token is therefore handed
//! on as a value that may be used once ([`Split::nonce`]).

mod fields;

use std::time::Duration;

use http::header::CONTENT_TYPE;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    Malformed, Refusal, Request, Split, Verified,
    email::{
        self,
        form::{self, Form},
        receipt::{Outcome, Receipt},
    },
    event::{Item, Raw},
    json::Id,
    signature::{self, Matched},
};
use crate::{ids::Timestamp, secret::Secret};

/// A Mailgun route or event webhook.
#[derive(Clone, Debug)]
pub struct Mailgun {
    /// Webhook signing keys; several while rotating, never empty.
    pub signing_keys: Vec<Secret>,
    /// How old or how far ahead the signed `timestamp` may be.
    pub window: Duration,
}

impl Mailgun {
    pub(super) fn verify(&self, request: &Request<'_>) -> Result<Matched, Refusal> {
        let signature = Body::read(request.headers, request.body)
            .map_err(|malformed| malformed.limit.map_or(Refusal::Malformed, Refusal::TooMany))?
            .signature()?;
        let mac = signature::hex(&signature.signature)?;
        let parts = [signature.timestamp.as_bytes(), signature.token.as_bytes()];
        let matched = signature::hmac_sha256(&self.signing_keys, &parts, &mac)?;
        signature::fresh(signature.time()?, request.now, self.window)?;
        Ok(matched)
    }

    pub(super) fn split(&self, verified: &Verified<'_>) -> Result<Split, Malformed> {
        let body = Body::read(verified.headers(), verified.body())?;
        let signature = body.signature().ok();
        let time = signature.as_ref().and_then(|signature| signature.time().ok());
        let items = match body {
            Body::Json(webhook) => vec![webhook.event(verified.body())],
            Body::Form(form) => fields::items(&form, time, verified.body()),
            Body::OtherJson => vec![email::unknown(verified.body(), Raw::Whole)],
        };
        Ok(Split { items, nonce: signature.map(|signature| signature.token), ..Split::default() })
    }
}

/// The signed values, wherever they stood.
struct Signature {
    timestamp: String,
    token: String,
    signature: String,
}

impl Signature {
    fn time(&self) -> Result<Timestamp, Refusal> {
        // Digits alone: the two signed values are joined without a mark between them.
        let digits = self.timestamp.bytes().all(|b| b.is_ascii_digit());
        let seconds = self.timestamp.parse().ok().filter(|_| digits).ok_or(Refusal::Malformed)?;
        Ok(Timestamp::from_secs(seconds))
    }
}

enum Body<'a> {
    /// An event webhook.
    Json(Webhook<'a>),
    /// Something else that is JSON.
    OtherJson,
    /// A route's mail, or a legacy event webhook.
    Form(Form),
}

impl<'a> Body<'a> {
    fn read(headers: &http::HeaderMap, body: &'a [u8]) -> Result<Self, Malformed> {
        let content_type =
            headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if form::is(content_type, "application/json") {
            serde_json::from_slice::<&RawValue>(body)
                .map_err(|_not_json| Malformed { expected: "JSON", limit: None })?;
            return Ok(serde_json::from_slice(body).map_or(Self::OtherJson, Self::Json));
        }
        Form::read(content_type, body).map(Self::Form)
    }

    /// The signed values. A header of the mail may be called `token` and then stands in the form like
    /// Mailgun's own field: two different values are refused.
    fn signature(&self) -> Result<Signature, Refusal> {
        match self {
            Self::Json(webhook) => {
                let text = |id: &Id<'_>| id.as_str().to_owned();
                let SignatureObject { timestamp, token, signature } = &webhook.signature;
                Ok(Signature { timestamp: text(timestamp), token: text(token), signature: text(signature) })
            }
            Self::OtherJson => Err(Refusal::Missing),
            Self::Form(form) => {
                let field = |name| {
                    if form.conflicts(name) {
                        return Err(Refusal::Malformed);
                    }
                    let value = form.first(name).ok_or(Refusal::Missing)?;
                    std::str::from_utf8(value).map(str::to_owned).map_err(|_not_text| Refusal::Malformed)
                };
                Ok(Signature {
                    timestamp: field("timestamp")?,
                    token: field("token")?,
                    signature: field("signature")?,
                })
            }
        }
    }
}

/// An event webhook.
#[derive(Deserialize)]
struct Webhook<'a> {
    #[serde(borrow)]
    signature: SignatureObject<'a>,
    #[serde(rename = "event-data", borrow)]
    event_data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct SignatureObject<'a> {
    #[serde(borrow)]
    timestamp: Id<'a>,
    #[serde(borrow)]
    token: Id<'a>,
    #[serde(borrow)]
    signature: Id<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct EventData<'a> {
    event: Option<String>,
    id: Option<String>,
    #[serde(borrow)]
    timestamp: Option<&'a RawValue>,
    severity: Option<String>,
    reason: Option<String>,
    recipient: Option<String>,
    envelope: Option<Envelope>,
    message: Option<SentMessage>,
    delivery_status: Option<DeliveryStatus<'a>>,
}

#[derive(Deserialize)]
struct Envelope {
    sender: Option<String>,
}

#[derive(Deserialize)]
struct SentMessage {
    headers: Option<SentHeaders>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct SentHeaders {
    message_id: Option<String>,
    from: Option<String>,
}

#[derive(Deserialize)]
struct DeliveryStatus<'a> {
    #[serde(borrow)]
    code: Option<Id<'a>>,
}

impl Webhook<'_> {
    fn event(&self, body: &[u8]) -> Item {
        let Some(fragment) = self.event_data else { return email::unknown(body, Raw::Whole) };
        let raw = Raw::slice_of(body, fragment.get());
        match serde_json::from_str::<EventData<'_>>(fragment.get()) {
            Ok(data) => data.receipt(fragment).event(raw).into(),
            Err(_of_another_shape) => email::unknown(fragment.get().as_bytes(), raw),
        }
    }
}

impl EventData<'_> {
    fn receipt(self, fragment: &RawValue) -> Receipt {
        let headers = self.message.and_then(|message| message.headers);
        let (message_id, from) = headers.map_or((None, None), |headers| (headers.message_id, headers.from));
        let sent_by = self.envelope.and_then(|envelope| envelope.sender);
        let from =
            sent_by.or_else(|| email::headers::addresses(&from?).into_iter().next().map(|party| party.id));
        let event = self.event.unwrap_or_default();
        let severity = self.severity.unwrap_or_default();
        let id = self.id.unwrap_or_else(|| email::digest_of([fragment.get().as_bytes()]));
        let code = self.delivery_status.and_then(|status| status.code).map(|code| code.as_str().to_owned());
        let message_ids = message_id.as_deref().map(email::ids).unwrap_or_default();
        Receipt {
            sender: from.filter(|from| email::mailbox(from).is_some()),
            mail: message_ids.first().cloned(),
            message_ids,
            dedupe: vec![format!("relay:{id}")],
            time: self.timestamp.and_then(|seconds| fraction(seconds.get())),
            outcome: outcome(&event, &severity),
            subtype: if severity.is_empty() { event } else { format!("{event}.{severity}") },
            recipient: self.recipient,
            error: code.filter(|code| code != "0").or(self.reason),
        }
    }
}

/// `legacy` webhooks say `bounced` and `dropped` where today's say `failed`.
fn outcome(event: &str, severity: &str) -> Outcome {
    match (event, severity) {
        ("delivered", _) => Outcome::Delivered,
        ("opened", _) => Outcome::Read,
        ("failed", "permanent") | ("bounced", _) => Outcome::Bounced,
        ("rejected" | "dropped", _) => Outcome::Failed,
        _ => Outcome::Other,
    }
}

/// Seconds with a fraction, as a JSON number.
fn fraction(seconds: &str) -> Option<Timestamp> {
    // Rounded at the microsecond, which is what is sent: the nearest number to `.29` lies a little below it.
    let microseconds = (seconds.trim_matches('"').parse::<f64>().ok()? * 1e6).round();
    // A time outside of what a mail relay can mean is no time.
    #[expect(clippy::cast_possible_truncation, reason = "within ±2^52 by the line below")]
    (microseconds.abs() < 4e15).then_some(Timestamp((microseconds as i64).div_euclid(1000)))
}

#[cfg(test)]
mod tests;
