//! How a backend gives a list in pages.

use std::{collections::BTreeMap, time::Duration};

use crate::filter::NoneAs;

/// How a backend gives a list in pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paging {
    /// How one is asked for.
    pub by: PageBy,
    /// Parameters, whole numbers, with which the list comes as a whole.
    pub unless: Vec<String>,
    /// Pages that are read for one request.
    pub pages_max: usize,
    /// How long a request may go on to read pages.
    pub time_max: Duration,
    /// What stands where the answer leads to the next page, if there is none.
    pub none: BTreeMap<String, NoneAs>,
}

/// How a page of a list is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PageBy {
    /// By its number.
    Number(Numbered),
    /// By a row beside it.
    Row(Beside),
    /// By a cursor that the page before had.
    Cursor(Cursor),
}

/// Pages that are counted out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbered {
    /// The parameter with the number of the page.
    pub number: String,
    /// The number of the first page.
    pub first: u64,
    /// The parameter with the number of rows.
    pub size: Option<String>,
    /// The number of rows without it.
    pub size_default: usize,
    /// Where the answer says the page's number.
    pub at: Option<String>,
    /// Where it says whether there is a next page.
    pub more: Option<String>,
}

/// Pages that end before a row, or begin after one. The backend compares ids with the one that is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beside {
    /// The parameter with the id of the row before which it ends.
    pub before: Option<String>,
    /// The parameter with the id of the row after which it begins.
    pub after: Option<String>,
    /// Whether a request with neither is answered with the last rows.
    pub from_end: bool,
}

/// Pages that go on where a cursor says, of which nobody but the backend knows what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The parameter with the cursor.
    pub parameter: String,
    /// Where the answer has that of the next page, if there is one.
    pub next: String,
    /// Where it says whether there is.
    pub more: Option<String>,
}

impl Paging {
    /// The parameters that say which page is asked for.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        let parameters = match &self.by {
            PageBy::Number(by) => [Some(&by.number), by.size.as_ref()],
            PageBy::Row(by) => [by.before.as_ref(), by.after.as_ref()],
            PageBy::Cursor(by) => [Some(&by.parameter), None],
        };
        parameters.into_iter().flatten().map(String::as_str)
    }

    /// Whether it goes by a row that is named, and so by the order of the rows.
    #[must_use]
    pub const fn is_by_row(&self) -> bool {
        matches!(self.by, PageBy::Row(_))
    }
}
