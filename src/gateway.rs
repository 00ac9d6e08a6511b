//! The gateway: wires the rooms to listeners from one configuration. Nothing is decided here.
//!
//! **Invariant:** a reload builds and checks everything new before it swaps anything, so that it takes
//! effect as a whole or not at all.

use std::{net::SocketAddr, sync::Arc};

use arc_swap::ArcSwap;
use prometheus_client::registry::Registry;
use tokio::{sync::Notify, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::{
    backend::{CallError, Client, ClientError},
    clock::SharedClock,
    config::{Config, Loaded, Mistakes},
    delivery::{Delivery, Routes},
    ingress::{self, Fetch, FetchError, Hooks, Ingress},
    metrics::Limits,
    ops::{self, Admin, Readiness},
    server::{self, Acceptor, BindError, Listener, Serving, TlsError},
    spool::{
        Later, Spool,
        embedded::{EmbeddedSpool, OpenError as SpoolOpenError},
    },
    tag::{
        TagStore,
        embedded::{EmbeddedTags, OpenError as TagsOpenError},
    },
};

/// A running Headgate. Dropped without [`Gateway::stop`], it ends as in a crash, which loses nothing.
#[derive(Debug)]
pub struct Gateway {
    config: Arc<ArcSwap<Config>>,
    routes: Arc<ArcSwap<Routes>>,
    outgoing: Arc<Outgoing>,
    clock: SharedClock,
    spool: Arc<dyn Spool>,
    admin: Arc<Admin>,
    hooks: Option<Front>,
    ops: Option<Front>,
    delivery: JoinHandle<()>,
    stop_delivery: CancellationToken,
}

/// Why a gateway could not start, or a reload was refused.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The tag store could not be opened.
    #[error("could not open the tags")]
    Tags(#[from] TagsOpenError),
    /// The spool could not be opened.
    #[error("could not open the spool")]
    Spool(#[from] SpoolOpenError),
    /// A listener could not be bound.
    #[error("could not open the listener `{name}`")]
    Bind {
        /// The listener.
        name: &'static str,
        /// Why.
        #[source]
        source: BindError,
    },
    /// A listener's certificates cannot be used.
    #[error("could not use the certificates of the listener `{name}`")]
    Tls {
        /// The listener.
        name: &'static str,
        /// Why.
        #[source]
        source: TlsError,
    },
    /// A CA file cannot be used.
    #[error("could not set up calls to the outside")]
    Client(#[from] ClientError),
    /// The new configuration changes what a running gateway cannot.
    #[error("a restart is needed for a change of {}", .what.join(", "))]
    RestartNeeded {
        /// The keys.
        what: Vec<&'static str>,
    },
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

impl Gateway {
    /// Opens the stores, recovers what they hold, and begins to serve and deliver.
    ///
    /// # Errors
    /// [`GatewayError`]; nothing is left running.
    pub async fn start(loaded: Loaded, clock: SharedClock) -> Result<Self, GatewayError> {
        let config = loaded.config.clone();
        let mut registry = Registry::default();
        let limits = Limits::new(&mut registry);

        let tags: Arc<dyn TagStore> = EmbeddedTags::open(&config.store.path.join("tags"), &mut registry)?;
        let spool: Arc<dyn Spool> = EmbeddedSpool::open(
            config.store.clone(),
            tags.clone(),
            clock.clone(),
            &mut registry,
            &limits,
        )?;
        let routes = Arc::new(ArcSwap::from_pointee(Routes::new(&config, &clock)?));
        let outgoing = Arc::new(Outgoing(ArcSwap::from_pointee(Client::new(&config.egress, None)?)));
        let snapshot = Arc::new(ArcSwap::new(config.clone()));

        let ingress = Arc::new(Ingress::new(
            snapshot.clone(),
            spool.clone(),
            outgoing.clone(),
            clock.clone(),
            ingress::Metrics::new(&mut registry),
        ));
        let delivery = Delivery::new(
            spool.clone(),
            tags.clone(),
            routes.clone(),
            clock.clone(),
            &limits,
            &mut registry,
        );
        let server_metrics = server::Metrics::new(&mut registry, &limits);

        let hooks = config.listeners.hooks.as_ref().map(|listener| bind(listener, "hooks", &server_metrics));
        let hooks = hooks.transpose()?;
        let ops = config.listeners.ops.as_ref().map(|ops| bind(&ops.listener, "ops", &server_metrics));
        let ops = ops.transpose()?;

        let admin = Arc::new(Admin::new(spool.clone(), tags, Arc::new(registry), &loaded, clock.clone()));
        let stop_delivery = CancellationToken::new();
        let delivery = tokio::spawn(delivery.run(stop_delivery.clone()));
        let hooks = hooks.map(|bound| bound.serve(Hooks::new(ingress)));
        let ops = ops.map(|bound| bound.serve(ops::Service::new(admin.clone())));
        Ok(Self {
            config: snapshot,
            routes,
            outgoing,
            clock,
            spool,
            admin,
            hooks,
            ops,
            delivery,
            stop_delivery,
        })
    }
}
