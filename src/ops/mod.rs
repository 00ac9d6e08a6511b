//! The operators' side: health, metrics and the admin API, as a service for the `ops` listener.
//!
//! It shows and changes what other rooms hold, through their seams: [`Spool`], [`TagStore`], and the
//! gateway itself through [`Admin`]. It decides nothing. `/healthz` and `/readyz` are open to whoever reaches
//! the listener, `/metrics` also to whoever asks from the same machine; the rest needs a token where tokens are configured. Pages in a browser
//! are no clients: a change with an `Origin` is refused, and without a token only a `Host` that no other
//! site can claim is answered, `/healthz` and `/readyz` aside. Every change is told to the log target `audit` before it is made and again with what came of it.
//!
//! | request | answer |
//! | --- | --- |
//! | `GET /healthz` | 200 while the process lives |
//! | `GET /readyz` | 200, or 503 with the reasons |
//! | `GET /metrics` | OpenMetrics text |
//! | `GET /v1/conversations/{id}` | the conversation's tag, with its version as `ETag` |
//! | `PATCH /v1/conversations/{id}` | changes the tag if its version is still the one named; 409 if not |
//! | `GET /v1/spool` | what waits |
//! | `GET /v1/dead-letters?from=&limit=` | dead letters, oldest first |
//! | `POST /v1/dead-letters/revive` | puts those that a filter matches back, or counts them |
//! | `POST /v1/grants/invalidate` | what is cached of a user, role, team, tenant or all is asked for again |
//! | `GET /v1/decisions/{id}?tenant=` | what was decided on a request of the agents' listener, if it is still kept |
//! | `GET /v1/config` | which configuration is in use |
//! | `POST /v1/reload` | reads the configuration anew |

mod answer;
mod audit;
mod auth;
mod config;
mod conversations;
mod dead_letters;
mod decisions;
mod grants;
mod health;

use std::{convert::Infallible, pin::Pin, sync::Arc};

use arc_swap::ArcSwap;
use http::{Method, Request, StatusCode};
use hyper::service::Service;
use prometheus_client::registry::Registry;
use tokio::sync::{mpsc, watch};

use self::answer::{Answer, Refusal, only};
pub use self::{
    config::{ConfigStatus, Reload, Status},
    health::NotReady,
};
use crate::{
    directory::{Actors, World},
    gate::decisions::Decisions,
    secret::Secret,
    server::{LimitedBody, Problem},
    spool::Spool,
    tag::TagStore,
};

/// The largest body of an admin request, in bytes: enough for a filter of a few thousand sequences.
const BODY_BYTES_MAX: usize = 64 << 10;

/// What the service shows and changes.
#[derive(Clone, Debug)]
pub struct Ops {
    /// What waits for delivery.
    pub spool: Arc<dyn Spool>,
    /// Conversations.
    pub tags: Arc<dyn TagStore>,
    /// Users' grants.
    pub actors: Arc<Actors>,
    /// The configuration's tenants, which a reload replaces.
    pub world: Arc<ArcSwap<World>>,
    /// What was decided on agents' requests.
    pub decisions: Arc<Decisions>,
    /// The gateway.
    pub admin: Admin,
    /// The metrics of all rooms.
    pub registry: Arc<Registry>,
    /// Bearer tokens of the admin API, which a reload replaces; empty: whoever reaches the listener may
    /// use it.
    pub tokens: Arc<ArcSwap<Vec<Secret>>>,
}

/// How the service reaches the gateway, which holds the other ends.
#[derive(Clone, Debug)]
pub struct Admin {
    /// What the gateway is doing; it publishes every change.
    pub status: watch::Receiver<Status>,
    /// Asks it to read its configuration anew.
    pub reload: mpsc::Sender<Reload>,
}

/// [`Ops`] as a hyper service.
#[derive(Clone, Debug)]
pub struct OpsService(Arc<Ops>);

impl Ops {
    /// The service for [`crate::server::Bound::serve`].
    #[must_use]
    pub fn into_service(self) -> OpsService {
        OpsService(Arc::new(self))
    }

    async fn answer(&self, request: Request<LimitedBody>) -> Answer {
        let open = match request.uri().path() {
            "/healthz" => Some(health::live()),
            "/readyz" => Some(self.ready()),
            "/metrics" => match auth::of_metrics(&request, &self.tokens.load()) {
                Ok(()) => Some(self.metrics()),
                Err(refusal) => return refusal.into(),
            },
            _ => None,
        };
        let answered = match open {
            Some(answer) => only(&[Method::GET, Method::HEAD], request.method()).map(|()| answer),
            None => self.admin(request).await,
        };
        answered.unwrap_or_else(|refusal| refusal.into())
    }

    async fn admin(&self, request: Request<LimitedBody>) -> Result<Answer, Refusal> {
        let who = auth::authenticate(&request, &self.tokens.load())?;
        let method = request.method().clone();
        let path = request.uri().path().to_owned();
        let segments: Vec<_> = path.split('/').skip(1).collect();
        match segments.as_slice() {
            ["v1", "conversations", id] => {
                only(&[Method::GET, Method::PATCH], &method)?;
                match method {
                    Method::PATCH => self.change_conversation(id, request, &who).await,
                    _ => self.conversation(id),
                }
            }
            ["v1", "spool"] => {
                only(&[Method::GET], &method)?;
                Ok(self.depth())
            }
            ["v1", "dead-letters"] => {
                only(&[Method::GET], &method)?;
                self.dead_letters(request.uri().query().unwrap_or_default())
            }
            ["v1", "dead-letters", "revive"] => {
                only(&[Method::POST], &method)?;
                self.revive(request, &who).await
            }
            ["v1", "grants", "invalidate"] => {
                only(&[Method::POST], &method)?;
                self.invalidate_grants(request, &who).await
            }
            ["v1", "decisions", id] => {
                only(&[Method::GET], &method)?;
                self.decision(id, request.uri().query().unwrap_or_default())
            }
            ["v1", "config"] => {
                only(&[Method::GET], &method)?;
                Ok(self.config())
            }
            ["v1", "reload"] => {
                only(&[Method::POST], &method)?;
                self.reload(&who).await
            }
            _ => {
                Err(Problem::new(StatusCode::NOT_FOUND, "not-found", "there is nothing at this path").into())
            }
        }
    }
}

impl Service<Request<LimitedBody>> for OpsService {
    type Response = Answer;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, Infallible>> + Send>>;

    fn call(&self, request: Request<LimitedBody>) -> Self::Future {
        let ops = Arc::clone(&self.0);
        Box::pin(async move { Ok(ops.answer(request).await) })
    }
}
