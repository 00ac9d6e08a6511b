//! Every webhook of the email relays that other projects keep as samples, through the public surface:
//! verified, split, and told in one line per item (never with a message's text).

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::{fmt::Write as _, fs, path::Path, time::Duration};

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::RSA_PKCS1_SHA256,
};
use data_encoding::BASE64;
use headgate::{
    channel::{
        Event, Evidence, Item, Need, Provider, Refusal, Request, Split,
        event::{AccountRef, Raw},
        mailgun::Mailgun,
        postmark::Postmark,
        sendgrid::Sendgrid,
        sns::Sns,
    },
    ids::Timestamp,
    secret::Secret,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use crate::shared;

const HOUR: Duration = Duration::from_secs(3600);

/// A webhook as a relay sends it.
#[derive(Clone)]
struct Sample {
    name: String,
    headers: HeaderMap,
    /// Lines of the headers' file that are notes.
    notes: Vec<String>,
    body: Vec<u8>,
}

impl Sample {
    /// All samples of a folder, by name.
    fn all(folder: &Path) -> Vec<Self> {
        let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
            .iter()
            .filter(|path| path.extension().is_some_and(|e| e == "json" || e == "multipart"))
            .map(|path| {
                let text = fs::read_to_string(path.with_extension("headers"));
                let text = text.unwrap_or_else(|_none| "Content-Type: application/json\n".to_owned());
                let (notes, lines): (Vec<_>, Vec<_>) =
                    text.lines().filter(|line| !line.is_empty()).partition(|line| line.starts_with('#'));
                let headers = lines.iter().map(|line| {
                    let (name, value) = line.split_once(": ").unwrap();
                    (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap())
                });
                Self {
                    name: path.file_name().unwrap().to_str().unwrap().to_owned(),
                    headers: headers.collect(),
                    notes: notes.into_iter().map(str::to_owned).collect(),
                    body: fs::read(path).unwrap(),
                }
            })
            .collect()
    }

    fn with_password(mut self) -> Self {
        let value = format!("Basic {}", BASE64.encode(PASSWORD.as_bytes()));
        self.headers.insert(http::header::AUTHORIZATION, HeaderValue::from_str(&value).unwrap());
        self
    }

    fn verify(&self, provider: &Provider, evidence: Evidence<'_>, now: Timestamp) -> Result<(), Refusal> {
        provider.verify(self.request(now), evidence).map(|_verified| ())
    }

    fn request(&self, now: Timestamp) -> Request<'_> {
        Request { query: None, headers: &self.headers, body: &self.body, now }
    }

    /// One line for each item, after the sample's name.
    fn told(&self, provider: &Provider, evidence: Evidence<'_>, now: Timestamp) -> String {
        let verified = provider
            .verify(self.request(now), evidence)
            .unwrap_or_else(|refusal| panic!("{}: {refusal}", self.name));
        match provider.split(&verified) {
            Ok(split) => format!("{}{}", self.name, lines(&split)),
            Err(malformed) => format!("{}: malformed: {malformed}\n", self.name),
        }
    }
}

const PASSWORD: &str = "relay:password";

fn lines(split: &Split) -> String {
    let mut text = format!(": {} item(s)", split.items.len());
    if let Some(nonce) = &split.nonce {
        write!(text, ", once {nonce}").unwrap();
    }
    if let Some(url) = &split.confirm {
        write!(text, ", confirm {url}").unwrap();
    }
    text.push('\n');
    for item in &split.items {
        match item {
            Item::Event(event) => text.push_str(&line(event)),
            Item::Ignored(reason) => writeln!(text, "  ignored: {reason:?}").unwrap(),
        }
    }
    text
}

fn line(event: &Event) -> String {
    let account = match &event.account {
        AccountRef::Mailbox(mailbox) => mailbox.clone(),
        other => format!("{other:?}").to_lowercase(),
    };
    let mut text = format!("  {:?} at {account}", event.kind);
    let thread = event.thread.as_ref();
    let keys: Vec<_> = thread.iter().flat_map(|thread| &thread.keys).map(|key| key.text.as_str()).collect();
    write!(text, "\n    keys {keys:?}").unwrap();
    if let Some(domain) = thread.and_then(|thread| thread.domain.as_deref()) {
        write!(text, " from domain {domain}").unwrap();
    }
    write!(text, "\n    dedupe {:?}", event.dedupe).unwrap();
    let time = event.time.and_then(Timestamp::rfc3339);
    let raw = match &event.raw {
        Raw::Whole => "whole",
        Raw::Range(_) => "range",
        Raw::Owned(_) => "owned",
    };
    write!(text, "\n    time {}, raw {raw}", time.as_deref().unwrap_or("none")).unwrap();
    if let Some(status) = &event.message.status {
        write!(text, ", state {:?}, error {:?}", status.state, status.error).unwrap();
    }
    if let Some(reached) = &event.reached {
        write!(text, ", reached {:?}", reached.of).unwrap();
    }
    if let Some(subtype) = &event.message.subtype {
        write!(text, ", subtype {subtype}").unwrap();
    }
    if let Some(email) = &event.message.email {
        write!(text, ", text {}, html {}", event.message.text.is_some(), email.html.is_some()).unwrap();
        write!(text, "\n    automatic {:?}, ambiguous {:?}", email.automatic, email.ambiguous).unwrap();
        write!(text, "\n    verdicts {:?}", email.verdicts).unwrap();
        for media in &event.message.media {
            write!(text, "\n    {} {:?} {:?} {:?}", media.kind, media.id, media.content_type, media.size)
                .unwrap();
            if let Some(url) = &media.url {
                write!(text, " {url}").unwrap();
            }
        }
    }
    text.push('\n');
    text
}

/// The number after the first occurrence of `"timestamp"` in a Mailgun body.
fn signed_time(body: &[u8]) -> Timestamp {
    let text = String::from_utf8_lossy(body);
    let (_, from_signature) = text.split_once("\"signature\": {").unwrap_or(("", &text));
    let (_, rest) = from_signature.split_once("timestamp\"").unwrap();
    let digits: String =
        rest.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    Timestamp::from_secs(digits.parse().unwrap())
}

#[test]
fn mailgun_samples_are_told_as_reviewed() {
    let Some(folder) = shared::fixtures("mailgun") else { return };
    let mailgun = |key: &str| {
        Provider::Mailgun(Mailgun { signing_keys: vec![Secret::new(key)], window: Duration::from_secs(900) })
    };
    let ours = mailgun("TEST_WEBHOOK_SIGNING_KEY");
    let mut told = String::new();
    for sample in Sample::all(&folder) {
        let now = signed_time(&sample.body);
        told.push_str(&sample.told(&ours, Evidence::Nothing, now));
        assert_eq!(
            sample.verify(&mailgun("another key"), Evidence::Nothing, now),
            Err(Refusal::Wrong),
            "{}",
            sample.name
        );
        let late = Timestamp(now.0 + 901_000);
        assert_eq!(sample.verify(&ours, Evidence::Nothing, late), Err(Refusal::Stale), "{}", sample.name);
    }
    insta::assert_snapshot!("mailgun", told);
}

#[test]
fn sendgrid_samples_are_told_as_reviewed() {
    let Some(folder) = shared::fixtures("sendgrid") else { return };
    let now = Timestamp::from_secs(1_768_471_200);
    let mut told = String::new();
    for mut sample in Sample::all(&folder) {
        // The SDK keeps its samples with LF; what SendGrid posts has CRLF.
        if sample.name.starts_with("sdk_") {
            sample.body = String::from_utf8(sample.body).unwrap().replace('\n', "\r\n").into_bytes();
        }
        let key = sample.notes.iter().find_map(|note| note.strip_prefix("# public key (base64 SPKI DER): "));
        let signed = key.map(|key| Sendgrid {
            public_keys: vec![BASE64.decode(key.as_bytes()).unwrap()],
            basic: Vec::new(),
            window: HOUR,
        });
        let (sample, provider) = match signed {
            Some(signed) => (sample, Provider::Sendgrid(signed)),
            None => {
                let basic = vec![Secret::new(PASSWORD)];
                (
                    sample.with_password(),
                    Provider::Sendgrid(Sendgrid { public_keys: Vec::new(), basic, window: HOUR }),
                )
            }
        };
        let timestamp = sample.headers.get("x-twilio-email-event-webhook-timestamp");
        let now =
            timestamp.map_or(now, |value| Timestamp::from_secs(value.to_str().unwrap().parse().unwrap()));
        told.push_str(&sample.told(&provider, Evidence::Nothing, now));
        if timestamp.is_some() {
            let mut forged = sample.clone();
            forged.body.pop();
            let refused = forged.verify(&provider, Evidence::Nothing, now);
            assert_eq!(refused, Err(Refusal::Wrong), "{}", sample.name);
        }
    }
    insta::assert_snapshot!("sendgrid", told);
}

#[test]
fn postmark_samples_are_told_as_reviewed() {
    let Some(folder) = shared::fixtures("postmark") else { return };
    let provider = Provider::Postmark(Postmark { basic: vec![Secret::new(PASSWORD)] });
    let now = Timestamp::from_secs(1_700_000_000);
    let mut told = String::new();
    for sample in Sample::all(&folder) {
        let unproven = sample.verify(&provider, Evidence::Nothing, now);
        assert_eq!(unproven, Err(Refusal::Missing), "{}", sample.name);
        told.push_str(&sample.with_password().told(&provider, Evidence::Nothing, now));
    }
    insta::assert_snapshot!("postmark", told);
}

/// A signing key with its certificate, for samples whose signature is made up.
struct Amazon {
    key: KeyPair,
    pem: String,
}

impl Amazon {
    fn new() -> Self {
        let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let pkcs8 = AsDer::<Pkcs8V1Der<'_>>::as_der(&key).unwrap();
        let certified = rcgen::KeyPair::try_from(pkcs8.as_ref()).unwrap();
        let pem = rcgen::CertificateParams::new(Vec::new()).unwrap().self_signed(&certified).unwrap().pem();
        Self { key, pem }
    }

    /// Signs a message as the provider documents it, after filling in what the sample leaves out.
    fn sign(&self, body: &[u8]) -> Vec<u8> {
        let mut message: Value = serde_json::from_slice(body).unwrap();
        let fields = message.as_object_mut().unwrap();
        let topic = "arn:aws:sns:us-east-1:123456789012:SES_Events";
        let topic = fields.entry("TopicArn").or_insert(topic.into()).as_str().unwrap().to_owned();
        let region = topic.split(':').nth(3).unwrap();
        fields.entry("Timestamp").or_insert("2018-03-30T17:17:36.516Z".into());
        fields.insert("SignatureVersion".to_owned(), "2".into());
        fields
            .insert("SigningCertURL".to_owned(), format!("https://sns.{region}.amazonaws.com/1.pem").into());
        let keys: &[&str] = match fields.get("Type").and_then(Value::as_str).unwrap() {
            "Notification" => &["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"],
            _ => &["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"],
        };
        let signed: String =
            keys.iter().filter_map(|key| Some(format!("{key}\n{}\n", fields.get(*key)?.as_str()?))).collect();
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
        fields.insert("Signature".to_owned(), BASE64.encode(&signature).into());
        serde_json::to_vec(&message).unwrap()
    }
}

fn text<'v>(message: &'v Value, key: &str) -> Option<&'v str> {
    message.get(key).and_then(Value::as_str)
}

#[test]
fn sns_samples_are_told_as_reviewed() {
    let Some(folder) = shared::fixtures("ses_sns") else { return };
    let theirs = fs::read(folder.join("test_signing_cert.pem")).unwrap();
    let amazon = Amazon::new();
    let mut told = String::new();
    for mut sample in Sample::all(&folder) {
        if sample.headers.contains_key("x-amz-sns-rawdelivery") {
            let topic = sample.headers.get("x-amz-sns-topic-arn").unwrap().to_str().unwrap().to_owned();
            let sns = |basic| Provider::Sns(Sns { topics: vec![topic.clone()], window: HOUR, basic });
            let now = Timestamp::from_secs(1_700_000_000);
            assert_eq!(sample.verify(&sns(Vec::new()), Evidence::Nothing, now), Err(Refusal::Missing));
            let provider = sns(vec![Secret::new(PASSWORD)]);
            let sample = sample.with_password();
            assert_eq!(provider.need(&sample.request(now)), Ok(Need::Nothing));
            told.push_str(&sample.told(&provider, Evidence::Nothing, now));
            continue;
        }
        let evidence = if sample.name.starts_with("signed_") {
            Evidence::Certificate(&theirs)
        } else {
            sample.body = amazon.sign(&sample.body);
            Evidence::Certificate(amazon.pem.as_bytes())
        };
        let message: Value = serde_json::from_slice(&sample.body).unwrap();
        let time: jiff::Timestamp = text(&message, "Timestamp").unwrap().parse().unwrap();
        let now = Timestamp(time.as_millisecond());
        let topic = text(&message, "TopicArn").unwrap();
        let sns = |topic: &str| {
            Provider::Sns(Sns { topics: vec![topic.to_owned()], window: HOUR, basic: Vec::new() })
        };
        let certificate = text(&message, "SigningCertURL").unwrap().to_owned();
        assert_eq!(
            sns(topic).need(&sample.request(now)),
            Ok(Need::Certificate(certificate)),
            "{}",
            sample.name
        );
        let other = sns("arn:aws:sns:us-east-1:123456789012:other");
        assert_eq!(other.need(&sample.request(now)), Err(Refusal::NotListed), "{}", sample.name);
        told.push_str(&sample.told(&sns(topic), evidence, now));

        let mut forged = sample.clone();
        let mut message = message.clone();
        message["MessageId"] = "another".into();
        forged.body = serde_json::to_vec(&message).unwrap();
        assert_eq!(forged.verify(&sns(topic), evidence, now), Err(Refusal::Wrong), "{}", sample.name);
    }
    insta::assert_snapshot!("ses_sns", told);
}

/// A raw mail as SES hands it on, for one mailbox.
fn as_received(raw: &[u8]) -> Sample {
    let message = serde_json::json!({
        "notificationType": "Received",
        "mail": {"messageId": "ses-1"},
        "receipt": {"recipients": ["help@in.example"], "action": {"type": "SNS", "encoding": "BASE64"}},
        "content": BASE64.encode(raw),
    });
    let headers = [
        ("x-amz-sns-rawdelivery", "true"),
        ("x-amz-sns-topic-arn", "arn:aws:sns:eu-west-1:123456789012:mail"),
        ("x-amz-sns-message-id", "n-1"),
    ];
    let headers =
        headers.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
    let body = serde_json::to_vec(&message).unwrap();
    Sample { name: String::new(), headers: headers.into_iter().collect(), notes: Vec::new(), body }
        .with_password()
}

fn raw_mails() -> Provider {
    Provider::Sns(Sns {
        topics: vec!["arn:aws:sns:eu-west-1:123456789012:mail".to_owned()],
        window: HOUR,
        basic: vec![Secret::new(PASSWORD)],
    })
}

#[test]
fn raw_mails_are_told_as_reviewed() {
    let Some(folder) = shared::fixtures("email_eml") else { return };
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut told = String::new();
    for path in files {
        let mut sample = as_received(&fs::read(&path).unwrap());
        path.file_name().unwrap().to_str().unwrap().clone_into(&mut sample.name);
        told.push_str(&sample.told(&raw_mails(), Evidence::Nothing, Timestamp::from_secs(0)));
    }
    insta::assert_snapshot!("email_eml", told);
}

#[test]
fn the_mails_that_python_is_tested_with_are_all_read() {
    let folder = Path::new("/usr/lib/python3.11/test/test_email/data");
    let Ok(files) = fs::read_dir(folder) else {
        eprintln!("SKIPPED: no folder {} (Debian package libpython3.11-testsuite)", folder.display());
        return;
    };
    let mut read = 0;
    for path in
        files.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|e| e == "txt"))
    {
        let sample = as_received(&fs::read(&path).unwrap());
        let verified =
            raw_mails().verify(sample.request(Timestamp::from_secs(0)), Evidence::Nothing).unwrap();
        let split = raw_mails().split(&verified).unwrap();
        let [Item::Event(event)] = split.items.as_slice() else { panic!("{}: no event", path.display()) };
        assert!(event.thread.is_some() && event.message.email.is_some(), "{}", path.display());
        read += 1;
    }
    assert!(read >= 40, "only {read} mails were found");
}

mod laws {
    //! Whatever a relay or a stranger sends, the laws of every parser hold.

    use headgate::channel::fuzzing;
    use proptest::{prelude::*, sample::Index};

    use crate::support::corpus;

    type Target = (&'static str, fn(&[u8]));

    const TARGETS: [Target; 5] = [
        ("mailgun", fuzzing::mailgun),
        ("sendgrid", fuzzing::sendgrid),
        ("postmark", fuzzing::postmark),
        ("sns", fuzzing::sns),
        ("mime", fuzzing::mime),
    ];

    /// One change to an input: a piece is taken out, repeated elsewhere, or replaced by bytes that mean
    /// something to a parser.
    #[derive(Clone, Debug)]
    enum Change {
        Cut(Index, Index),
        Repeat(Index, Index, Index),
        Put(Index, Vec<u8>),
    }

    fn change() -> impl Strategy<Value = Change> {
        let telling = [
            "\r\n", "\n", "--", "\"", "<", ">", "@", ",", "(", "+", "{", "[", "\\", ":", ";", "=", "\0",
            "\u{fe}",
        ];
        let bytes = prop_oneof![
            prop::sample::select(telling.to_vec()).prop_map(|text| text.as_bytes().to_vec()),
            prop::collection::vec(any::<u8>(), 1..8),
        ];
        let at = any::<Index>;
        prop_oneof![
            (at(), at()).prop_map(|(from, to)| Change::Cut(from, to)),
            (at(), at(), at()).prop_map(|(from, to, into)| Change::Repeat(from, to, into)),
            (at(), bytes).prop_map(|(into, bytes)| Change::Put(into, bytes)),
        ]
    }

    fn changed(mut input: Vec<u8>, changes: &[Change]) -> Vec<u8> {
        /// Longest piece that one change takes out or repeats.
        const PIECE_MAX: usize = 64;
        for change in changes {
            let place = |index: &Index| index.index(input.len() + 1);
            let piece = |from: &Index, length: &Index| {
                let from = place(from);
                from..(from + length.index(PIECE_MAX)).min(input.len())
            };
            match change {
                Change::Cut(from, length) => drop(input.drain(piece(from, length))),
                Change::Repeat(from, length, into) => {
                    let (into, piece) = (place(into), input.get(piece(from, length)).unwrap().to_vec());
                    drop(input.splice(into..into, piece));
                }
                Change::Put(into, bytes) => {
                    let into = place(into);
                    drop(input.splice(into..into, bytes.iter().copied()));
                }
            }
        }
        input
    }

    proptest! {
        #[test]
        fn changed_inputs_break_no_law(
            target in 0..TARGETS.len(),
            seed in any::<Index>(),
            changes in prop::collection::vec(change(), 1..12),
        ) {
            let (name, run) = *TARGETS.get(target).unwrap();
            let inputs = corpus::inputs(name);
            run(&changed(seed.get(&inputs).clone(), &changes));
        }

        #[test]
        fn a_mail_is_read_the_same_twice(seed in any::<Index>(), changes in prop::collection::vec(change(), 0..6)) {
            let raw = changed(seed.get(&corpus::inputs("mime")).clone(), &changes);
            prop_assert_eq!(super::told_of(&raw), super::told_of(&raw));
        }
    }
}

/// What is told of a raw mail.
fn told_of(raw: &[u8]) -> String {
    as_received(raw).told(&raw_mails(), Evidence::Nothing, Timestamp::from_secs(0))
}
