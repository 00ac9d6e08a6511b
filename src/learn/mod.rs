//! From recorded answers of a backend to the draft of an entity: which fields its objects have, what they look like,
//! and which of them an operator should think about before they pass. Pure: no IO, no clock.
//!
//! ```text
//! answers ──objects──► Lesson::take ──► Lesson::page      the `[entity.NAME]` of `routes.toml`
//!                                 └───► against           what a declared entity lacks, and what it has for nothing
//! ```
//!
//! A draft must not let through what nobody looked at: what looks private is written as a comment, to be taken in by
//! hand. Of the answers only names of fields are repeated, never a value.

mod against;
mod looks;
mod page;
mod place;
mod shape;

pub use self::{
    against::{Declared, Difference, against},
    page::page,
    place::{NotAPlace, Place},
    shape::{DEPTH_MAX, FIELDS_MAX, Lesson},
};
