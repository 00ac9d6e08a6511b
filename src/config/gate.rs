//! `[gate]`, as checked.

use std::{num::NonZeroU32, path::PathBuf, time::Duration};

use crate::secret::Secret;

/// Settings and limits of the agents' side.
#[derive(Clone, Debug)]
pub struct Gate {
    /// Bytes of a request's target. Above it: 414.
    pub target_bytes_max: usize,
    /// Parameters of a query. Above it: 400.
    pub query_parameters_max: usize,
    /// How long the facts of a prefetched object are used again.
    pub prefetch_age_max: Duration,
    /// Prefetched objects whose facts are kept.
    pub prefetched_max: usize,
    /// Places in lists that are kept, where a next page goes on.
    pub page_places_max: usize,
    /// Key with which cursors are sealed; `None`: one of its own.
    pub cursor_key: Option<Secret>,
    /// Decisions that are kept in memory.
    pub decisions_kept_max: usize,
    /// Origins of pages whose scripts may ask and read.
    pub cors_origins: Vec<String>,
    /// How many requests are taken.
    pub rates: Rates,
    /// Where decisions are told.
    pub decision_log: Option<DecisionLog>,
}

/// How many requests are taken. Above it: 429.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Of one user.
    pub actor: Rate,
    /// Of all users of a tenant.
    pub tenant: Rate,
    /// Of one source address.
    pub address: Rate,
    /// Users, tenants and addresses whose rate is kept, each.
    pub keys_max: usize,
}

/// A rate of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Requests in a second.
    pub per_second: NonZeroU32,
    /// Requests at once.
    pub burst: NonZeroU32,
}

/// `[gate.decision_log]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecisionLog {
    /// The file; `None`: the standard error.
    pub file: Option<PathBuf>,
    /// Bytes of the file. Above it, it is moved away.
    pub file_bytes_max: u64,
    /// Lines that may wait to be written.
    pub waiting_max: usize,
    /// How long a request that must be on record waits for its line.
    pub audit_wait_max: Duration,
}
