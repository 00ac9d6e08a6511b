//! What several tests need: a gateway in this process on real sockets, backends, a provider, Amazon.

pub(crate) mod address;
pub(crate) mod corpus;
pub(crate) mod folder;
pub(crate) mod gateway;
pub(crate) mod outside;
pub(crate) mod program;
pub(crate) mod receiver;

pub(crate) mod backend;
pub(crate) mod json;
pub(crate) mod memory;

#[path = "../../../examples/quickstart/samples.rs"]
pub(crate) mod samples;
