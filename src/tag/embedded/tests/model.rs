//! The store against the plainest model: lists that are searched from end to end.

use proptest::prelude::*;

use super::*;
use crate::tag::suite::account;

#[derive(Clone, Debug)]
enum Op {
    Resolve {
        names: Vec<usize>,
        join: Join,
        retired: Option<usize>,
        domain: Option<bool>,
    },
    Put {
        of: usize,
        stale: bool,
        user: Option<u8>,
        team: bool,
        stage: Option<u8>,
        alias: Option<u8>,
        turn: bool,
    },
    Reopen,
    Rewrite,
}

/// Three lasting names, then three passing ones.
const NAMES: [&str; 6] = ["A", "B", "C", "p", "q", "r"];

fn ops() -> impl Strategy<Value = Op> {
    let names = prop::collection::vec(0..NAMES.len(), 1..4);
    let join = prop_oneof![3 => Just(Join::Merge), 1 => Just(Join::FirstKnown), 1 => Just(Join::TokenFirst)];
    let retired = prop::option::weighted(0.2, 0..NAMES.len());
    let resolve = (names, join, retired, any::<Option<bool>>())
        .prop_map(|(names, join, retired, domain)| Op::Resolve { names, join, retired, domain });
    let put = (0..8usize, any::<bool>(), prop::option::of(0..3u8), any::<bool>(), prop::option::of(0..2u8));
    let put = (put, prop::option::of(0..3u8), any::<bool>()).prop_map(
        |((of, stale, user, team, stage), alias, turn)| Op::Put { of, stale, user, team, stage, alias, turn },
    );
    prop_oneof![6 => resolve, 4 => put, 1 => Just(Op::Reopen), 1 => Just(Op::Rewrite)]
}

#[derive(Default)]
struct Model {
    tags: Vec<Tag>,
    merged: Vec<(ConversationId, ConversationId, Option<String>)>,
    turn: Option<UserId>,
    seen: Vec<ConversationId>,
}

impl Model {
    fn tag(&self, mut id: ConversationId) -> Option<&Tag> {
        while let Some((_, into, _)) = self.merged.iter().find(|(from, ..)| *from == id) {
            id = *into;
        }
        self.tags.iter().find(|tag| tag.conversation == id)
    }

    fn owner(&self, key: ConversationKey) -> Option<usize> {
        self.tags.iter().position(|tag| tag.keys.iter().any(|(known, _)| *known == key))
    }

    fn by_alias(&self, alias: &str) -> Option<&Tag> {
        let live = self.tags.iter().find(|tag| tag.alias.as_deref() == Some(alias));
        let merged = self.merged.iter().find(|(.., was)| was.as_deref() == Some(alias));
        live.or_else(|| merged.and_then(|(from, ..)| self.tag(*from)))
    }

    fn resolve(&mut self, thread: &Thread, new: &NewTag) -> (Tag, bool) {
        let lasting: Vec<_> = thread.keys.iter().filter(|key| key.1).map(|key| key.0).collect();
        let mut owners = Vec::new();
        let mut leaving = Vec::new();
        for (key, is_lasting) in &thread.keys {
            let Some(owner) = self.owner(*key) else { continue };
            let has = |key| self.tags[owner].keys.iter().any(|(known, _)| *known == key);
            let own = self.tags[owner].keys.iter().any(|(known, l)| {
                *l && !lasting.contains(known) && { !thread.keys.iter().any(|(key, _)| key == known) }
            });
            let retired = thread.retired.contains(key);
            let moved = !is_lasting && !retired && own && lasting.iter().any(|key| !has(*key));
            if thread.join != Join::Merge {
                if owners.is_empty() {
                    owners.push(owner);
                }
            } else if moved && !owners.contains(&owner) {
                leaving.push((owner, *key));
            } else if !owners.contains(&owner) {
                owners.push(owner);
            }
        }
        leaving.retain(|(owner, _)| !owners.contains(owner));
        let oldest = owners.iter().copied().min_by_key(|owner| self.tags[*owner].created);
        let mut tag = match oldest {
            Some(oldest) => self.tags[oldest].clone(),
            None => {
                let mut id = ConversationId::from(thread.keys[0].0);
                while self.seen.contains(&id) {
                    id = ConversationKey::derive(&new.tenant, "again", new.account.as_str(), &id.to_string())
                        .into();
                }
                Tag {
                    conversation: id,
                    version: 0,
                    tenant: new.tenant.clone(),
                    account: new.account.clone(),
                    responsible: None,
                    team: None,
                    participants: vec![],
                    stage: None,
                    alias: None,
                    keys: vec![],
                    domain: thread.domain.as_deref().map(str::to_owned),
                    created: new.now,
                    assigned: None,
                }
            }
        };
        let first = thread.keys[0].0;
        let by_token = thread.join == Join::TokenFirst && self.owner(first).is_some();
        let weak = thread.join != Join::Merge
            && !by_token
            && oldest.is_some()
            && tag.domain.as_deref() != thread.domain.as_deref();
        let before = tag.clone();
        for other in owners.iter().filter(|owner| Some(**owner) != oldest) {
            let other = self.tags[*other].clone();
            if tag.responsible.is_none() && other.responsible.is_some() {
                (tag.responsible, tag.team, tag.assigned) =
                    (other.responsible.clone(), other.team.clone(), other.assigned);
            }
            tag.team = tag.team.or(other.team);
            tag.stage = tag.stage.or(other.stage);
            tag.domain = tag.domain.or(other.domain);
            tag.alias = tag.alias.or_else(|| other.alias.clone());
            tag.keys.extend(other.keys);
            self.merged.push((other.conversation, tag.conversation, other.alias));
        }
        for (key, is_lasting) in &thread.keys {
            let elsewhere =
                self.owner(*key).is_some_and(|owner| thread.join != Join::Merge && !owners.contains(&owner));
            let strangers_token = weak && thread.join == Join::TokenFirst && *key == first;
            if elsewhere || strangers_token {
                continue;
            }
            match tag.keys.iter_mut().find(|(known, _)| known == key) {
                Some(known) => known.1 = *is_lasting,
                None => tag.keys.push((*key, *is_lasting)),
            }
        }
        tag.keys.retain(|(key, _)| !thread.retired.contains(key));
        if owners.len() == 1 && leaving.is_empty() && tag == before {
            return (tag, weak);
        }
        let mut left: Vec<usize> = leaving.iter().map(|(owner, _)| *owner).collect();
        left.dedup();
        left.sort_unstable();
        left.dedup();
        for owner in left {
            self.tags[owner].version += 1;
            self.tags[owner].keys.retain(|(key, _)| thread.keys.iter().all(|(taken, _)| taken != key));
        }
        tag.version += 1;
        let gone: Vec<_> = owners.iter().map(|owner| self.tags[*owner].conversation).collect();
        self.tags.retain(|tag| !gone.contains(&tag.conversation));
        self.tags.push(tag.clone());
        self.seen.push(tag.conversation);
        (tag, weak)
    }

    /// The stored tag, or `None` where the store refuses.
    fn put(&mut self, tag: Tag) -> Option<Tag> {
        let stored = self.tags.iter_mut().find(|stored| stored.conversation == tag.conversation)?;
        if stored.version != tag.version {
            return None;
        }
        let now = Tag { version: tag.version + 1, keys: stored.keys.clone(), ..tag };
        if now.assigned != stored.assigned
            && now.assigned.is_some()
            && now.team.is_some()
            && let Some(user) = &now.responsible
        {
            self.turn = Some(user.clone());
        }
        *stored = now.clone();
        for other in self.tags.iter_mut().filter(|other| other.conversation != now.conversation) {
            if now.alias.is_some() && other.alias == now.alias {
                other.alias = None;
                other.version += 1;
            }
        }
        let leads_here =
            |from: &ConversationId| self.tag(*from).is_some_and(|tag| tag.conversation == now.conversation);
        let elsewhere: Vec<_> = self.merged.iter().map(|(from, ..)| !leads_here(from)).collect();
        for ((.., alias), elsewhere) in self.merged.iter_mut().zip(elsewhere) {
            if elsewhere && now.alias.is_some() && *alias == now.alias {
                *alias = None;
            }
        }
        Some(now)
    }
}

async fn run(ops: Vec<Op>) {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open_on(Arc::new(Disk), dir.path(), u64::MAX).unwrap();
    let mut model = Model::default();
    for (now, op) in ops.into_iter().enumerate() {
        let context = format!("step {now}: {op:?}");
        let now = i64::try_from(now).unwrap();
        match op {
            Op::Resolve { names, join, retired, domain } => {
                let mut words: Vec<_> = names.iter().map(|name| NAMES[*name].to_owned()).collect();
                words.dedup();
                words.extend(retired.map(|name| format!("-{}", NAMES[name])));
                let domain = domain.map(|own| if own { "a.example" } else { "b.example" });
                let thread = thread(&words.join(" "), join, domain);
                let found = store.resolve(&thread, at(now)).await.unwrap();
                let expected = model.resolve(&thread, &at(now));
                assert_eq!((Tag::clone(&found.tag), found.weak), expected, "{context}");
            }
            Op::Put { of, stale, user, team, stage, alias, turn } => {
                let Some(id) = model.seen.get(of).copied() else { continue };
                let tag = store.tag(id).unwrap();
                let tag = Tag {
                    conversation: if stale { id } else { tag.conversation },
                    version: if stale { tag.version.saturating_sub(1) } else { tag.version },
                    responsible: user.map(|user| UserId::new(format!("user{user}"))),
                    team: team.then(|| TeamId::new("blue")),
                    stage: stage.map(|stage| format!("sales/{stage}")),
                    alias: alias.map(|alias| alias.to_string()),
                    assigned: turn.then_some(Timestamp(now)).or(tag.assigned),
                    ..Tag::clone(&tag)
                };
                let put = store.put(tag.clone()).await.ok().map(|tag| Tag::clone(&tag));
                assert_eq!(put, model.put(tag), "{context}");
            }
            Op::Reopen => {
                store.close().await;
                drop(store);
                store = open_on(Arc::new(Disk), dir.path(), u64::MAX).unwrap();
            }
            Op::Rewrite => {
                store.0.compact().await.unwrap();
            }
        }
        assert_same(&store, &model, &context);
    }
}

fn assert_same(store: &EmbeddedTags, model: &Model, context: &str) {
    for name in NAMES {
        let expected = model.owner(key(name)).map(|owner| model.tags[owner].conversation);
        assert_eq!(store.conversation(key(name)), expected, "{name} after {context}");
    }
    for id in &model.seen {
        assert_eq!(store.tag(*id).as_deref(), model.tag(*id), "{id} after {context}");
    }
    for alias in ["0", "1", "2"] {
        let found = store.by_alias(&tenant(), &account(), alias);
        assert_eq!(found.as_deref(), model.by_alias(alias), "alias {alias} after {context}");
    }
    for closed in [vec![], vec!["sales/1".to_owned()]] {
        let users: Vec<_> = (0..3).map(|user| UserId::new(format!("user{user}"))).collect();
        let expected = users.iter().map(|user| {
            let open = |tag: &&Tag| tag.stage.as_ref().is_none_or(|stage| !closed.contains(stage));
            model.tags.iter().filter(open).filter(|tag| tag.responsible.as_ref() == Some(user)).count() as u64
        });
        assert_eq!(store.load(&tenant(), &users, &closed), expected.collect::<Vec<_>>(), "{context}");
    }
    assert_eq!(store.last_assigned(&tenant(), &TeamId::new("blue")), model.turn, "{context}");
    assert_eq!(store.len(), model.tags.len(), "{context}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_store_does_what_a_plain_list_would(ops in prop::collection::vec(ops(), 1..40)) {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(run(ops));
    }
}
