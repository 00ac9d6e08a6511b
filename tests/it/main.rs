//! The tests that go through Headgate's public surface: one binary, one module per room.

mod channel_chat;
mod floors;
mod shared;
