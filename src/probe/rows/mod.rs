//! The rows of the checklist that can be tried from outside, a file a section or two. Each function reads like its
//! section: what is sent, what is expected.

mod coding;
mod credentials;
mod fields;
mod framing;
mod special;
mod target;
mod tokens;
mod visibility;
mod writes;

use super::session::Session;

/// The rows of these sections, each of which is in every report. `D00` asks whether the canaries are planted.
const ROWS: [&str; 129] = [
    "A01", "A02", "A03", "A04", "A05", "A06", "A07", "A08", "A09", "A10", "A11", "A12", "A13", "A14", "A15",
    "A16", "A17", "A18", "A19", "A20", "A21", "A22", "B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08",
    "B09", "B10", "B11", "B12", "B13", "B14", "B15", "B16", "C01", "C02", "C03", "C04", "C05", "C06", "C07",
    "C08", "C09", "C10", "C11", "C12", "C13", "C14", "C15", "C16", "C17", "C18", "C19", "C20", "C21", "C22",
    "C23", "C24", "C25", "D00", "D01", "D02", "D03", "D04", "D05", "D06", "D07", "D08", "D09", "D10", "D11",
    "D12", "D13", "D14", "D15", "D16", "D17", "D18", "D19", "D20", "E01", "E02", "E03", "E04", "E05", "E06",
    "E07", "E08", "E09", "E10", "E11", "E12", "E13", "E14", "E15", "F01", "F02", "F03", "F04", "F05", "F06",
    "F07", "F08", "F09", "F10", "G01", "G02", "G03", "G04", "G05", "G06", "G07", "G08", "G09", "G10", "G11",
    "G12", "G13", "G14", "G15", "G16", "G17", "G18", "G19", "G20",
];

/// All rows, in the order of the checklist.
pub(super) async fn all(session: &mut Session<'_>) {
    target::tried(session).await;
    framing::tried(session).await;
    credentials::tried(session).await;
    visibility::tried(session).await;
    fields::tried(session).await;
    coding::tried(session).await;
    writes::tried(session).await;
    session.none_is_silent(&ROWS);
}

/// What only a backend that plays along could show.
const BACKEND: &str = "needs a hand on the backend, so that it answers as it should not";
/// What only a change of somebody's rights could show.
const RIGHTS: &str = "needs a hand on users' rights, which change meanwhile";
/// What is only tried if asked for.
const WRITES: &str = "tries a write; `--writes` allows it";

/// What only somebody else's hand could show.
const RACE: &str = "needs somebody else's write between a check and a write";

/// What lacks where nothing says what may not be written.
const UNWRITABLE: &str = "no `[[object]]` has `unwritable_fields`";

const JSON: &str = "application/json";

/// A path as what it stands below and its last part.
fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}
