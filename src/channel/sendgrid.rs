//! SendGrid Inbound Parse and event webhook: `providers.md` section 10.

use std::{collections::HashMap, time::Duration};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use http::header::CONTENT_TYPE;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    Malformed, Refusal, Request, Split, Verified,
    email::{
        self, Headers, Mail,
        form::{self, Form},
        mime,
        receipt::{Outcome, Receipt},
    },
    event::{Event, Item, Media, Raw},
    json::{Each, Id, Number, lenient},
    meta::loose::Object,
    signature::{self, Matched},
};
use crate::{ids::Timestamp, secret::Secret};

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
    pub(super) fn verify(&self, request: &Request<'_>) -> Result<Matched, Refusal> {
        let basic = self.check_password(request.headers)?;
        let signed = (!self.public_keys.is_empty()).then(|| self.signed_by(request)).transpose()?;
        signed.or(basic).ok_or(Refusal::Missing)
    }

    pub(super) fn check_head(&self, headers: &http::HeaderMap) -> Result<(), Refusal> {
        self.check_password(headers)?;
        if self.public_keys.is_empty() { Ok(()) } else { claimed(headers).map(drop) }
    }

    /// Which password matched; `None` if the endpoint has none.
    fn check_password(&self, headers: &http::HeaderMap) -> Result<Option<Matched>, Refusal> {
        (!self.basic.is_empty()).then(|| signature::basic(headers, &self.basic)).transpose()
    }

    /// Which key signed the timestamp followed by the raw body.
    fn signed_by(&self, request: &Request<'_>) -> Result<Matched, Refusal> {
        let (timestamp, given) = claimed(request.headers)?;
        let signed = [timestamp.as_bytes(), request.body].concat();
        let matched = self
            .public_keys
            .iter()
            .position(|key| {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key).verify(&signed, &given).is_ok()
            })
            .map(Matched)
            .ok_or(Refusal::Wrong)?;
        let seconds = timestamp.parse().map_err(|_not_a_number| Refusal::Malformed)?;
        signature::fresh(Timestamp::from_secs(seconds), request.now, self.window)?;
        Ok(matched)
    }

    pub(super) fn split(&self, verified: &Verified<'_>) -> Result<Split, Malformed> {
        let body = verified.body();
        let content_type = verified.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let items = match content_type.filter(|value| form::is(value, "multipart/form-data")) {
            Some(content_type) => inbound(&Form::read(content_type, body)?, body),
            None => events(body)?,
        };
        Ok(Split { items, ..Split::default() })
    }
}

/// The timestamp and the signature that the head claims.
fn claimed(headers: &http::HeaderMap) -> Result<(&str, Vec<u8>), Refusal> {
    let signature = signature::header(headers, "x-twilio-email-event-webhook-signature")?;
    let timestamp = signature::header(headers, "x-twilio-email-event-webhook-timestamp")?;
    Ok((timestamp, signature::base64(signature)?))
}

/// The event webhook: a JSON array.
fn events(body: &[u8]) -> Result<Vec<Item>, Malformed> {
    serde_json::from_slice::<&RawValue>(body)
        .map_err(|_not_json| Malformed { expected: "a form or JSON", limit: None })?;
    let Ok(batch) = serde_json::from_slice::<Vec<&RawValue>>(body) else {
        return Ok(vec![email::unknown(body, Raw::Whole)]);
    };
    let item = |fragment: &&RawValue| {
        let raw = Raw::slice_of(body, fragment.get());
        match serde_json::from_str::<Sent<'_>>(fragment.get()) {
            Ok(sent) => sent.event(fragment, raw).into(),
            Err(_of_another_shape) => email::unknown(fragment.get().as_bytes(), raw),
        }
    };
    Ok(batch.iter().map(item).collect())
}

/// What became of a mail that we sent.
#[derive(Deserialize)]
struct Sent<'a> {
    event: Option<String>,
    email: Option<String>,
    #[serde(borrow)]
    sg_event_id: Option<Id<'a>>,
    timestamp: Option<Number>,
    /// Starts with the `X-Message-Id` of the answer to our sending.
    #[serde(default, deserialize_with = "lenient")]
    sg_message_id: Option<String>,
    /// Written in one of two ways.
    #[serde(rename = "smtp-id", default, deserialize_with = "lenient")]
    smtp_id: Option<String>,
    #[serde(rename = "smtp_id", default, deserialize_with = "lenient")]
    smtp_id_too: Option<String>,
    #[serde(rename = "type")]
    bounce_type: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    status: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    reason: Option<String>,
}

impl Sent<'_> {
    /// Where SendGrid does not name the mail as recipients see it, it is named as we know it from sending.
    fn event(self, fragment: &RawValue, raw: Raw) -> Event {
        let receipt = self.receipt(fragment);
        let ours = receipt.mail.clone();
        let mut event = receipt.event(raw);
        event.message.id = event.message.id.or(ours);
        event
    }

    fn receipt(self, fragment: &RawValue) -> Receipt {
        let event = self.event.unwrap_or_default();
        let outcome = match event.as_str() {
            "delivered" => Outcome::Delivered,
            "open" => Outcome::Read,
            "bounce" => Outcome::Bounced,
            "dropped" => Outcome::Failed,
            _ => Outcome::Other,
        };
        // What follows the id of the mail tells SendGrid's machines apart.
        let mail = self.sg_message_id.as_deref().and_then(|id| id.split(".filter").next());
        let mail = mail.filter(|mail| !mail.is_empty()).map(str::to_owned);
        let id = self.sg_event_id.map(|id| id.as_str().to_owned()).filter(|id| !id.is_empty());
        Receipt {
            // SendGrid names the recipient alone.
            sender: None,
            mail,
            message_ids: self.smtp_id.or(self.smtp_id_too).as_deref().map(email::ids).unwrap_or_default(),
            dedupe: vec![format!(
                "relay:{}",
                id.unwrap_or_else(|| email::digest_of([fragment.get().as_bytes()]))
            )],
            time: self.timestamp.map(|Number(seconds)| Timestamp::from_secs(seconds)),
            outcome,
            subtype: self.bounce_type.map_or_else(|| event.clone(), |kind| format!("{event}.{kind}")),
            recipient: self.email,
            error: self.status.or(self.reason),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Envelope {
    to: Each<String>,
    #[serde(deserialize_with = "lenient")]
    from: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct AttachmentInfo {
    #[serde(deserialize_with = "lenient")]
    filename: Option<String>,
    #[serde(rename = "type", deserialize_with = "lenient")]
    content_type: Option<String>,
}

/// Fields of which a mail has at least one.
const MAIL: [&str; 8] = ["headers", "email", "envelope", "from", "to", "subject", "text", "html"];

/// What SendGrid found out about the sender, and the fields that say it.
const VERDICTS: [(&str, &str); 3] = [("spf", "SPF"), ("dkim", "dkim"), ("spam_score", "spam_score")];

/// Inbound Parse: a mail, raw or taken apart.
///
/// The boundary of SendGrid's form is the same for everybody, so a sender can write fields, or the form's end,
/// into the mail: what comes twice with different values is flagged, and no verdict is believed that may be
/// the sender's own.
fn inbound(form: &Form, body: &[u8]) -> Vec<Item> {
    if !MAIL.iter().any(|name| form.first(name).is_some()) {
        return vec![email::unknown(body, Raw::Whole)];
    }
    let charsets: HashMap<String, serde_json::Value> = json(form, "charsets");
    let text = |name: &str| {
        let charset = charsets.get(name).and_then(serde_json::Value::as_str);
        form.first(name).map(|value| mime::decode(charset, value))
    };
    let mut mail = match form.first("email") {
        Some(raw) => mime::read(raw),
        None => parsed(form, &text),
    };
    let list = |name: &str| text(name).map(|value| email::headers::addresses(&value)).unwrap_or_default();
    mail.from = mail.from.or_else(|| list("from").into_iter().next());
    if mail.to.is_empty() {
        mail.to = list("to").into_iter().map(|party| party.id).collect();
    }
    if mail.cc.is_empty() {
        mail.cc = list("cc").into_iter().map(|party| party.id).collect();
    }
    mail.subject = mail.subject.or_else(|| text("subject"));
    let verdicts = VERDICTS.iter().map(|(_verdict, name)| *name);
    for name in MAIL.into_iter().chain(["charsets"]).chain(verdicts).filter(|name| form.conflicts(name)) {
        mail.ambiguous.push(format!("repeated field {name}").into());
    }
    if form.goes_on() {
        mail.ambiguous.push("form with a text behind its end".into());
    }
    let envelope: Envelope = json(form, "envelope");
    mail.envelope_to = envelope.to.readable().collect();
    mail.envelope_from = envelope.from;
    mail.verdicts = VERDICTS
        .into_iter()
        .filter(|(_verdict, name)| !form.goes_on() && !form.conflicts(name))
        .filter_map(|(verdict, name)| Some((verdict.into(), form.text(name)?)))
        .collect();
    mail.events(&Raw::Whole)
}

/// A mail that SendGrid took apart. Each field is in the charset that `charsets` names for it.
fn parsed(form: &Form, text: &impl Fn(&str) -> Option<String>) -> Mail {
    let mut mail = Mail::of(Headers::read(form.first("headers").map(AsRef::as_ref).unwrap_or_default()));
    mail.subject = text("subject").or(mail.subject);
    mail.text = text("text");
    mail.html = text("html");
    let info: HashMap<String, Object<AttachmentInfo>> = json(form, "attachment-info");
    for field in form.fields().iter().filter(|field| field.name.starts_with("attachment")) {
        let Some(file_name) = &field.file_name else { continue };
        let info = info.get(&field.name).and_then(|info| info.0.as_ref());
        let media = Media {
            id: Some(field.name.clone()),
            name: info.and_then(|info| info.filename.clone()).or_else(|| Some(file_name.clone())),
            content_type: field
                .content_type
                .clone()
                .or_else(|| info.and_then(|info| info.content_type.clone())),
            ..Media::default()
        };
        mail.attach(media, &field.bytes);
    }
    mail
}

/// A field that holds JSON; what it would be without it, if it cannot be read.
fn json<T: Default + for<'de> Deserialize<'de>>(form: &Form, name: &str) -> T {
    form.first(name).and_then(|value| serde_json::from_slice(value).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
