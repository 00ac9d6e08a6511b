//! Shows Headgate at its main job on this machine: a gateway with TLS on real sockets, a small chat
//! backend, and one signed webhook of every channel posted as its provider would. Then agents ask for what
//! arrived, under the rights of each preset.
//!
//! `scripts/demo` runs it. It stays up for the `curl` lines of the README until Ctrl-C;
//! `scripts/demo --once` ends after the show. `scripts/demo --on 127.0.0.2` takes its ports (8090, 8098, 8099,
//! 8443 to 8445) on another address of this machine.

#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a show prints, and stops at the first surprise"
)]

mod agents;
mod backend;
mod directory;
mod ops;
mod provider;
mod samples;

use std::{collections::HashMap, env, fs, net::Ipv4Addr, path::Path, sync::Arc};

use headgate::{
    clock::SystemClock,
    config::{Config, Loaded},
    gateway::Gateway,
};

use crate::{
    agents::{Agents, PRESETS},
    backend::Backend,
    directory::Directory,
    ops::Ops,
    provider::{Amazon, Certificate, Provider},
    samples::{ProviderKeys, Sample},
};

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/quickstart");

#[tokio::main]
async fn main() {
    let once = env::args().any(|argument| argument == "--once");
    let on = env::args().skip_while(|argument| argument != "--on").nth(1);
    let on = on.map_or(Ipv4Addr::LOCALHOST, |on| on.parse().expect("an address after --on"));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (provider_keys, agent_keys) = (ProviderKeys::generate(), agents::Keys::make());
    let certificate = Certificate::write(folder.path(), on);

    let ops = Ops { client: provider::client(&certificate), address: (on, 8090).into() };
    let backend = Backend::start((on, 8099).into(), ops.clone()).await;
    let directory = Directory::start((on, 8098).into()).await;
    let amazon = Amazon::start((on, 8444).into(), &certificate, provider_keys.sns_certificate()).await;
    let environment = environment(folder.path(), on, &provider_keys, &agent_keys);
    let load = |preset: &str| configuration(&folder.path().join("config"), preset, &environment);
    let gateway = Gateway::start(load(PRESETS[0]), Arc::new(SystemClock::new())).await;
    let gateway = gateway.expect("the gateway starts");
    let hooks = gateway.hooks().expect("the hooks listener");
    inbound(&Provider::new(hooks, &certificate), &provider_keys, &backend).await;

    let address = gateway.agents().expect("the agents listener");
    let agents = Agents { client: ops.client.clone(), address, keys: agent_keys };
    let conversations = backend.conversations();
    for conversation in &conversations {
        ops.named(&conversation.id).await;
    }
    println!(
        "\nAgents ask on https://{address}. The same conversations, asked for by the same people under the"
    );
    println!("rights of three products; between them the gateway is given a new configuration as it runs:");
    let mut columns = Vec::new();
    for preset in PRESETS {
        gateway.reload(load(preset)).expect("a good configuration");
        columns.push(agents.column(&conversations).await);
    }
    agents::print(&conversations, &columns);
    gateway.reload(load(PRESETS[0])).expect("a good configuration");
    println!("\nFrom here on with the rights of {}:", PRESETS[0]);
    agents.list(&conversations, &ops).await;
    agents.refusal(&ops).await;
    agents::why(&folder.path().join("config"), &environment);
    agents.reassignment(&conversations).await;
    agents.revocation(&directory, &ops).await;

    if !once {
        println!("\nTry, while this runs (Ctrl-C ends it). In another shell:");
        println!("  CA={} {}", certificate.path.display(), agents.keys.exports());
        print!("{}", lines_to_try(on));
        tokio::signal::ctrl_c().await.expect("a signal");
    }
    gateway.stop().await.expect("a disk that answers");
    drop((amazon, backend));
}

/// The lines of the README, for where this listens.
fn lines_to_try(on: Ipv4Addr) -> String {
    let lines = include_str!("try.txt");
    if on == Ipv4Addr::LOCALHOST {
        return lines.to_owned();
    }
    let on = on.to_string();
    lines.replace("localhost", &on).replace("127.0.0.1", &on)
}

/// The inbound half: webhooks come in, and arrive at the backend.
async fn inbound(provider: &Provider, keys: &ProviderKeys, backend: &Backend) {
    let now = jiff::Timestamp::now().as_second();

    println!("Headgate listens for providers on https://{}/hooks/{{endpoint}}.\n", provider.address());
    println!("One webhook of every channel, signed as its provider signs:");
    post(provider, &samples::sns_confirmation(keys, samples::SNS_TOPIC, now)).await;
    let samples = samples::all(keys, now);
    for sample in &samples {
        post(provider, sample).await;
    }
    backend.received(samples.len()).await;
    backend.print_new();

    println!("\nThe same WhatsApp webhook again, and the next message of the same customer:");
    let repeated = samples.iter().find(|sample| sample.name == "WhatsApp").expect("a WhatsApp sample");
    post(provider, repeated).await;
    let next = samples::whatsapp("wamid.quickstart.2", "491701234567", "Hello?", now + 1);
    post(provider, &next).await;
    backend.received(samples.len() + 1).await;
    backend.print_new();
    println!("  (the repeated one was acknowledged and not delivered again)");

    println!("\nA forged webhook: the same body with one character changed.");
    let mut forged = repeated.clone();
    forged.name = "forged";
    forged.body = String::from_utf8_lossy(&forged.body).replace("blue", "free").into_bytes();
    post(provider, &forged).await;
}

async fn post(provider: &Provider, sample: &Sample) {
    let status = provider.post(sample).await;
    println!("  {:<20} POST /hooks/{:<14} {status}", sample.name, sample.endpoint);
}

/// Lays the configuration out in `folder`, with the roles and routes of a preset, and loads it.
fn configuration(folder: &Path, preset: &str, environment: &HashMap<String, String>) -> Loaded {
    let tenant = folder.join("tenants/default");
    fs::create_dir_all(&tenant).expect("the folder can be written");
    copy(&Path::new(EXAMPLE).join("config"), folder);
    for files in ["config/tenants/default", "gate", &format!("gate/{preset}")] {
        copy(&Path::new(EXAMPLE).join(files), &tenant);
    }
    match Config::load(folder, &|name| environment.get(name).cloned()) {
        Ok(config) => config,
        Err(mistakes) => {
            eprintln!("{mistakes}");
            std::process::exit(1);
        }
    }
}

/// Copies the files of a folder, not its folders.
fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("the quickstart's own files") {
        let path = entry.expect("the quickstart's own files").path();
        if let (true, Some(name)) = (path.is_file(), path.file_name()) {
            fs::copy(&path, to.join(name)).expect("the folder can be written");
        }
    }
}

/// The environment that the quickstart's configuration names.
fn environment(
    folder: &Path,
    on: Ipv4Addr,
    keys: &ProviderKeys,
    agents: &agents::Keys,
) -> HashMap<String, String> {
    let folder = folder.display();
    let fixed = [
        ("QUICKSTART_ADDRESS", on.to_string()),
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
    .map(|(name, value)| (name.to_owned(), value));
    fixed.into_iter().chain(agents.environment()).collect()
}
