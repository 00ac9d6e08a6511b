//! Who may do what, from one configuration: each tenant's policy and directory.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use super::GatewayError;
use crate::{
    assign::Strategy,
    backend::Client,
    config::{Config, Tenant},
    directory::{FileSource, Rules, Source, TenantWorld, World, http::HttpSource},
    policy::{Keys, Policy},
};

/// Ages of a directory that changes only with the configuration; they mean nothing.
const FIXED: Rules = Rules {
    refresh: Duration::MAX,
    ttl: Duration::MAX,
    negative_ttl: Duration::MAX,
    max_stale: Duration::MAX,
};

/// Compiles each tenant's policy and sets up its directory.
pub(super) fn world(config: &Config, keys: &Keys) -> Result<World, GatewayError> {
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
    let queues = tenant.assignment.iter().filter(|(_, queue)| queue.strategy != Strategy::Manual);
    let queues = queues.map(|(team, _)| team.clone()).collect();
    Ok(TenantWorld::new(tenant.id.clone(), Arc::new(policy), source, rules, queues, keys.clone()))
}
