//! What is accepted and not settled: where each webhook is, what of it waits, and what that means for the
//! journal's segments. Recent webhooks are in memory too.
//!
//! No IO and no clock; the order of hand-outs is [`super::lanes`]' business.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use smallvec::SmallVec;

use crate::{
    ids::Timestamp,
    journal::Position,
    spool::{Format, Sequence, Webhook},
};

/// Places of events in their webhook, ascending.
pub(super) type Places = SmallVec<[u16; 4]>;

/// All that waits.
#[derive(Debug)]
pub(super) struct Backlog {
    /// By the sequence of the webhook's first event.
    webhooks: BTreeMap<Sequence, Waiting>,
    /// What of each segment waits. A segment in which nothing waits any more stays here until it is removed.
    segments: BTreeMap<u64, Live>,
    /// Webhooks in memory, the oldest first; some of them may be settled.
    cached: VecDeque<Sequence>,
    cached_bytes: usize,
    cache_bytes_max: usize,
    events: u64,
}

/// What waits in one segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Live {
    /// Webhooks.
    pub(super) webhooks: usize,
    /// Bytes of their records.
    pub(super) bytes: u64,
    /// When the first webhook that was written here was settled, and is here for nothing since.
    pub(super) spent_since: Option<Timestamp>,
}

/// A webhook of which something waits.
#[derive(Debug)]
pub(super) struct Waiting {
    position: Position,
    received: Timestamp,
    format: Format,
    /// Events for delivery, not settled.
    deliver: Places,
    /// Events for quarantine, not yet there.
    quarantine: Places,
    /// Events whose settling is on its way to the disk.
    settling: Places,
    cached: Option<Arc<Webhook>>,
    /// Since when it cannot be read back.
    unreadable_since: Option<Duration>,
    /// What the disk holds in its place is a dead letter's already.
    salvaged: bool,
}

/// A unit, as far as it is known without its webhook.
#[derive(Clone, Debug)]
pub(super) struct Handout {
    /// Its events.
    pub(super) events: Places,
    /// Where its webhook is.
    pub(super) position: Position,
    /// Its webhook, if it is in memory.
    pub(super) webhook: Option<Arc<Webhook>>,
}

impl Waiting {
    /// All of a webhook.
    pub(super) fn all(position: Position, webhook: &Webhook) -> Self {
        let mut waiting = Self {
            position,
            received: webhook.received,
            format: webhook.format,
            deliver: Places::new(),
            quarantine: Places::new(),
            settling: Places::new(),
            cached: None,
            unreadable_since: None,
            salvaged: false,
        };
        for (place, event) in (0..=u16::MAX).zip(&webhook.events) {
            let quarantined = webhook.malformed || event.account.is_none();
            let places = if quarantined { &mut waiting.quarantine } else { &mut waiting.deliver };
            places.push(place);
        }
        waiting
    }

    /// Only these of its events.
    pub(super) fn only(mut self, live: &[u16]) -> Self {
        self.deliver.retain(|place| live.binary_search(place).is_ok());
        self.quarantine.retain(|place| live.binary_search(place).is_ok());
        self
    }

    /// The units in which its events are handed out, with the events of each.
    pub(super) fn units(&self, first: Sequence) -> Vec<(Sequence, Places)> {
        match self.format {
            Format::Event => {
                self.deliver.iter().map(|place| (at(first, *place), Places::from_slice(&[*place]))).collect()
            }
            Format::Raw => self
                .deliver
                .first()
                .map(|place| (at(first, *place), self.deliver.clone()))
                .into_iter()
                .collect(),
        }
    }

    /// Its events for quarantine.
    pub(super) fn quarantine(&self) -> &Places {
        &self.quarantine
    }

    /// An event is settled. `false` if nothing waits any more.
    pub(super) fn settle(&mut self, place: u16) -> bool {
        for places in [&mut self.deliver, &mut self.quarantine, &mut self.settling] {
            places.retain(|other| *other != place);
        }
        self.unsettled() > 0
    }

    fn unsettled(&self) -> usize {
        self.deliver.len() + self.quarantine.len() + self.settling.len()
    }
}

impl Backlog {
    /// Nothing waits. At most `cache_bytes_max` of webhooks' bodies and data are held in memory.
    pub(super) fn new(cache_bytes_max: usize) -> Self {
        Self {
            webhooks: BTreeMap::new(),
            segments: BTreeMap::new(),
            cached: VecDeque::new(),
            cached_bytes: 0,
            cache_bytes_max,
            events: 0,
        }
    }

    /// A webhook waits, in memory too if it is given and there is room; older ones make room.
    pub(super) fn insert(&mut self, first: Sequence, waiting: Waiting, webhook: Option<Arc<Webhook>>) {
        self.events += waiting.unsettled() as u64;
        self.live(waiting.position, 1);
        self.webhooks.insert(first, waiting);
        if let Some(webhook) = webhook {
            self.cache(first, webhook);
        }
    }

    /// The unit that begins at `sequence`.
    pub(super) fn handout(&self, sequence: Sequence) -> Option<Handout> {
        let (first, waiting) = self.webhooks.range(..=sequence).next_back()?;
        let place = place(*first, sequence)?;
        let events = match waiting.format {
            Format::Event => Places::from_slice(&[place]),
            Format::Raw => waiting.deliver.clone(),
        };
        Some(Handout { events, position: waiting.position, webhook: waiting.cached.clone() })
    }

    /// Notes that the webhook with this event is damaged; gives how long that has been known.
    pub(super) fn unreadable_for(&mut self, sequence: Sequence, now: Duration) -> Duration {
        let waiting = self.webhooks.range_mut(..=sequence).next_back();
        let since = waiting.map_or(now, |(_, waiting)| *waiting.unreadable_since.get_or_insert(now));
        now.saturating_sub(since)
    }

    /// Whether what the disk holds in the place of the webhook with this event has still to be kept. Asked
    /// once: however many letters the webhook becomes, one of them holds it.
    pub(super) fn begin_salvage(&mut self, sequence: Sequence) -> bool {
        let waiting = self.webhooks.range_mut(..=sequence).next_back();
        waiting.is_some_and(|(_, waiting)| !std::mem::replace(&mut waiting.salvaged, true))
    }

    /// The letter that was to hold it did not get to the disk.
    pub(super) fn cancel_salvage(&mut self, sequence: Sequence) {
        if let Some((_, waiting)) = self.webhooks.range_mut(..=sequence).next_back() {
            waiting.salvaged = false;
        }
    }

    /// The webhook whose first event is `first`: where it is and which of its events still have to be
    /// delivered or put in quarantine, ascending. Events that are being settled are not among them: they
    /// are delivered, or durable dead letters.
    pub(super) fn live_of(&self, first: Sequence) -> Option<(Position, Vec<u16>)> {
        let waiting = self.webhooks.get(&first)?;
        let mut live: Vec<u16> = waiting.deliver.iter().chain(&waiting.quarantine).copied().collect();
        live.sort_unstable();
        Some((waiting.position, live))
    }

    /// The events for quarantine of a webhook, and where it is.
    pub(super) fn quarantine_of(&self, first: Sequence) -> Option<Handout> {
        let waiting = self.webhooks.get(&first).filter(|waiting| !waiting.quarantine.is_empty())?;
        Some(Handout {
            events: waiting.quarantine.clone(),
            position: waiting.position,
            webhook: waiting.cached.clone(),
        })
    }

    /// Notes that events of a webhook are being settled; gives their sequences.
    pub(super) fn begin_settling(&mut self, sequence: Sequence, events: &[u16]) -> Vec<Sequence> {
        let Some((first, waiting)) = self.webhooks.range_mut(..=sequence).next_back() else {
            return Vec::new();
        };
        let mut settling = Vec::with_capacity(events.len());
        for event in events {
            let waits = |places: &mut Places| {
                let at = places.iter().position(|other| other == event);
                at.map(|at| places.remove(at)).is_some()
            };
            if waits(&mut waiting.deliver) || waits(&mut waiting.quarantine) {
                waiting.settling.push(*event);
                settling.push(at(*first, *event));
            }
        }
        settling
    }

    /// Events are settled, durably. Gives the webhooks of which nothing waits any more.
    pub(super) fn settled(&mut self, sequences: &[Sequence], now: Timestamp) -> Vec<Sequence> {
        let mut all = Vec::new();
        for sequence in sequences {
            let Some((first, waiting)) = self.webhooks.range_mut(..=*sequence).next_back() else { continue };
            let (first, before) = (*first, waiting.unsettled());
            let Some(place) = place(first, *sequence) else { continue };
            let waits = waiting.settle(place);
            self.events -= (before - waiting.unsettled()) as u64;
            if !waits {
                let segment = waiting.position.segment;
                self.remove(first);
                self.segments.entry(segment).or_default().spent_since.get_or_insert(now);
                all.push(first);
            }
        }
        all
    }

    /// A webhook does not wait any more.
    pub(super) fn remove(&mut self, first: Sequence) {
        if let Some(waiting) = self.webhooks.remove(&first) {
            self.events -= waiting.unsettled() as u64;
            self.live(waiting.position, -1);
            self.cached_bytes -= waiting.cached.map_or(0, |webhook| size(&webhook));
        }
    }

    /// Every webhook that waits, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Sequence, &Waiting)> {
        self.webhooks.iter().map(|(first, waiting)| (*first, waiting))
    }

    /// The webhook whose first event is `first`.
    pub(super) fn webhook(&self, first: Sequence) -> Option<&Waiting> {
        self.webhooks.get(&first)
    }

    /// A webhook is elsewhere now.
    pub(super) fn move_to(&mut self, first: Sequence, position: Position) {
        if let Some(waiting) = self.webhooks.get_mut(&first) {
            let old = std::mem::replace(&mut waiting.position, position);
            self.live(old, -1);
            self.live(position, 1);
        }
    }

    /// What waits in a segment.
    pub(super) fn live_in(&self, segment: u64) -> Live {
        self.segments.get(&segment).copied().unwrap_or_default()
    }

    /// Whether webhooks were written to a segment of which none waits any more.
    pub(super) fn is_spent(&self, segment: u64) -> bool {
        self.segments.get(&segment).is_some_and(|live| live.webhooks == 0)
    }

    /// The oldest segment with webhooks.
    pub(super) fn oldest_segment(&self) -> Option<u64> {
        self.segments.first_key_value().map(|(segment, _)| *segment)
    }

    /// At most `max` webhooks that wait in a segment.
    pub(super) fn in_segment(&self, segment: u64, max: usize) -> Vec<Sequence> {
        let here = self.webhooks.iter().filter(|(_, waiting)| waiting.position.segment == segment);
        here.map(|(first, _)| *first).take(max).collect()
    }

    /// Segments up to and including this one are removed.
    pub(super) fn forget_segments(&mut self, through: u64) {
        self.segments = self.segments.split_off(&(through + 1));
    }

    /// How many events wait.
    pub(super) fn events(&self) -> u64 {
        self.events
    }

    /// When the oldest that waits was received.
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        self.webhooks.first_key_value().map(|(_, waiting)| waiting.received)
    }

    /// Bytes of webhooks in memory.
    pub(super) fn cached_bytes(&self) -> usize {
        self.cached_bytes
    }

    fn cache(&mut self, first: Sequence, webhook: Arc<Webhook>) {
        let bytes = size(&webhook);
        if bytes > self.cache_bytes_max {
            return;
        }
        while self.cached_bytes + bytes > self.cache_bytes_max {
            // What is oldest waits behind something that fails, or everything waits: either way it is not
            // the next to go out.
            let Some(oldest) = self.cached.pop_front() else { return };
            let webhook = self.webhooks.get_mut(&oldest).and_then(|waiting| waiting.cached.take());
            self.cached_bytes -= webhook.map_or(0, |webhook| size(&webhook));
        }
        if let Some(waiting) = self.webhooks.get_mut(&first) {
            waiting.cached = Some(webhook);
            self.cached.push_back(first);
            self.cached_bytes += bytes;
        }
        // Settled ones leave the queue from its front only, so it is swept when most of it is settled.
        if self.cached.len() > 64 + 2 * self.webhooks.len() {
            self.cached.retain(|first| self.webhooks.contains_key(first));
        }
    }

    fn live(&mut self, position: Position, webhooks: isize) {
        let live = self.segments.entry(position.segment).or_default();
        live.webhooks = live.webhooks.saturating_add_signed(webhooks);
        live.bytes = live.bytes.saturating_add_signed(i64::from(position.len) * webhooks as i64);
    }
}

/// The sequence of the event at `place`.
pub(super) fn at(first: Sequence, place: u16) -> Sequence {
    Sequence(first.0 + u64::from(place))
}

/// The place of the event with this sequence.
fn place(first: Sequence, sequence: Sequence) -> Option<u16> {
    sequence.0.checked_sub(first.0).and_then(|place| u16::try_from(place).ok())
}

/// About what a webhook takes in memory, in bytes.
fn size(webhook: &Webhook) -> usize {
    super::record::size_hint(webhook) + size_of::<Webhook>()
}
