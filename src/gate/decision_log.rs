//! The decision log: one JSON object a line, put at the end of a file or of the standard error.
//!
//! A file has a largest size: one that is full goes on under another name, in the place of the one before it.

use std::{
    fs::Metadata,
    io::{self, SeekFrom},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::{
    fs::{File, OpenOptions},
    io::{AsyncReadExt, AsyncSeekExt, AsyncWrite, AsyncWriteExt, BufWriter},
    sync::{mpsc, oneshot},
};
use tokio_util::sync::CancellationToken;

use super::decisions::{Counts, Record};
use crate::config::gate::DecisionLog;

/// Lines that are put on the disk together at most while somebody waits for one of them and others keep coming.
const LINES_PER_SYNC_MAX: u64 = 256;

/// A decision on its way to the log.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) record: Arc<Record>,
    /// Who waits until it is written; dropped if it cannot be.
    pub(super) written: Option<oneshot::Sender<()>>,
}

impl Line {
    /// A line that nobody waits for.
    pub(super) const fn of(record: Arc<Record>) -> Self {
        Self { record, written: None }
    }
}

/// Writes decisions as lines.
#[derive(Debug)]
pub struct Writer {
    waiting: mpsc::Receiver<Line>,
    file: Option<PathBuf>,
    file_bytes_max: u64,
    /// The file is to be opened anew: it may have been moved away.
    reopen: Arc<AtomicBool>,
    counts: Counts,
    /// Lines that were written and may not be out yet.
    unflushed: u64,
    /// Who waits for one of these.
    unconfirmed: Vec<oneshot::Sender<()>>,
}

impl Writer {
    pub(super) fn new(
        waiting: mpsc::Receiver<Line>,
        log: &DecisionLog,
        reopen: Arc<AtomicBool>,
        counts: Counts,
    ) -> Self {
        let DecisionLog { file, file_bytes_max, .. } = log;
        Self {
            waiting,
            file: file.clone(),
            file_bytes_max: *file_bytes_max,
            reopen,
            counts,
            unflushed: 0,
            unconfirmed: Vec::new(),
        }
    }

    /// Writes until `stop`, then what is still waiting. A line that cannot be written is lost and counted; the
    /// file is opened anew for the next.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut out = None;
        loop {
            let next = tokio::select! {
                biased;
                next = self.waiting.recv() => next,
                () = stop.cancelled() => self.waiting.try_recv().ok(),
            };
            let Some(line) = next else { break };
            self.unflushed += 1;
            if let Err(error) = self.write(&mut out, line).await {
                if self.counts.lost.inc_by(self.unflushed) == 0 {
                    tracing::warn!(error = %error, "could not write the decision log; later failures are only counted");
                }
                out = None;
                self.unflushed = 0;
                self.unconfirmed.clear();
            }
        }
        if let Some(mut out) = out {
            let _at_the_end = out.to.flush().await;
        }
    }

    async fn write(&mut self, out: &mut Option<Out>, line: Line) -> io::Result<()> {
        if self.reopen.swap(false, Ordering::AcqRel) {
            // What was written until now belongs to the old file.
            self.sync(out).await?;
            *out = None;
            self.unflushed = 1;
        }
        // JSON escapes every control character, so that a record is one line whatever is in it.
        let mut text = serde_json::to_vec(&*line.record)?;
        text.push(b'\n');
        let bytes = text.len() as u64;
        if out.is_none() {
            *out = Some(self.open().await?);
        }
        if out.as_ref().is_some_and(|out| out.has_no_room(bytes, self.file_bytes_max)) {
            self.sync(out).await?;
            self.unflushed = 1;
            let full = out.take().and_then(|out| out.file);
            if self.is_still(full.as_ref()).await {
                self.move_away().await?;
                self.counts.full.inc();
            }
            *out = Some(self.open().await?);
        }
        self.unconfirmed.extend(line.written);
        let Some(opened) = out else { return Ok(()) };
        opened.to.write_all(&text).await?;
        opened.bytes += bytes;
        // What waits for a busy writer is flushed together.
        let nobody_waits = self.unconfirmed.is_empty() || self.unflushed < LINES_PER_SYNC_MAX;
        if !self.waiting.is_empty() && nobody_waits {
            return Ok(());
        }
        self.sync(out).await
    }

    /// Puts what was written out, on the disk if somebody waits for it, and tells them.
    async fn sync(&mut self, out: &mut Option<Out>) -> io::Result<()> {
        let Some(out) = out else { return Ok(()) };
        out.to.flush().await?;
        if let Some(file) = out.file.as_ref().filter(|_| !self.unconfirmed.is_empty()) {
            file.sync_data().await?;
        }
        self.unflushed = 0;
        for written in self.unconfirmed.drain(..) {
            let _who_waited_is_gone = written.send(());
        }
        Ok(())
    }

    async fn open(&self) -> io::Result<Out> {
        let Some(path) = &self.file else {
            return Ok(Out {
                to: BufWriter::new(Box::new(tokio::io::stderr())),
                file: None,
                grows: false,
                bytes: 0,
            });
        };
        let torn = ends_within_a_line(path).await;
        let mut file = OpenOptions::new().create(true).append(true).open(path).await?;
        if torn {
            file.write_all(b"\n").await?;
            file.flush().await?;
        }
        let to: Box<dyn AsyncWrite + Send + Unpin> = Box::new(file.try_clone().await?);
        let known = file.metadata().await?;
        // What has its name elsewhere, as `/dev/stdout` has, is not ours to move.
        let grows = tokio::fs::symlink_metadata(path).await?.is_file();
        Ok(Out { to: BufWriter::new(to), file: Some(file), grows, bytes: known.len() })
    }

    /// Whether the file that is full still has its name: logrotate may have moved it, and what has its name now is another.
    async fn is_still(&self, full: Option<&File>) -> bool {
        let (Some(path), Some(full)) = (&self.file, full) else { return false };
        let named = tokio::fs::symlink_metadata(path).await;
        let same = |named: &Metadata, full: &Metadata| (named.dev(), named.ino()) == (full.dev(), full.ino());
        match (named, full.metadata().await) {
            (Ok(named), Ok(full)) => named.is_file() && same(&named, &full),
            (Err(_), _) | (_, Err(_)) => false,
        }
    }

    /// Moves a full file to where the one before it is, which is gone then. Not `.1`, by which logrotate has its own.
    async fn move_away(&self) -> io::Result<()> {
        let Some(path) = &self.file else { return Ok(()) };
        let mut old = path.clone().into_os_string();
        old.push(".old");
        tokio::fs::rename(path, old).await
    }
}

/// Whether the last line of a file was not written to its end, by a full disk or a crash: the next record would
/// be lost in it. What cannot be told of a file is taken for whole, and so is what is none, such as a pipe.
async fn ends_within_a_line(path: &Path) -> bool {
    let last = async {
        if !tokio::fs::metadata(path).await?.is_file() {
            return Ok(b'\n');
        }
        let mut file = File::open(path).await?;
        file.seek(SeekFrom::End(-1)).await?;
        file.read_u8().await
    };
    last.await.is_ok_and(|last: u8| last != b'\n')
}

/// Where lines go.
struct Out {
    to: BufWriter<Box<dyn AsyncWrite + Send + Unpin>>,
    /// The same file, to be synced.
    file: Option<File>,
    /// It is kept, and no pipe or terminal.
    grows: bool,
    /// Bytes in it.
    bytes: u64,
}

impl Out {
    /// Whether so many bytes more are too many. A line that is longer by itself has a file of its own.
    const fn has_no_room(&self, more: u64, bytes_max: u64) -> bool {
        self.grows && self.bytes > 0 && self.bytes.saturating_add(more) > bytes_max
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        gate::decisions::{Decisions, Unrecorded, tests::record},
        ids::DecisionId,
    };

    fn log(file: PathBuf, waiting_max: usize) -> DecisionLog {
        DecisionLog {
            file: Some(file),
            file_bytes_max: u64::MAX,
            waiting_max,
            audit_wait_max: Duration::from_secs(2),
        }
    }

    #[tokio::test]
    async fn each_decision_is_one_line_and_none_is_lost_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("decisions.jsonl");
        let log = log(file.clone(), 2);
        let counts = Counts::default();
        let (decisions, writer) = Decisions::new(0, Some(&log), counts.clone());
        (1..=5).for_each(|id| decisions.note(record(id, "acme")));
        assert_eq!(counts.lost.get(), 3, "what finds no room is counted");
        let stop = CancellationToken::new();
        stop.cancel();
        writer.unwrap().run(stop).await;
        let text = std::fs::read_to_string(file).unwrap();
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.contains(r#""user":"an\na""#), "{text}");
    }

    #[tokio::test]
    async fn who_must_be_on_record_waits_for_the_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("decisions.jsonl");
        let (decisions, writer) = Decisions::new(0, Some(&log(file.clone(), 2)), Counts::default());
        let stop = CancellationToken::new();
        let writing = tokio::spawn(writer.unwrap().run(stop.clone()));
        assert_eq!(decisions.must_note(record(1, "acme")).await, Ok(()));
        assert_eq!(std::fs::read_to_string(file).unwrap().lines().count(), 1, "it is there before the end");
        stop.cancel();
        writing.await.unwrap();
    }

    #[tokio::test]
    async fn no_record_is_lost_in_a_line_that_was_not_written_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("decisions.jsonl");
        std::fs::write(&file, r#"{"id":"dec_"#).unwrap();
        for id in 1..=2 {
            let (decisions, writer) = Decisions::new(0, Some(&log(file.clone(), 2)), Counts::default());
            decisions.note(record(id, "acme"));
            let stop = CancellationToken::new();
            stop.cancel();
            writer.unwrap().run(stop).await;
        }
        let text = std::fs::read_to_string(file).unwrap();
        let whole = text.lines().filter(|line| serde_json::from_str::<serde_json::Value>(line).is_ok());
        assert_eq!((whole.count(), text.lines().count()), (2, 3), "{text}");
    }

    #[tokio::test]
    async fn a_file_that_was_moved_away_is_written_no_more_after_a_reload() {
        let folder = tempfile::tempdir().unwrap();
        let (file, moved) = (folder.path().join("decisions.jsonl"), folder.path().join("decisions.jsonl.1"));
        let (decisions, writer) = Decisions::new(0, Some(&log(file.clone(), 2)), Counts::default());
        let stop = CancellationToken::new();
        let writing = tokio::spawn(writer.unwrap().run(stop.clone()));
        assert_eq!(decisions.must_note(record(1, "acme")).await, Ok(()));
        std::fs::rename(&file, &moved).unwrap();
        decisions.reopen();
        assert_eq!(decisions.must_note(record(2, "acme")).await, Ok(()));
        stop.cancel();
        writing.await.unwrap();
        for (file, id) in [(moved, 1), (file, 2)] {
            let text = std::fs::read_to_string(file).unwrap();
            assert!(text.contains(&DecisionId(id).to_string()) && text.lines().count() == 1, "{text}");
        }
    }

    /// Writes these records, each on the disk before the next comes; what must be written and is not, is told.
    async fn written(log: &DecisionLog, ids: std::ops::RangeInclusive<u128>) -> (Counts, Vec<u128>) {
        let (counts, mut refused) = (Counts::default(), Vec::new());
        let (decisions, writer) = Decisions::new(0, Some(log), counts.clone());
        let stop = CancellationToken::new();
        let writing = tokio::spawn(writer.unwrap().run(stop.clone()));
        for id in ids {
            if decisions.must_note(record(id, "acme")).await.is_err() {
                refused.push(id);
            }
        }
        stop.cancel();
        writing.await.unwrap();
        (counts, refused)
    }

    #[tokio::test]
    async fn a_full_file_goes_on_as_the_old_one_and_the_one_before_it_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let (file, old) = (folder.path().join("decisions.jsonl"), folder.path().join("decisions.jsonl.old"));
        let (counts, _) = written(&log(file.clone(), 2), 1..=1).await;
        assert_eq!(counts.full.get(), 0);
        let line = std::fs::metadata(&file).unwrap().len();
        // Room for two lines, and what was written before a restart counts.
        let log = DecisionLog { file_bytes_max: 2 * line, ..log(file.clone(), 2) };
        let (counts, refused) = written(&log, 2..=7).await;
        assert_eq!((counts.full.get(), counts.lost.get(), refused.len()), (3, 0, 0));
        for (file, ids) in [(&old, &[5, 6][..]), (&file, &[7])] {
            let text = std::fs::read_to_string(file).unwrap();
            let is_there = |id: &u128| text.contains(&DecisionId(*id).to_string());
            assert!(text.lines().count() == ids.len() && ids.iter().all(is_there), "{file:?}: {text}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[tokio::test]
    async fn a_full_file_that_cannot_be_moved_away_takes_no_more_lines() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("decisions.jsonl");
        // Where the old file goes is a folder with something in it.
        std::fs::create_dir_all(folder.path().join("decisions.jsonl.old/more")).unwrap();
        let log = DecisionLog { file_bytes_max: 1, ..log(file.clone(), 2) };
        let (counts, refused) = written(&log, 1..=3).await;
        assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 1);
        assert_eq!((counts.lost.get(), refused), (2, vec![2, 3]), "what is lost is declared");
    }

    #[tokio::test]
    async fn what_is_not_its_own_file_is_not_moved_away() {
        let folder = tempfile::tempdir().unwrap();
        let (file, elsewhere) = (folder.path().join("decisions.jsonl"), folder.path().join("elsewhere"));
        std::fs::write(&elsewhere, "").unwrap();
        std::os::unix::fs::symlink(&elsewhere, &file).unwrap();
        let log = DecisionLog { file_bytes_max: 1, ..log(file.clone(), 2) };
        let (counts, refused) = written(&log, 1..=3).await;
        assert_eq!((counts.full.get(), counts.lost.get(), refused.len()), (0, 0, 0));
        assert_eq!(std::fs::read_to_string(&elsewhere).unwrap().lines().count(), 3);
        assert!(std::fs::symlink_metadata(&file).unwrap().is_symlink());
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_line_in_time_nothing_is_on_record() {
        let folder = tempfile::tempdir().unwrap();
        let counts = Counts::default();
        let (decisions, writer) = Decisions::new(0, Some(&log(folder.path().to_owned(), 2)), counts.clone());
        let stop = CancellationToken::new();
        let writing = tokio::spawn(writer.unwrap().run(stop.clone()));
        assert_eq!(decisions.must_note(record(1, "acme")).await, Err(Unrecorded), "a folder is no file");
        assert_eq!(counts.lost.get(), 1);
        stop.cancel();
        writing.await.unwrap();

        let (stuck, _not_run) = Decisions::new(0, Some(&log(folder.path().to_owned(), 1)), counts.clone());
        stuck.note(record(2, "acme"));
        assert_eq!(stuck.must_note(record(3, "acme")).await, Err(Unrecorded), "it waits no longer");
        let (without, _) = Decisions::new(0, None, counts);
        assert_eq!(without.must_note(record(4, "acme")).await, Err(Unrecorded));
    }
}
