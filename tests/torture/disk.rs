//! Disks that can be cut off or filled: an ext4 image on a loop device, a small tmpfs.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

/// An ext4 file system in a file, mounted.
#[derive(Debug)]
pub(crate) struct Image {
    folder: tempfile::TempDir,
    mount: PathBuf,
}

/// When the power was cut: nothing reaches the disk after `done`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut {
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
        run("mkfs.ext4", &["-q", &image.file()])?;
        image.attach()?;
        Ok(image)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.mount
    }

    /// Cuts the power of the disk: what is not on it now never will be.
    pub(crate) async fn cut(&self) -> Cut {
        let mount = self.mount.display().to_string();
        let cut = tokio::task::spawn_blocking(move || run("xfs_io", &["-x", "-c", "shutdown", &mount]));
        cut.await.unwrap().unwrap();
        Cut { done: Instant::now() }
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
