//! Disks that can be cut off or filled: an XFS image on a loop device, a small tmpfs.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use tokio::io::AsyncWriteExt;

/// An XFS file system in a file, mounted.
///
/// XFS, because there a sync that the shutdown overtakes answers with an error. On ext4 it may answer 0 and have
/// kept nothing, or not answer at all (`docs/reliability.md`).
#[derive(Debug)]
pub(crate) struct Image {
    folder: tempfile::TempDir,
    mount: PathBuf,
}

/// When the power was cut.
///
/// Between the two moments the file system is being shut down under a machine that goes on running. An
/// `fdatasync` that is under way then can answer 0 although nothing of it is on the disk: the aborted
/// file-system journal has already forgotten the transaction that it waits for. (A program of twenty lines
/// that does nothing but `write` and `fdatasync` shows it in one of ten cuts.) When
/// the power is truly cut nobody hears such an answer, so answers after `begin` count for nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut {
    /// What was answered before this moment was on the disk.
    pub(crate) begin: Instant,
    /// Nothing reaches the disk after this moment.
    pub(crate) done: Instant,
}

impl Image {
    /// Makes and mounts one; `Err` says what is missing on this machine.
    pub(crate) fn make() -> Result<Self, String> {
        let folder = tempfile::tempdir().unwrap();
        let mount = folder.path().join("mounted");
        fs::create_dir(&mount).unwrap();
        let image = Self { folder, mount };
        run("xfs_io", &["-V"])?;
        run("truncate", &["-s", "1G", &image.file()])?;
        run("mkfs.xfs", &["-q", &image.file()])?;
        image.attach()?;
        Ok(image)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.mount
    }

    /// Cuts the power of the disk after some time: what is not on it then never will be.
    pub(crate) async fn cut_after(&self, wait: Duration) -> Cut {
        // Started before, so that the cut itself is one system call away.
        let mut switch = tokio::process::Command::new("xfs_io")
            .arg("-x")
            .arg(&self.mount)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        // Time under load is the input of the test, not something it waits for.
        tokio::time::sleep(wait).await;
        let begin = Instant::now();
        switch.stdin.take().unwrap().write_all(b"shutdown\nquit\n").await.unwrap();
        assert!(switch.wait().await.unwrap().success());
        Cut { begin, done: Instant::now() }
    }

    /// The machine starts again: the journal of the file system is replayed.
    pub(crate) fn remount(&mut self) {
        run("umount", &[&self.mount.display().to_string()]).unwrap();
        self.attach().unwrap();
    }

    fn file(&self) -> String {
        self.folder.path().join("image").display().to_string()
    }

    fn attach(&self) -> Result<(), String> {
        run("mount", &["-o", "loop", &self.file(), &self.mount.display().to_string()])
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        let _not_mounted = run("umount", &[&self.mount.display().to_string()]);
    }
}

/// A small file system in memory.
#[derive(Debug)]
pub(crate) struct Tmpfs {
    folder: tempfile::TempDir,
}

/// A file that takes all the space there is, until it is dropped.
#[derive(Debug)]
pub(crate) struct Ballast(PathBuf);

impl Tmpfs {
    pub(crate) fn mount(size: &str) -> Result<Self, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display().to_string();
        run("mount", &["-t", "tmpfs", "-o", &format!("size={size}"), "headgate-test", &path])?;
        Ok(Self { folder })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn fill(&self) -> Ballast {
        let path = self.folder.path().join("ballast");
        let mut file = fs::File::create(&path).unwrap();
        let full = std::io::copy(&mut std::io::repeat(0), &mut file).unwrap_err();
        assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
        Ballast(path)
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _not_mounted = run("umount", &[&self.folder.path().display().to_string()]);
    }
}

impl Drop for Ballast {
    fn drop(&mut self) {
        fs::remove_file(&self.0).unwrap();
    }
}

fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .map_err(|error| format!("`{program}` cannot be run: {error}"))?;
    if output.status.success() {
        Ok(())
    } else {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(format!("`{program} {}` failed: {}", arguments.join(" "), said.trim()))
    }
}
