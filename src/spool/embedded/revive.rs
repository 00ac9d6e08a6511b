//! Putting dead letters back.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::{
    accept::{rungs_of, supersede, under_way},
    core::Core,
    marks::Commit,
    record::{Kept, Record, size_hint},
    state::What,
};
use crate::{
    ids::AccountId,
    spool::{DeathReason, Sequence, SpoolError, Webhook},
};

/// How far a letter got.
enum Begun {
    /// There is none any more.
    Gone,
    /// Whether its receipts come late depends on a commit that must end first.
    Pending(Commit, Box<Webhook>),
    /// It is on its way to the disk.
    Written(oneshot::Receiver<Result<bool, SpoolError>>),
}

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
        loop {
            match self.begin_to_revive(letter, webhook)? {
                Begun::Gone => return Ok(false),
                Begun::Written(outcome) => return outcome.await.unwrap_or(Err(SpoolError::Closed)),
                Begun::Pending(commit, same) => {
                    self.applied(commit).await;
                    webhook = *same;
                }
            }
        }
    }

    fn begin_to_revive(&self, letter: Sequence, mut webhook: Webhook) -> Result<Begun, SpoolError> {
        let mut state = self.state();
        state.check_open()?;
        // What came while it was dead is delivered before it.
        if let Some(commit) = under_way(&state.marks, rungs_of(&webhook)) {
            return Ok(Begun::Pending(commit, Box::new(webhook)));
        }
        if !self.dead.begin_revival(letter) {
            return Ok(Begun::Gone);
        }
        supersede(&state.marks, &mut webhook);
        let first = state.next;
        state.next = Sequence(first.0 + webhook.events.len() as u64);
        let kept = Kept { first, at: self.age.now(), webhook: Arc::new(webhook) };
        let record = Record::Revived { kept: Kept { first, at: kept.at, webhook: &*kept.webhook }, letter };
        let bytes = record.encode(size_hint(&kept.webhook));
        let (reply, outcome) = oneshot::channel();
        state.write(&self.journal, bytes, self.monotonic(), What::Revived { kept, letter, reply });
        Ok(Begun::Written(outcome))
    }
}
