//! What a route says of its answer: what it is, what becomes of its counts and of what is missing in it, and how it is narrowed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::text::Pointer;

/// An export that the backend makes meanwhile. Its result is shown to the user who started it, for a day and as long as
/// that user's roles and teams stay the same, and to nobody else.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Export {
    /// A name for these exports: routes that start and fetch the same ones have the same.
    pub(crate) of: String,
    /// Where it starts, and needed there: where the export's id stands in the answer, as it is shown.
    pub(crate) id: Option<Pointer>,
}

/// What becomes of counts, for who may not see every row. One that is not named here nor in `keep` is taken out.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Totals {
    /// Replaced by how many rows of the list the user sees: on the last page with `page`, and `null` on those before.
    pub(crate) recompute: Vec<Pointer>,
    /// Replaced by `null`.
    pub(crate) null: Vec<Pointer>,
    /// Taken out.
    pub(crate) drop: Vec<Pointer>,
}

/// What a list without rows is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Empty {
    /// A list like any other. Without `nested` and `keep`, or with `page`, a 204 is answered as one too.
    List,
    /// An answer without content: 204.
    NoContent,
    /// None such: 404.
    NotFound,
    /// An answer in which the list is left out, as JSON made of Protocol Buffers has it. Not where `items` is the whole
    /// answer, and without `nested` and `keep`, or with `page`.
    Absent,
}

/// What a backend has where there is no object. All of these that an answer has there come out as this one; a member that
/// is left out is never added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum NoneAs {
    /// The member is left out.
    Absent,
    /// `null`.
    Null,
    /// `[]`: only of a list.
    List,
}

/// What an answer is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// JSON, whatever the backend calls it: filtered.
    #[default]
    Json,
    /// Rows of comma-separated values under a line of names: filtered as rows of objects whose members are the
    /// columns.
    Csv,
    /// Anything, such as a picture: it passes whole to who may see every field of the route's object, or not at all.
    /// Without `object` nobody can tell whose it is: then it passes to who has the right to all.
    Whole,
}

/// How a query is narrowed.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Push {
    /// For who may see their own rows alone. In a value, `{user}` stands for the user's name, with which `responsible` is compared: as
    /// in `owner_id={user}` or `q=owner:{user}`.
    pub(crate) own: Option<String>,
    /// For who may see no more than the rows of their one team, for which `{team}` stands in a value. The backend must then send all rows
    /// that any member of the team has. Who sees what their team has also sees what is their own elsewhere, so it only
    /// goes with an entity that has neither a `team` of its own nor a `queue`.
    pub(crate) team: Option<String>,
    /// Only for who has credentials of their own in `[as_user]`: it says what the backend understands of the user whom it takes
    /// them for, such as `me`.
    pub(crate) as_user: bool,
    /// The values of the same parameters that the user may have asked for and whose place it takes: those that let pass all that
    /// it lets. A request with another one is left as it is, and with `[]` so is each that has one of these parameters. Without it, any.
    pub(crate) in_place_of: Option<Vec<String>>,
}
