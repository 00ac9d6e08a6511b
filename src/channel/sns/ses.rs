//! What SES puts into `Message`: mails that came, and what became of mails that we sent.

use serde::Deserialize;

use crate::{
    channel::{
        email::{
            self, Headers, Mail, headers, mime,
            receipt::{Outcome, Receipt},
        },
        event::{Ignored, Item, Media, Raw},
        json::{Each, lenient},
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
    #[serde(deserialize_with = "lenient")]
    bounce: Option<Detail>,
    #[serde(deserialize_with = "lenient")]
    complaint: Option<Detail>,
    #[serde(deserialize_with = "lenient")]
    delivery: Option<Detail>,
    #[serde(deserialize_with = "lenient")]
    delivery_delay: Option<Detail>,
    #[serde(deserialize_with = "lenient")]
    reject: Option<Detail>,
    #[serde(deserialize_with = "lenient")]
    failure: Option<Detail>,
    #[serde(deserialize_with = "lenient")]
    open: Option<Detail>,
    #[serde(deserialize_with = "lenient")]
    click: Option<Detail>,
    #[serde(deserialize_with = "lenient")]
    subscription: Option<Detail>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct SesMail {
    message_id: String,
    timestamp: Option<String>,
    source: Option<String>,
    source_arn: Option<String>,
    destination: Each<String>,
    headers: Each<NameValue>,
    #[serde(deserialize_with = "lenient")]
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
    from: Each<String>,
    to: Each<String>,
    cc: Each<String>,
    subject: Option<String>,
    date: Option<String>,
    return_path: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct SesReceipt {
    recipients: Each<String>,
    #[serde(deserialize_with = "lenient")]
    spam_verdict: Option<Verdict>,
    #[serde(deserialize_with = "lenient")]
    virus_verdict: Option<Verdict>,
    #[serde(deserialize_with = "lenient")]
    spf_verdict: Option<Verdict>,
    #[serde(deserialize_with = "lenient")]
    dkim_verdict: Option<Verdict>,
    #[serde(deserialize_with = "lenient")]
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
    error_message: Option<String>,
    bounced_recipients: Each<Recipient>,
    complained_recipients: Each<Recipient>,
    delayed_recipients: Each<Recipient>,
    recipients: Each<String>,
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
        let encoding = receipt.action.encoding.unwrap_or_default();
        let whole = content.filter(|content| !content.is_empty()).map(|content| {
            let is_base64 = encoding.eq_ignore_ascii_case("base64");
            if is_base64 { signature::base64(content.trim()) } else { Ok(content.into_bytes()) }
        });
        let mut mail = match &whole {
            Some(Ok(raw)) => mime::read(raw),
            Some(Err(_)) | None => {
                let headers = ses.headers.readable().map(|header| (header.name, header.value));
                // SES leaves headers out where there are many.
                let mut headers = Headers::new(headers);
                headers.complete(ses.common_headers.into_headers());
                Mail::of(headers)
            }
        };
        if matches!(whole, Some(Err(_))) {
            mail.ambiguous.push("broken content".into());
        }
        mail.relay_id =
            (!ses.message_id.is_empty()).then(|| format!("{}:{}", context.region, ses.message_id));
        mail.envelope_to = receipt.recipients.readable().collect();
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
        let details = [
            self.bounce,
            self.complaint,
            self.delivery,
            self.delivery_delay,
            self.reject,
            self.failure,
            self.open,
            self.click,
            self.subscription,
        ];
        let detail = details.into_iter().flatten().next().unwrap_or_default();
        let [bounced, complained, delayed] =
            [detail.bounced_recipients, detail.complained_recipients, detail.delayed_recipients]
                .map(|recipients| recipients.readable().collect::<Vec<_>>());
        let recipient = [&bounced, &complained, &delayed]
            .into_iter()
            .flatten()
            .map(|recipient| recipient.email_address.clone())
            .chain(detail.recipients.readable())
            .chain(self.mail.destination.clone().readable())
            .find(|address| !address.is_empty());
        // An `Open` does not say who of the mail's recipients opened it; one whose address cannot be read is one
        // of them.
        let is_for_one = self.mail.destination.0.len() == 1;
        let message_ids = self.mail.message_ids(context.region);
        let subtype = [Some(kind.as_str()), detail.bounce_type.as_deref(), detail.bounce_sub_type.as_deref()];
        let status = bounced.iter().find_map(|recipient| recipient.status.clone());
        let receipt = Receipt {
            sender: self.mail.sender(),
            mail: message_ids.first().filter(|_id| is_for_one).cloned(),
            message_ids,
            dedupe: vec![format!("relay:{}", context.sns_id)],
            time: detail.timestamp.as_deref().and_then(time).or(context.time),
            outcome,
            subtype: subtype.into_iter().flatten().collect::<Vec<_>>().join("."),
            recipient,
            error: status.or(detail.reason).or(detail.error_message),
        };
        receipt.event(raw).into()
    }
}

impl SesMail {
    /// The address that sent the mail.
    fn sender(&self) -> Option<String> {
        let from = || {
            let from = self.common_headers.from.clone().readable().next()?;
            headers::addresses(&from).into_iter().next()
        };
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
    fn into_headers(self) -> Headers {
        let list = |values: Each<String>| {
            let values: Vec<_> = values.readable().collect();
            (!values.is_empty()).then(|| values.join(", "))
        };
        let headers = [
            ("Message-ID", self.message_id),
            ("From", list(self.from)),
            ("To", list(self.to)),
            ("Cc", list(self.cc)),
            ("Subject", self.subject),
            ("Date", self.date),
            ("Return-Path", self.return_path),
        ];
        Headers::new(headers.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))))
    }
}

fn time(text: &str) -> Option<Timestamp> {
    text.parse::<jiff::Timestamp>().ok().map(|time| Timestamp(time.as_millisecond()))
}
