//! What is measured: one or two processes on core 0.

use std::{
    ffi::OsString,
    fs,
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use super::{
    load::{self, OBJECT_BYTES},
    peers,
    world::World,
};

/// A stack under test.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Floor,
    Nginx,
    Haproxy,
    Envoy,
    NginxAsks,
    EnvoyAsks,
    HeadgateKeys,
    HeadgateJwts,
}

impl Kind {
    pub(super) const ALL: [Self; 8] = [
        Self::Floor,
        Self::Nginx,
        Self::Haproxy,
        Self::Envoy,
        Self::NginxAsks,
        Self::EnvoyAsks,
        Self::HeadgateKeys,
        Self::HeadgateJwts,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Floor => "bare hyper, passes on",
            Self::Nginx => "nginx, passes on",
            Self::Haproxy => "HAProxy, passes on",
            Self::Envoy => "Envoy, passes on",
            Self::NginxAsks => "nginx auth_request + service",
            Self::EnvoyAsks => "Envoy ext_authz + service",
            Self::HeadgateKeys => "headgate, API keys",
            Self::HeadgateJwts => "headgate, JWTs (cached)",
        }
    }

    pub(super) const fn is_envoy(self) -> bool {
        matches!(self, Self::Envoy | Self::EnvoyAsks)
    }

    /// The agents' tokens.
    pub(super) fn tokens(self, world: &World) -> &[String] {
        if self == Self::HeadgateJwts { &world.jwts } else { &world.keys }
    }

    const fn authorizes(self) -> bool {
        matches!(self, Self::NginxAsks | Self::EnvoyAsks | Self::HeadgateKeys | Self::HeadgateJwts)
    }
}

/// A running stack.
pub(super) struct Stack {
    processes: Vec<Child>,
    pub(super) address: SocketAddr,
    kind: Kind,
}

impl Stack {
    pub(super) fn start(kind: Kind, world: &World) -> Self {
        let mut stack = Self { processes: Vec::new(), address: free_address(), kind };
        let (address, backend, folder) = (stack.address, world.backend, world.folder.as_path());
        match kind {
            Kind::Floor => {
                let arguments = ["floor".to_owned(), address.to_string(), backend.to_string()];
                stack.add(itself(), &arguments, address);
            }
            Kind::Nginx => stack.add("nginx", &peers::nginx(folder, address, backend, None), address),
            Kind::Haproxy => stack.add("haproxy", &peers::haproxy(folder, address, backend), address),
            Kind::Envoy => {
                let arguments = peers::envoy_config(folder, address, backend, None);
                stack.add(peers::envoy().unwrap(), &arguments, address);
            }
            Kind::NginxAsks => {
                let authority = Some(stack.authority(folder));
                stack.add("nginx", &peers::nginx(folder, address, backend, authority), address);
            }
            Kind::EnvoyAsks => {
                let authority = Some(stack.authority(folder));
                let arguments = peers::envoy_config(folder, address, backend, authority);
                stack.add(peers::envoy().unwrap(), &arguments, address);
            }
            Kind::HeadgateKeys | Kind::HeadgateJwts => {
                let config = folder.join("config");
                fs::write(config.join("headgate.toml"), world.headgate_toml(address)).unwrap();
                let arguments = ["serve".to_owned(), "--config".to_owned(), config.display().to_string()];
                stack.add(env!("CARGO_BIN_EXE_headgate"), &arguments, address);
            }
        }
        stack
    }

    /// A service that is asked for each request.
    fn authority(&mut self, folder: &Path) -> SocketAddr {
        let address = free_address();
        let tokens = folder.join("tokens").display().to_string();
        self.add(itself(), &["authority".to_owned(), address.to_string(), tokens], address);
        address
    }

    /// Starts a process on core 0 and waits until it listens.
    fn add(&mut self, program: impl Into<OsString>, arguments: &[String], address: SocketAddr) {
        let process = Command::new("taskset")
            .args(["-c", "0"])
            .arg(program.into())
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("taskset is installed");
        self.processes.push(process);
        let until = Instant::now() + Duration::from_secs(20);
        while std::net::TcpStream::connect(address).is_err() {
            assert!(Instant::now() < until, "{} does not listen", self.kind.name());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// It must do what it is measured for.
    pub(super) async fn check(&self, tokens: &[String]) {
        let status =
            async |token, conversation| load::ask(self.address, &load::get(token, conversation)).await;
        let (own, name) = (Some(tokens[7].as_str()), self.kind.name());
        assert_eq!(status(own, 7).await, (200, OBJECT_BYTES), "{name}");
        if self.kind.authorizes() {
            assert!(matches!(status(own, 8).await.0, 403 | 404), "{name} shows what is another team's");
            assert_eq!(status(None, 7).await.0, 401, "{name}");
            assert_eq!(status(Some("forged"), 7).await.0, 401, "{name}");
        }
    }

    /// CPU time of the processes and their children.
    pub(super) fn cpu(&self) -> Duration {
        let own = self.processes.iter().map(Child::id);
        let ticks: u64 = own.flat_map(|id| children(id).into_iter().chain([id])).map(ticks).sum();
        Duration::from_millis(ticks * 10)
    }

    pub(super) fn stop(mut self) {
        for process in &mut self.processes {
            Command::new("kill").args(["-TERM", &process.id().to_string()]).status().unwrap();
            process.wait().unwrap();
        }
    }
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

fn itself() -> OsString {
    std::env::current_exe().unwrap().into_os_string()
}

fn free_address() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
