//! Policy, through the library's public surface: the conformance tables, the presets, and the engine beside a slow and
//! obvious evaluator of the same sources.

mod conformance;
mod engine;
mod laws;
mod matrix;
mod presets;
mod random;
mod reference;
mod world;
