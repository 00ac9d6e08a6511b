//! What filtering an answer costs, beside `serde_json`, `simd-json` and `jq` doing the same.
//!
//!     cargo bench --bench filter --bench filter_memory
//!
//! All outputs are compared as values first. MB/s of input, median of rounds (min-max). `jq` is a process for each text: the
//! time of its start, told below the table, is taken off. How much memory each needs is told by the second bench, so that
//! here nobody counts.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a bench prints, measures real time and stops at the first surprise"
)]

mod answers;
mod engines;
mod jq;

use std::{
    hint::black_box,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use engines::{Engine, LONG, SIZES, STREAMED, WHOLE, input};
use serde_json::Value;

const ROUNDS: usize = 9;
const ROUNDS_LONG: usize = 3;
const BYTES_PER_ROUND: usize = 20_000_000;

fn main() {
    let start = jq_start();
    println!("| input | engine | MB/s | headgate is |\n|---|---|---|---|");
    for (size, rows) in SIZES {
        let text = input(rows);
        compare(&text);
        let rounds = |run: fn(&[u8]) -> Vec<u8>| rounds(&text, ROUNDS, BYTES_PER_ROUND, Duration::ZERO, run);
        let first = told(size, text.len(), WHOLE[0].0, &rounds(WHOLE[0].1), None);
        for (name, run) in &WHOLE[1..] {
            told(size, text.len(), name, &rounds(*run), Some(first));
        }
        if let Some(start) = start {
            let speeds = self::rounds(&text, ROUNDS, 0, start, jq);
            told(size, text.len(), "jq", &speeds, Some(first));
        }
    }
    let ((size, rows), (name, run)) = (LONG, STREAMED);
    let text = input(rows);
    let first = told(size, text.len(), name, &rounds(&text, ROUNDS, 0, Duration::ZERO, run), None);
    for (name, run) in &WHOLE {
        told(size, text.len(), name, &rounds(&text, ROUNDS_LONG, 0, Duration::ZERO, *run), Some(first));
    }
    if let Some(start) = start {
        told(size, text.len(), "jq", &rounds(&text, 1, 0, start, jq), Some(first));
        println!("\njq starts in {:.1} ms.", start.as_secs_f64() * 1e3);
    }
}

/// All engines do the same.
fn compare(text: &[u8]) {
    let want: Value = serde_json::from_slice(&engines::serde(text)).unwrap();
    let jq: Option<Engine> = jq_start().map(|_start| ("jq", jq as fn(&[u8]) -> _));
    for (name, run) in WHOLE.into_iter().chain(jq) {
        let got: Value = serde_json::from_slice(&run(text)).unwrap();
        assert!(got == want, "{name} does something else");
    }
    let mut got: Value = serde_json::from_slice(&engines::in_chunks(text, |_kept| {})).unwrap();
    // A count that stands before the rows has passed when they come, as `null`.
    let count = &mut got["meta"]["count"];
    assert!(count.is_null() || *count == want["meta"]["count"], "{} counts otherwise", STREAMED.0);
    *count = want["meta"]["count"].clone();
    assert!(got == want, "{} does something else", STREAMED.0);
}

/// MB/s of each round, in order. A round takes in at least so many bytes; `start` is taken off for each text.
fn rounds(text: &[u8], rounds: usize, bytes: usize, start: Duration, run: fn(&[u8]) -> Vec<u8>) -> Vec<f64> {
    let times = u32::try_from(bytes / text.len()).unwrap().max(1);
    let round = |_| {
        let begin = Instant::now();
        for _ in 0..times {
            black_box(run(black_box(text)));
        }
        let took = begin.elapsed().saturating_sub(start * times);
        text.len() as f64 * f64::from(times) / 1e6 / took.as_secs_f64()
    };
    let mut speeds: Vec<f64> = (0..rounds).map(round).collect();
    speeds.sort_by(f64::total_cmp);
    speeds
}

/// Prints a line; gives the median.
fn told(size: &str, bytes: usize, name: &str, speeds: &[f64], first: Option<f64>) -> f64 {
    let median = speeds[speeds.len() / 2];
    let (least, most) = (speeds[0], speeds[speeds.len() - 1]);
    let ratio = first.map_or(String::new(), |first| format!("{:.1} ×", first / median));
    println!("| {size} ({bytes} B) | {name} | {median:.0} ({least:.0}–{most:.0}) | {ratio} |");
    median
}

/// The output for a text.
fn jq(text: &[u8]) -> Vec<u8> {
    jq::piped(Command::new("jq").args(["-c", jq::PROGRAM]), text)
}

/// How long it takes to start, at least; `None` where there is none.
fn jq_start() -> Option<Duration> {
    Command::new("jq").arg("--version").stdout(Stdio::null()).status().ok()?;
    let empty = |_| {
        let begin = Instant::now();
        jq::piped(Command::new("jq").args(["-c", "."]), b"null");
        begin.elapsed()
    };
    (0..9).map(empty).min()
}
