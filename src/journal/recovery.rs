//! Opening: the lock, reading every segment, telling a torn commit from damage, and the segment to go on
//! with.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read},
    path::{Path, PathBuf},
};

use super::{
    Bad, Files, Position, SEGMENT_BYTES_MAX, Scanned, Segment, SegmentFile, Tail,
    format::{Mark, SEGMENT_HEADER, SegmentHeader, VERSION},
    scan_segment,
};

/// What was found at opening.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Records read.
    pub records: u64,
    /// Bytes of a commit that a crash cut short and that nobody was told about.
    pub truncated_bytes: u64,
    /// What was durable once and is not as it was written. Reported at every opening until the segment
    /// is removed.
    pub damaged: Vec<Damage>,
}

/// A damaged range of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The segment.
    pub segment: u64,
    /// Where the range begins.
    pub offset: u64,
    /// Its length; 0 if the files of this and perhaps further segments are missing.
    pub bytes: u64,
    /// Records in it that could be used all the same.
    pub salvaged: u64,
    /// Records in it that are lost; `None` if their number cannot be told.
    pub lost: Option<u64>,
    /// A copy of the range, unless it could not be written.
    pub file: Option<PathBuf>,
}

/// Why a journal was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process, or another part of this one, has it open.
    #[error("the journal in `{}` is in use by another process", .dir.display())]
    Locked {
        /// The folder.
        dir: PathBuf,
    },
    /// It was written by a version that this one does not know.
    #[error("`{}` has format version {found}; this version reads {VERSION}", .path.display())]
    Version {
        /// The segment's file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// A file is not the segment that its name says, or too large for one.
    #[error("`{}` is not the segment that its name says", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The disk failed.
    #[error("could not {what} `{}`", .path.display())]
    Io {
        /// What was attempted.
        what: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

/// The segment that is written to.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) id: u64,
    pub(super) mark: Mark,
    pub(super) file: SegmentFile,
    /// Where the next frame goes.
    pub(super) end: u64,
}

/// The file of a segment.
pub(super) fn segment_path(dir: &Path, id: u64) -> PathBuf {
    dir.join(format!("{id:020}.journal"))
}

/// Makes the folder, durably, and locks it for as long as the file lives.
pub(super) fn lock(files: &dyn Files, dir: &Path) -> Result<File, OpenError> {
    make_dir(files, dir)?;
    // Also if it was there: a process that was killed may have made it without this.
    let above = above(dir);
    files.sync_dir(above).map_err(failed("sync", above))?;
    let path = dir.join("lock");
    let lock = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(failed("open", &path))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked { dir: dir.to_owned() }),
        Err(TryLockError::Error(source)) => Err(OpenError::Io { what: "lock", path, source }),
    }
}

/// Makes a folder and those above it, each durable in the one above.
fn make_dir(files: &dyn Files, dir: &Path) -> Result<(), OpenError> {
    if dir.is_dir() {
        return Ok(());
    }
    let above = above(dir);
    make_dir(files, above)?;
    match fs::create_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => made.map_err(failed("make", dir))?,
    }
    files.sync_dir(above).map_err(failed("sync", above))
}

/// The folder that a folder is in.
fn above(dir: &Path) -> &Path {
    match dir.parent() {
        Some(above) if above.as_os_str().is_empty() => Path::new("."),
        Some(above) => above,
        None => dir,
    }
}

/// Reads every segment and makes the last one ready for writing.
pub(super) fn recover(
    files: &dyn Files,
    dir: &Path,
    each: &mut dyn FnMut(Position, &[u8]),
) -> Result<(BTreeMap<u64, Segment>, Active, Recovery), OpenError> {
    let mut ids = segment_ids(dir)?;
    files.sync_dir(dir).map_err(failed("sync", dir))?;
    let mut last_tail = Tail::MayBeTorn;
    if let Some(last) = ids.last().copied()
        && remove_if_unborn(files, dir, last)?
    {
        ids.pop();
        last_tail = Tail::Sealed;
    }
    let last = ids.last().copied();
    let mut segments = BTreeMap::new();
    let mut recovery = Recovery::default();
    let mut bytes = Vec::new();
    let mut active = None;
    let mut expected = None;
    for id in ids {
        recovery.damaged.extend(missing(expected, id));
        expected = Some(id + 1);
        let path = segment_path(dir, id);
        read_whole(&path, &mut bytes)?;
        check_header(&path, id, &bytes)?;
        let tail = if Some(id) == last { last_tail } else { Tail::Sealed };
        let scanned = scan_segment(&bytes, tail, &mut |offset, record| {
            // INVARIANT: a record's length was read from a u32.
            let len = u32::try_from(record.len()).unwrap_or(u32::MAX);
            each(Position { segment: id, offset, len }, record);
        });
        recovery.records += scanned.records;
        recovery.truncated_bytes += bytes.len() as u64 - scanned.end;
        for bad in &scanned.bad {
            recovery.damaged.push(quarantine(files, dir, id, &bytes, bad));
        }
        // Without its mark, nothing of a segment can be read.
        let mark = scanned.mark.unwrap_or(Mark([0; 8]));
        segments.insert(id, Segment { mark, bytes: scanned.end });
        if Some(id) == last {
            active = reopen(files, &path, id, mark, &scanned, bytes.len() as u64)?;
        }
    }
    let active = match active {
        Some(active) => active,
        None => {
            let id = last.map_or(1, |last| last + 1);
            let active = begin_segment(files, dir, id).map_err(failed("begin a segment in", dir))?;
            segments.insert(id, Segment { mark: active.mark, bytes: active.end });
            active
        }
    };
    Ok((segments, active, recovery))
}

/// Makes a segment's file, durable in its folder. Whatever was under its name is gone.
pub(super) fn begin_segment(files: &dyn Files, dir: &Path, id: u64) -> io::Result<Active> {
    let mark = Mark::draw()?;
    let file = files.create(&segment_path(dir, id))?;
    files.write_at(&file, &SegmentHeader { version: VERSION, segment: id, mark }.encode(), 0)?;
    files.sync(&file)?;
    files.sync_dir(dir)?;
    Ok(Active { id, mark, file, end: SEGMENT_HEADER as u64 })
}

/// The segments in the folder, in order. Other files are left alone.
fn segment_ids(dir: &Path) -> Result<Vec<u64>, OpenError> {
    let mut ids = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed("list", dir))? {
        let name = entry.map_err(failed("list", dir))?.file_name();
        let id = name.to_str().and_then(|name| name.strip_suffix(".journal")).filter(|id| id.len() == 20);
        ids.extend(id.and_then(|id| id.parse::<u64>().ok()).filter(|id| *id < u64::MAX));
    }
    ids.sort_unstable();
    Ok(ids)
}

/// The last segment was about to be made if it has no more than a part of its header: nothing is written
/// behind the header before the header is durable.
fn remove_if_unborn(files: &dyn Files, dir: &Path, id: u64) -> Result<bool, OpenError> {
    let path = segment_path(dir, id);
    let size = fs::metadata(&path).map_err(failed("read", &path))?.len();
    if size > SEGMENT_HEADER as u64 {
        return Ok(false);
    }
    let mut bytes = Vec::new();
    read_whole(&path, &mut bytes)?;
    let unborn = SegmentHeader::decode(&bytes).is_none();
    if unborn {
        files.remove(&path).map_err(failed("remove", &path))?;
        files.sync_dir(dir).map_err(failed("sync", dir))?;
    }
    Ok(unborn)
}

/// Segments are removed oldest first: a gap in their numbers is a file that went missing.
fn missing(expected: Option<u64>, found: u64) -> Option<Damage> {
    let segment = expected.filter(|expected| *expected != found)?;
    Some(Damage { segment, offset: 0, bytes: 0, salvaged: 0, lost: None, file: None })
}

fn read_whole(path: &Path, bytes: &mut Vec<u8>) -> Result<(), OpenError> {
    bytes.clear();
    let mut file = File::open(path).map_err(failed("open", path))?;
    let size = file.metadata().map_err(failed("read", path))?.len();
    // One frame larger than a segment may stand in one of its own.
    if size > SEGMENT_BYTES_MAX + u64::from(u32::MAX) {
        return Err(OpenError::Foreign { path: path.to_owned() });
    }
    file.read_to_end(bytes).map_err(failed("read", path))?;
    Ok(())
}

fn check_header(path: &Path, id: u64, bytes: &[u8]) -> Result<(), OpenError> {
    match SegmentHeader::decode(bytes) {
        Some(header) if header.version != VERSION => {
            Err(OpenError::Version { path: path.to_owned(), found: header.version })
        }
        Some(header) if header.segment != id => Err(OpenError::Foreign { path: path.to_owned() }),
        Some(_) | None => Ok(()),
    }
}

/// Copies a damaged range aside. The segment keeps it too, so failing to copy loses nothing yet.
fn quarantine(files: &dyn Files, dir: &Path, segment: u64, bytes: &[u8], bad: &Bad) -> Damage {
    let Bad { range, salvaged, lost } = bad.clone();
    let folder = dir.join("damaged");
    let path = folder.join(format!("{segment:020}-{}.bin", range.start));
    let copied = usize::try_from(range.start)
        .ok()
        .zip(usize::try_from(range.end).ok())
        .and_then(|(start, end)| bytes.get(start..end))
        .is_some_and(|part| copy(files, &folder, &path, part).is_ok());
    Damage {
        segment,
        offset: range.start,
        bytes: range.end - range.start,
        salvaged,
        lost,
        file: copied.then_some(path),
    }
}

fn copy(files: &dyn Files, folder: &Path, path: &Path, part: &[u8]) -> Result<(), OpenError> {
    make_dir(files, folder)?;
    let file = files.create(path).map_err(failed("make", path))?;
    files.write_at(&file, part, 0).map_err(failed("write", path))?;
    files.sync(&file).map_err(failed("sync", path))?;
    files.sync_dir(folder).map_err(failed("sync", folder))
}

/// Makes the last segment ready for writing: cuts off what was torn. A segment with damage is not written
/// to again (`None`): what comes next begins in a new one.
fn reopen(
    files: &dyn Files,
    path: &Path,
    id: u64,
    mark: Mark,
    scanned: &Scanned,
    size: u64,
) -> Result<Option<Active>, OpenError> {
    let file = files.open(path).map_err(failed("open", path))?;
    if size > scanned.end {
        files.truncate(&file, scanned.end).map_err(failed("truncate", path))?;
    }
    // Also without a torn tail: after a kill the last frame may be in the page cache alone, and from now
    // on it counts as kept.
    files.sync(&file).map_err(failed("sync", path))?;
    Ok(scanned.bad.is_empty().then_some(Active { id, mark, file, end: scanned.end }))
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OpenError {
    let path = path.to_owned();
    move |source| OpenError::Io { what, path, source }
}
