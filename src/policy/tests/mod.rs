//! The engine, sentence by sentence.

mod decisions;
mod fields;
mod mistakes;
mod people;
mod rules;
mod world;
