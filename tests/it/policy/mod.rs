//! Policy, through the library's public surface: the conformance tables, the presets, and the engine beside a slow and
//! obvious evaluator of the same sources.

pub(crate) mod conformance;
pub(crate) mod engine;
mod laws;
mod matrix;
mod presets;
pub(crate) mod random;
mod reference;
pub(crate) mod world;
