//! `[gate]`.

use std::num::NonZeroU32;

use super::Check;
use crate::config::{
    gate::{DecisionLog, Gate, Rate, Rates},
    mistake::{KeyPath, Wrong},
    raw,
    text::SecretText,
};

/// Characters of a cursors' key: as many as 16 bytes have in hex.
const CURSOR_KEY_CHARS_MIN: usize = 32;

/// The agents' side.
pub(in crate::config) fn gate(check: &mut Check<'_>, raw: &raw::Gate) -> Gate {
    let key = raw.cursor_key.as_ref();
    if key.is_some_and(|key| key.text().chars().count() < CURSOR_KEY_CHARS_MIN) {
        let expected = "32 characters or more, such as the output of `openssl rand -hex 32`".to_owned();
        check.wrong(&KeyPath::default().key("gate").key("cursor_key"), Wrong::Expected { expected });
    }
    let log = raw.decision_log.as_ref().map(|log| DecisionLog {
        file: log.file.as_ref().map(|file| check.resolved(&file.0)),
        file_bytes_max: log.file_bytes_max.0,
        waiting_max: log.waiting_max,
        audit_wait_max: log.audit_wait_max.0,
    });
    Gate { decision_log: log, ..settings(raw) }
}

/// Notes routes whose requests must be on record, where there is none.
pub(in crate::config) fn check_audit(check: &mut Check<'_>, routes: &raw::Routes, gate: &raw::Gate) {
    if gate.decision_log.is_some() {
        return;
    }
    for (index, route) in routes.route.iter().enumerate() {
        if route.audit == Some(raw::Audit::Must) {
            check.wrong(&KeyPath::default().key("route").index(index).key("audit"), Wrong::NoDecisionLog);
        }
    }
}

impl Default for Gate {
    fn default() -> Self {
        settings(&raw::Gate::default())
    }
}

/// All but the decision log.
fn settings(raw: &raw::Gate) -> Gate {
    Gate {
        target_bytes_max: raw.target_bytes_max.in_memory(),
        query_parameters_max: raw.query_parameters_max,
        prefetch_age_max: raw.prefetch_age_max.0,
        prefetched_max: raw.prefetched_max,
        page_places_max: raw.page_places_max,
        cursor_key: raw.cursor_key.as_ref().map(|SecretText(key)| key.clone()),
        decisions_kept_max: raw.decisions_kept_max,
        cors_origins: raw.cors_origins.iter().map(|origin| origin.0.clone()).collect(),
        rates: Rates {
            actor: rate(&raw.rate.actor),
            tenant: rate(&raw.rate.tenant),
            address: rate(&raw.rate.address),
            keys_max: raw.rate.keys_max,
        },
        decision_log: None,
    }
}

/// The schema has refused zero.
fn rate(raw: &raw::Rate) -> Rate {
    let at_least_one = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
    Rate { per_second: at_least_one(raw.per_second), burst: at_least_one(raw.burst) }
}
