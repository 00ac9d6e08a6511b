//! One signed webhook of every channel, as its provider would post it. The bodies are our own; their
//! shapes are the providers' (WhatsApp Cloud API, Messenger, Instagram, Telegram, LINE, X, Mailgun,
//! SendGrid, Postmark, SES through SNS, Standard Webhooks).

use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    rsa, signature,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use data_encoding::{BASE64, HEXLOWER};
use serde_json::json;

pub(crate) const META_APP_SECRET: &str = "quickstart-meta-app-secret";
pub(crate) const META_VERIFY_TOKEN: &str = "quickstart-verify-token";
pub(crate) const TELEGRAM_SECRET: &str = "quickstart_telegram_secret";
pub(crate) const LINE_SECRET: &str = "quickstart-line-channel-secret";
pub(crate) const X_SECRET: &str = "quickstart-x-consumer-secret";
pub(crate) const MAILGUN_KEY: &str = "quickstart-mailgun-signing-key";
pub(crate) const POSTMARK_BASIC: &str = "postmark:quickstart-password";
pub(crate) const WEBHOOK_KEY: &str = "whsec_cXVpY2tzdGFydC13ZWJob29rLWtleS0wMTIzNDU2Nzg5";
pub(crate) const BACKEND_KEY: &str = "whsec_cXVpY2tzdGFydC1iYWNrZW5kLWtleS0wMTIzNDU2Nzg5";
pub(crate) const SNS_HOST: &str = "sns.eu-central-1.amazonaws.com";
pub(crate) const SNS_TOPIC: &str = "arn:aws:sns:eu-central-1:123456789012:inbound-mail";

/// A webhook that is ready to be posted.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// What it shows.
    pub(crate) name: &'static str,
    /// The endpoint in the quickstart's configuration.
    pub(crate) endpoint: &'static str,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

/// Keys that providers hold and that are made anew at each start.
#[derive(Debug)]
pub(crate) struct ProviderKeys {
    sendgrid: EcdsaKeyPair,
    sns: rsa::KeyPair,
    random: SystemRandom,
}

impl ProviderKeys {
    /// Makes them.
    #[must_use]
    pub(crate) fn generate() -> Self {
        let random = SystemRandom::new();
        let sendgrid = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        Self { sendgrid, sns: rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap(), random }
    }

    /// SendGrid's public key, as its dashboard shows it: base64 of the SPKI DER.
    #[must_use]
    pub(crate) fn sendgrid_public_key(&self) -> String {
        // SubjectPublicKeyInfo of an uncompressed P-256 point (RFC 5480): a fixed head, then the point.
        const HEAD: [u8; 26] = [
            0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
            0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
        ];
        BASE64.encode(&[&HEAD, self.sendgrid.public_key().as_ref()].concat())
    }

    /// The certificate that SNS signs with, PEM.
    #[must_use]
    pub(crate) fn sns_certificate(&self) -> String {
        use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
        let der: Pkcs8V1Der<'_> = self.sns.as_der().unwrap();
        let der = rustls_pki_types::PrivatePkcs8KeyDer::from(der.as_ref().to_vec());
        let key = rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&der, &rcgen::PKCS_RSA_SHA256).unwrap();
        rcgen::CertificateParams::new(vec!["sns.amazonaws.com".to_owned()])
            .unwrap()
            .self_signed(&key)
            .unwrap()
            .pem()
    }

    fn sns_sign(&self, text: &str) -> String {
        let mut signed = vec![0; self.sns.public_modulus_len()];
        self.sns.sign(&signature::RSA_PKCS1_SHA256, &self.random, text.as_bytes(), &mut signed).unwrap();
        BASE64.encode(&signed)
    }
}

/// A sample of every channel, signed at `now` (seconds since 1970).
#[must_use]
pub(crate) fn all(keys: &ProviderKeys, now: i64) -> Vec<Sample> {
    vec![
        whatsapp("wamid.quickstart.1", "491701234567", "Is the blue one still available?", now),
        facebook(now),
        instagram(now),
        telegram(now),
        line(now),
        twitter(now),
        mailgun(now),
        sendgrid(keys, now),
        postmark(),
        ses(keys, now),
        standard("webchat", "webchat", "msg_webchat_1", "Can I talk to a person?", now),
        standard("live chat", "livechat", "msg_livechat_1", "My order has not arrived.", now),
        standard("CRM", "crm", "msg_crm_1", "Deal 7 wants an offer.", now),
    ]
}

/// A WhatsApp text message.
#[must_use]
pub(crate) fn whatsapp(id: &str, from: &str, text: &str, now: i64) -> Sample {
    let message = json!({
        "from": from, "id": id, "timestamp": now.to_string(), "type": "text", "text": { "body": text },
    });
    let value = json!({
        "messaging_product": "whatsapp",
        "metadata": { "display_phone_number": "49301234567", "phone_number_id": "106540352242922" },
        "contacts": [{ "profile": { "name": "Mara" }, "wa_id": from }],
        "messages": [message],
    });
    let body = json!({
        "object": "whatsapp_business_account",
        "entry": [{ "id": "102290129340398", "changes": [{ "field": "messages", "value": value }] }],
    });
    meta("WhatsApp", &body)
}

fn facebook(now: i64) -> Sample {
    let message = json!({
        "sender": { "id": "7001" }, "recipient": { "id": "104000000000001" }, "timestamp": now * 1000,
        "message": { "mid": "m_quickstart_1", "text": "Do you ship to Jakarta?" },
    });
    let entry = json!([{ "id": "104000000000001", "time": now * 1000, "messaging": [message] }]);
    meta("Messenger", &json!({ "object": "page", "entry": entry }))
}

fn instagram(now: i64) -> Sample {
    let message = json!({
        "sender": { "id": "8001" }, "recipient": { "id": "17841400000000001" }, "timestamp": now * 1000,
        "message": { "mid": "aWdfcXVpY2tzdGFydA", "text": "Love this! Price?" },
    });
    let entry = json!([{ "id": "17841400000000001", "time": now * 1000, "messaging": [message] }]);
    meta("Instagram", &json!({ "object": "instagram", "entry": entry }))
}

/// A body as a Meta app signs it.
#[must_use]
pub(crate) fn meta(name: &'static str, body: &serde_json::Value) -> Sample {
    let body = body.to_string().into_bytes();
    let mac = HEXLOWER.encode(&hmac_sha256(META_APP_SECRET.as_bytes(), &body));
    let headers = vec![json_type(), ("x-hub-signature-256", format!("sha256={mac}"))];
    Sample { name, endpoint: "meta-main", headers, body }
}

fn telegram(now: i64) -> Sample {
    let message = json!({
        "message_id": 11, "date": now, "text": "/start",
        "from": { "id": 5_000_000_001_i64, "is_bot": false, "first_name": "Tomas" },
        "chat": { "id": 5_000_000_001_i64, "type": "private", "first_name": "Tomas" },
    });
    telegram_update(&json!({ "update_id": 900_001, "message": message }))
}

/// An update as Telegram posts it.
#[must_use]
pub(crate) fn telegram_update(body: &serde_json::Value) -> Sample {
    let headers = vec![json_type(), ("x-telegram-bot-api-secret-token", TELEGRAM_SECRET.to_owned())];
    Sample { name: "Telegram", endpoint: "telegram-bot", headers, body: body.to_string().into_bytes() }
}

fn line(now: i64) -> Sample {
    let event = json!({
        "type": "message", "mode": "active", "timestamp": now * 1000,
        "webhookEventId": "01JQUICKSTART0000000000001", "deliveryContext": { "isRedelivery": false },
        "source": { "type": "user", "userId": "U0000000000000000000000000000000a" },
        "replyToken": "quickstart-reply-token",
        "message": { "type": "text", "id": "14001", "quoteToken": "q", "text": "Konnichiwa" },
    });
    line_webhook(&json!({ "destination": "U00000000000000000000000000000001", "events": [event] }))
}

/// A body as LINE signs it.
#[must_use]
pub(crate) fn line_webhook(body: &serde_json::Value) -> Sample {
    let body = body.to_string().into_bytes();
    let mac = BASE64.encode(&hmac_sha256(LINE_SECRET.as_bytes(), &body));
    Sample {
        name: "LINE",
        endpoint: "line-main",
        headers: vec![json_type(), ("x-line-signature", mac)],
        body,
    }
}

fn twitter(now: i64) -> Sample {
    let event = json!({
        "type": "message_create", "id": "1900000000000000001", "created_timestamp": (now * 1000).to_string(),
        "message_create": {
            "sender_id": "3001", "target": { "recipient_id": "4337869213" },
            "message_data": { "text": "Is your support on today?", "entities": {} },
        },
    });
    x_webhook(&json!({ "for_user_id": "4337869213", "direct_message_events": [event] }))
}

/// A body as X signs it.
#[must_use]
pub(crate) fn x_webhook(body: &serde_json::Value) -> Sample {
    let body = body.to_string().into_bytes();
    let mac = BASE64.encode(&hmac_sha256(X_SECRET.as_bytes(), &body));
    let headers = vec![json_type(), ("x-twitter-webhooks-signature", format!("sha256={mac}"))];
    Sample { name: "X", endpoint: "x-app", headers, body }
}

fn mailgun(now: i64) -> Sample {
    let token = "quickstart".repeat(5);
    let mac = HEXLOWER.encode(&hmac_sha256(MAILGUN_KEY.as_bytes(), format!("{now}{token}").as_bytes()));
    let headers = r#"[["From", "Mara <mara@customer.example>"], ["To", "help@mailgun.example"], ["Subject", "Invoice 12"], ["Message-Id", "<mailgun-1@customer.example>"]]"#;
    let body = form_urlencoded::Serializer::new(String::new())
        .append_pair("timestamp", &now.to_string())
        .append_pair("token", &token)
        .append_pair("signature", &mac)
        .append_pair("recipient", "help@mailgun.example")
        .append_pair("sender", "mara@customer.example")
        .append_pair("from", "Mara <mara@customer.example>")
        .append_pair("subject", "Invoice 12")
        .append_pair("Message-Id", "<mailgun-1@customer.example>")
        .append_pair("message-headers", headers)
        .append_pair("body-plain", "Please send invoice 12 again.")
        .finish()
        .into_bytes();
    let form = ("content-type", "application/x-www-form-urlencoded".to_owned());
    Sample { name: "Email by Mailgun", endpoint: "mail-mailgun", headers: vec![form], body }
}

fn sendgrid(keys: &ProviderKeys, now: i64) -> Sample {
    let mut body = String::new();
    let headers = "From: Tomas <tomas@customer.example>\r\nTo: help@sendgrid.example\r\nSubject: Offer\r\n\
                   Message-ID: <sendgrid-1@customer.example>\r\n";
    for (name, value) in [
        ("headers", headers),
        ("from", "Tomas <tomas@customer.example>"),
        ("to", "help@sendgrid.example"),
        ("subject", "Offer"),
        ("text", "Could you make me an offer?"),
        ("envelope", r#"{"to":["help@sendgrid.example"],"from":"tomas@customer.example"}"#),
        ("charsets", r#"{"to":"UTF-8","from":"UTF-8","subject":"UTF-8","text":"utf-8"}"#),
        ("attachments", "0"),
    ] {
        body += &format!("--xYzZY\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    }
    body += "--xYzZY--\r\n";
    let signed = [now.to_string().as_bytes(), body.as_bytes()].concat();
    let mac = BASE64.encode(keys.sendgrid.sign(&keys.random, &signed).unwrap().as_ref());
    let headers = vec![
        ("content-type", "multipart/form-data; boundary=xYzZY".to_owned()),
        ("x-twilio-email-event-webhook-timestamp", now.to_string()),
        ("x-twilio-email-event-webhook-signature", mac),
    ];
    Sample { name: "Email by SendGrid", endpoint: "mail-sendgrid", headers, body: body.into_bytes() }
}

fn postmark() -> Sample {
    let body = json!({
        "FromName": "Ines", "From": "ines@customer.example", "OriginalRecipient": "help@postmark.example",
        "FromFull": { "Email": "ines@customer.example", "Name": "Ines", "MailboxHash": "" },
        "To": "help@postmark.example", "MailboxHash": "", "MessageStream": "inbound",
        "ToFull": [{ "Email": "help@postmark.example", "Name": "", "MailboxHash": "" }],
        "Subject": "Return", "MessageID": "5f0e4b8a-0000-4000-8000-000000000001", "Date": "Sat, 21 Nov 2026 10:00:00 +0000",
        "TextBody": "I would like to return my order.", "HtmlBody": "", "Attachments": [],
        "Headers": [{ "Name": "Message-ID", "Value": "<postmark-1@customer.example>" }],
    });
    postmark_webhook(&body)
}

/// A body as Postmark posts it.
#[must_use]
pub(crate) fn postmark_webhook(body: &serde_json::Value) -> Sample {
    let basic = format!("Basic {}", BASE64.encode(POSTMARK_BASIC.as_bytes()));
    let headers = vec![json_type(), ("authorization", basic)];
    Sample {
        name: "Email by Postmark",
        endpoint: "mail-postmark",
        headers,
        body: body.to_string().into_bytes(),
    }
}

fn ses(keys: &ProviderKeys, now: i64) -> Sample {
    let mail = "From: Bo <bo@customer.example>\r\nTo: help@ses.example\r\nSubject: Delivery date\r\n\
                Message-ID: <ses-1@customer.example>\r\n\r\nWhen will it arrive?\r\n";
    let message = json!({
        "notificationType": "Received",
        "mail": {
            "messageId": "quickstartses1", "source": "bo@customer.example", "destination": ["help@ses.example"],
            "timestamp": "2026-11-21T10:00:00.000Z", "headers": [],
            "commonHeaders": { "messageId": "<ses-1@customer.example>", "subject": "Delivery date" },
        },
        "receipt": {
            "recipients": ["help@ses.example"], "timestamp": "2026-11-21T10:00:00.000Z",
            "spfVerdict": { "status": "PASS" }, "dkimVerdict": { "status": "PASS" },
            "action": { "type": "SNS", "encoding": "BASE64", "topicArn": SNS_TOPIC },
        },
        "content": BASE64.encode(mail.as_bytes()),
    })
    .to_string();
    sns_notification(keys, "00000000-0000-4000-8000-0000000000aa", &message, now)
}

/// A message as SNS signs it.
#[must_use]
pub(crate) fn sns_notification(keys: &ProviderKeys, id: &str, message: &str, now: i64) -> Sample {
    let time = jiff::Timestamp::from_second(now).unwrap().to_string().replace('Z', ".000Z");
    let signed = format!(
        "Message\n{message}\nMessageId\n{id}\nTimestamp\n{time}\nTopicArn\n{SNS_TOPIC}\nType\nNotification\n"
    );
    let body = json!({
        "Type": "Notification", "MessageId": id, "TopicArn": SNS_TOPIC, "Message": message, "Timestamp": time,
        "SignatureVersion": "2", "Signature": keys.sns_sign(&signed),
        "SigningCertURL": format!("https://{SNS_HOST}/SimpleNotificationService-quickstart.pem"),
    });
    let headers = vec![
        ("content-type", "text/plain; charset=UTF-8".to_owned()),
        ("x-amz-sns-message-type", "Notification".to_owned()),
    ];
    Sample { name: "Email by SES", endpoint: "mail-ses", headers, body: body.to_string().into_bytes() }
}

/// The message with which SNS asks to confirm a subscription.
#[must_use]
pub(crate) fn sns_confirmation(keys: &ProviderKeys, topic: &str, now: i64) -> Sample {
    let (id, token) = ("00000000-0000-4000-8000-0000000000ab", "2336412f37");
    let time = jiff::Timestamp::from_second(now).unwrap().to_string().replace('Z', ".000Z");
    let url = format!("https://{SNS_HOST}/?Action=ConfirmSubscription&TopicArn={topic}&Token={token}");
    let message = "You have chosen to subscribe.";
    let signed = format!(
        "Message\n{message}\nMessageId\n{id}\nSubscribeURL\n{url}\nTimestamp\n{time}\nToken\n{token}\n\
         TopicArn\n{topic}\nType\nSubscriptionConfirmation\n"
    );
    let body = json!({
        "Type": "SubscriptionConfirmation", "MessageId": id, "TopicArn": topic, "Message": message,
        "Timestamp": time, "Token": token, "SubscribeURL": url,
        "SignatureVersion": "2", "Signature": keys.sns_sign(&signed),
        "SigningCertURL": format!("https://{SNS_HOST}/SimpleNotificationService-quickstart.pem"),
    });
    let headers = vec![
        ("content-type", "text/plain; charset=UTF-8".to_owned()),
        ("x-amz-sns-message-type", "SubscriptionConfirmation".to_owned()),
    ];
    Sample { name: "SNS confirmation", endpoint: "mail-ses", headers, body: body.to_string().into_bytes() }
}

/// A message of a source that sends Standard Webhooks.
#[must_use]
pub(crate) fn standard(name: &'static str, endpoint: &'static str, id: &str, text: &str, now: i64) -> Sample {
    let body = json!({
        "type": "message.created", "timestamp": jiff::Timestamp::from_second(now).unwrap().to_string(),
        "data": { "conversation_id": "c-1", "message_id": id, "text": text, "contact": { "id": "k-1", "name": "Lena" } },
    })
    .to_string()
    .into_bytes();
    let key = BASE64.decode(WEBHOOK_KEY.trim_start_matches("whsec_").as_bytes()).unwrap();
    let mac = BASE64.encode(&hmac_sha256(&key, &[format!("{id}.{now}.").as_bytes(), &body].concat()));
    let headers = vec![
        json_type(),
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", now.to_string()),
        ("webhook-signature", format!("v1,{mac}")),
    ];
    Sample { name, endpoint, headers, body }
}

fn json_type() -> (&'static str, String) {
    ("content-type", "application/json".to_owned())
}

fn hmac_sha256(key: &[u8], data: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), data).as_ref().to_vec()
}
