//! The program at its most talkative, with a canary in everything that is nobody's business: none comes out.

use std::{net::SocketAddr, time::Duration};

use headgate::probe::canary::Canaries;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{
    gateway::Setup,
    outside::{Provider, Tls},
    program::Program,
    receiver::Receiver,
    samples::{self, ProviderKeys, Sample},
};

const OPS_TOKEN: &str = "CANARY-ops-token-0123456789";

/// What must never be seen: the canaries, which all have this word in them, and every secret.
fn forbidden() -> Vec<String> {
    let encoded = |text: &str| data_encoding::BASE64.encode(text.as_bytes());
    let key = |text: &str| text.trim_start_matches("whsec_").to_owned();
    let mut forbidden: Vec<String> = [
        "CANARY",
        "canary",
        samples::META_APP_SECRET,
        samples::META_VERIFY_TOKEN,
        samples::TELEGRAM_SECRET,
        samples::LINE_SECRET,
        samples::X_SECRET,
        samples::MAILGUN_KEY,
        samples::POSTMARK_BASIC,
    ]
    .map(str::to_owned)
    .to_vec();
    forbidden.extend([
        encoded(samples::POSTMARK_BASIC),
        key(samples::WEBHOOK_KEY),
        key(samples::BACKEND_KEY),
    ]);
    // Of the samples' customers: names, numbers, texts.
    forbidden.extend(
        ["491701234567", "Mara", "Tomas", "Konnichiwa", "invoice 12", "customer.example", "5000000001"]
            .map(str::to_owned),
    );
    forbidden
}

/// What comes back for bytes on a connection.
async fn raw(address: SocketAddr, request: String) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ended = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// An answer of the operators' listener.
async fn ops(address: SocketAddr, method: &str, path: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    raw(
        address,
        format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\n{headers}content-length: {length}\r\n\
             connection: close\r\n\r\n{body}"
        ),
    )
    .await
}

fn canaried(sample: &Sample) -> Sample {
    let mut sample = sample.clone();
    sample.headers.push(("x-private", "CANARY-header".to_owned()));
    sample.headers.push(("cookie", "session=CANARY-cookie".to_owned()));
    sample
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_and_nothing_of_a_customer_is_in_any_log_metric_or_answer() {
    let keys = ProviderKeys::generate();
    let tls = Tls::start(&keys).await;
    let backend = Receiver::start().await;
    let more = "attempts_max = 3\n\n[telemetry]\nlog = \"trace\"\nformat = \"json\"\n";
    let setup = Setup::quickstart(backend.address, &tls, &keys)
        .main(backend.address, "event", more)
        .env("OPS_TOKEN", OPS_TOKEN)
        .edit("headgate.toml", |text| {
            text.replace("/events\"", "/events?key=CANARY-query-of-the-backend\"")
                .replace("[listener.ops]", "[listener.ops]\ntokens = [\"${env:OPS_TOKEN}\"]")
        });
    let program = Program::start(setup.command("serve"));
    let hooks = program.address("hooks").await;
    let operators = program.address("ops").await;
    let provider = Provider::new(hooks, &tls);
    let mut answers = Vec::new();
    let now = jiff::Timestamp::now().as_second();
    let genuine = samples::all(&keys, now);

    // Taken, refused by the backend, assigned to nobody by it, dead.
    let odd = [("headgate-assign", "user=CANARY-user; team=CANARY-team"), ("x-canary", "CANARY-answer")];
    for status in [500, 302, 400, 410, 429, 200, 200] {
        backend.answer_next(status, &odd);
    }
    for sample in &genuine {
        let answer = provider.post(&canaried(sample)).await;
        assert_eq!(answer.status, 200, "{}", sample.name);
        answers.push(answer.body);
    }
    let private = samples::whatsapp("wamid.CANARY-id", "CANARY-number", "CANARY-text", now);
    answers.push(provider.post(&private).await.body);
    answers.push(provider.post(&private).await.body);

    // Refused in every way.
    for sample in &genuine {
        let sample = canaried(sample);
        let path = format!("{}?x=CANARY-query", sample.endpoint);
        let unreadable = b"{\"CANARY-key\": \"CANARY-value\"".to_vec();
        let mut credentials = sample.headers.clone();
        for (name, value) in &mut credentials {
            if *name != "content-type" {
                *value = format!("CANARY-{value}");
            }
        }
        for (method, headers, body) in [
            ("POST", sample.headers.clone(), unreadable),
            ("POST", credentials, sample.body.clone()),
            ("POST", vec![("content-encoding", "CANARY-coding".to_owned())], Vec::new()),
            ("POST", sample.headers.clone(), vec![b' '; 65 << 20]),
            ("DELETE", sample.headers.clone(), Vec::new()),
            ("GET", sample.headers.clone(), Vec::new()),
        ] {
            // The answer may come, and the connection end, before so large a body is sent.
            if body.len() > 1 << 20 && sample.endpoint != "telegram-bot" {
                continue;
            }
            answers.push(provider.send(method, &path, &headers, body).await.body);
        }
    }
    answers.push(provider.get("CANARY-endpoint", "CANARY").await.body);
    let good = format!("hub.mode=subscribe&hub.challenge=1&hub.verify_token={}", samples::META_VERIFY_TOKEN);
    answers.push(provider.get("meta-main", &good).await.body);
    answers.push(provider.get("meta-main", &good.replace("token=", "token=CANARY-")).await.body);
    answers.push(provider.get("x-app", "crc_token=CANARY-token").await.body);
    let mut ses = genuine.iter().find(|sample| sample.endpoint == "mail-ses").unwrap().clone();
    ses.body = String::from_utf8(ses.body).unwrap().replace("-quickstart.pem", "-CANARY.pem").into_bytes();
    answers.push(provider.post(&ses).await.body);
    answers.push(raw(hooks, "CANARY no TLS\r\n\r\n".to_owned()).await);

    // The operators' side.
    let token = format!("authorization: Bearer {OPS_TOKEN}\r\n");
    let json = format!("{token}content-type: application/json\r\n");
    for (method, path, headers, body) in [
        ("GET", "/metrics", "", ""),
        ("GET", "/v1/spool", "authorization: Bearer CANARY-guess\r\n", ""),
        ("GET", "/v1/CANARY?CANARY", &token, ""),
        ("GET", "/v1/dead-letters?CANARY=CANARY", &token, ""),
        ("GET", "/v1/config", &token, ""),
        ("GET", "/v1/conversations/CANARY", &token, ""),
        ("POST", "/v1/dead-letters/revive", &json, r#"{"reason": "CANARY"}"#),
        ("POST", "/v1/dead-letters/revive", &token, "CANARY"),
        ("POST", "/CANARY HTTP/1.1\r\nCANARY: \0\r\nx", "", ""),
        ("GET", "/v1/spool", "host: CANARY\r\n", ""),
        ("GET", "/v1/spool", "CANARY CANARY: CANARY\r\n", ""),
        ("GET", "/v1/spool", "transfer-encoding: CANARY\r\n", ""),
        ("CANARY", "/v1/spool", "expect: CANARY\r\n", ""),
    ] {
        answers.push(ops(operators, method, path, headers, body).await);
    }

    // A configuration in which every secret is wrong, by every way to reload.
    let channels = setup.read("tenants/default/channels.toml");
    let wrong = channels
        .replace("\"${env:TELEGRAM_SECRET}\"", "\"CANARY secret of telegram\"")
        .replace("\"${env:WEBHOOK_KEY}\"", "\"whsec_CANARY\"")
        .replace("\"${env:SENDGRID_PUBLIC_KEY}\"", "\"CANARY\"")
        .replace("\"${env:POSTMARK_BASIC}\"", "\"CANARY\"")
        .replace("\"${env:LINE_SECRET}\"", "\"\"")
        .replace("\"${env:X_SECRET}\"", "[\"CANARY\"]");
    assert_ne!(wrong, channels);
    setup.write("tenants/default/channels.toml", &wrong);
    let refused = ops(operators, "POST", "/v1/reload", &token, "").await;
    assert!(refused.starts_with("HTTP/1.1 422"), "{refused}");
    answers.push(refused);
    answers.push(ops(operators, "GET", "/v1/config", &token, "").await);
    let check = setup.command("check").output().unwrap();
    assert!(!check.status.success());
    answers.push(String::from_utf8(check.stdout).unwrap() + &String::from_utf8(check.stderr).unwrap());

    // What died of it shows who, when and why, and nothing that was said.
    let letters = loop {
        let letters = ops(operators, "GET", "/v1/dead-letters", &token, "").await;
        if letters.contains("malformed") && letters.contains("gone") {
            break letters;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    answers.push(letters);
    answers.push(ops(operators, "GET", "/metrics", "", "").await);

    let log = program.text();
    assert!(log.contains("\"level\":\"TRACE\""), "the log is not at its most talkative");
    let forbidden = Canaries::new(forbidden());
    for (place, text) in answers.iter().map(|answer| ("an answer", answer)).chain([("the log", &log)]) {
        for line in text.lines() {
            if let Some(secret) = forbidden.find(line.as_bytes()) {
                panic!("`{secret}` is in {place}: {line}");
            }
        }
    }
}
