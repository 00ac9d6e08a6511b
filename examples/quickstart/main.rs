//! Shows Headgate at its main job on this machine: a gateway with TLS on real sockets, a small chat
//! backend, and one signed webhook of every channel posted as its provider would.
//!
//! `scripts/demo` runs it. It stays up for the `curl` lines of the README until Ctrl-C;
//! `scripts/demo --once` ends after the show.

#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a show prints, and stops at the first surprise"
)]

mod backend;
mod provider;
mod samples;

use std::{collections::HashMap, path::Path, sync::Arc};

use headgate::{clock::SystemClock, config::Config, gateway::Gateway};

use crate::{
    backend::Backend,
    provider::{Amazon, Certificate, Provider},
    samples::{ProviderKeys, Sample},
};

const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/quickstart/config");

#[tokio::main]
async fn main() {
    let once = std::env::args().any(|argument| argument == "--once");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let keys = ProviderKeys::generate();
    let certificate = Certificate::write(folder.path());

    let backend = Backend::start("127.0.0.1:8099").await;
    let amazon = Amazon::start("127.0.0.1:8444", &certificate, keys.sns_certificate()).await;
    let environment = environment(folder.path(), &keys);
    let config = match Config::load(Path::new(CONFIG), &|name| environment.get(name).cloned()) {
        Ok(config) => config,
        Err(mistakes) => {
            eprintln!("{mistakes}");
            std::process::exit(1);
        }
    };
    let gateway = Gateway::start(config, Arc::new(SystemClock::new())).await.expect("the gateway starts");
    let hooks = gateway.hooks().expect("the hooks listener");
    let provider = Provider::new(hooks, &certificate);
    let now = jiff::Timestamp::now().as_second();

    println!("Headgate listens for providers on https://{hooks}/hooks/{{endpoint}}.\n");
    println!("One webhook of every channel, signed as its provider signs:");
    post(&provider, &samples::sns_confirmation(&keys, samples::SNS_TOPIC, now)).await;
    let samples = samples::all(&keys, now);
    for sample in &samples {
        post(&provider, sample).await;
    }
    backend.received(samples.len()).await;
    backend.print_new();

    println!("\nThe same WhatsApp webhook again, and the next message of the same customer:");
    let repeated = samples.iter().find(|sample| sample.name == "WhatsApp").expect("a WhatsApp sample");
    post(&provider, repeated).await;
    let next = samples::whatsapp("wamid.quickstart.2", "491701234567", "Hello?", now + 1);
    post(&provider, &next).await;
    backend.received(samples.len() + 1).await;
    backend.print_new();
    println!("  (the repeated one was acknowledged and not delivered again)");

    println!("\nA forged webhook: the same body with one character changed.");
    let mut forged = repeated.clone();
    forged.name = "forged";
    forged.body = String::from_utf8_lossy(&forged.body).replace("blue", "free").into_bytes();
    post(&provider, &forged).await;

    let ca = certificate.path.display();
    let ops = gateway.ops().expect("the ops listener");
    if !once {
        println!("\nTry, while this runs (Ctrl-C ends it):");
        println!("  curl --cacert {ca} https://localhost:{}/hooks/meta-main -d '{{}}'", hooks.port());
        println!(
            "  curl --cacert {ca} 'https://localhost:{}/hooks/meta-main?hub.mode=subscribe&hub.challenge=42&hub.verify_token={}'",
            hooks.port(),
            samples::META_VERIFY_TOKEN
        );
        println!("  curl http://{ops}/v1/spool");
        println!("  curl http://{ops}/metrics");
        println!("  curl http://{ops}/readyz");
        tokio::signal::ctrl_c().await.expect("a signal");
    }
    gateway.stop().await.expect("a disk that answers");
    drop((amazon, backend));
}

async fn post(provider: &Provider, sample: &Sample) {
    let status = provider.post(sample).await;
    println!("  {:<20} POST /hooks/{:<14} {status}", sample.name, sample.endpoint);
}

/// The environment that the quickstart's configuration names.
fn environment(folder: &Path, keys: &ProviderKeys) -> HashMap<String, String> {
    let folder = folder.display();
    [
        ("QUICKSTART_TLS", folder.to_string()),
        ("QUICKSTART_DATA", format!("{folder}/data")),
        ("QUICKSTART_BACKEND_KEY", samples::BACKEND_KEY.to_owned()),
        ("META_APP_SECRET", samples::META_APP_SECRET.to_owned()),
        ("META_VERIFY_TOKEN", samples::META_VERIFY_TOKEN.to_owned()),
        ("TELEGRAM_SECRET", samples::TELEGRAM_SECRET.to_owned()),
        ("LINE_SECRET", samples::LINE_SECRET.to_owned()),
        ("X_SECRET", samples::X_SECRET.to_owned()),
        ("MAILGUN_KEY", samples::MAILGUN_KEY.to_owned()),
        ("SENDGRID_PUBLIC_KEY", keys.sendgrid_public_key()),
        ("POSTMARK_BASIC", samples::POSTMARK_BASIC.to_owned()),
        ("WEBHOOK_KEY", samples::WEBHOOK_KEY.to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}
