//! What a durable record costs: the journal beside the bare disk and beside redb, in one run.
//!
//!     cargo bench --bench journal                 # about a minute; needs 3 GiB of disk
//!     cargo bench --bench journal -- 5 5          # seconds a round, rounds
//!
//! Producers are tasks in a closed loop: each hands in a record of 1.5 KiB and waits until it is on stable
//! storage. `disk` is the ceiling: one thread that writes as many records as there are producers with one
//! write and one fdatasync, and nothing else; its latency is that of the pair. `redb` is a B-tree behind the
//! same queue and the same rule (all that waits, at most 1 024, in one transaction). A shared machine's
//! speed drifts, so the rows take turns, and what to quote is the ratio.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a bench prints, measures real time and stops at the first surprise"
)]

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

use headgate::journal::{Journal, Options, Position};
use redb::{Database, Durability, TableDefinition};
use tokio::sync::oneshot;

const RECORD_BYTES: usize = 1536;
const PRODUCERS: [usize; 3] = [1, 64, 512];
const ENGINES: [&str; 3] = ["disk", "journal", "redb"];

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|argument| argument.parse().ok());
    let seconds = numbers.next().unwrap_or(2);
    let rounds = numbers.next().unwrap_or(3);
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("journal-bench");
    println!("{RECORD_BYTES} B records, {seconds} s a round, median of {rounds} rounds (min-max)\n");
    println!("| producers | engine | records/s | of the disk | p50 ms | p99 ms | bytes on disk/record |");
    println!("|---|---|---|---|---|---|---|");
    for producers in PRODUCERS {
        let mut rows: Vec<Vec<Row>> = ENGINES.iter().map(|_| Vec::new()).collect();
        for _ in 0..rounds {
            for (engine, rows) in ENGINES.iter().zip(&mut rows) {
                let _ = fs::remove_dir_all(&dir);
                fs::create_dir_all(&dir).unwrap();
                let time = Duration::from_secs(seconds);
                rows.push(match *engine {
                    "disk" => disk(&dir, producers, time),
                    "journal" => journal(&dir, producers, time),
                    _ => redb(&dir, producers, time),
                });
            }
        }
        let ceiling = median(&rows[0], |row| row.rate).0;
        for (engine, rows) in ENGINES.iter().zip(&rows) {
            let (rate, least, most) = median(rows, |row| row.rate);
            println!(
                "| {producers} | {engine} | {rate:.0} ({least:.0}-{most:.0}) | {:.0} % | {:.2} | {:.2} | {:.0} |",
                100.0 * rate / ceiling,
                median(rows, |row| row.p50_ms).0,
                median(rows, |row| row.p99_ms).0,
                median(rows, |row| row.bytes_per_record).0,
            );
        }
    }
    recovery(&dir);
    let _ = fs::remove_dir_all(&dir);
}

struct Row {
    rate: f64,
    p50_ms: f64,
    p99_ms: f64,
    bytes_per_record: f64,
}

impl Row {
    /// From one latency per wait, each for `records` records.
    fn of(mut waits: Vec<Duration>, records: usize, elapsed: Duration, dir: &Path) -> Self {
        waits.sort_unstable();
        let count = (waits.len() * records) as f64;
        let bytes: u64 =
            fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum();
        Self {
            rate: count / elapsed.as_secs_f64(),
            p50_ms: waits[waits.len() / 2].as_secs_f64() * 1e3,
            p99_ms: waits[waits.len() * 99 / 100].as_secs_f64() * 1e3,
            bytes_per_record: bytes as f64 / count,
        }
    }
}

fn median(rows: &[Row], of: impl Fn(&Row) -> f64) -> (f64, f64, f64) {
    let mut values: Vec<f64> = rows.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    (values[values.len() / 2], values[0], values[values.len() - 1])
}

/// Text that does not compress well, as base64 does not.
fn record(n: u64) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(n);
    (0..RECORD_BYTES).map(|_| random.alphanumeric() as u8).collect()
}

fn disk(dir: &Path, producers: usize, time: Duration) -> Row {
    let mut file = File::create(dir.join("disk")).unwrap();
    let bytes: Vec<u8> = (0..producers as u64).flat_map(record).collect();
    let mut waits = Vec::new();
    let begun = Instant::now();
    while begun.elapsed() < time {
        let wait = Instant::now();
        file.write_all(&bytes).unwrap();
        file.sync_data().unwrap();
        waits.push(wait.elapsed());
    }
    Row::of(waits, producers, begun.elapsed(), dir)
}

fn journal(dir: &Path, producers: usize, time: Duration) -> Row {
    let (journal, _) = Journal::open(Options::new(dir), &mut |_, _| {}).unwrap();
    let journal = Arc::new(journal);
    let keep = {
        let journal = journal.clone();
        move |record| {
            let ticket = journal.append(record);
            async move {
                ticket.await.unwrap();
            }
        }
    };
    let (waits, elapsed) = produce(producers, time, keep);
    journal.close();
    Row::of(waits, 1, elapsed, dir)
}

fn redb(dir: &Path, producers: usize, time: Duration) -> Row {
    const RECORDS: TableDefinition<u64, &[u8]> = TableDefinition::new("records");
    let (sender, receiver) = mpsc::channel::<(Vec<u8>, oneshot::Sender<()>)>();
    let database = Database::create(dir.join("redb")).unwrap();
    let writer = std::thread::spawn(move || {
        let mut sequence = 0;
        while let Ok(first) = receiver.recv() {
            let waiting: Vec<_> = std::iter::once(first).chain(receiver.try_iter().take(1023)).collect();
            let mut transaction = database.begin_write().unwrap();
            transaction.set_durability(Durability::Immediate).unwrap();
            {
                let mut table = transaction.open_table(RECORDS).unwrap();
                for (record, _) in &waiting {
                    table.insert(sequence, record.as_slice()).unwrap();
                    sequence += 1;
                }
            }
            transaction.commit().unwrap();
            for (_, reply) in waiting {
                let _ = reply.send(());
            }
        }
    });
    let keep = move |record| {
        let (reply, kept) = oneshot::channel();
        sender.send((record, reply)).unwrap();
        async move { kept.await.unwrap() }
    };
    let (waits, elapsed) = produce(producers, time, keep);
    writer.join().unwrap();
    Row::of(waits, 1, elapsed, dir)
}

/// Runs producers in a closed loop; answers how long each record waited.
fn produce<Kept>(
    producers: usize,
    time: Duration,
    keep: impl Fn(Vec<u8>) -> Kept + Clone + Send + 'static,
) -> (Vec<Duration>, Duration)
where
    Kept: Future<Output = ()> + Send,
{
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
    runtime.block_on(async {
        let stop = Arc::new(AtomicBool::new(false));
        let begun = Instant::now();
        let tasks: Vec<_> = (0..producers as u64)
            .map(|producer| {
                let (keep, stop, record) = (keep.clone(), stop.clone(), record(producer));
                tokio::spawn(async move {
                    let mut waits = Vec::new();
                    while !stop.load(Ordering::Relaxed) {
                        let wait = Instant::now();
                        keep(record.clone()).await;
                        waits.push(wait.elapsed());
                    }
                    waits
                })
            })
            .collect();
        drop(keep);
        tokio::time::sleep(time).await;
        stop.store(true, Ordering::Relaxed);
        let mut waits = Vec::new();
        for task in tasks {
            waits.extend(task.await.unwrap());
        }
        (waits, begun.elapsed())
    })
}

/// How long opening takes.
fn recovery(dir: &Path) {
    const RECORDS: usize = 500_000;
    let _ = fs::remove_dir_all(dir);
    let (journal, _) = Journal::open(Options::new(dir), &mut |_, _| {}).unwrap();
    let record = record(1);
    for _ in 0..RECORDS / 1000 {
        let tickets: Vec<_> = (0..1000).map(|_| journal.append(record.clone())).collect();
        for ticket in tickets {
            ticket.wait().unwrap();
        }
    }
    drop(journal);
    let begun = Instant::now();
    let mut last = None;
    let (_journal, recovery) =
        Journal::open(Options::new(dir), &mut |at: Position, _| last = Some(at)).unwrap();
    println!(
        "\nopening {} records ({} MiB, in the page cache): {:.2} s",
        recovery.records,
        (RECORDS * RECORD_BYTES) >> 20,
        begun.elapsed().as_secs_f64()
    );
}
