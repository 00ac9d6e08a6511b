//! What of a JSON text may pass: rows, fields and counts. Pure: no IO, no clock, no HTTP, no policy.
//!
//! ```text
//! EntitySource … ──compile──► Schema ──Layout::compile(LayoutSource)──► Layout
//!                                                                        │
//! chunks of an answer ──► Filter (scan, read facts, ask the Judge, copy ranges) ──► chunks that may be shown + Report
//! ```
//!
//! One reader decides and writes: a text is read once, strictly (RFC 8259), and what passes is copied as it stands,
//! with its numbers, escapes, white space and order of keys. What is read twice differently by two parsers is not
//! passed: a key that stands twice at an inspected place, a wrong type there, bad UTF-8, too much depth, a rest
//! after the end or an end that is missing are a [`Fault`] of the whole text.
//!
//! Who may see what is asked of a [`Judge`]; this module knows neither users nor roles. Which entity stands where
//! is told by a [`Layout`]. A place of which nothing is said does not pass.

mod judge;
mod keys;
mod layout;
mod page;
mod plan;
mod pointer;
mod scan;
mod schema;
mod skip;
mod stream;
mod tape;
mod token;

pub use self::{
    judge::{Fault, Fields, Judge, Object, Raw, Report, Verdict},
    layout::{Layout, LayoutSource, Total},
    page::Page,
    schema::{EntityNo, EntitySource, FactNo, FieldIx, Schema, SchemaError},
    stream::{Filter, Limits, filter, page},
};
