//! A reload: the whole new configuration, or no change.

use std::sync::Arc;

use tracing::{error, info, warn};

use super::{
    Gateway, GatewayError,
    front::{OPS, listener},
    people::NewPeople,
};
use crate::{
    backend::{Client, Pools},
    causes::Causes,
    config::{Config, Loaded, Mistakes, restart_needed},
    delivery::Routes,
    gate::Snapshot,
    ops::{ConfigStatus, Reload},
    secret::Secret,
    server::{Acceptor, Listener},
};

impl Gateway {
    /// Replaces the configuration, or changes nothing. What needs a restart is named in the log and goes
    /// on as it was.
    ///
    /// # Errors
    /// [`GatewayError`]: what of the new configuration cannot be used.
    pub fn reload(&self, loaded: Loaded) -> Result<ConfigStatus, GatewayError> {
        let prepared = self.prepare(&loaded.config).inspect_err(|error| {
            self.status.send_modify(|status| status.mistakes = vec![error.to_string()]);
            error!(error = %Causes(error), "the configuration was not changed");
        })?;
        for needed in restart_needed(&self.started, &loaded.config) {
            warn!(config.needs_restart = %needed, "changed in the configuration, but needs a restart");
        }
        for (acceptor, tls) in prepared.certificates {
            acceptor.replace(&tls);
        }
        if let Some(tokens) = prepared.tokens {
            self.tokens.store(Arc::new(tokens));
        }
        self.outgoing.0.store(Arc::new(prepared.client));
        if let (Some(gate), Some(snapshot)) = (&self.gate, prepared.snapshot) {
            gate.replace(snapshot);
        }
        self.routes.store(Arc::new(prepared.routes));
        self.people.replace(prepared.people);
        self.current.store(loaded.config);
        let mut now = ConfigStatus { version: 1, hash: loaded.version, loaded: self.clock.now() };
        self.status.send_modify(|status| {
            now.version = status.config.as_ref().map_or(1, |config| config.version + 1);
            status.config = Some(now.clone());
            status.mistakes.clear();
        });
        info!(config.version = now.version, config.hash = now.hash, "the configuration was changed");
        Ok(now)
    }

    /// Everything of a new configuration that can fail.
    fn prepare(&self, config: &Config) -> Result<Prepared, GatewayError> {
        let mut certificates = Vec::new();
        for front in &self.fronts {
            let listener = listener(config, front.name).filter(|new| self.stays(front.name, new));
            if let (Some(acceptor), Some(tls)) = (&front.tls, listener.and_then(|l| l.tls.as_ref())) {
                let name = front.name;
                let new = Acceptor::new(tls)
                    .map_err(|source| GatewayError::Tls { name, source: Box::new(source) })?;
                certificates.push((Arc::clone(acceptor), new));
            }
        }
        let people = self.people.prepare(config)?;
        let pools = Pools::new(&config.backends, &config.egress, &self.clock, &self.backend_metrics)?;
        let snapshot = self.gate.as_ref().map(|_| self.people.snapshot(config, &pools, Some(&people)));
        Ok(Prepared {
            people,
            snapshot,
            routes: Routes::new(config, &pools),
            client: Client::new(&config.egress, None)?,
            certificates,
            tokens: config
                .listeners
                .ops
                .as_ref()
                .filter(|ops| self.stays(OPS, &ops.listener))
                .map(|ops| ops.tokens.clone()),
        })
    }

    /// Whether the listener `name` may take `new` over as it runs. Whom a listener lets in was checked
    /// for its address and TLS; while those wait for a restart, all else of it waits with them, or the
    /// old address would be open to whom only the new one may let in.
    fn stays(&self, name: &str, new: &Listener) -> bool {
        listener(&self.started, name)
            .is_some_and(|old| old.address == new.address && old.tls.is_some() == new.tls.is_some())
    }

    /// Notes that a new configuration was refused; the one in use stays.
    pub fn refuse(&self, mistakes: &Mistakes) -> Vec<String> {
        let mistakes: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        // Before the log: who reads it there and asks for more finds it.
        self.status.send_modify(|status| status.mistakes.clone_from(&mistakes));
        for mistake in &mistakes {
            error!(config.mistake = mistake, "the configuration was not changed");
        }
        mistakes
    }

    /// Waits until somebody asks through the ops API for a reload.
    pub async fn asked_to_reload(&self) -> Reload {
        match self.reloads.lock().await.recv().await {
            Some(reload) => reload,
            // Without an ops listener nobody can ask.
            None => std::future::pending().await,
        }
    }
}

/// What a reload swaps, built and checked.
struct Prepared {
    routes: Routes,
    people: NewPeople,
    client: Client,
    snapshot: Option<Snapshot>,
    certificates: Vec<(Arc<Acceptor>, Arc<Acceptor>)>,
    tokens: Option<Vec<Secret>>,
}
