//! What is measured: one or more processes on core 0.

use std::{
    ffi::OsStr,
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// A running stack.
pub(crate) struct Stack {
    /// Where it is asked.
    pub(crate) address: SocketAddr,
    processes: Vec<Child>,
}

impl Stack {
    /// A stack that nothing runs of yet.
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, processes: Vec::new() }
    }

    /// Starts a process and waits until it listens at `address`.
    pub(crate) fn add(
        &mut self,
        program: impl AsRef<OsStr>,
        arguments: &[String],
        address: SocketAddr,
        environment: &[(&str, &str)],
    ) {
        let program = program.as_ref();
        let process = Command::new("taskset")
            .args(["-c", "0"])
            .arg(program)
            .args(arguments)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("taskset is installed");
        self.processes.push(process);
        let until = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(address).is_err() {
            assert!(Instant::now() < until, "{} does not listen", program.display());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// CPU time of the processes and their children.
    pub(crate) fn cpu(&self) -> Duration {
        let own = self.processes.iter().map(Child::id);
        let ticks: u64 = own.flat_map(|id| children(id).into_iter().chain([id])).map(ticks).sum();
        Duration::from_millis(ticks * 10)
    }

    /// Ends the processes.
    pub(crate) fn stop(mut self) {
        for process in &mut self.processes {
            Command::new("kill").args(["-TERM", &process.id().to_string()]).status().unwrap();
            process.wait().unwrap();
        }
    }
}

/// An address that is free now.
pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Keeps this process and its threads on one core.
pub(crate) fn pin_to(core: u32) {
    let id = std::process::id().to_string();
    let pinned = Command::new("taskset")
        .args(["-a", "-c", "-p", &core.to_string(), &id])
        .stdout(Stdio::null())
        .status();
    assert!(pinned.is_ok_and(|status| status.success()), "taskset is needed (util-linux)");
}

fn children(id: u32) -> Vec<u32> {
    let list = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
    list.split_whitespace().filter_map(|id| id.parse().ok()).collect()
}

/// User and system time in hundredths of a second.
fn ticks(id: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    // Fields 14 and 15 of proc_pid_stat(5), counted after the name.
    [11, 12].iter().filter_map(|at| fields.get(*at)?.parse::<u64>().ok()).sum()
}
