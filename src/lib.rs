//! Headgate: a permission-aware channel gateway for chat backends.
//!
//! The modules in the order a message meets them, ground floor first: a module uses only modules above
//! it in this list (`tests/it/floors.rs` holds it to that). `ARCHITECTURE.md` is the map.

pub mod ids;

pub mod causes;
pub mod clock;
pub mod query;
pub mod secret;

pub mod metrics;

pub mod backend;
pub mod server;

pub mod channel;
pub mod filter;
pub mod policy;

pub mod journal;
pub mod spool;
pub mod tag;

pub mod assign;
pub mod directory;
pub mod identity;

pub mod config;

pub mod delivery;
pub mod ingress;

pub mod gate;

pub mod ops;

pub mod gateway;

pub mod learn;
pub mod probe;

pub mod cli;
