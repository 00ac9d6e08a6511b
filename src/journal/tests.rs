//! What the log promises, on real files.

use super::*;

#[test]
fn records_come_back_in_order_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, recovery) = Journal::open(Options::new(dir.path()), &mut |_, _| {}).unwrap();
    assert_eq!(recovery, Recovery::default());
    let tickets: Vec<_> = (0..100).map(|n| journal.append(format!("record {n}").into_bytes())).collect();
    let positions: Vec<_> = tickets.into_iter().map(|ticket| ticket.wait().unwrap()).collect();
    assert!(positions.is_sorted());
    assert_eq!(journal.read(positions[42]).unwrap(), b"record 42");
    drop(journal);
    let mut found = Vec::new();
    let (_, recovery) =
        Journal::open(Options::new(dir.path()), &mut |at, record| found.push((at, record.to_vec()))).unwrap();
    assert_eq!(recovery, Recovery { records: 100, ..Recovery::default() });
    let expected: Vec<_> =
        (0..100).zip(positions).map(|(n, at)| (at, format!("record {n}").into_bytes())).collect();
    assert_eq!(found, expected);
}
