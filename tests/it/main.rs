//! The tests that go through Headgate's public surface: one binary, one module per room.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "clippy takes only functions under `#[test]` for tests; their helpers may fail as loudly"
)]

mod attacks;
mod backend;
mod backend_pool;
mod canaries;
mod channel_batches;
mod channel_chat;
mod channel_email;
mod channel_meta;
mod channel_singles;
mod cli;
mod config;
mod corpora;
mod delivery;
mod e2e;
mod e2e_answers;
mod e2e_assignment;
mod e2e_conversations;
mod e2e_trust;
mod filter;
mod floors;
mod gate;
mod identity;
mod journal;
mod limits;
mod logs;
mod ops;
mod packaging;
mod policy;
mod promises;
mod quickstart;
mod receivers;
mod serve;
mod server;
mod shared;
mod spool_embedded;
mod spool_suite;
mod support;
