//! x
mod conformance;
mod presets;
mod reference;
mod world;
