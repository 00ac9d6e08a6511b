//! Metrics in Prometheus' manner. Each room owns its handles, made here from one registry per Headgate;
//! labels come from enums, never from a user, a conversation or an error's text.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};
use quick_cache::{DefaultHashBuilder, Lifecycle, UnitWeighter, sync::Cache};

/// One label set `{limit}` of [`Limits`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Limit {
    limit: &'static str,
}

/// `headgate_limit_reached_total{limit}`: how often each named limit turned something away.
#[derive(Clone, Debug, Default)]
pub struct Limits(Family<Limit, Counter>);

impl Limits {
    /// Registers the metric; made once per Headgate and cloned to the rooms.
    #[must_use]
    pub fn new(registry: &mut Registry) -> Self {
        let limits = Self::default();
        registry.register(
            "headgate_limit_reached",
            "How often a limit of the configuration turned something away",
            limits.0.clone(),
        );
        limits
    }

    /// A handle for one limit, by its name in the configuration.
    #[must_use]
    pub fn of(&self, limit: &'static str) -> Counter {
        self.0.get_or_create(&Limit { limit }).clone()
    }
}

/// A cache of so many entries at most: the least used goes, and is counted.
pub type Bounded<K, V> = Cache<K, V, UnitWeighter, DefaultHashBuilder, Forgotten>;

/// An empty cache that counts in `forgotten` what it forgets for want of room.
#[must_use]
pub fn bounded<K: Eq + std::hash::Hash, V: Clone>(entries_max: usize, forgotten: &Counter) -> Bounded<K, V> {
    let forgotten = Forgotten(forgotten.clone());
    Cache::with(entries_max, entries_max as u64, UnitWeighter, DefaultHashBuilder::default(), forgotten)
}

/// Counts what a [`Bounded`] cache forgets.
#[derive(Clone, Debug)]
pub struct Forgotten(Counter);

impl<K, V> Lifecycle<K, V> for Forgotten {
    type RequestState = ();

    // `on_evict` is told of replaced values too.
    fn before_evict(&self, (): &mut (), _key: &K, _value: &mut V) {
        self.0.inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_cache_forgets_is_counted_and_what_is_used_stays() {
        let forgotten = Counter::default();
        let cache = bounded(100, &forgotten);
        for n in 0..10_000 {
            cache.insert(n, n);
            cache.insert(n, n);
            assert!(n == 0 || cache.get(&0).is_some(), "in use, and gone after {n}");
        }
        assert!(cache.len() <= 100);
        assert_eq!(forgotten.get(), 10_000 - cache.len() as u64);
    }
}
