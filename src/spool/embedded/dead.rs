//! Dead letters: what nobody will try again by itself, in a journal of its own.
//!
//! A letter is durable here *before* its events are settled in the spool's journal, and leaves only *after*
//! it is durable there again. A crash in between leaves it in both; opening finds that out by the sequence.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    future::Future,
    io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{
    OpenError,
    metrics::Metrics,
    record::{self, BadRecord},
};
use crate::{
    ids::{AccountId, EndpointId, EventId, TenantId, Timestamp},
    journal::{Files, Journal, JournalError, Options, Position, Recovery},
    spool::{DeadLetter, DeathReason, Sequence, Webhook},
};

const VERSION: u8 = 2;

/// Dead letters at most; the oldest go first. A letter takes about 300 bytes of memory.
const DEAD_LETTERS_MAX: usize = 1_000_000;

/// Segments are smaller than the spool's, since a letter that is kept for weeks keeps its segment.
const SEGMENT_BYTES_MAX: u64 = 16 << 20;

/// Letters of one segment are at most so far apart, so that none stays on the disk much longer than it is
/// kept.
const SEGMENT_AGE_MAX: Duration = Duration::from_secs(86_400);

/// One record of the dead letters' journal. `B` is [`Burial`] when read and a reference when written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Record<B = Burial> {
    Buried(B),
    /// The letter of this sequence was put back.
    Gone(Sequence),
}

/// A dead letter, whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Burial {
    /// The sequences of its events; the first one identifies it.
    pub(super) sequences: Vec<Sequence>,
    /// Why.
    pub(super) reason: DeathReason,
    /// When.
    pub(super) since: Timestamp,
    /// The webhook with these events alone.
    pub(super) webhook: Arc<Webhook>,
}

/// All dead letters.
#[derive(Debug)]
pub(super) struct Dead {
    journal: Journal,
    letters: Mutex<Letters>,
    age_max: Duration,
    metrics: Arc<Metrics>,
}

#[derive(Debug, Default)]
struct Letters {
    letters: BTreeMap<Sequence, Letter>,
    /// Letters that are being put back: out of sight.
    reviving: HashSet<Sequence>,
    by_reason: HashMap<DeathReason, usize>,
    /// Letters in each segment; one whose letters are all gone stays here until it is removed.
    segments: BTreeMap<u64, usize>,
    /// Letters that are on their way to the disk: their segments do not count them yet.
    under_way: usize,
}

/// What is known of a letter without reading it.
#[derive(Clone, Debug)]
struct Letter {
    tenant: TenantId,
    endpoint: EndpointId,
    account: Option<AccountId>,
    events: Box<[EventId]>,
    reason: DeathReason,
    since: Timestamp,
    body_bytes: usize,
    position: Position,
}

impl Dead {
    /// Opens the dead letters. Gives the sequences of all their events too: what of them still waits in the
    /// spool was buried and not settled.
    pub(super) fn open(
        files: Arc<dyn Files>,
        dir: PathBuf,
        segment_bytes: u64,
        age_max: Duration,
        metrics: Arc<Metrics>,
    ) -> Result<(Self, HashSet<Sequence>, Recovery), OpenError> {
        let mut letters = Letters::default();
        let mut events = HashSet::new();
        let mut bad = None;
        let options = Options { segment_bytes: segment_bytes.min(SEGMENT_BYTES_MAX), ..Options::new(dir) };
        let (journal, recovery) =
            Journal::open_on(files, options, &mut |position, bytes| match record::decode::<Record>(
                VERSION, bytes,
            ) {
                Ok(Record::Buried(burial)) => {
                    events.extend(&burial.sequences);
                    letters.insert(&burial, position);
                }
                Ok(Record::Gone(sequence)) => {
                    letters.remove(sequence);
                }
                Err(error) => bad = bad.or(Some((position, error))),
            })
            .map_err(OpenError::Journal)?;
        if let Some((position, source)) = bad {
            return Err(OpenError::Record { segment: position.segment, offset: position.offset, source });
        }
        let dead = Self { journal, letters: Mutex::new(letters), age_max, metrics };
        dead.count();
        Ok((dead, events, recovery))
    }

    /// Buries events. They are queued for the disk when this returns; the future says when they are on it.
    /// A letter that is here already is not written again.
    pub(super) fn bury(
        self: &Arc<Self>,
        burial: Burial,
    ) -> impl Future<Output = Result<(), JournalError>> + Send + 'static {
        let dead = Arc::clone(self);
        let known = burial.sequences.first().is_none_or(|letter| dead.letters().letters.contains_key(letter));
        let ticket = (!known).then(|| {
            let hint = record::size_hint(&burial.webhook);
            let record = record::encode(VERSION, &Record::Buried(&burial), hint);
            // INVARIANT: counted before it is queued, so that whoever finds none under way knows of every
            // letter in the segments that are closed then.
            let under_way = UnderWay::begin(Arc::clone(&dead));
            (dead.journal.append(record), under_way)
        });
        async move {
            if let Some((ticket, under_way)) = ticket {
                let position = ticket.await?;
                dead.letters().insert(&burial, position);
                drop(under_way);
                dead.count();
            }
            Ok(())
        }
    }

    /// Reads a letter. `None` if there is none. Blocks on the disk.
    pub(super) fn read(&self, sequence: Sequence) -> Option<Burial> {
        let position = self.letters().letters.get(&sequence)?.position;
        let read = self
            .journal
            .read(position)
            .map_err(|error| error.to_string())
            .and_then(|bytes| record::decode(VERSION, &bytes).map_err(|BadRecord| BadRecord.to_string()));
        match read {
            Ok(Record::Buried(burial)) => Some(burial),
            Ok(Record::Gone(_)) => None,
            Err(error) => {
                tracing::error!(spool.sequence = sequence.0, error, "a dead letter could not be read");
                self.metrics.unreadable.inc();
                None
            }
        }
    }

    /// Takes a letter out of sight, to be put back. `false` if there is none or somebody else has it.
    pub(super) fn begin_revival(&self, sequence: Sequence) -> bool {
        let mut letters = self.letters();
        letters.letters.contains_key(&sequence) && letters.reviving.insert(sequence)
    }

    /// It could not be put back.
    pub(super) fn cancel_revival(&self, sequence: Sequence) {
        self.letters().reviving.remove(&sequence);
    }

    /// Whether there is a letter, in sight or not.
    fn contains(&self, sequence: Sequence) -> bool {
        self.letters().letters.contains_key(&sequence)
    }

    /// A letter is back in the spool.
    pub(super) async fn remove(&self, sequence: Sequence) -> Result<(), JournalError> {
        if self.contains(sequence) {
            let gone = Record::<Burial>::Gone(sequence);
            self.journal.append(record::encode(VERSION, &gone, 16)).await?;
            self.letters().remove(sequence);
            self.count();
        }
        Ok(())
    }

    /// Letters from `from` on, oldest first.
    pub(super) fn list(&self, from: Sequence, limit: usize) -> Vec<DeadLetter> {
        let letters = self.letters();
        let in_sight = letters.letters.range(from..).filter(|(at, _)| !letters.reviving.contains(*at));
        in_sight.take(limit).map(|(sequence, letter)| letter.listed(*sequence)).collect()
    }

    /// How many letters are in sight.
    pub(super) fn len(&self) -> usize {
        let letters = self.letters();
        letters.letters.len() - letters.reviving.len()
    }

    /// Bytes on disk.
    pub(super) fn bytes(&self) -> u64 {
        self.journal.segments().iter().map(|segment| segment.bytes).sum()
    }

    /// The newest time in the letters.
    pub(super) fn newest(&self) -> Option<Timestamp> {
        self.letters().letters.values().map(|letter| letter.since).max()
    }

    /// Ends letters that are too old or too many.
    pub(super) fn expire(&self, now: Timestamp) {
        let mut letters = self.letters();
        let old = letters
            .letters
            .iter()
            .filter(|(at, letter)| now.since(letter.since) > self.age_max && !letters.reviving.contains(*at));
        let old: Vec<_> = old.map(|(sequence, _)| *sequence).collect();
        let too_many = letters.letters.len().saturating_sub(old.len()).saturating_sub(DEAD_LETTERS_MAX);
        let surplus: Vec<_> = letters.letters.keys().take(too_many).copied().collect();
        if too_many > 0 {
            tracing::warn!(
                dead_letters.count = too_many,
                "the oldest dead letters were given up, since there are too many"
            );
            self.metrics.dead_letters_max.inc_by(too_many as u64);
        }
        if !old.is_empty() {
            tracing::info!(dead_letters.count = old.len(), "dead letters were given up at their age");
            self.metrics.dead_letter_age_max.inc_by(old.len() as u64);
        }
        for sequence in old.into_iter().chain(surplus) {
            letters.remove(sequence);
        }
        drop(letters);
        self.count();
    }

    /// Why nothing can be buried any more, if the disk has failed.
    pub(super) fn failure(&self) -> Option<Arc<io::Error>> {
        self.journal.failure()
    }

    /// Closes the active segment when its first letter is [`SEGMENT_AGE_MAX`] old: a letter leaves the disk
    /// with the last one of its segment.
    pub(super) async fn close_segment(&self, now: Timestamp) {
        let Some(active) = self.journal.segments().last().map(|segment| segment.id) else { return };
        let oldest = {
            let letters = self.letters();
            let here = letters.letters.values().filter(|letter| letter.position.segment == active);
            here.map(|letter| letter.since).min()
        };
        if oldest.is_some_and(|since| now.since(since) >= SEGMENT_AGE_MAX) {
            // Where the disk is full, later.
            let _full = self.journal.roll().await;
        }
    }

    /// Gives back the space of segments whose letters are all gone.
    pub(super) async fn collect(self: &Arc<Self>) -> io::Result<()> {
        let segments = self.journal.segments();
        let Some(active) = segments.last().map(|segment| segment.id) else { return Ok(()) };
        if self.letters().segments.get(&active) == Some(&0) {
            // Nothing of it is worth keeping; closed, it can be removed.
            let _full = self.journal.roll().await;
        }
        let through = {
            let letters = self.letters();
            if letters.under_way > 0 {
                // They may be in a segment that looks spent; another time.
                return Ok(());
            }
            let gone = |id: &u64| letters.segments.get(id).copied().unwrap_or(0) == 0;
            let closed = self.journal.segments().into_iter().rev().skip(1).rev().map(|segment| segment.id);
            closed.take_while(gone).last()
        };
        let Some(through) = through else { return Ok(()) };
        let dead = Arc::clone(self);
        let removed = tokio::task::spawn_blocking(move || dead.journal.remove_through(through)).await;
        removed.unwrap_or(Ok(0))?;
        let mut letters = self.letters();
        letters.segments = letters.segments.split_off(&(through + 1));
        Ok(())
    }

    /// Waits for what is queued. Blocks.
    pub(super) fn close(&self) {
        self.journal.close();
    }

    fn letters(&self) -> MutexGuard<'_, Letters> {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self) {
        let letters = self.letters();
        for reason in DeathReason::ALL {
            self.metrics.dead(reason, letters.by_reason.get(&reason).copied().unwrap_or(0));
        }
    }
}

/// A letter on its way to the disk, counted as long as this lives.
#[derive(Debug)]
struct UnderWay(Arc<Dead>);

impl UnderWay {
    fn begin(dead: Arc<Dead>) -> Self {
        dead.letters().under_way += 1;
        Self(dead)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.letters().under_way -= 1;
    }
}

impl Letters {
    fn insert(&mut self, burial: &Burial, position: Position) {
        let Some(letter) = burial.sequences.first() else { return };
        self.remove(*letter);
        let webhook = &burial.webhook;
        *self.segments.entry(position.segment).or_default() += 1;
        *self.by_reason.entry(burial.reason).or_default() += 1;
        let of = Letter {
            tenant: webhook.tenant.clone(),
            endpoint: webhook.endpoint.clone(),
            account: webhook.events.iter().find_map(|event| event.account.clone()),
            events: webhook.events.iter().map(|event| event.id).collect(),
            reason: burial.reason,
            since: burial.since,
            body_bytes: webhook.body.len(),
            position,
        };
        self.letters.insert(*letter, of);
    }

    fn remove(&mut self, sequence: Sequence) {
        self.reviving.remove(&sequence);
        let Some(letter) = self.letters.remove(&sequence) else { return };
        for count in [self.segments.get_mut(&letter.position.segment), self.by_reason.get_mut(&letter.reason)]
            .into_iter()
            .flatten()
        {
            *count = count.saturating_sub(1);
        }
    }
}

impl Letter {
    fn listed(&self, sequence: Sequence) -> DeadLetter {
        DeadLetter {
            sequence,
            tenant: self.tenant.clone(),
            endpoint: self.endpoint.clone(),
            account: self.account.clone(),
            events: self.events.iter().map(ToString::to_string).collect(),
            reason: self.reason.label(),
            since: self.since,
            body_bytes: self.body_bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{journal::Disk, spool::embedded::samples};

    fn open(dir: &std::path::Path) -> (Arc<Dead>, HashSet<Sequence>) {
        let metrics = Arc::new(Metrics::unregistered());
        let (dead, events, _) =
            Dead::open(Arc::new(Disk), dir.to_owned(), 4096, Duration::from_secs(100), metrics).unwrap();
        (Arc::new(dead), events)
    }

    fn burial(sequence: u64, since: Timestamp) -> Burial {
        Burial {
            sequences: vec![Sequence(sequence)],
            reason: DeathReason::Gone,
            since,
            webhook: Arc::new(samples::message(&sequence.to_string(), "conversation")),
        }
    }

    #[tokio::test]
    async fn a_letter_outlives_a_restart_until_it_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        {
            let (dead, _) = open(dir.path());
            dead.bury(burial(5, Timestamp(0))).await.unwrap();
            dead.bury(burial(6, Timestamp(0))).await.unwrap();
            dead.remove(Sequence(5)).await.unwrap();
        }
        let (dead, events) = open(dir.path());
        let listed = dead.list(Sequence(0), 10);
        assert_eq!(listed.iter().map(|letter| letter.sequence).collect::<Vec<_>>(), [Sequence(6)]);
        assert!(events.contains(&Sequence(6)));
        assert_eq!(*dead.read(Sequence(6)).unwrap().webhook.body, *b"{}");
    }

    #[tokio::test]
    async fn a_letter_that_is_put_back_is_out_of_sight_and_taken_once() {
        let dir = tempfile::tempdir().unwrap();
        let (dead, _) = open(dir.path());
        dead.bury(burial(5, Timestamp(0))).await.unwrap();
        assert!(dead.begin_revival(Sequence(5)));
        assert!(!dead.begin_revival(Sequence(5)));
        assert_eq!((dead.list(Sequence(0), 10).len(), dead.len()), (0, 0));
        dead.cancel_revival(Sequence(5));
        assert_eq!((dead.list(Sequence(0), 10).len(), dead.len()), (1, 1));
    }

    #[tokio::test]
    async fn old_letters_go_and_their_disk_space_with_them() {
        let dir = tempfile::tempdir().unwrap();
        let (dead, _) = open(dir.path());
        for sequence in 0..100 {
            dead.bury(burial(sequence, Timestamp::from_secs(10))).await.unwrap();
        }
        let before = dead.bytes();
        dead.expire(Timestamp::from_secs(110));
        dead.collect().await.unwrap();
        assert_eq!((dead.len(), dead.bytes()), (100, before), "letters went before their time");
        dead.expire(Timestamp::from_secs(111));
        dead.collect().await.unwrap();
        assert_eq!(dead.len(), 0);
        assert!(dead.bytes() < 4096, "{} of {before} bytes are left", dead.bytes());
    }

    #[tokio::test]
    async fn a_segment_with_a_letter_on_its_way_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let (dead, _) = open(dir.path());
        dead.bury(burial(1, Timestamp(0))).await.unwrap();
        dead.remove(Sequence(1)).await.unwrap();
        let second = dead.bury(burial(2, Timestamp(0)));
        dead.collect().await.unwrap();
        second.await.unwrap();
        dead.collect().await.unwrap();
        assert!(dead.read(Sequence(2)).is_some());
        drop(dead);
        assert!(open(dir.path()).0.read(Sequence(2)).is_some());
    }

    #[tokio::test]
    async fn a_letter_goes_at_its_age_although_a_later_one_stays() {
        let dir = tempfile::tempdir().unwrap();
        let (dead, _) = open(dir.path());
        dead.bury(burial(1, Timestamp::from_secs(0))).await.unwrap();
        dead.close_segment(Timestamp::from_secs(86_399)).await;
        assert_eq!(dead.journal.segments().len(), 1);
        dead.close_segment(Timestamp::from_secs(86_400)).await;
        dead.bury(burial(2, Timestamp::from_secs(86_400))).await.unwrap();
        dead.expire(Timestamp::from_secs(86_401));
        dead.collect().await.unwrap();
        assert_eq!((dead.len(), dead.journal.segments().len()), (1, 1));
        assert!(dead.read(Sequence(2)).is_some());
    }

    #[test]
    fn garbage_is_refused() {
        assert!(record::decode::<Record>(VERSION, &[VERSION, 7, 7]).is_err());
        assert!(record::decode::<Record>(VERSION, &[]).is_err());
    }
}
