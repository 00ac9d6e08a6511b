//! A disk that fails, is full, or loses power at any step.

use super::{
    super::faults::{self, Fault, FaultyDisk},
    *,
};

/// What became of the records of [`scenario`].
#[derive(Default)]
struct Outcome {
    kept: Vec<(Position, Vec<u8>)>,
    full: Vec<Vec<u8>>,
    removed_through: u64,
}

/// Two runs of a journal with several segments; every step may fail.
fn scenario(disk: &Arc<FaultyDisk>, dir: &Path) -> Outcome {
    let mut outcome = Outcome::default();
    for run in 0..2u8 {
        let options = Options { segment_bytes: 300, ..Options::new(dir) };
        let Ok((journal, _)) = Journal::open_on(disk.clone(), options, &mut |_, _| {}) else {
            return outcome;
        };
        for n in 0..8 {
            let record = vec![run * 100 + n; 60];
            match journal.append(record.clone()).wait() {
                Ok(at) => outcome.kept.push((at, record)),
                Err(JournalError::Full) => outcome.full.push(record),
                Err(_) => {}
            }
        }
        let _ = journal.roll().wait();
        if run == 1 {
            outcome.removed_through = 2;
            let _ = journal.remove_through(2);
        }
    }
    outcome
}

/// What was acknowledged is there, in order; nothing else is but what was asked for.
fn assert_kept(outcome: &Outcome, dir: &Path, context: &str) {
    let (found, recovery) = reopened(dir);
    assert_eq!(recovery.damaged, [], "{context}");
    let mut rest = found.iter();
    for kept in outcome.kept.iter().filter(|(at, _)| at.segment > outcome.removed_through) {
        assert!(rest.any(|record| record == kept), "{context}: {kept:?} was acknowledged and is lost");
    }
    for (at, record) in &found {
        let asked_for = record.len() == 60 && record.iter().all(|byte| *byte == record[0]);
        assert!(asked_for, "{context}: {at:?} was never asked for");
        assert!(!outcome.full.contains(record), "{context}: {at:?} was refused as full and is there");
    }
}

#[test]
fn whatever_step_fails_what_was_acknowledged_is_there() {
    for fault in [Fault::Error, Fault::Full, Fault::PowerCut] {
        for n in 1.. {
            let dir = faults::folder();
            let disk = FaultyDisk::nth(dir.path(), n, fault);
            let outcome = scenario(&disk, dir.path());
            let context = format!("{fault:?} at step {n}");
            let stable = faults::folder();
            disk.leave_behind(stable.path());
            assert_kept(&outcome, stable.path(), &format!("{context}, then a power cut"));
            assert_kept(&outcome, dir.path(), &format!("{context}, then a kill"));
            if !disk.was_hit() {
                assert!(n > 30, "the scenario has only {n} steps");
                assert_eq!(outcome.kept.len(), 16);
                break;
            }
        }
    }
}

#[test]
fn a_full_disk_refuses_and_recovers_without_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let disk = FaultyDisk::sound(dir.path());
    let options = Options { segment_bytes: 200, ..Options::new(dir.path()) };
    let (journal, _) = Journal::open_on(disk.clone(), options, &mut |_, _| {}).unwrap();
    let mut expected = Vec::new();
    for round in 0..6 {
        disk.set_full(round % 2 == 1);
        for n in 0..5 {
            let record = format!("round {round} record {n}");
            match journal.append(record.clone().into_bytes()).wait() {
                Ok(_) => expected.push(record),
                Err(error) => assert!(matches!(error, JournalError::Full), "{error}"),
            }
        }
    }
    assert_eq!(expected.len(), 15, "{expected:?}");
    assert!(journal.failure().is_none());
    drop(journal);
    let (found, recovery) = reopened(dir.path());
    assert_eq!(texts(&found), expected);
    assert_eq!((recovery.truncated_bytes, recovery.damaged), (0, vec![]));
}

#[test]
fn after_a_failed_sync_nothing_is_acknowledged_until_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let disk = FaultyDisk::sound(dir.path());
    let (journal, _) = Journal::open_on(disk.clone(), Options::new(dir.path()), &mut |_, _| {}).unwrap();
    journal.append(b"kept".to_vec()).wait().unwrap();
    disk.fail_next_sync();
    assert!(matches!(journal.append(b"doubtful".to_vec()).wait(), Err(JournalError::Failed(_))));
    assert!(journal.failure().is_some());
    for _ in 0..3 {
        assert!(matches!(journal.append(b"later".to_vec()).wait(), Err(JournalError::Failed(_))));
    }
    assert!(matches!(journal.roll().wait(), Err(JournalError::Failed(_))));
    drop(journal);
    let stable = tempfile::tempdir().unwrap();
    disk.leave_behind(stable.path());
    assert_eq!(texts(&reopened(stable.path()).0), ["kept"]);
    open(dir.path(), 1 << 20).append(b"works again".to_vec()).wait().unwrap();
}
