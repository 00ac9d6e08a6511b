//! The moments of a gateway's life at which the power is cut: told by what happens in its data folder.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use notify::{
    Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher,
    event::{CreateKind, ModifyKind},
};
use tokio::sync::mpsc;

use crate::bounds::{STEP_MAX, within};

/// When the power is cut, give or take [`DELAY_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Moment {
    /// At any time under load.
    Load,
    /// The spool's journal begins a segment.
    SegmentBegun,
    /// The spool's compaction keeps the marks of a segment that it will remove.
    MarksKept,
    /// The spool's compaction removes a segment.
    SegmentRemoved,
    /// The tag store begins a segment, to rewrite its log.
    TagLogBegun,
    /// The tag store removes what it has rewritten.
    TagLogRewritten,
    /// The gateway was asked to stop.
    Shutdown,
}

impl Moment {
    /// The cuts of a test, over and over: those that take longest to come, less often.
    pub(crate) const SCHEDULE: [Self; 10] = [
        Self::Load,
        Self::SegmentBegun,
        Self::Shutdown,
        Self::MarksKept,
        Self::SegmentRemoved,
        Self::TagLogBegun,
        Self::TagLogRewritten,
        Self::Shutdown,
        Self::SegmentBegun,
        Self::MarksKept,
    ];

    /// Whether it shows by this event at `path`.
    fn shows(self, event: EventKind, path: &Path) -> bool {
        let folder = path.parent();
        let is_in = |name| folder.is_some_and(|folder| folder.ends_with(name));
        let is_segment = path.extension().is_some_and(|extension| extension == "journal");
        let begun = event == EventKind::Create(CreateKind::File);
        let removed = matches!(event, EventKind::Remove(_));
        let renamed = matches!(event, EventKind::Modify(ModifyKind::Name(_)));
        match self {
            Self::SegmentBegun => is_segment && is_in("spool/journal") && begun,
            Self::MarksKept => is_in("spool/marks") && (begun || renamed),
            Self::SegmentRemoved => is_segment && is_in("spool/journal") && removed,
            Self::TagLogBegun => is_segment && is_in("tags") && begun,
            Self::TagLogRewritten => is_segment && is_in("tags") && removed,
            Self::Load | Self::Shutdown => false,
        }
    }
}

/// The cut comes at most this long after its moment: what a moment begins takes some steps, and each should
/// be hit.
const DELAY_MAX: Duration = Duration::from_millis(3);

/// A time between nothing and [`DELAY_MAX`].
pub(crate) fn delay(random: &mut fastrand::Rng) -> Duration {
    DELAY_MAX.mul_f64(random.f64())
}

/// Watches a folder and all below it.
#[derive(Debug)]
pub(crate) struct Watch {
    events: mpsc::UnboundedReceiver<Event>,
    _watcher: RecommendedWatcher,
}

impl Watch {
    pub(crate) fn begin(folder: &Path) -> Self {
        let (tell, events) = mpsc::unbounded_channel();
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            // Nobody listens once the moment has come.
            let _late = tell.send(event.unwrap());
        })
        .unwrap();
        watcher.watch(folder, RecursiveMode::Recursive).unwrap();
        Self { events, _watcher: watcher }
    }

    /// Waits for the next time that a moment shows.
    pub(crate) async fn next(&mut self, moment: Moment) {
        while self.events.try_recv().is_ok() {}
        self.until(&format!("{moment:?}"), |event, path| moment.shows(event, path)).await;
    }

    /// Waits until anything was made.
    pub(crate) async fn anything_made(&mut self) {
        self.until("a first file", |event, _| matches!(event, EventKind::Create(_))).await;
    }

    async fn until(&mut self, what: &str, shows: impl Fn(EventKind, &Path) -> bool) {
        let shown = async {
            loop {
                let event = self.events.recv().await.unwrap();
                if event.paths.iter().map(PathBuf::as_path).any(|path| shows(event.kind, path)) {
                    return;
                }
            }
        };
        within(STEP_MAX, what, shown).await;
    }
}
