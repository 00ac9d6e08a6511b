//! Who calls and what they may, from one configuration: each tenant's identity sources, directory and policy.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use http::request::Parts;
use prometheus_client::registry::Registry;

use super::GatewayError;
use crate::{
    assign::with_queue,
    backend::{Client, Pools},
    clock::SharedClock,
    config::{Config, Tenant},
    directory::{self, Actors, FileSource, Rules, Source, TenantWorld, Version, World, http::HttpSource},
    gate::{
        Snapshot,
        who::{Authenticate, Granted, Identity, NoActor, NoIdentity, People as Directory},
    },
    identity::{self, AuthError, Authenticator},
    ids::{TenantId, UserId},
    metrics::Limits,
    policy::{Keys, Policy},
    server::Peer,
    spool::Later,
};

/// Users whose grants are kept at most; some 500 bytes each.
const ACTORS_MAX: usize = 100_000;

/// What lives as long as its Headgate: what is cached of users, and what is counted.
#[derive(Debug)]
pub(super) struct People {
    pub(super) keys: Keys,
    pub(super) actors: Arc<Actors>,
    pub(super) world: Arc<ArcSwap<World>>,
    door: ArcSwap<Authenticator>,
    metrics: identity::Metrics,
    limits: Limits,
    clock: SharedClock,
}

/// The same for one configuration, built and not yet in use.
#[derive(Debug)]
pub(super) struct NewPeople {
    world: Arc<World>,
    door: Arc<Authenticator>,
}

impl People {
    pub(super) fn new(
        config: &Config,
        registry: &mut Registry,
        limits: &Limits,
        clock: &SharedClock,
    ) -> Result<Self, GatewayError> {
        let (keys, metrics) = (Keys::default(), identity::Metrics::new(registry, limits));
        let world = world(config, &keys)?;
        let door = door(config, clock, &metrics, None)?;
        Ok(Self {
            actors: Actors::new(ACTORS_MAX, clock.clone(), directory::Metrics::new(registry, limits)),
            world: Arc::new(ArcSwap::from_pointee(world)),
            door: ArcSwap::from_pointee(door),
            keys,
            metrics,
            limits: limits.clone(),
            clock: clock.clone(),
        })
    }

    /// Builds what a new configuration says.
    pub(super) fn prepare(&self, config: &Config) -> Result<NewPeople, GatewayError> {
        let world = Arc::new(world(config, &self.keys)?);
        let door = door(config, &self.clock, &self.metrics, Some(&self.door.load()))?;
        Ok(NewPeople { world, door: Arc::new(door) })
    }

    /// What the gate decides by, with what is in use or with what was prepared.
    pub(super) fn snapshot(&self, config: &Config, pools: &Pools, new: Option<&NewPeople>) -> Snapshot {
        let (world, door) = match new {
            Some(new) => (Arc::clone(&new.world), Arc::clone(&new.door)),
            None => (self.world.load_full(), self.door.load_full()),
        };
        let residents = Residents { actors: Arc::clone(&self.actors), world };
        Snapshot::new(config, pools, Arc::new(Door(door)), Arc::new(residents), &self.limits, &self.clock)
    }

    /// Takes over what was prepared.
    pub(super) fn replace(&self, new: NewPeople) {
        self.world.store(new.world);
        self.door.store(new.door);
        self.actors.forget_configuration();
    }
}

fn door(
    config: &Config,
    clock: &SharedClock,
    metrics: &identity::Metrics,
    before: Option<&Authenticator>,
) -> Result<Authenticator, GatewayError> {
    let sources = config.tenants.values().map(|tenant| (tenant.id.clone(), Arc::clone(&tenant.identity)));
    let sources: Vec<_> = sources.collect();
    let client = Client::new(&config.egress, None)?;
    Ok(Authenticator::new(&sources, client, clock.clone(), metrics.clone(), before))
}

/// Ages of a directory that changes only with the configuration; they mean nothing.
const FIXED: Rules = Rules {
    refresh: Duration::MAX,
    ttl: Duration::MAX,
    negative_ttl: Duration::MAX,
    max_stale: Duration::MAX,
};

/// Compiles each tenant's policy and sets up its directory.
fn world(config: &Config, keys: &Keys) -> Result<World, GatewayError> {
    let client = Client::new(&config.egress, None)?;
    let tenants = config.tenants.values().map(|tenant| tenant_world(tenant, keys, &client));
    Ok(World::new(tenants.collect::<Result<Vec<_>, _>>()?))
}

fn tenant_world(tenant: &Tenant, keys: &Keys, client: &Client) -> Result<TenantWorld, GatewayError> {
    let policy = Policy::compile(&tenant.policy, &tenant.id, keys)
        .map_err(|problems| GatewayError::Policy { tenant: tenant.id.clone(), problems: problems.len() })?;
    let (source, rules): ((Arc<dyn Source>, u64), Rules) = match &tenant.source {
        Some(settings) => {
            // Answers of the same place stay good over a reload.
            let mut place = DefaultHasher::new();
            settings.url.hash(&mut place);
            let source = HttpSource::new(settings.clone(), client.clone());
            ((Arc::new(source), place.finish()), settings.rules)
        }
        None => ((Arc::new(FileSource(Arc::new(tenant.directory.clone()))), fastrand::u64(..)), FIXED),
    };
    let queues = with_queue(&tenant.assignment);
    Ok(TenantWorld::new(tenant.id.clone(), Arc::new(policy), source, rules, queues, keys.clone()))
}

/// The gate's door: credentials become users.
#[derive(Debug)]
struct Door(Arc<Authenticator>);

impl Authenticate for Door {
    fn authenticate<'a>(
        &'a self,
        head: &'a mut Parts,
        peer: &'a Peer,
    ) -> Later<'a, Result<Identity, NoIdentity>> {
        Box::pin(async move {
            let shown = self.0.authenticate(head, peer).await.map_err(|error| match error {
                AuthError::Missing => NoIdentity::Missing,
                AuthError::Invalid(_) => NoIdentity::Invalid,
                AuthError::Ambiguous => NoIdentity::Ambiguous,
                AuthError::Unavailable { .. } => NoIdentity::Unavailable,
            })?;
            Ok(Identity { tenant: shown.tenant, user: shown.user })
        })
    }
}

/// The gate's directory: users become actors, by the world of one configuration.
#[derive(Debug)]
struct Residents {
    actors: Arc<Actors>,
    world: Arc<World>,
}

impl Directory for Residents {
    fn actor<'a>(
        &'a self,
        tenant: &'a TenantId,
        user: &'a UserId,
        min: Option<Version>,
    ) -> Later<'a, Result<Granted, NoActor>> {
        Box::pin(async move {
            let found = self.actors.actor(&self.world, tenant, user, min).await?;
            Ok(granted(&found))
        })
    }

    fn last_change_told(&self, tenant: &TenantId) -> u64 {
        self.actors.last_invalidation(tenant)
    }

    fn known(&self, tenant: &TenantId, user: &UserId) -> Option<Result<Granted, NoActor>> {
        let found = self.actors.known(&self.world, tenant, user)?;
        Some(found.map(|found| granted(&found)))
    }
}

fn granted(found: &directory::Granted) -> Granted {
    Granted { actor: Arc::clone(&found.actor), version: found.version }
}
