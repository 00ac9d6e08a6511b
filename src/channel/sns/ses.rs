//! What SES puts into `Message`: mails that came, and what became of mails that we sent.

use serde::Deserialize;

use crate::{
    channel::{
        email::{
            self, Headers, Mail, headers, mime,
            receipt::{Outcome, Receipt},
        },
        event::{Ignored, Item, Media, Raw},
        signature,
    },
    ids::Timestamp,
};

/// What is known of a message from around it.
pub(super) struct Context<'a> {
    /// The SNS `MessageId`, the same for every retry.
    pub(super) sns_id: &'a str,
    /// The topic's region, in which SES ids are unique.
    pub(super) region: &'a str,
    /// When SNS took the message.
    pub(super) time: Option<Timestamp>,
}

/// The items of a message.
pub(super) fn items(message: &str, context: &Context<'_>, raw: Raw) -> Vec<Item> {
    // Sent once when a topic is set up; plain text.
    if message.starts_with("Successfully validated SNS topic") {
        return vec![Item::Ignored(Ignored::Verification)];
    }
    let Ok(notification) = serde_json::from_str::<Notification>(message) else {
        return vec![unknown(context, raw)];
    };
    match notification.kind() {
        "AmazonSnsSubscriptionSucceeded" => vec![Item::Ignored(Ignored::Verification)],
        "Received" => notification.received(context, &raw),
        "" => vec![unknown(context, raw)],
        _ => vec![notification.sent(context, raw)],
    }
}

/// The SNS id tells one unknown message from the next, and not from its own retry.
fn unknown(context: &Context<'_>, raw: Raw) -> Item {
    email::unknown(context.sns_id.as_bytes(), raw)
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Notification {
    notification_type: Option<String>,
    event_type: Option<String>,
    mail: SesMail,
    receipt: SesReceipt,
    content: Option<String>,
    bounce: Option<Detail>,
    complaint: Option<Detail>,
    delivery: Option<Detail>,
    reject: Option<Detail>,
    open: Option<Detail>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct SesMail {
    message_id: String,
    timestamp: Option<String>,
    source: Option<String>,
    source_arn: Option<String>,
    destination: Vec<String>,
    headers: Vec<NameValue>,
    common_headers: CommonHeaders,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct NameValue {
    name: String,
    value: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct CommonHeaders {
    message_id: Option<String>,
    from: Vec<String>,
    to: Vec<String>,
    cc: Vec<String>,
    subject: Option<String>,
    date: Option<String>,
    return_path: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct SesReceipt {
    recipients: Vec<String>,
    spam_verdict: Option<Verdict>,
    virus_verdict: Option<Verdict>,
    spf_verdict: Option<Verdict>,
    dkim_verdict: Option<Verdict>,
    dmarc_verdict: Option<Verdict>,
    action: Action,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Verdict {
    status: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Action {
    encoding: Option<String>,
    bucket_name: Option<String>,
    object_key: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Detail {
    timestamp: Option<String>,
    bounce_type: Option<String>,
    bounce_sub_type: Option<String>,
    reason: Option<String>,
    bounced_recipients: Vec<Recipient>,
    complained_recipients: Vec<Recipient>,
    recipients: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Recipient {
    email_address: String,
    status: Option<String>,
}

impl Notification {
    fn kind(&self) -> &str {
        self.notification_type.as_deref().or(self.event_type.as_deref()).unwrap_or_default()
    }

    /// A mail that came: whole, or as a pointer into S3.
    fn received(self, context: &Context<'_>, raw: &Raw) -> Vec<Item> {
        let Self { mail: ses, receipt, content, .. } = self;
        let headers = || Headers::new(ses.headers.iter().map(|h| (h.name.clone(), h.value.clone())));
        let mut broken = false;
        let mut mail = match content {
            Some(content) if receipt.action.encoding.as_deref() == Some("BASE64") => {
                signature::base64(content.trim()).map_or_else(
                    |_not_base64| {
                        broken = true;
                        Mail::of(headers())
                    },
                    |bytes| mime::read(&bytes),
                )
            }
            Some(content) => mime::read(content.as_bytes()),
            None => Mail::of(headers()),
        };
        if broken {
            mail.ambiguous.push("broken content".into());
        }
        if mail.headers.first("Message-ID").is_none() {
            mail.headers = ses.common_headers.as_headers();
            let Mail { from, to, cc, subject, .. } = Mail::of(mail.headers.clone());
            mail.from = mail.from.or(from);
            mail.to = if mail.to.is_empty() { to } else { mail.to };
            mail.cc = if mail.cc.is_empty() { cc } else { mail.cc };
            mail.subject = mail.subject.or(subject);
        }
        mail.relay_id =
            (!ses.message_id.is_empty()).then(|| format!("{}:{}", context.region, ses.message_id));
        mail.envelope_to = receipt.recipients;
        mail.envelope_from = ses.source;
        mail.time = ses.timestamp.as_deref().and_then(time).or(mail.time);
        mail.verdicts = [
            ("spf", receipt.spf_verdict),
            ("dkim", receipt.dkim_verdict),
            ("dmarc", receipt.dmarc_verdict),
            ("spam", receipt.spam_verdict),
            ("virus", receipt.virus_verdict),
        ]
        .into_iter()
        .filter_map(|(name, verdict)| Some((name.into(), verdict?.status)))
        .collect();
        if let (Some(bucket), Some(key)) = (receipt.action.bucket_name, receipt.action.object_key) {
            mail.media.push(Media {
                kind: "file".into(),
                url: Some(format!("s3://{bucket}/{key}")),
                content_type: Some("message/rfc822".to_owned()),
                ..Media::default()
            });
        }
        mail.events(raw)
    }

    /// What became of a mail that we sent. A bounce may list several recipients: it stays one event.
    fn sent(self, context: &Context<'_>, raw: Raw) -> Item {
        let kind = self.kind().to_owned();
        let outcome = match kind.as_str() {
            "Delivery" => Outcome::Delivered,
            "Open" => Outcome::Read,
            "Bounce" => Outcome::Bounced,
            "Reject" | "Rendering Failure" => Outcome::Failed,
            _ => Outcome::Other,
        };
        let detail =
            [self.bounce, self.complaint, self.delivery, self.reject, self.open].into_iter().flatten().next();
        let detail = detail.unwrap_or_default();
        let recipients: Vec<&str> = detail
            .bounced_recipients
            .iter()
            .chain(&detail.complained_recipients)
            .map(|recipient| recipient.email_address.as_str())
            .chain(detail.recipients.iter().map(String::as_str))
            .chain(self.mail.destination.iter().map(String::as_str))
            .collect();
        // An `Open` does not say who of the mail's recipients opened it.
        let is_for_one = self.mail.destination.len() == 1;
        let message_ids = self.mail.message_ids(context.region);
        let subtype = [Some(kind.as_str()), detail.bounce_type.as_deref(), detail.bounce_sub_type.as_deref()];
        let status = detail.bounced_recipients.iter().find_map(|recipient| recipient.status.clone());
        let receipt = Receipt {
            sender: self.mail.sender(),
            mail: message_ids.first().filter(|_id| is_for_one).cloned(),
            message_ids,
            dedupe: vec![format!("relay:{}", context.sns_id)],
            time: detail.timestamp.as_deref().and_then(time).or(context.time),
            outcome,
            subtype: subtype.into_iter().flatten().collect::<Vec<_>>().join("."),
            recipient: recipients.first().map(|&recipient| recipient.to_owned()),
            error: status.or_else(|| detail.reason.clone()),
        };
        receipt.event(raw).into()
    }
}

impl SesMail {
    /// The address that sent the mail.
    fn sender(&self) -> Option<String> {
        let from = || headers::addresses(self.common_headers.from.first()?).into_iter().next();
        self.source
            .clone()
            .or_else(|| from().map(|party| party.id))
            .filter(|from| email::mailbox(from).is_some())
    }

    /// The Message-ID that recipients see, which SES writes in place of ours, then ours.
    fn message_ids(&self, topic_region: &str) -> Vec<String> {
        let region = self.source_arn.as_deref().and_then(|arn| arn.split(':').nth(3)).unwrap_or(topic_region);
        let domain = if region == "us-east-1" { "email" } else { region };
        let theirs = (!self.message_id.is_empty() && !domain.is_empty())
            .then(|| format!("{}@{domain}.amazonses.com", self.message_id));
        let ours = self.common_headers.message_id.as_deref().map(email::ids).unwrap_or_default();
        theirs.into_iter().chain(ours).collect()
    }
}

impl CommonHeaders {
    fn as_headers(&self) -> Headers {
        let one = |name: &str, value: &Option<String>| value.clone().map(|value| (name.to_owned(), value));
        let list = |name: &str, values: &[String]| {
            (!values.is_empty()).then(|| (name.to_owned(), values.join(", ")))
        };
        let headers = [
            one("Message-ID", &self.message_id),
            list("From", &self.from),
            list("To", &self.to),
            list("Cc", &self.cc),
            one("Subject", &self.subject),
            one("Date", &self.date),
            one("Return-Path", &self.return_path),
        ];
        Headers::new(headers.into_iter().flatten())
    }
}

fn time(text: &str) -> Option<Timestamp> {
    text.parse::<jiff::Timestamp>().ok().map(|time| Timestamp(time.as_millisecond()))
}
