//! The tests that go through Headgate's public surface: one binary, one module per room.

mod floors;
mod journal;
mod shared;
mod spool_embedded;
mod spool_suite;
