//! `headgate.toml`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Backend, DAY, Gate, Listeners, Name, seconds};
use crate::config::text::{Address, FilePath, LogFilter, Size, Span};

/// What holds for all tenants: listeners, backends, the store, how Headgate calls out, and its log.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["store"]))]
#[schemars(title = "headgate.toml")]
pub(crate) struct Headgate {
    /// Where Headgate listens.
    pub(crate) listener: Listeners,
    /// The chat backends, by name: `[backend.NAME]`.
    pub(crate) backend: BTreeMap<Name, Backend>,
    /// Where accepted events are kept, and how much of them. Changes need a restart.
    pub(crate) store: Option<Store>,
    /// Handing events to backends.
    pub(crate) delivery: Delivery,
    /// How Headgate itself calls out.
    pub(crate) egress: Egress,
    /// The agents' side: how requests are limited, and where decisions are told.
    pub(crate) gate: Gate,
    /// Log.
    pub(crate) telemetry: Telemetry,
}

/// Where accepted events are kept, and how much of them. Changes need a restart.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["path"]))]
pub(crate) struct Store {
    /// The data folder, on a local disk; made if it does not exist.
    pub(crate) path: Option<FilePath>,
    /// Size at which a journal file is closed and the next begun; 1MiB or more.
    pub(crate) segment_bytes: Size,
    /// Free disk space below which webhooks are refused with 503, so that what was accepted can still
    /// be worked off. At least 1MiB.
    pub(crate) disk_free_min: Size,
    /// Events that may wait for delivery. Above it, webhooks are refused with 503.
    #[schemars(range(min = 1))]
    pub(crate) backlog_events_max: u64,
    /// How long a provider's redelivery is recognised. WhatsApp repeats for 7 days, longest of all; the
    /// default adds a day.
    pub(crate) dedupe_window: Span,
    /// Marks of accepted events kept in memory; above it the oldest go first, before their window ends.
    #[schemars(range(min = 1))]
    pub(crate) dedupe_marks_max: usize,
    /// Waiting webhooks kept in memory; others are read back from disk.
    pub(crate) cache_bytes: Size,
    /// How long dead letters are kept.
    pub(crate) dead_letter_age_max: Span,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            path: None,
            segment_bytes: Size(64 << 20),
            disk_free_min: Size(1 << 30),
            backlog_events_max: 5_000_000,
            dedupe_window: seconds(8 * DAY),
            dedupe_marks_max: 10_000_000,
            cache_bytes: Size(64 << 20),
            dead_letter_age_max: seconds(14 * DAY),
        }
    }
}

/// Handing events to backends.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Delivery {
    /// Largest answer of a backend that is read; the rest is left unread.
    pub(crate) answer_bytes_max: Size,
    /// How deep arrays and objects of a provider's fragment (`data.raw`) may stand in each other. A deeper
    /// fragment is delivered in base64. Two levels of the delivery itself come on top.
    #[schemars(range(min = 1))]
    pub(crate) json_nesting_max: usize,
}

impl Default for Delivery {
    fn default() -> Self {
        // With the two levels around it below 64, where the strictest of the common parsers stops (.NET's).
        Self { answer_bytes_max: Size(64 << 10), json_nesting_max: 60 }
    }
}

/// How Headgate itself calls out, to fetch certificates and confirm subscriptions (SNS).
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Egress {
    /// PEM file with CAs, beside the operating system's.
    pub(crate) ca: Option<FilePath>,
    /// Addresses for host names, in place of DNS: `{ "sns.eu-west-1.amazonaws.com" = "10.0.0.5:443" }`
    /// for a VPC endpoint.
    pub(crate) resolve: BTreeMap<String, Address>,
    /// Time for one call.
    pub(crate) timeout: Span,
}

impl Default for Egress {
    fn default() -> Self {
        // SNS waits 15 s for our answer, and the certificate is fetched before it (providers.md section 12).
        Self { ca: None, resolve: BTreeMap::new(), timeout: seconds(10) }
    }
}

/// Log.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Telemetry {
    /// What is logged: a level, or levels by module such as `info,headgate::delivery=debug`.
    pub(crate) log: LogFilter,
    /// How it is written. A change needs a restart.
    pub(crate) format: LogFormat,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self { log: LogFilter("info".to_owned()), format: LogFormat::Json }
    }
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}
