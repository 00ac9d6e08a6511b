//! Taking webhooks: what of them is new, and the place it gets in the order.

use std::{sync::Arc, time::Duration};

use hashbrown::{HashMap, HashSet};
use tokio::sync::oneshot;

use super::{
    core::{Core, marks_of},
    marks::{Commit, Marks, Seen},
    record::{Kept, WEBHOOK_EVENTS_MAX, size_hint},
    state::{State, What, accepted_record},
};
use crate::{
    ids::EventId,
    spool::{Accepted, Sequence, SpoolError, Webhook},
};

/// A webhook that is not on the disk after this time is refused: no provider waits longer. Should it get
/// there later, its redelivery is recognised.
pub(super) const COMMIT_WAIT_MAX: Duration = Duration::from_secs(15);

/// How far a webhook got.
enum Begun {
    /// Nothing of it is new.
    Known(Accepted),
    /// Something of it is being accepted by a commit that must end first.
    Pending(Commit, Box<Webhook>),
    /// It is on its way to the disk.
    Written(oneshot::Receiver<Result<Accepted, SpoolError>>),
}

/// Which events of a webhook are new.
enum News {
    /// It cannot be said before this commit has ended.
    Pending(Commit),
    /// `true` for each that is.
    Events(Vec<bool>),
}

impl Core {
    /// Keeps the new events of a webhook, or says that it cannot: whatever the disk does, within
    /// [`COMMIT_WAIT_MAX`].
    pub(super) async fn accept(&self, webhook: Webhook) -> Result<Accepted, SpoolError> {
        tokio::time::timeout(COMMIT_WAIT_MAX, self.keep(webhook)).await.unwrap_or_else(|_elapsed| {
            self.metrics.commit_wait_max.inc();
            Err(SpoolError::Limit { what: "commit_wait_max" })
        })
    }

    async fn keep(&self, mut webhook: Webhook) -> Result<Accepted, SpoolError> {
        loop {
            match self.begin(webhook)? {
                Begun::Known(accepted) => return Ok(accepted),
                Begun::Written(outcome) => return outcome.await.unwrap_or(Err(SpoolError::Closed)),
                Begun::Pending(commit, same) => {
                    self.applied(commit).await;
                    webhook = *same;
                }
            }
        }
    }

    fn begin(&self, mut webhook: Webhook) -> Result<Begun, SpoolError> {
        let at = self.age.now();
        let mut state = self.state();
        state.check_open()?;
        let new = match news(&state.marks, &webhook) {
            News::Pending(commit) => return Ok(Begun::Pending(commit, Box::new(webhook))),
            News::Events(new) => new,
        };
        let events = webhook.events.len();
        let mut new = new.into_iter();
        webhook.events.retain(|_| new.next().unwrap_or(false));
        let kept = webhook.events.len();
        let quarantined = webhook.events.iter().filter(|event| webhook.malformed || event.account.is_none());
        let accepted = Accepted { kept, duplicates: events - kept, quarantined: quarantined.count() };
        if kept == 0 {
            return Ok(Begun::Known(accepted));
        }
        self.check_limits(&mut state, &webhook)?;
        supersede(&state.marks, &mut webhook);

        let first = state.next;
        state.next = Sequence(first.0 + kept as u64);
        state.events_under_way += kept as u64;
        let commit = state.next_commit();
        for (mark, _) in marks_of(&webhook) {
            state.marks.begin(mark, commit);
        }
        let kept = Kept { first, at, webhook: Arc::new(webhook) };
        let record = accepted_record(&kept);
        let (reply, outcome) = oneshot::channel();
        state.write(&self.journal, record, self.monotonic(), What::Accepted { kept, accepted, reply });
        Ok(Begun::Written(outcome))
    }

    fn check_limits(&self, state: &mut State, webhook: &Webhook) -> Result<(), SpoolError> {
        let events = webhook.events.len() as u64;
        if webhook.events.len() > WEBHOOK_EVENTS_MAX {
            self.metrics.webhook_events_max.inc();
            return Err(SpoolError::Limit { what: "webhook_events_max" });
        }
        if state.backlog.events() + state.events_under_way + events > self.store.backlog_events_max {
            self.metrics.backlog_events_max.inc();
            return Err(SpoolError::Limit { what: "backlog_events_max" });
        }
        if !state.room.take(size_hint(webhook) as u64, self.monotonic()) {
            self.metrics.disk_free_min.inc();
            return Err(SpoolError::Full);
        }
        Ok(())
    }
}

/// Which events are new. An event is a duplicate if any of its marks was seen, before or earlier in this
/// webhook. Nothing is decided on a mark whose commit may still fail.
fn news(marks: &Marks, webhook: &Webhook) -> News {
    let set = marks_of(webhook).map(|(mark, _)| mark);
    if let Some(commit) = under_way(marks, set.chain(rungs_of(webhook))) {
        return News::Pending(commit);
    }
    if webhook.nonce.is_some_and(|nonce| marks.seen(nonce) == Seen::Before) {
        return News::Events(vec![false; webhook.events.len()]);
    }
    let mut here = HashSet::new();
    let new = webhook.events.iter().map(|event| {
        let ids = || event.also.iter().chain([&event.id]);
        let new = ids().all(|id| marks.seen(*id) == Seen::Never && !here.contains(id));
        if new && webhook.events.len() > 1 {
            here.extend(ids().copied());
        }
        new
    });
    News::Events(new.collect())
}

/// The commit that one of these is waiting for.
pub(super) fn under_way(marks: &Marks, mut wanted: impl Iterator<Item = EventId>) -> Option<Commit> {
    wanted.find_map(|mark| match marks.seen(mark) {
        Seen::Pending(commit) => Some(commit),
        Seen::Never | Seen::Before => None,
    })
}

/// The marks that say whether a webhook's receipts came late.
pub(super) fn rungs_of(webhook: &Webhook) -> impl Iterator<Item = EventId> + '_ {
    let reached = webhook.events.iter().filter_map(|event| event.reached.as_ref());
    reached.flat_map(|reached| reached.rungs.iter().map(|(_state, mark)| *mark))
}

/// Tells each receipt of a further one that came before it, in an earlier webhook or in this one.
pub(super) fn supersede(marks: &Marks, webhook: &mut Webhook) {
    let mut here: HashMap<EventId, u64> = HashMap::new();
    for event in &mut webhook.events {
        let Some(reached) = &event.reached else { continue };
        let known = |mark: EventId| marks.reached(mark).max(here.get(&mark).copied());
        // A letter that is put back keeps what it was told before, should that be forgotten since.
        event.superseded = reached.further(known).or(event.superseded);
        if let Some(own) = reached.own() {
            let furthest = here.entry(own).or_default();
            *furthest = reached.up_to.max(*furthest);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::{
        channel::event::State as Reach,
        ids::Timestamp,
        spool::{
            Reached,
            embedded::samples::{event, webhook_of},
        },
    };

    const LADDER: [Reach; 4] = [Reach::Sent, Reach::Delivered, Reach::Read, Reach::Played];

    proptest! {
        /// However receipts are spread over webhooks, none tells less than one before it.
        #[test]
        fn no_receipt_tells_less_than_one_before_it(
            receipts in proptest::collection::vec((0..4_usize, 0..5_u64, any::<bool>()), 1..20),
        ) {
            let mut marks = Marks::new(Duration::from_secs(100), 1_000);
            let mut waiting = Vec::new();
            let mut before: Vec<(Reach, u64)> = Vec::new();
            for (number, (rung, up_to, ends)) in receipts.iter().enumerate() {
                let rungs = LADDER[*rung..].iter().map(|state| (*state, EventId(*state as u128))).collect();
                let mut receipt = event(&number.to_string(), "ann");
                receipt.reached = Some(Reached { rungs, up_to: *up_to });
                waiting.push(receipt);
                if !ends && number + 1 < receipts.len() {
                    continue;
                }
                let mut webhook = webhook_of(std::mem::take(&mut waiting));
                supersede(&marks, &mut webhook);
                for (mark, up_to) in marks_of(&webhook) {
                    marks.set(mark, up_to, Timestamp(0));
                }
                for event in &webhook.events {
                    let reached = event.reached.as_ref().unwrap();
                    let own = (reached.rungs[0].0, reached.up_to);
                    let told = event.superseded.map_or(own, |further| (further.state, further.up_to));
                    let says_more = |less: (Reach, u64)| {
                        move |more: &&(Reach, u64)| **more != less && more.0 >= less.0 && more.1 >= less.1
                    };
                    prop_assert_eq!(before.iter().find(says_more(told)), None, "than {:?}", told);
                    prop_assert_eq!(told != own, before.iter().any(|more| says_more(own)(&more)));
                    before.push(own);
                }
            }
        }
    }
}
