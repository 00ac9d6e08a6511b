//! All that requests are decided by, as one thing: a request uses one snapshot from its start to its end (I09).

use std::{collections::BTreeMap, sync::Arc};

use arc_swap::ArcSwapOption;
use prometheus_client::metrics::counter::Counter;

use super::{
    body::UnfitBody,
    prefetch::Prefetched,
    rate::Rates,
    refusal::Refusal,
    routes::Routes,
    show::{
        pages::ListPlaces,
        shape::{Shapes, unfit},
    },
    upstream::Upstream,
    who::{Authenticate, People},
};
use crate::{
    backend::Pools,
    channel::Channel,
    clock::SharedClock,
    config::{Config, gate::Gate as Settings},
    ids::{AccountId, TenantId},
    metrics::Limits,
    policy::Policy,
};

/// One configuration, ready to be used.
#[derive(Debug)]
pub struct Snapshot {
    pub(super) settings: Settings,
    pub(super) tenants: BTreeMap<TenantId, Tenant>,
    roles_in_shadow: Vec<(TenantId, String)>,
    pub(super) door: Arc<dyn Authenticate>,
    pub(super) people: Arc<dyn People>,
    pub(super) rates: Rates,
    /// Counts requests about too many objects at once.
    ids_max_reached: Counter,
    /// Counts requests that write too many objects at once.
    objects_max_reached: Counter,
    /// Counts requests of which a field names too many other objects.
    written_references_reached: Counter,
    /// Counts requests with a field that stands deeper than is read.
    field_steps_reached: Counter,
}

/// A tenant with routes.
#[derive(Debug)]
pub(super) struct Tenant {
    pub(super) routes: Routes,
    pub(super) upstream: Upstream,
    pub(super) prefetched: Prefetched,
    pub(super) places: ListPlaces,
    /// The accounts of the routes' backend: those in which its own ids of conversations mean something.
    pub(super) accounts: Vec<AccountId>,
    /// The channel of each account.
    pub(super) channels: BTreeMap<AccountId, Channel>,
    /// How often an answer named more objects than are looked up.
    pub(super) look_ups_beyond: Counter,
    /// How often objects of an answer had more participants than are read.
    pub(super) participants_beyond: Counter,
    /// How often objects of an answer referred to more than is read.
    pub(super) references_beyond: Counter,
    /// How often the objects of an answer had more responsible users than those whose teams are looked up.
    pub(super) teams_beyond: Counter,
    /// How often they were not looked up in time.
    pub(super) teams_late: Counter,
    /// How often an answer was nested deeper than the filter reads.
    pub(super) answer_nesting_reached: Counter,
    /// Its answers against the policy that was asked last.
    shapes: ArcSwapOption<Shapes>,
}

impl Tenant {
    /// The tenant's answers against a policy.
    ///
    /// # Errors
    /// [`Refusal::Withheld`] if they cannot be told, which the configuration has checked.
    pub(super) fn shapes(&self, policy: &Arc<Policy>) -> Result<Arc<Shapes>, Refusal> {
        if let Some(shapes) = &*self.shapes.load()
            && shapes.are_of(policy)
        {
            return Ok(Arc::clone(shapes));
        }
        let shapes = Shapes::new(&self.routes.map, policy).map_err(|error| unfit(&error))?;
        let shapes = Arc::new(shapes);
        self.shapes.store(Some(Arc::clone(&shapes)));
        Ok(shapes)
    }
}

impl Snapshot {
    /// Builds everything but the pools anew; the rates begin anew too.
    #[must_use]
    pub fn new(
        config: &Config,
        pools: &Pools,
        door: Arc<dyn Authenticate>,
        people: Arc<dyn People>,
        limits: &Limits,
        clock: &SharedClock,
    ) -> Self {
        let settings = config.gate.clone();
        let mut tenants = BTreeMap::new();
        for tenant in config.tenants.values() {
            let Some(map) = &tenant.routes else { continue };
            let Some(backend) = config.backends.get(&map.backend) else { continue };
            let Some(upstream) = Upstream::new(backend, pools) else { continue };
            let of_backend = tenant.accounts.values().filter(|account| account.backend == map.backend);
            let channels = tenant.accounts.values().map(|account| (account.id.clone(), account.channel));
            tenants.insert(
                tenant.id.clone(),
                Tenant {
                    routes: Routes::new(Arc::new(map.clone())),
                    upstream,
                    prefetched: Prefetched::new(
                        settings.prefetched_max,
                        settings.prefetch_age_max,
                        clock.clone(),
                    ),
                    look_ups_beyond: limits.of("look_ups_max"),
                    participants_beyond: limits.of("participants_max"),
                    references_beyond: limits.of("references_max"),
                    teams_beyond: limits.of("teams_max"),
                    teams_late: limits.of("teams_time_max"),
                    answer_nesting_reached: limits.of("answer_nesting_max"),
                    places: ListPlaces::new(settings.page_places_max, settings.cursor_key.as_ref(), limits),
                    accounts: of_backend.map(|account| account.id.clone()).collect(),
                    channels: channels.collect(),
                    shapes: ArcSwapOption::empty(),
                },
            );
        }
        let rates = Rates::new(&settings.rates, limits);
        let roles_in_shadow = config.tenants.values().flat_map(|tenant| {
            // A role that a later file says more of goes on under another name, which nobody has.
            let roles = tenant
                .policy
                .roles
                .iter()
                .filter(|(name, role)| role.shadow && !role.draft && !name.contains(' '));
            roles.map(|(name, _)| (tenant.id.clone(), name.clone()))
        });
        let roles_in_shadow = roles_in_shadow.collect();
        Self {
            settings,
            tenants,
            roles_in_shadow,
            door,
            people,
            rates,
            ids_max_reached: limits.of("ids_max"),
            objects_max_reached: limits.of("objects_max"),
            written_references_reached: limits.of("written_references_max"),
            field_steps_reached: limits.of("field_steps_max"),
        }
    }

    /// Counts the limit that a body has reached, if it is refused for one that is counted.
    pub(super) fn count_limit(&self, refused: UnfitBody) {
        match refused {
            UnfitBody::TooManyIds => self.ids_max_reached.inc(),
            UnfitBody::TooManyObjects => self.objects_max_reached.inc(),
            UnfitBody::TooManyReferences => self.written_references_reached.inc(),
            UnfitBody::TooDeep => self.field_steps_reached.inc(),
            UnfitBody::MediaType
            | UnfitBody::Unexpected
            | UnfitBody::Json
            | UnfitBody::Form
            | UnfitBody::Multipart
            | UnfitBody::Patch
            | UnfitBody::NoObject
            | UnfitBody::TooMany
            | UnfitBody::Ids
            | UnfitBody::Steering => return,
        };
    }

    /// The routes in shadow mode, each with its tenant.
    pub(super) fn routes_in_shadow(&self) -> impl Iterator<Item = (&TenantId, &str)> {
        self.tenants.iter().flat_map(|(tenant, side)| {
            let routes = side.routes.map.routes.iter().filter(|route| route.shadow);
            routes.map(move |route| (tenant, route.name.as_str()))
        })
    }

    /// The roles in shadow mode, each with its tenant.
    pub(super) fn roles_in_shadow(&self) -> impl Iterator<Item = (&TenantId, &str)> {
        self.roles_in_shadow.iter().map(|(tenant, role)| (tenant, role.as_str()))
    }
}
