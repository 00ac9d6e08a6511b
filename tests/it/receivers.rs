//! Real receivers: the official SDKs verify and parse what Headgate delivers, as they would what the
//! provider sends. They run in the Python that `HEADGATE_PYTHON` names (`scripts/install-tools`).

use std::{process::Stdio, sync::Arc};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

use crate::support::{
    gateway::Setup,
    outside::{Provider, Tls},
    samples::{self, ProviderKeys},
};

/// A backend on an SDK, in its own process.
struct Sdk {
    _process: Child,
    lines: Lines<BufReader<ChildStdout>>,
    address: std::net::SocketAddr,
}

impl Sdk {
    async fn start(kind: &str, secret: &str) -> Option<Self> {
        #[expect(clippy::disallowed_methods, reason = "a test's own setting")]
        let Ok(python) = std::env::var("HEADGATE_PYTHON") else {
            eprintln!("SKIPPED: HEADGATE_PYTHON names no Python with the SDKs");
            return None;
        };
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/receivers/receiver.py");
        let mut process = Command::new(python)
            .args([script, kind, secret])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = lines.next_line().await.unwrap().unwrap();
        let address = format!("127.0.0.1:{port}").parse().unwrap();
        Some(Self { _process: process, lines, address })
    }

    /// What it made of the next delivery.
    async fn saw(&mut self) -> Value {
        serde_json::from_str(&self.lines.next_line().await.unwrap().unwrap()).unwrap()
    }
}

async fn deliver(sdk: &mut Sdk, format: &str, sample: &str) -> Value {
    let keys = ProviderKeys::generate();
    let tls = Arc::new(Tls::start(&keys).await);
    let gateway = Setup::quickstart(sdk.address, &tls, &keys).main(sdk.address, format, "").start().await;
    let now = jiff::Timestamp::now().as_second();
    let sample = samples::all(&keys, now).into_iter().find(|one| one.name == sample).unwrap();
    assert_eq!(Provider::new(gateway.hooks(), &tls).post(&sample).await.status, 200);
    let saw = sdk.saw().await;
    gateway.stop().await;
    saw
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_line_sdk_verifies_and_parses_a_raw_delivery() {
    let Some(mut sdk) = Sdk::start("line", samples::LINE_SECRET).await else { return };
    let saw = deliver(&mut sdk, "raw", "LINE").await;
    assert_eq!(saw["verified"], true);
    assert_eq!(saw["events"][0]["text"], "Konnichiwa");
    assert_eq!(saw["events"][0]["user"], "U0000000000000000000000000000000a");
}

#[tokio::test(flavor = "multi_thread")]
async fn python_telegram_bot_verifies_and_parses_a_raw_delivery() {
    let Some(mut sdk) = Sdk::start("telegram", samples::TELEGRAM_SECRET).await else { return };
    let saw = deliver(&mut sdk, "raw", "Telegram").await;
    assert_eq!(saw["verified"], true);
    assert_eq!(saw["events"][0]["text"], "/start");
    assert_eq!(saw["events"][0]["chat"], 5_000_000_001_i64);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_standardwebhooks_package_verifies_an_event_delivery() {
    let Some(mut sdk) = Sdk::start("standard", samples::BACKEND_KEY).await else { return };
    let saw = deliver(&mut sdk, "event", "WhatsApp").await;
    assert_eq!(saw["verified"], true);
    assert_eq!(saw["events"][0]["specversion"], "1.0");
    assert_eq!(saw["events"][0]["data"]["text"], "Is the blue one still available?");
}
