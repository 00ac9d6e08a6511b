//! When to read the configuration anew: a file changed, or somebody asked.
//!
//! This only says *when*. Who hears it calls [`Config::load`](super::Config::load) and takes the new
//! snapshot over if there is one.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher, event::AccessKind};
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};

use super::folder;

/// How long nothing must have changed: editors and `git` write several files one after the other.
const QUIET: Duration = Duration::from_millis(300);

/// How long a file that went away is waited for before it is looked for again.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// Why the folder cannot be watched.
#[derive(Debug, thiserror::Error)]
#[error("could not watch the configuration folder `{}`", folder.display())]
pub struct WatchError {
    folder: PathBuf,
    #[source]
    source: notify::Error,
}

/// Why the configuration should be read anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A file of it changed.
    Changed,
    /// Somebody asked: a signal, the admin API.
    Asked,
}

/// Asks for the configuration to be read anew.
#[derive(Clone, Debug)]
pub struct Trigger(Arc<Notify>);

impl Trigger {
    /// Asks. Several times before it is read are one time.
    pub fn ask(&self) {
        self.0.notify_one();
    }
}

/// Watches a configuration folder, and the files outside of it that it names.
#[derive(Debug)]
pub struct Watch {
    folder: PathBuf,
    files: Vec<PathBuf>,
    /// What this process writes itself, and is no change.
    own: Arc<ArcSwap<Vec<PathBuf>>>,
    watcher: RecommendedWatcher,
    changed: Arc<Notify>,
    asked: Arc<Notify>,
    /// A change was seen and not yet told.
    pending: bool,
    /// A file could not be watched, since it is not there now.
    missing: bool,
}

impl Watch {
    /// Watches `folder` from now on.
    ///
    /// # Errors
    /// If it is not there, or the operating system refuses to watch it.
    pub fn new(folder: &Path) -> Result<Self, WatchError> {
        let failed = |source| WatchError { folder: folder.to_owned(), source };
        let changed = Arc::new(Notify::new());
        let tell = Arc::clone(&changed);
        let own = Arc::new(ArcSwap::from_pointee(Vec::new()));
        let disregarded = Arc::clone(&own);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Reading the files is an event as well. An error may hide a change.
            if event
                .is_ok_and(|event| is_reading(event.kind) || are_all_of(&event.paths, &disregarded.load()))
            {
                return;
            }
            tell.notify_one();
        });
        let mut watch = Self {
            folder: folder.to_owned(),
            files: Vec::new(),
            own,
            watcher: watcher.map_err(failed)?,
            changed,
            asked: Arc::new(Notify::new()),
            pending: false,
            missing: false,
        };
        watch.watcher.watch(folder, RecursiveMode::NonRecursive).map_err(failed)?;
        watch.look_again();
        Ok(watch)
    }

    /// What asks for a reload.
    #[must_use]
    pub fn trigger(&self) -> Trigger {
        Trigger(Arc::clone(&self.asked))
    }

    /// Watches these files too: [`Loaded::files`](super::Loaded::files) of the configuration in use.
    pub fn follow(&mut self, files: Vec<PathBuf>) {
        self.files = files;
        self.look_again();
    }

    /// Takes no change of these for one: what this process writes itself may lie in the configuration's folder.
    pub fn disregard(&self, own: &[&Path]) {
        self.own.store(Arc::new(own.iter().map(|path| whole(path)).collect()));
    }

    /// Waits until the configuration should be read anew. May be dropped and called again without
    /// missing a change.
    pub async fn next(&mut self) -> Cause {
        let asked = Arc::clone(&self.asked);
        let cause = tokio::select! {
            () = asked.notified() => Cause::Asked,
            () = self.settled() => Cause::Changed,
        };
        self.pending = false;
        self.look_again();
        cause
    }

    /// Waits for a change, and then until nothing changes any more.
    async fn settled(&mut self) {
        while !self.pending {
            if self.missing {
                tokio::select! {
                    () = self.changed.notified() => self.pending = true,
                    () = sleep(LOOK_AGAIN) => {
                        self.look_again();
                        self.pending = !self.missing;
                    }
                }
            } else {
                self.changed.notified().await;
                self.pending = true;
            }
        }
        while timeout(QUIET, self.changed.notified()).await.is_ok() {}
    }

    /// Watches what is there now: a tenant's folder may be new, and a file that was replaced is another
    /// file to the operating system. Watching twice is watching once.
    fn look_again(&mut self) {
        for folder in folder::watched(&self.folder) {
            // One that goes away at this moment was a change of the folder above it.
            let _gone = self.watcher.watch(&folder, RecursiveMode::NonRecursive);
        }
        self.missing = false;
        for file in &self.files {
            self.missing |= self.watcher.watch(file, RecursiveMode::NonRecursive).is_err();
        }
    }
}

/// Whether an event is about nothing but these. One that names nothing may be about anything.
fn are_all_of(paths: &[PathBuf], own: &[PathBuf]) -> bool {
    !own.is_empty() && !paths.is_empty() && paths.iter().all(|path| own.contains(&whole(path)))
}

/// A path without links on the way to its last part, which may not be there.
fn whole(path: &Path) -> PathBuf {
    let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
    match (folder, path.file_name()) {
        (Some(folder), Some(name)) => folder.join(name),
        _ => path.to_owned(),
    }
}

/// Whether somebody only read.
fn is_reading(kind: EventKind) -> bool {
    matches!(kind, EventKind::Access(access) if !matches!(access, AccessKind::Close(notify::event::AccessMode::Write)))
}
