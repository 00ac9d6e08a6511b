//! The queue and the one thread that writes: take what waits, one write, one sync, then tell all.

use std::{
    collections::VecDeque,
    io, mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

use super::{
    Files, JournalError, Options, Position, QUEUE_BYTES_MAX, QUEUE_RECORDS_MAX, RECORD_BYTES_MAX, Segment,
    Segments,
    format::{FRAME_HEADER, FrameWriter, RECORD_HEADER, SEGMENT_HEADER},
    recovery::{Active, begin_segment, segment_path},
};

type Reply<T> = oneshot::Sender<Result<T, JournalError>>;

/// What waits for the writer, in the order of the calls.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    wake: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    requests: VecDeque<Request>,
    bytes: usize,
    state: State,
}

#[derive(Debug)]
enum Request {
    Append(Vec<u8>, Reply<Position>),
    Roll(Reply<u64>),
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Open,
    Closed,
    Failed(Arc<io::Error>),
}

impl Queue {
    pub(super) fn push(&self, record: Vec<u8>, reply: Reply<Position>) {
        let mut waiting = self.lock();
        let refusal = if record.len() > RECORD_BYTES_MAX {
            Some(JournalError::TooLarge { bytes: record.len() })
        } else if !waiting.has_room(record.len()) {
            Some(JournalError::Busy)
        } else {
            waiting.refusal()
        };
        if let Some(refusal) = refusal {
            drop(waiting);
            answer(reply, Err(refusal));
            return;
        }
        waiting.bytes += record.len();
        waiting.requests.push_back(Request::Append(record, reply));
        self.wake_for_the_first(&waiting);
    }

    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.lock().has_room(bytes)
    }

    pub(super) fn push_roll(&self, reply: Reply<u64>) {
        let mut waiting = self.lock();
        if let Some(refusal) = waiting.refusal() {
            drop(waiting);
            answer(reply, Err(refusal));
            return;
        }
        waiting.requests.push_back(Request::Roll(reply));
        self.wake_for_the_first(&waiting);
    }

    /// The writer sleeps only when nothing waits.
    fn wake_for_the_first(&self, waiting: &Waiting) {
        if waiting.requests.len() == 1 {
            self.wake.notify_one();
        }
    }

    /// Nothing more is taken; what waits is still written.
    pub(super) fn close(&self) {
        let mut waiting = self.lock();
        if matches!(waiting.state, State::Open) {
            waiting.state = State::Closed;
        }
        self.wake.notify_one();
    }

    pub(super) fn failure(&self) -> Option<Arc<io::Error>> {
        match &self.lock().state {
            State::Failed(error) => Some(error.clone()),
            State::Open | State::Closed => None,
        }
    }

    /// Nothing more is kept, and those who wait are told.
    fn fail(&self, error: &Arc<io::Error>) {
        let requests = {
            let mut waiting = self.lock();
            waiting.state = State::Failed(error.clone());
            waiting.bytes = 0;
            mem::take(&mut waiting.requests)
        };
        for request in requests {
            match request {
                Request::Append(_, reply) => answer(reply, Err(JournalError::Failed(error.clone()))),
                Request::Roll(reply) => answer(reply, Err(JournalError::Failed(error.clone()))),
            }
        }
    }

    /// Waits for the next commit; `None` when closed and empty.
    fn next(&self, records_max: usize, bytes_max: usize, commit: &mut Commit) -> Option<()> {
        let mut waiting = self
            .wake
            .wait_while(self.lock(), |w| w.requests.is_empty() && matches!(w.state, State::Open))
            .unwrap_or_else(PoisonError::into_inner);
        let mut bytes = 0;
        while let Some(request) = waiting.requests.pop_front() {
            match request {
                Request::Append(record, reply) => {
                    bytes += record.len();
                    let full = !commit.records.is_empty()
                        && (bytes > bytes_max || commit.records.len() >= records_max);
                    if full {
                        waiting.requests.push_front(Request::Append(record, reply));
                        break;
                    }
                    waiting.bytes -= record.len();
                    commit.records.push((record, reply));
                }
                Request::Roll(reply) => {
                    commit.roll = Some(reply);
                    break;
                }
            }
        }
        (!commit.records.is_empty() || commit.roll.is_some()).then_some(())
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn has_room(&self, bytes: usize) -> bool {
        self.requests.len() < QUEUE_RECORDS_MAX && self.bytes + bytes <= QUEUE_BYTES_MAX
    }

    fn refusal(&self) -> Option<JournalError> {
        match &self.state {
            State::Open => None,
            State::Closed => Some(JournalError::Closed),
            State::Failed(error) => Some(JournalError::Failed(error.clone())),
        }
    }
}

/// Whoever dropped the ticket does not want to know.
fn answer<T>(reply: Reply<T>, what: Result<T, JournalError>) {
    drop(reply.send(what));
}

/// What is committed together: records, then perhaps a new segment.
#[derive(Debug, Default)]
struct Commit {
    records: Vec<(Vec<u8>, Reply<Position>)>,
    roll: Option<Reply<u64>>,
}

/// The thread that writes.
#[derive(Debug)]
pub(super) struct Writer {
    options: Options,
    files: Arc<dyn Files>,
    queue: Arc<Queue>,
    segments: Arc<Segments>,
    active: Active,
    frame: Vec<u8>,
}

impl Writer {
    pub(super) fn new(
        options: Options,
        files: Arc<dyn Files>,
        queue: Arc<Queue>,
        segments: Arc<Segments>,
        active: Active,
    ) -> Self {
        Self { options, files, queue, segments, active, frame: Vec::new() }
    }

    /// Writes until the queue is closed and empty, or the disk fails.
    pub(super) fn run(mut self) {
        let Options { commit_records_max, commit_bytes_max, .. } = self.options;
        let mut commit = Commit::default();
        while self.queue.next(commit_records_max, commit_bytes_max, &mut commit).is_some() {
            if let Err(error) = self.commit(&mut commit) {
                let error = Arc::new(error);
                // First the state, so that nobody is told of the failure and then finds the queue open.
                self.queue.fail(&error);
                commit.refuse(&JournalError::Failed(error));
                return;
            }
        }
        self.seal();
    }

    /// Commits and answers. An error is a failed disk: the commit's replies are then still there.
    fn commit(&mut self, commit: &mut Commit) -> io::Result<()> {
        if !commit.records.is_empty() {
            let mut positions = Vec::with_capacity(commit.records.len());
            match self.write(&commit.records, &mut positions)? {
                Written::Durable => {
                    for ((_, reply), position) in commit.records.drain(..).zip(positions) {
                        answer(reply, Ok(position));
                    }
                }
                Written::Full => {
                    for (_, reply) in commit.records.drain(..) {
                        answer(reply, Err(JournalError::Full));
                    }
                }
            }
        }
        if commit.roll.is_some() {
            let rolled = if self.is_empty() { Written::Durable } else { self.roll()? };
            if let Some(reply) = commit.roll.take() {
                answer(
                    reply,
                    match rolled {
                        Written::Durable => Ok(self.active.id),
                        Written::Full => Err(JournalError::Full),
                    },
                );
            }
        }
        Ok(())
    }

    /// Writes one frame and makes it durable, in a new segment if it does not fit into this one.
    fn write(
        &mut self,
        records: &[(Vec<u8>, Reply<Position>)],
        positions: &mut Vec<Position>,
    ) -> io::Result<Written> {
        let payload: u64 = records.iter().map(|(record, _)| (RECORD_HEADER + record.len()) as u64).sum();
        let size = FRAME_HEADER as u64 + payload;
        if !self.is_empty() && self.active.end + size > self.options.segment_bytes {
            match self.roll()? {
                Written::Durable => {}
                Written::Full => return Ok(Written::Full),
            }
        }
        let Active { id, mark, end, .. } = self.active;
        let mut frame = FrameWriter::begin(&mut self.frame, end, mark);
        for (record, _) in records {
            // INVARIANT: the clamped options and `RECORD_BYTES_MAX` keep a frame within u32.
            let Some((offset, len)) = frame.push(record) else {
                return Err(io::Error::other("a commit does not fit into a frame"));
            };
            positions.push(Position { segment: id, offset, len });
        }
        frame.finish();
        if let Err(error) = self.files.write_at(&self.active.file, &self.frame, end) {
            return self.undo(error);
        }
        self.files.sync(&self.active.file)?;
        self.active.end += self.frame.len() as u64;
        self.note_active();
        if self.frame.capacity() > 2 * self.options.commit_bytes_max {
            self.frame = Vec::new();
        }
        Ok(Written::Durable)
    }

    /// A segment that is closed in order ends with an empty frame, so that damage to the last commit is
    /// told from a torn one. If the frame cannot be written, that much is not told, and nothing is lost.
    fn seal(&mut self) {
        if self.is_empty() {
            return;
        }
        let Active { mark, end, .. } = self.active;
        FrameWriter::begin(&mut self.frame, end, mark).finish();
        drop(match self.files.write_at(&self.active.file, &self.frame, end) {
            Ok(()) => self.files.sync(&self.active.file),
            Err(error) => self.undo(error).map(|_| ()),
        });
    }

    /// A full disk is no failed one: what was written of the frame is cut off again. The cut must be
    /// durable, or the next segment could be begun behind a torn frame.
    fn undo(&mut self, error: io::Error) -> io::Result<Written> {
        if !is_full(&error) {
            return Err(error);
        }
        self.files.truncate(&self.active.file, self.active.end)?;
        self.files.sync(&self.active.file)?;
        Ok(Written::Full)
    }

    /// Begins the next segment. Everything in the one before is durable.
    fn roll(&mut self) -> io::Result<Written> {
        let next = self.active.id + 1;
        match begin_segment(&*self.files, &self.options.dir, next) {
            Ok(begun) => {
                self.active = begun;
                self.note_active();
                Ok(Written::Durable)
            }
            Err(error) if is_full(&error) => {
                // This segment may be written to again, so no later one may be there: a later segment
                // says that this one has no torn end.
                match self.files.remove(&segment_path(&self.options.dir, next)) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    removed => removed?,
                }
                self.files.sync_dir(&self.options.dir)?;
                Ok(Written::Full)
            }
            Err(error) => Err(error),
        }
    }

    fn is_empty(&self) -> bool {
        self.active.end == SEGMENT_HEADER as u64
    }

    fn note_active(&self) {
        let Active { id, mark, end, .. } = self.active;
        self.segments.lock().insert(id, Segment { mark, bytes: end });
    }
}

impl Drop for Writer {
    /// Should the writer ever panic, nobody waits for it in vain.
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.queue.fail(&Arc::new(io::Error::other("the journal's writer panicked")));
        }
    }
}

impl Commit {
    fn refuse(&mut self, error: &JournalError) {
        for (_, reply) in self.records.drain(..) {
            answer(reply, Err(error.clone()));
        }
        if let Some(reply) = self.roll.take() {
            answer(reply, Err(error.clone()));
        }
    }
}

/// What became of a write to a disk that has not failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Written {
    Durable,
    Full,
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
