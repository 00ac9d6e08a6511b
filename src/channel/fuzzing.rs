//! The laws every channel's parser keeps, as plain functions: fuzz targets feed them strangers' bytes,
//! property tests and the replay of saved corpora call them on the stable toolchain.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::{
    Answer, Channel, Evidence, Item, Kind, Malformed, Provider, Request, Split, Verified,
    event::{Event, Raw},
    line::Line,
    mailgun::Mailgun,
    meta::{CHALLENGE_BYTES_MAX, Meta},
    postmark::Postmark,
    sendgrid::Sendgrid,
    signature::Matched,
    sns::Sns,
    standard::{Key, Pointers, Standard},
    telegram::Telegram,
    twitter::Twitter,
};
use crate::{ids::Timestamp, secret::Secret};

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
    if let Some(reached) = &event.reached {
        assert!(!reached.of.is_empty(), "a receipt about nothing: {event:?}");
        let status = event.message.status.as_ref();
        assert_eq!(status.map(|status| status.state), Some(reached.state), "two states: {event:?}");
        assert_eq!(reached.rungs().next().map(|(state, _)| state), Some(reached.state), "not on the ladder");
    }
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

/// The header lines (`name: value`) of a text up to an empty line, and what follows it. A line that is no
/// header is left out.
#[must_use]
pub fn head(text: &[u8]) -> (HeaderMap, &[u8]) {
    let mut headers = HeaderMap::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        let (line, later) = rest.split_at(end);
        rest = later.strip_prefix(b"\n").unwrap_or(later);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            break;
        }
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let (name, value) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name), HeaderValue::from_bytes(value.trim_ascii()))
        {
            // Only more headers than a map holds are refused; they change no law.
            headers.try_append(name, value).ok();
        }
    }
    (headers, rest)
}

/// A webhook whose every header is a stranger's choice: header lines, an empty line, the body. It is
/// posted to an endpoint of every provider.
pub fn signatures(data: &[u8]) {
    let (headers, body) = head(data);
    let providers = [
        meta_app(),
        bot(),
        line_channel(),
        x_app(),
        source(),
        mailgun_route(),
        sendgrid_parse(Vec::new(), vec![secret("send:grid-0b1f6c3a9d52")]),
        sendgrid_parse(vec![P256_PUBLIC_KEY.to_vec()], Vec::new()),
        postmark_server(),
        subscription(Vec::new()),
        subscription(vec![secret("sns:5d20c7f1e8a4")]),
    ];
    for provider in &providers {
        forged(provider, &headers, body);
    }
}

/// The query string of a provider's handshake (`hub.*`, `crc_token`), at an endpoint of every provider.
///
/// # Panics
/// If a law is broken.
pub fn handshake(query: &[u8]) {
    let Ok(query) = std::str::from_utf8(query) else { return };
    let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
    let has = |name: &str, value: &str| pairs.iter().any(|(n, v)| n == name && v == value);
    let headers = HeaderMap::new();
    let request = Request {
        query: Some(query),
        headers: &headers,
        body: &[],
        now: Timestamp::from_secs(1_700_000_000),
    };

    let answer = meta_app().handshake(&request);
    if answer.status == StatusCode::OK {
        assert!(has("hub.mode", "subscribe"), "a challenge of another mode was met");
        assert!(has("hub.verify_token", VERIFY_TOKEN), "a stranger's challenge was met");
        assert!(has("hub.challenge", &answer.body), "the answer is not the challenge");
        assert!(answer.body.len() <= CHALLENGE_BYTES_MAX, "a long text was echoed");
        assert_eq!(answer.content_type, Some("text/plain; charset=utf-8"), "an echo that is not inert");
    } else {
        assert_eq!(answer, Answer::empty(StatusCode::FORBIDDEN));
    }

    let x = x_app();
    let answer = x.handshake(&request);
    if answer.status == StatusCode::OK {
        let mac =
            answer.body.strip_prefix(r#"{"response_token":""#).and_then(|text| text.strip_suffix(r#""}"#));
        let mac = mac.and_then(|mac| HeaderValue::try_from(mac).ok());
        assert!(mac.is_some(), "the answer is not the documented object: {}", answer.body);
        let headers = mac.map(|mac| (HeaderName::from_static("x-twitter-webhooks-signature"), mac));
        for (_, token) in pairs.iter().filter(|(name, _)| name == "crc_token") {
            // What a stranger had signed must not pass for a webhook.
            forged(&x, &headers.clone().into_iter().collect(), token.as_bytes());
        }
    } else {
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    }

    for provider in [bot(), line_channel(), source(), mailgun_route(), postmark_server()] {
        assert_eq!(provider.handshake(&request).status, StatusCode::METHOD_NOT_ALLOWED);
    }
}

/// A body of a Meta app that has all three products.
pub fn meta(data: &[u8]) {
    drop(split(&meta_app(), &HeaderMap::new(), data));
}

/// An update of a Telegram bot.
pub fn telegram(data: &[u8]) {
    drop(split(&bot(), &HeaderMap::new(), data));
}

/// A webhook of a LINE channel.
pub fn line(data: &[u8]) {
    drop(split(&line_channel(), &HeaderMap::new(), data));
}

/// A webhook of an X app.
pub fn twitter(data: &[u8]) {
    drop(split(&x_app(), &HeaderMap::new(), data));
}

/// A Standard Webhook of a source whose pointers lead everywhere.
pub fn standard(data: &[u8]) {
    drop(split(&source(), &HeaderMap::new(), data));
}

/// A Mailgun webhook: JSON, a multipart form (whose boundary is its first line) or an urlencoded form.
pub fn mailgun(data: &[u8]) {
    any(&mailgun_route(), data);
}

/// A SendGrid webhook: a multipart form or a JSON array.
pub fn sendgrid(data: &[u8]) {
    any(&sendgrid_parse(vec![P256_PUBLIC_KEY.to_vec()], Vec::new()), data);
}

/// A Postmark webhook.
pub fn postmark(data: &[u8]) {
    any(&postmark_server(), data);
}

/// An SNS message.
///
/// # Panics
/// If a law is broken.
pub fn sns(data: &[u8]) {
    let sns = subscription(Vec::new());
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

/// The verify token of [`meta_app`]: the seeds of [`handshake`] hold it.
const VERIFY_TOKEN: &str = "verify";

/// A P-256 public key (SPKI) whose private half was thrown away.
const P256_PUBLIC_KEY: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04, 0x3b, 0x55, 0x7c, 0xb5, 0xfb, 0x50, 0x07,
    0x35, 0xb6, 0x21, 0x12, 0xa7, 0xff, 0x04, 0x02, 0x0f, 0x5b, 0x55, 0x37, 0x16, 0x89, 0x3d, 0x23, 0x7e,
    0x6f, 0xfb, 0xb7, 0x30, 0x8d, 0x70, 0x75, 0x00, 0xb8, 0x88, 0x95, 0x41, 0x29, 0x0b, 0xfe, 0x5e, 0xbf,
    0x2e, 0x60, 0x80, 0x62, 0xd7, 0x17, 0x90, 0x54, 0xe5, 0xb7, 0xfc, 0x5f, 0x95, 0xdd, 0x78, 0x0e, 0xae,
    0x6e, 0x26, 0xe8, 0x87, 0xf1, 0xf0,
];

/// An Ed25519 public key whose private half was thrown away.
const ED25519_PUBLIC_KEY: [u8; 32] = [
    0xa0, 0x89, 0x2e, 0x45, 0x7a, 0x51, 0x74, 0xef, 0xa3, 0x5c, 0xdf, 0x84, 0x02, 0x28, 0xf4, 0xd5, 0x55,
    0x83, 0x9f, 0x0d, 0xfa, 0x69, 0xe6, 0xb0, 0xf1, 0xce, 0xdd, 0x76, 0x24, 0x08, 0x8c, 0xb3,
];

fn secret(text: &str) -> Secret {
    Secret::new(text)
}

fn meta_app() -> Provider {
    Provider::Meta(Meta {
        app_secrets: vec![secret("app")],
        verify_token: secret(VERIFY_TOKEN),
        channels: vec![Channel::Whatsapp, Channel::Facebook, Channel::Instagram],
    })
}

fn bot() -> Provider {
    Provider::Telegram(Telegram { secret_tokens: vec![secret("token-7f3e19b8c604")] })
}

fn line_channel() -> Provider {
    Provider::Line(Line { channel_secrets: vec![secret("channel")] })
}

fn x_app() -> Provider {
    Provider::Twitter(Twitter { consumer_secrets: vec![secret("consumer")] })
}

fn source() -> Provider {
    Provider::Standard(Standard {
        channel: Channel::Webchat,
        keys: vec![Key::Hmac(secret("key")), Key::Ed25519(ED25519_PUBLIC_KEY)],
        tolerance: Duration::from_secs(300),
        svix: true,
        pointers: Pointers {
            conversation: "/data/conversation_id".into(),
            message_id: Some("/data/messages/0/id".into()),
            text: Some("/data/text".into()),
            sender: Some("/data/contact/id".into()),
            sender_name: Some("/data/contact/name".into()),
            time: Some("/data/at".into()),
        },
        kinds: [("message.created".to_owned(), Kind::MessageReceived)].into(),
    })
}

fn mailgun_route() -> Provider {
    Provider::Mailgun(Mailgun { signing_keys: vec![secret("mailgun")], window: Duration::from_secs(900) })
}

fn sendgrid_parse(public_keys: Vec<Vec<u8>>, basic: Vec<Secret>) -> Provider {
    Provider::Sendgrid(Sendgrid { public_keys, basic, window: Duration::from_secs(900) })
}

fn postmark_server() -> Provider {
    Provider::Postmark(Postmark { basic: vec![secret("post:mark-c9a2e4d81b70")] })
}

fn subscription(basic: Vec<Secret>) -> Provider {
    let topics = vec!["arn:aws:sns:eu-west-1:123456789012:mail".to_owned()];
    Provider::Sns(Sns { topics, window: Duration::from_secs(1 << 40), basic })
}
