//! What a running process cannot take over from a new configuration.

use std::fmt;

use super::Config;
use crate::server::Listener;

/// A part of the configuration that changed and is only taken over by a restart. Until then the process
/// goes on with the old one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NeedsRestart {
    /// A listener was added or removed.
    Listener(&'static str),
    /// `address` of a listener.
    Address(&'static str),
    /// `tls` of a listener was added or removed; another `tls` is taken over.
    Tls(&'static str),
    /// The last of the `tokens` of the operators' listener was taken away.
    Tokens,
    /// `limits` of a listener.
    Limits(&'static str),
    /// `path` of `[store]`.
    StorePath,
    /// Another key of `[store]`.
    Store,
    /// `[gate.decision_log]` or `decisions_kept_max` of `[gate]`.
    DecisionLog,
    /// `format` of `[telemetry]`.
    LogFormat,
}

impl fmt::Display for NeedsRestart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listener(name) => write!(f, "[listener.{name}]"),
            Self::Address(name) => write!(f, "listener.{name}.address"),
            Self::Tls(name) => write!(f, "[listener.{name}.tls]"),
            Self::Tokens => f.write_str("listener.ops.tokens"),
            Self::Limits(name) => write!(f, "[listener.{name}.limits]"),
            Self::StorePath => f.write_str("store.path"),
            Self::Store => f.write_str("[store]"),
            Self::DecisionLog => f.write_str("[gate.decision_log]"),
            Self::LogFormat => f.write_str("telemetry.format"),
        }
    }
}

/// What of `new` a process that was started with `old` cannot take over.
#[must_use]
pub fn restart_needed(old: &Config, new: &Config) -> Vec<NeedsRestart> {
    let mut needed = Vec::new();
    listener("hooks", old.listeners.hooks.as_ref(), new.listeners.hooks.as_ref(), &mut needed);
    listener("agents", old.listeners.agents.as_ref(), new.listeners.agents.as_ref(), &mut needed);
    let ops = |config: &'_ Config| config.listeners.ops.as_ref().map(|ops| ops.listener.clone());
    listener("ops", ops(old).as_ref(), ops(new).as_ref(), &mut needed);
    let tokens = |config: &'_ Config| config.listeners.ops.as_ref().is_some_and(|ops| !ops.tokens.is_empty());
    if tokens(old) && new.listeners.ops.is_some() && !tokens(new) {
        needed.push(NeedsRestart::Tokens);
    }
    if old.store.path != new.store.path {
        needed.push(NeedsRestart::StorePath);
    } else if old.store != new.store {
        needed.push(NeedsRestart::Store);
    }
    let log = |config: &'_ Config| (config.gate.decision_log.clone(), config.gate.decisions_kept_max);
    if log(old) != log(new) {
        needed.push(NeedsRestart::DecisionLog);
    }
    if old.telemetry.json != new.telemetry.json {
        needed.push(NeedsRestart::LogFormat);
    }
    needed
}

fn listener(
    name: &'static str,
    old: Option<&Listener>,
    new: Option<&Listener>,
    needed: &mut Vec<NeedsRestart>,
) {
    match (old, new) {
        (None, None) => {}
        (Some(_), None) | (None, Some(_)) => needed.push(NeedsRestart::Listener(name)),
        (Some(old), Some(new)) => {
            if old.address != new.address {
                needed.push(NeedsRestart::Address(name));
            }
            if old.tls.is_some() != new.tls.is_some() {
                needed.push(NeedsRestart::Tls(name));
            }
            if old.limits != new.limits {
                needed.push(NeedsRestart::Limits(name));
            }
        }
    }
}
