//! Where units go: the part of a configuration that delivery reads, with the backends' pools built.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    path::PathBuf,
    sync::Arc,
};

use crate::{
    backend::{Backend, Bounds, Client, ClientError, Pool},
    clock::SharedClock,
    config::{Account, Config, Tenant},
    ids::{BackendId, TenantId},
    spool::{Event, Unit},
};

/// One configuration's backends, accounts, teams and queues. Made whole before it takes the place of
/// the last one, so that a CA file that cannot be read refuses the reload.
#[derive(Debug)]
pub struct Routes {
    tenants: BTreeMap<TenantId, Tenant>,
    upstreams: BTreeMap<BackendId, Arc<Upstream>>,
}

/// A backend that can be called.
#[derive(Debug)]
pub(super) struct Upstream {
    pub(super) backend: Backend,
    pub(super) pool: Pool,
    pub(super) bounds: Bounds,
    /// How deep a provider's fragment may nest to be delivered as JSON.
    pub(super) nesting_max: usize,
}

/// Where one unit goes.
#[derive(Clone, Debug)]
pub(super) struct Route<'a> {
    pub(super) tenant: &'a Tenant,
    pub(super) upstream: &'a Arc<Upstream>,
}

impl Routes {
    /// Builds the pools of all backends. Reads CA files.
    ///
    /// # Errors
    /// If a CA file cannot be used.
    pub fn new(config: &Config, clock: &SharedClock) -> Result<Self, ClientError> {
        // One client, and so one set of connections and roots, for all backends that trust the same.
        let mut clients: BTreeMap<Option<PathBuf>, Client> = BTreeMap::new();
        let mut upstreams = BTreeMap::new();
        for (id, backend) in &config.backends {
            let client = match clients.entry(backend.ca.clone()) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => new.insert(Client::new(&config.egress, backend.ca.as_deref())?),
            };
            let upstream = Upstream {
                backend: backend.clone(),
                pool: Pool::new(client.clone(), clock.clone(), &backend.urls),
                bounds: Bounds {
                    timeout: backend.timeout,
                    answer_bytes_max: config.delivery.answer_bytes_max,
                },
                nesting_max: config.delivery.json_nesting_max,
            };
            upstreams.insert(id.clone(), Arc::new(upstream));
        }
        Ok(Self { tenants: config.tenants.clone(), upstreams })
    }

    /// Where a unit goes: to the backend of its first event's account. (The accounts of an endpoint
    /// whose webhooks are delivered whole have one backend; the configuration is held to that.)
    pub(super) fn of(&self, unit: &Unit) -> Option<Route<'_>> {
        let tenant = self.tenants.get(&unit.webhook.tenant)?;
        let account = unit.events().find_map(|event| account(tenant, event))?;
        let upstream = self.upstreams.get(&account.backend)?;
        Some(Route { tenant, upstream })
    }

    pub(super) fn backend(&self, id: &BackendId) -> Option<&Backend> {
        self.upstreams.get(id).map(|upstream| &upstream.backend)
    }
}

/// The account that an event came in on, if it is still configured.
pub(super) fn account<'a>(tenant: &'a Tenant, event: &Event) -> Option<&'a Account> {
    tenant.accounts.get(event.account.as_ref()?).map(|account| &**account)
}
