//! The gateway: wires the rooms to listeners from one configuration. Nothing is decided here.
//!
//! **Invariant:** a reload builds and checks everything new before it swaps anything, so that it takes
//! effect as a whole or not at all.

mod decision_log;
mod error;
mod front;
mod outgoing;
mod people;
mod reload;

use std::{mem, net::SocketAddr, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use prometheus_client::registry::Registry;
use tokio::{
    sync::{Mutex, mpsc, watch},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{error, warn};

pub use self::error::GatewayError;
use self::{
    decision_log::DecisionLog,
    front::{AGENTS, Front, HOOKS, OPS, bind},
    outgoing::Outgoing,
    people::People,
};
use crate::{
    backend::{self, Client, Pools},
    clock::SharedClock,
    config::{Config, Loaded},
    delivery::{Delivery, Routes},
    gate::{self, Agents, Dependencies, Gate},
    ingress::{self, Hooks, Ingress},
    metrics::Limits,
    ops::{Admin, ConfigStatus, Ops, Reload, Status},
    secret::Secret,
    server,
    spool::embedded::EmbeddedSpool,
    tag::embedded::EmbeddedTags,
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
        let (decisions, log) = DecisionLog::open(&config, &gate_metrics, &limits);
        let mut gate = None;
        if let Some(bound) = agents {
            let snapshot = people.snapshot(&config, &pools, None);
            let dependencies = Dependencies {
                tags: tags.clone(),
                keys: people.keys.clone(),
                clock: clock.clone(),
                decisions: decisions.clone(),
                metrics: gate_metrics,
            };
            let agents = Arc::new(Gate::new(snapshot, dependencies));
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
