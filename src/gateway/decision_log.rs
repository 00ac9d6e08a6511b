//! The task that writes the decision log.

use std::sync::Arc;

use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tracing::error;

use crate::{
    config::Config,
    gate::{
        self,
        decisions::{Counts, Decisions},
    },
    metrics::Limits,
};

/// The writer of the decision log, if it is written.
#[derive(Debug)]
pub(super) struct DecisionLog {
    stop: CancellationToken,
    task: Option<AbortOnDropHandle<()>>,
}

impl DecisionLog {
    pub(super) fn open(config: &Config, metrics: &gate::Metrics, limits: &Limits) -> (Arc<Decisions>, Self) {
        let settings = &config.gate;
        let counts = Counts { lost: metrics.lost(), full: limits.of("file_bytes_max") };
        let (decisions, writer) =
            Decisions::new(settings.decisions_kept_max, settings.decision_log.as_ref(), counts);
        let stop = CancellationToken::new();
        let task = writer.map(|writer| AbortOnDropHandle::new(tokio::spawn(writer.run(stop.clone()))));
        (decisions, Self { stop, task })
    }

    /// Waits until all that was decided is written.
    pub(super) async fn close(self) {
        self.stop.cancel();
        if let Some(task) = self.task
            && let Err(error) = task.await
        {
            error!(error = %error, "the decision log ended early");
        }
    }
}
