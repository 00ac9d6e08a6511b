//! A disk for tests: its n-th step fails, or the power goes at it; and it knows what is on stable storage,
//! so that a test can open what a power cut leaves.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io, mem,
    ops::Range,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard},
};

use super::{Disk, Files, SegmentFile};

/// A folder for a disk whose power goes at each step in turn: in memory where there is such a place, since
/// [`FaultyDisk`] itself knows what was synced, and thousands of real syncs show nothing more.
pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_none| tempfile::tempdir()).unwrap()
}

/// What happens at the chosen step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It fails once; a write leaves half of its bytes.
    Error,
    /// The disk is full at it, once; a write leaves half of its bytes.
    Full,
    /// The power goes: it and all later steps fail.
    PowerCut,
}

/// The operating system's files below one folder, with faults.
#[derive(Debug)]
pub(crate) struct FaultyDisk {
    root: PathBuf,
    fault: Option<(u64, Fault)>,
    state: Mutex<State>,
    /// Tells of changes of [`State::held`] and [`State::arrived`].
    hold: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Syncs wait while it is set.
    held: bool,
    /// A sync waits.
    arrived: bool,
    steps: u64,
    full: bool,
    fail_next_sync: bool,
    /// Content that was synced, by path.
    synced: BTreeMap<PathBuf, Vec<u8>>,
    /// Names that were synced.
    entries: BTreeSet<PathBuf>,
    /// What was written and not synced, by path.
    dirty: BTreeMap<PathBuf, Vec<Range<u64>>>,
    /// What was dirty when a sync failed: the kernel forgets that it was, so later syncs leave it out,
    /// although it can be read until the power goes.
    lost: BTreeMap<PathBuf, Vec<Range<u64>>>,
}

impl FaultyDisk {
    /// A disk below `root` whose `n`-th step (from 1) has a fault.
    pub(crate) fn nth(root: &Path, n: u64, fault: Fault) -> Arc<Self> {
        Arc::new(Self::new(root, Some((n, fault))))
    }

    /// A disk below `root` without a fault.
    pub(crate) fn sound(root: &Path) -> Arc<Self> {
        Arc::new(Self::new(root, None))
    }

    fn new(root: &Path, fault: Option<(u64, Fault)>) -> Self {
        let mut state = State::default();
        // What is there already is on stable storage.
        for entry in fs::read_dir(root).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_file() {
                state.synced.insert(path.clone(), fs::read(&path).unwrap());
                state.entries.insert(path);
            }
        }
        Self { root: root.to_owned(), fault, state: Mutex::new(state), hold: Condvar::new() }
    }

    /// Makes every write fail for want of space, until it is called with `false`.
    pub(crate) fn set_full(&self, full: bool) {
        self.state().full = full;
    }

    /// Makes the next sync fail.
    pub(crate) fn fail_next_sync(&self) {
        self.state().fail_next_sync = true;
    }

    /// Makes syncs wait until [`Self::release`].
    pub(crate) fn hold(&self) {
        self.state().held = true;
    }

    /// Waits until a sync waits.
    pub(crate) fn await_sync(&self) {
        drop(self.hold.wait_while(self.state(), |state| !state.arrived).unwrap());
    }

    /// Lets syncs go on.
    pub(crate) fn release(&self) {
        let mut state = self.state();
        state.held = false;
        state.arrived = false;
        self.hold.notify_all();
    }

    /// Waits while syncs are held.
    fn wait_if_held(&self) {
        let mut state = self.state();
        state.arrived = state.held;
        self.hold.notify_all();
        drop(self.hold.wait_while(state, |state| state.held).unwrap());
    }

    /// Steps taken so far.
    pub(crate) fn steps(&self) -> u64 {
        self.state().steps
    }

    /// Whether the fault's step was reached.
    pub(crate) fn was_hit(&self) -> bool {
        self.fault.is_some_and(|(n, _)| self.state().steps >= n)
    }

    /// Writes what a power cut now would leave into the folder `to`.
    pub(crate) fn leave_behind(&self, to: &Path) {
        let state = self.state();
        for path in &state.entries {
            let target = to.join(path.strip_prefix(&self.root).unwrap());
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            fs::write(target, state.synced.get(path).map_or(&[][..], Vec::as_slice)).unwrap();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Counts a step; an error if it is to fail.
    fn step(&self) -> io::Result<()> {
        let mut state = self.state();
        state.steps += 1;
        match self.fault {
            Some((n, Fault::PowerCut)) if state.steps >= n => Err(io::Error::other("the power is off")),
            Some((n, Fault::Error)) if state.steps == n => Err(io::Error::other("the disk failed")),
            Some((n, Fault::Full)) if state.steps == n => Err(io::ErrorKind::StorageFull.into()),
            Some(_) | None => Ok(()),
        }
    }
}

impl Files for FaultyDisk {
    fn create(&self, path: &Path) -> io::Result<SegmentFile> {
        self.step()?;
        let mut state = self.state();
        state.dirty.remove(path);
        state.lost.remove(path);
        drop(state);
        Disk.create(path)
    }

    fn open(&self, path: &Path) -> io::Result<SegmentFile> {
        self.step()?;
        Disk.open(path)
    }

    fn write_at(&self, file: &SegmentFile, bytes: &[u8], offset: u64) -> io::Result<()> {
        let step = self.step();
        let full = self.state().full.then(|| io::Error::from(io::ErrorKind::StorageFull));
        if let Some(error) = step.err().or(full) {
            Disk.write_at(file, &bytes[..bytes.len() / 2], offset)?;
            return Err(error);
        }
        let range = offset..offset + bytes.len() as u64;
        let mut state = self.state();
        if let Some(lost) = state.lost.get_mut(&file.path) {
            lost.retain(|lost| !(range.start <= lost.start && lost.end <= range.end));
        }
        state.dirty.entry(file.path.clone()).or_default().push(range);
        drop(state);
        Disk.write_at(file, bytes, offset)
    }

    fn truncate(&self, file: &SegmentFile, bytes: u64) -> io::Result<()> {
        self.step()?;
        if let Some(lost) = self.state().lost.get_mut(&file.path) {
            lost.retain(|lost| lost.start < bytes);
        }
        Disk.truncate(file, bytes)
    }

    fn sync(&self, file: &SegmentFile) -> io::Result<()> {
        self.wait_if_held();
        let step = self.step();
        let failed = mem::take(&mut self.state().fail_next_sync).then(|| io::Error::other("the disk failed"));
        if let Some(error) = step.err().or(failed) {
            let mut state = self.state();
            let dirty = state.dirty.remove(&file.path).unwrap_or_default();
            state.lost.entry(file.path.clone()).or_default().extend(dirty);
            return Err(error);
        }
        Disk.sync(file)?;
        let mut content = fs::read(&file.path)?;
        let mut state = self.state();
        state.dirty.remove(&file.path);
        for lost in state.lost.get(&file.path).into_iter().flatten() {
            for at in lost.clone() {
                if let Some(byte) = content.get_mut(usize::try_from(at).unwrap()) {
                    *byte = 0;
                }
            }
        }
        state.synced.insert(file.path.clone(), content);
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.step()?;
        Disk.sync_dir(dir)?;
        let mut state = self.state();
        state.entries.retain(|path| path.parent() != Some(dir));
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            if path.is_file() && path.starts_with(&self.root) {
                state.entries.insert(path);
            }
        }
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        Disk.remove(path)
    }
}
