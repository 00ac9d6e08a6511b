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
    event::{Item, Media, Raw},
    json::{Id, Number},
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
        let basic =
            (!self.basic.is_empty()).then(|| signature::basic(request.headers, &self.basic)).transpose()?;
        let signed = (!self.public_keys.is_empty()).then(|| self.signed_by(request)).transpose()?;
        signed.or(basic).ok_or(Refusal::Missing)
    }

    /// Which key signed the timestamp followed by the raw body.
    fn signed_by(&self, request: &Request<'_>) -> Result<Matched, Refusal> {
        let given = signature::header(request.headers, "x-twilio-email-event-webhook-signature")?;
        let given = signature::base64(given)?;
        let timestamp = signature::header(request.headers, "x-twilio-email-event-webhook-timestamp")?;
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

/// The event webhook: a JSON array.
fn events(body: &[u8]) -> Result<Vec<Item>, Malformed> {
    serde_json::from_slice::<&RawValue>(body)
        .map_err(|_not_json| Malformed { expected: "a form or JSON" })?;
    let Ok(batch) = serde_json::from_slice::<Vec<&RawValue>>(body) else {
        return Ok(vec![email::unknown(body, Raw::Whole)]);
    };
    let item = |fragment: &&RawValue| {
        let raw = Raw::slice_of(body, fragment.get());
        match serde_json::from_str::<Sent<'_>>(fragment.get()) {
            Ok(sent) => sent.receipt(fragment).event(raw).into(),
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
    #[serde(rename = "smtp-id", alias = "smtp_id")]
    smtp_id: Option<String>,
    #[serde(rename = "type")]
    bounce_type: Option<String>,
    status: Option<String>,
    reason: Option<String>,
}

impl Sent<'_> {
    fn receipt(self, fragment: &RawValue) -> Receipt {
        let event = self.event.unwrap_or_default();
        let outcome = match event.as_str() {
            "delivered" => Outcome::Delivered,
            "open" => Outcome::Read,
            "bounce" => Outcome::Bounced,
            "dropped" => Outcome::Failed,
            _ => Outcome::Other,
        };
        let id = self.sg_event_id.map(|id| id.as_str().to_owned()).filter(|id| !id.is_empty());
        Receipt {
            // SendGrid names the recipient alone.
            sender: None,
            message_ids: self.smtp_id.as_deref().map(email::ids).unwrap_or_default(),
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
    to: Vec<String>,
    from: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct AttachmentInfo {
    filename: Option<String>,
    #[serde(rename = "type")]
    content_type: Option<String>,
}

/// Fields that hold one thing about a mail. The boundary of SendGrid's form is the same for everybody, so
/// a sender can write it into the mail: a field that comes twice with different values is flagged.
const ONCE: [&str; 8] = ["headers", "email", "envelope", "from", "to", "subject", "text", "html"];

/// Inbound Parse: a mail, raw or taken apart.
fn inbound(form: &Form, body: &[u8]) -> Vec<Item> {
    if !ONCE.iter().any(|name| form.first(name).is_some()) {
        return vec![email::unknown(body, Raw::Whole)];
    }
    let charsets: HashMap<String, String> = json(form, "charsets");
    let text = |name: &str| {
        form.first(name).map(|value| mime::decode(charsets.get(name).map(String::as_str), value))
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
    mail.subject = mail.subject.or_else(|| text("subject"));
    for name in ONCE.into_iter().filter(|name| form.conflicts(name)) {
        mail.ambiguous.push(format!("repeated field {name}").into());
    }
    let envelope: Envelope = json(form, "envelope");
    mail.envelope_to = envelope.to;
    mail.envelope_from = envelope.from;
    mail.verdicts = [("spf", "SPF"), ("dkim", "dkim"), ("spam_score", "spam_score")]
        .into_iter()
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
    let info: HashMap<String, AttachmentInfo> = json(form, "attachment-info");
    for field in form.fields().iter().filter(|field| field.name.starts_with("attachment")) {
        let Some(file_name) = &field.file_name else { continue };
        let info = info.get(&field.name);
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
mod tests {
    use data_encoding::BASE64;
    use http::{HeaderMap, HeaderValue};

    use super::*;
    use crate::channel::{
        Evidence, Provider,
        event::{AccountRef, Event, Kind},
    };

    // The official vector of the provider's SDK: the body ends with CRLF.
    const PUBLIC_KEY: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==";

    fn provider(public_keys: &[&str], basic: &[&str]) -> Provider {
        Provider::Sendgrid(Sendgrid {
            public_keys: public_keys.iter().map(|key| BASE64.decode(key.as_bytes()).unwrap()).collect(),
            basic: basic.iter().map(|pair| Secret::new(*pair)).collect(),
            window: Duration::from_secs(300),
        })
    }

    /// A key pair and a request signed by it.
    struct Signed {
        key: aws_lc_rs::signature::EcdsaKeyPair,
        headers: HeaderMap,
        body: &'static [u8],
    }

    impl Signed {
        fn new(timestamp: &'static str, body: &'static [u8]) -> Self {
            use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
            let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
            let rng = aws_lc_rs::rand::SystemRandom::new();
            let signature = key.sign(&rng, &[timestamp.as_bytes(), body].concat()).unwrap();
            let mut headers = HeaderMap::new();
            let value = HeaderValue::from_str(&BASE64.encode(signature.as_ref())).unwrap();
            headers.insert("x-twilio-email-event-webhook-signature", value);
            headers.insert("x-twilio-email-event-webhook-timestamp", HeaderValue::from_static(timestamp));
            Self { key, headers, body }
        }

        fn public_key(&self) -> String {
            use aws_lc_rs::{encoding::AsDer, signature::KeyPair};
            BASE64.encode(self.key.public_key().as_der().unwrap().as_ref())
        }

        fn verify(&self, provider: &Provider, body: &[u8], now: i64) -> Result<usize, Refusal> {
            let request =
                Request { query: None, headers: &self.headers, body, now: Timestamp::from_secs(now) };
            provider.verify(request, Evidence::Nothing).map(|verified| verified.secret().index())
        }
    }

    #[test]
    fn the_raw_body_is_signed_byte_for_byte() {
        let mut signed = Signed::new("1600112502", b"[{\"event\":\"open\"}]\r\n");
        let key = signed.public_key();
        let ours = provider(&[PUBLIC_KEY, &key], &[]);
        assert_eq!(signed.verify(&ours, signed.body, 1_600_112_502), Ok(1));
        assert_eq!(signed.verify(&ours, b"[{\"event\":\"open\"}]\n", 1_600_112_502), Err(Refusal::Wrong));
        assert_eq!(signed.verify(&ours, signed.body, 1_600_112_803), Err(Refusal::Stale));
        assert_eq!(signed.verify(&ours, signed.body, 1_600_112_201), Err(Refusal::Stale));
        assert_eq!(
            signed.verify(&provider(&[PUBLIC_KEY], &[]), signed.body, 1_600_112_502),
            Err(Refusal::Wrong)
        );
        signed
            .headers
            .insert("x-twilio-email-event-webhook-timestamp", HeaderValue::from_static("1600112503"));
        assert_eq!(signed.verify(&ours, signed.body, 1_600_112_502), Err(Refusal::Wrong));
        signed.headers.remove("x-twilio-email-event-webhook-timestamp");
        assert_eq!(signed.verify(&ours, signed.body, 1_600_112_502), Err(Refusal::Missing));
    }

    #[test]
    fn every_configured_way_must_match() {
        let mut signed = Signed::new("1600112502", b"[]");
        let both = provider(&[&signed.public_key()], &["sg:pass"]);
        assert_eq!(signed.verify(&both, b"[]", 1_600_112_502), Err(Refusal::Missing));
        signed.headers.insert("authorization", HeaderValue::from_static("Basic c2c6cGFzcw=="));
        assert_eq!(signed.verify(&both, b"[]", 1_600_112_502), Ok(0));
        assert_eq!(signed.verify(&both, b"[ ]", 1_600_112_502), Err(Refusal::Wrong));
        assert_eq!(signed.verify(&provider(&[], &["sg:pass"]), b"anything", 0), Ok(0));
        assert_eq!(signed.verify(&provider(&[], &["sg:other"]), b"[]", 0), Err(Refusal::Wrong));
        assert_eq!(signed.verify(&provider(&[], &[]), b"[]", 0), Err(Refusal::Missing));
    }

    fn split(content_type: &'static str, body: &[u8]) -> Result<Vec<Item>, Malformed> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        crate::channel::fuzzing::split(&provider(&[], &["a:b"]), &headers, body).map(|split| split.items)
    }

    fn event(item: &Item) -> &Event {
        match item {
            Item::Event(event) => event,
            Item::Ignored(reason) => panic!("ignored: {reason:?}"),
        }
    }

    #[test]
    fn one_bad_item_of_a_batch_loses_none_of_the_others() {
        let items = split(
            "application/json",
            br#"[{"event":"delivered","sg_event_id":"1","smtp_id":"<m@in.example>"}, 7, {"event":{}}, {"event":"new","sg_event_id":"2"}]"#,
        )
        .unwrap();
        let kinds: Vec<_> = items.iter().map(|item| event(item).kind).collect();
        assert_eq!(kinds, [Kind::MessageStatus, Kind::Unknown, Kind::Unknown, Kind::Unknown]);
        assert_eq!(event(&items[0]).thread.as_ref().unwrap().keys[0].text, "msg:m@in.example");
        assert_eq!(event(&items[3]).message.subtype.as_deref(), Some("new"));
    }

    #[test]
    fn what_cannot_be_read_is_malformed_and_what_is_not_known_is_kept() {
        assert!(split("application/json", b"[").is_err());
        assert!(split("multipart/form-data; boundary=b", b"").is_err());
        assert_eq!(event(&split("application/json", b"{}").unwrap()[0]).kind, Kind::Unknown);
        let other = b"--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\ny\r\n--b--";
        assert_eq!(event(&split("multipart/form-data; boundary=b", other).unwrap()[0]).kind, Kind::Unknown);
    }

    #[test]
    fn each_field_is_read_in_its_own_charset() {
        let mut body = Vec::new();
        for (name, value) in [
            ("envelope", &br#"{"to":["a@in.example","b@in.example"],"from":"ana@x.example"}"#[..]),
            ("charsets", br#"{"subject":"cp850","html":"iso-8859-1","text":"windows-1252"}"#),
            ("subject", b"\xa2"),
            ("html", b"\xbf"),
            ("text", b"\x85"),
            ("from", "Jos\u{e9} <ana@x.example>".as_bytes()),
        ] {
            body.extend_from_slice(
                format!("--xYzZY\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n").as_bytes(),
            );
            body.extend_from_slice(value);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"--xYzZY--\r\n");
        let items = split("multipart/form-data; boundary=xYzZY", &body).unwrap();
        let accounts: Vec<_> = items.iter().map(|item| event(item).account.clone()).collect();
        assert_eq!(accounts, ["a@in.example", "b@in.example"].map(|m| AccountRef::Mailbox(m.to_owned())));
        let message = &event(&items[0]).message;
        let email = message.email.as_ref().unwrap();
        assert_eq!((email.subject.as_deref(), email.html.as_deref()), (Some("ó"), Some("¿")));
        assert_eq!(message.text.as_deref(), Some("…"));
        assert_eq!(message.sender.as_ref().unwrap().name.as_deref(), Some("José"));
    }

    #[test]
    fn a_boundary_written_into_the_mail_is_flagged() {
        let body = b"--xYzZY\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\nhi\r\n--xYzZY\r\n\
            Content-Disposition: form-data; name=\"envelope\"\r\n\r\n{\"to\":[\"boss@in.example\"]}\r\n--xYzZY\r\n\
            Content-Disposition: form-data; name=\"envelope\"\r\n\r\n{\"to\":[\"help@in.example\"]}\r\n--xYzZY--";
        let items = split("multipart/form-data; boundary=xYzZY", body).unwrap();
        let email = event(&items[0]).message.email.as_ref().unwrap();
        assert!(email.ambiguous.contains(&"repeated field envelope".into()));
    }
}
