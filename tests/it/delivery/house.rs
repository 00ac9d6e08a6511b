//! A Headgate that consists of delivery alone, and webhooks for it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use headgate::{
    assign::{Queue, Strategy},
    backend::{self, Backend, Egress, Format, Pools},
    channel::{
        Channel, Kind,
        event::{Join, Raw},
    },
    clock::{ManualClock, SharedClock},
    config::{Account, Config, Listeners, Telemetry, Tenant},
    delivery::{Delivery, Routes},
    directory::{Directory, Team, User},
    ids::{
        AccountId, BackendId, ConversationId, ConversationKey, EndpointId, EventId, TeamId, TenantId,
        Timestamp, UserId,
    },
    metrics::Limits,
    secret::Secret,
    spool::{Event, Sequence, Thread, Webhook, embedded::Store},
};
use prometheus_client::registry::Registry;
use smallvec::smallvec;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::support::{
    backend::StubBackend,
    memory::{MemorySpool, MemoryTags},
};

/// 2023-11-14T22:13:20Z.
pub(crate) const NOW: Timestamp = Timestamp(1_700_000_000_000);

/// The keys that deliveries are signed with.
pub(crate) const KEYS: [&[u8]; 2] = [b"the key of this year, 24+ bytes", b"the key of last year, 24+ bytes"];

pub(crate) struct House {
    pub(crate) spool: Arc<MemorySpool>,
    pub(crate) tags: Arc<MemoryTags>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) drain: CancellationToken,
    routes: Arc<ArcSwap<Routes>>,
    registry: Registry,
    running: JoinHandle<()>,
}

impl House {
    /// Delivers to `stub`.
    pub(crate) fn before(stub: &StubBackend) -> Self {
        Self::new(&config(vec![stub.url("/in")]))
    }

    /// Delivers as `config` says.
    pub(crate) fn new(config: &Config) -> Self {
        let (spool, tags) = (Arc::new(MemorySpool::default()), Arc::new(MemoryTags::default()));
        let clock = Arc::new(ManualClock::new(NOW));
        let routes = Arc::new(ArcSwap::from_pointee(routes(config, &clock)));
        let drain = CancellationToken::new();
        let mut registry = Registry::default();
        let limits = Limits::new(&mut registry);
        let delivery =
            Delivery::new(spool.clone(), tags.clone(), routes.clone(), clock.clone(), &limits, &mut registry);
        let running = tokio::spawn(delivery.run(drain.clone()));
        Self { spool, tags, clock, drain, routes, registry, running }
    }

    pub(crate) fn reload(&self, config: &Config) {
        self.routes.store(Arc::new(routes(config, &self.clock)));
    }

    /// Waits for delivery's end after `drain`.
    pub(crate) async fn ended(self) -> Arc<MemorySpool> {
        self.running.await.unwrap();
        self.spool
    }

    /// The value of a sample, by its name and labels as Prometheus sees them.
    pub(crate) fn metric(&self, sample: &str) -> Option<f64> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        text.lines().find_map(|line| line.strip_prefix(sample)?.trim().parse().ok())
    }

    /// Keeps a message of each of these contacts, in this order.
    pub(crate) fn keep(&self, contacts: &[&str]) -> Vec<Sequence> {
        contacts.iter().flat_map(|contact| self.spool.keep(message(contact))).collect()
    }
}

fn routes(config: &Config, clock: &Arc<ManualClock>) -> Routes {
    let clock: SharedClock = clock.clone();
    let mut registry = Registry::default();
    let metrics = backend::Metrics::new(&mut registry, &Limits::new(&mut Registry::default()));
    let pools = Pools::new(&config.backends, &config.egress, &clock, &metrics).unwrap();
    Routes::new(config, &pools)
}

/// One backend `chat`, an account `wa-support` of team `support` (`ana`, `ben` in turn) and an account
/// `mail` of no team.
pub(crate) fn config(urls: Vec<http::Uri>) -> Config {
    let tenant = TenantId::new("default");
    let backend = Backend {
        id: BackendId::new("chat"),
        urls,
        format: Format::Event,
        keys: KEYS.map(Secret::new).to_vec(),
        ca: None,
        concurrency_max: 8,
        timeout: Duration::from_secs(30),
        attempts_max: 5,
        age_max: Duration::from_secs(3600),
        backoff_min: Duration::from_secs(1),
        backoff_max: Duration::from_secs(60),
        breaker_failures: 1000,
        breaker_pause: Duration::from_secs(3600),
        api: None,
        health: None,
    };
    let account = |id: &str, channel, team: Option<&str>| Account {
        id: AccountId::new(id),
        tenant: tenant.clone(),
        endpoint: EndpointId::new("hooks"),
        channel,
        provider_id: "10654".to_owned(),
        backend: BackendId::new("chat"),
        team: team.map(TeamId::new),
        token: None,
    };
    let accounts =
        [account("wa-support", Channel::Whatsapp, Some("support")), account("mail", Channel::Email, None)];
    let team =
        |members: &[&str]| Team { parent: None, members: members.iter().map(|m| UserId::new(*m)).collect() };
    let teams = [("support", team(&["ana", "ben"])), ("sales", team(&["cleo"]))];
    let directory = Directory::new(
        teams.map(|(name, team)| (TeamId::new(name), team)).into(),
        ["ana", "ben", "cleo"].map(|name| (UserId::new(name), User::default())).into(),
    );
    let in_turn = Queue { strategy: Strategy::RoundRobin, closed_stages: Vec::new() };
    let tenant = Tenant {
        source: None,
        id: tenant,
        directory,
        policy: headgate::policy::Source::default(),
        accounts: accounts.map(|account| (account.id.clone(), Arc::new(account))).into(),
        assignment: [(TeamId::new("support"), in_turn)].into(),
        identity: Default::default(),
        routes: None,
    };
    Config {
        gate: headgate::config::gate::Gate::default(),
        listeners: Listeners::default(),
        backends: [(backend.id.clone(), backend)].into(),
        store: Store {
            path: "unused".into(),
            segment_bytes: 0,
            disk_free_min: 0,
            backlog_events_max: 0,
            dedupe_window: Duration::ZERO,
            dedupe_marks_max: 0,
            cache_bytes: 0,
            dead_letter_age_max: Duration::ZERO,
        },
        delivery: headgate::config::Delivery { answer_bytes_max: 1024, json_nesting_max: 60 },
        egress: Egress { ca: None, resolve: BTreeMap::new(), timeout: Duration::from_secs(10) },
        telemetry: Telemetry { log: "info".to_owned(), json: false },
        tenants: [(tenant.id.clone(), tenant)].into(),
        endpoints: BTreeMap::new(),
    }
}

/// The same with another `[backend.chat]`.
pub(crate) fn config_with(stub: &StubBackend, change: impl FnOnce(&mut Backend)) -> Config {
    let mut config = config(vec![stub.url("/in")]);
    change(config.backends.get_mut("chat").unwrap());
    config
}

pub(crate) fn key(contact: &str) -> ConversationKey {
    ConversationKey::derive(&TenantId::new("default"), "whatsapp", "10654", contact)
}

pub(crate) fn conversation(contact: &str) -> ConversationId {
    key(contact).into()
}

pub(crate) fn thread(contact: &str) -> Thread {
    Thread { keys: smallvec![(key(contact), true)], join: Join::Merge, retired: smallvec![], domain: None }
}

/// An event of a contact, whose provider's fragment is the whole body.
pub(crate) fn event(contact: &str, id: u128) -> Event {
    Event {
        id: EventId(id),
        also: smallvec![],
        channel: Channel::Whatsapp,
        account: Some(AccountId::new("wa-support")),
        provider_account: "10654".to_owned(),
        kind: Kind::MessageReceived,
        time: Some(Timestamp(NOW.0 - 1500)),
        thread: Some(thread(contact)),
        reached: None,
        superseded: None,
        data: r#"{"id":"wamid.1","text":"Hello"}"#.into(),
        raw: Raw::Whole,
    }
}

pub(crate) fn webhook(format: Format, events: Vec<Event>, body: &str) -> Webhook {
    Webhook {
        tenant: TenantId::new("default"),
        endpoint: EndpointId::new("hooks"),
        received: NOW,
        format,
        nonce: None,
        target: "/hooks/hooks".to_owned(),
        headers: vec![("content-type".to_owned(), b"application/json".to_vec())],
        events,
        malformed: false,
        body: body.to_owned().into(),
    }
}

/// A webhook with one message of a contact; its id is the contact's name in bytes.
pub(crate) fn message(contact: &str) -> Webhook {
    let id = contact.bytes().fold(0_u128, |id, byte| id << 8 | u128::from(byte));
    webhook(Format::Event, vec![event(contact, id)], "{}")
}
