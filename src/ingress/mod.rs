//! Ingress: a provider's webhook in, its events kept, a 2xx out.
//!
//! The path of a webhook reads from top to bottom in [`Ingress::post`]: find the endpoint, read the
//! body, verify, split, keep, answer. Nothing else happens on it: no assignment, no backend, no lock
//! that another webhook could hold.
//!
//! **Invariant:** the answer is 2xx only if [`Spool::accept`] said that every event of the webhook is on
//! stable storage, or was before, or the webhook holds nothing to keep.

mod answer;
mod certificates;
pub mod fuzzing;
mod keep;
mod metrics;
mod service;

use std::{collections::BTreeMap, sync::Arc};

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{HeaderMap, Method, header};
use tracing::{debug, warn};

pub use self::{
    answer::Refused,
    certificates::{Certificates, Fetch, FetchError},
    metrics::Metrics,
    service::Hooks,
};
use crate::{
    causes::Causes,
    channel::{Answer, Evidence, Need, Request},
    clock::SharedClock,
    config::{Config, Endpoint},
    ids::EndpointId,
    spool::Spool,
};

/// The first part of a webhook's path; the endpoint's name follows.
const PREFIX: &str = "/hooks/";

/// What a path names.
fn endpoint<'e, E>(endpoints: &'e BTreeMap<EndpointId, E>, path: &str) -> Option<&'e E> {
    endpoints.get(path.strip_prefix(PREFIX)?)
}

/// The query of a request's target.
fn query(target: &str) -> Option<&str> {
    target.split_once('?').map(|(_path, query)| query)
}

/// The webhook service. Cheap to share; knows nothing of connections.
#[derive(Debug)]
pub struct Ingress {
    config: Arc<ArcSwap<Config>>,
    spool: Arc<dyn Spool>,
    certificates: Certificates,
    clock: SharedClock,
    metrics: Metrics,
}

impl Ingress {
    /// `config` is read anew for each request; `fetch` gets what SNS makes us fetch.
    #[must_use]
    pub fn new(
        config: Arc<ArcSwap<Config>>,
        spool: Arc<dyn Spool>,
        fetch: Arc<dyn Fetch>,
        clock: SharedClock,
        metrics: Metrics,
    ) -> Self {
        let certificates = Certificates::new(fetch, clock.clone(), metrics.fetches_refused());
        Self { config, spool, certificates, clock, metrics }
    }

    /// The endpoint that a path names, as of now. A name is taken as it stands: nothing is decoded,
    /// and a longer path is another one.
    ///
    /// # Errors
    /// [`Refused::UnknownEndpoint`].
    pub fn endpoint(&self, path: &str) -> Result<Arc<Endpoint>, Refused> {
        let config = self.config.load();
        endpoint(&config.endpoints, path).cloned().ok_or(Refused::UnknownEndpoint)
    }

    /// Whether a request's head can lead to anything, before its body is read.
    ///
    /// # Errors
    /// [`Refused::Method`], [`Refused::MediaType`] or [`Refused::NotVerified`].
    pub fn check_head(
        &self,
        endpoint: &Endpoint,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<(), Refused> {
        if method == Method::GET {
            return Ok(());
        }
        if method != Method::POST {
            return Err(Refused::Method);
        }
        // No provider compresses, and a decoded body is not what was signed.
        let identity = |value: &header::HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
        if !headers.get_all(header::CONTENT_ENCODING).iter().all(identity) {
            return Err(Refused::MediaType);
        }
        Ok(endpoint.provider.check_head(headers)?)
    }

    /// Answers a `GET`: a provider's handshake.
    pub fn get(&self, endpoint: &Endpoint, query: Option<&str>, headers: &HeaderMap) -> Answer {
        let request = Request { query, headers, body: &[], now: self.clock.now() };
        let answer = endpoint.provider.handshake(&request);
        self.metrics.handshake(endpoint, answer.status);
        answer
    }

    /// Takes a `POST`ed webhook: verifies, splits, keeps.
    ///
    /// # Errors
    /// [`Refused`] says what the sender is answered; nothing of the webhook is kept, but for a verified
    /// body that cannot be read, which is in quarantine.
    pub async fn post(
        &self,
        endpoint: &Endpoint,
        target: &str,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<(), Refused> {
        let result = self.take(endpoint, target, headers, body).await;
        self.metrics.webhook(endpoint, &result);
        // At `debug`: a stranger must not be able to fill the log. The metric tells the operator.
        match &result {
            Ok(()) => debug!(endpoint.id = %endpoint.id, "webhook taken"),
            Err(refused) => {
                debug!(endpoint.id = %endpoint.id, webhook.outcome = refused.label(), "webhook refused");
            }
        }
        result
    }

    async fn take(
        &self,
        endpoint: &Endpoint,
        target: &str,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<(), Refused> {
        let request = Request { query: query(target), headers, body: &body, now: self.clock.now() };

        let verified = match endpoint.provider.need(&request)? {
            Need::Nothing => endpoint.provider.verify(request, Evidence::Nothing)?,
            Need::Certificate(url) => {
                let pem = self.certificates.get(&url).await.map_err(|error| {
                    // At `debug`: nothing is verified yet, and a stranger must not be able to fill the log.
                    debug!(
                        endpoint.id = %endpoint.id,
                        error = %Causes(&error),
                        "could not get a signing certificate",
                    );
                    Refused::CannotFetch
                })?;
                endpoint.provider.verify(request, Evidence::Certificate(&pem))?
            }
        };
        self.metrics.secret_matched(endpoint, verified.secret());

        let split = match endpoint.provider.split(&verified) {
            Ok(split) => split,
            Err(malformed) => {
                warn!(
                    endpoint.id = %endpoint.id,
                    webhook.expected = malformed.expected,
                    "verified body cannot be read",
                );
                self.metrics.reached(malformed.limit);
                let webhook = keep::unreadable(endpoint, target, headers, body.clone(), request.now);
                let accepted = self.spool.accept(webhook).await?;
                self.metrics.accepted(endpoint, accepted);
                return Err(Refused::Malformed {
                    status: endpoint.provider.malformed_status(),
                    expected: malformed.expected,
                });
            }
        };
        self.metrics.items(endpoint, &split);

        // Before the answer: if the process dies here, the provider asks again.
        if let Some(url) = &split.confirm {
            self.certificates.visit(url).await.map_err(|error| {
                warn!(endpoint.id = %endpoint.id, error = %Causes(&error), "could not confirm a subscription");
                Refused::CannotFetch
            })?;
        }

        let webhook = keep::webhook(endpoint, split, target, headers, body.clone(), request.now);
        if webhook.events.is_empty() {
            return Ok(());
        }
        let accepted = self.spool.accept(webhook).await?;
        self.metrics.accepted(endpoint, accepted);
        Ok(())
    }
}
