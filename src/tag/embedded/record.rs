//! A record of the tag store's log: one byte of format version, then the steps of one change in postcard.

use super::super::names::Step;

const VERSION: u8 = 1;

pub(super) fn encode(steps: &[Step]) -> Result<Vec<u8>, postcard::Error> {
    postcard::to_extend(steps, vec![VERSION])
}

/// `None` if the record is of another version.
pub(super) fn decode(bytes: &[u8]) -> Option<Vec<Step>> {
    let (version, steps) = bytes.split_first()?;
    (*version == VERSION).then(|| postcard::from_bytes(steps).ok()).flatten()
}
