//! What is measured: one or two processes.

use std::{fs, net::SocketAddr, path::PathBuf};

use super::{
    load::{Stack, free_address},
    peers::{self, Authority},
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
    EnvoyAsksGrpc,
    HeadgateKeys,
    HeadgateJwts,
}

impl Kind {
    pub(super) const ALL: [Self; 9] = [
        Self::Floor,
        Self::Nginx,
        Self::Haproxy,
        Self::Envoy,
        Self::NginxAsks,
        Self::EnvoyAsks,
        Self::EnvoyAsksGrpc,
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
            Self::EnvoyAsksGrpc => "Envoy ext_authz, gRPC + service",
            Self::HeadgateKeys => "headgate, API keys",
            Self::HeadgateJwts => "headgate, JWTs (cached)",
        }
    }

    /// Whether the programs that it needs are there.
    pub(super) fn is_there(self) -> bool {
        match self {
            Self::Envoy | Self::EnvoyAsks => peers::envoy().is_some(),
            Self::EnvoyAsksGrpc => peers::envoy().is_some() && grpc_authority().is_some(),
            _ => true,
        }
    }

    /// The agents' tokens.
    pub(super) fn tokens(self, world: &World) -> &[String] {
        if self == Self::HeadgateJwts { &world.jwts } else { &world.keys }
    }

    /// Whether it looks at who asks.
    pub(super) const fn authorizes(self) -> bool {
        !matches!(self, Self::Floor | Self::Nginx | Self::Haproxy | Self::Envoy)
    }

    /// Whether it looks into an answer.
    pub(super) const fn filters(self) -> bool {
        matches!(self, Self::HeadgateKeys | Self::HeadgateJwts)
    }

    pub(super) fn start(self, world: &World) -> Stack {
        let address = free_address();
        let mut stack = Stack::new(address);
        let (backend, folder) = (world.backend, world.folder.as_path());
        match self {
            Self::Floor => {
                let arguments = ["floor".to_owned(), address.to_string(), backend.to_string()];
                stack.add(itself(), &arguments, address, &[]);
            }
            Self::Nginx | Self::NginxAsks => {
                let authority = (self == Self::NginxAsks).then(|| authority(&mut stack, world, itself()));
                stack.add("nginx", &peers::nginx(folder, address, backend, authority), address, &[]);
            }
            Self::Haproxy => stack.add("haproxy", &peers::haproxy(folder, address, backend), address, &[]),
            Self::Envoy | Self::EnvoyAsks | Self::EnvoyAsksGrpc => {
                let authority = match self {
                    Self::EnvoyAsks => Some(Authority::Http(authority(&mut stack, world, itself()))),
                    Self::EnvoyAsksGrpc => {
                        let program = grpc_authority().unwrap();
                        Some(Authority::Grpc(authority(&mut stack, world, program)))
                    }
                    _ => None,
                };
                let arguments = peers::envoy_config(folder, address, backend, authority);
                stack.add(peers::envoy().unwrap(), &arguments, address, &[]);
            }
            Self::HeadgateKeys | Self::HeadgateJwts => {
                let config = folder.join("config");
                fs::write(config.join("headgate.toml"), world.headgate_toml(address)).unwrap();
                let arguments = ["serve".to_owned(), "--config".to_owned(), config.display().to_string()];
                stack.add(env!("CARGO_BIN_EXE_headgate"), &arguments, address, &[]);
            }
        }
        stack
    }
}

/// A service that is asked for each request.
fn authority(stack: &mut Stack, world: &World, program: PathBuf) -> SocketAddr {
    let address = free_address();
    let file = |name: &str| world.folder.join(name).display().to_string();
    let arguments = ["authority".to_owned(), address.to_string(), file("agents"), file("conversations")];
    stack.add(program, &arguments, address, &[]);
    address
}

fn itself() -> PathBuf {
    std::env::current_exe().unwrap()
}

/// The service that is asked over gRPC (`benches/peers/authority`).
fn grpc_authority() -> Option<PathBuf> {
    std::env::var_os("GRPC_AUTHORITY").map(PathBuf::from)
}
