//! The spool on a disk that fails, fills up, waits or loses its power.

use std::{collections::BTreeSet, fs, path::Path};

use super::{
    samples::{event, message, receipt, webhook_of},
    *,
};
use crate::{
    channel::event::State,
    clock::ManualClock,
    ids::{ConversationId, ConversationKey, Timestamp},
    journal::faults::{self, Fault, FaultyDisk},
    spool::DeathReason,
};

#[derive(Debug)]
struct NothingKnown;

impl Known for NothingKnown {
    fn conversation(&self, _key: ConversationKey) -> Option<ConversationId> {
        None
    }
}

fn try_open(path: &Path, disk: Arc<FaultyDisk>) -> Result<Arc<EmbeddedSpool>, OpenError> {
    open_by(path, disk, Arc::new(ManualClock::new(Timestamp(1_700_000_000_000))))
}

fn open_by(
    path: &Path,
    disk: Arc<FaultyDisk>,
    clock: crate::clock::SharedClock,
) -> Result<Arc<EmbeddedSpool>, OpenError> {
    let store = Store {
        path: path.to_owned(),
        segment_bytes: 1024,
        disk_free_min: 0,
        backlog_events_max: 100_000,
        dedupe_window: Duration::from_secs(7 * 86_400),
        dedupe_marks_max: 1_000,
        cache_bytes: 1 << 20,
        dead_letter_age_max: Duration::from_secs(14 * 86_400),
    };
    let mut registry = Registry::default();
    let limits = Limits::new(&mut registry);
    EmbeddedSpool::open_on(disk, store, Arc::new(NothingKnown), clock, &mut registry, &limits)
}

/// A spool on a disk whose journals a test can make fail.
fn on_a_disk(path: &Path) -> (Arc<EmbeddedSpool>, Arc<FaultyDisk>) {
    let disk = FaultyDisk::sound(&path.join("spool"));
    (try_open(path, Arc::clone(&disk)).unwrap(), disk)
}

fn name(unit: &Unit) -> String {
    unit.events().map(|event| &*event.data).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_failed_sync_nothing_is_taken_or_handed_out() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, disk) = on_a_disk(dir.path());
    spool.accept(message("one", "ann")).await.unwrap();
    spool.accept(message("two", "bob")).await.unwrap();
    let one = spool.next().await.unwrap();
    disk.fail_next_sync();
    let failed = spool.settle(&one, Settlement::Delivered).await;
    assert!(matches!(failed, Err(SpoolError::Failed(_))), "{failed:?}");
    let refused = spool.accept(message("three", "ann")).await;
    assert!(matches!(refused, Err(SpoolError::Failed(_))), "{refused:?}");
    assert!(!spool.depth().writable);
    tokio::select! {
        biased;
        _ = spool.next() => panic!("handed out what cannot be noted as delivered"),
        () = tokio::task::yield_now() => {}
    }
    spool.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_full_disk_webhooks_are_refused_and_deliveries_wait_to_be_noted() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, disk) = on_a_disk(dir.path());
    spool.accept(message("one", "ann")).await.unwrap();
    spool.accept(message("two", "ann")).await.unwrap();
    let one = spool.next().await.unwrap();
    disk.set_full(true);
    for _ in 0..2 {
        let full = spool.accept(message("three", "ann")).await;
        assert!(matches!(full, Err(SpoolError::Full)), "{full:?}");
    }
    let noted = tokio::spawn({
        let spool = Arc::clone(&spool);
        async move { spool.settle(&one, Settlement::Delivered).await }
    });
    // The refusal of a webhook that is queued behind it shows that it was tried.
    tokio::task::yield_now().await;
    assert!(spool.accept(message("three", "ann")).await.is_err());
    assert_eq!(spool.depth().events, 2);
    disk.set_full(false);
    noted.await.unwrap().unwrap();
    assert_eq!(name(&spool.next().await.unwrap()), r#"{"id":"two"}"#);
    assert_eq!(spool.accept(message("three", "ann")).await.unwrap().kept, 1, "its mark was not taken back");
    spool.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_duplicate_of_what_is_being_written_waits_for_that_write() {
    for fails in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let (spool, disk) = on_a_disk(dir.path());
        disk.hold();
        let accept = || {
            let spool = Arc::clone(&spool);
            tokio::spawn(async move { spool.accept(message("one", "ann")).await })
        };
        let both = [accept(), accept()];
        tokio::task::spawn_blocking({
            let disk = Arc::clone(&disk);
            move || disk.await_sync()
        })
        .await
        .unwrap();
        assert!(both.iter().all(|accept| !accept.is_finished()), "answered before it was on the disk");
        if fails {
            disk.fail_next_sync();
        }
        disk.release();
        let mut kept = 0;
        for accept in both {
            match accept.await.unwrap() {
                Ok(accepted) => kept += accepted.kept,
                Err(error) => assert!(fails, "{error}"),
            }
        }
        assert_eq!(kept, usize::from(!fails));
        spool.close().await;
    }
}

/// What the receipt that is next was told.
async fn told(spool: &EmbeddedSpool) -> Option<(State, u64)> {
    let unit = spool.next().await.unwrap();
    spool.settle(&unit, Settlement::Delivered).await.unwrap();
    let further = unit.events().next().unwrap().superseded;
    further.map(|further| (further.state, further.up_to))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_waits_for_a_further_one_that_is_being_written() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, disk) = on_a_disk(dir.path());
    disk.hold();
    let accept = |state, up_to| {
        let spool = Arc::clone(&spool);
        tokio::spawn(async move { spool.accept(receipt("ann", state, up_to)).await })
    };
    let read = accept(State::Read, 20);
    tokio::task::spawn_blocking({
        let disk = Arc::clone(&disk);
        move || disk.await_sync()
    })
    .await
    .unwrap();
    let late = [accept(State::Delivered, 10), accept(State::Read, 15)];
    disk.release();
    for receipt in late.into_iter().chain([read]) {
        receipt.await.unwrap().unwrap();
    }
    assert_eq!(told(&spool).await, None);
    assert_eq!(told(&spool).await, Some((State::Read, 20)));
    assert_eq!(told(&spool).await, Some((State::Read, 20)));
    spool.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_that_was_not_kept_says_nothing_and_takes_nothing_back() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, disk) = on_a_disk(dir.path());
    spool.accept(receipt("ann", State::Read, 20)).await.unwrap();
    assert_eq!(told(&spool).await, None);
    disk.set_full(true);
    assert!(spool.accept(receipt("ann", State::Read, 30)).await.is_err());
    disk.set_full(false);
    for (up_to, expected) in [(15, Some((State::Read, 20))), (25, None)] {
        spool.accept(receipt("ann", State::Delivered, up_to)).await.unwrap();
        assert_eq!(told(&spool).await, expected, "{up_to}");
    }
    spool.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_webhook_does_not_wait_for_ever_for_a_disk_that_hangs() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, disk) = on_a_disk(dir.path());
    disk.hold();
    for _ in 0..2 {
        let refused = spool.accept(message("one", "ann")).await;
        assert!(matches!(refused, Err(SpoolError::Limit { what: "commit_wait_max" })), "{refused:?}");
    }
    disk.release();
    // Time passes by itself again: the disk's answer is awaited in earnest.
    tokio::time::resume();
    let again = spool.accept(message("one", "ann")).await.unwrap();
    assert_eq!((again.kept, again.duplicates), (0, 1), "it was kept after all");
    spool.close().await;
    drop(spool);
    let (spool, _disk) = on_a_disk(dir.path());
    let regrouped = webhook_of(vec![event("two", "ann"), event("one", "ann")]);
    let again = spool.accept(regrouped).await.unwrap();
    assert_eq!((again.kept, again.duplicates), (1, 1), "it was forgotten with the restart");
    assert_eq!(spool.depth().events, 2);
    spool.close().await;
}

#[tokio::test(start_paused = true)]
async fn what_finds_no_place_behind_a_disk_that_hangs_is_refused_and_let_go_at_once() {
    // Many records become many segments, and a disk that others use as well takes long to sync them.
    let dir = faults::folder();
    let (spool, disk) = on_a_disk(dir.path());
    disk.hold();
    let (mut refused, mut number) = (None, 0);
    // Some more than may queue: the writer has taken a commit's worth already.
    while refused.is_none() && number < journal::QUEUE_RECORDS_MAX + 10_000 {
        tokio::select! {
            biased;
            outcome = spool.accept(message(&number.to_string(), "ann")) => refused = Some(outcome),
            () = std::future::ready(()) => {}
        }
        number += 1;
    }
    disk.release();
    assert!(matches!(refused, Some(Err(SpoolError::Limit { what: "journal_queue_max" }))), "{refused:?}");
    spool.close().await;
}

/// Only the dead letters' journal fails; the spool's own would go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_sync_of_the_dead_letters_ends_the_spool() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, disk) = on_a_disk(dir.path());
    spool.accept(message("one", "ann")).await.unwrap();
    let one = spool.next().await.unwrap();
    disk.fail_next_sync();
    let failed = spool.settle(&one, Settlement::Dead(DeathReason::Gone)).await;
    assert!(matches!(failed, Err(SpoolError::Failed(_))), "{failed:?}");
    tokio::time::timeout(Duration::from_secs(20), spool.failed()).await.expect("nobody was told");
    let refused = spool.accept(message("two", "ann")).await;
    assert!(matches!(refused, Err(SpoolError::Failed(_))), "{refused:?}");
    assert!(!spool.depth().writable);
    spool.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_for_what_a_full_disk_cannot_note_when_the_spool_ends() {
    for fails in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let (spool, disk) = on_a_disk(dir.path());
        spool.accept(message("one", "ann")).await.unwrap();
        spool.accept(message("two", "bob")).await.unwrap();
        let (one, two) = (spool.next().await.unwrap(), spool.next().await.unwrap());
        disk.set_full(true);
        let noted = tokio::spawn({
            let spool = Arc::clone(&spool);
            async move { spool.settle(&one, Settlement::Delivered).await }
        });
        tokio::task::yield_now().await;
        assert!(spool.accept(message("three", "ann")).await.is_err());
        if fails {
            disk.set_full(false);
            disk.fail_next_sync();
            let _failed = spool.settle(&two, Settlement::Delivered).await;
        }
        spool.close().await;
        let noted = tokio::time::timeout(Duration::from_secs(20), noted).await.expect("it waits for ever");
        let noted = noted.unwrap();
        assert!(matches!(noted, Err(SpoolError::Closed | SpoolError::Failed(_))) || fails, "{noted:?}");
    }
}

/// What the outside world was told.
#[derive(Debug, Default)]
struct Told {
    accepted: BTreeSet<String>,
    buried: BTreeSet<String>,
    delivering: BTreeSet<String>,
    delivered: BTreeSet<String>,
}

/// Uses everything that writes, until the disk fails.
async fn use_everything(spool: &EmbeddedSpool, told: &mut Told) -> Result<(), SpoolError> {
    for round in 0..8 {
        for number in 0..3 {
            let text = format!("{round}-{number}");
            spool.accept(message(&text, &number.to_string())).await?;
            told.accepted.insert(format!(r#"{{"id":"{text}"}}"#));
        }
        // Every other round's letter is put back.
        if round % 2 == 1
            && let Some(letter) = spool.dead_letters(Sequence(0), 1).first()
        {
            spool.revive(letter.sequence, None).await?;
        }
        // One conversation never gets on, so that what waits of it is moved.
        for _ in 0..3 {
            let handed_out = tokio::select! {
                unit = spool.next() => unit,
                () = spool.failed() => return Err(SpoolError::Closed),
            };
            let Some(unit) = handed_out else { break };
            let name = name(&unit);
            if name.ends_with("-0\"}") {
                spool.settle(&unit, Settlement::Retry(Duration::from_millis(1))).await?;
                continue;
            }
            if name.ends_with("-1\"}") && told.buried.insert(name.clone()) {
                spool.settle(&unit, Settlement::Dead(DeathReason::Gone)).await?;
                continue;
            }
            told.delivering.insert(name.clone());
            spool.settle(&unit, Settlement::Delivered).await?;
            told.delivered.insert(name);
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_power_cut_at_any_step_loses_nothing_accepted_and_repeats_nothing_settled() {
    let mut cuts = 0;
    for n in 1.. {
        let dir = faults::folder();
        let disk = FaultyDisk::nth(&dir.path().join("spool"), n, Fault::PowerCut);
        let mut told = Told::default();
        if let Ok(spool) = try_open(dir.path(), Arc::clone(&disk)) {
            let _cut = use_everything(&spool, &mut told).await;
            spool.close().await;
        }
        if !disk.was_hit() {
            break;
        }
        cuts += 1;
        let left = faults::folder();
        disk.leave_behind(&left.path().join("spool"));
        let marks = dir.path().join("spool/marks");
        fs::create_dir_all(left.path().join("spool/marks")).unwrap();
        for file in fs::read_dir(marks).into_iter().flatten() {
            let file = file.unwrap().path();
            fs::copy(&file, left.path().join("spool/marks").join(file.file_name().unwrap())).unwrap();
        }

        let (spool, _) = on_a_disk(left.path());
        let mut again = BTreeSet::new();
        for letter in spool.dead_letters(Sequence(0), usize::MAX) {
            assert!(spool.revive(letter.sequence, None).await.unwrap(), "cut {n}: {letter:?}");
        }
        let mut applied = spool.core.applied.subscribe();
        while spool.depth().events > 0 {
            let unit = tokio::select! {
                unit = spool.next() => unit.unwrap(),
                // What was cut off between its burial and the note of it is noted by the keeper, and never handed out.
                _ = applied.changed() => continue,
            };
            assert!(again.insert(name(&unit)), "cut {n}: {} was handed out twice", name(&unit));
            spool.settle(&unit, Settlement::Delivered).await.unwrap();
        }
        let lost: Vec<_> =
            told.accepted.iter().filter(|n| !again.contains(*n) && !told.delivering.contains(*n)).collect();
        assert!(lost.is_empty(), "cut {n}: {lost:?} were accepted and are gone");
        let repeated: Vec<_> = told.delivered.intersection(&again).collect();
        assert!(repeated.is_empty(), "cut {n}: {repeated:?} were settled and came again");
        for text in &told.accepted {
            let id = text.trim_start_matches("{\"id\":\"").trim_end_matches("\"}");
            let accepted = spool.accept(message(id, "any")).await.unwrap();
            assert_eq!(accepted.duplicates, 1, "cut {n}: {id} was forgotten");
        }
        spool.close().await;
    }
    assert!(cuts > 50, "only {cuts} steps");
}

/// A clock that looks, whenever the thread of the test asks it, whether the state of the spool is free.
#[derive(Debug)]
struct Looking {
    thread: std::thread::ThreadId,
    spool: std::sync::OnceLock<std::sync::Weak<EmbeddedSpool>>,
    asked_while_free: std::sync::atomic::AtomicUsize,
}

impl crate::clock::Clock for Looking {
    fn now(&self) -> Timestamp {
        Timestamp(1_700_000_000_000)
    }

    fn elapsed(&self) -> Duration {
        let here = std::thread::current().id() == self.thread;
        let spool = self.spool.get().filter(|_| here).and_then(std::sync::Weak::upgrade);
        if spool.is_some_and(|spool| spool.core.state.try_lock().is_ok()) {
            self.asked_while_free.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
        Duration::ZERO
    }
}

#[tokio::test]
async fn the_time_of_acceptance_is_taken_with_the_place_in_the_order() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(Looking {
        thread: std::thread::current().id(),
        spool: std::sync::OnceLock::new(),
        asked_while_free: std::sync::atomic::AtomicUsize::new(0),
    });
    let disk = FaultyDisk::sound(&dir.path().join("spool"));
    let spool = open_by(dir.path(), disk, clock.clone()).unwrap();
    clock.spool.set(Arc::downgrade(&spool)).unwrap();
    let mut accepting = std::pin::pin!(spool.accept(message("one", "ann")));
    // One look at it does all that happens before the disk is waited for.
    tokio::select! {
        biased;
        kept = &mut accepting => drop(kept),
        () = std::future::ready(()) => {}
    }
    assert_eq!(clock.asked_while_free.load(std::sync::atomic::Ordering::SeqCst), 0);
}
