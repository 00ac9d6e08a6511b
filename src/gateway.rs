//! The gateway: wires the rooms to listeners from one configuration. Nothing is decided here.
//!
//! **Invariant:** a reload builds and checks everything new before it swaps anything, so that it takes
//! effect as a whole or not at all.

mod people;

use std::{convert::Infallible, io, mem, net::SocketAddr, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use prometheus_client::registry::Registry;
use tokio::{
    sync::{Mutex, mpsc, watch},
    time::timeout,
};
use tokio_util::{
    sync::CancellationToken,
    task::{AbortOnDropHandle, TaskTracker},
};
use tracing::{error, info, warn};

use self::people::{NewPeople, People};
use crate::{
    backend::{self, Client, ClientError, Pools},
    causes::Causes,
    clock::SharedClock,
    config::{Config, Loaded, Mistakes, restart_needed},
    delivery::{Delivery, Routes},
    gate::{self, Agents, Around, Gate, Snapshot, decisions::Decisions},
    ids::TenantId,
    ingress::{self, Fetch, FetchError, Hooks, Ingress},
    metrics::Limits,
    ops::{Admin, ConfigStatus, Ops, Reload, Status},
    secret::Secret,
    server::{self, Acceptor, BindError, Bound, LimitedBody, Listener, Serving, TlsError},
    spool::{
        Later,
        embedded::{self as spool, EmbeddedSpool},
    },
    tag::embedded::{self as tag, EmbeddedTags},
};

/// A running Headgate. Dropped without [`Gateway::stop`], it ends as in a crash, which loses nothing.
#[derive(Debug)]
pub struct Gateway {
    /// What it was started with: what needs a restart goes on as it is here.
    started: Arc<Config>,
    current: Arc<ArcSwap<Config>>,
    routes: Arc<ArcSwap<Routes>>,
    outgoing: Arc<Outgoing>,
    backend_metrics: backend::Metrics,
    tokens: Arc<ArcSwap<Vec<Secret>>>,
    people: People,
    /// The agents' side, if it has a listener.
    gate: Option<Arc<Gate>>,
    clock: SharedClock,
    spool: Arc<EmbeddedSpool>,
    tags: Arc<EmbeddedTags>,
    fronts: Vec<Front>,
    log: DecisionLog,
    tasks: TaskTracker,
    stop_delivery: CancellationToken,
    status: watch::Sender<Status>,
    reloads: Mutex<mpsc::Receiver<Reload>>,
}

/// Why a gateway could not start, or a reload was refused.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The tag store could not be opened.
    #[error("could not open the tags")]
    Tags(#[from] tag::OpenError),
    /// The spool could not be opened.
    #[error("could not open the spool")]
    Spool(#[from] spool::OpenError),
    /// A listener could not be bound.
    #[error("could not open the listener `{name}`")]
    Bind {
        /// The listener.
        name: &'static str,
        /// Why.
        #[source]
        source: Box<BindError>,
    },
    /// A listener's certificates cannot be used.
    #[error("could not use the certificates of the listener `{name}`")]
    Tls {
        /// The listener.
        name: &'static str,
        /// Why.
        #[source]
        source: Box<TlsError>,
    },
    /// A listener's address cannot be told.
    #[error("could not tell where a listener listens")]
    Address(#[from] io::Error),
    /// A policy does not compile, although the configuration was checked.
    #[error("the policy of the tenant `{tenant}` has {problems} mistakes")]
    Policy {
        /// The tenant.
        tenant: TenantId,
        /// How many.
        problems: usize,
    },
    /// A CA file cannot be used.
    #[error("could not set up calls to the outside")]
    Client(#[from] ClientError),
}

/// The data folder's disk does not answer.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the data folder's disk does not answer")]
pub struct DiskHangs;

/// Time that the stores have to close, when nothing is under way any more. They need one sync each.
pub const CLOSE_MAX: Duration = Duration::from_secs(3);

impl Gateway {
    /// Opens the stores, recovers what they hold, and begins to serve and deliver. Must be called inside
    /// a tokio runtime.
    ///
    /// # Errors
    /// [`GatewayError`]; nothing is left running.
    pub async fn start(loaded: Loaded, clock: SharedClock) -> Result<Self, GatewayError> {
        let config = Arc::clone(&loaded.config);
        let mut registry = Registry::default();
        let limits = Limits::new(&mut registry);
        let server_metrics = server::Metrics::new(&mut registry, &limits);
        // Addresses first: a second process on the same machine ends here, and has touched nothing.
        let hooks = bind(HOOKS, config.listeners.hooks.as_ref(), &server_metrics)?;
        let agents = bind(AGENTS, config.listeners.agents.as_ref(), &server_metrics)?;
        let ops = bind(OPS, config.listeners.ops.as_ref().map(|ops| &ops.listener), &server_metrics)?;

        let (tags, recovery) =
            EmbeddedTags::open(&config.store.path.join("tags"), config.store.segment_bytes, &limits)?;
        for damage in &recovery.damaged {
            error!(
                journal.segment = damage.segment,
                journal.offset = damage.offset,
                journal.lost = damage.lost,
                "the tags are damaged"
            );
        }
        let tags = Arc::new(tags);
        let spool =
            EmbeddedSpool::open(config.store.clone(), tags.clone(), clock.clone(), &mut registry, &limits)?;
        let current = Arc::new(ArcSwap::new(Arc::clone(&config)));
        let backend_metrics = backend::Metrics::new(&mut registry, &limits);
        let pools = Pools::new(&config.backends, &config.egress, &clock, &backend_metrics)?;
        let routes = Arc::new(ArcSwap::from_pointee(Routes::new(&config, &pools)));
        let outgoing = Arc::new(Outgoing(ArcSwap::from_pointee(Client::new(&config.egress, None)?)));
        let ingress = Ingress::new(
            current.clone(),
            spool.clone(),
            outgoing.clone(),
            clock.clone(),
            ingress::Metrics::new(&mut registry, &limits),
        );
        let delivery =
            Delivery::new(spool.clone(), tags.clone(), routes.clone(), clock.clone(), &limits, &mut registry);

        let first = ConfigStatus { version: 1, hash: loaded.version, loaded: clock.now() };
        let (status, shown) = watch::channel(Status { config: Some(first), ..Status::default() });
        let (reload, reloads) = mpsc::channel(1);
        let tokens = config.listeners.ops.as_ref().map(|ops| ops.tokens.clone());
        let tokens = Arc::new(ArcSwap::from_pointee(tokens.unwrap_or_default()));
        let people = People::new(&config, &mut registry, &limits, &clock)?;
        let tasks = TaskTracker::new();
        let stop_delivery = CancellationToken::new();
        tasks.spawn(delivery.run(stop_delivery.clone()));
        let mut fronts = Vec::new();
        if let Some(bound) = hooks {
            fronts.push(Front::open(HOOKS, bound, Hooks::new(Arc::new(ingress)))?);
        }
        let gate_metrics = gate::Metrics::new(&mut registry);
        let (decisions, log) = DecisionLog::open(&config, &gate_metrics);
        let mut gate = None;
        if let Some(bound) = agents {
            let snapshot = people.snapshot(&config, &pools, None);
            let around = Around {
                tags: tags.clone(),
                keys: people.keys.clone(),
                clock: clock.clone(),
                decisions: decisions.clone(),
                metrics: gate_metrics,
            };
            let agents = Arc::new(Gate::new(snapshot, around));
            fronts.push(Front::open(AGENTS, bound, Agents::new(agents.clone()))?);
            gate = Some(agents);
        }
        if let Some(bound) = ops {
            let ops = Ops {
                spool: spool.clone(),
                tags: tags.clone(),
                actors: people.actors.clone(),
                world: people.world.clone(),
                decisions,
                admin: Admin { status: shown, reload },
                registry: Arc::new(registry),
                tokens: tokens.clone(),
            };
            fronts.push(Front::open(OPS, bound, ops.into_service())?);
        }
        let reloads = Mutex::new(reloads);
        Ok(Self {
            started: config,
            current,
            routes,
            outgoing,
            backend_metrics,
            tokens,
            people,
            gate,
            clock,
            spool,
            tags,
            fronts,
            log,
            tasks,
            stop_delivery,
            status,
            reloads,
        })
    }

    /// Where the `hooks` listener listens, if there is one.
    #[must_use]
    pub fn hooks(&self) -> Option<SocketAddr> {
        self.address(HOOKS)
    }

    /// Where the `agents` listener listens, if there is one.
    #[must_use]
    pub fn agents(&self) -> Option<SocketAddr> {
        self.address(AGENTS)
    }

    /// Where the `ops` listener listens, if there is one.
    #[must_use]
    pub fn ops(&self) -> Option<SocketAddr> {
        self.address(OPS)
    }

    fn drain_timeout(&self) -> Duration {
        let listeners = &self.current.load().listeners;
        let ops = listeners.ops.as_ref().map(|ops| &ops.listener);
        let all = listeners.hooks.iter().chain(&listeners.agents).chain(ops);
        all.map(|listener| listener.limits.drain_timeout).max().unwrap_or_default()
    }

    fn address(&self, name: &str) -> Option<SocketAddr> {
        self.fronts.iter().find(|front| front.name == name).map(|front| front.address)
    }

    /// Replaces the configuration, or changes nothing. What needs a restart is named in the log and goes
    /// on as it was.
    ///
    /// # Errors
    /// [`GatewayError`]: what of the new configuration cannot be used.
    pub fn reload(&self, loaded: Loaded) -> Result<ConfigStatus, GatewayError> {
        let prepared = self.prepare(&loaded.config).inspect_err(|error| {
            self.status.send_modify(|status| status.mistakes = vec![error.to_string()]);
            error!(error = %Causes(error), "the configuration was not changed");
        })?;
        for needed in restart_needed(&self.started, &loaded.config) {
            warn!(config.needs_restart = %needed, "changed in the configuration, but needs a restart");
        }
        for (acceptor, tls) in prepared.certificates {
            acceptor.replace(&tls);
        }
        if let Some(tokens) = prepared.tokens {
            self.tokens.store(Arc::new(tokens));
        }
        self.outgoing.0.store(Arc::new(prepared.client));
        if let (Some(gate), Some(snapshot)) = (&self.gate, prepared.snapshot) {
            gate.replace(snapshot);
        }
        self.routes.store(Arc::new(prepared.routes));
        self.people.replace(prepared.people);
        self.current.store(loaded.config);
        let mut now = ConfigStatus { version: 1, hash: loaded.version, loaded: self.clock.now() };
        self.status.send_modify(|status| {
            now.version = status.config.as_ref().map_or(1, |config| config.version + 1);
            status.config = Some(now.clone());
            status.mistakes.clear();
        });
        info!(config.version = now.version, config.hash = now.hash, "the configuration was changed");
        Ok(now)
    }

    /// Everything of a new configuration that can fail.
    fn prepare(&self, config: &Config) -> Result<Prepared, GatewayError> {
        let mut certificates = Vec::new();
        for front in &self.fronts {
            let listener = listener(config, front.name).filter(|new| self.stays(front.name, new));
            if let (Some(acceptor), Some(tls)) = (&front.tls, listener.and_then(|l| l.tls.as_ref())) {
                let name = front.name;
                let new = Acceptor::new(tls)
                    .map_err(|source| GatewayError::Tls { name, source: Box::new(source) })?;
                certificates.push((Arc::clone(acceptor), new));
            }
        }
        let people = self.people.prepare(config)?;
        let pools = Pools::new(&config.backends, &config.egress, &self.clock, &self.backend_metrics)?;
        let snapshot = self.gate.as_ref().map(|_| self.people.snapshot(config, &pools, Some(&people)));
        Ok(Prepared {
            people,
            snapshot,
            routes: Routes::new(config, &pools),
            client: Client::new(&config.egress, None)?,
            certificates,
            tokens: config
                .listeners
                .ops
                .as_ref()
                .filter(|ops| self.stays(OPS, &ops.listener))
                .map(|ops| ops.tokens.clone()),
        })
    }

    /// Whether the listener `name` may take `new` over as it runs. Whom a listener lets in was checked
    /// for its address and TLS; while those wait for a restart, all else of it waits with them, or the
    /// old address would be open to whom only the new one may let in.
    fn stays(&self, name: &str, new: &Listener) -> bool {
        listener(&self.started, name)
            .is_some_and(|old| old.address == new.address && old.tls.is_some() == new.tls.is_some())
    }

    /// Notes that a new configuration was refused; the one in use stays.
    pub fn refuse(&self, mistakes: &Mistakes) -> Vec<String> {
        let mistakes: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        // Before the log: who reads it there and asks for more finds it.
        self.status.send_modify(|status| status.mistakes.clone_from(&mistakes));
        for mistake in &mistakes {
            error!(config.mistake = mistake, "the configuration was not changed");
        }
        mistakes
    }

    /// Waits until somebody asks through the ops API for a reload.
    pub async fn asked_to_reload(&self) -> Reload {
        match self.reloads.lock().await.recv().await {
            Some(reload) => reload,
            // Without an ops listener nobody can ask.
            None => std::future::pending().await,
        }
    }

    /// Waits until the gateway can no longer do its work: the data folder's disk failed. The process
    /// should then stop it and start anew, which reads what is truly on the disk.
    pub async fn failed(&self) {
        tokio::select! {
            () = self.spool.failed() => {}
            () = self.tags.failed() => {}
        }
    }

    /// Drains: takes no further connection, answers what is open, settles what is under way. Ends within
    /// twice the listeners' `drain_timeout` and [`CLOSE_MAX`], whatever a backend or the disk does: a delivery
    /// that is cut off is made again after the next start.
    ///
    /// # Errors
    /// [`DiskHangs`]: threads are left that wait for the disk. Nothing that was acknowledged is lost by
    /// ending the process.
    pub async fn stop(self) -> Result<(), DiskHangs> {
        self.status.send_modify(|status| status.draining = true);
        self.stop_delivery.cancel();
        self.tasks.close();
        let (tasks, drain_timeout) = (&self.tasks, self.drain_timeout());
        let deliveries = async {
            if timeout(drain_timeout, tasks.wait()).await.is_err() {
                warn!(
                    "deliveries were cut off at the end of the drain; they are repeated after the next start"
                );
            }
        };
        let (ops, others): (Vec<_>, Vec<_>) = self.fronts.into_iter().partition(|front| front.name == OPS);
        others.iter().for_each(|front| front.drain.cancel());
        let fronts = async {
            for front in others {
                front.close().await;
            }
        };
        tokio::join!(deliveries, fronts);
        // The operators' listener closes last: it shows that the others drain.
        for front in ops {
            front.close().await;
        }
        self.people.actors.stop().await;
        let (spool, tags) = (self.spool, self.tags);
        let stores = timeout(CLOSE_MAX, async {
            spool.close().await;
            tags.close().await;
        });
        let (stores, log) = tokio::join!(stores, timeout(CLOSE_MAX, self.log.close()));
        if log.is_err() {
            warn!("the decision log takes nothing more; its last lines are lost");
        }
        if stores.is_err() {
            // Dropped, they would wait for the disk once more.
            mem::forget((spool, tags));
            return Err(DiskHangs);
        }
        Ok(())
    }
}

/// What a reload swaps, built and checked.
struct Prepared {
    routes: Routes,
    people: NewPeople,
    client: Client,
    snapshot: Option<Snapshot>,
    certificates: Vec<(Arc<Acceptor>, Arc<Acceptor>)>,
    tokens: Option<Vec<Secret>>,
}

const HOOKS: &str = "hooks";
const AGENTS: &str = "agents";
const OPS: &str = "ops";

/// A listener of a configuration, by its name.
fn listener<'c>(config: &'c Config, name: &str) -> Option<&'c Listener> {
    match name {
        HOOKS => config.listeners.hooks.as_ref(),
        AGENTS => config.listeners.agents.as_ref(),
        _ => config.listeners.ops.as_ref().map(|ops| &ops.listener),
    }
}

/// The writer of the decision log, if it is written.
#[derive(Debug)]
struct DecisionLog {
    stop: CancellationToken,
    task: Option<AbortOnDropHandle<()>>,
}

impl DecisionLog {
    fn open(config: &Config, metrics: &gate::Metrics) -> (Arc<Decisions>, Self) {
        let settings = &config.gate;
        let (decisions, writer) =
            Decisions::new(settings.decisions_kept_max, settings.decision_log.as_ref(), metrics.lost());
        let stop = CancellationToken::new();
        let task = writer.map(|writer| AbortOnDropHandle::new(tokio::spawn(writer.run(stop.clone()))));
        (decisions, Self { stop, task })
    }

    /// Waits until all that was decided is written.
    async fn close(self) {
        self.stop.cancel();
        if let Some(task) = self.task
            && let Err(error) = task.await
        {
            error!(error = %error, "the decision log ended early");
        }
    }
}

fn bind(
    name: &'static str,
    listener: Option<&Listener>,
    metrics: &server::Metrics,
) -> Result<Option<Bound>, GatewayError> {
    let bound = listener.map(|listener| server::bind(listener, name, metrics));
    bound.transpose().map_err(|source| GatewayError::Bind { name, source: Box::new(source) })
}

/// A listener at work.
#[derive(Debug)]
struct Front {
    name: &'static str,
    address: SocketAddr,
    tls: Option<Arc<Acceptor>>,
    serving: Serving,
    drain: CancellationToken,
}

impl Front {
    fn open<S>(name: &'static str, bound: Bound, service: S) -> io::Result<Self>
    where
        S: hyper::service::Service<
                Request<LimitedBody>,
                Response = Response<Full<Bytes>>,
                Error = Infallible,
                Future: Send,
            > + Clone
            + Send
            + 'static,
    {
        let address = bound.local_address()?;
        let (tls, drain) = (bound.tls(), CancellationToken::new());
        let serving = bound.serve(service, drain.clone());
        info!(listener.name = name, listener.address = %address, "listening");
        Ok(Self { name, address, tls, serving, drain })
    }

    async fn close(self) {
        self.drain.cancel();
        self.serving.drained().await;
    }
}

/// How Headgate itself calls out, for the ingress.
#[derive(Debug)]
struct Outgoing(ArcSwap<Client>);

impl Fetch for Outgoing {
    fn get<'a>(&'a self, url: &'a str) -> Later<'a, Result<Vec<u8>, FetchError>> {
        let client = self.0.load_full();
        Box::pin(async move {
            let answer = client.fetch(url).await.map_err(|error| FetchError::Call(Arc::new(error)))?;
            if answer.status() == http::StatusCode::OK {
                Ok(answer.into_body().to_vec())
            } else {
                Err(FetchError::Status(answer.status()))
            }
        })
    }
}
