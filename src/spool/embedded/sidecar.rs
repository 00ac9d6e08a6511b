//! Marks that outlive their segment: `marks/<segment>.marks`.
//!
//! Before a segment of the journal is removed, the marks that it holds and that are still inside the dedupe
//! window are written to a file of their own. The file is removed when the newest of them is too old.
//!
//! # Format
//! The eight bytes `HGMARKS2`, then 28 bytes a mark (its id, its second and what it holds, all little-endian),
//! then the CRC-32 of all of that, little-endian. It is written beside its place, synced, and renamed into it, so it
//! is whole or absent; what fails the checksum was damaged later.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::marks::Mark;
use crate::ids::EventId;

const MAGIC: &[u8; 8] = b"HGMARKS2";
const MARK_BYTES: usize = 28;

/// The files of one folder.
#[derive(Clone, Debug)]
pub(super) struct Sidecars {
    dir: PathBuf,
}

/// What is in the folder.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The marks of each removed segment, oldest segment first.
    pub(super) files: Vec<(u64, Vec<Mark>)>,
    /// Files that were damaged; they are renamed to `….damaged`. What they marked may be delivered again.
    pub(super) damaged: Vec<PathBuf>,
}

impl Sidecars {
    /// Opens the folder, which is made if it does not exist, and reads what is there.
    ///
    /// # Errors
    /// If the folder or a file cannot be read.
    pub(super) fn open(dir: PathBuf) -> io::Result<(Self, Found)> {
        fs::create_dir_all(&dir)?;
        // It and the folder above it, each durable in the one above.
        dir.ancestors().skip(1).take(2).try_for_each(|above| File::open(above)?.sync_all())?;
        let mut found = Found::default();
        for entry in fs::read_dir(&dir)? {
            let path = entry?.path();
            let Some(segment) = segment_of(&path) else { continue };
            match parse(&fs::read(&path)?) {
                Some(marks) => found.files.push((segment, marks)),
                None => {
                    let aside = path.with_extension("damaged");
                    fs::rename(&path, &aside)?;
                    found.damaged.push(aside);
                }
            }
        }
        found.files.sort_unstable_by_key(|(segment, _)| *segment);
        Ok((Self { dir }, found))
    }

    /// Keeps the marks of a segment that will be removed. Ready when they are on stable storage.
    ///
    /// # Errors
    /// If they are not.
    pub(super) fn write(&self, segment: u64, marks: &[Mark]) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(MAGIC.len() + marks.len() * MARK_BYTES + 4);
        bytes.extend_from_slice(MAGIC);
        for mark in marks {
            bytes.extend_from_slice(&mark.id.0.to_le_bytes());
            bytes.extend_from_slice(&mark.second.to_le_bytes());
            bytes.extend_from_slice(&mark.up_to.to_le_bytes());
        }
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
        let (path, beside) = (self.path(segment), self.path(segment).with_extension("new"));
        let mut file = File::create(&beside)?;
        file.write_all(&bytes)?;
        file.sync_data()?;
        fs::rename(&beside, &path)?;
        self.sync()
    }

    /// Removes the file of a segment whose marks are all too old.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub(super) fn remove(&self, segment: u64) -> io::Result<()> {
        match fs::remove_file(self.path(segment)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn path(&self, segment: u64) -> PathBuf {
        self.dir.join(format!("{segment:020}.marks"))
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.dir)?.sync_all()
    }
}

fn segment_of(path: &Path) -> Option<u64> {
    path.extension().filter(|extension| *extension == "marks")?;
    path.file_stem()?.to_str()?.parse().ok()
}

fn parse(bytes: &[u8]) -> Option<Vec<Mark>> {
    let (content, checksum) = bytes.split_last_chunk::<4>()?;
    if crc32fast::hash(content) != u32::from_le_bytes(*checksum) {
        return None;
    }
    let marks = content.strip_prefix(MAGIC)?;
    let whole = marks.len().is_multiple_of(MARK_BYTES);
    whole.then(|| marks.chunks_exact(MARK_BYTES).filter_map(mark).collect())
}

fn mark(bytes: &[u8]) -> Option<Mark> {
    let (id, second) = bytes.split_first_chunk::<16>()?;
    let (second, up_to) = second.split_first_chunk::<4>()?;
    let (up_to, _) = up_to.split_first_chunk::<8>()?;
    Some(Mark {
        id: EventId(u128::from_le_bytes(*id)),
        second: u32::from_le_bytes(*second),
        up_to: u64::from_le_bytes(*up_to),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> Vec<Mark> {
        (0..3)
            .map(|n| Mark {
                id: EventId(u128::from(n) << 100 | 5),
                second: 1_700_000_000 + n,
                up_to: u64::from(n) << 40,
            })
            .collect()
    }

    #[test]
    fn marks_are_read_back_in_the_order_of_their_segments() {
        let dir = tempfile::tempdir().unwrap();
        let (sidecars, found) = Sidecars::open(dir.path().join("marks")).unwrap();
        assert!(found.files.is_empty());
        sidecars.write(10, &some()).unwrap();
        sidecars.write(9, &some()[..1]).unwrap();
        sidecars.write(11, &[]).unwrap();
        sidecars.remove(11).unwrap();
        sidecars.remove(11).unwrap();
        let (_, found) = Sidecars::open(dir.path().join("marks")).unwrap();
        assert_eq!(found.files, [(9, some()[..1].to_vec()), (10, some())]);
    }

    #[test]
    fn a_damaged_file_is_set_aside_and_named() {
        let dir = tempfile::tempdir().unwrap();
        let (sidecars, _) = Sidecars::open(dir.path().to_owned()).unwrap();
        sidecars.write(1, &some()).unwrap();
        let path = sidecars.path(1);
        let whole = fs::read(&path).unwrap();
        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, bytes).unwrap();
            let (_, found) = Sidecars::open(dir.path().to_owned()).unwrap();
            assert!(found.files.is_empty(), "bit {bit}");
            assert_eq!(found.damaged, [path.with_extension("damaged")], "bit {bit}");
        }
    }
}
