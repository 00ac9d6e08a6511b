//! `headgate serve`, the built program: it takes a new configuration over as it runs, at a signal or because a
//! file changed, as a whole or not at all.

use std::{fs, io, net::SocketAddr, os::unix::fs::symlink, path::Path, sync::Arc};

use rcgen::{CertificateParams, KeyPair};
use rustix::{
    fs::{CWD, FileType, Mode, mknodat},
    process::Signal,
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{
    e2e::{World, now},
    support::{
        gateway::Setup,
        outside::{self, Provider},
        program::Program,
        samples::{self, Sample},
    },
};

const CHANNELS: &str = "tenants/default/channels.toml";

/// A bot's endpoint that the quickstart does not have, with its secret in a file.
fn bot(name: &str) -> String {
    format!(
        "\n[endpoint.{name}]\nchannel = \"telegram\"\nsecrets = [\"${{file:bot-secret}}\"]\n\
         [account.{name}]\nendpoint = \"{name}\"\nbackend = \"chat\"\n"
    )
}

/// What a customer wrote to a bot, as Telegram posts it with a secret.
fn message(bot: &'static str, number: u32, secret: &str) -> Sample {
    let chat = json!({ "id": 7001, "type": "private", "first_name": "Tomas" });
    let from = json!({ "id": 7001, "is_bot": false, "first_name": "Tomas" });
    let message = json!({ "message_id": number, "date": now(), "chat": chat, "from": from, "text": number.to_string() });
    let mut sample = samples::telegram_update(&json!({ "update_id": number, "message": message }));
    sample.endpoint = bot;
    for (name, value) in &mut sample.headers {
        if *name == "x-telegram-bot-api-secret-token" {
            secret.clone_into(value);
        }
    }
    sample
}

const FORMER: &str = "the_former_secret";
const NEW: &str = "the_new_secret";

/// A running `headgate serve` and those around it.
struct Served {
    world: World,
    setup: Setup,
    program: Program,
    provider: Provider,
}

impl Served {
    /// The quickstart's tenant, and what `change` makes of the configuration before the start.
    async fn start(change: impl FnOnce(Setup) -> Setup) -> Self {
        let world = World::new().await;
        let setup = change(world.setup().file("bot-secret", FORMER));
        let program = Program::start(setup.command("serve"));
        let provider = Provider::new(program.address("hooks").await, &world.tls);
        Self { world, setup, program, provider }
    }

    /// Waits until the log says that the configuration of this version is in use.
    async fn version(&self, version: u64) {
        let version = format!("\"config.version\":{version},");
        self.program.line(&["\"the configuration was changed\"", &version]).await;
    }

    /// What `/v1/config` says.
    async fn config(&self) -> Value {
        let (status, said) = outside::get(self.program.address("ops").await, "/v1/config").await;
        assert_eq!(status, 200, "{said}");
        serde_json::from_str(&said).unwrap()
    }

    async fn post(&self, sample: &Sample) -> u16 {
        self.provider.post(sample).await.status
    }

    /// SIGTERM; it must end in order.
    async fn stop(self) {
        self.program.signal(Signal::TERM);
        let (status, written) = self.program.ended().await;
        assert!(status.success(), "{status}:\n{written}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_file_is_taken_over_without_a_signal() {
    let served = Served::start(|setup| setup).await;
    assert_eq!(served.post(&message("shop", 1, FORMER)).await, 404);

    let channels = served.setup.read(CHANNELS);
    served.setup.write(CHANNELS, &(channels + &bot("shop")));
    served.version(2).await;
    assert_eq!(served.post(&message("shop", 2, FORMER)).await, 200, "a new endpoint");
    assert_eq!(served.post(&message("shop", 3, NEW)).await, 401);

    served.setup.write("bot-secret", NEW);
    served.version(3).await;
    assert_eq!(served.post(&message("shop", 4, NEW)).await, 200, "a rotated secret");
    assert_eq!(served.post(&message("shop", 5, FORMER)).await, 401);

    // A folder that is moved into its place is one change.
    let folder = served.setup.path().join("tenants");
    served.setup.write("tenants/.second/channels.toml", &bot("market"));
    fs::rename(folder.join(".second"), folder.join("second")).unwrap();
    served.version(4).await;
    assert_eq!(served.post(&message("market", 6, NEW)).await, 200, "a new tenant");

    let delivered = served.world.backend.acknowledged(3).await;
    let sources: Vec<String> = delivered.iter().map(|delivery| delivery.text("/source")).collect();
    assert_eq!(sources, ["/telegram/shop", "/telegram/shop", "/telegram/market"]);
    served.stop().await;
}

/// A certificate for `localhost` with its key, put into a folder as certbot has it.
fn renew(folder: &Path) -> CertificateDer<'static> {
    fs::create_dir_all(folder).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    fs::write(folder.join("fullchain.pem"), certificate.pem()).unwrap();
    fs::write(folder.join("privkey.pem"), key.serialize_pem()).unwrap();
    certificate.der().clone()
}

/// Points the name `live` at another folder, in one step.
fn point(live: &Path, at: &Path) {
    let aside = live.with_extension("new");
    symlink(at, &aside).unwrap();
    fs::rename(aside, live).unwrap();
}

/// A connection of who trusts this certificate alone.
async fn connect(hooks: SocketAddr, trusted: &CertificateDer<'static>) -> io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let localhost = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(localhost, TcpStream::connect(hooks).await?).await
}

/// Asks on an open connection for an endpoint that does not exist; the status of the answer.
async fn ask(stream: &mut TlsStream<TcpStream>) -> String {
    stream.write_all(b"GET /hooks/none HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    stream.flush().await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    String::from_utf8(answer.to_vec()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hangup_takes_over_a_certificate_that_a_link_points_at_and_open_connections_go_on() {
    let certificates = tempfile::tempdir().unwrap();
    let (first, second) = (certificates.path().join("1"), certificates.path().join("2"));
    let live = certificates.path().join("live");
    let (former, renewed) = (renew(&first), renew(&second));
    point(&live, &first);
    let pair = |name: &str| format!("\"{}\"", live.join(name).display());
    let served = Served::start(|setup| {
        setup.edit("headgate.toml", |text| {
            text.replacen("\"localhost.pem\"", &pair("fullchain.pem"), 1).replacen(
                "\"localhost.key\"",
                &pair("privkey.pem"),
                1,
            )
        })
    })
    .await;
    let hooks = served.program.address("hooks").await;
    let mut open = connect(hooks, &former).await.unwrap();

    // No file changed; only the signal tells.
    point(&live, &second);
    assert!(connect(hooks, &renewed).await.is_err());
    served.program.signal(Signal::HUP);
    served.version(2).await;
    connect(hooks, &renewed).await.unwrap();
    assert!(connect(hooks, &former).await.is_err());
    assert_eq!(ask(&mut open).await, "HTTP/1.1 404", "an open connection goes on");
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_configuration_with_a_mistake_nothing_is_taken_over_and_the_mistake_is_told_with_its_line() {
    let served = Served::start(|setup| setup.edit(CHANNELS, |channels| channels + &bot("shop"))).await;
    let former = served.config().await;

    // All of it is good but for one word; by the signal and by the watch alike.
    let channels = served.setup.read(CHANNELS);
    let line = channels.lines().position(|line| line == "[endpoint.shop]").unwrap() + 2;
    let with_a_mistake =
        channels.replace("[endpoint.shop]\nchannel", "[endpoint.shop]\nchanel") + &bot("market");
    served.setup.write(CHANNELS, &with_a_mistake);
    served.setup.write("bot-secret", NEW);
    served.program.signal(Signal::HUP);
    let refused = "\"the configuration was not changed\"";
    let told = served.program.line(&["\"level\":\"ERROR\"", refused, "shop.chanel"]).await;
    let told: Value = serde_json::from_str(&told).unwrap();
    let mistake = told["config.mistake"].as_str().unwrap();
    assert!(mistake.starts_with(&format!("{CHANNELS}:{line}: endpoint.shop.chanel: ")), "{mistake}");
    assert!(mistake.contains("did you mean `channel`?"), "{mistake}");

    let shown = served.config().await;
    assert!(shown["mistakes"].as_array().unwrap().contains(&json!(mistake)), "{shown}");
    for key in ["version", "hash", "loaded"] {
        assert_eq!(shown[key], former[key], "{key}");
    }
    assert_eq!(served.post(&message("shop", 1, FORMER)).await, 200, "it goes on as it was");
    assert_eq!(served.post(&message("shop", 2, NEW)).await, 401, "not even the good secret is taken over");
    assert_eq!(served.post(&message("market", 3, NEW)).await, 404);
    assert!(!served.program.text().contains("the configuration was changed"));

    let mended = with_a_mistake.replace("chanel", "channel");
    served.setup.write(CHANNELS, &mended);
    served.version(2).await;
    assert_eq!(served.post(&message("shop", 4, NEW)).await, 200);
    assert_eq!(served.post(&message("market", 5, NEW)).await, 200);
    assert_eq!(served.config().await["mistakes"], json!([]));
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_with_mistakes_is_not_served_and_all_of_them_are_told() {
    let world = World::new().await;
    let setup = world
        .setup()
        .edit(CHANNELS, |text| text.replacen("channel = \"telegram\"", "channel = \"telegran\"", 1))
        .edit("headgate.toml", |text| {
            text.replacen("address = \"127.0.0.1:0\"", "adress = \"127.0.0.1:0\"", 1)
        });
    let (status, said) = Program::start(setup.command("serve")).ended().await;
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("headgate.toml:3: listener.hooks.adress: "), "{said}");
    assert!(said.contains(CHANNELS) && said.contains("did you mean `telegram`?"), "{said}");
    assert!(!said.contains("listening"), "{said}");
}

/// Puts a pipe in a file's place, as a disk that hangs: who reads it waits. What is given ends as soon as it is read
/// from, and must be kept.
fn hang(setup: &Setup, name: &str) -> JoinHandle<fs::File> {
    let (aside, place) = (setup.path().join(".pipe"), setup.path().join(name));
    mknodat(CWD, &aside, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    fs::rename(aside, &place).unwrap();
    tokio::task::spawn_blocking(move || fs::OpenOptions::new().write(true).open(place).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_asked_to_stop_while_its_configuration_hangs_stops() {
    for file in ["headgate.toml", CHANNELS, "bot-secret", "localhost.pem"] {
        let world = World::new().await;
        let setup = world.setup().file("bot-secret", FORMER);
        let setup = setup.edit(CHANNELS, |text| text + &bot("shop"));
        let hangs = hang(&setup, file);
        let program = Program::start(setup.command("serve"));
        let _kept = hangs.await.unwrap();
        program.signal(Signal::TERM);
        let (status, written) = program.ended().await;
        assert!(status.success() && !written.contains("listening"), "{file}: {status}:\n{written}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_asked_to_stop_while_its_next_configuration_hangs_serves_until_then_and_stops() {
    let served = Served::start(|setup| setup.edit(CHANNELS, |text| text + &bot("shop"))).await;
    let hangs = hang(&served.setup, CHANNELS);
    served.program.signal(Signal::HUP);
    let _kept = hangs.await.unwrap();
    assert_eq!(served.post(&message("shop", 1, FORMER)).await, 200);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_and_a_directory_that_never_answer_hold_up_no_start_and_no_stop() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    let served = Served::start(|setup| {
        let identity = format!(
            "[jwt.login]\nissuer = 'https://login.test/'\naudience = ['chat']\njwks = 'http://{address}/jwks'\n\
             [introspection.opaque]\nurl = 'http://{address}/'\nclient_id = 'c'\nclient_secret = 's'\n"
        );
        setup
            .file("tenants/default/identity.toml", &identity)
            .edit("tenants/default/directory.toml", |text| {
                format!("{text}\n[source]\nurl = 'http://{address}/'\n")
            })
    })
    .await;
    served.stop().await;
}
