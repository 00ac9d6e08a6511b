//! The embedded spool: the shared suite, and what only a store on a disk of its own can be asked.

// Lets the lints know that what is not a test itself helps one.
#![cfg(test)]

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fs, io,
    path::Path,
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

use headgate::{
    channel::event::State,
    clock::{Clock, ManualClock},
    ids::{AccountId, Timestamp},
    metrics::Limits,
    spool::{
        DeathReason, Sequence, Settlement, Spool, SpoolError, Webhook,
        embedded::{EmbeddedSpool, Store},
    },
};
use prometheus_client::{encoding::text::encode, registry::Registry};
use tokio::sync::Semaphore;

use crate::spool_suite::{
    self as suite, House, NothingKnown, event, expect_next, message, name, until, webhook,
};

const WEEK: Duration = Duration::from_secs(7 * 86_400);

/// A folder and a clock, over which spools come and go.
struct Folder {
    store: Store,
    clock: Arc<ManualClock>,
    open: Mutex<Option<Arc<EmbeddedSpool>>>,
    metrics: Mutex<Registry>,
    _temporary: Option<tempfile::TempDir>,
}

impl Folder {
    fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let mut folder = Self::at(temporary.path());
        folder._temporary = Some(temporary);
        folder
    }

    fn at(path: &Path) -> Self {
        Self {
            store: Store {
                path: path.to_owned(),
                segment_bytes: 64 << 10,
                disk_free_min: 0,
                backlog_events_max: 1_000_000,
                dedupe_window: WEEK,
                dedupe_marks_max: 1_000_000,
                cache_bytes: 1 << 20,
                dead_letter_age_max: 2 * WEEK,
            },
            clock: Arc::new(ManualClock::new(Timestamp(1_700_000_000_000))),
            open: Mutex::default(),
            metrics: Mutex::default(),
            _temporary: None,
        }
    }

    fn with(change: impl FnOnce(&mut Store)) -> Self {
        let mut folder = Self::new();
        change(&mut folder.store);
        folder
    }

    fn start(&self) -> Arc<EmbeddedSpool> {
        let mut registry = Registry::default();
        let limits = Limits::new(&mut registry);
        let clock: Arc<dyn Clock> = self.clock.clone();
        let spool =
            EmbeddedSpool::open(self.store.clone(), Arc::new(NothingKnown), clock, &mut registry, &limits);
        *self.metrics.lock().unwrap() = registry;
        spool.unwrap()
    }

    fn metric(&self, name: &str) -> f64 {
        let mut text = String::new();
        encode(&mut text, &self.metrics.lock().unwrap()).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no metric {name} in:\n{text}")).parse().unwrap()
    }
}

impl House for Folder {
    async fn open(&self) -> Arc<dyn Spool> {
        let spool = self.start();
        *self.open.lock().unwrap() = Some(Arc::clone(&spool));
        spool
    }

    async fn restart(&self, spool: Arc<dyn Spool>) -> Arc<dyn Spool> {
        drop(spool);
        let open = self.open.lock().unwrap().take().unwrap();
        open.close().await;
        drop(open);
        self.open().await
    }
}

macro_rules! suite {
    ($($test:ident)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            suite::$test(&Folder::new()).await;
            // Everything is read back from the disk.
            suite::$test(&Folder::with(|store| store.cache_bytes = 0)).await;
        }
    )*};
}

suite! {
    accepted_is_kept_over_a_restart
    delivered_is_not_handed_out_again
    the_same_webhook_twice_is_kept_once
    the_same_webhook_at_once_is_kept_once
    what_is_new_of_a_webhook_is_kept_and_the_rest_counted
    a_nonce_is_used_once
    a_late_receipt_says_what_came_before_it
    a_receipt_up_to_a_message_says_what_came_before_it
    a_receipt_that_was_a_dead_letter_does_not_go_back
    a_conversation_keeps_its_order_over_a_restart
    what_was_out_at_a_restart_is_handed_out_again_before_what_follows
    a_retry_holds_its_own_conversation_alone
    a_retry_comes_back_with_its_attempts_counted
    a_dead_letter_lets_its_conversation_go_on_and_is_kept
    a_revived_letter_comes_after_what_waits
    an_unknown_account_goes_to_quarantine_until_it_is_named
    an_unreadable_body_goes_to_quarantine
    a_raw_webhook_is_one_unit_in_every_conversation_it_names
    a_caller_that_goes_away_undoes_nothing
    depth_says_what_waits
}

/// Accepts messages `from..to`, spread over ten conversations.
async fn accept_many(spool: &Arc<dyn Spool>, numbers: std::ops::Range<u32>) {
    let tasks: Vec<_> = (0..10)
        .map(|conversation| {
            let (spool, numbers) = (Arc::clone(spool), numbers.clone());
            tokio::spawn(async move {
                for number in numbers.filter(|number| number % 10 == conversation) {
                    let webhook = message(&number.to_string(), &conversation.to_string());
                    spool.accept(webhook).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

/// Hands out and settles `count` units; gives their names.
async fn deliver(spool: &Arc<dyn Spool>, count: usize) -> Vec<String> {
    let mut names = Vec::new();
    for _ in 0..count {
        let unit = tokio::time::timeout(Duration::from_secs(30), spool.next()).await.unwrap().unwrap();
        spool.settle(&unit, Settlement::Delivered).await.unwrap();
        names.push(name(&unit));
    }
    names
}

/// Hands out and settles all that waits; gives their names.
async fn drain(spool: &Arc<dyn Spool>) -> Vec<String> {
    let mut names = Vec::new();
    loop {
        tokio::select! {
            unit = spool.next() => {
                let unit = unit.unwrap();
                names.push(name(&unit));
                let spool = Arc::clone(spool);
                tokio::spawn(async move { spool.settle(&unit, Settlement::Delivered).await });
            }
            () = until("nothing waits", || spool.depth().events == 0) => return names,
        }
    }
}

fn assert_in_order(names: &[String]) {
    let mut last = BTreeMap::new();
    for name in names {
        let number: u32 = name.parse().unwrap();
        let before = last.insert(number % 10, number);
        assert!(before.is_none_or(|before| before < number), "{number} came after {before:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_disk_is_given_back_and_nothing_is_forgotten() {
    let folder = Folder::new();
    let spool = folder.open().await;
    accept_many(&spool, 0..3_000).await;
    assert!(spool.depth().bytes > 3_000_000, "{}", spool.depth().bytes);
    let spool = folder.restart(spool).await;
    assert_eq!(spool.depth().events, 3_000);
    let names = deliver(&spool, 3_000).await;
    assert_in_order(&names);
    assert_eq!(names.iter().collect::<HashSet<_>>().len(), 3_000);
    until("at most two segments are left", || spool.depth().bytes <= 2 * (64 << 10)).await;

    let spool = folder.restart(spool).await;
    assert_eq!(spool.depth().events, 0);
    for number in [0, 1_500, 2_999] {
        let again = spool.accept(message(&number.to_string(), "any")).await.unwrap();
        assert_eq!(again.duplicates, 1, "{number} was forgotten with its segment");
    }
    spool.accept(message("new", "ann")).await.unwrap();
    let new = expect_next(&*spool, "new").await;
    assert!(new.sequence > Sequence(3_000), "{:?} was given away before", new.sequence);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn how_far_receipts_got_outlives_what_said_so_on_the_disk() {
    let folder = Folder::new();
    let spool = folder.open().await;
    let accept = async |spool: &Arc<dyn Spool>, about, state, up_to| {
        spool.accept(suite::webhook(vec![suite::receipt(about, state, up_to)])).await.unwrap();
        suite::told(&**spool).await
    };
    assert_eq!(accept(&spool, "conversation", State::Read, 20).await, None);
    assert_eq!(accept(&spool, "message", State::Read, 0).await, None);
    accept_many(&spool, 0..2_000).await;
    deliver(&spool, 2_000).await;
    until("at most two segments are left", || spool.depth().bytes <= 2 * (64 << 10)).await;
    let spool = folder.restart(spool).await;
    assert_eq!(accept(&spool, "message", State::Delivered, 0).await, Some((State::Read, 0)));
    for (state, up_to, expected) in [
        (State::Delivered, 10, Some((State::Read, 20))),
        (State::Read, 19, Some((State::Read, 20))),
        (State::Delivered, 21, None),
    ] {
        assert_eq!(accept(&spool, "conversation", state, up_to).await, expected, "{state:?} {up_to}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn how_far_a_conversation_was_read_is_known_for_the_window_from_the_last_receipt_on() {
    let folder = Folder::new();
    let spool = folder.open().await;
    for up_to in [20, 30] {
        spool.accept(suite::webhook(vec![suite::receipt("ann", State::Read, up_to)])).await.unwrap();
        suite::told(&*spool).await;
        folder.clock.advance(WEEK - Duration::from_secs(60));
    }
    until("the first receipt is forgotten", || folder.metric("headgate_spool_marks") == 2.0).await;
    let spool = folder.restart(spool).await;
    spool.accept(suite::webhook(vec![suite::receipt("ann", State::Delivered, 25)])).await.unwrap();
    assert_eq!(suite::told(&*spool).await, Some((State::Read, 30)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stuck_unit_does_not_keep_what_came_after_it_on_the_disk() {
    let folder = Folder::new();
    let spool = folder.open().await;
    let mut batch = suite::webhook(vec![suite::event("stuck", "ann"), suite::event("done", "bob")]);
    batch.body = "the stuck one".into();
    spool.accept(batch.clone()).await.unwrap();
    let stuck = expect_next(&*spool, "stuck").await;
    let done = expect_next(&*spool, "done").await;
    spool.settle(&done, Settlement::Delivered).await.unwrap();
    for round in 0..4 {
        accept_many(&spool, round * 500..(round + 1) * 500).await;
        deliver(&spool, 500).await;
    }
    until("at most three segments are left", || spool.depth().bytes <= 3 * (64 << 10)).await;
    let spool = folder.restart(spool).await;
    assert_eq!(spool.depth().events, 1);
    let again = expect_next(&*spool, "stuck").await;
    assert_eq!((again.sequence, &again.webhook.body), (stuck.sequence, &batch.body));
    spool.settle(&again, Settlement::Delivered).await.unwrap();
    let spool = folder.restart(spool).await;
    assert_eq!(spool.depth().events, 0);
    assert_eq!(spool.accept(batch).await.unwrap().duplicates, 2);
}

/// Whether a body is in one of the spool's files.
fn is_on_the_disk(folder: &Folder, body: &str) -> bool {
    let journals = ["journal", "dead"].map(|journal| folder.store.path.join("spool").join(journal));
    let files = journals.iter().flat_map(|journal| fs::read_dir(journal).unwrap());
    let files = files.map(|file| file.unwrap().path()).filter(|path| path.is_file());
    // A file may be removed between listing and reading.
    let mut contents = files.filter_map(|path| fs::read(path).ok());
    contents.any(|bytes| bytes.windows(body.len()).any(|part| part == body.as_bytes()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_little_traffic_too_what_is_delivered_leaves_the_disk_within_a_day() {
    let folder = Folder::new();
    let spool = folder.open().await;
    let with_body = |id: &str, contact: &str, body: &str| {
        let mut webhook = message(id, contact);
        webhook.body = body.to_owned().into();
        webhook
    };
    spool.accept(with_body("stuck", "ann", "the stuck body")).await.unwrap();
    spool.accept(with_body("done", "bob", "the delivered body")).await.unwrap();
    let stuck = expect_next(&*spool, "stuck").await;
    let done = expect_next(&*spool, "done").await;
    spool.settle(&done, Settlement::Delivered).await.unwrap();
    assert!(is_on_the_disk(&folder, "the delivered body"));
    folder.clock.advance(Duration::from_secs(86_400));
    until("the delivered body is gone", || !is_on_the_disk(&folder, "the delivered body")).await;
    assert!(is_on_the_disk(&folder, "the stuck body"));
    spool.settle(&stuck, Settlement::Delivered).await.unwrap();
    let spool = folder.restart(spool).await;
    folder.clock.advance(Duration::from_secs(86_400));
    until("the stuck body is gone", || !is_on_the_disk(&folder, "the stuck body")).await;
    assert_eq!(spool.accept(message("done", "bob")).await.unwrap().duplicates, 1);
    assert_eq!(spool.accept(message("stuck", "ann")).await.unwrap().duplicates, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_that_was_forgotten_and_accepted_again_is_known_after_a_restart() {
    let folder = Folder::new();
    let spool = folder.open().await;
    spool.accept(message("one", "ann")).await.unwrap();
    until("the mark is counted", || folder.metric("headgate_spool_marks") > 0.0).await;
    folder.clock.advance(WEEK + Duration::from_secs(2));
    until("the mark is forgotten", || folder.metric("headgate_spool_marks") < 1.0).await;
    assert_eq!(spool.accept(message("one", "ann")).await.unwrap().kept, 1);
    let spool = folder.restart(spool).await;
    assert_eq!(spool.accept(message("one", "ann")).await.unwrap().duplicates, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn below_the_reserve_the_spool_does_not_call_itself_writable() {
    let folder = Folder::with(|store| store.disk_free_min = u64::MAX);
    let spool = folder.open().await;
    assert!(!spool.depth().writable);
    until("the metric says so", || folder.metric("headgate_spool_writable") < 1.0).await;
}

#[tokio::test]
async fn a_redelivery_is_recognised_for_the_window_whatever_the_wall_clock_does() {
    let folder = Folder::new();
    let spool = folder.open().await;
    spool.accept(message("one", "ann")).await.unwrap();
    folder.clock.jump(Timestamp(1_700_000_000_000 + 400 * 86_400_000));
    until("the keeper looked at the clock", || folder.metric("headgate_spool_marks") == 1.0).await;
    assert_eq!(spool.accept(message("one", "ann")).await.unwrap().duplicates, 1);
    folder.clock.jump(Timestamp(0));
    let spool = folder.restart(spool).await;
    assert_eq!(spool.accept(message("one", "ann")).await.unwrap().duplicates, 1);
    folder.clock.advance(WEEK - Duration::from_secs(1));
    assert_eq!(spool.accept(message("one", "ann")).await.unwrap().duplicates, 1);
    folder.clock.advance(Duration::from_secs(2));
    until("the mark is too old", || folder.metric("headgate_spool_marks") == 0.0).await;
    assert_eq!(spool.accept(message("one", "ann")).await.unwrap().kept, 1);
}

#[tokio::test]
async fn above_the_backlogs_limit_webhooks_are_refused_until_some_are_delivered() {
    let folder = Folder::with(|store| store.backlog_events_max = 2);
    let spool = folder.open().await;
    spool.accept(message("one", "ann")).await.unwrap();
    spool.accept(message("two", "ann")).await.unwrap();
    let refused = spool.accept(message("three", "ann")).await;
    assert!(matches!(refused, Err(SpoolError::Limit { what: "backlog_events_max" })), "{refused:?}");
    assert_eq!(spool.accept(message("two", "ann")).await.unwrap().duplicates, 1, "a duplicate needs no room");
    deliver(&spool, 1).await;
    spool.accept(message("three", "ann")).await.unwrap();
    assert_eq!(folder.metric("headgate_limit_reached_total{limit=\"backlog_events_max\"}"), 1.0);
}

#[tokio::test]
async fn below_the_disks_reserve_webhooks_are_refused_and_deliveries_noted() {
    let mut folder = Folder::new();
    let spool = folder.open().await;
    spool.accept(message("one", "ann")).await.unwrap();
    spool.accept(message("two", "ann")).await.unwrap();
    folder.store.disk_free_min = u64::MAX;
    let spool = folder.restart(spool).await;
    let refused = spool.accept(message("three", "ann")).await;
    assert!(matches!(refused, Err(SpoolError::Full)), "{refused:?}");
    deliver(&spool, 2).await;
    folder.store.disk_free_min = 0;
    let spool = folder.restart(spool).await;
    assert_eq!(spool.depth().events, 0);
    assert_eq!(spool.accept(message("three", "ann")).await.unwrap().kept, 1, "its mark was not taken back");
}

#[tokio::test]
async fn a_closed_spool_says_so() {
    let folder = Folder::new();
    let spool = folder.start();
    let waiting = tokio::spawn({
        let spool = Arc::clone(&spool);
        async move { spool.next().await.is_none() }
    });
    spool.close().await;
    assert!(waiting.await.unwrap(), "whoever waits for a unit still waits");
    let refused = spool.accept(message("one", "ann")).await;
    assert!(matches!(refused, Err(SpoolError::Closed)), "{refused:?}");
    assert!(spool.next().await.is_none());
}

#[tokio::test]
async fn dead_letters_end_at_their_age() {
    let folder = Folder::new();
    let spool = folder.open().await;
    spool.accept(message("one", "ann")).await.unwrap();
    let one = expect_next(&*spool, "one").await;
    spool.settle(&one, Settlement::Dead(DeathReason::Age)).await.unwrap();
    folder.clock.advance(2 * WEEK);
    let spool = folder.restart(spool).await;
    assert_eq!(spool.depth().dead, 1);
    folder.clock.advance(Duration::from_millis(1));
    let spool = folder.restart(spool).await;
    until("it is given up", || spool.depth().dead == 0).await;
}

/// Changes a byte of this body in the spool's journal, as a failing disk does.
fn damage(folder: &Folder, body: &str) {
    for file in fs::read_dir(folder.store.path.join("spool/journal")).unwrap() {
        let path = file.unwrap().path();
        let mut bytes = fs::read(&path).unwrap_or_default();
        if let Some(at) = bytes.windows(body.len()).position(|part| part == body.as_bytes()) {
            bytes[at] ^= 1;
            fs::write(path, bytes).unwrap();
            return;
        }
    }
    panic!("{body} is not in the journal");
}

/// A spool that holds nothing in memory, so that everything is read back from the disk.
async fn reading_back() -> (Folder, Arc<dyn Spool>) {
    let folder = Folder::with(|store| store.cache_bytes = 0);
    let spool = folder.open().await;
    (folder, spool)
}

fn with_body(mut webhook: Webhook, body: &str) -> Webhook {
    webhook.body = body.to_owned().into();
    webhook
}

/// Keeps a webhook, on a clock that does not jump while the disk is waited for.
async fn keep(spool: &dyn Spool, webhook: Webhook) {
    tokio::time::resume();
    spool.accept(webhook).await.unwrap();
    tokio::time::pause();
}

/// The next unit, however long that takes on a clock that jumps.
async fn next_settled(spool: &dyn Spool) -> String {
    let unit = spool.next().await.unwrap();
    spool.settle(&unit, Settlement::Delivered).await.unwrap();
    name(&unit)
}

#[tokio::test(start_paused = true)]
async fn what_is_damaged_on_the_disk_is_set_aside_and_its_conversation_goes_on() {
    let (folder, spool) = reading_back().await;
    keep(&*spool, with_body(message("one", "ann"), "the damaged body")).await;
    keep(&*spool, message("two", "ann")).await;
    keep(&*spool, message("three", "bob")).await;
    damage(&folder, "the damaged body");

    assert_eq!(next_settled(&*spool).await, "three", "another conversation waited too");
    assert_eq!(spool.depth().dead, 0, "given up at the first attempt");
    assert_eq!(next_settled(&*spool).await, "two");

    let letters = spool.dead_letters(Sequence(0), 10);
    assert_eq!(letters.len(), 1);
    let letter = &letters[0];
    assert_eq!((letter.reason, letter.sequence), ("unreadable", Sequence(1)));
    assert!(letter.body_bytes > "the damaged body".len(), "what is left of it is not kept");
    assert!(is_on_the_disk(&folder, "he damaged body"));
    assert!(folder.metric("headgate_spool_unreadable_total") >= 2.0);
    assert!((folder.metric("headgate_dead_letters{reason=\"unreadable\"}") - 1.0).abs() < 0.1);
    let revived = spool.revive(letter.sequence, Some(AccountId::new("support"))).await;
    assert!(!revived.unwrap(), "damaged bytes went to a backend");

    let spool = folder.restart(spool).await;
    assert_eq!((spool.depth().events, spool.depth().dead), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn what_is_left_of_a_damaged_batch_is_kept_once() {
    let (folder, spool) = reading_back().await;
    let batch = webhook(["a", "b", "c"].map(|text| event(text, text)).into());
    keep(&*spool, with_body(batch, "the damaged batch")).await;
    keep(&*spool, message("next", "c")).await;
    damage(&folder, "the damaged batch");
    assert_eq!(next_settled(&*spool).await, "next");
    until("all of it is set aside", || spool.depth().dead == 3).await;
    let letters = spool.dead_letters(Sequence(0), 10);
    let whole = letters.iter().filter(|letter| letter.body_bytes > 0).count();
    assert_eq!(whole, 1, "{letters:?}");
    until("nothing waits", || spool.depth().events == 0).await;
}

/// Copies a spool's folder as a crash at this moment would leave it: the journal up to some record, and
/// what was written before it elsewhere.
fn copy_as_a_crash_leaves_it(from: &Path, to: &Path) {
    loop {
        let _ = fs::remove_dir_all(to);
        // Letters are written before they are settled in the journal, marks before their segment goes: so
        // the journal is copied first, oldest segment first.
        let copied = ["journal", "marks", "dead"].iter().try_for_each(|folder| -> io::Result<()> {
            let (from, to) = (from.join("spool").join(folder), to.join("spool").join(folder));
            fs::create_dir_all(&to)?;
            let mut files: Vec<_> = fs::read_dir(from)?.map(|file| file.unwrap().path()).collect();
            files.sort();
            for file in files.iter().filter(|file| file.is_file()) {
                fs::copy(file, to.join(file.file_name().unwrap()))?;
            }
            Ok(())
        });
        match copied {
            Ok(()) => return,
            // A segment was given back meanwhile.
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::NotFound, "{error}"),
        }
    }
}

struct Load {
    acked: Mutex<BTreeSet<u32>>,
    /// Handed over to be settled.
    settling: Mutex<BTreeSet<u32>>,
    settled: Mutex<BTreeSet<u32>>,
    /// How many more may be accepted.
    permits: Semaphore,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_under_load_loses_and_repeats_nothing() {
    let folder = Folder::with(|store| store.segment_bytes = 32 << 10);
    let spool = folder.open().await;
    let load = Arc::new(Load {
        acked: Mutex::default(),
        settling: Mutex::default(),
        settled: Mutex::default(),
        permits: Semaphore::new(0),
    });
    let mut tasks = Vec::new();
    for conversation in 0..10 {
        let (spool, load) = (Arc::clone(&spool), Arc::clone(&load));
        tasks.push(tokio::spawn(async move {
            let mut number = conversation;
            while let Ok(permit) = load.permits.acquire().await {
                permit.forget();
                spool.accept(message(&number.to_string(), &conversation.to_string())).await.unwrap();
                load.acked.lock().unwrap().insert(number);
                number += 10;
            }
        }));
    }
    for _ in 0..4 {
        let (spool, load) = (Arc::clone(&spool), Arc::clone(&load));
        tasks.push(tokio::spawn(async move {
            while let Some(unit) = spool.next().await {
                let number: u32 = name(&unit).parse().unwrap();
                // One in ten fails, and one in a hundred dies.
                let settlement = match (unit.sequence.0 % 10, unit.sequence.0 % 100, unit.attempts) {
                    (_, 50, _) => Settlement::Dead(DeathReason::Gone),
                    (0, _, 0) => Settlement::Retry(Duration::from_millis(3)),
                    _ => Settlement::Delivered,
                };
                if !matches!(settlement, Settlement::Retry(_)) {
                    load.settling.lock().unwrap().insert(number);
                }
                spool.settle(&unit, settlement.clone()).await.unwrap();
                if settlement == Settlement::Delivered {
                    load.settled.lock().unwrap().insert(number);
                }
            }
        }));
    }
    for crash in 0..30 {
        // Accepting goes on while the copy is made.
        load.permits.add_permits(130);
        until("some more is accepted", {
            let (load, enough) = (&load, crash * 130 + 100);
            move || load.acked.lock().unwrap().len() >= enough
        })
        .await;
        let acked = load.acked.lock().unwrap().clone();
        let settled = load.settled.lock().unwrap().clone();
        let copy = tempfile::tempdir().unwrap();
        copy_as_a_crash_leaves_it(&folder.store.path, copy.path());
        let settling = load.settling.lock().unwrap().clone();

        let reopened = Folder::at(copy.path());
        let spool = reopened.open().await;
        let names = drain(&spool).await;
        assert_in_order(&names);
        let delivered: BTreeSet<u32> = names.iter().map(|name| name.parse().unwrap()).collect();
        assert_eq!(delivered.len(), names.len(), "an event was handed out twice");
        let lost: Vec<_> = acked.difference(&delivered).filter(|n| !settling.contains(n)).collect();
        assert!(lost.is_empty(), "crash {crash}: {lost:?} were accepted and are gone");
        let repeated: Vec<_> = settled.intersection(&delivered).collect();
        assert!(repeated.is_empty(), "crash {crash}: {repeated:?} were settled and came again");
        for number in acked.iter().step_by(97) {
            let again = spool.accept(message(&number.to_string(), "any")).await.unwrap();
            assert_eq!(again.duplicates, 1, "crash {crash}: {number} was forgotten");
        }
    }
    load.permits.close();
    let open = folder.open.lock().unwrap().take().unwrap();
    open.close().await;
    for task in tasks {
        let _closed = task.await;
    }
}

/// A file system of this size, gone at the end.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount(bytes: u32) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mounted = rustix::process::geteuid().is_root()
            && Command::new("mount")
                .args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs"])
                .arg(dir.path())
                .status()
                .is_ok_and(|status| status.success());
        if !mounted {
            eprintln!("SKIPPED: a small disk can be mounted by root alone");
        }
        mounted.then_some(Self(dir))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_and_recovers_without_a_restart() {
    let Some(disk) = SmallDisk::mount(1 << 20) else { return };
    let mut folder = Folder::at(disk.0.path());
    folder.store.disk_free_min = 256 << 10;
    let spool = folder.open().await;
    let mut accepted = 0;
    let full = loop {
        match spool.accept(message(&accepted.to_string(), &(accepted % 10).to_string())).await {
            Ok(_) => accepted += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(full, SpoolError::Full), "{full:?}");
    assert!(accepted > 100, "{accepted}");
    let refused = message(&accepted.to_string(), &(accepted % 10).to_string());
    let ballast = disk.0.path().join("ballast");
    let _full = fs::write(&ballast, vec![0; 1 << 20]);

    // What is delivered while the disk is full is noted later, not delivered again.
    let unit = expect_next(&*spool, "0").await;
    let noted = tokio::spawn({
        let spool = Arc::clone(&spool);
        async move { spool.settle(&unit, Settlement::Delivered).await }
    });
    fs::remove_file(ballast).unwrap();
    let held: Vec<_> = fs::read_dir(disk.0.path().join("spool/journal")).unwrap().collect();
    assert!(!held.is_empty());
    noted.await.unwrap().unwrap();
    deliver(&spool, accepted - 1).await;
    until("the disk is given back", || spool.depth().bytes <= 2 * (64 << 10)).await;
    assert_eq!(spool.accept(refused).await.unwrap().kept, 1, "its mark was not taken back");
    let spool = folder.restart(spool).await;
    assert_eq!(spool.depth().events, 1);
    expect_next(&*spool, &accepted.to_string()).await;
}
