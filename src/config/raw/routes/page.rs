//! `page` of a route: how the backend counts out a list.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::text::{Pointer, Span};

/// How a backend gives a list in pages of some rows, each asked for in the query: by its number, by a row beside it, or by a cursor.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Page {
    /// The parameter with the number of the page.
    pub(crate) number: Option<String>,
    /// The number of the first page, and of a request that names none; 1 if nothing is said.
    pub(crate) first: Option<u64>,
    /// The parameter with the number of rows, if there is one.
    pub(crate) size: Option<String>,
    /// How many rows a page has that is asked for without a number of rows; 25 if nothing is said. A page with fewer is the last.
    #[schemars(range(min = 1))]
    pub(crate) size_default: Option<usize>,
    /// Instead of `number`: the parameter with the id of a row, before which the page ends. Rows are told apart by the `id` of
    /// their entity.
    pub(crate) before: Option<String>,
    /// Instead of `number`: the parameter with the id of a row, after which the page begins.
    pub(crate) after: Option<String>,
    /// With `before` or `after`: the backend compares ids with the one that is named (`id < 42`), whether there is such a row or
    /// not, and gives rows in their order. Must be `true`: one that looks for the row tells by its page whether there is one, and
    /// where it stands, also of a row that is hidden.
    pub(crate) compares: bool,
    /// With `before` or `after`: which rows come without either, the first ones of the list or the last.
    pub(crate) begins: Begins,
    /// Instead of `number`: the parameter with a cursor, of which nobody but the backend knows what it means. Who may not see every row
    /// has cursors of Headgate's own (`cursor_key` of `[gate]`): the backend's may tell of a hidden row.
    pub(crate) cursor: Option<String>,
    /// With `cursor`, and needed there: where the answer has the cursor of the next page. `null`, an empty text and nothing say that
    /// there is none, and so does `more` if it is `false`.
    pub(crate) next: Option<Pointer>,
    /// Parameters with which the backend gives the whole list at once, whatever page is asked for. Each must be a whole number
    /// then.
    pub(crate) unless: Vec<String>,
    /// Where the answer says the page's number. Who may not see every row reads there the number that they asked for.
    pub(crate) at: Option<Pointer>,
    /// Where the answer says whether there is a next page: `true` or `false`. Who may not see every row reads there whether
    /// they have one.
    pub(crate) more: Option<Pointer>,
    /// Most of the backend's pages that are read for one request. When they are not enough, the answer is short and
    /// has the header `headgate-more: true`; the next page goes on from there.
    #[schemars(range(min = 1, max = 1000))]
    pub(crate) pages_max: usize,
    /// How long a request may go on to read the backend's pages, after the first. Then as above.
    pub(crate) time_max: Span,
}

impl Default for Page {
    fn default() -> Self {
        Self {
            number: None,
            first: None,
            size: None,
            size_default: None,
            before: None,
            after: None,
            compares: false,
            begins: Begins::default(),
            cursor: None,
            next: None,
            unless: Vec::new(),
            at: None,
            more: None,
            pages_max: 10,
            time_max: Span(Duration::from_secs(2)),
        }
    }
}

/// Where a list begins that is asked for without a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Begins {
    /// With its first rows.
    #[default]
    Start,
    /// With its last ones, as conversations do.
    End,
}
