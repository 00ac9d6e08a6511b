//! A spool and a tag store in memory, for tests of what stands on them. They keep the contract of
//! their traits but for durability and pauses: retries are handed out again at once, and what was
//! postponed when the test says that time passes.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use headgate::{
    ids::{AccountId, ConversationId, ConversationKey, TeamId, TenantId, UserId},
    spool::{
        Accepted, DeadLetter, Depth, Format, Known, Later, Sequence, Settlement, Spool, SpoolError, Thread,
        Unit, Webhook,
    },
    tag::{Found, NewTag, Tag, TagError, TagStore},
};
use tokio::sync::watch;

/// A spool that remembers every settlement.
#[derive(Debug, Default)]
pub(crate) struct MemorySpool {
    inside: Mutex<Inside>,
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Inside {
    last: u64,
    waiting: Vec<Waiting>,
    settled: Vec<(Sequence, Settlement)>,
    /// Settlements that find no room yet.
    refuse: usize,
}

#[derive(Debug)]
struct Waiting {
    unit: Unit,
    lanes: Vec<ConversationKey>,
    out: bool,
    postponed: bool,
}

impl MemorySpool {
    /// Keeps a webhook; returns the places of its units.
    pub(crate) fn keep(&self, webhook: Webhook) -> Vec<Sequence> {
        let mut inside = self.inside.lock().unwrap();
        let all: Vec<u16> = (0..u16::try_from(webhook.events.len()).unwrap()).collect();
        let groups: Vec<Vec<u16>> = match webhook.format {
            Format::Event => all.into_iter().map(|at| vec![at]).collect(),
            Format::Raw => vec![all],
        };
        let webhook = Arc::new(webhook);
        let mut places = Vec::new();
        for events in groups {
            let sequence = Sequence(inside.last + 1);
            inside.last += events.len() as u64;
            let unit = Unit { sequence, events: events.into(), attempts: 0, webhook: webhook.clone() };
            let threads = unit.events().filter_map(|event| event.thread.as_ref());
            let lanes = threads.flat_map(|thread| thread.keys.iter().map(|(key, _)| *key)).collect();
            inside.waiting.push(Waiting { unit, lanes, out: false, postponed: false });
            places.push(sequence);
        }
        drop(inside);
        self.changed();
        places
    }

    /// Waits until `count` settlements were made; returns all that were, in their order.
    pub(crate) async fn settled(&self, count: usize) -> Vec<(Sequence, Settlement)> {
        let mut changes = self.changes.subscribe();
        changes.wait_for(|_| self.inside.lock().unwrap().settled.len() >= count).await.unwrap();
        self.inside.lock().unwrap().settled.clone()
    }

    /// Waits until nothing waits any more.
    pub(crate) async fn drained(&self) -> Vec<(Sequence, Settlement)> {
        let mut changes = self.changes.subscribe();
        changes.wait_for(|_| self.inside.lock().unwrap().waiting.is_empty()).await.unwrap();
        self.inside.lock().unwrap().settled.clone()
    }

    /// What was postponed is due.
    pub(crate) fn time_passes(&self) {
        for waiting in &mut self.inside.lock().unwrap().waiting {
            waiting.postponed = false;
        }
        self.changed();
    }

    /// The next settlement finds no room.
    pub(crate) fn refuse_a_settlement(&self) {
        self.inside.lock().unwrap().refuse = 1;
    }

    /// Waits until that settlement was refused.
    pub(crate) async fn refused(&self) {
        self.changes.subscribe().wait_for(|_| self.inside.lock().unwrap().refuse == 0).await.unwrap();
    }

    fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    fn hand_out(&self) -> Option<Unit> {
        let mut inside = self.inside.lock().unwrap();
        let mut taken: Vec<ConversationKey> = Vec::new();
        for waiting in &mut inside.waiting {
            let free =
                !waiting.out && !waiting.postponed && !waiting.lanes.iter().any(|lane| taken.contains(lane));
            if free {
                waiting.out = true;
                return Some(waiting.unit.clone());
            }
            taken.extend(&waiting.lanes);
        }
        None
    }
}

impl Spool for MemorySpool {
    fn accept(&self, webhook: Webhook) -> Later<'_, Result<Accepted, SpoolError>> {
        let kept = self.keep(webhook).len();
        Box::pin(async move { Ok(Accepted { kept, ..Accepted::default() }) })
    }

    fn next(&self) -> Later<'_, Option<Unit>> {
        Box::pin(async {
            let mut changes = self.changes.subscribe();
            loop {
                if let Some(unit) = self.hand_out() {
                    return Some(unit);
                }
                changes.changed().await.unwrap();
            }
        })
    }

    fn settle(&self, unit: &Unit, what: Settlement) -> Later<'_, Result<(), SpoolError>> {
        let sequence = unit.sequence;
        let mut inside = self.inside.lock().unwrap();
        if inside.refuse > 0 {
            inside.refuse -= 1;
            drop(inside);
            self.changed();
            return Box::pin(async { Err(SpoolError::Full) });
        }
        let at = inside.waiting.iter().position(|waiting| waiting.unit.sequence == sequence).unwrap();
        assert!(inside.waiting[at].out, "{sequence:?} was settled, but not handed out");
        match &what {
            Settlement::Retry(_) => {
                inside.waiting[at].out = false;
                inside.waiting[at].unit.attempts += 1;
            }
            Settlement::Postponed(pause) => {
                inside.waiting[at].out = false;
                inside.waiting[at].postponed = !pause.is_zero();
            }
            Settlement::Delivered | Settlement::Dead(_) => drop(inside.waiting.remove(at)),
        }
        inside.settled.push((sequence, what));
        drop(inside);
        self.changed();
        Box::pin(async { Ok(()) })
    }

    fn dead_letters(&self, _from: Sequence, _limit: usize) -> Vec<DeadLetter> {
        Vec::new()
    }

    fn revive(
        &self,
        _sequence: Sequence,
        _account: Option<AccountId>,
    ) -> Later<'_, Result<bool, SpoolError>> {
        Box::pin(async { Ok(false) })
    }

    fn depth(&self) -> Depth {
        Depth::default()
    }
}

/// A tag store in which somebody else may change a tag at the worst moment.
#[derive(Default)]
pub(crate) struct MemoryTags {
    tags: Mutex<HashMap<ConversationId, Arc<Tag>>>,
    interference: Mutex<Option<Interference>>,
    failed: AtomicBool,
}

type Interference = Box<dyn FnOnce(&mut Tag) + Send>;

impl MemoryTags {
    /// From now on its disk has failed.
    pub(crate) fn fail(&self) {
        self.failed.store(true, Ordering::SeqCst);
    }

    /// Before the next change is stored, somebody else makes this one.
    pub(crate) fn interfere(&self, change: impl FnOnce(&mut Tag) + Send + 'static) {
        *self.interference.lock().unwrap() = Some(Box::new(change));
    }

    /// A change from outside.
    pub(crate) fn change(&self, conversation: ConversationId, change: impl FnOnce(&mut Tag)) {
        let mut tags = self.tags.lock().unwrap();
        let mut tag = (*tags[&conversation]).clone();
        change(&mut tag);
        tag.version += 1;
        tags.insert(conversation, Arc::new(tag));
    }
}

impl fmt::Debug for MemoryTags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryTags")
    }
}

impl Known for MemoryTags {
    fn conversation(&self, key: ConversationKey) -> Option<ConversationId> {
        self.tag(key.into()).map(|tag| tag.conversation)
    }
}

impl TagStore for MemoryTags {
    fn tag(&self, conversation: ConversationId) -> Option<Arc<Tag>> {
        self.tags.lock().unwrap().get(&conversation).cloned()
    }

    fn by_alias(&self, _tenant: &TenantId, _account: &AccountId, alias: &str) -> Option<Arc<Tag>> {
        self.tags.lock().unwrap().values().find(|tag| tag.alias.as_deref() == Some(alias)).cloned()
    }

    fn resolve(&self, thread: &Thread, new: NewTag) -> Later<'_, Result<Found, TagError>> {
        let conversation = ConversationId::from(thread.keys[0].0);
        let domain = thread.domain.as_deref().map(str::to_owned);
        let mut tags = self.tags.lock().unwrap();
        let tag = tags.entry(conversation).or_insert_with(|| {
            Arc::new(Tag {
                conversation,
                version: 1,
                tenant: new.tenant,
                account: new.account,
                responsible: None,
                team: None,
                participants: Vec::new(),
                stage: None,
                alias: None,
                keys: thread.keys.to_vec(),
                domain: domain.clone(),
                created: new.now,
                assigned: None,
            })
        });
        let found = Found { weak: tag.domain != domain, tag: tag.clone() };
        Box::pin(async move { Ok(found) })
    }

    fn put(&self, mut tag: Tag) -> Later<'_, Result<Arc<Tag>, TagError>> {
        if let Some(change) = self.interference.lock().unwrap().take() {
            self.change(tag.conversation, change);
        }
        let mut tags = self.tags.lock().unwrap();
        let stored = tags[&tag.conversation].clone();
        let result = if self.failed.load(Ordering::SeqCst) {
            Err(TagError::Failed(Arc::new(std::io::Error::other("the disk failed"))))
        } else if stored.version == tag.version {
            tag.version += 1;
            let tag = Arc::new(tag);
            tags.insert(tag.conversation, tag.clone());
            Ok(tag)
        } else {
            Err(TagError::Conflict(stored))
        };
        Box::pin(async move {
            // As with a disk, others run before this is done.
            tokio::task::yield_now().await;
            result
        })
    }

    fn load(&self, _tenant: &TenantId, users: &[UserId], closed: &[String]) -> Vec<u64> {
        let tags = self.tags.lock().unwrap();
        let open = |tag: &Tag| !tag.stage.as_ref().is_some_and(|stage| closed.contains(stage));
        let of =
            |user| tags.values().filter(|tag| open(tag) && tag.responsible.as_ref() == Some(user)).count();
        users.iter().map(|user| of(user) as u64).collect()
    }

    fn last_assigned(&self, _tenant: &TenantId, team: &TeamId) -> Option<UserId> {
        let tags = self.tags.lock().unwrap();
        let of_team = tags.values().filter(|tag| tag.team.as_ref() == Some(team) && tag.assigned.is_some());
        of_team.max_by_key(|tag| tag.assigned).and_then(|tag| tag.responsible.clone())
    }

    fn len(&self) -> usize {
        self.tags.lock().unwrap().len()
    }
}
