//! Where units go: the part of a configuration that delivery reads, with the backends' pools.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    backend::{Backend, Bounds, Pool, Pools},
    config::{Account, Config, Tenant},
    ids::{BackendId, TenantId},
    spool::{Event, Unit},
};

/// One configuration's backends, accounts, teams and queues.
#[derive(Debug)]
pub struct Routes {
    tenants: BTreeMap<TenantId, Tenant>,
    upstreams: BTreeMap<BackendId, Arc<Upstream>>,
}

/// A backend that can be called.
#[derive(Debug)]
pub(super) struct Upstream {
    pub(super) backend: Backend,
    pub(super) pool: Arc<Pool>,
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
    /// The routes of a configuration, whose backends have these pools.
    #[must_use]
    pub fn new(config: &Config, pools: &Pools) -> Self {
        let upstream = |(id, backend): (&BackendId, &Backend)| {
            let upstream = Upstream {
                backend: backend.clone(),
                pool: Arc::clone(pools.deliveries(id)?),
                bounds: Bounds {
                    timeout: backend.timeout,
                    answer_bytes_max: config.delivery.answer_bytes_max,
                },
                nesting_max: config.delivery.json_nesting_max,
            };
            Some((id.clone(), Arc::new(upstream)))
        };
        Self {
            tenants: config.tenants.clone(),
            upstreams: config.backends.iter().filter_map(upstream).collect(),
        }
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
