//! The rows of the checklist that can be tried from outside, a file a section or two. Each function reads like its
//! section: what is sent, what is expected.

mod coding;
mod fields;
mod framing;
mod target;
mod visibility;
mod writes;

use super::session::Session;

/// All rows, in the order of the checklist.
pub(super) async fn all(session: &mut Session<'_>) {
    target::tried(session).await;
    framing::tried(session).await;
    visibility::tried(session).await;
    fields::tried(session).await;
    coding::tried(session).await;
    writes::tried(session).await;
}

/// What only a backend that plays along could show.
const BACKEND: &str = "needs a backend that misbehaves on purpose";
/// What only a change of somebody's rights could show.
const RIGHTS: &str = "needs a change of users' rights meanwhile";
/// What would truly change something.
const CHANGES: &str = "its request is one that is allowed, and would change something";
/// What is only tried if asked for.
const WRITES: &str = "tries a write; `--writes` allows it";

/// A path as what it stands below and its last part.
fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}
