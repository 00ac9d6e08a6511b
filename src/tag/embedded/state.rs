//! All tags in memory, as the log has them, and what is looked up by.

use std::{collections::HashMap, sync::Arc};

use dashmap::DashMap;
use foldhash::fast::RandomState;

use super::{
    super::{
        Tag,
        names::{Alias, Names, Step},
    },
    record,
};
use crate::ids::{ConversationId, ConversationKey, TeamId, TenantId, Timestamp, UserId};

type Map<K, V> = DashMap<K, V, RandomState>;

/// What the log says. Each step is applied once it is durable, and any number of times again.
#[derive(Debug, Default)]
pub(super) struct State {
    tags: Map<ConversationId, Arc<Tag>>,
    // INVARIANT: a name leads to the one tag that has it.
    keys: Map<ConversationKey, ConversationId>,
    merged: Map<ConversationId, Merged>,
    // INVARIANT: an alias leads to the one tag that has it, or that had it before it was merged.
    aliases: Map<Alias, ConversationId>,
    /// Conversations by responsible user and stage.
    loads: Map<(TenantId, UserId), HashMap<Option<String>, u64>>,
    turns: Map<(TenantId, TeamId), (Timestamp, UserId)>,
}

#[derive(Clone, Debug)]
struct Merged {
    into: ConversationId,
    alias: Option<Alias>,
}

impl State {
    /// Where the merges of a conversation lead; itself if it was not merged.
    pub(super) fn remaining(&self, mut id: ConversationId) -> ConversationId {
        // Merges lead to older conversations, so they end.
        while let Some(into) = self.merged.get(&id).map(|merged| merged.into) {
            id = into;
        }
        id
    }

    pub(super) fn by_alias(&self, alias: &Alias) -> Option<ConversationId> {
        self.aliases.get(alias).map(|id| *id)
    }

    pub(super) fn load(&self, tenant: &TenantId, user: &UserId, closed: &[String]) -> u64 {
        let Some(stages) = self.loads.get(&(tenant.clone(), user.clone())) else { return 0 };
        let open =
            stages.iter().filter(|(stage, _)| stage.as_ref().is_none_or(|stage| !closed.contains(stage)));
        open.map(|(_, count)| count).sum()
    }

    pub(super) fn last_assigned(&self, tenant: &TenantId, team: &TeamId) -> Option<UserId> {
        self.turns.get(&(tenant.clone(), team.clone())).map(|turn| turn.1.clone())
    }

    pub(super) fn len(&self) -> usize {
        self.tags.len()
    }

    /// Makes a step so. The log may repeat a tag, never with an older state behind a newer one of the
    /// same record; a rewritten log has them in another order.
    pub(super) fn apply(&self, step: &Step) {
        match step {
            Step::Set(tag) => self.set(tag),
            Step::Merged { from, into, alias } => self.merge(*from, *into, alias.as_ref()),
            Step::Turn { tenant, team, user, at } => {
                let mut turn =
                    self.turns.entry((tenant.clone(), team.clone())).or_insert_with(|| (*at, user.clone()));
                if *at >= turn.0 {
                    *turn = (*at, user.clone());
                }
            }
        }
    }

    fn set(&self, tag: &Arc<Tag>) {
        let id = tag.conversation;
        let before = self.tag(id);
        let outdated = before.as_ref().is_some_and(|before| before.version > tag.version);
        if outdated || self.merged.contains_key(&id) {
            return;
        }
        self.tags.insert(id, tag.clone());
        for (key, _) in &tag.keys {
            self.keys.insert(*key, id);
        }
        let alias = tag.alias();
        if let Some(alias) = &alias {
            // An alias that came by a merge leads here already, and does so when the tag gets another.
            let leads_here = self.by_alias(alias).is_some_and(|owner| self.remaining(owner) == id);
            if !leads_here {
                self.aliases.insert(alias.clone(), id);
            }
        }
        self.count(tag, 1);
        if let Some(before) = before {
            self.forget(&before, |key| tag.has(key), alias.as_ref());
        }
    }

    fn merge(&self, from: ConversationId, into: ConversationId, alias: Option<&Alias>) {
        if let Some(alias) = alias {
            self.aliases.insert(alias.clone(), from);
        }
        self.merged.insert(from, Merged { into, alias: alias.cloned() });
        if let Some((_, before)) = self.tags.remove(&from) {
            self.forget(&before, |_| false, alias);
        }
    }

    /// Takes a former tag out of what is looked up by, but for the names and the alias that stay.
    fn forget(&self, before: &Tag, stays: impl Fn(ConversationKey) -> bool, alias: Option<&Alias>) {
        let id = before.conversation;
        for (key, _) in before.keys.iter().filter(|(key, _)| !stays(*key)) {
            self.keys.remove_if(key, |_, owner| *owner == id);
        }
        if let Some(gone) = before.alias().filter(|gone| Some(gone) != alias) {
            self.aliases.remove_if(&gone, |_, owner| *owner == id);
        }
        self.count(before, -1);
    }

    fn count(&self, tag: &Tag, by: i64) {
        let Some(user) = &tag.responsible else { return };
        let key = (tag.tenant.clone(), user.clone());
        let mut stages = self.loads.entry(key.clone()).or_default();
        let count = stages.entry(tag.stage.clone()).or_default();
        *count = count.saturating_add_signed(by);
        if *count == 0 {
            stages.remove(&tag.stage);
        }
        drop(stages);
        self.loads.remove_if(&key, |_, stages| stages.is_empty());
    }

    /// Every id that a conversation has or had.
    pub(super) fn ids(&self) -> Vec<ConversationId> {
        let live = self.tags.iter().map(|tag| *tag.key());
        live.chain(self.merged.iter().map(|merged| *merged.key())).collect()
    }

    /// What a rewritten log must hold of an id.
    pub(super) fn step_of(&self, id: ConversationId) -> Option<Step> {
        if let Some(tag) = self.tag(id) {
            return Some(Step::Set(tag));
        }
        let Merged { into, alias } = self.merged.get(&id)?.clone();
        // An alias that has since gone to another conversation stays there.
        let alias = alias.filter(|alias| self.by_alias(alias) == Some(id));
        Some(Step::Merged { from: id, into, alias })
    }

    /// What a rewritten log must hold of the teams.
    pub(super) fn turns(&self) -> Vec<Step> {
        let turns = self.turns.iter().map(|turn| {
            let ((tenant, team), (at, user)) = turn.pair();
            Step::Turn { tenant: tenant.clone(), team: team.clone(), user: user.clone(), at: *at }
        });
        turns.collect()
    }

    /// About how many bytes a rewritten log would have.
    pub(super) fn live_bytes(&self) -> u64 {
        let steps = self.ids().into_iter().filter_map(|id| self.step_of(id));
        steps
            .chain(self.turns())
            .map(|step| record::encode(&[step]).map_or(0, |bytes| bytes.len() as u64))
            .sum()
    }
}

impl Names for State {
    fn conversation(&self, key: ConversationKey) -> Option<ConversationId> {
        self.keys.get(&key).map(|id| *id)
    }

    fn tag(&self, conversation: ConversationId) -> Option<Arc<Tag>> {
        self.tags.get(&conversation).map(|tag| tag.clone())
    }

    fn is_taken(&self, id: ConversationId) -> bool {
        self.tags.contains_key(&id) || self.merged.contains_key(&id)
    }
}
