//! The tests that go through Headgate's public surface: one binary, one module per room.

mod delivery;
mod floors;
mod shared;
mod support;
