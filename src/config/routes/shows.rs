//! What of a route's answer may pass: where its objects stand, what becomes of its counts, and how it is narrowed.

use std::collections::BTreeMap;

use super::Paging;
use crate::filter::{EntityNo, NoneAs};

/// An export that a backend makes meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// What the exports are called whose ids are told apart from others'.
    pub of: String,
    /// Where its id stands in the answer.
    pub id: String,
}

/// What of an answer may pass.
#[derive(Clone, Debug, Default)]
pub struct Shows {
    /// What it is.
    pub format: Format,
    /// Its rows or its object.
    pub main: Option<Main>,
    /// Other places of entities.
    pub nested: BTreeMap<String, EntityNo>,
    /// What stands in lists beside the rows and is shown with those that refer to it.
    pub with_rows: Vec<EntityNo>,
    /// What stands there where there is none.
    pub none: BTreeMap<String, NoneAs>,
    /// Places that pass as they are.
    pub keep: Vec<String>,
    /// Counts; what becomes of them for who may not see every row.
    pub totals: BTreeMap<String, Count>,
    /// Addresses of other pages.
    pub links: Vec<String>,
    /// How the backend counts out its rows.
    pub page: Option<Paging>,
    /// What it is without rows.
    pub empty: Empty,
    /// How the backend's query is narrowed.
    pub push: Push,
}

impl Shows {
    /// What stands in the answer: rows or an object, and what stands beside them.
    pub fn entities(&self) -> impl Iterator<Item = EntityNo> {
        let main = self.main.iter().map(|main| match main {
            Main::Object(entity) | Main::Rows(_, entity) => *entity,
        });
        main.chain(self.nested.values().copied())
    }
}

/// What a list is without rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Empty {
    /// A list without rows.
    #[default]
    List,
    /// An answer without content (204).
    NoContent,
    /// None such (404).
    NotFound,
    /// An answer in which the list is left out.
    Absent,
}

/// What an answer is about.
#[derive(Clone, Debug)]
pub enum Main {
    /// One object, where the entity says.
    Object(EntityNo),
    /// The rows at this pointer.
    Rows(String, EntityNo),
}

/// What becomes of a count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// It is counted anew.
    Recompute,
    /// `null`.
    Null,
    /// It is taken out.
    Drop,
}

/// What an answer is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// JSON.
    #[default]
    Json,
    /// Comma-separated values.
    Csv,
    /// Anything: it passes whole or not at all.
    Whole,
}

impl Format {
    /// What a backend is asked for; `None`: what the client asks for.
    #[must_use]
    pub const fn media_type(self) -> Option<&'static str> {
        match self {
            Self::Json => Some("application/json"),
            Self::Csv => Some("text/csv"),
            Self::Whole => None,
        }
    }

    /// What a client is told that it is; `None`: what the backend says.
    #[must_use]
    pub const fn shown_as(self) -> Option<&'static str> {
        match self {
            Self::Json => Some("application/json"),
            Self::Csv => Some("text/csv; charset=utf-8"),
            Self::Whole => None,
        }
    }
}

/// How a query is narrowed: parameters by name, for who may see no more.
#[derive(Clone, Debug, Default)]
pub struct Push {
    /// Their own.
    pub own: Vec<(String, Vec<Piece>)>,
    /// Their team's.
    pub team: Vec<(String, Vec<Piece>)>,
    /// Only for who has credentials of their own.
    pub as_user: bool,
    /// The values whose place they take; `None`: any.
    pub in_place_of: Option<Vec<String>>,
}

/// A piece of what is said in a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// What stands there.
    Text(String),
    /// The user's name: `{user}`.
    User,
    /// That of their one team: `{team}`.
    Team,
}
