//! Mailgun routes and event webhooks: `providers.md` section 9.
//!
//! The signature stands inside the form and covers `timestamp` and `token` alone, **not the content**: who
//! sees one webhook can send another body with it until the window closes. The token is therefore handed
//! on as a value that may be used once ([`Split::nonce`]).

use std::time::Duration;

use bytes::Bytes;
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
    event::{Item, Media, Raw},
    json::{Each, Id, lenient},
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
            .map_err(|_unreadable| Refusal::Malformed)?
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
        let items = match body {
            Body::Json(webhook) => vec![webhook.event(verified.body())],
            Body::Form(form) => from_form(&form, signature.as_ref(), verified.body()),
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
            serde_json::from_slice::<&RawValue>(body).map_err(|_not_json| Malformed { expected: "JSON" })?;
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
        Receipt {
            sender: from.filter(|from| email::mailbox(from).is_some()),
            message_ids: message_id.as_deref().map(email::ids).unwrap_or_default(),
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

/// A form is a route's mail or a legacy event webhook. Only a mail has a body or an envelope sender, whatever
/// headers its sender gave it.
fn from_form(form: &Form, signature: Option<&Signature>, body: &[u8]) -> Vec<Item> {
    let fields = Fields::of(form);
    let time = signature.and_then(|signature| signature.time().ok());
    let has = |names: &[&'static str]| names.iter().any(|name| fields.bytes(name).is_some());
    if has(&["sender", "body-mime", "body-plain", "body-html"]) {
        return fields.mail(time).events(&Raw::Whole);
    }
    if let Some(event) = fields.text("event") {
        return vec![fields.receipt(event, time).event(Raw::Whole).into()];
    }
    if has(&["recipient", "message-headers"]) {
        return fields.mail(time).events(&Raw::Whole);
    }
    vec![email::unknown(body, Raw::Whole)]
}

/// The fields of a form, of which Mailgun's own are told from those of the mail. Every header of a mail is a
/// field too, under its own name, so a sender can add a second `recipient`, or a `body-mime`.
struct Fields<'f> {
    form: &'f Form,
    /// `message-headers`: what the mail's sender and the relays on its way wrote.
    told: Option<Headers>,
}

impl<'f> Fields<'f> {
    fn of(form: &'f Form) -> Self {
        Self { form, told: message_headers(form) }
    }

    /// The first value of a field of Mailgun's own: each header of this name stands for one of the values.
    fn bytes(&self, name: &'static str) -> Option<&'f Bytes> {
        let mut headers: Vec<&str> = self.told.iter().flat_map(|told| told.exactly(name)).collect();
        self.form.all(name).find(|value| {
            let header = headers.iter().position(|header| is_header(value, header));
            header.map(|place| headers.swap_remove(place)).is_none()
        })
    }

    fn text(&self, name: &'static str) -> Option<String> {
        self.bytes(name).map(|value| String::from_utf8_lossy(value).into_owned())
    }

    /// The mail's headers: `message-headers`, or, where it is missing, the fields that are not Mailgun's own.
    fn headers(&self) -> Headers {
        self.told.clone().unwrap_or_else(|| {
            let fields = self.form.fields().iter().filter(|field| field.file_name.is_none());
            let headers = fields.filter(|field| !OWN.contains(&field.name.as_str()));
            Headers::new(
                headers.map(|field| (field.name.clone(), String::from_utf8_lossy(&field.bytes).into_owned())),
            )
        })
    }

    fn receipt(&self, event: String, time: Option<Timestamp>) -> Receipt {
        let headers = self.headers();
        let from =
            headers.first("From").map(email::headers::addresses).unwrap_or_default().into_iter().next();
        // There is no event id: what a retry would not sign anew tells one event from the next.
        let signed = ["timestamp", "token", "signature"];
        let rest = self.form.fields().iter().filter(|field| !signed.contains(&field.name.as_str()));
        let mut rest: Vec<[&[u8]; 2]> =
            rest.map(|field| [field.name.as_bytes(), field.bytes.as_ref()]).collect();
        rest.sort_unstable();
        let id = email::digest_of(rest.into_iter().flatten());
        Receipt {
            sender: from.map(|from| from.id).or_else(|| self.text("domain")),
            message_ids: headers.first("Message-Id").map(email::ids).unwrap_or_default(),
            dedupe: vec![format!("relay:{id}")],
            time,
            outcome: outcome(&event, ""),
            subtype: event,
            recipient: self.text("recipient"),
            error: self.text("code").or_else(|| self.text("error")),
        }
    }

    fn mail(&self, time: Option<Timestamp>) -> Mail {
        let mut mail = match self.bytes("body-mime") {
            Some(raw) if self.bytes("body-plain").is_none() => mime::read(raw),
            Some(_) | None => self.parsed(),
        };
        for name in ["recipient", "sender", "body-plain", "body-html", "body-mime", "message-headers"] {
            if self.form.conflicts(name) {
                mail.ambiguous.push(format!("repeated field {name}").into());
            }
        }
        mail.envelope_to = self
            .text("recipient")
            .map(|recipients| {
                email::headers::addresses(&recipients).into_iter().map(|party| party.id).collect()
            })
            .unwrap_or_default();
        mail.envelope_from = self.text("sender");
        mail.time = time.or(mail.time);
        let verdicts = [
            ("spf", "X-Mailgun-Spf"),
            ("dkim", "X-Mailgun-Dkim-Check-Result"),
            ("spam", "X-Mailgun-Sflag"),
            ("spam_score", "X-Mailgun-Sscore"),
        ];
        let verdicts = verdicts.into_iter().filter_map(|(verdict, header)| {
            // Mailgun puts its headers before those of the sender.
            let value = mail.headers.first(header).or_else(|| self.told.as_ref()?.first(header))?;
            Some((verdict.into(), value.to_owned()))
        });
        mail.verdicts = verdicts.collect();
        mail
    }

    /// A mail that Mailgun took apart.
    fn parsed(&self) -> Mail {
        let mut mail = Mail::of(self.headers());
        mail.from = mail.from.or_else(|| email::headers::addresses(&self.text("from")?).into_iter().next());
        mail.subject = mail.subject.or_else(|| self.text("subject"));
        mail.text = self.text("body-plain");
        mail.html = self.text("body-html");
        for field in self.form.fields().iter().filter(|field| field.name.starts_with("attachment-")) {
            if let Some(name) = &field.file_name {
                let media = Media {
                    id: Some(field.name.clone()),
                    name: Some(name.clone()),
                    content_type: field.content_type.clone(),
                    ..Media::default()
                };
                mail.attach(media, &field.bytes);
            }
        }
        mail.media.extend(self.stored());
        mail
    }

    /// What Mailgun keeps of the mail (`store(notify=…)`).
    fn stored(&self) -> Vec<Media> {
        let attachments: Each<Stored> =
            self.bytes("attachments").and_then(|list| serde_json::from_slice(list).ok()).unwrap_or_default();
        let whole = self.text("message-url").map(|url| Media {
            kind: "file".into(),
            url: Some(url),
            content_type: Some("message/rfc822".to_owned()),
            ..Media::default()
        });
        let attachments = attachments.readable().map(|stored| Media {
            kind: email::media_kind(stored.content_type.as_deref().unwrap_or_default()),
            url: stored.url,
            content_type: stored.content_type,
            name: stored.name,
            size: stored.size,
            ..Media::default()
        });
        attachments.chain(whole).collect()
    }
}

/// Whether a field's value is this header's, which may have been folded.
fn is_header(value: &[u8], header: &str) -> bool {
    value.trim_ascii().iter().filter(|byte| !matches!(byte, b'\r' | b'\n')).eq(header.as_bytes())
}

/// Mailgun's own fields, of those that stand beside a mail's headers. Some are called as headers are (`from`
/// beside `From`); headers keep the letter case in which the sender wrote them.
const OWN: [&str; 20] = [
    "attachment-count",
    "attachments",
    "body-html",
    "body-mime",
    "body-plain",
    "content-id-map",
    "domain",
    "event",
    "from",
    "message-headers",
    "message-url",
    "recipient",
    "sender",
    "signature",
    "stripped-html",
    "stripped-signature",
    "stripped-text",
    "subject",
    "timestamp",
    "token",
];

/// An attachment that Mailgun keeps.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Stored {
    url: Option<String>,
    content_type: Option<String>,
    name: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    size: Option<u64>,
}

/// `message-headers`: pairs in the mail's order. A value that Mailgun took apart is put together again
/// (`["multipart/alternative", {"boundary": "…"}]`).
fn message_headers(form: &Form) -> Option<Headers> {
    let pairs: Vec<serde_json::Value> = serde_json::from_slice(form.first("message-headers")?).ok()?;
    Some(Headers::new(pairs.iter().filter_map(|pair| match pair.as_array()?.as_slice() {
        [name, value] => Some((name.as_str()?.to_owned(), header_value(value))),
        _ => None,
    })))
}

fn header_value(value: &serde_json::Value) -> String {
    use serde_json::Value;
    match value {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().map(header_value).collect::<Vec<_>>().join("; "),
        Value::Object(parameters) => parameters
            .iter()
            .map(|(name, value)| format!("{name}=\"{}\"", header_value(value)))
            .collect::<Vec<_>>()
            .join("; "),
        Value::Null => String::new(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests;
