//! The pools of all backends of a configuration.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    path::PathBuf,
    sync::Arc,
};

use super::{Backend, Client, ClientError, Egress, Metrics, Plan, Pool, Purpose};
use crate::{clock::SharedClock, ids::BackendId};

/// The pools of all backends. Made whole before they take the place of the last ones, so that a CA file
/// that cannot be read refuses the reload.
#[derive(Clone, Debug, Default)]
pub struct Pools {
    deliveries: BTreeMap<BackendId, Arc<Pool>>,
    api: BTreeMap<BackendId, Arc<Pool>>,
}

impl Pools {
    /// Builds them. Reads CA files, and begins to probe what is to be probed: needs a tokio runtime.
    ///
    /// # Errors
    /// If a CA file cannot be used.
    pub fn new(
        backends: &BTreeMap<BackendId, Backend>,
        egress: &Egress,
        clock: &SharedClock,
        metrics: &Metrics,
    ) -> Result<Self, ClientError> {
        let mut clients = Clients { egress, all: BTreeMap::new(), http1: BTreeMap::new() };
        let mut pools = Self::default();
        for (id, backend) in backends {
            let health = backend.health.as_ref();
            let plan = Plan {
                backend: id.clone(),
                purpose: Purpose::Deliveries,
                urls: &backend.urls,
                host: None,
                concurrency_max: usize::MAX,
                health,
            };
            let pool = Pool::new(clients.of(backend.ca.as_ref())?, clock.clone(), &plan, metrics);
            pools.deliveries.insert(id.clone(), Arc::new(pool));
            let Some(api) = &backend.api else { continue };
            let plan = Plan {
                backend: id.clone(),
                purpose: Purpose::Api,
                urls: &api.origins,
                host: api.host.clone(),
                concurrency_max: api.concurrency_max,
                health,
            };
            let client = match api.host {
                None => clients.of(backend.ca.as_ref())?,
                Some(_) => clients.http1(backend.ca.as_ref())?,
            };
            let pool = Pool::new(client, clock.clone(), &plan, metrics);
            pools.api.insert(id.clone(), Arc::new(pool));
        }
        Ok(pools)
    }

    /// Where a backend's deliveries go.
    #[must_use]
    pub fn deliveries(&self, backend: &BackendId) -> Option<&Arc<Pool>> {
        self.deliveries.get(backend)
    }

    /// Where the gate forwards to, if the backend has an `api`.
    #[must_use]
    pub fn api(&self, backend: &BackendId) -> Option<&Arc<Pool>> {
        self.api.get(backend)
    }
}

/// One client, and so one set of connections and roots, for all backends that trust the same CAs.
struct Clients<'a> {
    egress: &'a Egress,
    all: BTreeMap<Option<PathBuf>, Client>,
    http1: BTreeMap<Option<PathBuf>, Client>,
}

impl Clients<'_> {
    fn of(&mut self, ca: Option<&PathBuf>) -> Result<Client, ClientError> {
        match self.all.entry(ca.cloned()) {
            Entry::Occupied(known) => Ok(known.get().clone()),
            Entry::Vacant(new) => Ok(new.insert(Client::new(self.egress, ca.map(PathBuf::as_path))?).clone()),
        }
    }

    /// One that can send a `Host` that is not the URL's.
    fn http1(&mut self, ca: Option<&PathBuf>) -> Result<Client, ClientError> {
        match self.http1.entry(ca.cloned()) {
            Entry::Occupied(known) => Ok(known.get().clone()),
            Entry::Vacant(new) => {
                Ok(new.insert(Client::http1(self.egress, ca.map(PathBuf::as_path))?).clone())
            }
        }
    }
}
