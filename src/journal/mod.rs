//! A durable, append-only log in segment files, with one writer thread and group commit.
//!
//! Records are opaque bytes. What [`Journal::append`] reports as kept is on stable storage: the writer
//! takes everything that has queued, writes it as one *frame* with one write, makes it durable with one
//! `fdatasync`, and only then tells all who wait. There is no artificial delay: while one commit is on
//! its way to the disk, the next one gathers.
//!
//! The log leaves the meaning of records, what may be removed, and retrying to its callers (the spool
//! and the tag store). It knows no clock and no metrics.
//!
//! # On disk
//!
//! One folder holds `lock`, one `<20 digits>.journal` file per segment and, if damage was ever found,
//! `damaged/` with copies of the damaged ranges. All numbers are little-endian; all checksums CRC-32
//! (IEEE). `docs/journal-format.md` walks through a file byte by byte.
//!
//! ```text
//! segment  = header frame*
//! header   = magic "HGJRNL\r\n" | version u32 | segment u64 | mark [8] | crc u32           32 bytes
//! frame    = mark [8] | payload bytes u32 | records u32 | crc u32 | record*               20 bytes + payload
//! record   = bytes u32 | crc u32 | the bytes                                               8 bytes + bytes
//! ```
//!
//! The *mark* is eight random bytes drawn for each segment. Every checksum of a frame and a record starts
//! from the mark and from the place in the file, so that bytes inside a record, which strangers choose,
//! are never taken for a frame, and a block that the disk put in the wrong place is never believed.
//!
//! # What a crash leaves
//!
//! A frame is written only when the one before it is on stable storage. Hence:
//!
//! * A bad frame at the end of the last segment is a commit that nobody was told about: cut off.
//! * A bad frame with a good one behind it was durable once: damage. It is reported, its range is copied
//!   to `damaged/`, its records whose own checksum is right are used, and the log goes on behind it.
//! * A segment that is not the last one, and one that was closed in order, ends with a durable frame:
//!   anything bad in it is damage.
//! * A last segment without a whole header was about to be made: removed.

mod files;
mod format;
pub mod fuzzing;
mod recovery;
mod scan;
mod writer;

#[cfg(test)]
pub(crate) mod faults;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    fmt,
    fs::File,
    future::Future,
    io,
    path::PathBuf,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    thread::JoinHandle,
};

use tokio::sync::oneshot;

pub use files::{Disk, Files, SegmentFile};
pub use recovery::{Damage, OpenError, Recovery};
pub use scan::{Bad, Scanned, Tail, scan_segment};

#[cfg(all(feature = "unsafe-no-fsync", not(debug_assertions)))]
compile_error!("`unsafe-no-fsync` acknowledges what is not on the disk: it exists for tests alone");

/// Largest record, in bytes; a larger one is refused with [`JournalError::TooLarge`]. Sixteen times the
/// largest webhook body that an endpoint may be configured to take leaves room for its envelope.
pub const RECORD_BYTES_MAX: usize = 256 << 20;

/// Largest segment file that is opened, in bytes: a segment is read whole at start. A larger configured
/// size is lowered to it.
pub const SEGMENT_BYTES_MAX: u64 = 1 << 30;

/// Records that may wait for the writer. Above it [`JournalError::Busy`]: the disk does not keep up, and
/// whoever waits would wait longer than any provider does.
pub const QUEUE_RECORDS_MAX: usize = 65_536;

/// Bytes of records that may wait for the writer, as [`QUEUE_RECORDS_MAX`].
pub const QUEUE_BYTES_MAX: usize = 512 << 20;

/// Where a journal is and how it groups.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder; made if it does not exist.
    pub dir: PathBuf,
    /// Size at which a segment is closed and the next begun, in bytes. A larger frame gets a segment of
    /// its own.
    pub segment_bytes: u64,
    /// Records in one commit at most.
    pub commit_records_max: usize,
    /// Bytes in one commit at most (a single larger record makes a commit of its own): bounds the time
    /// that a commit takes.
    pub commit_bytes_max: usize,
}

impl Options {
    /// 64 MiB segments; commits of at most 1 024 records or 4 MiB.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), segment_bytes: 64 << 20, commit_records_max: 1024, commit_bytes_max: 4 << 20 }
    }
}

/// Where a record's bytes are. Ordered as the records are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The segment's number; numbers rise by one and are never used again.
    pub segment: u64,
    /// Where the record's bytes begin in the segment's file.
    pub offset: u64,
    /// How many they are.
    pub len: u32,
}

/// A segment, as listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentInfo {
    /// Its number.
    pub id: u64,
    /// Its durable size in bytes.
    pub bytes: u64,
}

/// Why a record was not kept.
#[derive(Clone, Debug, thiserror::Error)]
pub enum JournalError {
    /// The disk or the quota is full. Nothing of the commit remains; a later one may succeed.
    #[error("the journal's disk is full")]
    Full,
    /// A write or a sync failed. What the disk holds is not known, so nothing is kept any more until the
    /// journal is opened anew.
    #[error("the journal's disk failed, and nothing is kept until the journal is opened anew")]
    Failed(#[source] Arc<io::Error>),
    /// [`QUEUE_RECORDS_MAX`] or [`QUEUE_BYTES_MAX`] is reached.
    #[error("too many records wait for the journal's disk")]
    Busy,
    /// The record is larger than [`RECORD_BYTES_MAX`].
    #[error("a record of {bytes} bytes is larger than a journal takes")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The journal is closed.
    #[error("the journal is closed")]
    Closed,
}

/// Why a record could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Its segment was removed, or there was never a record there.
    #[error("there is no record at offset {} of segment {}", .0.offset, .0.segment)]
    Missing(Position),
    /// Its checksum is wrong: what the disk gave back is not what was written.
    #[error("the record at offset {} of segment {} is damaged", .0.offset, .0.segment)]
    Damaged(Position),
    /// The disk failed the read.
    #[error("could not read the journal")]
    Io(#[source] io::Error),
}

impl ReadError {
    /// Whether the process lacks what a read takes (a file descriptor, memory). That says nothing of the
    /// disk, and passes.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        use rustix::io::Errno;
        const PASSING: [Errno; 5] = [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::AGAIN, Errno::INTR];
        let Self::Io(error) = self else { return false };
        error.raw_os_error().is_some_and(|code| PASSING.iter().any(|errno| errno.raw_os_error() == code))
    }
}

/// The answer to a request to the writer, once it is durable. Dropping it does not undo the request.
#[derive(Debug)]
#[must_use = "nothing is known to be kept before the ticket says so"]
pub struct Ticket<T = Position>(oneshot::Receiver<Result<T, JournalError>>);

impl<T> Ticket<T> {
    /// Waits without an async runtime.
    ///
    /// # Errors
    /// As the request.
    ///
    /// # Panics
    /// Inside an async context, as [`oneshot::Receiver::blocking_recv`] does.
    pub fn wait(self) -> Result<T, JournalError> {
        self.0.blocking_recv().unwrap_or(Err(JournalError::Closed))
    }
}

impl<T> Future for Ticket<T> {
    type Output = Result<T, JournalError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(|answer| answer.unwrap_or(Err(JournalError::Closed)))
    }
}

/// An open journal. Its folder is locked against other processes until it is dropped.
///
/// Whoever opens it ends it: [`Journal::close`] waits for the writer thread, and so does `drop`.
pub struct Journal {
    dir: PathBuf,
    files: Arc<dyn Files>,
    queue: Arc<writer::Queue>,
    segments: Arc<Segments>,
    writer: Mutex<Option<JoinHandle<()>>>,
    /// Removing is done by one at a time, oldest first.
    removing: Mutex<()>,
    _lock: File,
}

impl Journal {
    /// Opens a journal, or makes an empty one. Calls `each` for every record, in order.
    ///
    /// # Errors
    /// If another process has it open, if it was written by another version, or if the disk fails. Damage
    /// is no error: it is in the [`Recovery`].
    pub fn open(
        options: Options,
        each: &mut dyn FnMut(Position, &[u8]),
    ) -> Result<(Self, Recovery), OpenError> {
        Self::open_on(Arc::new(Disk), options, each)
    }

    /// As [`Journal::open`], on other files than the operating system's: for tests that make them fail.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub fn open_on(
        files: Arc<dyn Files>,
        mut options: Options,
        each: &mut dyn FnMut(Position, &[u8]),
    ) -> Result<(Self, Recovery), OpenError> {
        options.segment_bytes = options.segment_bytes.min(SEGMENT_BYTES_MAX);
        options.commit_records_max = options.commit_records_max.min(QUEUE_RECORDS_MAX);
        options.commit_bytes_max = options.commit_bytes_max.min(RECORD_BYTES_MAX);
        let lock = recovery::lock(&*files, &options.dir)?;
        let (segments, active, recovery) = recovery::recover(&*files, &options.dir, each)?;
        let segments = Arc::new(Segments(Mutex::new(segments)));
        let queue = Arc::new(writer::Queue::default());
        let dir = options.dir.clone();
        let writer = writer::Writer::new(options, files.clone(), queue.clone(), segments.clone(), active);
        let writer = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || writer.run())
            .map_err(|source| OpenError::Io { what: "start the writer of", path: dir.clone(), source })?;
        let journal = Self {
            dir,
            files,
            queue,
            segments,
            writer: Mutex::new(Some(writer)),
            removing: Mutex::new(()),
            _lock: lock,
        };
        Ok((journal, recovery))
    }

    /// Queues a record. The order of calls is the order in the log. Never waits for the disk; the ticket
    /// is ready when the record is on stable storage.
    pub fn append(&self, record: Vec<u8>) -> Ticket {
        let (reply, ticket) = oneshot::channel();
        self.queue.push(record, reply);
        Ticket(ticket)
    }

    /// Closes the active segment, unless it is empty, and begins a new one. The ticket gives the active
    /// segment's number: every record queued before is in a lower one, every later record is not.
    pub fn roll(&self) -> Ticket<u64> {
        let (reply, ticket) = oneshot::channel();
        self.queue.push_roll(reply);
        Ticket(ticket)
    }

    /// Reads a durable record back and checks it. Blocks on the disk.
    ///
    /// # Errors
    /// If it is not there, damaged, or the disk fails.
    pub fn read(&self, position: Position) -> Result<Vec<u8>, ReadError> {
        let mark = self.segments.mark_of(position).ok_or(ReadError::Missing(position))?;
        format::read_record(&recovery::segment_path(&self.dir, position.segment), &mark, position)
    }

    /// What the disk holds in a record's place, whether or not it is the record. Blocks on the disk.
    ///
    /// # Errors
    /// If the disk fails the read, or nothing is there.
    pub fn read_damaged(&self, position: Position) -> Result<Vec<u8>, ReadError> {
        self.segments.mark_of(position).ok_or(ReadError::Missing(position))?;
        format::read_bytes(&recovery::segment_path(&self.dir, position.segment), position)
            .map(|(_header, bytes)| bytes)
    }

    /// The segments, oldest first; the last one is the active one.
    #[must_use]
    pub fn segments(&self) -> Vec<SegmentInfo> {
        self.segments
            .lock()
            .iter()
            .map(|(id, segment)| SegmentInfo { id: *id, bytes: segment.bytes })
            .collect()
    }

    /// Removes the oldest segments up to and including this one, but never the active one, and answers
    /// how many bytes that freed. Blocks on the disk.
    ///
    /// # Errors
    /// If a file cannot be removed; the older ones are.
    pub fn remove_through(&self, segment: u64) -> io::Result<u64> {
        let _one_at_a_time = self.removing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut freed = 0;
        for (id, bytes) in self.segments.oldest_through(segment) {
            self.files.remove(&recovery::segment_path(&self.dir, id))?;
            self.segments.lock().remove(&id);
            freed += bytes;
        }
        if freed > 0 {
            self.files.sync_dir(&self.dir)?;
        }
        Ok(freed)
    }

    /// Why nothing is kept any more, if the disk has failed.
    #[must_use]
    pub fn failure(&self) -> Option<Arc<io::Error>> {
        self.queue.failure()
    }

    /// Takes nothing more, commits what has queued, and waits for the writer to end. Blocks.
    pub fn close(&self) {
        self.queue.close();
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer
            && writer.join().is_err()
        {
            tracing::error!("the journal's writer panicked");
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal")
            .field("dir", &self.dir)
            .field("segments", &self.segments())
            .finish_non_exhaustive()
    }
}

/// What is known of each segment on disk.
#[derive(Debug)]
struct Segments(Mutex<BTreeMap<u64, Segment>>);

/// A segment on disk.
#[derive(Clone, Copy, Debug)]
struct Segment {
    mark: format::Mark,
    /// Durable bytes.
    bytes: u64,
}

impl Segments {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Segment>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The mark of the segment that a position is in, if the position is within its durable bytes.
    fn mark_of(&self, position: Position) -> Option<format::Mark> {
        let segment = *self.lock().get(&position.segment)?;
        let end = position.offset.checked_add(u64::from(position.len))?;
        (end <= segment.bytes).then_some(segment.mark)
    }

    /// Number and size of the segments up to and including `last`, without the active one.
    fn oldest_through(&self, last: u64) -> Vec<(u64, u64)> {
        let segments = self.lock();
        let active = segments.last_key_value().map(|(id, _)| *id);
        segments
            .range(..=last)
            .filter(|(id, _)| Some(**id) != active)
            .map(|(id, segment)| (*id, segment.bytes))
            .collect()
    }
}
