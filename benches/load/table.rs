//! What was measured, as a table.

use std::{fmt, time::Duration};

/// One stack under one load.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    pub(super) answered: u64,
    failed: u64,
    rate: f64,
    pub(super) cpu_us: f64,
    p50_ms: f64,
    p99_ms: f64,
}

impl Measured {
    pub(super) fn new(mut times: Vec<Duration>, failed: u64, took: Duration) -> Self {
        times.sort();
        let at = |share: f64| {
            let index = ((times.len() as f64) * share) as usize;
            times.get(index.min(times.len().saturating_sub(1))).map_or(0.0, |time| time.as_secs_f64() * 1e3)
        };
        Self {
            answered: times.len() as u64,
            failed,
            rate: times.len() as f64 / took.as_secs_f64(),
            cpu_us: 0.0,
            p50_ms: at(0.5),
            p99_ms: at(0.99),
        }
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:>8.0}/s {:>7.1} us CPU, p50 {:.2} ms, p99 {:.2} ms, {} failed",
            self.rate, self.cpu_us, self.p50_ms, self.p99_ms, self.failed
        )
    }
}

/// All rounds of all stacks under all loads. The yardstick is the stack whose name begins with `nginx, passes on`.
#[derive(Default)]
pub(crate) struct Table(Vec<Row>);

struct Row {
    load: &'static str,
    stack: &'static str,
    rounds: Vec<Measured>,
}

impl Table {
    /// Adds a round, and tells it.
    pub(crate) fn add(&mut self, load: &'static str, stack: &'static str, measured: Measured) {
        println!("{load:<18} {stack:<36} {measured}");
        match self.0.iter_mut().find(|row| (row.load, row.stack) == (load, stack)) {
            Some(row) => row.rounds.push(measured),
            None => self.0.push(Row { load, stack, rounds: vec![measured] }),
        }
    }

    /// Prints the medians, and in brackets the least and the most.
    pub(crate) fn print(&self) {
        println!("\n| load | stack | answered/s | CPU us (least-most) | ratio to nginx | p50 ms | p99 ms |");
        println!("|---|---|---|---|---|---|---|");
        for row in &self.0 {
            let cpu = row.median(|measured| measured.cpu_us);
            let of_nginx = |row: &&Row| row.stack.starts_with("nginx, passes on");
            let nginx = self.0.iter().filter(|other| other.load == row.load).find(of_nginx);
            let of = |fold: fn(f64, f64) -> f64| row.rounds.iter().map(|round| round.cpu_us).reduce(fold);
            println!(
                "| {} | {} | {:.0} | **{cpu:.1}** ({:.1}-{:.1}) | {:.2} | {:.2} | {:.2} |",
                row.load,
                row.stack,
                row.median(|measured| measured.rate),
                of(f64::min).unwrap(),
                of(f64::max).unwrap(),
                nginx.map_or(f64::NAN, |nginx| cpu / nginx.median(|measured| measured.cpu_us)),
                row.median(|measured| measured.p50_ms),
                row.median(|measured| measured.p99_ms),
            );
        }
    }
}

impl Row {
    fn median(&self, of: impl Fn(&Measured) -> f64) -> f64 {
        let mut values: Vec<f64> = self.rounds.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    }
}
