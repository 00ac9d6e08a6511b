//! Delivery: units from the spool to their backends, tagged, signed, in order, until somebody has them.
//!
//! The spool hands a unit out only when it is the oldest of its lanes, and nothing else of these lanes
//! until it is settled: that is the order of a conversation, and why a failing conversation waits alone.
//! Here a unit finds its backend ([`Routes`]), waits in the backend's queue (`outlet`), gets its
//! conversation's tag (`tagging`), is rendered (`cloud_event`, `headers`), posted, judged (`verdict`)
//! and settled (`attempt`).
//!
//! **Invariants:** a tag is durable before the delivery that shows it. A unit is settled as delivered
//! only after a 2xx whose whole answer arrived, and after what the answer asks for is kept.
//!
//! `docs/delivery.md` is the contract for those who write backends.

pub mod answer;
mod attempt;
mod breaker;
mod cloud_event;
pub mod fuzzing;
mod headers;
mod metrics;
mod outlet;
mod routes;
mod sign;
mod tagging;
mod verdict;

use std::{collections::HashMap, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use prometheus_client::registry::Registry;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::error;

pub use self::routes::Routes;
use self::{
    metrics::{Metrics, Reached},
    outlet::Outlet,
    tagging::Tagging,
};
use crate::{
    causes::Causes,
    clock::SharedClock,
    ids::BackendId,
    metrics::Limits,
    spool::{Settlement, Spool, SpoolError, Unit},
    tag::TagStore,
};

/// Pause before a settlement is tried again that the spool had no room to note.
const SETTLE_AGAIN: Duration = Duration::from_secs(1);

/// Everything that hands units of one spool to backends. Several may run in one process.
#[derive(Debug)]
pub struct Delivery {
    context: Arc<Context>,
}

/// What outlets and attempts share.
#[derive(Debug)]
struct Context {
    spool: Arc<dyn Spool>,
    tagging: Tagging,
    routes: Arc<ArcSwap<Routes>>,
    clock: SharedClock,
    metrics: Metrics,
    reached: Reached,
    /// Cancelled: no attempt begins any more.
    halt: CancellationToken,
}

impl Delivery {
    /// `routes` is read for every unit, so that a reload takes effect with the next one.
    #[must_use]
    pub fn new(
        spool: Arc<dyn Spool>,
        tags: Arc<dyn TagStore>,
        routes: Arc<ArcSwap<Routes>>,
        clock: SharedClock,
        limits: &Limits,
        registry: &mut Registry,
    ) -> Self {
        let tagging = Tagging::new(tags);
        let metrics = Metrics::new(registry);
        let (reached, halt) = (Reached::new(limits), CancellationToken::new());
        let context = Context { spool, tagging, routes, clock, metrics, reached, halt };
        Self { context: Arc::new(context) }
    }

    /// Delivers until `drain` is cancelled, or the spool closes or fails: then takes no further unit,
    /// waits for the attempts under way and gives the others back to the spool.
    pub async fn run(self, drain: CancellationToken) {
        let context = &self.context;
        let tasks = TaskTracker::new();
        // One for each backend that was ever configured, and one for units that have lost theirs.
        let mut outlets: HashMap<Option<BackendId>, Outlet> = HashMap::new();
        loop {
            let unit = tokio::select! {
                biased;
                () = drain.cancelled() => break,
                () = context.halt.cancelled() => break,
                unit = context.spool.next() => unit,
            };
            let Some(unit) = unit else { break };
            let backend = context.routes.load().of(&unit).map(|route| route.upstream.backend.id.clone());
            let outlet =
                outlets.entry(backend.clone()).or_insert_with(|| Outlet::open(context, backend, &tasks));
            outlet.push(unit).await;
        }
        context.halt.cancel();
        drop(outlets);
        tasks.close();
        tasks.wait().await;
    }
}

impl Context {
    /// Settles a unit. A spool without room is asked again until it has some: nobody else settles the
    /// unit, and its lanes wait for it. A spool that failed or closes hands the unit out again after
    /// the next start.
    async fn settle(&self, unit: &Unit, settlement: Settlement) {
        loop {
            match self.spool.settle(unit, settlement.clone()).await {
                Ok(()) | Err(SpoolError::Closed) => return,
                Err(error @ SpoolError::Failed(_)) => {
                    // Before the attempt gives its place to the next: a crash repeats what was in flight
                    // when the disk failed, and nothing may be added to that.
                    self.halt.cancel();
                    error!(
                        spool.sequence = unit.sequence.0,
                        error = %Causes(&error),
                        "could not note what became of a delivery: it is repeated after a restart",
                    );
                    return;
                }
                Err(SpoolError::Full | SpoolError::Limit { .. }) => tokio::time::sleep(SETTLE_AGAIN).await,
            }
        }
    }
}
