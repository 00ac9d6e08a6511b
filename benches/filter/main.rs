//! What filtering an answer costs, beside `serde_json`, `simd-json` and `jq` doing the same.
//!
//!     cargo bench --bench filter
//!
//! Of a list of conversations, those pass whose team has an even number or whose assignee is the caller, without
//! the contact's phone and mail and without custom attributes, and the count follows. All outputs are compared as
//! values first. MB/s of input, median of rounds (min-max). Peak memory is that of a process of its own per row
//! (`VmHWM`), beyond what the process had with its input read.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a bench prints, measures real time and stops at the first surprise"
)]

mod answers;

use std::{
    hint::black_box,
    io::Write as _,
    process::{Command, Stdio},
    time::Instant,
};

use headgate::filter::{
    EntityNo, EntitySource, FactNo, Fields, Filter, Judge, Layout, LayoutSource, Limits, Object, Raw, Schema,
    Total, Verdict, filter,
};
use serde_json::Value;
use simd_json::prelude::*;

const ROUNDS: usize = 5;
const CALLER: u64 = 7;
const CHUNK_BYTES: usize = 16 << 10;
const JQ: &str = r#".payload |= map(select(.team.id % 2 == 0 or .assignee.id == 7) | del(.contact.phone, .contact.email, .custom_attributes)) | .meta.count = (.payload | length) | del(.meta.current_page)"#;

type Engine = (&'static str, fn(&[u8]) -> Vec<u8>);
const ENGINES: [Engine; 4] =
    [("headgate", headgate), ("serde_json Value", serde), ("simd-json borrowed", simd), ("jq", jq)];

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--peak") {
        return peak(&arguments[at + 1], &arguments[at + 2]);
    }
    println!(
        "| input | engine | MB/s | of headgate | peak memory beyond the input, KiB |\n|---|---|---|---|---|"
    );
    for (name, rows) in [("5 KiB", 0), ("256 KiB", 500), ("8 MiB", 16_000)] {
        let text = input(rows);
        let want: Value = serde_json::from_slice(&serde(&text)).unwrap();
        let mut first = None;
        for (engine, run) in ENGINES.iter().filter(|(engine, _)| *engine != "jq" || has_jq()) {
            let got: Value = serde_json::from_slice(&run(&text)).unwrap();
            assert!(got == want, "{engine} does something else");
            let (speed, least, most) = measured(&text, *run, *engine == "jq");
            let ratio = speed / *first.get_or_insert(speed);
            let peak = if *engine == "jq" { "-".into() } else { child_peak(engine, rows) };
            println!(
                "| {name} ({} B) | {engine} | {speed:.0} ({least:.0}-{most:.0}) | {ratio:.2} | {peak} |",
                text.len()
            );
        }
    }
    let text = input(200_000);
    let (speed, least, most) = measured(&text, streamed, true);
    let peak = child_peak("stream", 200_000);
    println!(
        "| {} MB in chunks of 16 KiB | headgate | {speed:.0} ({least:.0}-{most:.0}) | | {peak} |",
        text.len() / 1_000_000
    );
}

fn input(rows: u64) -> Vec<u8> {
    // Half of a hundred teams are visible, and the one of a single conversation.
    if rows == 0 { answers::list(1, 38, &[4]) } else { answers::list(rows, 1, &Vec::from_iter(0..100)) }
}

/// MB/s: the median, the least and the most.
fn measured(text: &[u8], run: fn(&[u8]) -> Vec<u8>, once: bool) -> (f64, f64, f64) {
    let times = if once { 1 } else { (20_000_000 / text.len()).max(1) };
    let mut speeds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let begin = Instant::now();
            for _ in 0..times {
                black_box(run(black_box(text)));
            }
            (text.len() * times) as f64 / 1e6 / begin.elapsed().as_secs_f64()
        })
        .collect();
    speeds.sort_by(f64::total_cmp);
    (speeds[ROUNDS / 2], speeds[0], speeds[ROUNDS - 1])
}

fn layout() -> Layout {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let schema = Schema::compile(vec![
        EntitySource {
            fields: names(&[
                "id",
                "channel",
                "status",
                "created_at",
                "labels",
                "unread",
                "assignee",
                "team",
                "messages",
            ]),
            nested: [("/contact".into(), EntityNo(1))].into(),
            facts: names(&["/team/id", "/assignee/id"]),
            ..EntitySource::default()
        },
        EntitySource { fields: names(&["id", "name", "thumbnail"]), ..EntitySource::default() },
    ]);
    let source = LayoutSource {
        rows: Some(("/payload".into(), EntityNo(0))),
        totals: [("/meta/count".into(), Total::Shown)].into(),
        ..LayoutSource::default()
    };
    Layout::compile(&schema.unwrap(), source).unwrap()
}

struct Caller;

impl Judge for Caller {
    fn judge(&mut self, object: &Object<'_>) -> Verdict {
        let number = |raw: Raw<'_>| std::str::from_utf8(raw.0).ok()?.parse::<u64>().ok();
        let fact = |no| object.fact(FactNo(no)).and_then(number);
        let shown = !object.main || visible(fact(0), fact(1));
        if shown { Verdict::Shown(Fields::All) } else { Verdict::Hidden }
    }
}

fn visible(team: Option<u64>, assignee: Option<u64>) -> bool {
    team.is_some_and(|team| team.is_multiple_of(2)) || assignee == Some(CALLER)
}

thread_local! {
    /// A layout is made once for each configuration.
    static LAYOUT: Layout = layout();
}

fn headgate(text: &[u8]) -> Vec<u8> {
    LAYOUT.with(|layout| filter(text, layout, Limits::default(), Caller)).unwrap().0
}

fn streamed(text: &[u8]) -> Vec<u8> {
    LAYOUT.with(|layout| {
        let mut filter = Filter::new(layout, Limits::default(), Caller);
        let mut out = Vec::with_capacity(2 * CHUNK_BYTES);
        for chunk in text.chunks(CHUNK_BYTES) {
            out.clear();
            filter.push(chunk, &mut out).unwrap();
        }
        filter.finish(&mut out).unwrap();
        out
    })
}

fn serde(text: &[u8]) -> Vec<u8> {
    let mut value: Value = serde_json::from_slice(text).unwrap();
    let rows = value["payload"].as_array_mut().unwrap();
    rows.retain(|row| visible(row["team"]["id"].as_u64(), row["assignee"]["id"].as_u64()));
    for row in rows.iter_mut() {
        row.as_object_mut().unwrap().remove("custom_attributes");
        let contact = row["contact"].as_object_mut().unwrap();
        contact.remove("phone");
        contact.remove("email");
    }
    let count = rows.len();
    value["meta"] = serde_json::json!({ "count": count });
    serde_json::to_vec(&value).unwrap()
}

fn simd(text: &[u8]) -> Vec<u8> {
    // It reads in place.
    let mut text = text.to_vec();
    let mut value = simd_json::to_borrowed_value(&mut text).unwrap();
    let rows = value.get_mut("payload").and_then(|rows| rows.as_array_mut()).unwrap();
    let id = |row: &simd_json::BorrowedValue<'_>, of: &str| row.get(of)?.get("id")?.as_u64();
    rows.retain(|row| visible(id(row, "team"), id(row, "assignee")));
    for row in rows.iter_mut() {
        row.as_object_mut().unwrap().remove("custom_attributes");
        let contact = row.get_mut("contact").and_then(|contact| contact.as_object_mut()).unwrap();
        contact.remove("phone");
        contact.remove("email");
    }
    let count = rows.len() as u64;
    let meta = value.get_mut("meta").and_then(|meta| meta.as_object_mut()).unwrap();
    meta.remove("current_page");
    meta.insert("count".into(), count.into());
    simd_json::to_vec(&value).unwrap()
}

fn has_jq() -> bool {
    Command::new("jq").arg("--version").stdout(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// A process for each text, with its start.
fn jq(text: &[u8]) -> Vec<u8> {
    let mut child =
        Command::new("jq").args(["-c", JQ]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(text).unwrap());
        child.wait_with_output().unwrap().stdout
    })
}

/// What an engine needs of memory, measured in a process of its own.
fn child_peak(engine: &str, rows: u64) -> String {
    let file = std::env::temp_dir().join(format!("headgate-filter-bench-{}.json", std::process::id()));
    std::fs::write(&file, input(rows)).unwrap();
    let program = std::env::current_exe().unwrap();
    let output = Command::new(program).args(["--peak", engine]).arg(&file).output().unwrap();
    std::fs::remove_file(&file).unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn peak(engine: &str, file: &str) {
    // Made elsewhere, so that no memory is left over that would be used again uncounted.
    let text = std::fs::read(file).unwrap();
    let run =
        ENGINES.iter().find(|(name, _)| *name == engine).map_or(streamed as fn(&[u8]) -> _, |(_, run)| *run);
    LAYOUT.with(|_| ());
    let before = high_water_kib();
    black_box(run(black_box(&text)));
    println!("{}", high_water_kib() - before);
}

fn high_water_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
