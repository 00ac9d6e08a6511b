//! What several rooms' tests stand on.

pub(crate) mod backend;
pub(crate) mod memory;
