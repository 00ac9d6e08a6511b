//! What an accepted webhook costs, beside nginx in the same run.
//!
//!     cargo bench --bench webhook                 # needs nginx and taskset; `benches/run` installs them
//!     cargo bench --bench webhook -- --seconds 10 --rounds 5
//!
//! Every webhook is a new 1.5 KiB WhatsApp message. Headgate checks its HMAC, looks its id up, keeps it with
//! an fsync and only then answers; nginx passes the same request on to the same backend and checks and
//! keeps nothing. The stack under test is pinned to core 0; this process, which generates the load and is
//! the backend, to core 1. CPU time is that of all processes of the stack, from `/proc`, over requests
//! answered 200. A shared machine's speed drifts, so the rows take turns, and what to quote is the ratio.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::disallowed_methods,
    reason = "a bench prints, measures real time and stops at the first surprise"
)]

use std::{
    fs,
    io::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use aws_lc_rs::hmac;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

const SECRET: &str = "bench-app-secret";
const BODY_BYTES: usize = 1536;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |name: &str, default: u64| {
        let at = arguments.iter().position(|argument| argument == name);
        at.and_then(|at| arguments.get(at + 1)?.parse().ok()).unwrap_or(default)
    };
    let (seconds, rounds) = (number("--seconds", 5), number("--rounds", 3));
    pin_to(1);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/bench-webhook");
    drop(fs::remove_dir_all(&folder));
    fs::create_dir_all(&folder).unwrap();
    let backend = runtime.block_on(backend());
    println!("fdatasync of 4 KiB, median: {:.0} us", fdatasync_us(&folder));

    let loads = [
        Load { name: "64 connections", connections: 64, rate: None },
        Load { name: "512 connections", connections: 512, rate: None },
        Load { name: "500/s", connections: 32, rate: Some(500) },
    ];
    let stacks = [Kind::Nginx, Kind::Headgate, Kind::HeadgateKeepOnly];
    let mut table: Vec<Vec<Vec<Measured>>> = vec![vec![Vec::new(); stacks.len()]; loads.len()];
    for round in 0..rounds {
        for (row, load) in loads.iter().enumerate() {
            for (column, kind) in stacks.iter().enumerate() {
                let stack = Stack::start(*kind, &folder, backend);
                let warm_up = Load { rate: None, ..*load };
                runtime.block_on(run(stack.address, &warm_up, Duration::from_millis(500)));
                let before = stack.cpu();
                let mut measured = runtime.block_on(run(stack.address, load, Duration::from_secs(seconds)));
                measured.cpu_us =
                    (stack.cpu() - before).as_secs_f64() * 1e6 / measured.answered.max(1) as f64;
                println!("round {round}, {:<16} {:<34} {measured}", load.name, kind.name());
                table[row][column].push(measured);
                stack.stop();
            }
        }
    }
    println!("\n| load | stack | answered/s | CPU us/webhook | ratio to nginx | p50 ms | p99 ms |");
    println!("|---|---|---|---|---|---|---|");
    for (row, load) in loads.iter().enumerate() {
        let nginx = median(&table[row][0], |m| m.cpu_us);
        for (column, kind) in stacks.iter().enumerate() {
            let all = &table[row][column];
            let cpu = median(all, |m| m.cpu_us);
            println!(
                "| {} | {} | {:.0} | {cpu:.1} | {:.2} | {:.2} | {:.2} |",
                load.name,
                kind.name(),
                median(all, |m| m.rate),
                cpu / nginx,
                median(all, |m| m.p50_ms),
                median(all, |m| m.p99_ms),
            );
        }
    }
}

/// How the stack is asked.
#[derive(Clone, Copy)]
struct Load {
    name: &'static str,
    connections: usize,
    /// Webhooks a second; `None`: each connection sends its next one when the last is answered.
    rate: Option<u64>,
}

#[derive(Clone, Debug, Default)]
struct Measured {
    answered: u64,
    failed: u64,
    rate: f64,
    cpu_us: f64,
    p50_ms: f64,
    p99_ms: f64,
}

impl std::fmt::Display for Measured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:>8.0}/s {:>6.1} us CPU, p50 {:.2} ms, p99 {:.2} ms, {} failed",
            self.rate, self.cpu_us, self.p50_ms, self.p99_ms, self.failed
        )
    }
}

fn median(all: &[Measured], of: impl Fn(&Measured) -> f64) -> f64 {
    let mut values: Vec<f64> = all.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// What is measured.
#[derive(Clone, Copy)]
enum Kind {
    /// nginx passing the request on; one worker, kept-alive connections, no access log.
    Nginx,
    /// The whole path: verified, kept, delivered to the backend while more come in.
    Headgate,
    /// The backend is down, so that only what a provider waits for is measured.
    HeadgateKeepOnly,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx, passes on",
            Self::Headgate => "headgate, keeps and delivers",
            Self::HeadgateKeepOnly => "headgate, keeps (backend down)",
        }
    }
}

/// A running stack, pinned to core 0.
struct Stack {
    process: Child,
    address: SocketAddr,
}

impl Stack {
    fn start(kind: Kind, folder: &Path, backend: SocketAddr) -> Self {
        let address = free_address();
        let (program, arguments) = match kind {
            Kind::Nginx => ("nginx".into(), nginx(folder, address, backend)),
            Kind::Headgate => (headgate(), serve(folder, address, backend)),
            Kind::HeadgateKeepOnly => (headgate(), serve(folder, address, free_address())),
        };
        let process = Command::new("taskset")
            .args(["-c", "0"])
            .arg(program)
            .args(arguments)
            .env("BENCH_APP_SECRET", SECRET)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("taskset is installed");
        let stack = Self { process, address };
        let until = Instant::now() + Duration::from_secs(10);
        while std::net::TcpStream::connect(address).is_err() {
            assert!(Instant::now() < until, "{} does not listen", kind.name());
            std::thread::sleep(Duration::from_millis(20));
        }
        stack
    }

    /// CPU time of the process and its children.
    fn cpu(&self) -> Duration {
        let mut processes = vec![self.process.id()];
        let children = format!("/proc/{0}/task/{0}/children", self.process.id());
        let children = fs::read_to_string(children).unwrap_or_default();
        processes.extend(children.split_whitespace().filter_map(|id| id.parse::<u32>().ok()));
        let ticks: u64 = processes
            .iter()
            .map(|id| {
                let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
                let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
                // Fields 14 and 15 of proc_pid_stat(5), counted after the name.
                [11, 12].iter().filter_map(|at| fields.get(*at)?.parse::<u64>().ok()).sum::<u64>()
            })
            .sum();
        Duration::from_millis(ticks * 10)
    }

    fn stop(mut self) {
        let id = self.process.id().to_string();
        Command::new("kill").args(["-TERM", &id]).status().unwrap();
        self.process.wait().unwrap();
    }
}

fn headgate() -> PathBuf {
    env!("CARGO_BIN_EXE_headgate").into()
}

fn free_address() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
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

/// A backend that answers 200 to anything, as cheaply as it can.
async fn backend() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _peer)) = listener.accept().await {
            tokio::spawn(async move {
                let mut reader = Framed::default();
                while reader.message(&mut stream).await.is_some() {
                    if stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

/// Reads HTTP/1.1 messages with a `content-length` off a kept-alive connection.
#[derive(Default)]
struct Framed {
    buffer: Vec<u8>,
}

impl Framed {
    /// The first line of the next message; its body is read over.
    async fn message(&mut self, stream: &mut TcpStream) -> Option<String> {
        loop {
            if let Some(end) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
                let length: usize = head
                    .lines()
                    .filter_map(|line| line.split_once(':'))
                    .find(|(name, _value)| name.eq_ignore_ascii_case("content-length"))
                    .map_or(0, |(_name, value)| value.trim().parse().unwrap());
                let whole = end + 4 + length;
                while self.buffer.len() < whole {
                    if stream.read_buf(&mut self.buffer).await.ok()? == 0 {
                        return None;
                    }
                }
                self.buffer.drain(..whole);
                return head.lines().next().map(str::to_owned);
            }
            if stream.read_buf(&mut self.buffer).await.ok()? == 0 {
                return None;
            }
        }
    }
}

async fn run(address: SocketAddr, load: &Load, time: Duration) -> Measured {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let failed = Arc::new(AtomicU64::new(0));
    let started = Instant::now();
    let connections: Vec<_> = (0..load.connections)
        .map(|connection| {
            let (failed, rate, connections) = (failed.clone(), load.rate, load.connections as u64);
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(address).await.unwrap();
                stream.set_nodelay(true).unwrap();
                let mut answers = Framed::default();
                let mut times = Vec::new();
                for sent in 0_u64.. {
                    // At a fixed rate the time counts from when the webhook was due, so that a stall
                    // is seen by all that it held up.
                    let due = match rate {
                        Some(rate) => {
                            let due = Duration::from_secs(1)
                                * u32::try_from(sent * connections + connection as u64).unwrap()
                                / u32::try_from(rate).unwrap();
                            if due > time {
                                break;
                            }
                            tokio::time::sleep_until((started + due).into()).await;
                            started + due
                        }
                        None if started.elapsed() > time => break,
                        None => Instant::now(),
                    };
                    let request = request(NEXT.fetch_add(1, Ordering::Relaxed));
                    stream.write_all(&request).await.unwrap();
                    let status = answers.message(&mut stream).await.expect("an answer");
                    if status.contains(" 200") {
                        times.push(due.elapsed());
                    } else {
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                }
                times
            })
        })
        .collect();
    let mut times = Vec::new();
    for connection in connections {
        times.extend(connection.await.unwrap());
    }
    let took = started.elapsed();
    times.sort();
    let at = |share: f64| {
        let index = ((times.len() as f64) * share) as usize;
        times.get(index.min(times.len().saturating_sub(1))).map_or(0.0, |time| time.as_secs_f64() * 1e3)
    };
    Measured {
        answered: times.len() as u64,
        failed: failed.load(Ordering::Relaxed),
        rate: times.len() as f64 / took.as_secs_f64(),
        cpu_us: 0.0,
        p50_ms: at(0.5),
        p99_ms: at(0.99),
    }
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

fn pin_to(core: u32) {
    let id = std::process::id().to_string();
    let pinned = Command::new("taskset")
        .args(["-a", "-c", "-p", &core.to_string(), &id])
        .stdout(Stdio::null())
        .status();
    assert!(pinned.is_ok_and(|status| status.success()), "taskset is needed (util-linux)");
}
