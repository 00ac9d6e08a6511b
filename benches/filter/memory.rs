//! How much memory filtering an answer takes, beside `serde_json`, `simd-json` and `jq` doing the same.
//!
//!     cargo bench --bench filter --bench filter_memory
//!
//! What the engine has allocated at once at most, its output among it and its input not, counted by the allocator. A buffer
//! that grows counts with its old place until it is copied. Of `jq`, a process of its own: its largest resident set as GNU time
//! tells it, less that of a `jq` that reads `null`.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a bench prints and stops at the first surprise"
)]

mod answers;
mod engines;
mod jq;

use std::{
    hint::black_box,
    process::{Command, Stdio},
};

use engines::{LONG, SIZES, STREAMED, WHOLE, input};

fn main() {
    println!("| input | engine | peak KiB | of the input |\n|---|---|---|---|");
    for (size, rows) in SIZES.into_iter().chain([LONG]) {
        let text = input(rows);
        for (name, run) in WHOLE.into_iter().chain([STREAMED]) {
            // What is made once is made before.
            black_box(run(&input(0)));
            let counted = allocation_counter::measure(|| drop(black_box(run(black_box(&text)))));
            told(size, text.len(), name, counted.bytes_max / 1024);
        }
        if let (Some(kib), Some(start)) = (resident_kib(jq::PROGRAM, &text), resident_kib(".", b"null")) {
            told(size, text.len(), "jq", kib.saturating_sub(start));
        }
    }
}

fn told(size: &str, bytes: usize, name: &str, kib: u64) {
    let of_input = kib as f64 * 1024.0 / bytes as f64;
    println!("| {size} ({bytes} B) | {name} | {kib} | {of_input:.3} × |");
}

/// The largest resident set of a `jq`; `None` where it or GNU time is missing.
fn resident_kib(program: &str, text: &[u8]) -> Option<u64> {
    let found = |name| Command::new(name).arg("--version").stdout(Stdio::null()).status();
    found("jq").ok()?;
    found("/usr/bin/time").ok()?;
    let told = std::env::temp_dir().join(format!("headgate-filter-memory-{}", std::process::id()));
    let mut command = Command::new("/usr/bin/time");
    command.args(["-f", "%M", "-o"]).arg(&told).args(["jq", "-c", program]);
    jq::piped(&mut command, text);
    let kib = std::fs::read_to_string(&told).unwrap().trim().parse().unwrap();
    std::fs::remove_file(&told).unwrap();
    Some(kib)
}
