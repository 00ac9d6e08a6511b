//! The built `headgate` program as it runs, and every line that it writes.

use std::{
    io::Read,
    net::SocketAddr,
    process::{Child, Command, ExitStatus, Stdio},
    sync::Arc,
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::{sync::watch, time::timeout};

/// More than any step takes; after it the test fails and shows what was written.
const STEP_MAX: Duration = Duration::from_secs(60);

/// A program that runs. Dropped, it is killed.
pub(crate) struct Program {
    child: Child,
    written: Arc<watch::Sender<Written>>,
}

/// What a program wrote to its standard output and error.
#[derive(Default)]
struct Written {
    bytes: Vec<u8>,
    pipes_closed: usize,
}

impl Written {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

impl Program {
    pub(crate) fn start(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let written = Arc::new(watch::Sender::new(Written::default()));
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        for mut pipe in [Box::new(out) as Box<dyn Read + Send>, Box::new(err)] {
            let written = written.clone();
            thread::spawn(move || {
                let mut some = [0; 8192];
                while let Ok(read @ 1..) = pipe.read(&mut some) {
                    written.send_modify(|all| all.bytes.extend_from_slice(&some[..read]));
                }
                written.send_modify(|all| all.pipes_closed += 1);
            });
        }
        Self { child, written }
    }

    /// All that it wrote so far.
    pub(crate) fn text(&self) -> String {
        self.written.borrow().text()
    }

    /// Waits until what it wrote is as `like` says, and gives what that found.
    pub(crate) async fn wrote<T>(&self, what: &str, like: impl Fn(&str) -> Option<T>) -> T {
        let mut written = self.written.subscribe();
        let mut found = None;
        let waited = written.wait_for(|written| {
            found = like(&written.text());
            found.is_some() || written.pipes_closed == 2
        });
        drop(timeout(STEP_MAX, waited).await);
        found.unwrap_or_else(|| panic!("{what} never showed in\n{}", self.text()))
    }

    /// The first whole line that has all of these in it, as soon as there is one.
    pub(crate) async fn line(&self, parts: &[&str]) -> String {
        let has_all = |line: &&str| parts.iter().all(|part| line.contains(part));
        self.wrote(&format!("a line with {parts:?}"), |text| {
            let (whole, _begun) = text.rsplit_once('\n')?;
            whole.lines().find(has_all).map(str::to_owned)
        })
        .await
    }

    /// Where one of its listeners listens.
    pub(crate) async fn address(&self, listener: &str) -> SocketAddr {
        let line = self.line(&["\"listening\"", &format!("\"listener.name\":\"{listener}\"")]).await;
        let line: Value = serde_json::from_str(&line).unwrap();
        line["listener.address"].as_str().unwrap().parse().unwrap()
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for its end, with all that it wrote.
    pub(crate) async fn ended(mut self) -> (ExitStatus, String) {
        let mut written = self.written.subscribe();
        let closed = timeout(STEP_MAX, written.wait_for(|written| written.pipes_closed == 2)).await;
        assert!(closed.is_ok(), "it did not end:\n{}", self.text());
        (self.child.wait().unwrap(), self.text())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}
