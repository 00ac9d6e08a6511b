//! A process that runs out of file descriptors goes on as soon as it has some again.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Command, Stdio},
};

use headgate::server::Limits;
use rustix::process::{Resource, Rlimit, setrlimit};

use super::start;

/// Set in the process that has few descriptors: the limit would starve the other tests of this one.
const STARVE: &str = "HEADGATE_TEST_STARVE";

#[test]
#[expect(clippy::disallowed_methods, reason = "a test's own setting")]
fn a_lack_of_descriptors_is_waited_out_without_a_busy_loop() {
    if std::env::var(STARVE).is_ok() {
        return serve_with_few_descriptors();
    }
    let name = "server::descriptors::a_lack_of_descriptors_is_waited_out_without_a_busy_loop";
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(STARVE, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut say = |word: &str| said.find_map(|line| Some(line.split_once(word)?.1.to_owned())).unwrap();
    let address = say("listening on ");

    let connections: Vec<_> = (0..60).map(|_| TcpStream::connect(&address).unwrap()).collect();
    say("starved");
    drop(connections);
    let mut stream = TcpStream::connect(&address).unwrap();
    stream.write_all(b"GET /echo HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer:?}");

    drop(child.stdin.take());
    let failures: u64 = say("failures: ").parse().unwrap();
    assert!(failures < 1_000, "{failures} failures to accept are a busy loop");
    assert!(child.wait().unwrap().success());
}

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "how this process talks to the one that started it")]
async fn serve_with_few_descriptors() {
    let server = start(Limits::default());
    let open = std::fs::read_dir("/proc/self/fd").unwrap().count() as u64;
    let few = Some(open + 20);
    setrlimit(Resource::Nofile, Rlimit { current: few, maximum: few }).unwrap();
    println!("listening on {}", server.address);
    while server.metric("headgate_accept_errors_total") == 0 {
        tokio::task::yield_now().await;
    }
    println!("starved");
    let parent_is_done = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    parent_is_done.await.unwrap().unwrap();
    println!("failures: {}", server.metric("headgate_accept_errors_total"));
}
