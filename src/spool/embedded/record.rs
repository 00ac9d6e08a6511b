//! What a record of the spool's journal is.
//!
//! One byte with the version, then the postcard form of [`Record`]. Bodies are in it once, as they came.
//! The journal below adds length and checksum, so a record that cannot be decoded is not damage but
//! another version's, and opening refuses it rather than skip an accepted event.
//!
//! Read in the order of the journal, the records give back what the spool held: this is all that
//! recovery does.

use serde::{Deserialize, Serialize};

use crate::{
    ids::Timestamp,
    spool::{Sequence, Webhook},
};

const VERSION: u8 = 2;

/// Events of one webhook at most; one with more is refused. A unit names its events by their place in the
/// webhook in 16 bits; the largest body of any provider holds a few thousand.
pub(super) const WEBHOOK_EVENTS_MAX: usize = 1 << 16;

/// One record. `W` is [`Webhook`] when read and a reference when written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Record<W = Webhook> {
    /// A webhook was accepted; the marks of its events count from its `at`.
    Accepted(Kept<W>),
    /// What still waits of an older webhook was written again, so that its segment could be removed. From
    /// here on this is where it is.
    Moved {
        /// The whole webhook, under its sequences of old.
        kept: Kept<W>,
        /// Which of its events waited, ascending.
        live: Vec<u16>,
    },
    /// A dead letter was put back.
    Revived {
        /// What waits again, under new sequences.
        kept: Kept<W>,
        /// The letter that it was.
        letter: Sequence,
    },
    /// These events are delivered, or are dead letters.
    Settled(Vec<Sequence>),
    /// Sequences below this one were given away, though the segments that say so are removed.
    Next(Sequence),
}

/// A webhook, as kept: its event number `i` has the sequence `first + i`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Kept<W = Webhook> {
    /// The sequence of its first event.
    pub(super) first: Sequence,
    /// When it was accepted, by the spool's own clock ([`super::age`]).
    pub(super) at: Timestamp,
    /// The webhook, with the events that were new.
    pub(super) webhook: W,
}

/// A record that this version did not write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a record of this version")]
pub struct BadRecord;

impl<W: Serialize> Record<W> {
    /// The record's bytes. `hint` is about how many there will be.
    pub(super) fn encode(&self, hint: usize) -> Vec<u8> {
        encode(VERSION, self, hint)
    }
}

impl Record {
    /// Reads a record back.
    ///
    /// # Errors
    /// If the bytes are no record of this version, or say what no spool writes.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, BadRecord> {
        let record = decode(VERSION, bytes)?;
        let sound = match &record {
            Self::Accepted(kept) | Self::Revived { kept, .. } => kept.is_sound(),
            Self::Moved { kept, live } => {
                kept.is_sound()
                    && !live.is_empty()
                    && live.is_sorted_by(|a, b| a < b)
                    && live.iter().all(|at| usize::from(*at) < kept.webhook.events.len())
            }
            Self::Settled(_) | Self::Next(_) => true,
        };
        if sound { Ok(record) } else { Err(BadRecord) }
    }
}

impl Kept {
    fn is_sound(&self) -> bool {
        let events = self.webhook.events.len();
        (1..=WEBHOOK_EVENTS_MAX).contains(&events) && self.first.0.checked_add(events as u64).is_some()
    }
}

/// `version` and the postcard form of `record`.
#[expect(
    clippy::expect_used,
    reason = "into memory, postcard refuses only lengths unknown ahead; no record has one"
)]
pub(super) fn encode(version: u8, record: &impl Serialize, hint: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(hint);
    bytes.push(version);
    postcard::to_extend(record, bytes).expect("a record has a postcard form")
}

/// The inverse of [`encode`]; the bytes must end where the record does.
pub(super) fn decode<'a, R: Deserialize<'a>>(version: u8, bytes: &'a [u8]) -> Result<R, BadRecord> {
    let (first, bytes) = bytes.split_first().ok_or(BadRecord)?;
    if *first != version {
        return Err(BadRecord);
    }
    let (record, rest) = postcard::take_from_bytes(bytes).map_err(|_not_ours| BadRecord)?;
    if rest.is_empty() { Ok(record) } else { Err(BadRecord) }
}

/// About how many bytes a webhook takes in a record.
pub(super) fn size_hint(webhook: &Webhook) -> usize {
    let events: usize = webhook.events.iter().map(|event| 160 + event.data.len()).sum();
    let headers: usize = webhook.headers.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
    128 + webhook.body.len() + events + headers + webhook.target.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::spool::embedded::samples;

    fn record() -> impl Strategy<Value = Record> {
        let kept = || {
            (any::<u32>(), any::<i64>(), samples::webhook()).prop_map(|(first, at, webhook)| Kept {
                first: Sequence(first.into()),
                at: Timestamp(at),
                webhook,
            })
        };
        prop_oneof![
            kept().prop_map(Record::Accepted),
            kept().prop_map(|kept| Record::Moved { live: vec![0], kept }),
            (kept(), any::<u64>())
                .prop_map(|(kept, letter)| Record::Revived { kept, letter: Sequence(letter) }),
            proptest::collection::vec(any::<u64>().prop_map(Sequence), 0..5).prop_map(Record::Settled),
            any::<u64>().prop_map(|next| Record::Next(Sequence(next))),
        ]
    }

    proptest! {
        #[test]
        fn a_record_is_read_back_as_it_was_written(record in record()) {
            prop_assert_eq!(Record::decode(&record.encode(0)), Ok(record));
        }

        #[test]
        fn a_record_with_a_byte_more_or_less_is_refused(record in record(), cut in any::<prop::sample::Index>()) {
            let mut bytes = record.encode(0);
            prop_assert!(Record::decode(&bytes[..cut.index(bytes.len())]).is_err());
            bytes.push(0);
            prop_assert!(Record::decode(&bytes).is_err());
        }

        #[test]
        fn garbage_is_refused_or_read_and_never_panics(bytes: Vec<u8>) {
            let mut versioned = vec![VERSION];
            versioned.extend(&bytes);
            let _ = Record::decode(&bytes);
            let _ = Record::decode(&versioned);
        }
    }

    #[test]
    fn the_body_is_in_the_record_once_and_unescaped() {
        let mut webhook = samples::message("one", "conversation");
        webhook.body = vec![b'"'; 10_000].into();
        let record = Record::Accepted(Kept { first: Sequence(1), at: Timestamp(0), webhook: &webhook });
        let bytes = record.encode(0);
        assert!(bytes.len() < 10_000 + 400, "{}", bytes.len());
        assert!(bytes.windows(10_000).any(|part| part == webhook.body));
    }

    #[test]
    fn another_version_is_refused() {
        let mut bytes = Record::<Webhook>::Settled(vec![Sequence(1)]).encode(0);
        bytes[0] += 1;
        assert_eq!(Record::decode(&bytes), Err(BadRecord));
    }

    #[test]
    fn what_no_spool_writes_is_refused() {
        let mut webhook = samples::message("one", "conversation");
        let kept = |first, webhook| Kept { first: Sequence(first), at: Timestamp(0), webhook };
        for bad in [
            Record::Accepted(kept(u64::MAX, webhook.clone())),
            Record::Moved { kept: kept(1, webhook.clone()), live: vec![] },
            Record::Moved { kept: kept(1, webhook.clone()), live: vec![1] },
            Record::Moved { kept: kept(1, webhook.clone()), live: vec![0, 0] },
        ] {
            assert_eq!(Record::decode(&bad.encode(0)), Err(BadRecord), "{bad:?}");
        }
        webhook.events.clear();
        assert_eq!(Record::decode(&Record::Accepted(kept(1, webhook)).encode(0)), Err(BadRecord));
    }
}
