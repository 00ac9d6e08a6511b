//! Postmark inbound and event webhooks: `providers.md` section 11.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    Malformed, Refusal, Request, Split, Verified,
    email::{
        self, Headers, Mail, mime,
        receipt::{Outcome, Receipt},
    },
    event::{Ignored, Item, Media, Party, Raw},
    json::{Each, Id, lenient},
    signature::{self, Matched},
};
use crate::{ids::Timestamp, secret::Secret};

/// The `MessageID` of the dashboard's *Check* button.
const DASHBOARD_CHECK: &str = "00000000-0000-0000-0000-000000000000";

/// A Postmark webhook. Postmark signs nothing: a password is all there is.
#[derive(Clone, Debug)]
pub struct Postmark {
    /// `user:password` pairs of Basic authentication; never empty.
    pub basic: Vec<Secret>,
}

impl Postmark {
    pub(super) fn verify(&self, request: &Request<'_>) -> Result<Matched, Refusal> {
        self.check_password(request.headers)
    }

    pub(super) fn check_password(&self, headers: &http::HeaderMap) -> Result<Matched, Refusal> {
        signature::basic(headers, &self.basic)
    }

    pub(super) fn split(&self, verified: &Verified<'_>) -> Result<Split, Malformed> {
        let body = verified.body();
        serde_json::from_slice::<&RawValue>(body)
            .map_err(|_not_json| Malformed { expected: "JSON", limit: None })?;
        let items = match serde_json::from_slice::<Webhook<'_>>(body) {
            Ok(webhook) => webhook.items(body),
            Err(_of_another_shape) => vec![email::unknown(body, Raw::Whole)],
        };
        Ok(Split { items, ..Split::default() })
    }
}

/// An inbound mail, or an event if there is a `RecordType`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Webhook<'a> {
    record_type: Option<String>,
    #[serde(rename = "MessageID")]
    message_id: Option<String>,

    // Inbound.
    from: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    from_full: Option<Address>,
    to_full: Option<Each<Address>>,
    cc_full: Option<Each<Address>>,
    original_recipient: Option<String>,
    mailbox_hash: Option<String>,
    subject: Option<String>,
    date: Option<String>,
    text_body: Option<String>,
    html_body: Option<String>,
    headers: Option<Each<Header>>,
    #[serde(bound(deserialize = "'de: 'a"))]
    attachments: Option<Each<Attachment<'a>>>,
    raw_email: Option<String>,

    // Events.
    #[serde(rename = "ID", borrow)]
    id: Option<Id<'a>>,
    #[serde(rename = "Type")]
    bounce_type: Option<String>,
    email: Option<String>,
    recipient: Option<String>,
    original_link: Option<String>,
    details: Option<String>,
    delivered_at: Option<String>,
    bounced_at: Option<String>,
    received_at: Option<String>,
    changed_at: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Address {
    email: Option<String>,
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Header {
    name: String,
    value: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attachment<'a> {
    name: Option<String>,
    #[serde(borrow)]
    content: Option<std::borrow::Cow<'a, str>>,
    content_type: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    content_length: Option<u64>,
}

impl Webhook<'_> {
    fn items(self, body: &[u8]) -> Vec<Item> {
        if self.record_type.is_some() {
            return vec![self.receipt(body)];
        }
        if self.message_id.as_deref() == Some(DASHBOARD_CHECK) {
            return vec![Item::Ignored(Ignored::DashboardTest)];
        }
        if self.message_id.is_none()
            && self.from_full.is_none()
            && self.headers.is_none()
            && self.attachments.is_none()
        {
            return vec![email::unknown(body, Raw::Whole)];
        }
        self.mail().events(&Raw::Whole)
    }

    fn mail(self) -> Mail {
        // Postmark adds headers of its own (spam verdicts, the envelope sender) to what the raw mail has.
        let relayed = Headers::new(
            self.headers
                .into_iter()
                .flat_map(Each::readable)
                .map(|header| (header.name, header.value.unwrap_or_default())),
        );
        let envelope_from = relayed.first("Return-Path").map(|path| path.trim_matches(['<', '>']).to_owned());
        let verdicts = [("spam", "X-Spam-Status"), ("spam_score", "X-Spam-Score"), ("spf", "Received-SPF")];
        let raw = self.raw_email.filter(|raw| !raw.is_empty()).map(|raw| mime::read(raw.as_bytes()));
        let verdicts = verdicts.into_iter().filter_map(|(verdict, header)| {
            // Postmark writes them in one of the two places, before the sender's headers.
            let value = relayed.first(header).or_else(|| raw.as_ref()?.headers.first(header))?;
            Some((verdict.into(), value.to_owned()))
        });
        let verdicts = verdicts.collect();
        let is_raw = raw.is_some();
        let mut mail = raw.unwrap_or_else(|| Mail::of(relayed));
        mail.verdicts = verdicts;
        mail.relay_id = self.message_id;
        mail.envelope_to.extend(self.original_recipient.filter(|recipient| !recipient.is_empty()));
        mail.envelope_from = envelope_from;
        mail.token = self.mailbox_hash.as_deref().and_then(email::token_text);
        let from = self.from_full.and_then(Address::party);
        mail.from = from.or(mail.from).or_else(|| email::headers::addresses(&self.from?).into_iter().next());
        let list = |list: Option<Each<Address>>| {
            list.map(|list| {
                list.readable().filter_map(|address| address.party().map(|party| party.id)).collect()
            })
        };
        mail.to = list(self.to_full).unwrap_or(mail.to);
        mail.cc = list(self.cc_full).unwrap_or(mail.cc);
        mail.subject = self.subject.or(mail.subject);
        mail.time = self.date.as_deref().and_then(email::headers::date).or(mail.time);
        mail.text = self.text_body.filter(|text| !text.is_empty()).or(mail.text);
        mail.html = self.html_body.filter(|html| !html.is_empty()).or(mail.html);
        if !is_raw {
            for (place, attachment) in self.attachments.unwrap_or_default().0.into_iter().enumerate() {
                match attachment {
                    Some(attachment) => attachment.attach_to(&mut mail, place),
                    None => mail.ambiguous.push("broken attachment".into()),
                }
            }
        }
        mail
    }

    fn receipt(self, body: &[u8]) -> Item {
        let record = self.record_type.unwrap_or_default();
        let outcome = match record.as_str() {
            "Delivery" => Outcome::Delivered,
            "Open" => Outcome::Read,
            "Bounce" if !self.bounce_type.as_deref().is_some_and(|kind| NO_BOUNCE.contains(&kind)) => {
                Outcome::Bounced
            }
            _ => Outcome::Other,
        };
        let time = [self.delivered_at, self.bounced_at, self.received_at, self.changed_at];
        let time = time.into_iter().flatten().next();
        let recipient = self.recipient.or(self.email);
        // The record's own id where there is one. A mail is delivered to several and opened and clicked more
        // than once: whose record it is and its time, to the ten-millionth of a second, tell one from the next,
        // however a retry writes them. Of other records the whole content counts.
        let message_id = self.message_id.unwrap_or_default();
        let id = match (self.id.and_then(Id::named), &time, record.as_str()) {
            (Some(id), ..) => id,
            (None, Some(time), "Delivery" | "Open" | "Click") => {
                let parts = [Some(time.as_str()), recipient.as_deref(), self.original_link.as_deref()];
                email::digest_of(parts.map(|part| part.unwrap_or_default().as_bytes()))
            }
            (None, ..) => email::digest_of([body]),
        };
        let receipt = Receipt {
            sender: self.from.filter(|from| !from.is_empty()),
            mail: (!message_id.is_empty()).then(|| message_id.clone()),
            // Postmark does not name the Message-ID that recipients see.
            message_ids: Vec::new(),
            dedupe: vec![format!("relay:{record}:{message_id}:{id}")],
            time: time.as_deref().and_then(iso8601),
            outcome,
            error: self
                .bounce_type
                .as_ref()
                .zip(self.details)
                .map(|(kind, details)| format!("{kind}: {details}")),
            subtype: self.bounce_type.map_or_else(|| record.clone(), |kind| format!("{record}.{kind}")),
            recipient,
        };
        let mut event = receipt.event(Raw::Whole);
        event.message.id = (!message_id.is_empty()).then_some(message_id);
        event.into()
    }
}

/// Types of a `Bounce` record that say nothing of a mail that did not arrive.
const NO_BOUNCE: [&str; 7] = [
    "AddressChange",
    "AutoResponder",
    "ChallengeVerification",
    "OpenRelayTest",
    "Subscribe",
    "Transient",
    "Unsubscribe",
];

impl Address {
    fn party(self) -> Option<Party> {
        let id = self.email.filter(|email| !email.is_empty())?;
        Some(Party { id, name: self.name.filter(|name| !name.is_empty()), handle: None })
    }
}

impl Attachment<'_> {
    /// The attachment's id is the JSON pointer of its content in `data.raw`.
    fn attach_to(self, mail: &mut Mail, place: usize) {
        let media = Media {
            id: Some(format!("/Attachments/{place}/Content")),
            content_type: self.content_type,
            name: self.name,
            ..Media::default()
        };
        let content = self.content.as_deref().map(|content| signature::base64(content.trim()));
        match content {
            Some(Ok(bytes)) => mail.attach(media, &bytes),
            Some(Err(_)) | None => {
                if content.is_some() {
                    mail.ambiguous.push("broken attachment".into());
                }
                let kind = email::media_kind(media.content_type.as_deref().unwrap_or_default());
                mail.media.push(Media { kind, size: self.content_length, ..media });
            }
        }
    }
}

/// ISO 8601 with an offset, to the ten-millionth of a second.
fn iso8601(text: &str) -> Option<Timestamp> {
    text.parse::<jiff::Timestamp>().ok().map(|time| Timestamp(time.as_millisecond()))
}

#[cfg(test)]
mod tests;
