//! Nothing here waits without an end: what is passed its time fails the test, and says where it hangs.
//!
//! A disk that is cut off can keep a thread in the kernel for ever, and with it everybody who waits for that
//! thread. So every wait has a bound, each test as a whole has one, and should even the failing of a test
//! hang, a thread that waits for nothing ends the process.

use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Stdio, abort},
    sync::mpsc,
    time::{Duration, Instant},
};

/// Time for one step: a start, an answer, a mount, the end of a killed process. All take milliseconds; a busy
/// machine takes longer.
pub(crate) const STEP_MAX: Duration = Duration::from_secs(30);

/// Time for the cleaning up after a failed test.
const CLEANING_MAX: Duration = Duration::from_secs(60);

/// Waits for `work`; fails if that takes longer.
pub(crate) async fn within<T>(bound: Duration, what: &str, work: impl Future<Output = T>) -> T {
    // It outlives the report: what it holds is what hangs.
    let mut work = std::pin::pin!(work);
    match tokio::time::timeout(bound, &mut work).await {
        Ok(done) => done,
        Err(_elapsed) => panic!("{what} was not done after {bound:?}\n{}", hanging()),
    }
}

/// Runs the whole of a test; fails if that takes longer.
pub(crate) async fn whole_test(bound: Duration, test: impl Future<Output = ()>) {
    // Dropped last, when what the test left is cleaned up.
    let _alarm = Alarm::after(bound + CLEANING_MAX);
    within(bound, "the whole test", test).await;
}

/// The prefix of this process' folders for mounts.
pub(crate) fn folder_prefix() -> String {
    format!("headgate-torture-{}-", std::process::id())
}

/// Takes a file system out of sight, whoever still hangs on it. Whether that was possible.
pub(crate) fn unmount_at_once(path: &Path) -> bool {
    run_at_once(Command::new("umount").args(["--lazy", "--no-canonicalize"]).arg(path))
}

/// Runs a command where nothing can be awaited. Whether it succeeded within [`STEP_MAX`].
pub(crate) fn run_at_once(command: &mut Command) -> bool {
    let started = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let Ok(mut process) = started else { return false };
    let until = Instant::now() + STEP_MAX;
    while Instant::now() < until {
        if let Ok(Some(status)) = process.try_wait() {
            return status.success();
        }
        // Another process can only be asked.
        std::thread::sleep(Duration::from_millis(5));
    }
    false
}

/// Ends the process unless it is dropped in time.
struct Alarm(#[expect(dead_code, reason = "its drop tells the thread")] mpsc::Sender<()>);

impl Alarm {
    fn after(bound: Duration) -> Self {
        let (alarm, dropped) = mpsc::channel::<()>();
        std::thread::spawn(move || {
            if dropped.recv_timeout(bound) == Err(mpsc::RecvTimeoutError::Timeout) {
                // Past the test's captured output, which dies with the process.
                let _nobody_reads =
                    writeln!(std::io::stderr(), "a test did not even fail after {bound:?}\n{}", hanging());
                for path in mounts() {
                    unmount_at_once(Path::new(&path));
                }
                abort();
            }
        });
        Self(alarm)
    }
}

/// What this process and the ones that it started do: for each thread its state, and where in the kernel it
/// waits; and what is mounted, and who has files open there.
fn hanging() -> String {
    let mut report = String::new();
    let own = std::process::id();
    let mounts = mounts();
    let children = fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| {
        let id: u32 = entry.file_name().to_str()?.parse().ok()?;
        (status(&format!("/proc/{id}"), "PPid")? == own.to_string()).then_some(id)
    });
    for process in children.chain([own]) {
        let _infallible = writeln!(report, "process {process}");
        let threads = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
        for thread in threads.map(|thread| thread.path().display().to_string()) {
            let state = status(&thread, "State").unwrap_or_default();
            let name = status(&thread, "Name").unwrap_or_default();
            let waits = fs::read_to_string(format!("{thread}/wchan")).unwrap_or_default();
            let stack = fs::read_to_string(format!("{thread}/stack")).unwrap_or_default();
            let _infallible = writeln!(report, "  {name}: {state}, waits in {waits}");
            // Where a thread sleeps that waits for events says nothing.
            if !state.starts_with('S') {
                stack.lines().for_each(|line| report.push_str(&format!("    {line}\n")));
            }
        }
        let files = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
        for file in files.filter_map(|file| fs::read_link(file.path()).ok()) {
            if mounts.iter().any(|mount| file.starts_with(mount)) {
                let _infallible = writeln!(report, "  has {} open", file.display());
            }
        }
    }
    for mount in mounts {
        let _infallible = writeln!(report, "mounted: {mount}");
    }
    report
}

/// A field of a process' or a thread's `status`.
pub(crate) fn status(task: &str, field: &str) -> Option<String> {
    let status = fs::read_to_string(format!("{task}/status")).ok()?;
    let mut fields = status.lines().filter_map(|line| line.split_once(':'));
    fields.find(|(name, _)| *name == field).map(|(_, value)| value.trim().to_owned())
}

/// Where this process' file systems are mounted.
fn mounts() -> Vec<String> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let places = mounts.lines().filter_map(|line| line.split(' ').nth(1));
    places.filter(|place| place.contains(&folder_prefix())).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_takes_too_long_fails_and_says_what_each_process_does() {
        let mut child = tokio::process::Command::new("sleep").arg("60").kill_on_drop(true).spawn().unwrap();
        let id = child.id().unwrap();
        sleeps(id).await;
        let waits = tokio::spawn(async move {
            within(Duration::from_millis(1), "the sleep", child.wait()).await.unwrap();
        });
        let said = waits.await.unwrap_err().into_panic().downcast::<String>().unwrap();
        assert!(said.starts_with("the sleep was not done after 1ms\n"), "{said}");
        assert!(said.contains(&format!("process {id}\n  sleep: S")), "{said}");
    }

    /// A process that was just started is still its parent's copy, or runs.
    async fn sleeps(process: u32) {
        let task = format!("/proc/{process}");
        let is = |field, value: &str| status(&task, field).is_some_and(|found| found.starts_with(value));
        while !(is("Name", "sleep") && is("State", "S")) {
            tokio::task::yield_now().await;
        }
    }
}
