//! How many requests are taken of a user, a tenant and a source address.

use std::{hash::Hash, net::IpAddr, sync::Arc, time::Duration};

use governor::{
    DefaultDirectRateLimiter, Quota, RateLimiter,
    clock::{Clock as _, DefaultClock},
};
use prometheus_client::metrics::counter::Counter;
use quick_cache::sync::Cache;

use super::refusal::Refusal;
use crate::{
    config::gate::{Rate, Rates as Settings},
    ids::{TenantId, UserId},
    metrics::Limits,
};

/// The rates of all who ask.
#[derive(Debug)]
pub struct Rates {
    actors: Table<(TenantId, UserId)>,
    tenants: Table<TenantId>,
    addresses: Table<IpAddr>,
}

impl Rates {
    /// Nobody has asked yet.
    #[must_use]
    pub fn new(settings: &Settings, limits: &Limits) -> Self {
        Self {
            actors: Table::new(settings.actor, settings.keys_max, limits.of("rate.actor")),
            tenants: Table::new(settings.tenant, settings.keys_max, limits.of("rate.tenant")),
            addresses: Table::new(settings.address, settings.keys_max, limits.of("rate.address")),
        }
    }

    /// Counts a request of an address, whoever asks.
    ///
    /// # Errors
    /// [`Refusal::Rate`].
    pub fn of_address(&self, client: IpAddr) -> Result<(), Refusal> {
        self.addresses.take(&client)
    }

    /// Counts a request of a user.
    ///
    /// # Errors
    /// [`Refusal::Rate`].
    pub fn of_user(&self, tenant: &TenantId, user: &UserId) -> Result<(), Refusal> {
        self.actors.take(&(tenant.clone(), user.clone()))?;
        self.tenants.take(tenant)
    }
}

/// Rates by key. The table is bounded: a key that was not used for longest is forgotten, and begins anew when it
/// comes again. That lets through more than the rate, never less: this limiter may fail open, as no other
/// check here may.
struct Table<K> {
    quota: Quota,
    keys: Cache<K, Arc<DefaultDirectRateLimiter>>,
    clock: DefaultClock,
    reached: Counter,
}

impl<K: Eq + Hash + Clone> Table<K> {
    fn new(rate: Rate, keys_max: usize, reached: Counter) -> Self {
        let quota = Quota::per_second(rate.per_second).allow_burst(rate.burst);
        Self { quota, keys: Cache::new(keys_max), clock: DefaultClock::default(), reached }
    }

    fn take(&self, key: &K) -> Result<(), Refusal> {
        let fresh = || Ok::<_, Refusal>(Arc::new(RateLimiter::direct(self.quota)));
        let limiter = self.keys.get_or_insert_with(key, fresh)?;
        limiter.check().map_err(|until| {
            self.reached.inc();
            Refusal::Rate(until.wait_time_from(self.clock.now()).max(Duration::from_millis(1)))
        })
    }
}

impl<K> std::fmt::Debug for Table<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table").field("quota", &self.quota).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    #[test]
    fn i18_who_comes_often_is_remembered_among_many_who_come_once() {
        let at_most = |number| NonZeroU32::new(number).unwrap();
        let rate = Rate { per_second: at_most(1), burst: at_most(1_000_000) };
        let table = Table::new(rate, 100, Counter::default());
        table.take(&0_u32).unwrap();
        let often = table.keys.get(&0).unwrap();
        for once in 1..10_000 {
            table.take(&once).unwrap();
            if once % 10 == 0 {
                table.take(&0).unwrap();
            }
        }
        assert!(table.keys.len() <= 100);
        assert!(Arc::ptr_eq(&table.keys.get(&0).unwrap(), &often));
    }
}
