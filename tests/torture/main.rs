//! Faults of one machine, on the whole gateway under load: kill -9, power cut, disk full.
//!
//! The gateway is the built binary in its own process. Beside it, in this process, a generator posts
//! signed webhooks and notes when each was sent and answered, and a backend notes each delivery. After
//! the faults one checker reads the two logs (`checker.rs`).
//!
//! The power cut needs root, a loop device and `xfs_io`; where they are missing the test says that it
//! skipped. `HEADGATE_NO_SKIP=1` (set by the test command) makes a skip a failure.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "clippy takes only functions under `#[test]` for tests; their helpers may fail as loudly"
)]

#[path = "../it/support/address.rs"]
mod address;
mod backend;
mod bounds;
mod checker;
mod disk;
mod gateway;
mod load;
mod moments;

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use backend::Backend;
use bounds::whole_test;
use checker::{Faults, check};
use disk::{Image, Tmpfs};
use gateway::{Build, Gateway};
use load::Load;
use moments::{Moment, Watch};
use tokio::sync::watch;

/// Cycles of T1 and T2; `HEADGATE_TORTURE_CYCLES` sets another number (1,000 for a long run).
const CYCLES: usize = 40;

/// Webhooks a second while a fault is awaited.
const RATE: u32 = 500;

/// The load goes on this long after a power cut: nothing may be acknowledged then.
const AFTER_THE_CUT: Duration = Duration::from_millis(150);

fn cycles() -> usize {
    setting("HEADGATE_TORTURE_CYCLES").and_then(|n| n.parse().ok()).unwrap_or(CYCLES)
}

fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Time for one whole test, some times what it takes.
fn test_max() -> Duration {
    Duration::from_secs(60) + Duration::from_secs(10) * u32::try_from(cycles()).unwrap()
}

/// Says that a test did not run, and fails where that is not allowed.
fn skip(why: &str) {
    eprintln!("SKIPPED: {why}");
    assert!(setting("HEADGATE_NO_SKIP").is_none(), "skipped where nothing may be skipped: {why}");
}

/// A time under load before the fault, different in each cycle: 0.3 to 1 s.
fn under_load(cycle: usize) -> Duration {
    Duration::from_millis(300 + (cycle as u64 * 137) % 700)
}

#[tokio::test(flavor = "multi_thread")]
async fn t1_kill_9_under_load_loses_nothing() {
    whole_test(test_max(), async {
        let folder = tempfile::tempdir().unwrap();
        let backend = Backend::start().await;
        let load = Load::new(0x7461);
        for cycle in 0..cycles() {
            let gateway = Gateway::start(Build::Normal, folder.path(), backend.address()).await;
            load.run(gateway.hooks(), RATE, under_load(cycle)).await;
            gateway.kill().await;
        }
        let gateway = Gateway::start(Build::Normal, folder.path(), backend.address()).await;
        gateway.drained().await;
        let faults = Faults { crashes: cycles(), in_flight_max: gateway::IN_FLIGHT_MAX, disk_lies: false };
        check(&load.log(), &backend.log(), faults).unwrap();
        gateway.stop().await;
    })
    .await;
}

/// SIGTERM while webhooks arrive and events wait: it ends soon and in order, and no event is lost or comes
/// twice, since an attempt that is under way is waited for.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_under_load_loses_and_repeats_nothing() {
    whole_test(test_max(), async {
        let folder = tempfile::tempdir().unwrap();
        let backend = Backend::start().await;
        let load = Load::new(0x7465);
        for cycle in 0..cycles().div_ceil(8) {
            let gateway = Gateway::start(Build::Normal, folder.path(), backend.address()).await;
            let hooks = gateway.hooks();
            let stop = async {
                // Time under load is the input of the test, not something it waits for.
                tokio::time::sleep(under_load(cycle)).await;
                gateway.stop().await;
            };
            tokio::join!(stop, load.run(hooks, RATE, under_load(cycle) * 2));
        }
        let gateway = Gateway::start(Build::Normal, folder.path(), backend.address()).await;
        gateway.drained().await;
        check(&load.log(), &backend.log(), Faults { crashes: 0, in_flight_max: 0, disk_lies: false })
            .unwrap();
        gateway.stop().await;
    })
    .await;
}

/// A backend that takes connections and never answers: the gateway ends all the same, and what it could not
/// deliver comes after the restart.
#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_hangs_does_not_hold_up_a_stop() {
    whole_test(test_max(), async {
        let folder = tempfile::tempdir().unwrap();
        let backend = Backend::start().await;
        let load = Load::new(0x7468);
        backend.hang(true);
        let gateway = Gateway::start(Build::Normal, folder.path(), backend.address()).await;
        load.run(gateway.hooks(), RATE, Duration::from_millis(300)).await;
        backend.hanging(gateway::IN_FLIGHT_MAX).await;
        gateway.stop().await;
        backend.hang(false);
        let gateway = Gateway::start(Build::Normal, folder.path(), backend.address()).await;
        gateway.drained().await;
        check(&load.log(), &backend.log(), Faults { crashes: 0, in_flight_max: 0, disk_lies: false })
            .unwrap();
        gateway.stop().await;
    })
    .await;
}

/// A disk that neither answers nor fails: nothing is acknowledged, and the gateway ends all the same. The
/// kernel keeps the threads that wait for the disk until it answers.
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_hangs_does_not_hold_up_a_stop() {
    whole_test(test_max(), async {
        let image = match Image::make().await {
            Ok(image) => image,
            Err(why) => return skip(&why),
        };
        let backend = Backend::start().await;
        let load = Load::new(0x7469);
        let gateway = Gateway::start(Build::Normal, image.path(), backend.address()).await;
        load.run(gateway.hooks(), RATE, Duration::from_millis(300)).await;

        let hanging = image.hang().await;
        let mark = load.mark();
        let stop = async {
            gateway.hangs().await;
            gateway.terminate();
            gateway.ended_but_for_its_disk().await;
        };
        tokio::join!(stop, load.run(gateway.hooks(), RATE, Duration::from_millis(300)));
        assert!(!load.statuses_since(mark).contains(&200), "acknowledged while the disk hung");
        drop(hanging);
        assert!(!gateway.ended().await, "it does not say that it could not end in order");

        let gateway = Gateway::start(Build::Normal, image.path(), backend.address()).await;
        gateway.drained().await;
        let faults = Faults { crashes: 1, in_flight_max: gateway::IN_FLIGHT_MAX, disk_lies: false };
        check(&load.log(), &backend.log(), faults).unwrap();
        gateway.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t2_power_cut_under_load_loses_nothing() {
    whole_test(test_max(), async {
        let mut image = match Image::make().await {
            Ok(image) => image,
            Err(why) => return skip(&why),
        };
        let backend = Backend::tagging().await;
        let load = Load::of_long_texts(0x7462);
        let mut random = fastrand::Rng::with_seed(0x7462);
        let mut planned = BTreeMap::new();
        let mut hit = BTreeMap::new();
        for (cycle, moment) in (0..cycles()).zip(Moment::SCHEDULE.into_iter().cycle()) {
            *planned.entry(moment).or_insert(0) += 1;
            let gateway = Gateway::start(Build::Normal, image.path(), backend.address()).await;
            let mut watch = Watch::begin(&image.path().join("store"));
            let switch = image.switch();
            let cut = async {
                // Time under load is the input of the test, not something it waits for.
                tokio::time::sleep(under_load(cycle) / 3).await;
                match moment {
                    Moment::Load => {}
                    Moment::Shutdown => gateway.terminate(),
                    _ => watch.next(moment).await,
                }
                tokio::time::sleep(moments::delay(&mut random)).await;
                if gateway.is_running() {
                    *hit.entry(moment).or_insert(0) += 1;
                }
                let cut = switch.cut().await;
                tokio::time::sleep(AFTER_THE_CUT).await;
                cut
            };
            let cut = load.run_until_cut(gateway.hooks(), RATE, cut).await;
            load.cut(cut);
            gateway.kill().await;
            image.remount().await;
        }
        eprintln!("cuts that came at their moment: {hit:?}");
        for (moment, planned) in planned {
            // A stop may be over before the cut.
            let hit = hit.get(&moment).copied().unwrap_or(0);
            assert!(hit * 2 >= planned, "{moment:?}: only {hit} of {planned} cuts came at it");
        }
        let gateway = Gateway::start(Build::Normal, image.path(), backend.address()).await;
        gateway.drained().await;
        let faults = Faults { crashes: cycles(), in_flight_max: gateway::IN_FLIGHT_MAX, disk_lies: true };
        check(&load.log(), &backend.log(), faults).unwrap();
        gateway.stop().await;
    })
    .await;
}

/// The power is cut while a gateway makes its data folder. What is left opens, and takes webhooks.
#[tokio::test(flavor = "multi_thread")]
async fn t2_power_cut_at_the_first_start_leaves_what_can_be_started() {
    whole_test(test_max(), async {
        let mut image = match Image::make().await {
            Ok(image) => image,
            Err(why) => return skip(&why),
        };
        let whole_start = first_start(&image).await;
        let mut before_it_listened = 0;
        let starts = cycles().div_ceil(4);
        for start in 0..starts {
            let folder = image.path().join(format!("start-{start}"));
            std::fs::create_dir(&folder).unwrap();
            let backend = Backend::start().await;
            let load = Load::new(0x746a + start as u64);
            let mut watch = Watch::begin(&folder);
            let switch = image.switch();
            let listens = AtomicBool::new(false);
            let (has_cut, mut is_cut) = watch::channel(None);
            let cut = async {
                watch.anything_made().await;
                // Spread over a whole start and a little more.
                tokio::time::sleep(whole_start.mul_f64(1.25 * start as f64 / starts as f64)).await;
                before_it_listened += usize::from(!listens.load(Ordering::SeqCst));
                has_cut.send_replace(Some(switch.cut().await));
            };
            let first = async {
                let Ok(gateway) = Gateway::try_start(Build::Normal, &folder, backend.address()).await else {
                    return;
                };
                listens.store(true, Ordering::SeqCst);
                let end = async {
                    let cut = is_cut.wait_for(Option::is_some).await.unwrap().unwrap();
                    tokio::time::sleep(AFTER_THE_CUT).await;
                    cut
                };
                load.cut(load.run_until_cut(gateway.hooks(), RATE, end).await);
                gateway.kill().await;
            };
            tokio::join!(cut, first);
            drop(watch);
            image.remount().await;

            let gateway = Gateway::start(Build::Normal, &folder, backend.address()).await;
            let restarted = load.mark();
            load.run(gateway.hooks(), RATE, Duration::from_millis(100)).await;
            assert_eq!(
                load.statuses_since(restarted),
                [200].into(),
                "it takes no webhooks after start {start}"
            );
            gateway.drained().await;
            gateway.stop().await;
            let faults = Faults { crashes: 1, in_flight_max: gateway::IN_FLIGHT_MAX, disk_lies: true };
            check(&load.log(), &backend.log(), faults).unwrap();
        }
        assert!(
            before_it_listened > starts / 4,
            "only {before_it_listened} of {starts} cuts came during the start"
        );
    })
    .await;
}

/// The time of a first start, from its first file until it listens.
async fn first_start(image: &Image) -> Duration {
    let folder = image.path().join("measured");
    std::fs::create_dir(&folder).unwrap();
    let backend = Backend::start().await;
    let mut watch = Watch::begin(&folder);
    let begun = async {
        watch.anything_made().await;
        Instant::now()
    };
    let (gateway, begun) = tokio::join!(Gateway::start(Build::Normal, &folder, backend.address()), begun);
    let whole_start = begun.elapsed();
    gateway.stop().await;
    whole_start
}

/// The positive control: a build that answers without waiting for the disk must be caught by the same
/// test. If it passes, the test proves nothing.
#[tokio::test(flavor = "multi_thread")]
async fn t2_power_cut_catches_a_build_without_fsync() {
    whole_test(test_max(), async {
        let Some(control) = Build::without_fsync() else {
            return skip("HEADGATE_NO_FSYNC_BIN names no binary built with the feature `unsafe-no-fsync`");
        };
        let mut image = match Image::make().await {
            Ok(image) => image,
            Err(why) => return skip(&why),
        };
        // Nothing must be delivered before the cut: what was delivered is not lost.
        let backend = Backend::refusing().await;
        let load = Load::new(0x7463);
        for cycle in 0..3 {
            let gateway = Gateway::start(control.clone(), image.path(), backend.address()).await;
            let switch = image.switch();
            let cut = async {
                // Time under load is the input of the test, not something it waits for.
                tokio::time::sleep(under_load(cycle)).await;
                switch.cut().await
            };
            load.cut(load.run_until_cut(gateway.hooks(), RATE, cut).await);
            gateway.kill().await;
            image.remount().await;
        }
        backend.accept_from_now_on();
        let gateway = Gateway::start(Build::Normal, image.path(), backend.address()).await;
        gateway.drained().await;
        let faults = Faults { crashes: 3, in_flight_max: gateway::IN_FLIGHT_MAX, disk_lies: true };
        let caught = check(&load.log(), &backend.log(), faults);
        let violations = caught.expect_err("the power cut did not catch a build without fsync");
        assert!(violations.lost > 0, "{violations}");
        gateway.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t6_a_full_disk_is_answered_503_and_recovers_without_a_restart() {
    whole_test(test_max(), async {
        let tmpfs = match Tmpfs::mount("64m").await {
            Ok(tmpfs) => tmpfs,
            Err(why) => return skip(&why),
        };
        let backend = Backend::start().await;
        let load = Load::new(0x7466);
        let gateway = Gateway::start(Build::Normal, tmpfs.path(), backend.address()).await;
        load.run(gateway.hooks(), RATE, Duration::from_millis(300)).await;

        let ballast = tmpfs.fill();
        gateway.full().await;
        let full = load.mark();
        load.run(gateway.hooks(), RATE, Duration::from_millis(300)).await;
        assert_eq!(
            load.statuses_since(full),
            [503].into(),
            "a webhook was answered otherwise on a full disk"
        );
        assert!(!gateway.is_ready().await, "it says that it takes webhooks while its disk is full");

        drop(ballast);
        gateway.writable().await;
        let freed = load.mark();
        load.run(gateway.hooks(), RATE, Duration::from_millis(300)).await;
        assert_eq!(load.statuses_since(freed), [200].into(), "webhooks were refused after space was freed");
        gateway.drained().await;
        check(&load.log(), &backend.log(), Faults { crashes: 0, in_flight_max: 0, disk_lies: false })
            .unwrap();
        gateway.stop().await;
    })
    .await;
}
