//! Mailgun's forms: a route's mail, whole or taken apart, and a legacy event webhook. Who wrote a field,
//! Mailgun or the mail's sender, is told here.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::outcome;
use crate::{
    channel::{
        email::{self, Headers, Mail, form::Form, mime, receipt::Receipt},
        event::{Item, Media, Raw},
        json::{Each, lenient},
    },
    ids::Timestamp,
};

/// A form is a route's mail or a legacy event webhook. Only a mail has a body or an envelope sender, whatever
/// headers its sender gave it.
pub(super) fn items(form: &Form, time: Option<Timestamp>, body: &[u8]) -> Vec<Item> {
    let fields = Fields::of(form);
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
        let message_ids = headers.first("Message-Id").map(email::ids).unwrap_or_default();
        Receipt {
            sender: from.map(|from| from.id).or_else(|| self.text("domain")),
            mail: message_ids.first().cloned(),
            message_ids,
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
    let pairs: Vec<&RawValue> = serde_json::from_slice(form.first("message-headers")?).ok()?;
    // Each pair by itself: one that nests deeper than `serde_json` reads takes no other with it.
    Some(Headers::new(pairs.iter().filter_map(|pair| {
        let (name, value): (String, serde_json::Value) = serde_json::from_str(pair.get()).ok()?;
        Some((name, header_value(&value)))
    })))
}

/// A value as text. It recurses as deep as `serde_json` reads a value, 127 levels.
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
