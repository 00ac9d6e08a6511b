//! What an accepted webhook costs, beside nginx in the same run.
//!
//!     cargo bench --bench webhook                 # needs nginx and taskset; `benches/run` installs them
//!     cargo bench --bench webhook -- --seconds 10 --rounds 5
//!     OTHER=path cargo bench --bench webhook      # another build of Headgate beside this one
//!
//! Every webhook is a new 1.5 KiB WhatsApp message. Headgate checks its HMAC, looks its id up, keeps it with
//! an fsync and only then answers; nginx passes the same request on to the same backend and checks and
//! keeps nothing. `load` tells how it is measured.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::disallowed_methods,
    reason = "a bench prints, measures real time and stops at the first surprise"
)]

#[path = "load/mod.rs"]
mod load;

use std::{
    ffi::{OsStr, OsString},
    fs,
    io::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use aws_lc_rs::hmac;
use load::{Load, Message, Requests, Stack, Table, free_address};

const SECRET: &str = "bench-app-secret";
const BODY_BYTES: usize = 1536;
const LOADS: [Load; 3] = [
    Load { name: "64 connections", connections: 64, rate: None },
    Load { name: "512 connections", connections: 512, rate: None },
    Load { name: "500/s", connections: 32, rate: Some(500) },
];

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |name: &str, default: u64| {
        let at = arguments.iter().position(|argument| argument == name);
        at.and_then(|at| arguments.get(at + 1)?.parse().ok()).unwrap_or(default)
    };
    let (time, rounds) = (Duration::from_secs(number("--seconds", 5)), number("--rounds", 3));
    load::pin_to(1);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/bench-webhook");
    drop(fs::remove_dir_all(&folder));
    fs::create_dir_all(&folder).unwrap();
    let ok: Arc<[u8]> = (*b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").into();
    let backend = runtime.block_on(load::backend(move |_path| ok.clone()));
    println!("fdatasync of 4 KiB, median: {:.0} us", fdatasync_us(&folder));

    let mut table = Table::default();
    for _round in 0..rounds {
        for load in &LOADS {
            for (name, stack) in stacks() {
                let stack = stack.start(&folder, backend);
                runtime.block_on(check(&stack, name));
                let measured = runtime.block_on(load::measure(&stack, load, &Arc::new(Webhooks), time));
                table.add(load.name, name, measured);
                stack.stop();
            }
        }
    }
    table.print();
}

/// The stack must do what it is measured for.
async fn check(stack: &Stack, name: &str) {
    let forged = String::from_utf8(request(0)).unwrap().replace("sha256=", "sha256=00");
    let (answer, _text) = load::ask(stack.address, forged.as_bytes()).await;
    assert_eq!(answer.status() == 200, name.starts_with("nginx"), "{name} takes a forged webhook");
}

/// What is measured.
enum Kind {
    /// nginx passing the request on; one worker, kept-alive connections, no access log.
    Nginx,
    /// The whole path: verified, kept, delivered to the backend while more come in.
    Delivers(OsString),
    /// The backend is down, so that only what a provider waits for is measured.
    Keeps(OsString),
}

fn stacks() -> Vec<(&'static str, Kind)> {
    let this = || OsString::from(env!("CARGO_BIN_EXE_headgate"));
    let mut stacks = vec![
        ("nginx, passes on", Kind::Nginx),
        ("headgate, keeps and delivers", Kind::Delivers(this())),
        ("headgate, keeps (backend down)", Kind::Keeps(this())),
    ];
    if let Some(other) = std::env::var_os("OTHER") {
        stacks.push(("other build, keeps and delivers", Kind::Delivers(other.clone())));
        stacks.push(("other build, keeps (backend down)", Kind::Keeps(other)));
    }
    stacks
}

impl Kind {
    fn start(&self, folder: &Path, backend: SocketAddr) -> Stack {
        let address = free_address();
        let mut stack = Stack::new(address);
        let (program, arguments): (&OsStr, _) = match self {
            Self::Nginx => ("nginx".as_ref(), nginx(folder, address, backend)),
            Self::Delivers(headgate) => (headgate, serve(folder, address, backend)),
            Self::Keeps(headgate) => (headgate, serve(folder, address, free_address())),
        };
        stack.add(program, &arguments, address, &[("BENCH_APP_SECRET", SECRET)]);
        stack
    }
}

/// A new webhook each time, kept if it is answered 200.
struct Webhooks;

impl Requests for Webhooks {
    fn request(&self, number: u64) -> impl AsRef<[u8]> + Send {
        request(number)
    }

    fn is_answer(&self, _number: u64, answer: &Message) -> bool {
        (answer.status(), answer.body_bytes) == (200, 0)
    }
}

fn nginx(folder: &Path, address: SocketAddr, backend: SocketAddr) -> Vec<String> {
    let config = folder.join("nginx.conf");
    let text = format!(
        "worker_processes 1; daemon off; error_log /dev/null; pid {0}/nginx.pid;\n\
         events {{ worker_connections 4096; }}\n\
         http {{ access_log off; keepalive_requests 1000000000; client_body_buffer_size 16k;\n\
         upstream backend {{ server {backend}; keepalive 256; keepalive_requests 1000000000; }}\n\
         server {{ listen {address} backlog=1024; location / {{ proxy_pass http://backend;\n\
         proxy_http_version 1.1; proxy_set_header Connection \"\"; }} }} }}\n",
        folder.display()
    );
    fs::write(&config, text).unwrap();
    vec!["-c".into(), config.display().to_string(), "-p".into(), folder.display().to_string()]
}

fn serve(folder: &Path, address: SocketAddr, backend: SocketAddr) -> Vec<String> {
    let config = folder.join("config");
    let tenant = config.join("tenants/default");
    let data = folder.join("data");
    drop(fs::remove_dir_all(&data));
    fs::create_dir_all(&tenant).unwrap();
    fs::write(
        config.join("headgate.toml"),
        format!(
            "[listener.hooks]\naddress = \"{address}\"\n[store]\npath = \"{}\"\n\
             [backend.chat]\nurls = [\"http://{backend}/events\"]\n\
             keys = [\"whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\"]\n[telemetry]\nlog = \"error\"\n",
            data.display()
        ),
    )
    .unwrap();
    fs::write(
        tenant.join("channels.toml"),
        "[endpoint.meta-main]\nchannel = [\"whatsapp\"]\nsecrets = [\"${env:BENCH_APP_SECRET}\"]\n\
         verify_token = \"bench\"\n[account.wa]\nendpoint = \"meta-main\"\nid = \"106540352242922\"\n\
         backend = \"chat\"\n",
    )
    .unwrap();
    vec!["serve".into(), "--config".into(), config.display().to_string()]
}

/// A signed WhatsApp message of [`BODY_BYTES`] with an id of its own, from one of 500 customers.
fn request(number: u64) -> Vec<u8> {
    let from = format!("49170{:07}", number % 500);
    let head = format!(
        r#"{{"object":"whatsapp_business_account","entry":[{{"id":"102290129340398","changes":[{{"value":{{"messaging_product":"whatsapp","metadata":{{"display_phone_number":"15550001111","phone_number_id":"106540352242922"}},"contacts":[{{"profile":{{"name":"Bench"}},"wa_id":"{from}"}}],"messages":[{{"from":"{from}","id":"wamid.{number:020}","timestamp":"1750000000","text":{{"body":""#
    );
    let tail = r#""},"type":"text"}]},"field":"messages"}]}]}"#;
    let text = "x".repeat(BODY_BYTES - head.len() - tail.len());
    let body = format!("{head}{text}{tail}");
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let mac = data_encoding::HEXLOWER.encode(hmac::sign(&key, body.as_bytes()).as_ref());
    format!(
        "POST /hooks/meta-main HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         x-hub-signature-256: sha256={mac}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn fdatasync_us(folder: &Path) -> f64 {
    let path = folder.join("fdatasync");
    let mut file = fs::File::create(&path).unwrap();
    let mut times: Vec<Duration> = (0..200)
        .map(|_| {
            let started = Instant::now();
            file.write_all(&[7; 4096]).unwrap();
            file.sync_data().unwrap();
            started.elapsed()
        })
        .collect();
    times.sort();
    fs::remove_file(path).unwrap();
    times[times.len() / 2].as_secs_f64() * 1e6
}
