//! The embedded spool.

use std::{path::PathBuf, time::Duration};

/// `[store]`: where and how much.
#[derive(Clone, Debug, PartialEq)]
pub struct Store {
    /// The data folder.
    pub path: PathBuf,
    /// Size at which a journal file is closed and the next begun.
    pub segment_bytes: u64,
    /// Free disk space below which webhooks are refused with 503.
    pub disk_free_min: u64,
    /// Events that may wait. Above it: 503.
    pub backlog_events_max: u64,
    /// How long a redelivery is recognised.
    pub dedupe_window: Duration,
    /// Marks kept in memory; the oldest go first.
    pub dedupe_marks_max: usize,
    /// Bytes of waiting webhooks kept in memory; others are read back from disk.
    pub cache_bytes: usize,
    /// How long dead letters are kept.
    pub dead_letter_age_max: Duration,
}
