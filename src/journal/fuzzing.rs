//! The laws that reading a segment keeps whatever bytes it is given: a fuzz target feeds them, and the
//! stable test suite replays the saved corpus.

use super::{Tail, scan_segment};

/// Reads `bytes` as a segment and checks what must hold of any result.
///
/// # Panics
/// If a law is broken; this is what a fuzzer looks for.
pub fn scan(bytes: &[u8]) {
    let mut torn = Vec::new();
    let mut sealed = Vec::new();
    for (tail, records) in [(Tail::MayBeTorn, &mut torn), (Tail::Sealed, &mut sealed)] {
        let mut behind = 0;
        let scanned = scan_segment(bytes, tail, &mut |offset, record| {
            assert!(offset >= behind, "records overlap or go back at {offset}");
            behind = offset + record.len() as u64;
            records.push((offset, record.to_vec()));
        });
        let size = bytes.len() as u64;
        assert!(behind <= scanned.end && scanned.end <= size, "a record or the end is outside the segment");
        assert!(tail == Tail::MayBeTorn || scanned.end == size, "a sealed segment has a torn tail");
        assert_eq!(scanned.records, records.len() as u64, "the count of records is wrong");
        let mut behind = 0;
        for bad in &scanned.bad {
            assert!(behind <= bad.range.start && bad.range.start <= bad.range.end, "bad ranges overlap");
            behind = bad.range.end;
        }
        assert!(behind <= scanned.end, "a bad range is outside the durable part");
    }
    assert!(sealed.starts_with(&torn), "sealing a segment changed what is in it");
}
