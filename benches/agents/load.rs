//! The generator of the load, and the backend.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::world::{AGENTS, CONVERSATIONS, path};

/// Size of a conversation's JSON.
pub(super) const OBJECT_BYTES: usize = 1024;

/// How the stack is asked.
#[derive(Clone, Copy)]
pub(super) struct Load {
    pub(super) name: &'static str,
    pub(super) connections: usize,
    /// Requests a second; `None`: each connection sends its next one when the last is answered.
    pub(super) rate: Option<u64>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Measured {
    pub(super) answered: u64,
    failed: u64,
    pub(super) rate: f64,
    pub(super) cpu_us: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
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

pub(super) fn median(all: &[Measured], of: impl Fn(&Measured) -> f64) -> f64 {
    let mut values: Vec<f64> = all.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

pub(super) async fn run(address: SocketAddr, load: &Load, tokens: &[String], time: Duration) -> Measured {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let failed = Arc::new(AtomicU64::new(0));
    let requests: Arc<Vec<Vec<u8>>> = Arc::new((0..CONVERSATIONS * 10).map(|n| nth(n, tokens)).collect());
    let started = Instant::now();
    let connections: Vec<_> = (0..load.connections)
        .map(|connection| {
            let (failed, requests, rate) = (failed.clone(), requests.clone(), load.rate);
            let connections = load.connections as u64;
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(address).await.unwrap();
                stream.set_nodelay(true).unwrap();
                let mut answers = Framed::default();
                let mut times = Vec::new();
                for sent in 0_u64.. {
                    // At a fixed rate the time counts from when the request was due, so that a stall is seen by
                    // all that it held up.
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
                    let number = NEXT.fetch_add(1, Ordering::Relaxed) as usize;
                    stream.write_all(&requests[number % requests.len()]).await.unwrap();
                    let (status, body) = answers.message(&mut stream).await.expect("an answer");
                    if status == 200 && body == OBJECT_BYTES {
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

/// The agents take turns; each asks for conversations of their team, mostly a colleague's.
fn nth(number: usize, tokens: &[String]) -> Vec<u8> {
    let agent = number % AGENTS;
    let conversation = (number + number / AGENTS * 5) % CONVERSATIONS;
    get(Some(&tokens[agent]), conversation)
}

/// A browser's request, as far as it matters here.
pub(super) fn get(token: Option<&str>, conversation: usize) -> Vec<u8> {
    let token = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    format!(
        "GET {} HTTP/1.1\r\nhost: panel.example\r\naccept: application/json\r\nuser-agent: panel/1.0\r\n{token}\r\n",
        path(conversation)
    )
    .into_bytes()
}

/// One request on a connection of its own: the status, and how long the body is.
pub(super) async fn ask(address: SocketAddr, request: &[u8]) -> (u16, usize) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    Framed::default().message(&mut stream).await.expect("an answer")
}

/// A backend that answers any GET with the same object, as cheaply as it can.
pub(super) async fn backend() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let head = r#"{"id":"17","status":"open","subject":""#;
    let body = format!("{head}{}\"}}", "x".repeat(OBJECT_BYTES - head.len() - 2));
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {OBJECT_BYTES}\r\n\r\n{body}"
    );
    let answer: Arc<[u8]> = answer.into_bytes().into();
    tokio::spawn(async move {
        while let Ok((mut stream, _peer)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                stream.set_nodelay(true).unwrap();
                let mut reader = Framed::default();
                while reader.message(&mut stream).await.is_some() {
                    if stream.write_all(&answer).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

/// Reads HTTP/1.1 messages with a `content-length` or without a body off a kept-alive connection.
#[derive(Default)]
struct Framed {
    buffer: Vec<u8>,
}

impl Framed {
    /// The status of the next message (0 for a request), and how long its body was, which is read over.
    async fn message(&mut self, stream: &mut TcpStream) -> Option<(u16, usize)> {
        loop {
            if let Some(end) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = std::str::from_utf8(&self.buffer[..end]).ok()?;
                let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
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
                return Some((status, length));
            }
            if stream.read_buf(&mut self.buffer).await.ok()? == 0 {
                return None;
            }
        }
    }
}
