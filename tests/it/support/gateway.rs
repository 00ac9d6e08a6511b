//! A gateway in this process, from configuration files that a test writes.

use std::{
    collections::HashMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use headgate::{
    clock::SystemClock,
    config::{Config, Loaded},
    gateway::Gateway,
};
use tempfile::TempDir;

use super::{folder::write_file, outside::Tls, samples};

/// A running gateway with its folders.
pub(crate) struct TestGateway {
    pub(crate) gateway: Gateway,
    pub(crate) folder: Arc<TempDir>,
    environment: HashMap<String, String>,
}

/// A gateway's folder and environment before it starts.
pub(crate) struct Setup {
    folder: Arc<TempDir>,
    environment: HashMap<String, String>,
}

impl Setup {
    /// The quickstart's tenant, delivered to `backend` in the default format.
    pub(crate) fn quickstart(backend: SocketAddr, tls: &Tls, keys: &samples::ProviderKeys) -> Self {
        let setup = Self::empty(tls);
        let tenant = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/quickstart/config/tenants/default");
        for entry in fs::read_dir(tenant).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            setup.write(&format!("tenants/default/{name}"), &fs::read_to_string(&path).unwrap());
        }
        setup
            .env("META_APP_SECRET", samples::META_APP_SECRET)
            .env("META_VERIFY_TOKEN", samples::META_VERIFY_TOKEN)
            .env("TELEGRAM_SECRET", samples::TELEGRAM_SECRET)
            .env("LINE_SECRET", samples::LINE_SECRET)
            .env("X_SECRET", samples::X_SECRET)
            .env("MAILGUN_KEY", samples::MAILGUN_KEY)
            .env("SENDGRID_PUBLIC_KEY", &keys.sendgrid_public_key())
            .env("POSTMARK_BASIC", samples::POSTMARK_BASIC)
            .env("WEBHOOK_KEY", samples::WEBHOOK_KEY)
            .main(backend, "event", "")
    }

    /// A folder with certificates and no configuration yet.
    pub(crate) fn empty(tls: &Tls) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let setup = Self { folder, environment: HashMap::new() };
        setup.write("localhost.pem", &tls.certificate);
        setup.write("localhost.key", &tls.key);
        setup.env("AMAZON", &tls.amazon.to_string())
    }

    /// `headgate.toml` with one backend `chat`; `more` is put at its end.
    pub(crate) fn main(self, backend: SocketAddr, format: &str, more: &str) -> Self {
        self.write(
            "headgate.toml",
            &format!(
                r#"
[listener.hooks]
address = "127.0.0.1:0"
[[listener.hooks.tls.certificates]]
chain = "localhost.pem"
key = "localhost.key"

[listener.ops]
address = "127.0.0.1:0"

[store]
path = "data"
disk_free_min = "1MiB"

[egress]
ca = "localhost.pem"
resolve = {{ "{host}" = "${{env:AMAZON}}" }}

[backend.chat]
urls = ["http://{backend}/events"]
keys = ["{key}"]
format = "{format}"
backoff_min = "10ms"
backoff_max = "50ms"
breaker_pause = "10ms"
{more}
"#,
                host = samples::SNS_HOST,
                key = samples::BACKEND_KEY,
            ),
        );
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn file(self, name: &str, text: &str) -> Self {
        self.write(name, text);
        self
    }

    /// Changes a file that was written before.
    pub(crate) fn edit(self, name: &str, change: impl FnOnce(String) -> String) -> Self {
        self.write(name, &change(self.read(name)));
        self
    }

    /// A configuration file as it is so far.
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap()
    }

    /// The configuration's folder.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// The `headgate` program with this configuration.
    pub(crate) fn command(&self, verb: &str) -> std::process::Command {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_headgate"));
        command.arg(verb).arg("--config").arg(self.folder.path()).envs(&self.environment);
        command
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        write_file(self.folder.path(), name, text);
    }

    pub(crate) async fn start(self) -> TestGateway {
        let config =
            load(self.folder.path(), &self.environment).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let gateway = Gateway::start(config, Arc::new(SystemClock::new())).await.unwrap();
        TestGateway { gateway, folder: self.folder, environment: self.environment }
    }
}

impl TestGateway {
    pub(crate) fn hooks(&self) -> SocketAddr {
        self.gateway.hooks().unwrap()
    }

    /// The ops listener's answer to a `GET`.
    pub(crate) async fn ops(&self, path: &str) -> (u16, String) {
        super::outside::get(self.gateway.ops().unwrap(), path).await
    }

    /// The ops listener's answer to a `GET`, as soon as it holds `text`. What is awaited happens in the
    /// background, behind an interface that can only be asked.
    pub(crate) async fn ops_with(&self, path: &str, text: &str) -> String {
        for _ in 0..1000 {
            let (_status, said) = self.ops(path).await;
            if said.contains(text) {
                return said;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("`{text}` never showed at {path}");
    }

    /// Replaces a configuration file, reads everything anew and reloads.
    pub(crate) fn reload_with(&self, name: &str, text: &str) -> Result<(), String> {
        fs::write(self.folder.path().join(name), text).unwrap();
        let config = load(self.folder.path(), &self.environment)?;
        self.gateway.reload(config).map(drop).map_err(|error| error.to_string())
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap()
    }

    /// Stops it and gives what is needed to start it again on the same data.
    pub(crate) async fn stop(self) -> Setup {
        self.gateway.stop().await.unwrap();
        Setup { folder: self.folder, environment: self.environment }
    }
}

fn load(folder: &Path, environment: &HashMap<String, String>) -> Result<Loaded, String> {
    Config::load(folder, &|name| environment.get(name).cloned()).map_err(|mistakes| mistakes.to_string())
}
