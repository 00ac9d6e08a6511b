//! The gateway as an operator runs it: the built binary, a configuration folder, signals.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use http_body_util::{BodyExt, Empty};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use crate::{
    address::own_address,
    bounds::{STEP_MAX, status, within},
};

pub(crate) const APP_SECRET: &str = "torture-app-secret";
pub(crate) const PHONE_NUMBER_ID: &str = "106540352242922";

/// The bound that the service manager sets (`packaging/headgate.service`).
const STOP_MAX: Duration = Duration::from_secs(45);

/// Deliveries under way at once; each crash may repeat so many.
pub(crate) const IN_FLIGHT_MAX: usize = 16;

/// Which binary.
#[derive(Clone, Debug)]
pub(crate) enum Build {
    Normal,
    WithoutFsync(PathBuf),
}

impl Build {
    pub(crate) fn without_fsync() -> Option<Self> {
        crate::setting("HEADGATE_NO_FSYNC_BIN")
            .map(PathBuf::from)
            .filter(|path| path.exists())
            .map(Self::WithoutFsync)
    }

    fn path(&self) -> &Path {
        match self {
            Self::Normal => Path::new(env!("CARGO_BIN_EXE_headgate")),
            Self::WithoutFsync(path) => path,
        }
    }
}

/// A running gateway.
#[derive(Debug)]
pub(crate) struct Gateway {
    process: Child,
    hooks: SocketAddr,
    ops: SocketAddr,
    _config: tempfile::TempDir,
}

impl Gateway {
    /// Starts one with its data in `folder`, and waits until it listens.
    pub(crate) async fn start(build: Build, folder: &Path, backend: SocketAddr) -> Self {
        let started = Self::try_start(build, folder, backend).await;
        started.unwrap_or_else(|said| panic!("the gateway ended before it listened:\n{said}"))
    }

    /// As [`Gateway::start`]; `Err` is what it said if it ended before it listened.
    pub(crate) async fn try_start(build: Build, folder: &Path, backend: SocketAddr) -> Result<Self, String> {
        let config = tempfile::tempdir().unwrap();
        write_config(config.path(), folder, backend);
        let mut process = Command::new(build.path())
            .args(["serve", "--config"])
            .arg(config.path())
            .env("APP_SECRET", APP_SECRET)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let (mut hooks, mut ops) = (None, None);
        let mut said = Vec::new();
        while hooks.is_none() || ops.is_none() {
            let Some(line) = within(STEP_MAX, "a start", lines.next_line()).await.unwrap() else {
                within(STEP_MAX, "the end of a gateway that could not start", process.wait()).await.unwrap();
                return Err(said.join("\n"));
            };
            let log: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
            let fields = log.get("fields").unwrap_or(&log);
            if let (Some(name), Some(address)) = (
                fields.get("listener.name").and_then(|name| name.as_str()),
                fields.get("listener.address").and_then(|address| address.as_str()),
            ) {
                let address = Some(address.parse().unwrap());
                match name {
                    "hooks" => hooks = address,
                    "ops" => ops = address,
                    other => panic!("an unexpected listener `{other}`"),
                }
            }
            said.push(line);
        }
        // What it says from now on is shown if the test fails.
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                eprintln!("{line}");
            }
        });
        Ok(Self { process, hooks: hooks.unwrap(), ops: ops.unwrap(), _config: config })
    }

    pub(crate) fn hooks(&self) -> SocketAddr {
        self.hooks
    }

    /// kill -9, and waits for its end: the next gateway opens the same folder.
    pub(crate) async fn kill(mut self) {
        // It may have ended by itself.
        let _ended = self.process.start_kill();
        within(STEP_MAX, "the end of a killed gateway", self.process.wait()).await.unwrap();
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) {
        let id = i32::try_from(self.process.id().unwrap()).unwrap();
        let id = rustix::process::Pid::from_raw(id).unwrap();
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    }

    /// SIGTERM, and waits for a clean end.
    pub(crate) async fn stop(mut self) {
        self.terminate();
        let status = within(STOP_MAX, "a stop", self.process.wait()).await.unwrap();
        assert!(status.success(), "the gateway did not end cleanly: {status}");
    }

    /// Whether it has not ended yet.
    pub(crate) fn is_running(&self) -> bool {
        let process = format!("/proc/{}", self.process.id().unwrap());
        status(&process, "State").is_some_and(|state| !state.starts_with('Z'))
    }

    /// Waits until one of its threads waits for the disk in the kernel.
    pub(crate) async fn hangs(&self) {
        let threads = format!("/proc/{}/task", self.process.id().unwrap());
        let hangs = || {
            let threads = fs::read_dir(&threads).unwrap().flatten();
            let mut states =
                threads.filter_map(|thread| status(&thread.path().display().to_string(), "State"));
            states.any(|state| state.starts_with('D'))
        };
        within(STEP_MAX, "a thread that waits for the disk", until(hangs)).await;
    }

    /// Waits until it has ended, except for the threads that the kernel does not let end.
    pub(crate) async fn ended_but_for_its_disk(&self) {
        let process = format!("/proc/{}", self.process.id().unwrap());
        let ended = || status(&process, "State").is_some_and(|state| state.starts_with('Z'));
        within(STOP_MAX, "a stop while the disk hangs", until(ended)).await;
    }

    /// Waits for its end by itself, and says whether it was in order.
    pub(crate) async fn ended(mut self) -> bool {
        within(STEP_MAX, "the end", self.process.wait()).await.unwrap().success()
    }

    /// Waits until nothing waits for delivery any more.
    pub(crate) async fn drained(&self) {
        self.spool(|spool| spool.pointer("/events").and_then(serde_json::Value::as_u64) == Some(0)).await;
    }

    /// Waits until the spool takes webhooks.
    pub(crate) async fn writable(&self) {
        self.says_writable(true).await;
    }

    /// Waits until the spool has noticed that its disk is full. Until then what still fits is taken.
    pub(crate) async fn full(&self) {
        self.says_writable(false).await;
    }

    async fn says_writable(&self, writable: bool) {
        self.spool(|spool| spool.pointer("/writable").and_then(serde_json::Value::as_bool) == Some(writable))
            .await;
    }

    /// Whether it says that webhooks should be sent to it.
    pub(crate) async fn is_ready(&self) -> bool {
        let client = Client::builder(TokioExecutor::new()).build_http::<Empty<bytes::Bytes>>();
        let url: http::Uri = format!("http://{}/readyz", self.ops).parse().unwrap();
        within(STEP_MAX, "/readyz", client.get(url)).await.unwrap().status() == http::StatusCode::OK
    }

    async fn spool(&self, reached: impl Fn(&serde_json::Value) -> bool) {
        let client = Client::builder(TokioExecutor::new()).build_http::<Empty<bytes::Bytes>>();
        let url: http::Uri = format!("http://{}/v1/spool", self.ops).parse().unwrap();
        let mut last = serde_json::Value::Null;
        for _ in 0..600 {
            let answer =
                async { client.get(url.clone()).await.unwrap().into_body().collect().await.unwrap() };
            let answer = within(STEP_MAX, "/v1/spool", answer).await;
            last = serde_json::from_slice(&answer.to_bytes()).unwrap();
            if reached(&last) {
                return;
            }
            // The spool is another process': its state can only be asked for.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("V: not reached after 60 s: {last}");
    }
}

/// Waits for a state of another process, which can only be asked for.
async fn until(reached: impl Fn() -> bool) {
    while !reached() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn write_config(config: &Path, data: &Path, backend: SocketAddr) {
    let address = own_address();
    let tenant = config.join("tenants/default");
    fs::create_dir_all(&tenant).unwrap();
    let data = data.join("store");
    fs::write(
        config.join("headgate.toml"),
        format!(
            r#"
[listener.hooks]
address = "{address}:0"
limits.drain_timeout = "5s"

[listener.ops]
address = "{address}:0"

[store]
path = "{}"
segment_bytes = "1MiB"
disk_free_min = "4MiB"

[backend.chat]
urls = ["http://{backend}/events"]
timeout = "3s"
keys = ["whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="]
concurrency_max = {IN_FLIGHT_MAX}
backoff_min = "50ms"
backoff_max = "500ms"
breaker_pause = "100ms"

[telemetry]
log = "info"
format = "json"
"#,
            data.display()
        ),
    )
    .unwrap();
    fs::write(
        tenant.join("channels.toml"),
        format!(
            r#"
[endpoint.meta-main]
channel = ["whatsapp"]
secrets = ["${{env:APP_SECRET}}"]
verify_token = "torture"

[account.wa]
endpoint = "meta-main"
id = "{PHONE_NUMBER_ID}"
backend = "chat"
team = "support"
"#
        ),
    )
    .unwrap();
    fs::write(
        tenant.join("directory.toml"),
        "[team.support]\nmembers = [\"ana\", \"ben\"]\n\n[user.ana]\n\n[user.ben]\n",
    )
    .unwrap();
    fs::write(tenant.join("assignment.toml"), "[team.support]\nstrategy = \"round_robin\"\n").unwrap();
}
