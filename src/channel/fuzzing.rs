//! The laws every channel's parser keeps, as plain functions: fuzz targets feed them strangers' bytes,
//! property tests and the replay of saved corpora call them on the stable toolchain.

use http::HeaderMap;

use super::{
    Evidence, Item, Malformed, Provider, Request, Split, Verified,
    event::{Event, Raw},
    signature::Matched,
};
use crate::ids::Timestamp;

/// Splits a body as if its signature had matched, and checks what must hold of any result.
///
/// # Errors
/// If the body cannot be read at all.
///
/// # Panics
/// If a law is broken; this is what a fuzzer looks for.
pub fn split(provider: &Provider, headers: &HeaderMap, body: &[u8]) -> Result<Split, Malformed> {
    let request = Request { query: None, headers, body, now: Timestamp::from_secs(1_700_000_000) };
    let split = provider.split(&Verified { request, secret: Matched(0) })?;
    for item in &split.items {
        if let Item::Event(event) = item {
            laws_of(event, body);
        }
    }
    Ok(split)
}

/// Verifies a request whose headers and body a stranger chose. It must neither panic nor match.
///
/// # Panics
/// If the request is believed.
pub fn forged(provider: &Provider, headers: &HeaderMap, body: &[u8]) {
    let request = Request { query: None, headers, body, now: Timestamp::from_secs(1_700_000_000) };
    assert!(provider.verify(request, Evidence::Nothing).is_err(), "a forged request was believed");
}

#[expect(clippy::panic, reason = "a broken law must stop the fuzzer")]
fn laws_of(event: &Event, body: &[u8]) {
    assert!(!event.dedupe.is_empty(), "an event without a dedupe id: {event:?}");
    assert!(event.dedupe.iter().all(|id| !id.is_empty()), "an event with an empty dedupe id: {event:?}");
    if let Some(thread) = &event.thread {
        assert!(!thread.keys.is_empty(), "a thread without a name: {event:?}");
    }
    let json = match &event.raw {
        Raw::Whole => return,
        Raw::Owned(text) => text.as_bytes(),
        Raw::Range(range) => body
            .get(range.start as usize..range.end as usize)
            .unwrap_or_else(|| panic!("the raw range {range:?} is outside the body")),
    };
    let fragment = serde_json::from_slice::<&serde_json::value::RawValue>(json);
    assert!(fragment.is_ok(), "the raw fragment is not JSON");
}

/// A body of a Meta app that has all three products.
pub fn meta(data: &[u8]) {
    let meta = Provider::Meta(super::meta::Meta {
        app_secrets: vec![crate::secret::Secret::new("app")],
        verify_token: crate::secret::Secret::new("verify"),
        channels: vec![super::Channel::Whatsapp, super::Channel::Facebook, super::Channel::Instagram],
    });
    drop(split(&meta, &HeaderMap::new(), data));
}

/// An update of a Telegram bot.
pub fn telegram(data: &[u8]) {
    let secret_tokens = vec![crate::secret::Secret::new("token")];
    drop(split(&Provider::Telegram(super::telegram::Telegram { secret_tokens }), &HeaderMap::new(), data));
}

/// A webhook of a LINE channel.
pub fn line(data: &[u8]) {
    let channel_secrets = vec![crate::secret::Secret::new("channel")];
    drop(split(&Provider::Line(super::line::Line { channel_secrets }), &HeaderMap::new(), data));
}

/// A webhook of an X app.
pub fn twitter(data: &[u8]) {
    let consumer_secrets = vec![crate::secret::Secret::new("consumer")];
    drop(split(&Provider::Twitter(super::twitter::Twitter { consumer_secrets }), &HeaderMap::new(), data));
}

/// A Standard Webhook of a source whose pointers lead everywhere.
pub fn standard(data: &[u8]) {
    let standard = super::standard::Standard {
        channel: super::Channel::Webchat,
        keys: vec![super::standard::Key::Hmac(crate::secret::Secret::new("key"))],
        tolerance: std::time::Duration::from_secs(300),
        svix: true,
        pointers: super::standard::Pointers {
            conversation: "/data/conversation_id".into(),
            message_id: Some("/data/messages/0/id".into()),
            text: Some("/data/text".into()),
            sender: Some("/data/contact/id".into()),
            sender_name: Some("/data/contact/name".into()),
            time: Some("/data/at".into()),
        },
        kinds: [("message.created".to_owned(), super::Kind::MessageReceived)].into(),
    };
    drop(split(&Provider::Standard(standard), &HeaderMap::new(), data));
}

/// A Mailgun webhook: JSON, a multipart form (whose boundary is its first line) or an urlencoded form.
pub fn mailgun(data: &[u8]) {
    let signing_keys = vec![crate::secret::Secret::new("mailgun")];
    let window = std::time::Duration::from_secs(900);
    any(&Provider::Mailgun(super::mailgun::Mailgun { signing_keys, window }), data);
}

/// A SendGrid webhook: a multipart form or a JSON array.
pub fn sendgrid(data: &[u8]) {
    let basic = vec![crate::secret::Secret::new("send:grid")];
    let window = std::time::Duration::from_secs(900);
    any(
        &Provider::Sendgrid(super::sendgrid::Sendgrid { public_keys: vec![vec![0; 91]], basic, window }),
        data,
    );
}

/// A Postmark webhook.
pub fn postmark(data: &[u8]) {
    any(
        &Provider::Postmark(super::postmark::Postmark {
            basic: vec![crate::secret::Secret::new("post:mark")],
        }),
        data,
    );
}

/// An SNS message.
pub fn sns(data: &[u8]) {
    let topics = vec!["arn:aws:sns:eu-west-1:123456789012:mail".to_owned()];
    let window = std::time::Duration::from_secs(1 << 40);
    let sns = Provider::Sns(super::sns::Sns { topics, window, basic: Vec::new() });
    let request =
        Request { query: None, headers: &HeaderMap::new(), body: data, now: Timestamp::from_secs(0) };
    if let Ok(super::Need::Certificate(url)) = sns.need(&request) {
        assert!(
            url.starts_with("https://sns.eu-west-1.amazonaws.com"),
            "a stranger's URL would be fetched: {url}"
        );
    }
    if let Ok(Split { confirm: Some(url), .. }) = split(&sns, &HeaderMap::new(), data) {
        assert!(url.starts_with("https://sns."), "a stranger's URL would be visited: {url}");
    }
    forged(&sns, &HeaderMap::new(), data);
}

/// A raw mail.
pub fn mime(data: &[u8]) {
    let mut mail = super::email::mime::read(data);
    mail.envelope_to = vec!["help@in.example".to_owned()];
    let items = mail.events(&Raw::Whole);
    assert_eq!(items.len(), 1, "one mail for one mailbox is one item");
    for item in &items {
        if let Item::Event(event) = item {
            assert!(event.thread.is_some(), "a mail without a conversation: {event:?}");
            laws_of(event, data);
        }
    }
}

/// Splits and verifies a body under the content type that it looks like.
fn any(provider: &Provider, data: &[u8]) {
    let content_type = match data {
        [b'{' | b'[', ..] => "application/json".to_owned(),
        [b'-', b'-', rest @ ..] => {
            let boundary = rest.split(|b| matches!(b, b'\r' | b'\n')).next().unwrap_or_default();
            format!("multipart/form-data; boundary=\"{}\"", String::from_utf8_lossy(boundary))
        }
        _ => "application/x-www-form-urlencoded".to_owned(),
    };
    let mut headers = HeaderMap::new();
    headers
        .extend(http::HeaderValue::try_from(content_type).map(|value| (http::header::CONTENT_TYPE, value)));
    drop(split(provider, &headers, data));
    forged(provider, &headers, data);
}
