//! The disk's reserve: webhooks are refused before the disk is full, so that settling, moving and marking,
//! which give space back, still have some.

use std::{path::PathBuf, time::Duration};

/// The disk is asked again after this time.
const ASK_EVERY: Duration = Duration::from_millis(250);
/// While the reserve is touched, the disk is asked this often, so that freed space is soon used.
const ASK_AGAIN: Duration = Duration::from_millis(20);

/// Free space, as last seen.
#[derive(Debug)]
pub(super) struct Room {
    dir: PathBuf,
    /// Kept free, in bytes.
    reserve: u64,
    free: u64,
    asked: Option<Duration>,
}

impl Room {
    /// The room on the disk of `dir`.
    pub(super) fn new(dir: PathBuf, reserve: u64) -> Self {
        Self { dir, reserve, free: 0, asked: None }
    }

    /// Whether more than the reserve is free. `now` is monotonic.
    pub(super) fn is_left(&mut self, now: Duration) -> bool {
        self.take(0, now)
    }

    /// Takes `bytes` above the reserve. `false` if they are not there. `now` is monotonic.
    pub(super) fn take(&mut self, bytes: u64, now: Duration) -> bool {
        let needed = bytes.saturating_add(self.reserve);
        let every = if self.free < needed { ASK_AGAIN } else { ASK_EVERY };
        if self.asked.is_none_or(|asked| now.saturating_sub(asked) >= every) {
            self.asked = Some(now);
            // Where the disk does not say, the journal will notice that it is full.
            self.free = free(&self.dir).unwrap_or(u64::MAX);
        }
        let fits = self.free >= needed;
        if fits {
            self.free -= bytes;
        }
        fits
    }
}

/// Bytes that this process may still write on the disk of `dir`.
fn free(dir: &std::path::Path) -> rustix::io::Result<u64> {
    let disk = rustix::fs::statvfs(dir)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserve_is_not_taken() {
        let dir = tempfile::tempdir().unwrap();
        let now = Duration::from_secs(1);
        assert!(Room::new(dir.path().to_owned(), 0).take(1, now));
        let mut room = Room::new(dir.path().to_owned(), u64::MAX);
        assert!(!room.take(1, now));
        assert!(!room.is_left(now));
    }

    #[test]
    fn what_was_taken_since_the_disk_was_asked_counts() {
        let dir = tempfile::tempdir().unwrap();
        let mut room = Room::new(dir.path().to_owned(), 10);
        room.asked = Some(Duration::from_secs(1));
        room.free = 25;
        assert!(room.take(10, Duration::from_secs(1)));
        assert!(!room.take(10, Duration::from_secs(1)));
        assert!(room.take(10, Duration::from_secs(2)), "the disk was not asked again");
    }
}
