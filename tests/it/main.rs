//! The tests that go through Headgate's public surface: one binary, one module per room.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "clippy takes only functions under `#[test]` for tests; their helpers may fail as loudly"
)]

mod backend;
mod delivery;
mod floors;
mod shared;
mod support;
