//! What benches of whole stacks share: the load, the backend, the processes under test, and the table.
//!
//! All processes of the stack under test are pinned to core 0; the bench itself, which generates the load and is the
//! backend, to core 1. CPU time is that of all processes of the stack, from `/proc`, over requests that were answered
//! as they should be. A shared machine's speed drifts, so the rows take turns, and what to quote is the ratio.

mod framed;
mod stack;
mod table;

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
};

use framed::Framed;
pub(crate) use framed::Message;
pub(crate) use stack::{Stack, free_address, pin_to};
pub(crate) use table::{Measured, Table};

/// How a stack is asked.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) name: &'static str,
    pub(crate) connections: usize,
    /// Requests a second; `None`: each connection sends its next one when the last is answered.
    pub(crate) rate: Option<u64>,
}

/// What is asked and what is an answer to it, by the number of the request.
pub(crate) trait Requests: Send + Sync + 'static {
    /// The request as it is sent.
    fn request(&self, number: u64) -> impl AsRef<[u8]> + Send;

    /// Whether the request was answered as it should be.
    fn is_answer(&self, number: u64, answer: &Message) -> bool;
}

/// How often it is looked whether a stack rests, and how often at most.
const LOOK: Duration = Duration::from_millis(200);
const LOOKS_MAX: usize = 150;

/// Asks the stack for half a second, and then for as long as it is measured. What it took on meanwhile and does later,
/// as deliveries are, is a part of what it costs: CPU time counts until the stack rests.
pub(crate) async fn measure<R: Requests>(
    stack: &Stack,
    load: &Load,
    requests: &Arc<R>,
    time: Duration,
) -> Measured {
    run(stack.address, &Load { rate: None, ..*load }, requests, Duration::from_millis(500)).await;
    rest(stack).await;
    let before = stack.cpu();
    let mut measured = run(stack.address, load, requests, time).await;
    rest(stack).await;
    measured.cpu_us = (stack.cpu() - before).as_secs_f64() * 1e6 / measured.answered.max(1) as f64;
    measured
}

/// Waits until the stack has hardly anything to do.
async fn rest(stack: &Stack) {
    for _look in 0..LOOKS_MAX {
        let before = stack.cpu();
        tokio::time::sleep(LOOK).await;
        if stack.cpu() - before <= LOOK / 20 {
            return;
        }
    }
}

async fn run<R: Requests>(address: SocketAddr, load: &Load, requests: &Arc<R>, time: Duration) -> Measured {
    // Goes on over all stacks and rounds: no webhook is sent twice.
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let failed = Arc::new(AtomicU64::new(0));
    let started = Instant::now();
    let connections: Vec<_> = (0..load.connections)
        .map(|connection| {
            let (failed, requests, load) = (failed.clone(), requests.clone(), *load);
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(address).await.unwrap();
                stream.set_nodelay(true).unwrap();
                let mut answers = Framed::default();
                let mut times = Vec::new();
                for sent in 0_u64.. {
                    // At a fixed rate the time counts from when the request was due, so that a stall is seen by
                    // all that it held up.
                    let due = match load.rate {
                        Some(rate) => {
                            let number = sent * load.connections as u64 + connection as u64;
                            let due = Duration::from_secs(1) * u32::try_from(number).unwrap()
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
                    let number = NEXT.fetch_add(1, Ordering::Relaxed);
                    stream.write_all(requests.request(number).as_ref()).await.unwrap();
                    let answer = answers.message(&mut stream).await.expect("an answer");
                    if requests.is_answer(number, &answer) {
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
    Measured::new(times, failed.load(Ordering::Relaxed), started.elapsed())
}

/// One request on a connection of its own: the answer, and all of it as it came.
pub(crate) async fn ask(address: SocketAddr, request: &[u8]) -> (Message, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut reader = Framed::default();
    let answer = reader.message(&mut stream).await.expect("an answer");
    (answer, reader.text())
}

/// A backend that gives the same answer to the same path, as cheaply as it can.
pub(crate) async fn backend(answer: impl Fn(&str) -> Arc<[u8]> + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        while let Ok((mut stream, _peer)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                stream.set_nodelay(true).unwrap();
                let mut reader = Framed::default();
                while let Some(request) = reader.message(&mut stream).await {
                    let path = request.first_line.split(' ').nth(1).unwrap();
                    if stream.write_all(&answer(path)).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}
