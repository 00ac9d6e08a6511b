//! Probing an endpoint: whether it says itself that it works.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Request, Uri, header::USER_AGENT, uri::PathAndQuery};
use tracing::{info, warn};

use super::{Bounds, Client, endpoint::Endpoint, pool};
use crate::ids::BackendId;

/// Bytes of the answer to a probe.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// `[backend.NAME.health]`: how the endpoints of a backend are probed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// What is asked for by GET, at the origin of each endpoint. A 2xx says that it works.
    pub path: PathAndQuery,
    /// From one probe to the next.
    pub interval: Duration,
    /// Time for one probe.
    pub timeout: Duration,
    /// Good probes in a row that take an endpoint back.
    pub healthy_after: u32,
    /// Bad probes in a row that put it behind the others.
    pub unhealthy_after: u32,
}

/// Probes an endpoint for ever. An endpoint works until its probes say otherwise.
pub(super) async fn watch(client: Client, backend: BackendId, endpoint: Arc<Endpoint>, health: Health) {
    let mut opinion = Opinion { healthy: true, against: 0 };
    loop {
        let good = probe(&client, &endpoint.url, &health).await;
        if opinion.changes(good, &health) {
            endpoint.probed(opinion.healthy);
            let endpoint = endpoint.url.authority().map(tracing::field::display);
            if opinion.healthy {
                info!(backend.id = %backend, backend.endpoint = endpoint, "an endpoint works again, by its probes");
            } else {
                warn!(backend.id = %backend, backend.endpoint = endpoint, "an endpoint does not work, by its probes");
            }
        }
        // With jitter, so that many gateways do not probe an endpoint at the same moment.
        tokio::time::sleep(health.interval.mul_f64(fastrand::f64().mul_add(0.2, 0.9))).await;
    }
}

async fn probe(client: &Client, endpoint: &Uri, health: &Health) -> bool {
    let Ok(url) = pool::at(endpoint, Some(&health.path)) else { return false };
    let mut request = Request::new(Bytes::new());
    *request.uri_mut() = url;
    request.headers_mut().insert(USER_AGENT, HeaderValue::from_static(super::USER_AGENT));
    let bounds = Bounds { timeout: health.timeout, answer_bytes_max: ANSWER_BYTES_MAX };
    client.call(request, bounds).await.is_ok_and(|answer| answer.status().is_success())
}

/// What the probes so far say.
#[derive(Debug)]
struct Opinion {
    healthy: bool,
    /// Probes in a row that say otherwise.
    against: u32,
}

impl Opinion {
    /// Takes a probe into account; whether that changes the opinion.
    fn changes(&mut self, good: bool, health: &Health) -> bool {
        if good == self.healthy {
            self.against = 0;
            return false;
        }
        self.against = self.against.saturating_add(1);
        let enough = if good { health.healthy_after } else { health.unhealthy_after };
        if self.against < enough {
            return false;
        }
        *self = Self { healthy: good, against: 0 };
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_opinion_changes_after_so_many_probes_in_a_row() {
        let health = Health {
            path: PathAndQuery::from_static("/health"),
            interval: Duration::from_secs(5),
            timeout: Duration::from_secs(2),
            healthy_after: 2,
            unhealthy_after: 3,
        };
        let mut opinion = Opinion { healthy: true, against: 0 };
        let after = "++--+---+-++".chars().map(|probe| {
            opinion.changes(probe == '+', &health);
            if opinion.healthy { '+' } else { '-' }
        });
        assert_eq!(after.collect::<String>(), "+++++++----+");
    }
}
