//! What the log promises, on real files.

mod damage;
mod disk;

use std::path::Path;

use super::{faults::FaultyDisk, format::SEGMENT_HEADER, *};

/// Every record of the journal in a folder, and what recovery says.
fn reopened(dir: &Path) -> (Vec<(Position, Vec<u8>)>, Recovery) {
    let mut found = Vec::new();
    let (_, recovery) =
        Journal::open(Options::new(dir), &mut |at, record| found.push((at, record.to_vec()))).unwrap();
    (found, recovery)
}

fn texts(records: &[(Position, Vec<u8>)]) -> Vec<String> {
    records.iter().map(|(_, record)| String::from_utf8_lossy(record).into_owned()).collect()
}

fn open(dir: &Path, segment_bytes: u64) -> Journal {
    Journal::open(Options { segment_bytes, ..Options::new(dir) }, &mut |_, _| {}).unwrap().0
}

#[test]
fn records_come_back_in_order_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path(), 1000);
    let tickets: Vec<_> = (0..500).map(|n| journal.append(format!("record {n}").into_bytes())).collect();
    let positions: Vec<_> = tickets.into_iter().map(|ticket| ticket.wait().unwrap()).collect();
    assert!(positions.is_sorted());
    assert_eq!(journal.read(positions[42]).unwrap(), b"record 42");
    drop(journal);

    let (found, recovery) = reopened(dir.path());
    assert_eq!(recovery, Recovery { records: 500, ..Recovery::default() });
    let expected: Vec<_> =
        (0..500).zip(positions).map(|(n, at)| (at, format!("record {n}").into_bytes())).collect();
    assert_eq!(found, expected);
}

/// A journal whose disk stands still in the commit of the record `first`.
fn standing_still(dir: &Path) -> (Journal, Arc<FaultyDisk>, Ticket) {
    let disk = FaultyDisk::sound(dir);
    let (journal, _) = Journal::open_on(disk.clone(), Options::new(dir), &mut |_, _| {}).unwrap();
    disk.hold();
    let first = journal.append(b"first".to_vec());
    disk.await_sync();
    (journal, disk, first)
}

#[test]
fn what_gathers_during_a_commit_shares_the_next_one() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, disk, first) = standing_still(dir.path());
    let before = disk.steps();
    let rest: Vec<_> = (0..500).map(|_| journal.append(vec![7; 100])).collect();
    disk.release();
    first.wait().unwrap();
    for ticket in rest {
        ticket.wait().unwrap();
    }
    assert_eq!(disk.steps() - before, 3, "the first sync, then one write and one sync for 500 records");
}

#[test]
fn nothing_is_acknowledged_before_it_is_synced() {
    let dir = tempfile::tempdir().unwrap();
    let (_journal, disk, mut first) = standing_still(dir.path());
    assert!(first.0.try_recv().is_err());
    disk.release();
    first.wait().unwrap();
}

#[test]
fn a_dropped_ticket_does_not_undo_the_record() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, disk, first) = standing_still(dir.path());
    drop(first);
    drop(journal.append(b"second".to_vec()));
    disk.release();
    drop(journal);
    assert_eq!(texts(&reopened(dir.path()).0), ["first", "second"]);
}

#[test]
fn a_queue_that_is_full_refuses_and_takes_more_when_it_has_drained() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, disk, first) = standing_still(dir.path());
    let mut waiting: Vec<_> = (0..QUEUE_RECORDS_MAX).map(|_| journal.append(Vec::new())).collect();
    assert!(matches!(journal.append(Vec::new()).wait(), Err(JournalError::Busy)));
    disk.release();
    first.wait().unwrap();
    waiting.pop().unwrap().wait().unwrap();
    journal.append(b"later".to_vec()).wait().unwrap();
}

#[test]
fn an_oversized_record_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path(), 1000);
    let refused = journal.append(vec![0; RECORD_BYTES_MAX + 1]).wait();
    assert!(matches!(refused, Err(JournalError::TooLarge { .. })));
}

#[test]
fn closing_commits_what_waits_and_takes_nothing_more() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path(), 1000);
    let tickets: Vec<_> = (0..50).map(|n| journal.append(vec![n])).collect();
    journal.close();
    for ticket in tickets {
        ticket.wait().unwrap();
    }
    assert!(matches!(journal.append(vec![1]).wait(), Err(JournalError::Closed)));
    assert!(matches!(journal.roll().wait(), Err(JournalError::Closed)));
}

#[test]
fn a_second_opening_is_refused_until_the_first_is_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path(), 1000);
    let second = Journal::open(Options::new(dir.path()), &mut |_, _| {});
    let error = second.unwrap_err();
    assert!(matches!(error, OpenError::Locked { .. }), "{error}");
    assert!(error.to_string().ends_with("is in use by another process"), "{error}");
    drop(first);
    open(dir.path(), 1000);
}

#[test]
fn a_roll_puts_what_follows_into_a_new_segment() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path(), 1 << 20);
    assert_eq!(journal.roll().wait().unwrap(), 1, "an empty segment is kept");
    let before = journal.append(b"before".to_vec());
    let rolled = journal.roll();
    let after = journal.append(b"after".to_vec());
    assert_eq!(before.wait().unwrap().segment, 1);
    assert_eq!(rolled.wait().unwrap(), 2);
    assert_eq!(after.wait().unwrap().segment, 2);
}

#[test]
fn removing_gives_back_the_oldest_segments_but_never_the_active_one() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path(), 500);
    let positions: Vec<_> = (0..20).map(|_| journal.append(vec![7; 100]).wait().unwrap()).collect();
    let segments = journal.segments();
    assert!(segments.len() > 3 && segments.is_sorted_by_key(|s| s.id));
    assert_eq!(journal.remove_through(segments[1].id).unwrap(), segments[0].bytes + segments[1].bytes);
    assert!(matches!(journal.read(positions[0]), Err(ReadError::Missing(_))));
    assert_eq!(journal.read(positions[19]).unwrap(), [7; 100]);
    journal.remove_through(u64::MAX).unwrap();
    let left = journal.segments();
    assert_eq!(left, segments[segments.len() - 1..]);
    assert_eq!(journal.read(positions[19]).unwrap(), [7; 100]);
    drop(journal);
    let (_, recovery) = reopened(dir.path());
    assert_eq!(recovery.damaged, [], "segments that were removed are not missed");
}

#[test]
fn a_record_larger_than_a_segment_gets_one_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path(), 500);
    for size in [10, 5000, 10] {
        let at = journal.append(vec![9; size]).wait().unwrap();
        assert_eq!(journal.read(at).unwrap(), vec![9; size]);
    }
    assert_eq!(journal.segments().len(), 3);
}

#[test]
fn a_place_without_a_record_reads_as_missing_or_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path(), 500);
    let at = journal.append(vec![1; 50]).wait().unwrap();
    for wrong in [
        Position { segment: 9, ..at },
        Position { offset: 3, ..at },
        Position { offset: at.offset + 1, ..at },
        Position { len: 49, ..at },
        Position { offset: u64::MAX, ..at },
        Position { len: u32::MAX, ..at },
    ] {
        assert!(journal.read(wrong).is_err(), "{wrong:?}");
    }
}

#[tokio::test]
async fn a_ticket_is_a_future() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path(), 500);
    let at = journal.append(b"x".to_vec()).await.unwrap();
    assert_eq!(at, Position { segment: 1, offset: (SEGMENT_HEADER + 28) as u64, len: 1 });
}
