//! One backend's side of delivery: a first-in-first-out queue of units handed out, a bound on attempts
//! under way, and the breaker.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use super::{
    Context, attempt,
    breaker::{self, Admission, Breaker, State},
    metrics::BackendMetrics,
};
use crate::{
    clock::SharedClock,
    ids::BackendId,
    spool::{Sequence, Settlement, Unit},
};

/// Units that wait for one backend in memory. Enough for its busiest second; what is more stays in the
/// spool and comes back.
const WAITING_MAX: usize = 4096;

/// Bytes of the webhooks that wait for one backend or are on their way to it.
const WAITING_BYTES_MAX: usize = 64 << 20;

/// Attempts under way for units whose backend is no longer configured: all they do is die.
const ORPHANS_MAX: usize = 64;

/// A unit that finds the queue full comes back after this time at the earliest …
const POSTPONE_MIN: Duration = Duration::from_secs(1);

/// … and this much after the one before it: as many a second as the queue holds, so that a backlog of
/// a million lanes neither floods the queue nor leaves it dry.
const POSTPONE_STEP: Duration = Duration::from_nanos(1_000_000_000 / WAITING_MAX as u64);

/// The queue's entrance. Dropping it, or halting all delivery, ends the outlet; attempts under way finish.
#[derive(Debug)]
pub(super) struct Outlet {
    context: Arc<Context>,
    units: mpsc::Sender<Waiting>,
    bytes: Arc<Semaphore>,
    /// When the last postponed unit comes back.
    last_slot: Duration,
}

/// A unit in the queue, with its share of [`WAITING_BYTES_MAX`].
#[derive(Debug)]
struct Waiting {
    unit: Unit,
    bytes: OwnedSemaphorePermit,
}

impl Outlet {
    /// Opens the outlet of a backend; of none, for units that have lost theirs.
    pub(super) fn open(context: &Arc<Context>, backend: Option<BackendId>, tasks: &TaskTracker) -> Self {
        let (units, waiting) = mpsc::channel(WAITING_MAX);
        let gate = Gate::new(context, backend);
        tasks.spawn(dispatch(context.clone(), gate, waiting, tasks.clone()));
        let bytes = Arc::new(Semaphore::new(WAITING_BYTES_MAX));
        Self { context: context.clone(), units, bytes, last_slot: Duration::ZERO }
    }

    /// Puts a unit at the end of the queue, or back into the spool for a while if the queue is full.
    pub(super) async fn push(&mut self, unit: Unit) {
        let size = unit.webhook.body.len().clamp(1, WAITING_BYTES_MAX);
        let share =
            u32::try_from(size).ok().and_then(|size| self.bytes.clone().try_acquire_many_owned(size).ok());
        let refused = match share {
            None => unit,
            Some(share) => match self.units.try_send(Waiting { unit, bytes: share }) {
                Ok(()) => return,
                Err(full) => full.into_inner().unit,
            },
        };
        self.context.reached.waiting.inc();
        let now = self.context.clock.elapsed();
        self.last_slot = self.last_slot.max(now + POSTPONE_MIN) + POSTPONE_STEP;
        self.context.settle(&refused, Settlement::Postponed(self.last_slot.saturating_sub(now))).await;
    }
}

/// Takes units from the queue, each when the gate lets an attempt start.
async fn dispatch(
    context: Arc<Context>,
    gate: Arc<Gate>,
    mut waiting: mpsc::Receiver<Waiting>,
    tasks: TaskTracker,
) {
    loop {
        let next = tokio::select! {
            biased;
            () = context.halt.cancelled() => break,
            next = waiting.recv() => next,
        };
        let Some(Waiting { unit, bytes }) = next else { break };
        let pass = tokio::select! {
            biased;
            () = context.halt.cancelled() => {
                give_back(&context, &unit).await;
                break;
            }
            pass = gate.pass(&context) => pass,
        };
        let context = context.clone();
        tasks.spawn(async move {
            attempt::make(&context, unit, pass).await;
            drop(bytes);
        });
    }
    waiting.close();
    while let Some(Waiting { unit, .. }) = waiting.recv().await {
        give_back(&context, &unit).await;
    }
}

async fn give_back(context: &Context, unit: &Unit) {
    context.settle(unit, Settlement::Postponed(Duration::ZERO)).await;
}

/// Lets attempts start: at most `concurrency_max` at once, and as the breaker says.
#[derive(Debug)]
pub(super) struct Gate {
    backend: Option<BackendId>,
    clock: SharedClock,
    metrics: Option<BackendMetrics>,
    inside: Mutex<Inside>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Inside {
    in_flight: usize,
    breaker: Breaker,
}

/// One attempt under way. Dropping it lets the next one in.
#[derive(Debug)]
pub(super) struct Pass {
    gate: Arc<Gate>,
    probes: bool,
}

impl Gate {
    fn new(context: &Context, backend: Option<BackendId>) -> Arc<Self> {
        Arc::new(Self {
            metrics: backend.as_ref().map(|id| context.metrics.of(id)),
            backend,
            clock: context.clock.clone(),
            inside: Mutex::default(),
            changed: Notify::new(),
        })
    }

    async fn pass(self: &Arc<Self>, context: &Context) -> Pass {
        loop {
            let pause = {
                let mut inside = self.inside();
                if inside.in_flight < self.concurrency_max(context) {
                    match inside.breaker.admit(self.clock.elapsed()) {
                        Admission::Go => return self.enter(&mut inside, false),
                        Admission::Probe => return self.enter(&mut inside, true),
                        Admission::After(pause) => Some(pause),
                        Admission::WhenProbed => None,
                    }
                } else {
                    None
                }
            };
            // One task waits here, and a change before it does is remembered for it.
            let changed = self.changed.notified();
            match pause {
                None => changed.await,
                Some(pause) => {
                    tokio::select! {
                        () = changed => {}
                        () = tokio::time::sleep(pause) => {}
                    }
                }
            }
        }
    }

    fn enter(self: &Arc<Self>, inside: &mut Inside, probes: bool) -> Pass {
        inside.in_flight += 1;
        self.show(inside);
        Pass { gate: self.clone(), probes }
    }

    /// Read anew each time: a reload may change it.
    fn concurrency_max(&self, context: &Context) -> usize {
        match &self.backend {
            None => ORPHANS_MAX,
            Some(id) => {
                context.routes.load().backend(id).map_or(ORPHANS_MAX, |backend| backend.concurrency_max)
            }
        }
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn show(&self, inside: &Inside) {
        if let Some(metrics) = &self.metrics {
            metrics.in_flight.set(i64::try_from(inside.in_flight).unwrap_or(i64::MAX));
            metrics.breaker.set(match inside.breaker.state() {
                State::Closed => 0,
                State::Probing => 1,
                State::Open { .. } => 2,
            });
        }
    }
}

impl Pass {
    /// The backend whose gate it is.
    pub(super) fn backend(&self) -> Option<&BackendId> {
        self.gate.backend.as_ref()
    }

    pub(super) fn metrics(&self) -> Option<&BackendMetrics> {
        self.gate.metrics.as_ref()
    }

    /// The backend answered as one that works.
    pub(super) fn succeeded(&mut self) {
        self.probes = false;
        self.note(Breaker::succeeded);
    }

    /// The backend failed this unit.
    pub(super) fn failed(&mut self, unit: Sequence, limits: breaker::Limits) {
        self.probes = false;
        let now = self.gate.clock.elapsed();
        self.note(|breaker| breaker.failed(unit, limits, now));
    }

    fn note(&self, change: impl FnOnce(&mut Breaker)) {
        let (before, after) = {
            let mut inside = self.gate.inside();
            let before = inside.breaker.state();
            change(&mut inside.breaker);
            self.gate.show(&inside);
            (before, inside.breaker.state())
        };
        if before == after {
            return;
        }
        let backend = self.gate.backend.as_ref().map_or("", |id| id.as_str());
        match after {
            State::Open { .. } => {
                warn!(backend.id = backend, "breaker opened: deliveries to this backend wait")
            }
            State::Closed => info!(backend.id = backend, "breaker closed: deliveries to this backend go on"),
            State::Probing => {}
        }
        self.gate.changed.notify_one();
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let now = self.gate.clock.elapsed();
        let mut inside = self.gate.inside();
        inside.in_flight = inside.in_flight.saturating_sub(1);
        if self.probes {
            inside.breaker.probe_abandoned(now);
        }
        self.gate.show(&inside);
        drop(inside);
        self.gate.changed.notify_one();
    }
}
