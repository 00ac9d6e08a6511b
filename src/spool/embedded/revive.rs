//! Putting dead letters back.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::{
    core::Core,
    record::{Kept, Record, size_hint},
    state::What,
};
use crate::{
    ids::AccountId,
    spool::{DeathReason, Sequence, SpoolError},
};

impl Core {
    /// Puts a letter back into its lanes, behind what waits there. `false` if there is none, or if it would
    /// go into quarantine again because its events still have no account, or if there is nothing in it that
    /// could be delivered.
    pub(super) async fn revive(
        self: Arc<Self>,
        letter: Sequence,
        account: Option<AccountId>,
    ) -> Result<bool, SpoolError> {
        let core = Arc::clone(&self);
        let burial = tokio::task::spawn_blocking(move || core.dead.read(letter)).await;
        let Some(burial) = burial.ok().flatten() else { return Ok(false) };
        if burial.reason == DeathReason::Unreadable {
            return Ok(false);
        }
        let mut webhook = Arc::unwrap_or_clone(burial.webhook);
        webhook.malformed = false;
        // Its age counts from now: it must not die of the age that it reached as a dead letter.
        webhook.received = self.age.now();
        for event in &mut webhook.events {
            event.account = event.account.take().or_else(|| account.clone());
        }
        if webhook.events.iter().any(|event| event.account.is_none()) {
            return Ok(false);
        }
        let (reply, outcome) = oneshot::channel();
        {
            let mut state = self.state();
            state.check_open()?;
            if !self.dead.begin_revival(letter) {
                return Ok(false);
            }
            let first = state.next;
            state.next = Sequence(first.0 + webhook.events.len() as u64);
            let kept = Kept { first, at: self.age.now(), webhook: Arc::new(webhook) };
            let record =
                Record::Revived { kept: Kept { first, at: kept.at, webhook: &*kept.webhook }, letter };
            let bytes = record.encode(size_hint(&kept.webhook));
            state.write(&self.journal, bytes, self.monotonic(), What::Revived { kept, letter, reply });
        }
        outcome.await.unwrap_or(Err(SpoolError::Closed))
    }
}
