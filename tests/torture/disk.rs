//! Disks that can be cut off or filled: an XFS image on a loop device, a small tmpfs.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Instant,
};

use tokio::{
    io::AsyncWriteExt,
    process::{Child, Command},
};

use crate::bounds::{STEP_MAX, folder_prefix, run_at_once, unmount_at_once, within};

/// An XFS file system in a file, mounted.
///
/// XFS, because there a sync that the shutdown overtakes nearly always answers with an error. On ext4 it often
/// answers 0 and has kept nothing, and seems not to answer at all sometimes (`docs/reliability.md`).
#[derive(Debug)]
pub(crate) struct Image {
    folder: tempfile::TempDir,
    mount: PathBuf,
}

/// When the power was cut.
///
/// Between the two moments the file system is being shut down under a machine that goes on running. An
/// `fdatasync` that is under way then can answer 0 although nothing of it is on the disk: the aborted
/// file-system journal has already forgotten the transaction that it waits for. That is rare on XFS and frequent
/// on ext4 (`docs/reliability.md`). When the power is truly cut nobody hears such an answer, so answers after
/// `begin` count for nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut {
    /// What was answered before this moment was on the disk.
    pub(crate) begin: Instant,
    /// Nothing reaches the disk after this moment.
    pub(crate) done: Instant,
}

impl Image {
    /// Makes and mounts one; `Err` says what is missing on this machine.
    pub(crate) async fn make() -> Result<Self, String> {
        let folder = tempfile::Builder::new().prefix(&folder_prefix()).tempdir().unwrap();
        let mount = folder.path().join("mounted");
        fs::create_dir(&mount).unwrap();
        let image = Self { folder, mount };
        run("xfs_io", &["-V"]).await?;
        run("truncate", &["-s", "1G", &image.file()]).await?;
        run("mkfs.xfs", &["-q", &image.file()]).await?;
        image.attach().await?;
        Ok(image)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.mount
    }

    /// The switch of its power.
    pub(crate) fn switch(&self) -> Switch {
        let process = Command::new("xfs_io")
            .arg("-x")
            .arg(&self.mount)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        Switch(process.unwrap())
    }

    /// Makes the disk hang: whoever writes waits in the kernel, where not even SIGKILL reaches, until what
    /// this returns is dropped.
    pub(crate) async fn hang(&self) -> Hanging {
        run("fsfreeze", &["--freeze", &self.mount.display().to_string()]).await.unwrap();
        Hanging(self.mount.clone())
    }

    /// The machine starts again: the journal of the file system is replayed.
    pub(crate) async fn remount(&mut self) {
        run("umount", &[&self.mount.display().to_string()]).await.unwrap();
        self.attach().await.unwrap();
    }

    fn file(&self) -> String {
        self.folder.path().join("image").display().to_string()
    }

    async fn attach(&self) -> Result<(), String> {
        run("mount", &["-o", "loop", &self.file(), &self.mount.display().to_string()]).await
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        if !unmount_at_once(&self.mount) {
            // Nobody should look for what is to be removed on a disk that hangs.
            self.folder.disable_cleanup(true);
        }
    }
}

/// A disk that hangs until this is dropped.
#[derive(Debug)]
pub(crate) struct Hanging(PathBuf);

impl Drop for Hanging {
    fn drop(&mut self) {
        run_at_once(std::process::Command::new("fsfreeze").arg("--unfreeze").arg(&self.0));
    }
}

/// Cuts the power of an image: what is not on the disk then never will be. Made before it is needed, so that
/// the cut itself is one system call away.
#[derive(Debug)]
pub(crate) struct Switch(Child);

impl Switch {
    pub(crate) async fn cut(mut self) -> Cut {
        let begin = Instant::now();
        let cut = async {
            self.0.stdin.take().unwrap().write_all(b"shutdown\nquit\n").await.unwrap();
            self.0.wait().await.unwrap()
        };
        let status = within(STEP_MAX, "the power cut", cut).await;
        assert!(status.success(), "the power was not cut: {status}");
        Cut { begin, done: Instant::now() }
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
    pub(crate) async fn mount(size: &str) -> Result<Self, String> {
        let folder = tempfile::Builder::new().prefix(&folder_prefix()).tempdir().unwrap();
        let path = folder.path().display().to_string();
        run("mount", &["-t", "tmpfs", "-o", &format!("size={size}"), "headgate-test", &path]).await?;
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
        unmount_at_once(self.folder.path());
    }
}

impl Drop for Ballast {
    fn drop(&mut self) {
        fs::remove_file(&self.0).unwrap();
    }
}

async fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).kill_on_drop(true).output();
    let command = format!("`{program} {}`", arguments.join(" "));
    let output = within(STEP_MAX, &command, output).await.map_err(|error| format!("{command}: {error}"))?;
    if output.status.success() {
        Ok(())
    } else {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(format!("{command} failed: {}", said.trim()))
    }
}
