//! A running gateway under attack: what a stranger, or a provider that was taken over, can send to it.

use std::sync::Arc;

use data_encoding::{BASE64, HEXLOWER};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{
    gateway::{Setup, TestGateway},
    outside::{Provider, Tls, send_with},
    receiver::Receiver,
    samples::{self, ProviderKeys, Sample},
};

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// A gateway and everything outside of it.
struct World {
    keys: ProviderKeys,
    tls: Tls,
    backend: Receiver,
    gateway: TestGateway,
    provider: Provider,
}

impl World {
    async fn new() -> Self {
        let keys = ProviderKeys::generate();
        let tls = Tls::start(&keys).await;
        let backend = Receiver::start().await;
        let gateway = Setup::quickstart(backend.address, &tls, &keys).start().await;
        let provider = Provider::new(gateway.hooks(), &tls);
        Self { keys, tls, backend, gateway, provider }
    }

    fn sample(&self, name: &str) -> Sample {
        samples::all(&self.keys, now()).into_iter().find(|sample| sample.name == name).unwrap()
    }

    /// The whole answer to these bytes, which ask to close the connection.
    async fn raw(&self, request: &[u8]) -> String {
        let stream = TcpStream::connect(self.gateway.hooks()).await.unwrap();
        let name = "localhost".try_into().unwrap();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(self.tls.client()));
        let mut stream = connector.connect(name, stream).await.unwrap();
        stream.write_all(request).await.unwrap();
        let mut answer = Vec::new();
        // A connection that is closed with bytes unread may end by a reset: what came before counts.
        let _ended = stream.read_to_end(&mut answer).await;
        String::from_utf8(answer).unwrap()
    }

    /// The status of a signed webhook with this request line and these further header lines.
    async fn raw_status(&self, line: &str, more: &str, sample: &Sample) -> u16 {
        let headers: String =
            sample.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let length = sample.body.len();
        let head = format!("{line}\r\n{headers}{more}content-length: {length}\r\nconnection: close\r\n\r\n");
        let answer = self.raw(&[head.as_bytes(), &sample.body].concat()).await;
        answer.split(' ').nth(1).unwrap_or_else(|| panic!("{line}: {answer:?}")).parse().unwrap()
    }

    /// Nothing that came before keeps a genuine webhook from being taken and delivered.
    async fn still_serves(&self, delivered_before: usize) {
        let sample = samples::whatsapp("wamid.after", "4917011", "still here", now());
        assert_eq!(self.provider.post(&sample).await.status, 200);
        let deliveries = self.backend.acknowledged(delivered_before + 1).await;
        assert!(deliveries.iter().any(|delivery| delivery.text("/data/text") == "still here"));
    }
}

/// A Meta webhook with this body, signed.
fn signed_by_meta(body: Vec<u8>) -> Sample {
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, samples::META_APP_SECRET.as_bytes());
    let mac = HEXLOWER.encode(aws_lc_rs::hmac::sign(&key, &body).as_ref());
    let headers = vec![
        ("content-type", "application/json".to_owned()),
        ("x-hub-signature-256", format!("sha256={mac}")),
    ];
    Sample { name: "Meta", endpoint: "meta-main", headers, body }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_not_read_for_a_head_that_nothing_can_make_good() {
    let world = World::new().await;
    let basic = "authorization: Basic cG9zdG1hcms6Z3Vlc3M=\r\n";
    for (endpoint, headers) in [
        ("meta-main", ""),
        ("meta-main", "x-hub-signature: sha1=00\r\n"),
        ("meta-main", "x-hub-signature-256: sha256=00\r\n"),
        ("telegram-bot", ""),
        ("telegram-bot", "x-telegram-bot-api-secret-token: guess\r\n"),
        ("line-main", ""),
        ("x-app", ""),
        ("mail-sendgrid", ""),
        ("mail-postmark", ""),
        ("mail-postmark", basic),
        ("webchat", ""),
        ("webchat", "webhook-id: a\r\nwebhook-timestamp: 1\r\n"),
    ] {
        // Whoever waits for a body says so: `100 Continue` comes first.
        let answer = world
            .raw(
                format!(
                    "POST /hooks/{endpoint} HTTP/1.1\r\nhost: localhost\r\n{headers}content-length: 900000\r\n\
                     expect: 100-continue\r\n\r\n"
                )
                .as_bytes(),
            )
            .await;
        assert!(answer.starts_with("HTTP/1.1 401"), "{endpoint} {headers}: {answer}");
        assert!(answer.contains("connection: close"), "{endpoint}: {answer}");
        // Without a challenge that names a realm, SNS does not send its password.
        assert!(answer.contains("www-authenticate: Basic realm="), "{endpoint}: {answer}");
        assert!(answer.ends_with("\r\n\r\nnot verified\n"), "{endpoint}: {answer}");
    }
    let (_status, metrics) = world.gateway.ops("/metrics").await;
    let missing = r#"headgate_webhooks_not_verified_total{provider="telegram",reason="missing"} 1"#;
    assert!(metrics.contains(missing), "{metrics}");
    world.still_serves(0).await;
    world.gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_endpoint_takes_no_larger_body_than_its_provider_sends() {
    let world = World::new().await;
    for (name, bytes, status) in [
        ("Telegram", 8 << 20, 413),
        ("Telegram", (1 << 20) + 1, 413),
        ("Telegram", 1 << 20, 200),
        ("WhatsApp", (4 << 20) + 1, 413),
        ("Email by Postmark", (64 << 20) + 1, 413),
    ] {
        let mut sample = world.sample(name);
        sample.body.resize(bytes, b' ');
        assert_eq!(world.provider.post(&sample).await.status, status, "{name} {bytes}");
    }
    world.backend.acknowledged(1).await;
    world.still_serves(1).await;
    world.gateway.stop().await;
}

/// Bodies that parsers stumble over.
fn odd_bodies() -> Vec<(&'static str, Vec<u8>)> {
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let objects = |levels: usize| format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels));
    let within = |value: &str| {
        format!(
            r#"{{"object":"whatsapp_business_account","entry":[{{"id":"1","changes":[{{"field":"messages","value":{value}}}]}}],"update_id":1,"message":{value}}}"#
        )
    };
    let mut bodies: Vec<(&str, Vec<u8>)> = vec![
        ("empty", Vec::new()),
        ("null", b"null".to_vec()),
        ("NUL bytes", vec![0; 1000]),
        ("not UTF-8", b"{\"update_id\":1,\"message\":\"\xff\"}".to_vec()),
        ("BOM", b"\xef\xbb\xbf{\"update_id\":1}".to_vec()),
        ("UTF-16", b"\xff\xfe{\0}\0".to_vec()),
        ("trailing bytes", b"{\"update_id\":1}{\"update_id\":2}".to_vec()),
        ("trailing comma", b"{\"update_id\":1,}".to_vec()),
        ("a key twice", b"{\"update_id\":1,\"update_id\":2,\"message\":{},\"message\":{}}".to_vec()),
    ];
    for (name, text) in [
        ("10,000 arrays", deep(10_000)),
        ("100,000 arrays", deep(100_000)),
        ("100,000 objects", objects(100_000)),
        ("100,000 arrays, unclosed", "[".repeat(100_000)),
        ("10,000 arrays within", within(&deep(10_000))),
        ("100,000 arrays within", within(&deep(100_000))),
        ("50,000 objects within", within(&objects(50_000))),
        ("1e400 within", within(r#"{"messages":[{"timestamp":1e400,"id":1e400}],"date":1e400}"#)),
        ("a long number within", within(&"9".repeat(500_000))),
        ("a lone surrogate within", within(r#"{"text":"\ud800","messages":[{"id":"\udc00"}]}"#)),
        ("NaN within", within("NaN")),
        ("100,000 items within", within(&format!("{{\"messages\":[{}0]}}", "0,".repeat(100_000)))),
    ] {
        bodies.push((name, text.into_bytes()));
    }
    bodies
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_bodies_are_refused_unsigned_and_answered_signed() {
    let world = World::new().await;
    let template = |name| world.sample(name);
    let (telegram, line, postmark, mailgun, ses) = (
        template("Telegram"),
        template("LINE"),
        template("Email by Postmark"),
        template("Email by Mailgun"),
        template("Email by SES"),
    );
    for (name, body) in odd_bodies() {
        for unsigned in [&line, &mailgun, &ses] {
            let sample = Sample { body: body.clone(), ..unsigned.clone() };
            assert_eq!(world.provider.post(&sample).await.status, 401, "{name} to {}", unsigned.endpoint);
        }
        let mut stranger = telegram.clone();
        stranger.headers[1].1 = "guess".to_owned();
        stranger.body.clone_from(&body);
        assert_eq!(world.provider.post(&stranger).await.status, 401, "{name}");

        let telegram = Sample { body: body.clone(), ..telegram.clone() };
        assert_eq!(world.provider.post(&telegram).await.status, 200, "{name} of Telegram");
        // Each is told what makes it stop.
        for (sample, stop) in
            [(signed_by_meta(body.clone()), 400), (Sample { body, ..postmark.clone() }, 403)]
        {
            let answer = world.provider.post(&sample).await;
            assert!([200, stop].contains(&answer.status), "{name} to {}: {answer:?}", sample.endpoint);
        }
    }
    let (_status, metrics) = world.gateway.ops("/metrics").await;
    let panics = metrics.lines().filter(|line| line.starts_with("headgate_request_panics_total{"));
    assert!(panics.clone().count() > 0 && panics.clone().all(|line| line.ends_with(" 0")), "{metrics}");
    let sample = samples::whatsapp("wamid.after", "4917011", "still here", now());
    assert_eq!(world.provider.post(&sample).await.status, 200);
    world.gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_that_nests_without_end_costs_its_neighbours_nothing_and_chokes_no_parser() {
    let world = World::new().await;
    let sample = samples::whatsapp("wamid.1", "4917011", "first", now());
    let mut body: serde_json::Value = serde_json::from_slice(&sample.body).unwrap();
    let messages = body.pointer_mut("/entry/0/changes/0/value/messages").unwrap().as_array_mut().unwrap();
    for (id, text, further) in [("wamid.2", "second", "DEEP"), ("wamid.3", "third", "")] {
        let mut message = messages[0].clone();
        message["id"] = id.into();
        message["text"]["body"] = text.into();
        message["further"] = further.into();
        messages.push(message);
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let body = body.to_string().replace("\"DEEP\"", &deep);
    assert_eq!(world.provider.post(&signed_by_meta(body.clone().into_bytes())).await.status, 200);

    // The receiver reads each delivery with a parser that stops at 128 levels.
    let deliveries = world.backend.acknowledged(3).await;
    let texts: Vec<_> = deliveries.iter().map(|delivery| delivery.text("/data/text")).collect();
    assert_eq!(texts, ["first", "second", "third"]);
    let fragment = BASE64.decode(deliveries[1].text("/data/raw/base64").as_bytes()).unwrap();
    let fragment = std::str::from_utf8(&fragment).unwrap();
    assert!(fragment.contains("wamid.2") && body.contains(fragment), "not the provider's own bytes");
    let (_status, metrics) = world.gateway.ops("/metrics").await;
    assert!(metrics.contains("headgate_limit_reached_total{limit=\"json_nesting_max\"} 1"), "{metrics}");
    world.gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_with_a_hundred_thousand_parts_is_refused() {
    let world = World::new().await;
    let part = "--b\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\na\r\n";
    let body = format!("{}--b--\r\n", part.repeat(100_000)).into_bytes();
    let headers = vec![("content-type", "multipart/form-data; boundary=b".to_owned())];
    let multipart = Sample { headers, body, ..world.sample("Email by Mailgun") };
    assert_eq!(world.provider.post(&multipart).await.status, 401);
    let mut pairs = world.sample("Email by Mailgun");
    pairs.body = [b"a=b&".repeat(100_000), pairs.body].concat();
    assert_eq!(world.provider.post(&pairs).await.status, 401);
    world.still_serves(0).await;
    world.gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_counts_only_under_its_own_name_and_once() {
    let world = World::new().await;
    let genuine = samples::whatsapp("wamid.header", "4917011", "one", now());
    let signature = genuine.headers[1].1.clone();
    let bare = Sample { headers: vec![genuine.headers[0].clone()], ..genuine.clone() };
    let line = "POST /hooks/meta-main HTTP/1.1\r\nhost: localhost";
    for (more, status) in [
        (format!("X_Hub_Signature_256: {signature}\r\n"), 401),
        (format!("X-Hub-Signature_256: {signature}\r\n"), 401),
        (format!("X-Hub-Signature: {signature}\r\n"), 401),
        (format!("X-Hub-Signature-256: {signature}\r\nx-hub-signature-256: {signature}\r\n"), 401),
        (format!("X-Hub-Signature-256: {signature}, {signature}\r\n"), 401),
        (format!("X-Hub-Signature-256: {signature}\r\nX-Hub-Signature-256: sha256=00\r\n"), 401),
        (format!("X-Hub-Signature-256:\r\n {signature}\r\n"), 400),
        (format!("X-Hub-Signature-256 : {signature}\r\n"), 400),
        (format!("X-Hub-Signature-256: {signature}\r\nContent-Encoding: gzip\r\n"), 415),
        (
            format!(
                "X-Hub-Signature-256: {signature}\r\nContent-Encoding: identity\r\nContent-Encoding: br\r\n"
            ),
            415,
        ),
        (format!("X-HUB-SIGNATURE-256:   {signature}  \r\n"), 200),
    ] {
        assert_eq!(world.raw_status(line, &more, &bare).await, status, "{more}");
    }
    world.backend.acknowledged(1).await;
    world.still_serves(1).await;
    world.gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_has_one_path() {
    let world = World::new().await;
    let genuine = samples::whatsapp("wamid.path", "4917011", "one", now());
    let host = "host: localhost";
    for (target, status) in [
        ("//hooks/meta-main", 404),
        ("/hooks//meta-main", 404),
        ("/hooks/meta-main/", 404),
        ("/hooks/meta-main/..", 404),
        ("/hooks/meta-main/.", 404),
        ("/hooks/./meta-main", 404),
        ("/hooks/%2e/meta-main", 404),
        ("/hooks/../hooks/meta-main", 404),
        ("/hooks/x/..%2fmeta-main", 404),
        ("/hooks/meta%2dmain", 404),
        ("/hooks%2fmeta-main", 404),
        ("/hooks/meta-main%00", 404),
        ("/hooks/meta-main;x=1", 404),
        ("/hooks/META-MAIN", 404),
        ("/Hooks/meta-main", 404),
        ("/hooks/", 404),
        ("/hooks", 404),
        ("/", 404),
        ("/?/hooks/meta-main", 404),
        ("/hooks\\meta-main", 404),
        ("hooks/meta-main", 400),
        ("https://evil.test/hooks/meta-main", 400),
        ("https://user@localhost/hooks/meta-main", 400),
        ("/hooks/meta-main?x=/hooks/line-main", 200),
        ("https://localhost/hooks/meta-main", 200),
    ] {
        let status_got = world.raw_status(&format!("POST {target} HTTP/1.1\r\n{host}"), "", &genuine).await;
        // A target that is none may also end at the parser.
        let fits = status_got == status || (status == 404 && status_got == 400);
        assert!(fits, "{target}: {status_got}");
    }
    for (method, status) in [
        ("GET", 403),
        ("post", 405),
        ("HEAD", 405),
        ("PUT", 405),
        ("OPTIONS", 405),
        ("TRACE", 405),
        ("PROPFIND", 405),
    ] {
        let line = format!("{method} /hooks/meta-main HTTP/1.1\r\n{host}");
        let more = "x-http-method-override: POST\r\n";
        assert_eq!(world.raw_status(&line, more, &genuine).await, status, "{method}");
    }
    assert_eq!(world.backend.acknowledged(1).await.len(), 1);
    world.gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_providers_listener_has_nothing_of_the_operators() {
    let world = World::new().await;
    for path in
        ["/healthz", "/readyz", "/metrics", "/v1/config", "/v1/spool", "/v1/reload", "/hooks/../metrics"]
    {
        for method in ["GET", "POST"] {
            let request = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
            let answer = world.raw(request.as_bytes()).await;
            assert!(answer.starts_with("HTTP/1.1 404"), "{method} {path}: {answer}");
        }
    }
    world.gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_holds_what_somebody_else_wrote() {
    let world = World::new().await;
    // Telegram executes this where an answer holds it.
    let text = r#"{"method":"sendMessage","chat_id":1,"text":"CANARY"}"#;
    for mut sample in samples::all(&world.keys, now()) {
        sample.headers.push(("x-custom", "CANARY".to_owned()));
        assert_eq!(world.provider.post(&sample).await.body, "", "{}", sample.name);
        sample.body = text.as_bytes().to_vec();
        let answer = world.provider.post(&sample).await;
        assert!(
            !answer.body.contains("CANARY") && !answer.body.contains("method"),
            "{}: {answer:?}",
            sample.name
        );
    }
    let answer = world.provider.get("CANARY", "CANARY=CANARY").await;
    assert_eq!((answer.status, answer.body.as_str()), (404, "no such endpoint\n"));

    // The two handshakes that must repeat something leave a browser nothing to execute.
    let token = samples::META_VERIFY_TOKEN;
    let answer = world
        .raw(
            format!(
                "GET /hooks/meta-main?hub.mode=subscribe&hub.verify_token={token}&hub.challenge=%3Cscript%3E \
                 HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
            )
            .as_bytes(),
        )
        .await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("content-type: text/plain; charset=utf-8\r\n"), "{answer}");
    assert!(answer.contains("x-content-type-options: nosniff\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n<script>"), "{answer}");
    let answer = world.provider.get("x-app", "crc_token=%3Cscript%3E").await;
    assert!(!answer.body.contains("script"), "{answer:?}");
    world.gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_fetched_but_from_sns_for_a_listed_topic() {
    let world = World::new().await;
    let host = samples::SNS_HOST;
    let good = format!("https://{host}/SimpleNotificationService-quickstart.pem");
    for url in [
        format!("http://{host}/a.pem"),
        format!("https://{host}:{}/a.pem", world.tls.amazon.port()),
        format!("https://user@{host}/a.pem"),
        format!("https://{host}@evil.test/a.pem"),
        format!("https://{host}.evil.test/a.pem"),
        "https://sns.us-east-1.amazonaws.com/a.pem".to_owned(),
        "https://sns.evil.amazonaws.com.evil.com/a.pem".to_owned(),
        format!("https://{host}/a.pem?b"),
        format!("https://{host}/a"),
        "https://localhost/a.pem".to_owned(),
        "file:///etc/passwd.pem".to_owned(),
        "\\u0000".to_owned(),
        String::new(),
    ] {
        let mut sample = world.sample("Email by SES");
        sample.body = String::from_utf8(sample.body).unwrap().replace(&good, &url).into_bytes();
        assert_eq!(world.provider.post(&sample).await.status, 401, "{url}");
    }
    // Old, of another topic, or without what is needed.
    for (from, to) in [
        (samples::SNS_TOPIC, "arn:aws:sns:eu-central-1:999999999999:inbound-mail"),
        ("\"Timestamp\":\"2", "\"Timestamp\":\"1"),
        ("\"Signature\":", "\"Unsigned\":"),
        ("\"Type\":\"Notification\"", "\"Type\":\"Other\""),
    ] {
        let mut sample = world.sample("Email by SES");
        let body = String::from_utf8(sample.body).unwrap();
        assert!(body.contains(from), "{from} in {body}");
        sample.body = body.replace(from, to).into_bytes();
        assert_eq!(world.provider.post(&sample).await.status, 401, "{to}");
    }
    let visits = world.tls.visits.lock().unwrap().clone();
    assert!(visits.is_empty(), "{visits:?}");
    world.gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_part_cannot_be_used_for_another_body() {
    let world = World::new().await;
    // Mailgun's signature does not cover the mail: its token is good once.
    let mailgun = world.sample("Email by Mailgun");
    assert_eq!(world.provider.post(&mailgun).await.status, 200);
    let body = String::from_utf8(mailgun.body.clone()).unwrap();
    for (from, to) in [
        ("Please+send+invoice+12+again.", "Please+pay+to+another+account."),
        ("mailgun-1%40customer.example", "mailgun-2%40customer.example"),
        ("recipient=help%40", "recipient=boss%40"),
    ] {
        assert!(body.contains(from), "{from}: {body}");
        let forged = Sample { body: body.replace(from, to).into_bytes(), ..mailgun.clone() };
        assert_eq!(world.provider.post(&forged).await.status, 200, "{to}");
    }

    // Standard Webhooks sign the id and the time with the body.
    let webchat = world.sample("webchat");
    let dotted = format!("{}.{}", webchat.headers[1].1, webchat.headers[2].1);
    for (header, value) in [
        (1, "msg_other".to_owned()),
        (1, dotted),
        (1, String::new()),
        (2, (now() - 301).to_string()),
        (2, (now() + 400).to_string()),
        (2, "-1".to_owned()),
        (2, "1e9".to_owned()),
        (2, "99999999999999999999".to_owned()),
        (3, "v1,".to_owned()),
        (3, webchat.headers[3].1.replace("v1,", "v1a,")),
        (3, webchat.headers[3].1.replace("v1,", "v2,")),
    ] {
        let mut forged = webchat.clone();
        forged.headers[header].1 = value.clone();
        assert_eq!(world.provider.post(&forged).await.status, 401, "{header} {value}");
    }
    assert_eq!(world.provider.post(&webchat).await.status, 200);

    world.backend.acknowledged(2).await;
    world.still_serves(2).await;
    let deliveries = world.backend.acknowledged(3).await;
    assert_eq!(deliveries.len(), 3, "a replay was delivered");
    world.gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_was_taken_out_of_the_configuration_opens_nothing() {
    let world = World::new().await;
    let gateway = world.gateway;
    let text = gateway.read("headgate.toml");
    let with =
        |token: &str| text.replace("[listener.ops]", &format!("[listener.ops]\ntokens = [\"{token}\"]"));
    let ops = gateway.gateway.ops().unwrap();
    let opens = async |token: &str| {
        let headers = [("authorization", format!("Bearer {token}"))];
        send_with(ops, "GET", "/v1/spool", &headers, String::new()).await.0
    };
    gateway.reload_with("headgate.toml", &with("the-first-token-0123")).unwrap();
    assert_eq!(gateway.ops("/v1/spool").await.0, 401, "a token was added");
    assert_eq!(opens("the-first-token-0123").await, 200);
    gateway.reload_with("headgate.toml", &with("the-second-token-456")).unwrap();
    assert_eq!(opens("the-first-token-0123").await, 401, "it was taken out");
    assert_eq!(opens("the-second-token-456").await, 200);
    gateway.stop().await;
}
