//! `headgate.toml`: `[gate]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::seconds;
use crate::config::text::{FilePath, Origin, SecretText, Size, Span};

/// The agents' side: how requests are limited, and where decisions are told.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Gate {
    /// Longest target (path and query) of a request. Above it: 414.
    pub(crate) target_bytes_max: Size,
    /// Most parameters of a query. Above it: 400.
    #[schemars(range(min = 1))]
    pub(crate) query_parameters_max: usize,
    /// Largest body of a request, where the route does not set another. Above it: 413.
    pub(crate) body_bytes_max: Size,
    /// How long the facts of a prefetched object are used again; those that were read before a push (`POST /v1/grants/invalidate`) are not.
    pub(crate) prefetch_age_max: Span,
    /// Prefetched objects whose facts are kept. The least used go first.
    #[schemars(range(min = 1))]
    pub(crate) prefetched_max: usize,
    /// Places in lists that are kept for a tenant, where a user's next page goes on. The least used go first: such a
    /// page is found again from the beginning.
    #[schemars(range(min = 1))]
    pub(crate) page_places_max: usize,
    /// Key with which the cursors of lists are sealed (`page.cursor` of a route): 32 characters or more, the same for all instances, such as
    /// the output of `openssl rand -hex 32`. Without it, cursors are good until the next restart or reload.
    pub(crate) cursor_key: Option<SecretText>,
    /// Decisions that are kept in memory for `headgate explain`. The oldest go first.
    pub(crate) decisions_kept_max: usize,
    /// Origins of pages whose scripts may ask and read the answers, such as `https://panel.example`: panels that are
    /// not served from where this listener is. `*` is none.
    pub(crate) cors_origins: Vec<Origin>,
    /// How many requests are taken. Above it: 429.
    pub(crate) rate: Rates,
    /// Where decisions are told. Without it they are only kept in memory.
    pub(crate) decision_log: Option<DecisionLog>,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            target_bytes_max: Size(8 << 10),
            query_parameters_max: 200,
            body_bytes_max: Size(1 << 20),
            prefetch_age_max: seconds(2),
            prefetched_max: 10_000,
            page_places_max: 10_000,
            cursor_key: None,
            decisions_kept_max: 10_000,
            cors_origins: Vec::new(),
            rate: Rates::default(),
            decision_log: None,
        }
    }
}

/// How many requests are taken. Above it: 429, with `Retry-After`.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Rates {
    /// Of one user.
    pub(crate) actor: Rate,
    /// Of all users of a tenant together.
    pub(crate) tenant: Rate,
    /// Of one source address (IPv6: of one /64), before it is known who asks.
    pub(crate) address: Rate,
    /// Users, tenants and addresses whose rate is kept, each. Above it, one that is not among them is not
    /// limited.
    #[schemars(range(min = 1))]
    pub(crate) keys_max: usize,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            actor: Rate { per_second: 50, burst: 200 },
            tenant: Rate { per_second: 2000, burst: 8000 },
            // A whole office may stand behind one address.
            address: Rate { per_second: 1000, burst: 4000 },
            keys_max: 100_000,
        }
    }
}

/// A rate of requests.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rate {
    /// Requests in a second, as a lasting average.
    #[schemars(range(min = 1))]
    pub(crate) per_second: u32,
    /// Requests at once, after a pause.
    #[schemars(range(min = 1))]
    pub(crate) burst: u32,
}

/// Where decisions are told: one JSON object a line, one line a request, without values, tokens and queries.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct DecisionLog {
    /// File that lines are put at the end of; without it, the standard error. A change needs a restart.
    pub(crate) file: Option<FilePath>,
    /// Largest file. Above it, the file goes on as `FILE.old`, in the place of the one before it, and a new one begins: the
    /// log takes twice so much of the disk at most. A file that cannot be moved away takes no more lines: they are lost,
    /// and counted. A change needs a restart.
    pub(crate) file_bytes_max: Size,
    /// Lines that may wait to be written. Above it, lines are lost, and counted. A change needs a restart.
    #[schemars(range(min = 1))]
    pub(crate) waiting_max: usize,
    /// How long a request of a route with `audit = "must"` waits for its line. After that: 503. A change needs a
    /// restart.
    pub(crate) audit_wait_max: Span,
}

impl Default for DecisionLog {
    fn default() -> Self {
        Self { file: None, file_bytes_max: Size(1 << 30), waiting_max: 10_000, audit_wait_max: seconds(2) }
    }
}
