//! The tag of an event's conversation: found or made, and assigned once.
//!
//! A conversation that has neither a responsible user nor a team gets its account's team, and by the
//! team's strategy a user. From then on it keeps both until the backend or an operator says otherwise;
//! where a strategy found nobody, it waits in the team's queue.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    assign::{self, Member, Queue, Strategy},
    config::{Account, Tenant},
    ids::{TeamId, TenantId, Timestamp, UserId},
    spool::Event,
    tag::{Found, NewTag, Tag, TagError, TagStore},
};

/// Tries of a compare-and-set before it is given up for this attempt. Somebody else wins each time
/// that one is lost, so even a few are seldom needed.
const TRIES_MAX: usize = 16;

/// Tags conversations, and takes turns between concurrent assignments.
#[derive(Debug)]
pub(super) struct Tagging {
    tags: Arc<dyn TagStore>,
    turns: Turns,
}

impl Tagging {
    pub(super) fn new(tags: Arc<dyn TagStore>) -> Self {
        Self { tags, turns: Turns::default() }
    }

    /// The tag of an event's conversation, durable before this is ready. `None` for an event without a
    /// conversation, or of an account that is no longer configured.
    ///
    /// # Errors
    /// If the store cannot keep it, or others keep changing it.
    pub(super) async fn tag(
        &self,
        tenant: &Tenant,
        event: &Event,
        now: Timestamp,
    ) -> Result<Option<Found>, TagError> {
        let Some(thread) = &event.thread else { return Ok(None) };
        let Some(account) = super::routes::account(tenant, event) else { return Ok(None) };
        let new = NewTag { tenant: tenant.id.clone(), account: account.id.clone(), now };
        let found = self.tags.resolve(thread, new).await?;
        let tag = self.change(found.tag, |tag| self.assignment(tenant, account, tag, now)).await?;
        Ok(Some(Found { tag, weak: found.weak }))
    }

    /// Makes a tag what `wanted` makes of it, anew for each version that somebody else made meanwhile.
    ///
    /// # Errors
    /// If the store cannot keep it, or others keep changing it.
    pub(super) async fn change<Kept>(
        &self,
        mut tag: Arc<Tag>,
        wanted: impl Fn(&Tag) -> Option<(Tag, Kept)>,
    ) -> Result<Arc<Tag>, TagError> {
        for _ in 0..TRIES_MAX {
            // `_kept` lives until the change is stored: it is a turn that is being taken.
            let Some((next, _kept)) = wanted(&tag) else { return Ok(tag) };
            match self.tags.put(next).await {
                Ok(stored) => return Ok(stored),
                Err(TagError::Conflict(current)) => tag = current,
                Err(error) => return Err(error),
            }
        }
        Err(TagError::Conflict(tag))
    }

    fn assignment(
        &self,
        tenant: &Tenant,
        account: &Account,
        tag: &Tag,
        now: Timestamp,
    ) -> Option<(Tag, Option<Taken<'_>>)> {
        if tag.responsible.is_some() || tag.team.is_some() {
            return None;
        }
        let team = account.team.as_ref()?;
        let taken = self.turns.take(&*self.tags, tenant, team);
        let mut next = tag.clone();
        next.team = Some(team.clone());
        if let Some(taken) = &taken {
            next.responsible = Some(taken.user.clone());
            next.assigned = Some(now);
        }
        Some((next, taken))
    }
}

/// Whose turn it is in each team. Assignments run concurrently and the tag store learns of each only
/// when it is durable, so what is under way is counted here: two new conversations at the same moment
/// do not both go to the same user.
#[derive(Debug, Default)]
struct Turns(Mutex<HashMap<(TenantId, TeamId), Turn>>);

#[derive(Debug, Default)]
struct Turn {
    last: Option<UserId>,
    under_way: BTreeMap<UserId, u64>,
}

/// A user who was chosen, until the tag that says so is stored.
#[derive(Debug)]
struct Taken<'a> {
    turns: &'a Turns,
    team: (TenantId, TeamId),
    user: UserId,
}

impl Turns {
    /// Chooses by the team's strategy; `None` if it is `manual` or nobody can take a conversation.
    fn take(&self, tags: &dyn TagStore, tenant: &Tenant, team: &TeamId) -> Option<Taken<'_>> {
        let queue: &Queue = tenant.assignment.get(team)?;
        let users = &tenant.directory.teams.get(team)?.members;
        let key = (tenant.id.clone(), team.clone());
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = turns.entry(key.clone()).or_default();
        let load = match queue.strategy {
            Strategy::LeastLoaded => tags.load(&tenant.id, users, &queue.closed_stages),
            Strategy::Manual | Strategy::RoundRobin => Vec::new(),
        };
        let members: Vec<Member<'_>> = users
            .iter()
            .zip(load.into_iter().chain(std::iter::repeat(0)))
            .map(|(user, stored)| Member {
                user,
                away: tenant.directory.users.get(user).is_none_or(|user| user.away),
                load: stored + turn.under_way.get(user).copied().unwrap_or(0),
            })
            .collect();
        let last = turn.last.clone().or_else(|| tags.last_assigned(&tenant.id, team));
        let user = assign::choose(queue, &members, last.as_ref())?;
        turn.last = Some(user.clone());
        *turn.under_way.entry(user.clone()).or_default() += 1;
        Some(Taken { turns: self, team: key, user })
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        let mut turns = self.turns.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = turns.get_mut(&self.team)
            && let Some(count) = turn.under_way.get_mut(&self.user)
        {
            *count -= 1;
            if *count == 0 {
                turn.under_way.remove(&self.user);
            }
        }
    }
}
