//! Files in a test's folder.

use std::{fs, path::Path};

/// Writes a file, and makes the folders in which it stands.
pub(crate) fn write_file(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}
