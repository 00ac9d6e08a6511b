//! Where entities stand in an answer.

use std::collections::BTreeMap;

use super::EntityNo;

/// What an answer is made of, as declared.
#[derive(Clone, Debug, Default)]
pub struct LayoutSource {
    /// Where the rows stand: a pointer to a list, which must be there and be one. A row that is no object is
    /// dropped and counted.
    pub rows: Option<(String, EntityNo)>,
    /// Where the one object stands that the answer is about: it must be there and be an object.
    pub object: Option<(String, EntityNo)>,
    /// Other places of entities: pointers with `*` for each item of a list.
    pub nested: BTreeMap<String, EntityNo>,
    /// Places around them that pass as they stand.
    pub keep: Vec<String>,
    /// Counts around them that are replaced.
    pub totals: BTreeMap<String, Total>,
}

/// What stands in place of a count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Total {
    /// How many rows are shown. Where it stands before the rows in a text that is passed on in chunks, `null`.
    Shown,
    /// `null`.
    Null,
}

/// What an answer is made of, ready to be looked for.
#[derive(Clone, Debug)]
pub struct Layout {}
