//! The tests that go through Headgate's public surface: one binary, one module per room.

mod floors;
mod ops;
mod server;
mod shared;
