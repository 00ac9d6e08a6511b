//! Where the facts of other projects lie: read where they are, never copied.

use std::path::{Path, PathBuf};

/// A folder of payloads in `fixtures/`; as with [`folder`].
pub(crate) fn fixtures(name: &str) -> Option<PathBuf> {
    folder(&format!("fixtures/{name}"))
}

/// A folder in that named by `HEADGATE_SHARED`, by default `../shared`. `None` (said on stderr) where it does not
/// exist: the caller's test is skipped.
pub(crate) fn folder(name: &str) -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "a test's own setting")]
    let shared = std::env::var("HEADGATE_SHARED")
        .map_or_else(|_unset| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let path = shared.join(name);
    if path.is_dir() {
        Some(path)
    } else {
        eprintln!("SKIPPED: no folder {}", path.display());
        None
    }
}
