//! Who calls: every kind of credential against real issuers. Tests whose name begins with `cNN` are rows of
//! section C of the security checklist.

mod api_keys;
pub(crate) mod certificates;
mod introspection;
pub(crate) mod issuer;
mod jwt;
mod misconfigured;
mod requests;
pub(crate) mod tokens;

use std::{fs, sync::Arc, time::Duration};

use headgate::{
    backend::Client,
    clock::ManualClock,
    config::{Config, Mistakes},
    identity::{AuthError, Authenticator, Metrics},
    ids::Timestamp,
    metrics::Limits,
    server::Peer,
};
use http::request::Parts;
use prometheus_client::registry::Registry;
use tempfile::TempDir;

/// When all tests begin.
pub(crate) const NOW: i64 = 1_700_000_000;

const HEADGATE: &str = "[backend.chat]\nurls = ['http://127.0.0.1:3000/in']\n\
    keys = ['whsec_ZXhhbXBsZS1rZXktZXhhbXBsZS1rZXktMTI=']\n[store]\npath = 'data'\n";
const CHANNELS: &str = "[endpoint.NAME]\nchannel = 'telegram'\nsecrets = ['Tg_secret-1']\n\
    [account.bot]\nendpoint = 'NAME'\nbackend = 'chat'\n";

/// An authenticator for some tenants, and the time.
struct World {
    folder: TempDir,
    clock: Arc<ManualClock>,
    registry: Registry,
    metrics: Metrics,
    authenticator: Arc<Authenticator>,
}

impl World {
    /// Each tenant with its `identity.toml`.
    fn new(tenants: &[(&str, &str)]) -> Self {
        Self::with_egress("", tenants)
    }

    fn with_egress(egress: &str, tenants: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = load(&folder, egress, tenants).unwrap();
        let mut registry = Registry::default();
        let limits = Limits::new(&mut registry);
        let metrics = Metrics::new(&mut registry, &limits);
        let clock = Arc::new(ManualClock::new(Timestamp::from_secs(NOW)));
        let authenticator = Arc::new(authenticator(&config, &clock, &metrics, None));
        Self { folder, clock, registry, metrics, authenticator }
    }

    /// Another configuration takes the place of the one in use.
    fn reload(&mut self, tenants: &[(&str, &str)]) {
        let config = load(&self.folder, "", tenants).unwrap();
        let before = Some(&*self.authenticator);
        self.authenticator = Arc::new(authenticator(&config, &self.clock, &self.metrics, before));
    }

    fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }

    /// Who a request's credentials say is calling: `tenant/user by method`, or the reason of the refusal.
    async fn who(&self, mut head: Parts) -> String {
        self.of(&mut head, &peer("192.0.2.1")).await
    }

    async fn of(&self, head: &mut Parts, peer: &Peer) -> String {
        told(self.authenticator.authenticate(head, peer).await)
    }

    async fn bearer(&self, token: &str) -> String {
        self.who(bearer(token)).await
    }

    /// Waits until so many fetches of keys ended so.
    async fn fetched(&self, outcome: &str, count: u64) {
        while self.metric(&format!("headgate_issuer_key_fetches_total{{outcome=\"{outcome}\"}}")) < count {
            tokio::task::yield_now().await;
        }
    }

    /// The value of a metric; 0 if it was never counted.
    fn metric(&self, name: &str) -> u64 {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0, |value| value.parse().unwrap())
    }
}

fn told(outcome: Result<headgate::identity::Identity, AuthError>) -> String {
    match outcome {
        Ok(identity) => format!("{}/{} by {}", identity.tenant, identity.user, identity.by.label()),
        Err(error) => error.label().to_owned(),
    }
}

fn authenticator(
    config: &Config,
    clock: &Arc<ManualClock>,
    metrics: &Metrics,
    before: Option<&Authenticator>,
) -> Authenticator {
    let tenants: Vec<_> =
        config.tenants.values().map(|tenant| (tenant.id.clone(), tenant.identity.clone())).collect();
    let client = Client::new(&config.egress, None).unwrap();
    Authenticator::new(&tenants, client, clock.clone(), metrics.clone(), before)
}

fn load(folder: &TempDir, egress: &str, tenants: &[(&str, &str)]) -> Result<Arc<Config>, Mistakes> {
    let root = folder.path();
    fs::write(root.join("headgate.toml"), format!("{HEADGATE}{egress}")).unwrap();
    let _none_before = fs::remove_dir_all(root.join("tenants"));
    for (tenant, identity) in tenants {
        let own = root.join("tenants").join(tenant);
        fs::create_dir_all(&own).unwrap();
        fs::write(own.join("channels.toml"), CHANNELS.replace("NAME", tenant)).unwrap();
        fs::write(own.join("identity.toml"), identity).unwrap();
    }
    Config::load(root, &|_: &str| None).map(|loaded| loaded.config)
}

fn peer(address: &str) -> Peer {
    Peer { address: (address.parse::<std::net::IpAddr>().unwrap(), 40_000).into(), tls: None }
}

/// A request with these header fields.
fn request(target: &str, fields: &[(&str, &str)]) -> Parts {
    let mut request = http::Request::builder().uri(target).header("host", "chat.test");
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn bearer(token: &str) -> Parts {
    request("/api/v1/accounts/1/conversations", &[("authorization", &format!("Bearer {token}"))])
}
