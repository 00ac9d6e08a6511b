//! The gateway: wires the rooms to listeners from one configuration. Nothing is decided here.
//!
//! **Invariant:** a reload builds and checks everything new before it swaps anything, so that it takes
//! effect as a whole or not at all.

use std::{net::SocketAddr, sync::Arc};

use arc_swap::ArcSwap;
use prometheus_client::registry::Registry;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{error, info};

use crate::{
    backend::{Client, ClientError},
    clock::SharedClock,
    config::{Config, Loaded},
    delivery::{Delivery, Routes},
    ingress::{self, Fetch, FetchError, Hooks, Ingress},
    metrics::Limits,
    server::{self, Acceptor, BindError, Bound, Listener, Serving, TlsError},
    spool::{
        Later,
        embedded::{self as spool, EmbeddedSpool},
    },
    tag::embedded::{self as tag, EmbeddedTags},
};

/// A running Headgate. Dropped without [`Gateway::stop`], it ends as in a crash, which loses nothing.
#[derive(Debug)]
pub struct Gateway {
    current: Arc<ArcSwap<Config>>,
    routes: Arc<ArcSwap<Routes>>,
    outgoing: Arc<Outgoing>,
    clock: SharedClock,
    spool: Arc<EmbeddedSpool>,
    fronts: Vec<Front>,
    tasks: TaskTracker,
    stop_delivery: CancellationToken,
    delivery_ended: CancellationToken,
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
}

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
        let hooks = bind(HOOKS, config.listeners.hooks.as_ref(), &server_metrics)?;

        let (tags, _recovery) = EmbeddedTags::open(&config.store.path.join("tags"), &limits)?;
        let tags = Arc::new(tags);
        let spool = EmbeddedSpool::open(
            config.store.clone(),
            tags.clone(),
            clock.clone(),
            &mut registry,
            &limits,
        )?;
        let current = Arc::new(ArcSwap::new(Arc::clone(&config)));
        let routes = Arc::new(ArcSwap::from_pointee(Routes::new(&config, &clock)?));
        let outgoing = Arc::new(Outgoing(ArcSwap::from_pointee(Client::new(&config.egress, None)?)));
        let ingress = Ingress::new(
            current.clone(),
            spool.clone(),
            outgoing.clone(),
            clock.clone(),
            ingress::Metrics::new(&mut registry),
        );
        let delivery =
            Delivery::new(spool.clone(), tags.clone(), routes.clone(), clock.clone(), &limits, &mut registry);

        let tasks = TaskTracker::new();
        let (stop_delivery, delivery_ended) = (CancellationToken::new(), CancellationToken::new());
        let (stop, ended) = (stop_delivery.clone(), delivery_ended.clone().drop_guard());
        tasks.spawn(async move {
            delivery.run(stop).await;
            drop(ended);
        });
        let hooks = hooks.map(|bound| Front::open(HOOKS, bound, Hooks::new(Arc::new(ingress)))).transpose()?;
        let fronts = hooks.into_iter().collect();
        Ok(Self {
            current,
            routes,
            outgoing,
            clock,
            spool,
            fronts,
            tasks,
            stop_delivery,
            delivery_ended,
        })
    }

    /// Where the `hooks` listener listens, if there is one.
    #[must_use]
    pub fn hooks(&self) -> Option<SocketAddr> {
        self.address(HOOKS)
    }

    /// Where the `ops` listener listens, if there is one.
    #[must_use]
    pub fn ops(&self) -> Option<SocketAddr> {
        self.address(OPS)
    }

    fn address(&self, name: &str) -> Option<SocketAddr> {
        self.fronts.iter().find(|front| front.name == name).map(|front| front.address)
    }

    /// Replaces the configuration, or changes nothing.
    ///
    /// # Errors
    /// [`GatewayError`]: what of the new configuration cannot be used.
    pub fn reload(&self, loaded: Loaded) -> Result<(), GatewayError> {
        let config = loaded.config;
        let routes = Routes::new(&config, &self.clock)?;
        let client = Client::new(&config.egress, None)?;
        let mut certificates = Vec::new();
        for front in &self.fronts {
            let listener = match front.name {
                HOOKS => config.listeners.hooks.as_ref(),
                _ => config.listeners.ops.as_ref().map(|ops| &ops.listener),
            };
            if let (Some(acceptor), Some(tls)) = (&front.tls, listener.and_then(|l| l.tls.as_ref())) {
                let name = front.name;
                Acceptor::new(tls).map_err(|source| GatewayError::Tls { name, source })?;
                certificates.push((name, acceptor, tls));
            }
        }
        for (name, acceptor, tls) in certificates {
            acceptor.reload(tls).map_err(|source| GatewayError::Tls { name, source })?;
        }
        self.outgoing.0.store(Arc::new(client));
        self.routes.store(Arc::new(routes));
        self.current.store(config);
        info!("the configuration was changed");
        Ok(())
    }

    /// Waits until the gateway can no longer do its work: the data folder's disk failed. The process
    /// should then stop it and start anew, which reads what is truly on the disk.
    pub async fn failed(&self) {
        self.delivery_ended.cancelled().await;
    }

    /// Drains: takes no further connection, answers what is open, settles what is under way.
    pub async fn stop(self) {
        for front in self.fronts {
            front.close().await;
        }
        self.stop_delivery.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.spool.close().await;
    }
}

const HOOKS: &str = "hooks";
const OPS: &str = "ops";

fn bind(
    name: &'static str,
    listener: Option<&Listener>,
    metrics: &server::Metrics,
) -> Result<Option<Bound>, GatewayError> {
    let bound = listener.map(|listener| server::bind(listener, name, metrics));
    bound.transpose().map_err(|source| GatewayError::Bind { name, source })
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
        info!(listener = name, listener.address = %address, "listening");
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
