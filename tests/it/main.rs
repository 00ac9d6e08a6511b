//! The tests that go through Headgate's public surface: one binary, one module per room.

mod channel_email;
mod channel_meta;
mod floors;
mod shared;
