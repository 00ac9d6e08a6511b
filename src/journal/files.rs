//! The seam to the file system: everything that makes the log durable, so that a test can make the n-th
//! step fail or forget what was not synced.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

/// A file that is written to.
#[derive(Debug)]
pub struct SegmentFile {
    /// Where it is.
    pub path: PathBuf,
    /// Open for writing.
    pub file: File,
}

/// What the log does to files.
pub trait Files: fmt::Debug + Send + Sync {
    /// Makes a file, or empties the one that is there.
    ///
    /// # Errors
    /// As the file system.
    fn create(&self, path: &Path) -> io::Result<SegmentFile>;

    /// Opens a file for writing.
    ///
    /// # Errors
    /// As the file system.
    fn open(&self, path: &Path) -> io::Result<SegmentFile>;

    /// Writes all of `bytes` at `offset`.
    ///
    /// # Errors
    /// As the file system; part of the bytes may then be written.
    fn write_at(&self, file: &SegmentFile, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Cuts a file to `bytes`.
    ///
    /// # Errors
    /// As the file system.
    fn truncate(&self, file: &SegmentFile, bytes: u64) -> io::Result<()>;

    /// Makes a file's content and size durable.
    ///
    /// # Errors
    /// As the file system; what is durable is then not known.
    fn sync(&self, file: &SegmentFile) -> io::Result<()>;

    /// Makes a folder's entries durable.
    ///
    /// # Errors
    /// As the file system.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// As the file system.
    fn remove(&self, path: &Path) -> io::Result<()>;
}

/// The operating system's files.
#[derive(Clone, Copy, Debug)]
pub struct Disk;

impl Files for Disk {
    fn create(&self, path: &Path) -> io::Result<SegmentFile> {
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
        Ok(SegmentFile { path: path.to_owned(), file })
    }

    fn open(&self, path: &Path) -> io::Result<SegmentFile> {
        Ok(SegmentFile { path: path.to_owned(), file: OpenOptions::new().write(true).open(path)? })
    }

    fn write_at(&self, file: &SegmentFile, bytes: &[u8], offset: u64) -> io::Result<()> {
        file.file.write_all_at(bytes, offset)
    }

    fn truncate(&self, file: &SegmentFile, bytes: u64) -> io::Result<()> {
        file.file.set_len(bytes)
    }

    fn sync(&self, file: &SegmentFile) -> io::Result<()> {
        if cfg!(feature = "unsafe-no-fsync") {
            return Ok(());
        }
        // fdatasync: it also makes the size durable, which is all the metadata that reading needs.
        file.file.sync_data()
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        if cfg!(feature = "unsafe-no-fsync") {
            return Ok(());
        }
        File::open(dir)?.sync_all()
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }
}
