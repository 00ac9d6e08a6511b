//! The law that reading a record keeps whatever bytes it is given: a fuzz target feeds them, and the stable
//! test suite replays the saved corpus.

use super::record::{Kept, Record};

/// Reads `bytes` as a record of the spool's journal and checks what must hold of any result.
///
/// # Panics
/// If a law is broken; this is what a fuzzer looks for.
pub fn record(bytes: &[u8]) {
    let Ok(record) = Record::decode(bytes) else { return };
    let again = Record::decode(&record.encode(bytes.len()));
    assert_eq!(again.as_ref(), Ok(&record), "a record is not read back as it was written");
    if let Record::Accepted(Kept { first, webhook, .. }) = record {
        let last = first.0.checked_add(webhook.events.len() as u64);
        assert!(last.is_some() && !webhook.events.is_empty(), "the sequences of a record overflow");
    }
}
