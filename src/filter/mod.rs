//! What of a JSON text may pass: rows, fields and counts. Pure: no IO, no clock, no HTTP, no policy.
//!
//! ```text
//! EntitySource … ──compile──► Schema ──Layout::compile(LayoutSource)──► Layout
//!                                                                        │
//! chunks of an answer ──► Filter (scan, read facts, ask the Judge, copy ranges) ──► chunks that may be shown + Report
//! ```
//!
//! To read it: `schema` and `layout` say what is declared, `plan` makes an automaton of both; `scan` (`around` and `inside` entities, `whole`
//! for those that lie whole in the text) reads along it from `token`s; `tape` holds an object until it can be asked about, asks the
//! `judge`, and copies. What is said of the next page is written anew (`ahead`). `stream` and `page` are the ways in; `csv` is the same for tables.
//!
//! One reader decides and writes: a text is read once, strictly (RFC 8259), and what passes is copied as it stands,
//! with its numbers, escapes, white space and order of keys. What is read twice differently by two parsers is not
//! passed: a key that stands twice at an inspected place, a wrong type there, bad UTF-8, too much depth, a rest
//! after the end or an end that is missing are a [`Fault`] of the whole text.
//!
//! Half of a surrogate pair (`"\ud800"`) is JSON and no text. It passes with the value in which it is copied. A string
//! with one is equal to no text: as a key it is none that is declared, as a fact it names nobody ([`Raw::name`]).
//!
//! Who may see what is asked of a [`Judge`]; this module knows neither users nor roles. Which entity stands where
//! is told by a [`Layout`]. A place of which nothing is said does not pass.
//!
//! # What passes
//!
//! * A field passes if the verdict has it and every listed or ruled field in which it stands. A name that is ruled
//!   without a dot is told apart wherever it stands in the object (entities in it apart), listed or not. `"*"` is
//!   needed by those members of the object itself that no field names and that are no entity's place.
//! * An object or list on the way to listed fields stays, with nothing else in it, if the verdict has one of them or
//!   an entity is declared in it. `null` on the way passes as `null`; any other single value there is undeclared,
//!   and so is each item of a list there that is neither object nor list.
//! * An entity in an object passes by its own verdict, if that object is shown and the verdict on it has the fields
//!   that are named on the way. `null` stands for none, but for an item of a list. What is declared of none
//!   ([`NoneAs`]) stands in place of `null`, of a hidden object and of a list of which nothing is left; a member that
//!   is not there is not made up. If the object around is hidden,
//!   nothing in it is judged; of its placeholder the fields are left, without entities. A placeholder of which the
//!   object has no field leaves nothing. The row of a placeholder is counted as hidden, and stands in
//!   [`Total::Shown`] and in a [`Page`], since it stands in the list.
//! * `null` in place of the rows' list is a list without rows, and is written as `[]`: so is one whose rows are all hidden.
//! * Where an entity is declared or on the way to one, to the rows or to a count, a value of another type than the
//!   pointers say is a [`Fault::Type`]; an item of a list there is taken out. A fact that is not where its pointer
//!   says is none.
//! * A key that the schema or layout names may stand once in an object, in what does not pass as well; others may
//!   stand twice and pass or go together.
//! * What is said of the next page ([`Total::Next`], [`Total::Cursor`], [`Total::More`]) does not pass: it is written anew at the end of the
//!   object in which it stands, and so is that object with what leads there, if it says nothing else, is `null` or is not there.
//! * A text of which nothing is left is `null`.
//!
//! What is taken out goes with the comma and the white space before it; if nothing is left before it, with those
//! after it. All other white space stays, but for that in an object or list without members of which something could be
//! taken out: else one of which nothing is left would not look like it.
//!
//! # What is held
//!
//! Around entities, text passes as it is read, and only a key with the white space before it is held. An entity
//! that stands in no other is held until it is whole, since what decides on it may stand at its end. Both are
//! bounded by [`Limits::object_bytes_max`]. Text in one piece or many gives the same, but for [`Total::Shown`]
//! before the rows, and for which of two faults is told if one of them is [`Fault::TooLarge`]. The gate gives whole texts
//! ([`filter()`], [`page()`]): nothing of an answer may have passed when a fault is found at its end (`docs/adr/0008-filter.md`).

mod ahead;
pub mod csv;
pub mod fuzzing;
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
    page::{Page, TotalValues},
    schema::{EntityNo, EntitySource, FactNo, FieldIx, NoneAs, Schema, SchemaError},
    stream::{Filter, Limits, filter, page},
    token::readable,
};
