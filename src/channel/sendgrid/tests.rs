use data_encoding::BASE64;
use http::{HeaderMap, HeaderValue};

use super::*;
use crate::channel::{
    Evidence, Provider,
    event::{AccountRef, Event, Kind, State},
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
        let request = Request { query: None, headers: &self.headers, body, now: Timestamp::from_secs(now) };
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
    assert_eq!(signed.verify(&provider(&[PUBLIC_KEY], &[]), signed.body, 1_600_112_502), Err(Refusal::Wrong));
    signed.headers.insert("x-twilio-email-event-webhook-timestamp", HeaderValue::from_static("1600112503"));
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
fn what_cannot_be_read_is_not_asked_for_again() {
    assert_eq!(provider(&[], &[]).malformed_status(), http::StatusCode::OK, "or it may come for 3 days");
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

/// A form of text fields, in this order.
fn form(fields: &[(&str, &str)]) -> String {
    let part = |(name, value): &(&str, &str)| {
        format!("--xYzZY\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    fields.iter().map(part).collect::<String>() + "--xYzZY--\r\n"
}

#[test]
fn a_verdict_that_the_sender_wrote_into_the_mail_is_not_believed() {
    const FORGED: &str = "hi\r\n--xYzZY\r\nContent-Disposition: form-data; name=\"SPF\"\r\n\r\npass";
    let to = ("envelope", r#"{"to":["help@in.example"]}"#);
    let told = |text: &str| {
        let fields = [("text", text), to, ("SPF", "fail"), ("spam_score", "9.1")];
        let items = split("multipart/form-data; boundary=xYzZY", form(&fields).as_bytes()).unwrap();
        let email = event(&items[0]).message.email.clone().unwrap();
        (email.verdicts, email.ambiguous)
    };
    let spam = ("spam_score".into(), "9.1".to_owned());
    assert_eq!(told("hi"), (vec![("spf".into(), "fail".to_owned()), spam.clone()], vec![]));
    assert_eq!(told(FORGED), (vec![spam], vec!["repeated field SPF".into()]));
    // An end after it: what SendGrid itself says is not read at all.
    let end = told(&format!("{FORGED}\r\n--xYzZY--"));
    assert_eq!(end, (vec![], vec!["form with a text behind its end".into()]));
}

#[test]
fn an_odd_value_in_a_side_table_costs_its_neighbours_nothing() {
    let body = form(&[
        ("envelope", r#"{"to":["help@in.example",7],"from":null}"#),
        ("charsets", r#"{"to":"UTF-8","html":null,"text":"UTF-8"}"#),
        ("attachment-info", r#"{"attachment1":7,"attachment2":{"filename":null,"type":"image/png"}}"#),
        ("cc", "Bo <bo@x.example>"),
        ("text", "é"),
    ]);
    let file =
        "--xYzZY\r\nContent-Disposition: form-data; name=\"attachment2\"; filename=\"a.png\"\r\n\r\nx\r\n";
    let items = split("multipart/form-data; boundary=xYzZY", format!("{file}{body}").as_bytes()).unwrap();
    let found = event(&items[0]);
    assert_eq!(found.account, AccountRef::Mailbox("help@in.example".to_owned()));
    assert_eq!(found.message.text.as_deref(), Some("é"));
    assert_eq!(found.message.email.as_ref().unwrap().cc, ["bo@x.example"]);
    let media = &found.message.media[0];
    assert_eq!((media.name.as_deref(), media.content_type.as_deref()), (Some("a.png"), Some("image/png")));
}

#[test]
fn an_event_names_its_mail_as_recipients_see_it_or_as_we_sent_it() {
    for (names, key, id) in [
        (
            r#""smtp-id":"<m@in.example>","smtp_id":"<m@in.example>""#,
            Some("msg:m@in.example"),
            "m@in.example",
        ),
        (
            r#""smtp_id":"<m@in.example>","sg_message_id":"x.filter1""#,
            Some("msg:m@in.example"),
            "m@in.example",
        ),
        (r#""sg_message_id":"14c5.dfd.64b469.filter0001.16648.5515E0B88.0""#, None, "14c5.dfd.64b469"),
    ] {
        let items = split(
            "application/json",
            format!(r#"[{{"event":"open","sg_event_id":"1",{names}}}]"#).as_bytes(),
        );
        let items = items.unwrap();
        let found = event(&items[0]);
        assert_eq!(found.kind, Kind::MessageStatus, "{names}");
        assert_eq!(found.thread.as_ref().map(|thread| thread.keys[0].text.as_str()), key, "{names}");
        assert_eq!(found.message.id.as_deref(), Some(id), "{names}");
    }
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

#[test]
fn receipts_of_one_mail_are_compared_for_each_recipient() {
    let body = br#"[
        {"event":"delivered","sg_event_id":"1","sg_message_id":"14c.dfd.filter0001.16648.55-0","email":"ana@x.example"},
        {"event":"open","sg_event_id":"2","sg_message_id":"14c.dfd.filter0002.16648.55-0","email":"ana@x.example"},
        {"event":"open","sg_event_id":"3","sg_message_id":"14c.dfd","email":"ben@x.example"},
        {"event":"open","sg_event_id":"4","email":"ana@x.example"},
        {"event":"open","sg_event_id":"6","sg_message_id":"","email":"ana@x.example"},
        {"event":"open","sg_event_id":"7","sg_message_id":{},"email":"ana@x.example"},
        {"event":"bounce","sg_event_id":"5","sg_message_id":"14c.dfd","email":"ana@x.example"}
    ]"#;
    let items = split("application/json", body).unwrap();
    let reached: Vec<_> = items.iter().map(|item| event(item).reached.clone()).collect();
    let [Some(delivered), Some(opened), Some(by_ben), None, None, None, None] = &reached[..] else {
        panic!("{reached:?}")
    };
    assert_eq!((delivered.state, opened.state), (State::Delivered, State::Read));
    assert_eq!(delivered.of, opened.of);
    assert_ne!(by_ben.of, opened.of);
}
